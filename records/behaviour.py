"""How our own patients behave, counted from what is recorded: the numbers that a forecast uses where there are enough.

Rule 1: a sample of patients is opened with their own keys; what leaves here are shares and counts.
Rule 2: what too few records tell is said with its number all the same; whoever asks decides how few are too few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from statistics import median

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine import calendar
from pathways.engine.events import AnyEvent, CallMade, Dispensed, VisitBooked, VisitCompleted
from pathways.serial import load_event
from records.tables import EventRow, Patient, PersonKey
from records.vault import Vault

KINDS = ("visit_booked", "visit_completed", "call_made", "dispensed")
A_YEAR = timedelta(days=365)
VISITS_EACH = 20  # of the last visits so many are looked through for each patient, however many a network has in a year
BY_THEMSELVES = 10  # days late that nobody need have called for
BROUGHT_BACK = 14  # days within which a call has brought somebody


@dataclass
class Counted:
    """What was seen: visits by how many days late, calls by outcome, who came after a call, days of supply."""

    late: list[int] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    after_call: Counter[bool] = field(default_factory=Counter)
    supply: list[int] = field(default_factory=list)

    def follow(self, log: Sequence[AnyEvent], timezone: str) -> None:
        """Take in one patient's events, in order."""
        booked: date | None = None
        called: datetime | None = None
        for event in log:
            match event:
                case VisitBooked():
                    booked = event.day
                case CallMade():
                    self.calls[event.outcome] += 1
                    if called is not None:
                        self.after_call[False] += 1
                    called = event.at if event.outcome == "reached" else None
                case VisitCompleted():
                    if called is not None:
                        self.after_call[event.at - called <= timedelta(days=BROUGHT_BACK)] += 1
                    elif booked is not None:
                        self.late.append((calendar.local_day(event.at, timezone) - booked).days)
                    booked = called = None
                case Dispensed():
                    self.supply.append(event.fill.days)
                case _:
                    pass

    def found(self) -> dict[str, tuple[float, int]]:
        """By parameter: its value, and of how many observations."""
        found: dict[str, tuple[float, int]] = {}
        came = len(self.late) + self.after_call.total()
        if came:
            late = [days for days in self.late if 0 < days <= BY_THEMSELVES]
            found["on_the_day"] = (sum(days <= 0 for days in self.late) / came, came)
            found["late"] = (len(late) / came, came)
            if late:
                found["latest_days"] = (max(late), len(late))
        calls = self.calls["reached"] + self.calls["no_answer"] + self.calls["refused"]
        if calls:
            found["answers_call"] = ((calls - self.calls["no_answer"]) / calls, calls)
        if self.after_call:
            found["comes_when_called"] = (self.after_call[True] / self.after_call.total(), self.after_call.total())
        if self.supply:
            found["supply_days"] = (median(self.supply), len(self.supply))
        return found


async def measured(session: AsyncSession, vault: Vault, *, now: datetime, patients: int = 500) -> dict[str, tuple[float, int]]:
    """How people behaved in the last year, from the logs of up to ``patients`` of those seen last: value and observations by
    parameter of ``Behaviour``; a parameter of which nothing is recorded is left out.
    """
    since = now - A_YEAR
    lately = (
        select(EventRow.patient_id)
        .where(EventRow.kind == "visit_completed", EventRow.at >= since, EventRow.at <= now)
        .order_by(EventRow.at.desc(), EventRow.patient_id)
        .limit(patients * VISITS_EACH)
    )
    seen = dict.fromkeys(await session.scalars(lately))
    ids = sorted(list(seen)[:patients])
    counted = Counted()
    for begin in range(0, len(ids), 100):
        rows = await session.execute(
            select(EventRow.patient_id, EventRow.seq, EventRow.sealed, Patient.timezone, PersonKey.wrapped)
            .join(Patient, Patient.id == EventRow.patient_id)
            .join(PersonKey, PersonKey.patient_id == EventRow.patient_id)
            .where(EventRow.patient_id.in_(ids[begin : begin + 100]), EventRow.kind.in_(KINDS), EventRow.learnt >= since)
            .order_by(EventRow.patient_id, EventRow.seq)
        )
        for patient, of_one in groupby(rows.all(), key=lambda row: str(row[0])):
            events = list(of_one)
            person = vault.person(patient, events[0].wrapped)
            log = [load_event(person.open(f"event/{row.seq}", row.sealed)) for row in events]
            counted.follow(log, events[0].timezone)
    return counted.found()
