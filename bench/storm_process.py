"""A process of the storm: ``python -m bench.storm_process worker|api|fake``, as an operator starts it but for its clock.

Rule: time runs as the machine's, from another moment on, and the harness may let it leap. So what waits in the product (rests of a
channel, questions about a text in doubt, a provider's wish) waits as it does in earnest, which it does not where time is driven.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.enrolment import Enrolments
from activities.events import Events
from records.clock import Clock
from workers.channels import opened
from workers.parts import Parts
from workers.process import logged, serving_queues, until_stopped
from workers.settings import Settings
from workers.temporal import connect

CLOCK_FILE = "clock"
FAKE_FILE = "twilio-fake.db"


def leaping(home: Path) -> Callable[[], datetime]:
    """The machine's time and the seconds in the file ``clock`` of ``home``, read again whenever it was changed."""
    file, seen, ahead = home / CLOCK_FILE, -1, timedelta()

    def now() -> datetime:
        nonlocal seen, ahead
        changed = file.stat().st_mtime_ns
        if changed != seen:
            seen, ahead = changed, timedelta(seconds=float(file.read_text()))
        return datetime.now(UTC) + ahead

    return now


def leap(home: Path, ahead: timedelta) -> None:
    """From now on it is so much later than the machine says; all processes see it at once, and never half of it."""
    written = home / f"{CLOCK_FILE}.new"
    written.write_text(str(ahead.total_seconds()))
    written.replace(home / CLOCK_FILE)


async def parts_on(settings: Settings, clock: Clock) -> Parts:
    """The parts of a process by another clock."""
    made = Parts.make(settings)
    await made.channels.aclose()
    return replace(
        made,
        clock=clock,
        channels=opened(settings, made.database, clock),
        events=Events(made.database, made.vault, clock),
        enrolments=Enrolments(made.database, made.vault, made.plans, clock),
    )


async def serve(kind: str) -> None:
    """Serve until told to stop; says so on stdout."""
    settings = Settings.read()
    logged(kind, settings)
    now = leaping(settings.home)
    if kind == "fake":
        await _fake(settings.home, now)
        return
    parts = await parts_on(settings, Clock(now))
    client = await connect(settings.temporal_address, settings.namespace, parts.vault, lazy=kind == "api")
    async with AsyncExitStack() as leaving:
        leaving.push_async_callback(parts.close)
        if kind == "api":
            from api.app import create_app
            from workers.process import serving_api
            from workers.stack import api_parts

            app = create_app(api_parts(parts, client, parts.housekeeping(client)))
            ended = await leaving.enter_async_context(serving_api(app, settings))
        else:
            ended = await leaving.enter_async_context(serving_queues(parts, client))
        print("serving", flush=True)
        await until_stopped(ended)


async def _fake(home: Path, now: Callable[[], datetime]) -> None:
    from workers.twilio_fake.serving import Plan, serving

    async def date() -> datetime:
        return now()

    inbound = f"{os.environ['CAIRN_PUBLIC_URL']}/api/v1/hooks/twilio/inbound"
    plan = Plan(home / FAKE_FILE, int(os.environ["STORM_FAKE_PORT"]), inbound_url=inbound, now=date)
    async with serving(plan):
        print("serving", flush=True)
        await until_stopped()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
