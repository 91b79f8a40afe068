"""Texts under fire: ``python -m bench storm [--messages 10000] [--seed N] [--outage]``.

A real Temporal server, worker, API and a Twilio of our own as processes; the provider throttles 5 % of the requests, lets 2 % time
out after it took them, loses 2 % of its callbacks and calls 2 % twice; worker and API are killed with SIGKILL at random moments.
It ends with an error unless every patient got exactly one text by the provider's own count, but for those that are listed
*unknown* for a person, fewer than one in a thousand, each explained by its tries. ``--outage``: see ``storm_outage``.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from activities.housekeeping import Lately
from activities.waking import NotWoken
from bench.ground import machine
from bench.storm_ground import START, Ground, NotProven, ground
from bench.storm_outage import outage
from records.tables import Attempt, Delivery, Patient, TaskRow
from tests.postgres import NoPostgres, serving

FAULTS = {"throttle": 0.05, "hang": 0.02, "lose": 0.02, "repeat": 0.02, "hang_seconds": 40.0}
NINE = START + timedelta(hours=1, minutes=5)
PATIENCE = 5400.0  # seconds of real time
A_KILL_EXPLAINS = timedelta(seconds=30)  # a try that was begun so long before its worker was killed
LEFT_ALONE = timedelta(minutes=16)  # then nobody waits any longer for word of a text in doubt
#: A try is given to another worker when its time is over: a minute.
LOST_TURN = timedelta(seconds=75)


@dataclass(frozen=True)
class Told:
    """A text in doubt, and what is known of its tries."""

    key: str
    tries: tuple[str, ...]
    accepted: int
    explained: bool


def level_of(number: int) -> str:
    return "red" if number % 5 == 0 else "yellow" if number % 5 < 3 else "green"


async def storm(on: Ground, messages: int, chance: random.Random, kills: tuple[int, int]) -> list[str]:
    """The figures, as lines of a table. Raises NotProven."""
    await on.fake("PATCH", "faults", dict(FAULTS))
    on.leap_to(NINE)
    begun = time.monotonic()
    patients = await on.enrol(messages, level_of)
    on.say(f"{messages} people are enrolled; {messages / (time.monotonic() - begun):.1f} a second")
    fates = sorted(
        (chance.uniform(0.03, 0.95), kind) for kind, count in zip(("worker", "api"), kills, strict=True) for _ in range(count)
    )
    begun = time.monotonic()
    waking = asyncio.create_task(on.wake(patients))
    await under_fire(on, messages, [(share * messages, kind) for share, kind in fates], chance)
    await waking
    sending = time.monotonic() - begun
    on.say(f"all but those in doubt are settled; {messages / sending:.1f} a second")
    await end_of_doubt(on)
    await on.fake("POST", "settle")
    return await proven(on, messages, sending)


async def under_fire(on: Ground, messages: int, fates: list[tuple[float, str]], chance: random.Random) -> None:
    """Kill as the provider's count goes up, until nothing but what is in doubt is left. Raises NotProven."""
    end, looked, said, lately = time.monotonic() + PATIENCE, 0.0, 0.0, Lately()
    while time.monotonic() < end:
        accepted = on.accepted()
        if fates and accepted >= fates[0][0]:
            await asyncio.sleep(chance.uniform(0, 0.3))
            await on.kill(fates.pop(0)[1])
        if time.monotonic() - looked > 5:
            looked = time.monotonic()
            try:
                await on.housekeeping.wake_due(late_by=timedelta(seconds=30), lately=lately)
            except NotWoken:
                on.say("Temporal did not answer")
            if await only_doubts_left(on, messages):
                return
        if time.monotonic() - said > 60:
            said = time.monotonic()
            on.say(f"{accepted} taken, {len(fates)} kills to come; {dict(await on.standing())}")
        await asyncio.sleep(0.1)
    raise NotProven(f"not settled after {PATIENCE:g} s: {dict(await on.standing())}")


