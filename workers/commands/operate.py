"""``cairn up``, ``run``, ``worker``, ``api``, ``db``, ``keys``, ``recover``: what an operator types."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer
import uvicorn

from api.app import create_app
from records.database import check_ready, migrate
from workers.demonstration import demonstrate
from workers.network import new_key
from workers.parts import Parts
from workers.settings import BadSetting, Settings
from workers.stack import api_parts, embedded_address, running, until_stopped
from workers.temporal import connect, refuse_if_taken
from workflows.contract import PATIENTS_QUEUE, QUEUES

database = typer.Typer(no_args_is_help=True, help="The database's revision.")
keys = typer.Typer(no_args_is_help=True, help="Master key and API keys.")
ALL_QUEUES = (PATIENTS_QUEUE, *QUEUES.values())


def add_to(app: typer.Typer) -> None:
    """Add the operator's commands."""
    for command in (up, run, worker, api, recover):
        app.command()(command)


def up() -> None:
    """The embedded stack in real time; Ctrl-C stops it, the next start goes on."""
    asyncio.run(_up(Settings.read()))


async def _up(settings: Settings) -> None:
    async with running(settings) as stack:
        print(f"Cairn is up: {stack.console_url()}\nAPI keys: {stack.keys_file}\nCtrl-C stops it.", flush=True)
        await until_stopped()
        print("Stopping.", flush=True)


def run(
    patients: Annotated[int, typer.Option(help="How many people of the sample community are enrolled.")] = 60,
    days: Annotated[int, typer.Option(help="How many days are played.")] = 365,
    start: Annotated[str, typer.Option(help="The first day.")] = "2025-03-03",
    seed: Annotated[int, typer.Option(help="Which community, and how its people behave.")] = 1,
    stay: Annotated[bool, typer.Option(help="Serve the pages afterwards until Ctrl-C.")] = sys.stdout.isatty(),
) -> None:
    """Bring a living community up and play a year of it: enrolled, reminded, seen, referred, refilled, chased."""
    begin = datetime.combine(date.fromisoformat(start), datetime.min.time(), UTC)
    home = os.environ.get("CAIRN_HOME", "data/community")
    settings = Settings.read({**os.environ, "CAIRN_HOME": home})
    code = asyncio.run(
        demonstrate(settings, patients=patients, begin=begin, end=begin + timedelta(days=days), seed=seed, stay=stay)
    )
    raise typer.Exit(code)


def worker(
    queue: Annotated[list[str], typer.Option(help="Task queues to serve: patients, messages, referrals, refills.")] = list(  # noqa: B006
        ALL_QUEUES
    ),
) -> None:
    """Serve task queues of a Temporal cluster; several processes may serve the same."""
    unknown = [name for name in queue if name not in ALL_QUEUES]
    if unknown:
        raise BadSetting(f"there is no queue called {unknown[0]!r}; use: {', '.join(ALL_QUEUES)}")
    asyncio.run(_worker(Settings.read(), tuple(queue)))


async def _worker(settings: Settings, queues: tuple[str, ...]) -> None:
    async with AsyncExitStack() as stack:
        parts = Parts.make(settings)
        stack.push_async_callback(parts.close)
        await check_ready(parts.database)
        client = await connect(_address(settings), settings.namespace, parts.vault)
        for one in parts.workers(client, queues):
            await stack.enter_async_context(one)
        print(f"serving {', '.join(queues)}", flush=True)
        await until_stopped()


def api() -> None:
    """Serve the API; it answers while Temporal is away."""
    asyncio.run(_api(Settings.read()))


async def _api(settings: Settings) -> None:
    refuse_if_taken(settings.api_host, settings.api_port, "CAIRN_API_PORT", what="API")
    parts = Parts.make(settings)
    try:
        await check_ready(parts.database)
        client = await connect(_address(settings), settings.namespace, parts.vault, lazy=True)
        app = create_app(api_parts(parts, client, parts.housekeeping(client)))
        config = uvicorn.Config(app, host=settings.api_host, port=settings.api_port, log_level="warning", access_log=False)
        await uvicorn.Server(config).serve()
    finally:
        await parts.close()


def recover() -> None:
    """The Temporal cluster was lost for good: start every living patient again from the database."""
    asyncio.run(_recover(Settings.read()))


async def _recover(settings: Settings) -> None:
    parts = Parts.make(settings)
    try:
        await check_ready(parts.database)
        client = await connect(_address(settings), settings.namespace, parts.vault)
        print(f"{await parts.housekeeping(client).start_all()} patients started from the database")
    finally:
        await parts.close()


def _address(settings: Settings) -> str:
    return settings.temporal_address or embedded_address(settings) or f"127.0.0.1:{settings.temporal_port}"


@database.command("upgrade")
def db_upgrade(revision: Annotated[str, typer.Argument(help="A revision, or head.")] = "head") -> None:
    """Bring the database to this Cairn's revision."""
    asyncio.run(_db_upgrade(Settings.read(), revision))


async def _db_upgrade(settings: Settings, revision: str) -> None:
    parts = Parts.make(settings)
    try:
        await migrate(parts.database, revision)
        print("the database is up to date" if revision == "head" else f"the database is at {revision}")
    finally:
        await parts.close()


@keys.command("master")
def keys_master() -> None:
    """Print a fresh master key for CAIRN_MASTER_KEY. Keep it: without it nobody's data opens again."""
    print(base64.b64encode(os.urandom(32)).decode())


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="For whom.")],
    role: Annotated[str, typer.Option(help="administrator, coordinator, health_manager, doctor, hospital, pharmacy, gateway.")],
    place: Annotated[str, typer.Option(help="A care team, hospital or pharmacy; * for the whole network.")] = "*",
) -> None:
    """Make an API key; it is shown this once, only its hash is kept."""
    asyncio.run(_keys_add(Settings.read(), name, role, place))


async def _keys_add(settings: Settings, name: str, role: str, place: str) -> None:
    parts = Parts.make(settings)
    try:
        await check_ready(parts.database)
        async with parts.database.begin() as session:
            key = await new_key(session, name, role, place)
        print(json.dumps({"name": name, "role": role, "place": place, "key": key}))
    finally:
        await parts.close()
