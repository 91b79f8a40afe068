"""Searching what is asked of places and care teams: referrals, refill requests and tasks in one list.

Rule 1: a caller searches what they may read by REST, and of it what their scope holds.
Rule 2: a stage that a filter names is an arm of its own, so that an index answers however long the others' lists are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from api.fhir.kinds import Door, Filter, Query, Token, Value, id_under, patient_of
from api.fhir.meaning import Meant, at, either, is_code, named, on, other
from api.fhir.transitions import BUSINESS_STATUS, TASK_KIND, Of, Shown, shown
from api.rights import has
from records import referrals, refills
from records.merged import Arm
from records.scope import Scope
from records.tables import CareTeam, Patient, ReferralRow, RefillRow, TaskRow

TASK_STATUS, TASK_CODE = "http://hl7.org/fhir/task-status", "http://hl7.org/fhir/CodeSystem/task-code"
PRIORITY, INTENT = "http://hl7.org/fhir/request-priority", "http://hl7.org/fhir/task-intent"
REQUEST_INTENT = "http://hl7.org/fhir/request-intent"
ROLE, REQUEST, REFERRAL = "urn:cairn:role", "urn:cairn:request", "urn:cairn:referral"
PRIORITIES = {"emergency": "stat", "urgent": "urgent"}  # any other urgency is routine
MOST_ARMS = 6
#: Where a referral may go on from, once the place has its reply.
GOES_ON = ("received", "accepted", "booked", "not_attended", "attended")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a request may stand, and how that is shown as a Task."""

    stage: str
    goes_on: str | None
    shown: Shown


def standings(of: Of, stages: Sequence[str]) -> tuple[Standing, ...]:
    """All that there are of ``stages``."""
    waiting = [Standing("more_asked", stage, shown(of, "more_asked", stage)) for stage in GOES_ON] if of == "referral" else []
    return (*(Standing(stage, None, shown(of, stage)) for stage in stages if stage != "more_asked"), *waiting)


class Source(Protocol):
    """One table of the list."""

    async def arms(self, door: Door, query: Query, source: int, *, changed: bool) -> list[Arm]:
        """What of this table the caller may see and the filters mean; ``changed``: by the last change, not by when it was asked."""
        ...