async def only_doubts_left(on: Ground, messages: int) -> bool:
    """Whether every text is planned, and settled or of a worker that was killed."""
    async with on.parts.database.reading() as session:
        counts = dict((await session.execute(select(Delivery.status, func.count()).group_by(Delivery.status))).tuples().all())
        fresh = select(func.count()).select_from(Attempt).where(Attempt.status == "begun", Attempt.at > on.now() - LOST_TURN)
        fresh_ones = await session.scalar(fresh)
        waiting = await session.scalar(select(func.count()).select_from(Patient).where(Patient.last_event > Patient.taken_event))
    return sum(counts.values()) >= messages and not counts.get("planned") and not fresh_ones and not waiting


async def end_of_doubt(on: Ground) -> None:
    """A quarter of an hour passes, and housekeeping asks about what is in doubt. Raises NotProven."""
    on.say(f"in doubt: {(await on.standing())['attempting']}; a quarter of an hour passes")
    on.leap_to(on.now() + LEFT_ALONE)
    end = time.monotonic() + 300
    while (await on.standing())["attempting"]:
        await on.doubts.settle()
        if time.monotonic() > end:
            raise NotProven(f"texts are in doubt for ever: {dict(await on.standing())}")
        await asyncio.sleep(1)
    while not (await on.housekeeping.settled(within=timedelta(seconds=5))).settled:
        await on.housekeeping.wake_due()
        if time.monotonic() > end:
            raise NotProven("what was learnt of the texts in doubt was not taken in")


async def proven(on: Ground, messages: int, sending: float) -> list[str]:
    """Every claim, looked at. Raises NotProven with all that do not hold."""
    by_phone, by_attempt, taken_at, wrong = on.by_phone(), on.by_attempt(), on.taken_at(), []
    async with on.parts.database.reading() as session:
        deliveries = list(await session.scalars(select(Delivery).where(Delivery.kind == "message")))
        attempts: dict[tuple[str, str], list[Attempt]] = {}
        for attempt in await session.scalars(select(Attempt).order_by(Attempt.number)):
            attempts.setdefault((attempt.patient_id, attempt.key), []).append(attempt)
        called = set(await session.scalars(select(TaskRow.patient_id).where(TaskRow.kind.in_(("check_phone", "phone_reminder")))))
        kinds = Counter(await session.scalars(select(TaskRow.kind)))
    statuses = Counter(delivery.status for delivery in deliveries)
    of_patient = Counter(delivery.patient_id for delivery in deliveries)
    unknown = []
    for delivery in deliveries:
        tries = attempts.get((delivery.patient_id, delivery.key), [])
        taken = sum(by_attempt[attempt.id] for attempt in tries)
        phone = by_phone[on.phones[delivery.patient_id]]
        if delivery.status == "unknown":
            unknown.append(_told(on, delivery, tries, phone))
        if phone != taken or phone > 1 or (delivery.status == "handed" and phone != 1):
            wrong.append(f"{delivery.key}: {delivery.status}, its phone got {phone}, its tries {taken}")
    if set(statuses) - {"handed", "unknown"} or len(deliveries) != messages or set(of_patient.values()) != {1}:
        wrong.append(f"of {messages} texts, one each, are {dict(statuses)}")
    if len(unknown) * 1000 >= messages:
        wrong.append(f"{len(unknown)} of {messages} are unknown: not fewer than 1 in 1,000")
    wrong += [f"unknown and not explained: {one.key}: {', '.join(one.tries)}" for one in unknown if not one.explained]
    if len(called) < len(unknown):
        wrong.append(f"{len(unknown)} are unknown and {len(called)} people are called; tasks: {dict(kinds)}")
    asked, killed = await on.fake("GET", "state"), Counter(kind for _, kind in on.killed)
    made = sum(len(one) for one in attempts.values())
    open_for = sorted(
        (taken_at[attempt.id] - attempt.at).total_seconds() * 1000
        for one in attempts.values()
        for attempt in one
        if attempt.id in taken_at
    )
    exactly = sum(1 for count in by_phone.values() if count == 1)
    lines = [
        f"| texts due, one a patient | {messages:,} |",
        f"| tries of ours; requests to the provider by what came of them | {made:,}; {_counts(asked['asked'])} |",
        f"| callbacks by what came of them | {_counts(asked['callbacks'])} |",
        f"| killed with SIGKILL | {_counts(killed)} |",
        f"| phones that got exactly one text, by the provider's own count | {exactly:,} |",
        f"| phones that got two or more | {sum(1 for count in by_phone.values() if count > 1)} |",
        f"| texts *unknown*, a person is asked to call | {len(unknown)} ({1000 * len(unknown) / messages:.2f} in 1,000) |",
        f"| of these on the phone all the same | {sum(one.accepted for one in unknown)} |",
        f"| milliseconds from a try's beginning to the provider's taking it: median, 99th percentile | "
        f"{open_for[len(open_for) // 2]:,.0f}, {open_for[len(open_for) * 99 // 100]:,.0f} |",
        f"| seconds from the first waking to the last text | {sending:,.0f} ({messages / sending:.1f} a second) |",
    ]
    lines += [f"\nunknown {one.key}: {'; '.join(one.tries)}; the provider took {one.accepted}" for one in unknown]
    if wrong:
        raise NotProven("\n".join([*lines, "", *wrong]))
    return lines


