"""Who a patient is, put right: the record, the index, and the event that tells of it, together.

Rule 1: a number that is new is kept apart until it is confirmed, as when a patient moves (moving.py).
Rule 2: an identifier is added, never taken away, and one that names somebody else is refused: two people do not become one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date

from api.models.base import Written
from api.models.patients import MoveIn
from api.moving import numbers
from api.problems import Problem, not_found
from api.writing import Case, Writing
from pathways.engine.events import AnyEvent, PersonChanged
from records.patients import Profile
from records.scope import Scope

NAMES_ANOTHER = "One of these identifiers is somebody else's already; nothing was stored. Look whether the two are one person."


@dataclass(frozen=True, slots=True)
class Who:
    """What is told of the person now; None stays as it is. ``identifiers``: those that are added; ``phone``: as it is dialled."""

    family: str | None = None
    given: str | None = None
    shown: str | None = None
    born: date | None = None
    sex: str | None = None
    language: str | None = None
    identifiers: tuple[str, ...] = ()
    phone: str | None = None

    def told_in(self, profile: Profile) -> Profile:
        """The profile with it."""
        told = {name: getattr(self, name) for name in ("family", "given", "shown", "born", "sex")}
        known = {name: value for name, value in told.items() if value is not None}
        return replace(profile, **known, identifiers=tuple(dict.fromkeys((*profile.identifiers, *self.identifiers))))


Check = Callable[[Case], Awaitable[None]]


async def put_right(writing: Writing, scope: Scope, patient_id: str, who: Who, *, check: Check) -> Written:
    """Store what is told; nothing where all of it is known. ``check``: made while nobody else can change them.

    Raises Problem 404, 409, 412, 422, and what ``check`` raises.
    """

    async def change(case: Case) -> AnyEvent | None:
        if not scope.covers_team(case.patient.care_team_id):
            raise not_found()
        await check(case)
        event_id = writing.event_id("profile")
        told: list[AnyEvent] = []
        if who.phone is not None:
            _, told = await numbers(case, MoveIn(phone=who.phone), event_id, by=writing.caller_id)
        if await _stored(case, who):
            told.insert(0, PersonChanged(id=event_id, at=case.now, learnt=case.now, born=who.born, sex=who.sex))
        for event in told[:-1]:
            await case.log.append(event)
        return told[-1] if told else None

    return await writing.change(patient_id, change)


async def _stored(case: Case, who: Who) -> bool:
    profile = await case.patients.profile(case.patient)
    known = who.told_in(profile)
    added = tuple(one for one in known.identifiers if one not in profile.identifiers)
    await case.patients.alone(added)
    if await case.patients.known_as(added) not in (None, case.patient.id):
        raise Problem(409, NAMES_ANOTHER)
    if known == profile and who.language in (None, case.patient.language):
        return False
    await case.patients.update_profile(case.patient, known)
    case.patient.language = who.language or case.patient.language
    return True
