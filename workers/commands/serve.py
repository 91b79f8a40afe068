"""``cairn up``, ``run``, ``api``: what serves the API. In a module of its own, for a worker need not load the API."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from activities.channels.phones import Phones
from api.app import create_app
from workers.demonstration import demonstrate
from workers.process import logged, process, serving_api, until_stopped
from workers.settings import BadSetting, Settings
from workers.stack import api_parts, running
from workers.temporal import refuse_if_taken, temporal_address


def add_to(app: typer.Typer) -> None:
    """Add the commands that serve."""
    for command in (up, run, api):
        app.command()(command)


def up(
    sms: Annotated[str, typer.Option(help="twilio: a Twilio of our own stands beside, and texts go the whole way by HTTP.")] = "",
) -> None:
    """The embedded stack in real time; Ctrl-C stops it, the next start goes on."""
    if sms not in ("", "twilio"):
        raise BadSetting(f"--sms is {sms!r}; use twilio, or leave it out")
    asyncio.run(_up_beside_twilio() if sms else _up(Settings.read()))


async def _up_beside_twilio() -> None:
    from workers.twilio_beside import beside

    async with beside(os.environ) as twilio:
        print(f"A Twilio of our own is at {twilio.url}; its faults: PATCH {twilio.url}/_fake/faults", flush=True)
        await _up(twilio.settings, twilio.phones, twilio.ended)


async def _up(settings: Settings, phones: Phones | None = None, *also: Callable[[], Awaitable[object]]) -> None:
    logged("up", settings)
    async with running(settings, phones=phones) as stack:
        print(f"Cairn is up: {stack.console_url()}\nAPI keys: {stack.keys_file}\nCtrl-C stops it.", flush=True)
        await until_stopped(*stack.ends, *also)
        print("Stopping.", flush=True)


def run(
    patients: Annotated[int, typer.Option(min=6, help="How many people of the sample community are enrolled.")] = 60,
    days: Annotated[int, typer.Option(min=1, help="How many days are played.")] = 365,
    start: Annotated[str, typer.Option(help="The first day.")] = "2025-03-03",
    seed: Annotated[int, typer.Option(help="Which community, and how its people behave.")] = 1,
    stay: Annotated[bool, typer.Option(help="Serve the pages afterwards until Ctrl-C.")] = sys.stdout.isatty(),
) -> None:
    """Bring a living community up and play a year of it: enrolled, reminded, seen, referred, refilled, chased."""
    begin = datetime.combine(date.fromisoformat(start), datetime.min.time(), UTC)
    settings = Settings.read(home="data/community")
    logged("up", settings, briefly=True)
    code = asyncio.run(
        demonstrate(settings, patients=patients, begin=begin, end=begin + timedelta(days=days), seed=seed, stay=stay)
    )
    raise typer.Exit(code)


def api() -> None:
    """Serve the API; it answers while Temporal is away."""
    asyncio.run(_api(Settings.read()))


async def _api(settings: Settings) -> None:
    logged("api", settings)
    refuse_if_taken(settings.api_host, settings.api_port, "CAIRN_API_PORT", what="API")
    async with process("api", settings) as one:
        client = await one.connected(temporal_address(settings), needed=False, lazy=True)
        app = create_app(api_parts(one.parts, client, one.parts.housekeeping(client)))
        async with serving_api(app, settings) as ended:
            print(f"serving http://{settings.api_host}:{settings.api_port}", flush=True)
            await until_stopped(ended)
