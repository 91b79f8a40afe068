"""Texts a second from due to handed over: ``python -m bench messages [--patients 100] [--blocks 3] [--profile]``.

Patients who are being followed, asleep; a text falls due for each, their workflows are woken, and each is handed over by HTTP to
the Twilio of our own, a process beside it that answers at once, or after 200 ms. In turn with it, on the same server: as many bare
workflows that are signalled and run one activity that does nothing. Callbacks are none of this: the provider loses all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import func, select

from activities.channels.twilio import TwilioChannel, TwilioSettings
from bench import bare, figures
from bench.ground import Ground, Spent, ground, in_bulk, machine, until
from bench.storm_ground import STORM, checked, somebody
from pathways.language import load
from records.tables import Delivery, PathwayVersion
from tests.spine.twilio_fakes import FakeProcess, fake_process
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN

FIRST = datetime(2025, 3, 3, 2, 0, tzinfo=UTC)  # ten o'clock in Shanghai
EVERY = timedelta(days=2)  # between two texts: within the weekly cap
DELAYS = {"at once": 0.0, "after 200 ms": 0.2}
Timed = tuple[float, Spent]


async def timed(on: Ground, work: Callable[[], Awaitable[None]]) -> Timed:
    """Seconds of the wall, and what they cost."""
    before, begun = on.spent(), time.monotonic()
    await work()
    return time.monotonic() - begun, on.spent() - before


async def handed(on: Ground) -> int:
    async with on.parts.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Delivery).where(Delivery.status == "handed")) or 0


async def texts(on: Ground, patients: Sequence[str], number: int) -> None:
    """Wake everybody, for whom a text is due, until all are handed over."""
    wanted = await handed(on) + len(patients)
    await in_bulk(partial(on.waker.wake, next_step=2), patients)
    end = time.monotonic() + 300
    while await handed(on) < wanted:
        if time.monotonic() > end:
            raise TimeoutError(f"block {number}: only {await handed(on)} of {wanted} texts are handed over")
        await asyncio.sleep(0.05)


async def fall_due(on: Ground, patients: Sequence[str], number: int) -> None:
    """Something happened to everybody of which they are told; nobody is woken yet."""
    on.stage.moment = FIRST + number * EVERY

    async def one(patient: str) -> None:
        await on.parts.events.store(patient, partial(checked, number, 3))

    await in_bulk(one, patients, at_once=8)


async def bare_activities(on: Ground, names: Sequence[str]) -> None:
    """Signal every bare workflow, until each has run its activity."""
    wanted = on.tally.done + len(names)

    async def go(name: str) -> None:
        await on.plain.get_workflow_handle(name).signal("go")

    await in_bulk(go, names)
    await until(lambda: on.tally.done >= wanted, "the bare activities")


async def set_up(on: Ground, count: int) -> tuple[list[str], list[str]]:
    """As many patients and bare workflows, asleep."""
    on.stage.moment = FIRST - timedelta(days=1)
    pathway = load(STORM, file="storm").pathway
    assert pathway is not None
    async with on.parts.database.begin() as session:
        session.add(PathwayVersion(version=pathway.version, pathway="storm", text=STORM, published=FIRST, current=True))

    async def enrol(number: int) -> str:
        outcome = await on.parts.enrolments.enrol(somebody(number), only=("storm",))
        assert outcome.patient_id is not None, outcome
        await on.waker.wake(outcome.patient_id)
        return outcome.patient_id

    patients = await in_bulk(enrol, range(count), at_once=8)
    await until(lambda: on.stage.steps >= count, "the patients' first steps")
    names = [f"bare-{number}" for number in range(count)]

    async def begin(name: str) -> None:
        await on.plain.start_workflow(bare.BareCycle.run, 0.0, id=name, task_queue=bare.QUEUE)

    await in_bulk(begin, names)
    return patients, names


async def measure(fake: FakeProcess, count: int, blocks: int, *, profile: bool) -> str:
    """The table."""

    async def now() -> datetime:
        return datetime.now(UTC)

    settings = TwilioSettings(
        account_sid=ACCOUNT, auth_token=TOKEN, callback_url="http://127.0.0.1:9/told", from_number=NUMBER, base_url=fake.url
    )
    profiler = cProfile.Profile() if profile else None
    shown: list[figures.Figure] = []
    async with ground(TwilioChannel(settings, now=now)) as on:
        patients, names = await set_up(on, count)
        number = 0
        for how, delay in DELAYS.items():
            await asyncio.to_thread(fake.ask, "PATCH", "faults", {"answer_delay": delay})
            theirs: list[Timed] = []
            ours: list[Timed] = []
            for block in range(blocks + 1):
                bare_one = await timed(on, partial(bare_activities, on, names))
                await fall_due(on, patients, number)
                if profiler is not None and block and not delay:
                    profiler.enable()
                cairn_one = await timed(on, partial(texts, on, patients, number))
                if profiler is not None:
                    profiler.disable()
                number += 1
                if block:  # the first is to get warm
                    theirs.append(bare_one)
                    ours.append(cairn_one)
                print(f"{how} {block}: bare {bare_one[0]:.1f} s, Cairn {cairn_one[0]:.1f} s", file=sys.stderr, flush=True)
            shown += _figures(how, count, theirs, ours)
    if profiler is not None:
        stats = pstats.Stats(profiler, stream=sys.stderr)
        stats.sort_stats("tottime").print_stats(35)
        stats.sort_stats("cumtime").print_stats(60)
    return figures.table(shown)


def _figures(how: str, count: int, theirs: Sequence[Timed], ours: Sequence[Timed]) -> list[figures.Figure]:
    name = f"provider answers {how}"

    def cpu(what: str, of: Callable[[Spent], float]) -> figures.Figure:
        bare_ms, cairn_ms = ([1000 * of(spent) / count for _, spent in one] for one in (theirs, ours))
        return figures.Figure(f"{name}: {what} CPU", "ms each", bare_ms, cairn_ms)

    bare_rate, cairn_rate = ([count / wall for wall, _ in one] for one in (theirs, ours))
    return [
        figures.Figure(f"{name}: handed over", "a second", bare_rate, cairn_rate, more_is_better=True),
        cpu("server", lambda spent: spent.server),
        cpu("worker and caller", lambda spent: spent.worker),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="what the worker spends its time on, on stderr")
    options = parser.parse_args()
    where = machine()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder, fake_process(Path(folder) / "fake.db", lose=1.0) as fake:
        table = asyncio.run(measure(fake, options.patients, options.blocks, profile=options.profile))
    print(f"**messages** ({options.blocks} blocks of {options.patients} of each; {where})\n\n{table}\n")


if __name__ == "__main__":
    main()
