"""A day without the provider, in the same installation as the storm: ``python -m bench storm --outage``.

Away from ten o'clock of one day to ten of the next. Before it some are to be reminded on that day, a third of whom are not yet;
when it has begun all others fall due, urgent ones among them. Time runs as it does, but leaps over the hours when nothing happens.
Claims: nobody is texted twice; nothing goes out faster than the limit; red before green; what was of use for hours, or on that day
only, is dropped with its reason, and somebody calls where it was urgent; everything planned is accounted for.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, true

from activities.waking import NotWoken
from bench.storm_ground import START, Ground, NotProven
from pathways.engine.commands import Reason
from pathways.serial import load_reason
from records.patients import Patients
from records.tables import Attempt, Delivery, Patient, TaskRow, TimelineRow

TEN = START + timedelta(hours=2)
DAY = timedelta(days=1)
LAST = timedelta(minutes=4)  # of the day, which are lived through
PATIENCE = 1500.0
#: Turns are kept apart exactly; a try is written down a moment after its turn, on a busy machine a longer one.
OVER = 10  # seconds over which the rate is taken
JITTER = 1.1
JITTER_OF_ONE_SECOND = 1.4


def level_of(number: int) -> str:
    return "danger" if number % 20 == 1 else "red" if number % 5 == 0 else "yellow" if number % 5 < 3 else "green"


async def outage(on: Ground, messages: int, per_second: float) -> list[str]:
    """The figures, as lines of a table. Raises NotProven."""
    gone, back = TEN + DAY, TEN + 2 * DAY
    await on.fake("PATCH", "faults", {"outage_from": gone.isoformat(), "outage_to": back.isoformat()})
    reminded = await on.enrol(messages // 5, lambda _: "reminded", only="reminded")  # of the next day's check
    await on.wake(reminded)
    await _until(on, "the first steps are taken", lambda: _taken(on))
    on.leap_to(gone - timedelta(minutes=3))
    await on.housekeeping.wake_due()
    await _until(on, "what was due before is out", lambda: _nothing_waits(on))
    before = on.accepted()

    on.leap_to(gone + timedelta(minutes=1))
    patients = await on.enrol(messages - len(reminded), level_of)
    on.leap_to(gone + timedelta(minutes=31))  # whoever was to be reminded by half past ten
    on.say(f"{before} went out before; the provider is away, {len(patients)} texts fall due")
    await on.wake(patients)
    await _until(on, "everybody's step is taken", lambda: _taken(on))
    on.leap_to(gone + timedelta(hours=7))  # urgent ones are too late at half past four
    await _until(on, "no urgent text waits", lambda: _none_waits(on, Delivery.urgent.is_(True)))
    on.leap_to(gone + timedelta(hours=10, minutes=5))  # and all others at eight
    await _until(on, "nothing waits in the night", lambda: _nothing_waits(on))
    on.say(f"the night; {dict(await on.standing())}")

    on.leap_to(back - LAST)
    await on.housekeeping.wake_due()
    await _until(on, "the morning's steps are taken", lambda: _taken(on))
    await _until(on, "the provider is back", lambda: _is(on, back))  # no leap: rests and the texts' waiting keep together
    waiting = (await on.standing())["planned"]
    on.say(f"the provider is back, {waiting} texts wait")
    began, returned = time.monotonic(), on.now()
    await _until(on, "what waited is out", lambda: _nothing_waits(on))
    took = time.monotonic() - began
    on.leap_to(back + timedelta(minutes=31))  # the others of that morning
    await on.housekeeping.wake_due()
    await _until(on, "all is out", lambda: _nothing_waits(on))
    on.leap_to(on.now() + DAY)  # nothing more comes of it on the next day
    await on.housekeeping.wake_due()
    await _until(on, "all is quiet", lambda: _nothing_waits(on))
    return await _proven(on, messages, per_second, (gone, returned), waiting, took)


# --- waiting
async def _until(on: Ground, what: str, reached: Callable[[], Awaitable[bool]]) -> None:
    """With housekeeping's rounds meanwhile. Raises NotProven."""
    end, said = time.monotonic() + PATIENCE, time.monotonic()
    while not await reached():
        if time.monotonic() > end:
            raise NotProven(f"not within {PATIENCE:g} s: {what}; {dict(await on.standing())}")
        if time.monotonic() - said > 60:
            said = time.monotonic()
            on.say(f"until {what}: {dict(await on.standing())}")
        try:
            await on.housekeeping.wake_due(late_by=timedelta(seconds=10))
        except NotWoken:
            on.say("Temporal did not answer")
        await asyncio.sleep(1)


async def _is(on: Ground, moment: datetime) -> bool:
    return on.now() >= moment


async def _taken(on: Ground) -> bool:
    """No event waits, and no moment that has come."""
    async with on.parts.database.reading() as session:
        late = (Patient.last_event > Patient.taken_event) | (Patient.next_due <= on.now())
        return not await session.scalar(select(func.count()).select_from(Patient).where(late))


async def _nothing_waits(on: Ground) -> bool:
    return await _taken(on) and await _none_waits(on, true())


async def _none_waits(on: Ground, which: ColumnElement[bool]) -> bool:
    async with on.parts.database.reading() as session:
        left = select(func.count()).select_from(Delivery).where(Delivery.status.in_(("planned", "attempting")), which)
        return not await session.scalar(left)