@dataclass(frozen=True)
class Requests:
    """Referrals or refill requests."""

    of: Of
    table: type[ReferralRow] | type[RefillRow]
    place: InstrumentedAttribute[str]
    right: str
    type: str  # of the resource that was ordered
    open: frozenset[str]  # stages in which somebody still has the next word
    standings: tuple[Standing, ...]

    async def arms(self, door: Door, query: Query, source: int, *, changed: bool) -> list[Arm]:
        if not has(door.caller, self.right):
            return []
        asked = select(self.table)
        kept = list(self.standings)
        for one in query.filters:
            if one.name in ("status", "business-status"):
                kept = [standing for standing in kept if self.holds(one, standing) != (one.modifier == "not")]
                continue
            meant = await _meant(one, self.meets, door.session)
            if meant is False:
                return []
            asked = asked if meant is True else asked.where(meant)
        asked = self._scoped(asked, door.caller.scope)
        moment = self.table.changed if changed else self.table.asked
        return [Arm(source, one, moment, (self.table.id,)) for one in self._split(asked, kept, door.caller.scope)]

    def _scoped(self, asked: Select[Any], scope: Scope) -> Select[Any]:
        return scope.of_requests(asked, place=self.place, patient=self.table.patient_id)

    def _split(self, asked: Select[Any], kept: list[Standing], scope: Scope) -> list[Select[Any]]:
        if len(kept) == len(self.standings):
            return [asked]
        if not (scope.is_a_place or scope.whole_network):
            return [asked.where(or_(*(self._stands(one) for one in kept)))] if kept else []
        open_ = [one for one in kept if one.stage in self.open]
        if len(open_) > MOST_ARMS:  # what is open is a small part, and has an index of its own
            together = [asked.where(self.table.stage.in_(sorted(self.open)), or_(*(self._stands(one) for one in open_)))]
        else:
            together = [asked.where(self._stands(one)) for one in open_]
        return together + [asked.where(self._stands(one)) for one in kept if one.stage not in self.open]

    def _stands(self, one: Standing) -> Any:
        stage = self.table.stage == one.stage
        if one.goes_on is None:
            return stage
        known = [one.goes_on, *([""] if one.goes_on == "received" else [])]
        return stage & ReferralRow.goes_on.in_(known)

    def holds(self, asked: Filter, standing: Standing) -> bool:
        """Whether any value of a filter by status means a request that stands so."""
        if asked.name == "status":
            return any(is_code(value, TASK_STATUS, standing.shown.status) for value in asked.values)
        business = standing.shown.business
        return bool(business) and any(is_code(value, BUSINESS_STATUS, business) for value in asked.values)

    async def meets(self, name: str, value: Value, session: AsyncSession) -> Meant:
        """What one value of a filter means for these."""
        table = self.table
        match name:
            case "_id":
                return table.id == value
            case "identifier":
                return isinstance(value, Token) and value.system in (None, REQUEST) and table.id == value.code
            case "patient" | "subject":
                patient = named(value, "Patient")
                return patient is not None and table.patient_id == patient
            case "based-on" | "focus":
                id_ = named(value, self.type)
                return id_ is not None and table.id == id_
            case "owner":
                place = named(value, "Organization")
                return place is not None and self.place == place
            case "requester":
                return _of_organisation(table.patient_id, value)
            case "code":
                return is_code(value, TASK_CODE, "fulfill")
            case "intent":
                return is_code(value, INTENT, "order")
            case "priority":
                return self._priority(value)
            case "authored-on":
                return at(table.asked, value)
            case "modified" | "_lastUpdated":
                return at(table.changed, value)
            case "period":
                return on(ReferralRow.day, value) if table is ReferralRow else False
            case "group-identifier":
                return await self._of_one_referral(value, session)
        return False  # encounter, part-of, performer: no request of ours has them

    def _priority(self, value: Value) -> Meant:
        if self.table is RefillRow:
            return is_code(value, PRIORITY, "routine")
        wanted = [urgency for urgency, code in PRIORITIES.items() if is_code(value, PRIORITY, code)]
        if is_code(value, PRIORITY, "routine"):
            return True if len(wanted) == len(PRIORITIES) else ReferralRow.urgency.not_in(PRIORITIES)
        return ReferralRow.urgency.in_(wanted) if wanted else False

    async def _of_one_referral(self, value: Value, session: AsyncSession) -> Meant:
        if not isinstance(value, Token) or value.system not in (None, REFERRAL):
            return False
        key = ReferralRow.referral if self.table is ReferralRow else RefillRow.refill
        patient = patient_of(value.code)
        keys = await session.scalars(select(key).where(self.table.patient_id == patient).distinct())
        same = [one for one in keys if id_under(patient, one) == value.code]
        return (self.table.patient_id == patient) & key.in_(same) if same else False


