"""Writing an event from a route: stored first, then the patient is woken and the outcome waited for.

Rule 1: what a place or a person of the team moves, and the event that tells of it, are one transaction.
Rule 2: when Temporal is away the answer says so; the event is safe, and housekeeping wakes the patient later.
Rule 3: an event id is made of the caller's key by a hash: whatever a caller puts into a key, no name ends in an index.
Rule 4: the same key with the same request is one event; with another request it is a mistake, and said to be one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from activities.events import Case, Change, NoSuchPatient
from activities.waking import NotWoken
from api.depends import IdempotencyKey, IfMatch, Parts
from api.models.base import Happened, Moved, Written
from api.parts import ApiParts
from api.problems import changed_since, not_found, unusable
from api.trail import trail_of
from pathways.engine.events import AnyEvent
from records.idempotency import UsedForSomethingElse, request
from records.scope import NETWORK, Scope
from records.tables import Idempotency, Patient

__all__ = ["Case", "Change", "Writes", "Writing", "happened_at", "not_ahead", "patient_etag"]

CLOCKS_DIFFER = timedelta(minutes=2)
SETTLES_WHILE_STOPPING = 1.0  # seconds; what is stored is safe, and an answer that says so is better than a connection that is cut


@dataclass(frozen=True)
class Writing:
    """Stores events and waits for what comes of them.

    ``given``: the request's Idempotency-Key; ``asked``: a hash of what was asked with it; ``if_match``: what the caller had read;
    ``scope``: what the caller may see now, which may be less than when the same request was sent before.
    """

    parts: ApiParts
    caller_id: str = ""
    given: str | None = None
    asked: str = ""
    if_match: str | None = None
    scope: Scope = NETWORK

    def event_id(self, kind: str, body: Happened | None = None) -> str:
        """The same for the same key of the same caller's choice; fresh without one."""
        given = self.given or (body.id if body is not None else None)
        if not given:
            return f"{kind}/{uuid4().hex}"
        return f"{kind}/{sha256(f'{self.caller_id}/{given}'.encode()).hexdigest()[:32]}"

    async def event(self, scope: Scope, patient_id: str, make: Callable[[datetime], AnyEvent]) -> Written:
        """Store what ``make`` makes of the present moment. Raises Problem 404, 412."""

        async def change(case: Case) -> AnyEvent:
            if not scope.covers_team(case.patient.care_team_id):
                raise not_found()
            return make(case.now)

        return await self.change(patient_id, change)

    async def change(self, patient_id: str, change: Change, *, by_patient: bool = True) -> Written:
        """Change records and store the event that tells of it, together; ``change`` may find that there is nothing to tell.

        If-Match is held against the patient's ETag; not with ``by_patient=False``: then ``change`` says what it ``expects``.
        Raises Problem 404, 412, and what ``change`` raises.
        """
        event_id = ""

        async def once(case: Case) -> AnyEvent | None:
            nonlocal event_id
            remembered, repeated = await self.remembered(case.session)
            if remembered is not None and repeated:
                if not self.scope.is_a_place and not self.scope.covers_team(case.patient.care_team_id):
                    raise not_found()  # the patient has moved on since; how they stand now is not for this caller
                event_id = remembered.event_id
                return None
            read = patient_etag(case.patient)
            event = await change(case)
            if by_patient:
                self.expects(read)
            event_id = event.id if event is not None else ""
            if remembered is not None:
                remembered.event_id = event_id
            return event

        try:
            stored = await self.parts.events.change(patient_id, once, by=self.caller_id or None)
        except NoSuchPatient:
            raise not_found() from None
        acted_on = await self.settle(patient_id, stored.next_step)
        return Written(event_id=event_id, acted_on=acted_on, patient=await self.stands(patient_id))

    def expects(self, etag: str) -> None:
        """Raises Problem 412 where the caller had read something else than ``etag`` names now."""
        if self.if_match is not None and self.if_match not in ("*", etag):
            raise changed_since()

    async def remembered(self, session: AsyncSession) -> tuple[Idempotency | None, bool]:
        """What is remembered of this request's key, and whether it was carried out before. Raises Problem 422."""
        if self.given is None:
            return None, False
        try:
            return await request(session, self.caller_id, self.given, self.asked)
        except UsedForSomethingElse:
            raise unusable(
                "Idempotency-Key", "was used for another request", "make a new key for each thing that happened"
            ) from None

    async def settle(self, patient_id: str, next_step: int) -> bool:
        """Wait until everything stored was taken; False while Temporal is away or slow, or when this process stops meanwhile."""
        if self.parts.waker is None:
            return False
        settling = asyncio.ensure_future(self.parts.waker.settle(patient_id, next_step=next_step))
        stopping = asyncio.ensure_future(self._process_stops())
        try:
            await asyncio.wait((settling, stopping), return_when=asyncio.FIRST_COMPLETED)
            if settling.done():
                settling.result()
            return settling.done()
        except NotWoken:
            return False
        finally:
            settling.cancel()
            stopping.cancel()

    async def _process_stops(self) -> None:
        await self.parts.watch.stopping.wait()
        await asyncio.sleep(SETTLES_WHILE_STOPPING)

    async def stands(self, patient_id: str) -> Moved:
        """How the patient stands now; a place that was asked learns neither tag nor dates."""
        async with self.parts.database.reading() as session:
            patient = await session.get_one(Patient, patient_id)
        tag, next_due = (None, None) if self.scope.is_a_place else (patient.tag, patient.next_due)
        return Moved(id=patient.id, tag=tag, life=patient.life, reach=patient.reach, next_due=next_due)


async def _writing(asking: Request, parts: Parts, given: IdempotencyKey = None, if_match: IfMatch = None) -> Writing:
    caller = trail_of(asking).caller
    if caller is None:
        raise RuntimeError("a route names its caller before what it writes")
    address = f"{asking.url.path}?{asking.url.query}" if asking.url.query else asking.url.path
    asked = sha256(f"{asking.method} {address}\n".encode() + await asking.body()).hexdigest() if given else ""
    return Writing(parts, caller.id, given, asked, if_match, caller.scope)


Writes = Annotated[Writing, Depends(_writing)]


def patient_etag(patient: Patient) -> str:
    """Changes whenever anything is learnt of the patient."""
    return f'"{patient.last_event}.{patient.care_team_id}"'


def happened_at(at: datetime | None, now: datetime) -> datetime:
    """When it happened: now unless told. Raises Problem 422 for what lies ahead."""
    if at is not None and at > now + CLOCKS_DIFFER:
        raise unusable("at", f"lies ahead: it is {now.isoformat()} here", "give the moment at which it happened, or leave it out")
    return now if at is None else min(at, now)


def not_ahead(field: str, day: date | None, today: date) -> date:
    """A day on which something was done: today unless told. Raises Problem 422 for one that lies ahead."""
    if day is not None and day > today + timedelta(days=1):
        raise unusable(field, "lies ahead", "give the day on which it was done, or leave it out")
    return today if day is None else min(day, today)
