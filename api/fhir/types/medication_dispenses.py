"""MedicationDispense: medicine that was handed out. A pharmacy sees what it handed out on a request of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from api.fhir.coding import coding, concept, days, medicine, reference, without_nothing
from api.fhir.kinds import Door, Interaction, Param, Resource, id_under, meta
from api.fhir.of_patients import HL7, VERSIONED, OfPatients, by_patient
from api.fhir.patients_log import opened
from pathways.engine.events import Corrected, Dispensed
from records.feed import as_it_was
from records.patients import Patients
from records.tables import PlaceChange

KINDS = ("dispensed", "corrected")
HANDED_OUT = ("part", "dispensed")
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The request that it answers. ``handed``: the moments at which the pharmacy itself handed something out on it; what a care
    team hands out ends a request, too.
    """

    request: str
    pharmacy: str
    handed: frozenset[str]

    def by_pharmacy(self, event: Dispensed) -> bool:
        return event.at.isoformat() in self.handed


def dispense_id(patient_id: str, event_id: str) -> str:
    """The id of what an event says was handed out."""
    return id_under(patient_id, event_id)


class MedicationDispenses(OfPatients):
    """The type."""

    type = "MedicationDispense"
    reads: tuple[str, ...] = ("refills.read",)
    params: Mapping[str, Param] = {
        **by_patient("MedicationDispense"),
        "status": Param("token", "completed, or entered-in-error", modifiers=("not",), definition=f"{HL7}/medications-status"),
        "code": Param("token", "the medicine, by ATC or RxNorm", definition=f"{HL7}/clinical-code"),
        "whenhandedover": Param("date", "the day", definition=f"{HL7}/MedicationDispense-whenhandedover"),
        "performer": Param("reference", "the pharmacy", ("Organization",), definition=f"{HL7}/MedicationDispense-performer"),
        "prescription": Param(
            "reference", "the refill that it answers", ("MedicationRequest",), definition=f"{HL7}/medications-prescription"
        ),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "patient": ("subject",),
        "subject": ("subject",),
        "status": ("status",),
        "code": ("medicationCodeableConcept",),
        "whenhandedover": ("whenHandedOver",),
        "performer": ("performer.actor",),
        "prescription": ("authorizingPrescription",),
    }
    order: str = "-whenhandedover"
    sorts: tuple[str, ...] = ("whenhandedover", "_lastUpdated")
    includes: Mapping[str, str] = {
        "MedicationDispense:patient": "subject",
        "MedicationDispense:subject": "subject",
        "MedicationDispense:prescription": "authorizingPrescription",
        "MedicationDispense:performer": "performer.actor",
    }
    interactions: frozenset[Interaction] = VERSIONED

    async def of(self, door: Door, patient_id: str) -> Sequence[Resource]:
        """All that was handed out to a patient, as far as it is the caller's to see."""
        return [versions[-1] for versions in await self._all(door, patient_id)]

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """What it was, the newest first."""
        found = await self._all(door, id_.partition(".")[0])
        return next((versions[::-1] for versions in found if versions[0]["id"] == id_), [])

    async def _all(self, door: Door, patient_id: str) -> list[list[Resource]]:
        scope, people = door.caller.scope, Patients(door.session, door.parts.vault)
        patient = await people.get(patient_id)
        if patient is None or not (scope.is_a_place or scope.covers_team(patient.care_team_id)):
            return []
        told = await self._told(door, patient_id)
        if scope.is_a_place and not told:
            return []
        try:
            person = await people.vault_of(patient_id)
        except LookupError:
            return []
        asked: dict[tuple[datetime, str], _Asked] = {}
        for one in told:
            body = as_it_was(person, one)["body"]
            handed = frozenset(str(line["at"]) for line in body.get("handed", ()))
            asked[one.at, str(body.get("medicine", ""))] = _Asked(one.request_id, one.place_id, handed)
        log = await opened(door, person, KINDS)
        undone = {one.id: one for one in log if isinstance(one, Corrected) and one.void}
        voids = [one for one in undone.values() if one.id not in {other.corrects for other in undone.values()}]
        found = []
        for event in (one for one in log if isinstance(one, Dispensed)):
            on = asked.get((event.learnt, event.fill.medicine))
            if scope.is_a_place and (on is None or not on.by_pharmacy(event)):
                continue
            versions = [_shown(patient_id, event, on, None)]
            versions += [_shown(patient_id, event, on, one) for one in voids if one.corrects == event.id][:1]
            found.append(versions)
        return found

    async def _told(self, door: Door, patient_id: str) -> list[PlaceChange]:
        """The moves of requests by which something was handed out: each is of the same transaction as the event that tells of it,
        and so of the same moment."""
        told = select(PlaceChange).where(
            PlaceChange.patient_id == patient_id, PlaceChange.kind == "refill", PlaceChange.stage.in_(HANDED_OUT)
        )
        places = door.caller.scope.places
        if door.caller.scope.is_a_place and places is not None:
            told = told.where(PlaceChange.place_id.in_(sorted(places)))
        return list(await door.session.scalars(told))


def _shown(patient_id: str, event: Dispensed, on: _Asked | None, void: Corrected | None) -> Resource:
    return without_nothing({
        "resourceType": "MedicationDispense",
        "id": dispense_id(patient_id, event.id),
        "meta": meta(1, event.learnt) if void is None else meta(2, void.learnt),
        "status": "completed" if void is None else "entered-in-error",
        "type": concept(coding(ACT, "RFP", "Refill - Part Fill")) if event.part else None,
        "medicationCodeableConcept": medicine(event.fill.medicine),
        "subject": reference("Patient", patient_id),
        "performer": [{"actor": reference("Organization", on.pharmacy)}] if on is not None and on.by_pharmacy(event) else None,
        "authorizingPrescription": [reference("MedicationRequest", on.request)] if on is not None else None,
        "daysSupply": days(event.fill.days),
        "whenHandedOver": event.fill.on.isoformat(),
    })  # fmt: skip
