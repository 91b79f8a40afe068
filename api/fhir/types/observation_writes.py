"""An Observation that comes in becomes an event of the patient's workflow; put right, it becomes a correction.

Rule 1: a value is known by its LOINC code or by the reading's own name, in a unit that we can convert; what is not known is refused
        and named, never guessed.
Rule 2: a clinic tells only of patients whom it was referred; what it tells is a hospital's reading.
Rule 3: what is told is held against what can be believed, as by REST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select

from activities.plans import UnknownVersion
from api.believing import believe
from api.fhir.differing import rule, same
from api.fhir.exchange import Desk
from api.fhir.kinds import Door, Issue, Refused, Resource, patient_of
from api.fhir.making import Making
from api.fhir.types.observations import PANEL, PRESSURE, behind, observation_id, readings_of
from api.problems import not_found
from api.routes.corrections import refuse
from api.writing import Case, happened_at
from pathways.engine.events import AnyEvent, Corrected, ReadingReceived, Value
from pathways.engine.plan import Plan
from records.happened import Happened
from records.intake.codes import LOINC, Codes, shipped_codes
from records.intake.fhir import codings, moment, number, part, parts, text
from records.intake.units import UnknownUnit, to_ours
from records.tables import Patient, ReferralRow

READING, CHOICE = "urn:cairn:reading", "urn:cairn:choice"
TAKEN = ("final", "amended", "corrected")
_MAY_CHANGE = frozenset({"status", "valueQuantity", "valueBoolean", "valueCodeableConcept", "component", "note"})
_PASSED_OVER = frozenset({"id", "meta", "text", "issued", "identifier", *_MAY_CHANGE})
Source = Literal["home", "laboratory", "hospital", "staff"]


class ObservationWrites:
    """Write side of Observation."""

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {
        "create": ("patients.record", "readings.send"),
        "update": ("patients.record",),
    }
    removable: frozenset[str] = frozenset()

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Its readings, as one event."""
        if text(resource.get("status")) not in TAKEN:
            raise rule(f"Only what is {', '.join(TAKEN)} is taken: send it when it is final.", "Observation.status")
        patient_id = _subject(desk, resource)
        plan, zone = await _known(desk, patient_id)
        readings = read(resource, plan)
        panel = set(PANEL) <= readings.keys()
        named = PRESSURE if panel else next(iter(readings))
        making = replace(making, if_match=None, called=lambda patient, event: observation_id(patient, event, named))
        at = _when(resource, zone)
        source = _source(desk, resource)

        async def change(case: Case) -> AnyEvent:
            if not await _may_tell(desk, case):
                raise _nobody()
            await believe(case.session, desk.parts.plans, patient_id, readings)
            id_ = making.event_id("readings")
            when = happened_at(_not_after(at, resource, case), case.now)
            return ReadingReceived(id=id_, at=when, learnt=case.now, readings=readings, source=source)

        written = await making.change(patient_id, change)
        return observation_id(patient_id, written.event_id, named)

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        """Entered in error, or the right values."""
        changed = [name for name in after if name not in _PASSED_OVER and not _same(name, before.get(name), after[name], desk.base)]
        if changed:
            where = tuple(f"Observation.{name}" for name in sorted(changed))
            raise rule(f"{', '.join(where)} stays as it is; what may change: the status and the value.", *where)
        async with desk.parts.database.reading() as session:
            found = await behind(Door(desk.parts, session, desk.caller, desk.base, desk.language), id_)
        if found is None:
            raise not_found()
        patient_id, event_id, names = found
        status, was = text(after.get("status")), text(before.get("status"))
        if was == "entered-in-error":
            if status == was:
                return
            raise rule("What was entered in error stays so: send the right reading as a new Observation.", "Observation.status")
        plan, _ = await _known(desk, patient_id)
        void = status == "entered-in-error"
        if not void and status not in TAKEN:
            raise rule(f"An Observation becomes corrected or entered-in-error, not {status}.", "Observation.status")
        old, new = ({}, {}) if void else (read(before, plan), read(after, plan))
        right = {name: value for name, value in new.items() if old.get(name) != value}
        if right.keys() - set(names):
            raise rule("A correction tells no other reading than before: send that as a new Observation.", "Observation.component")
        if not void and not right:
            return

        async def change(case: Case) -> AnyEvent:
            if not desk.caller.scope.covers_team(case.patient.care_team_id):
                raise not_found()
            wrong = await Happened(case.session, case.person).one(event_id)
            if wrong is None:
                raise not_found()
            if void and (set(readings_of(wrong.event)) - set(names) or not isinstance(wrong.event, ReadingReceived)):
                told = "This reading was told with others, which stay: send the right value, or void the visit by REST."
                raise rule(told, "Observation.status")
            correction = Corrected(
                id=making.event_id("corrected"),
                at=case.now,
                learnt=case.now,
                corrects=event_id,
                readings=right,
                void=void,
                why="other",
            )
            refuse(wrong, correction)
            await believe(case.session, desk.parts.plans, patient_id, right)
            return correction

        await replace(making, if_match=None).change(patient_id, change)

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        raise Refused(405, "not-supported", "An Observation is not deleted: send it with status entered-in-error.")