def _told(on: Ground, delivery: Delivery, tries: list[Attempt], accepted: int) -> Told:
    last = tries[-1].at if tries else None
    killed = _killed_after(on, last)
    shown = tuple(f"try {one.number} {one.status} {one.reason}, asked {one.asked} times" for one in tries)
    if killed is not None and last is not None:
        shown += (f"its worker was killed {(killed - last).total_seconds():.2f} s after the last try was begun",)
    return Told(delivery.key, shown, accepted, killed is not None)


def _killed_after(on: Ground, begun: datetime | None) -> datetime | None:
    """The first kill of a worker that may explain a try of which nobody knows."""
    if begun is None:
        return None
    return min((at for at, kind in on.killed if kind == "worker" and begun <= at <= begun + A_KILL_EXPLAINS), default=None)


def _counts(counts: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in sorted(counts.items()))


async def run(options: argparse.Namespace, database_url: str | None) -> list[str]:
    """The lines of the table. Told to end, it ends what it started. Raises NotProven."""
    chance, ours = random.Random(options.seed), asyncio.current_task()
    assert ours is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ours.cancel)
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        async with ground(Path(folder), per_second=options.per_second, database_url=database_url) as on:
            if options.outage:
                return await outage(on, options.messages, options.per_second)
            return await storm(on, options.messages, chance, (options.worker_kills, options.api_kills))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20250303)
    parser.add_argument("--outage", action="store_true", help="the provider is away for a day")
    parser.add_argument("--per-second", type=float, default=20, help="CAIRN_SMS_PER_SECOND; 0 is no limit")
    parser.add_argument("--worker-kills", type=int, default=8)
    parser.add_argument("--api-kills", type=int, default=5)
    parser.add_argument("--sqlite", action="store_true", help="not on PostgreSQL, even where there is one")
    options = parser.parse_args()
    with ExitStack() as stack:
        url, where = None, machine()
        if not options.sqlite:
            try:
                postgres = stack.enter_context(serving(safe=True))
                postgres.sql("CREATE DATABASE storm")
                url = postgres.url("storm")
            except NoPostgres as missing:
                print(missing, file=sys.stderr)
        try:
            lines = asyncio.run(run(options, url))
        except NotProven as refused:
            print(f"NOT PROVEN ({where})\n{refused}")
            return 1
    what = "a day without the provider" if options.outage else "under fire"
    on, limit = "SQLite" if url is None else "PostgreSQL", f"{options.per_second:g} a second at most"
    print(f"**storm**, {what} ({options.messages} texts, seed {options.seed}, {limit}; {on}; {where})\n")
    print("\n".join(["| | |", "|---|---|", *lines]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