# --- what is claimed
async def _proven(
    on: Ground, messages: int, per_second: float, day: tuple[datetime, datetime], waiting: int, took: float
) -> list[str]:
    gone, returned = day
    by_phone, taken_at, wrong = on.by_phone(), on.taken_at(), []
    async with on.parts.database.reading() as session:
        deliveries = list(await session.scalars(select(Delivery).where(Delivery.kind == "message")))
        attempts = list(await session.scalars(select(Attempt).order_by(Attempt.at)))
        urgent_calls = set(await session.scalars(select(TaskRow.patient_id).where(TaskRow.kind == "urgent_call")))
    phones = Counter(by_phone[phone] for phone in on.phones.values())
    if set(phones) - {0, 1}:
        wrong.append(f"phones by how many texts they got: {dict(phones)}")
    priorities = {(one.patient_id, one.key): one.priority for one in deliveries}
    waited = {(one.patient_id, one.key) for one in deliveries if one.planned < returned}
    took_then = [one for one in attempts if one.id in taken_at and taken_at[one.id] >= returned]
    backlog = [one for one in took_then if (one.patient_id, one.key) in waited]
    order = [priorities[one.patient_id, one.key] for one in sorted(backlog, key=lambda one: taken_at[one.id])]
    inverted = inversions(order)
    peak, sustained = peaks([one.at for one in attempts if one.at >= returned])
    if per_second and sustained > per_second * JITTER:
        wrong.append(f"{sustained:.1f} tries a second over {OVER} s, more than {per_second:g}")
    if per_second and peak > per_second * JITTER_OF_ONE_SECOND:
        wrong.append(f"{peak} tries within one second, more than {per_second:g}")
    if inverted > 0.02:
        wrong.append(f"{inverted:.1%} of the pairs of a red and a green text, or the like, went in the wrong order")
    fates = await _fates(on, deliveries, by_phone)
    expected = {"danger": "dropped, and somebody calls", "reminded": "dropped, too late"}
    for level, counts in fates.items():
        allowed = {"once on the phone", expected.get(level, "")}
        if set(counts) - allowed:
            wrong.append(f"{level}: {dict(counts)}")
    if sum(sum(counts.values()) for counts in fates.values()) != messages:
        wrong.append("not everybody is accounted for")
    dangers = {patient for patient, level in on.levels.items() if level == "danger"}
    if dangers - urgent_calls:
        wrong.append(f"{len(dangers - urgent_calls)} urgent texts were dropped and nobody calls")
    state = await on.fake("GET", "state")
    during = sum(1 for one in attempts if gone <= one.at < returned)
    lines = [
        f"| people; texts planned | {messages:,}; {len(deliveries):,} |",
        *(f"| {level}: {counts.total():,} | {_counted(counts)} |" for level, counts in fates.items()),
        f"| requests while the provider was away | {during:,} (it counted {state['asked'].get('outage', 0):,}) |",
        f"| texts that waited when it came back; seconds until they were out | {waiting:,}; {took:.0f} |",
        f"| tries a second afterwards: the most within one, and over {OVER} s (limit {per_second:g}) | {peak}, {sustained:.1f} |",
        f"| mean place in the order, by priority | {places(order)} |",
        f"| pairs of two priorities in the wrong order | {inverted:.2%} |",
        f"| texts taken afterwards | {len(took_then):,} |",
    ]
    if wrong:
        raise NotProven("\n".join([*lines, "", *wrong]))
    return lines


async def _fates(on: Ground, deliveries: Sequence[Delivery], by_phone: Counter[str]) -> dict[str, Counter[str]]:
    """What became of everybody's text, by who they are."""
    ended: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        ended.setdefault(delivery.patient_id, []).append(delivery)
    fates: dict[str, Counter[str]] = {}
    for patient, level in on.levels.items():
        theirs = ended.get(patient, [])
        handed = [one for one in theirs if one.status == "handed"]
        if by_phone[on.phones[patient]] == 1 and len(handed) == 1:
            fate = "once on the phone"
        else:
            said = {reason.held_back for reason in await _reasons(on, patient)}
            statuses = ", ".join(sorted(f"{one.status} {one.reason}" for one in theirs))
            if handed or any(one.status != "dropped" or one.reason != "too_late" for one in theirs) or "too_late" not in said:
                fate = f"{statuses}; {said}"
            else:
                fate = "dropped, and somebody calls" if level == "danger" else "dropped, too late"
        fates.setdefault(level, Counter())[fate] += 1
    return fates


async def _reasons(on: Ground, patient: str) -> list[Reason]:
    async with on.parts.database.reading() as session:
        person = await Patients(session, on.parts.vault).vault_of(patient)
        rows = await session.scalars(select(TimelineRow).where(TimelineRow.patient_id == patient))
        return [load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed)) for row in rows]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {count:,}" for what, count in counts.most_common())


def inversions(order: Sequence[int]) -> float:
    """The share of pairs of two priorities of which the one that may wait went first."""
    pairs = wrong = 0
    seen: Counter[int] = Counter()
    for priority in order:
        pairs += sum(count for other, count in seen.items() if other != priority)
        wrong += sum(count for other, count in seen.items() if other > priority)
        seen[priority] += 1
    return wrong / pairs if pairs else 0.0


def places(order: Sequence[int]) -> str:
    """The mean place of each priority."""
    at: dict[int, list[int]] = {}
    for place, priority in enumerate(order, 1):
        at.setdefault(priority, []).append(place)
    return ", ".join(f"{priority}: {sum(found) / len(found):.0f} of {len(order)}" for priority, found in sorted(at.items()))


def peaks(moments: Sequence[datetime]) -> tuple[int, float]:
    """The most within one second, and a second over ``OVER`` seconds."""

    def most(window: timedelta) -> int:
        best = first = 0
        for last, moment in enumerate(moments):
            while moment - moments[first] >= window:
                first += 1
            best = max(best, last - first + 1)
        return best

    return most(timedelta(seconds=1)), most(timedelta(seconds=OVER)) / OVER