def _same(name: str, one: Any, other: Any, base: str) -> bool:
    """As ``same``; a code is the same where it is one of ours, however many of them are sent."""
    if name in ("code", "category"):
        had = {(coding.system, coding.code) for concept in parts({"x": one}, "x") for coding in codings(concept)}
        return {(coding.system, coding.code) for concept in parts({"x": other}, "x") for coding in codings(concept)} <= had
    return same(one, other, base)


def read(resource: Resource, plan: Plan) -> dict[str, Value]:
    """The readings of an Observation and its components, in our units. Raises Refused 422 that names each that cannot be used."""
    measured: list[tuple[str, Mapping[str, Any]]] = [("Observation", resource)] if _has_value(resource) else []
    measured += [(f"Observation.component[{n}]", one) for n, one in enumerate(parts(resource, "component")) if _has_value(one)]
    found: dict[str, Value] = {}
    wrong: list[Issue] = []
    for where, one in measured:
        try:
            name, value = _reading(where, one, plan)
        except Refused as refused:
            wrong.append(Issue(refused.code, refused.text, refused.where))
            continue
        if name in found:
            wrong.append(Issue("invalid", f"{where}: the same reading is told twice.", (where,)))
        found[name] = value
    if not measured:
        wrong.append(Issue("required", "There is no value: send valueQuantity, or components with values.", ("Observation.value",)))
    if wrong:
        first, *rest = wrong
        raise Refused(422, first.code, first.text, first.where, also=tuple(rest))
    return found


def _has_value(one: Mapping[str, Any]) -> bool:
    return any(name.startswith("value") and name != "valueSet" for name in one)


def _reading(where: str, one: Mapping[str, Any], plan: Plan) -> tuple[str, Value]:
    known = shipped_codes()
    name = _name(one, plan, known)
    if name is None:
        told = f"{where}.code: no reading that is kept here has this code; send its LOINC code, or leave it out."
        raise Refused(422, "code-invalid", told, (f"{where}.code",))
    if "valueBoolean" in one:
        return name, bool(one["valueBoolean"])
    chosen = [coding.code.replace("-", "_") for coding in codings(one.get("valueCodeableConcept")) if coding.system == CHOICE]
    if chosen:
        return name, tuple(code for code in chosen if code != "none")
    quantity = part(one, "valueQuantity")
    value = number(quantity.get("value"))
    if value is None or text(quantity.get("comparator")):
        told = f"{where}.valueQuantity: send the value itself, with its unit."
        raise Refused(422, "required", told, (f"{where}.valueQuantity",))
    return name, _in_ours(where, name, value, [text(quantity.get(key)) for key in ("code", "unit")], plan, known)


