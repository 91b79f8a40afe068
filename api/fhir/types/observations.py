"""Observation: every reading that was told of a patient, one resource each, blood pressure as a panel.

Rule 1: a reading is shown as it was told, in the unit it is kept in, with the code of that unit.
Rule 2: what was put right is the next version of the same Observation; what never happened is entered in error, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

from api.fhir.coding import LOINC, coding, concept, ours, quantity, reference
from api.fhir.kinds import Door, Interaction, Param, Resource, id_under, meta, moment, patient_of
from api.fhir.of_patients import HL7, VERSIONED, OfPatients, by_patient
from api.fhir.patients_log import log_of
from api.showing.patients import Showing
from api.showing.words import in_language
from pathways.engine.events import (
    AnswerReceived,
    AnyEvent,
    Corrected,
    Enrolled,
    ReadingReceived,
    ServiceCompleted,
    Value,
    VisitCompleted,
)
from pathways.engine.plan import Plan, Reading

KINDS = ("enrolled", "visit_completed", "reading_received", "service_completed", "answer_received", "corrected")
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CATEGORIES = {
    "vital-signs": "Vital Signs",
    "laboratory": "Laboratory",
    "exam": "Exam",
    "survey": "Survey",
}
PANEL = ("sbp", "dbp")
PRESSURE = "bp"
PANEL_CODE = coding(LOINC, "85354-9", "Blood pressure panel with all children optional")

Taken = date | datetime  # a day where only the day is known
Readings = Mapping[str, tuple[Value, Taken]]


def observation_id(patient_id: str, event_id: str, name: str) -> str:
    """The id of what an event told. ``name``: of the reading; ``bp`` for a pressure of which both were told."""
    return id_under(patient_id, f"{event_id}/{name}")


async def behind(door: Door, id_: str) -> tuple[str, str, tuple[str, ...]] | None:
    """Of what an Observation is made: patient, event, and names of readings; None where it is not the caller's."""
    for told in await _told(door, patient_of(id_)):
        for name, names in told.observed().items():
            if observation_id(told.patient, told.event.id, name) == id_:
                return told.patient, told.event.id, names
    return None


@dataclass(frozen=True)
class _Told:
    """An event that told readings, and what came to it later, in order of learning."""

    patient: str
    event: AnyEvent
    corrections: tuple[Corrected, ...]

    def states(self) -> Iterator[tuple[datetime, Readings, bool]]:
        """What it said from the first on: since when, the readings, and whether it never happened."""
        for n in range(len(self.corrections) + 1):
            so_far = self.corrections[:n]
            undone = {one.corrects for one in so_far if one.void}
            live = [one for one in so_far if one.corrects == self.event.id and one.id not in undone]
            readings = dict(readings_of(self.event))
            for one in live:
                readings |= {
                    name: (value, readings[name][1] if name in readings else self.event.at) for name, value in one.readings.items()
                }
            yield so_far[-1].learnt if so_far else self.event.learnt, readings, any(one.void for one in live)

    def observed(self) -> dict[str, tuple[str, ...]]:
        """What is shown of it: the panel and single readings, by name."""
        named: dict[str, Taken] = {name: at for _, readings, _ in self.states() for name, (_, at) in readings.items()}
        both = all(name in named for name in PANEL) and named[PANEL[0]] == named[PANEL[1]]
        alone: dict[str, tuple[str, ...]] = {name: (name,) for name in named if not (both and name in PANEL)}
        return ({PRESSURE: PANEL} if both else {}) | alone


def readings_of(event: AnyEvent) -> Readings:
    """What an event told, and when it was taken."""
    match event:
        case Enrolled():
            return {name: (known.value, known.on) for name, known in event.readings.items()}
        case VisitCompleted() | ReadingReceived() | ServiceCompleted() | AnswerReceived():
            return {name: (value, event.at) for name, value in event.readings.items()}
    return {}


