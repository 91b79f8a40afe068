"""Everything that a FHIR transaction does, in one transaction of the database.

Rule: whoever begins a transaction of their own takes part in the one that is open; nobody is woken before it is stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from activities.enrolment import Enrolment, Enrolments
from activities.events import Change, Events, Stored
from api.fhir.exchange import Desk
from api.writing import Writing
from records.database import Database
from records.intake.people import Intake


@dataclass(frozen=True)
class _Joined(Database):
    """Whatever begins a transaction takes part in the one that is open."""

    session: AsyncSession = field(kw_only=True)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        async with self.session.begin_nested():  # what one entry gives up is undone without the others
            yield self.session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        await self.session.flush()
        yield self.session


@dataclass(frozen=True)
class _Noting(Events):
    """Notes whom it will be for to wake."""

    woken: dict[str, int] = field(default_factory=dict)

    async def change(self, patient_id: str, change: Change, *, by: str | None = None) -> Stored:
        stored = await super().change(patient_id, change, by=by)
        self.woken[patient_id] = stored.next_step
        return stored


@dataclass(frozen=True)
class _Enrolling(Enrolments):
    """Notes who is new, too."""

    woken: dict[str, int] = field(kw_only=True)

    async def enrol(self, intake: Intake, **more: Any) -> Enrolment:
        outcome = await super().enrol(intake, **more)
        if outcome.patient_id is not None:
            self.woken[outcome.patient_id] = outcome.next_step
        return outcome


@asynccontextmanager
async def one_transaction(desk: Desk) -> AsyncIterator[Desk]:
    """The desk with everything in one transaction; afterwards those whom it concerned, or who are new, are woken."""
    parts = desk.parts
    async with parts.database.begin() as session:
        joined = _Joined(**_fields(parts.database), session=session)
        noting = _Noting(joined, parts.vault, parts.clock)
        enrolling = _Enrolling(**_fields(parts.enrolments) | {"database": joined}, woken=noting.woken)
        within = replace(parts, database=joined, events=noting, enrolments=enrolling, waker=None)
        yield replace(desk, parts=within, enter=_entered)
    await asyncio.gather(*(Writing(parts).settle(patient_id, next_step) for patient_id, next_step in noting.woken.items()))


async def _entered(*asked: Any, **more: Any) -> None:
    """They are in already."""


def _fields(of: Database | Enrolments) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__dataclass_fields__}