@dataclass(frozen=True)
class Work:
    """Tasks of the care teams."""

    right = "tasks.read"

    async def arms(self, door: Door, query: Query, source: int, *, changed: bool) -> list[Arm]:
        scope = door.caller.scope
        if not has(door.caller, self.right) or scope.is_a_place:
            return []
        asked = scope.of_teams(select(TaskRow), TaskRow.care_team_id)
        for one in query.filters:
            meant = await _meant(one, self.meets, door.session)
            if meant is False:
                return []
            asked = asked if meant is True else asked.where(meant)
        moment = TaskRow.changed if changed else TaskRow.opened
        return [Arm(source, asked, moment, (TaskRow.patient_id, TaskRow.key), alone=True)]

    async def meets(self, name: str, value: Value, session: AsyncSession) -> Meant:
        """What one value of a filter means for these."""
        match name:
            case "_id" | "identifier":
                if isinstance(value, Token) and value.system not in (None, REQUEST):
                    return False
                key = await work_key(session, value.code if isinstance(value, Token) else str(value))
                return key is not None and tuple_(TaskRow.patient_id, TaskRow.key) == key
            case "patient" | "subject":
                patient = named(value, "Patient")
                return patient is not None and TaskRow.patient_id == patient
            case "owner":
                person, team = named(value, "Practitioner"), named(value, "Organization")
                theirs = [TaskRow.claimed_by == person] if person is not None else []
                return either([*theirs, *([(TaskRow.care_team_id == team) & TaskRow.claimed_by.is_(None)] if team else [])])
            case "requester":
                place = named(value, "Organization")
                teams = select(CareTeam.id).where(CareTeam.organisation_id == place)
                return place is not None and TaskRow.care_team_id.in_(teams)
            case "status":
                return _work_status(value)
            case "business-status":
                return is_code(value, BUSINESS_STATUS, "not-needed") and TaskRow.status == "not_needed"
            case "code":
                if not isinstance(value, Token) or value.system not in (None, TASK_KIND):
                    return False
                return TaskRow.kind == value.code if value.code else True
            case "performer":
                if not isinstance(value, Token) or value.system not in (None, ROLE):
                    return False
                return TaskRow.by == value.code if value.code else True
            case "intent":
                return is_code(value, INTENT, "order")
            case "priority":
                return either(TaskRow.urgent.is_(flag) for flag in (True, False) if is_code(value, PRIORITY, _urgency(flag)))
            case "authored-on":
                return at(TaskRow.opened, value)
            case "modified" | "_lastUpdated":
                return at(TaskRow.changed, value)
        return False  # encounter, part-of, based-on, focus, group-identifier, period: no task of a care team has them


REFERRALS = Requests(
    "referral",
    ReferralRow,
    ReferralRow.place_id,
    "referrals.read",
    "ServiceRequest",
    referrals.OPEN,
    standings("referral", sorted(referrals.OPEN | referrals.CLOSED)),
)
REFILLS = Requests(
    "refill",
    RefillRow,
    RefillRow.pharmacy_id,
    "refills.read",
    "MedicationRequest",
    refills.OPEN,
    standings("refill", sorted({*refills.OPEN, *refills.MOVES, "cancelled"})),
)
WORK = Work()


async def work_key(session: AsyncSession, id_: str) -> tuple[str, str] | None:
    """The patient and the key of the task that has this id."""
    patient = patient_of(id_)
    if patient == id_:
        return None
    keys = await session.scalars(select(TaskRow.key).where(TaskRow.patient_id == patient))
    return next(((patient, key) for key in keys if id_under(patient, key) == id_), None)


async def _meant(asked: Filter, meets: Any, session: AsyncSession) -> Meant:
    meant = either([await meets(asked.name, value, session) for value in asked.values])
    return other(meant) if asked.modifier == "not" else meant


def _work_status(value: Value) -> Meant:
    claimed, open_ = TaskRow.claimed_by.is_not(None), TaskRow.status == "open"
    how = {
        "requested": open_ & ~claimed,
        "in-progress": open_ & claimed,
        "completed": TaskRow.status == "done",
        "cancelled": TaskRow.status == "not_needed",
    }
    return either(meant for status, meant in how.items() if is_code(value, TASK_STATUS, status))


def _urgency(urgent: bool) -> str:
    return "urgent" if urgent else "routine"


def _of_organisation(patient: InstrumentedAttribute[str], value: Value) -> Meant:
    place = named(value, "Organization")
    if place is None:
        return False
    theirs = select(Patient.id).join(CareTeam, CareTeam.id == Patient.care_team_id).where(CareTeam.organisation_id == place)
    return patient.in_(theirs)