class Observations(OfPatients):
    """The type."""

    type = "Observation"
    reads: tuple[str, ...] = ("patients.read",)
    params: Mapping[str, Param] = {
        **by_patient("Observation"),
        "code": Param("token", "LOINC, or a reading's own name", definition=f"{HL7}/clinical-code"),
        "combo-code": Param("token", "of the Observation or a component", definition=f"{HL7}/Observation-combo-code"),
        "component-code": Param("token", "of a component", definition=f"{HL7}/Observation-component-code"),
        "category": Param("token", "vital-signs, laboratory, exam, survey", definition=f"{HL7}/Observation-category"),
        "date": Param("date", "when it was taken", definition=f"{HL7}/clinical-date"),
        "status": Param("token", "final, corrected, entered-in-error", modifiers=("not",), definition=f"{HL7}/Observation-status"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "patient": ("subject",),
        "subject": ("subject",),
        "code": ("code",),
        "combo-code": ("code", "component.code"),
        "component-code": ("component.code",),
        "category": ("category",),
        "date": ("effectiveDateTime",),
        "status": ("status",),
    }
    order: str = "-date"
    sorts: tuple[str, ...] = ("date", "code", "status", "_id", "_lastUpdated")
    includes: Mapping[str, str] = {
        "Observation:patient": "subject",
        "Observation:subject": "subject",
        "Observation:performer": "performer",
    }
    interactions: frozenset[Interaction] = VERSIONED

    async def of(self, door: Door, patient_id: str) -> Sequence[Resource]:
        """All readings of a patient in the caller's care."""
        told = await _told(door, patient_id)
        plan = await _plan(door, patient_id) if told else Plan({})
        return [versions[-1] for one in told for versions in _shown(one, plan, door.language) if versions]

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """What it was, the newest first."""
        plan = await _plan(door, patient_of(id_))
        for one in await _told(door, patient_of(id_)):
            for versions in _shown(one, plan, door.language):
                if versions and versions[0]["id"] == id_:
                    return versions[::-1]
        return []


async def _plan(door: Door, patient_id: str) -> Plan:
    return await Showing(door.session, door.parts.vault, door.parts.plans, door.language).plan(patient_id)


async def _told(door: Door, patient_id: str) -> list[_Told]:
    log = await log_of(door, patient_id, KINDS)
    corrections = [event for event in log if isinstance(event, Corrected)]
    found = []
    for event in log:
        if readings_of(event) or any(one.corrects == event.id and one.readings for one in corrections):
            own = {one.id for one in corrections if one.corrects == event.id}
            mine = tuple(one for one in corrections if one.corrects == event.id or (one.void and one.corrects in own))
            found.append(_Told(patient_id, event, mine))
    return [one for one in found if not isinstance(one.event, Corrected)]


def _shown(told: _Told, plan: Plan, language: str) -> Iterator[list[Resource]]:
    """Of each Observation its versions, the oldest first."""
    for name, names in told.observed().items():
        id_ = observation_id(told.patient, told.event.id, name)
        versions: list[Resource] = []
        last: Resource = {}
        for at, readings, void in told.states():
            here = {one: readings[one] for one in names if one in readings}
            if not here:
                continue
            body = _body(told, here, plan, language, panel=name == PRESSURE)
            if body == last.get("body") and void == last.get("void"):
                continue
            last = {"body": body, "void": void}
            status = "entered-in-error" if void else "corrected" if versions else "final"
            made = {"resourceType": "Observation", "id": id_, "meta": meta(len(versions) + 1, at), "status": status, **body}
            versions.append(made)
        yield versions


def _body(told: _Told, readings: Readings, plan: Plan, language: str, *, panel: bool) -> Resource:
    taken = next(at for _, at in readings.values())
    codes = {name: _code(name, plan, language) for name in readings}
    body: Resource = {
        "category": [
            _category("vital-signs" if panel else _category_of(name, value)) for name, (value, _) in [*readings.items()][:1]
        ],
        "code": concept(PANEL_CODE, text="blood pressure") if panel else next(iter(codes.values())),
        "subject": reference("Patient", told.patient),
        "effectiveDateTime": moment(taken) if isinstance(taken, datetime) else taken.isoformat(),
        "issued": moment(told.event.learnt),
    }
    if isinstance(told.event, AnswerReceived) or (isinstance(told.event, ReadingReceived) and told.event.source == "home"):
        body["performer"] = [reference("Patient", told.patient)]
    if panel:
        return body | {
            "component": [{"code": codes[name], **_value(name, readings[name][0], plan)} for name in PANEL if name in readings]
        }
    ((name, (value, _)),) = readings.items()
    return body | _value(name, value, plan)


def _value(name: str, value: Value, plan: Plan) -> Resource:
    match value:
        case bool():
            return {"valueBoolean": value}
        case int() | float():
            return {"valueQuantity": quantity(float(value), _unit(name, plan))}
        case str():
            return {"valueCodeableConcept": concept(ours("choice", value), text=value.replace("_", " "))}
    if not value:  # asked, and nothing of it
        return {"valueCodeableConcept": concept(ours("choice", "none"), text="none")}
    chosen = [concept(ours("choice", one), text=one.replace("_", " ")) for one in value]
    return {"component": [{"code": one, "valueBoolean": True} for one in chosen]}


def _code(name: str, plan: Plan, language: str) -> Resource:
    known, reading = _table().get(name), _reading(name, plan)
    text = (in_language(reading.label, language) if reading is not None else "") or name.replace("_", " ")
    own = ours("reading", name)
    if known is not None:
        return concept(coding(LOINC, known["loinc"], known["display"]), own, text=text)
    if reading is not None and reading.loinc:
        return concept(coding(LOINC, reading.loinc[0]), own, text=text)
    return concept(own, text=text)


def _unit(name: str, plan: Plan) -> str:
    known, reading = _table().get(name), _reading(name, plan)
    return (reading.unit if reading is not None else None) or (known["unit"] if known is not None else None) or "1"


def _reading(name: str, plan: Plan) -> Reading | None:
    return next((one.readings[name] for one in plan.pathways.values() if name in one.readings), None)


def _category_of(name: str, value: Value) -> str:
    known = _table().get(name)
    if known is not None:
        return str(known["category"])
    return "survey" if not isinstance(value, float | int) or isinstance(value, bool) else "exam"


def _category(code: str) -> Resource:
    return concept(coding(CATEGORY, code, CATEGORIES[code]))


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    text = resources.files("api.fhir").joinpath("observations.yaml").read_text(encoding="utf-8")
    read: Mapping[str, Mapping[str, Any]] = YAML(typ="safe", pure=True).load(text)
    return read
