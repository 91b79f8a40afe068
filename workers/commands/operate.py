"""``cairn worker``, ``settings``, ``db``, ``recover``: what an operator types."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from activities.recovery import Progress, Recovery
from activities.waking import Waker
from records.database import migrate, migrate_back
from workers.declared import in_force
from workers.parts import ALL_QUEUES, Parts
from workers.process import logged, process, serving_queues, until_stopped
from workers.settings import BadSetting, Settings
from workers.temporal import temporal_address

database = typer.Typer(no_args_is_help=True, help="The database's revision.")


def add_to(app: typer.Typer) -> None:
    """Add the operator's commands."""
    for command in (worker, recover):
        app.command()(command)
    app.command("settings")(settings_)
    app.add_typer(database, name="db")


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
    logged("worker", settings)
    async with process("worker", settings) as one:
        client = await one.connected(temporal_address(settings))
        async with serving_queues(one.parts, client, queues) as failed:
            print(f"serving {', '.join(queues)}", flush=True)
            await until_stopped(failed)


def recover(
    rate: Annotated[float, typer.Option(min=0.1, help="How many patients a second are started at most.")] = 200.0,
    after: Annotated[str, typer.Option(help="Go on behind this patient's id, as a stopped recovery said.")] = "",
) -> None:
    """The Temporal cluster was lost for good: start every living patient again from the database. May be run again."""
    asyncio.run(_recover(Settings.read(), rate, after))


async def _recover(settings: Settings, rate: float, after: str) -> None:
    logged("recover", settings, briefly=True)
    async with process("recover", settings) as one:
        client = await one.connected(temporal_address(settings))
        print("Starting every living patient whose workflow does not run; a second run changes nothing.", flush=True)
        done = await Recovery(one.parts.database, Waker(client), rate).start_all(after=after, tell=_told)
        print(f"{done.looked_at} patients looked at: {done.started} started, {done.looked_at - done.started} ran already")


def _told(progress: Progress) -> None:
    print(f"  {progress.looked_at} patients, {progress.started} started; behind {progress.after}", flush=True)


def settings_() -> None:
    """Every setting that is in force, where it comes from, and what it is; secrets are masked."""
    found = in_force(os.environ)
    Settings.read()  # what does not go together is said, too
    width = max(len(name) for name in found)
    for name, one in found.items():
        value = one.shown or f"({one.setting.told_default})"
        print(f"{name:{width}}  {value}  [{one.origin}]  {one.setting.what}")


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


@database.command("downgrade")
def db_downgrade(revision: Annotated[str, typer.Argument(help="The revision that the older Cairn needs.")]) -> None:
    """Bring the database back for an older Cairn; what only the newer one keeps is lost. Back it up first."""
    asyncio.run(_db_downgrade(Settings.read(), revision))


async def _db_downgrade(settings: Settings, revision: str) -> None:
    parts = Parts.make(settings)
    try:
        await migrate_back(parts.database, revision)
        print(f"the database is at {revision}")
    finally:
        await parts.close()
