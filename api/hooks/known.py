"""What is known of the patient of a hook: what Cairn knows, and what the record system sent along (prefetch).

Rule 1: a patient is found by Cairn's own id or by an identifier that they were enrolled with; care sees those of its own teams, a
        clinic those of its network: it treats whoever stands before it. Anybody else's patient looks like nobody's.
Rule 2: of one reading the newest counts, whoever knows it; a value that no living body has is none.
Rule 3: nothing is fetched from the record system: an address that a caller names is not ours to open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, get_args

from sqlalchemy.ext.asyncio import AsyncSession

from api.ahead import Standing, standing
from api.hooks.orders import Ordered, around, ordered, resources, words_of
from api.parts import ApiParts
from api.problems import Problem
from pathways.engine import calendar
from pathways.engine.events import Known
from pathways.engine.state import Person
from records.callers import OF_A_PLACE, Caller
from records.hooks import in_network
from records.intake.chart import HOLDS_NOW, Chart
from records.intake.codes import LOINC, shipped_codes
from records.intake.fhir import code_in, codings, day, part, text
from records.intake.notes import Notes
from records.intake.patient import identify, read_sex
from records.intake.people import Sex
from records.intake.places import known_zone
from records.patients import Patients
from records.places import Places
from records.scope import NETWORK
from records.tables import Patient

PREGNANT = "82810-3"  # LOINC: pregnancy status
IS_PREGNANT = "77386006"  # SNOMED CT: pregnant
TAKEN_SINCE = timedelta(days=90)  # a supply that ended so long ago is not taken any more
STATED = ("MedicationRequest", "MedicationStatement", "MedicationDispense")
KEYS = ("patient", "medications", "conditions", "observations")


@dataclass(frozen=True, slots=True)
class Sent:
    """What came along: a Patient, and Bundles. What failed on their side is as if it had not been asked for."""

    patient: Mapping[str, Any] = field(default_factory=dict)
    medications: object = None
    conditions: object = None
    observations: object = None

    @classmethod
    def of(cls, prefetch: Mapping[str, Any] | None) -> Sent:
        """From a request; anything may be in it."""
        found = {key: value for key in KEYS if _is_there(value := (prefetch or {}).get(key))}
        patient = next(resources(found.pop("patient", None), "Patient"), {})
        return cls(patient, **found)

    @property
    def nothing(self) -> bool:
        return not self.patient and self.medications is None and self.conditions is None and self.observations is None


@dataclass(frozen=True, slots=True)
class Around:
    """Whom a prescription is for. ``taken``: what they take now, by the tables' names and doses (milligrams a day)."""

    person: Person
    readings: Mapping[str, Known]
    taken: Mapping[str, float | None]
    today: date


async def patient_of(
    session: AsyncSession, parts: ApiParts, caller: Caller, patient_id: str, sent: Sent, fhir_server: str
) -> Patient | None:
    """The patient of the hook, if they are ours and the caller's to ask about."""
    patients = Patients(session, parts.vault)
    found = await patients.get(patient_id) if len(patient_id) <= 40 and patient_id.isascii() else None
    if found is None:
        base = text(fhir_server).rstrip("/")
        named = identify(sent.patient, f"{base}/Patient/{text(patient_id)}" if base else "") if sent.patient else ()
        known = await patients.known_as(tuple(f"{one.system}|{one.value}" for one in named)) if named else None
        found = await patients.get(known) if known is not None else None
    if found is None:
        return None
    if caller.role not in OF_A_PLACE:
        return found if caller.scope.covers_team(found.care_team_id) else None
    return found if await in_network(session, found, await Places(session).networks_of(caller.place)) else None


async def stands(session: AsyncSession, parts: ApiParts, patient: Patient) -> Standing | None:
    """How a patient of ours stands; None for a person who was forgotten. Raises Problem 412 where it cannot be worked out."""
    try:
        return await standing(session, parts, NETWORK, patient.id)
    except Problem as problem:
        if problem.status == 404:
            return None
        raise Problem(412, f"What Cairn knows of this patient cannot be read now. {problem.detail}") from None


def around_them(stands: Standing | None, sent: Sent, today: date, besides: Iterable[str] = ()) -> Around:
    """What is known of whoever the prescriptions are for. ``besides``: references of what is being written, taken by nobody yet."""
    person, readings, zone = Person(), {}, "UTC"
    taken: dict[str, float | None] = {}
    if stands is not None:
        person, today, zone = stands.state.person, stands.today, stands.state.person.timezone
        readings = dict(stands.state.readings)
        taken |= {supply.medicine: None for supply in stands.state.supplies.values() if supply.ends >= today - TAKEN_SINCE}
    if sent.patient:
        person = replace(person, born=person.born or day(sent.patient.get("birthDate")), sex=_sex(person.sex, sent))
    chart = Chart(shipped_codes(), known_zone(zone), today, Notes("prefetch"))
    for observation in resources(sent.observations, "Observation"):
        chart.observation(observation, "prefetch")
    for reading in chart.readings:
        known = readings.get(reading.name)
        if known is None or reading.at.date() >= known.on:
            readings[reading.name] = Known(reading.value, reading.at.date())
    conditions = [*person.conditions, *_conditions(sent)]
    known_there = around(sent.medications)
    for one in resources(sent.medications, *STATED):
        said = ordered(one, known_there)
        if said is not None and said.reference not in set(besides) and said.names:
            taken |= _doses(said)
    return Around(replace(person, conditions=tuple(dict.fromkeys(conditions))), readings, taken, today)


def _doses(said: Ordered) -> dict[str, float | None]:
    return {name: said.dose for name in said.names}


def _sex(known: str, sent: Sent) -> Sex | str:
    return known if known in get_args(Sex) and known != "unknown" else read_sex(text(sent.patient.get("gender")))


def _conditions(sent: Sent) -> Iterable[str]:
    """Diagnoses that hold now and are confirmed, in words."""
    for condition in resources(sent.conditions, "Condition"):
        clinical, verified = code_in(condition.get("clinicalStatus")), code_in(condition.get("verificationStatus"))
        ended = any(key.startswith("abatement") for key in condition)
        doubtful = verified in ("refuted", "entered-in-error", "unconfirmed", "provisional", "differential")
        if not doubtful and (clinical in HOLDS_NOW or (not clinical and not ended)):
            yield from words_of(part(condition, "code"))
    for observation in resources(sent.observations, "Observation"):
        about = {(coding.system, coding.code) for coding in codings(part(observation, "code"))}
        if (LOINC, PREGNANT) in about and code_in(observation.get("valueCodeableConcept")) == IS_PREGNANT:
            yield "pregnancy"


def _is_there(value: object) -> bool:
    return isinstance(value, dict | list) and not (isinstance(value, dict) and value.get("resourceType") == "OperationOutcome")


async def today_of(parts: ApiParts, session: AsyncSession) -> date:
    """The present day, UTC: where nobody of ours is meant."""
    return calendar.local_day(await parts.clock.now(session), "UTC")
