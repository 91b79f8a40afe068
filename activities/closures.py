"""Visits that were booked on a day on which their place turns out to be closed: each patient's workflow is told, in pages.

Rule 1: a closure and a lost day are told once, however often housekeeping looks; an engine that finds another day frees this one.
Rule 2: nobody is woken here: what is stored and not taken is found within seconds (housekeeping.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

from sqlalchemy import literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from activities.events import Case, Events, NoSuchPatient
from pathways.engine.events import DayClosed
from records.tables import CareTeam, Closure, EventRow, Organisation, VisitBooking

PAGE = 500


@dataclass(frozen=True, slots=True)
class Lost:
    """A booked day that fell to a closure."""

    patient: str
    key: str
    day: date
    closure: str

    @property
    def event(self) -> str:
        """The id of the event that tells of it."""
        return f"closed/{self.closure}/{self.day.isoformat()}"


@dataclass(frozen=True)
class ClosedDays:
    """Looking for booked days that are closed. ``events``: the door to the patients' logs."""

    events: Events

    async def tell(self) -> int:
        """Store what was not told yet; answers how many."""
        told, after = 0, ("", "")
        while True:
            async with self.events.database.reading() as session:
                today = (await self.events.clock.now(session)).date()
                page, more = await _lost(session, today, after)
                known = await _known(session, page)
            for lost in page:
                if (lost.patient, lost.event) not in known:
                    with contextlib.suppress(NoSuchPatient):  # forgotten meanwhile
                        told += (await self.events.change(lost.patient, partial(_is_closed, lost))).new
            if not more:
                return told
            after = page[-1].patient, page[-1].key


async def _is_closed(lost: Lost, case: Case) -> DayClosed:
    return DayClosed(id=lost.event, at=case.now, learnt=case.now, day=lost.day, closure=f"closure/{lost.closure}")


async def _lost(session: AsyncSession, today: date, after: tuple[str, str]) -> tuple[list[Lost], bool]:
    """Bookings from ``today`` on of teams at a closed place or beneath it, behind ``after``, and whether there may be more.

    Of several closures of one day the first by id is named.
    """
    at = or_(  # a team's place hangs beneath its network at most one other place away
        Closure.organisation_id == Organisation.id,
        Closure.organisation_id == Organisation.parent_id,
        Closure.organisation_id == Organisation.network_id,
    )
    query = (
        select(VisitBooking.patient_id, VisitBooking.key, VisitBooking.day, Closure.id)
        .select_from(Closure)
        .join(Organisation, at)
        .join(CareTeam, CareTeam.organisation_id == Organisation.id)
        .join(VisitBooking, VisitBooking.care_team_id == CareTeam.id)
        .where(Closure.last >= today, VisitBooking.day >= today, VisitBooking.day.between(Closure.first, Closure.last))
        .where(tuple_(VisitBooking.patient_id, VisitBooking.key) > tuple_(literal(after[0]), literal(after[1])))
        .order_by(VisitBooking.patient_id, VisitBooking.key, Closure.id)
        .limit(PAGE)
    )
    found: dict[tuple[str, str], Lost] = {}
    rows = (await session.execute(query)).all()
    for patient, key, day, closure in rows:
        found.setdefault((patient, key), Lost(patient, key, day, closure))
    return list(found.values()), len(rows) == PAGE


async def _known(session: AsyncSession, page: Sequence[Lost]) -> set[tuple[str, str]]:
    if not page:
        return set()
    people, told = {lost.patient for lost in page}, {lost.event for lost in page}
    # By each part, and not by pairs: SQLite walks the whole index for a list of pairs.
    query = select(EventRow.patient_id, EventRow.event_id)
    query = query.where(EventRow.patient_id.in_(sorted(people)), EventRow.event_id.in_(sorted(told)))
    return {(patient, event) for patient, event in await session.execute(query)}