def _name(one: Mapping[str, Any], plan: Plan, known: Codes) -> str | None:
    for coding in codings(one.get("code")):
        if coding.system == READING:
            return coding.code.replace("-", "_")
        if coding.system != LOINC:
            continue
        if coding.code in known.loinc:
            return known.loinc[coding.code].name
        for pathway in plan.pathways.values():
            for name, reading in pathway.readings.items():
                if coding.code in reading.loinc:
                    return name
    return None


def _in_ours(where: str, name: str, value: float, units: list[str], plan: Plan, known: Codes) -> float:
    """The value in the reading's own unit, whichever way the sender wrote theirs."""
    own = {reading.unit or "" for pathway in plan.pathways.values() if (reading := pathway.readings.get(name)) is not None}
    kind = known.readings.get(name)
    remedies = sorted(own)
    for unit in units:
        if unit and unit in own:
            return value
        if kind is not None:
            try:
                return to_ours(kind.measure, value, unit)
            except UnknownUnit as refusal:
                remedies = [refusal.remedy.removeprefix("send it in one of: ")]
    told = f"{where}.valueQuantity: this unit is not known for this reading; send it in one of: {', '.join(remedies) or '1'}."
    raise Refused(422, "invalid", told, (f"{where}.valueQuantity",))


def _subject(desk: Desk, resource: Resource) -> str:
    reference = text(part(resource, "subject").get("reference")).removeprefix(f"{desk.base}/")
    if not reference.startswith("Patient/"):
        raise Refused(422, "required", "Whose is it? Send subject as Patient/id.", ("Observation.subject",))
    return patient_of(reference.removeprefix("Patient/"))


async def _known(desk: Desk, patient_id: str) -> tuple[Plan, ZoneInfo]:
    async with desk.parts.database.reading() as session:
        patient = await session.get(Patient, patient_id)
        if patient is None:
            raise _nobody()
        try:
            plan, _ = await desk.parts.plans.of(session, patient_id)
        except UnknownVersion:
            plan = Plan({})
        return plan, ZoneInfo(patient.timezone)


def _nobody() -> Refused:
    return Refused(422, "not-found", "There is no such patient among yours: name one as Patient/id.", ("Observation.subject",))


async def _may_tell(desk: Desk, case: Case) -> bool:
    """The patient is the caller's, or was referred to the caller's place."""
    scope = desk.caller.scope
    if not scope.is_a_place:
        return scope.covers_team(case.patient.care_team_id)
    asked = select(ReferralRow.id).where(
        ReferralRow.patient_id == case.patient.id, ReferralRow.stage.not_in(("refused", "cancelled", "aborted"))
    )
    return (await case.session.scalars(scope.of_places(asked, ReferralRow.place_id).limit(1))).first() is not None


def _when(resource: Resource, zone: ZoneInfo) -> datetime | None:
    for value in (
        resource.get("effectiveDateTime"),
        resource.get("effectiveInstant"),
        part(resource, "effectivePeriod").get("start"),
        resource.get("issued"),
    ):
        if value is not None and (at := moment(value, zone)) is not None:
            return at
    if any(name.startswith("effective") for name in resource):
        told = "When was it taken? Send effectiveDateTime with a whole day, such as 2025-03-03 or 2025-03-03T09:00:00Z."
        raise Refused(422, "invalid", told, ("Observation.effective",))
    return None


def _not_after(at: datetime | None, resource: Resource, case: Case) -> datetime | None:
    """A bare day stands for its noon, which may lie ahead on the day itself."""
    only_a_day = len(text(resource.get("effectiveDateTime"))) == len("2025-03-03")
    return min(at, case.now) if at is not None and only_a_day and at.date() <= case.today else at


def _source(desk: Desk, resource: Resource) -> Source:
    if any(coding.code == "laboratory" for category in parts(resource, "category") for coding in codings(category)):
        return "laboratory"
    if desk.caller.scope.is_a_place:
        return "hospital"
    by_patient = any(text(one.get("reference")).startswith("Patient/") for one in parts(resource, "performer"))
    return "home" if by_patient else "staff"
