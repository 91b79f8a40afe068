"""CarePlan: the twelve months ahead of a patient, if all goes to plan; one plan a patient, of the id of the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import select

from api.ahead import A_YEAR, Standing, standing
from api.fhir.coding import concept, ours, reference, without_nothing
from api.fhir.kinds import Door, Param, Resource, meta, moment
from api.fhir.of_patients import HL7, OfPatients, by_patient
from api.fhir.patients_log import person_of
from api.fhir.types.plan_definitions import canonical
from api.models.story import AheadOut
from records.tables import Enrolment, EventRow

STATUS = {
    "active": "active",
    "paused": "on-hold",
    "in_hospital": "on-hold",
    "withdrawn": "revoked",
    "moved_away": "revoked",
    "died": "completed",
}
#: By what lies ahead, the kind of resource that it would be.
KIND = {
    "visit": "Appointment",
    "screening": "ServiceRequest",
    "reminder": "CommunicationRequest",
    "message": "CommunicationRequest",
    "refill": "MedicationRequest",
    "call": "Task",
    "task": "Task",
}


class CarePlans(OfPatients):
    """The type."""

    type = "CarePlan"
    reads: tuple[str, ...] = ("patients.read",)
    params: Mapping[str, Param] = {
        **by_patient("CarePlan"),
        "status": Param("token", "active, on-hold, revoked, completed", definition=f"{HL7}/CarePlan-status"),
        "date": Param("date", "within the twelve months", definition=f"{HL7}/clinical-date"),
        "instantiates-canonical": Param(
            "reference",
            "the pathway, with or without |version",
            ("PlanDefinition",),
            definition=f"{HL7}/CarePlan-instantiates-canonical",
        ),
        "activity-date": Param("date", "a day on which something is due", definition=f"{HL7}/CarePlan-activity-date"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "patient": ("subject",),
        "subject": ("subject",),
        "status": ("status",),
        "date": ("period",),
        "instantiates-canonical": ("instantiatesCanonical",),
        "activity-date": ("activity.detail.scheduledPeriod",),
    }
    order: str = "_id"
    sorts: tuple[str, ...] = ("_id", "_lastUpdated")
    includes: Mapping[str, str] = {"CarePlan:patient": "subject", "CarePlan:subject": "subject"}

    async def of(self, door: Door, patient_id: str) -> Sequence[Resource]:
        """The plan of a patient in the caller's care. Raises Problem 409 where a pathway of theirs no longer compiles."""
        if await person_of(door, patient_id) is None:
            return []
        stands = await standing(door.session, door.parts, door.caller.scope, patient_id)
        shown = await stands.year(door.language)
        return [await _shown(door, stands, shown.items, shown.assuming)]


async def _shown(door: Door, stands: Standing, items: Sequence[AheadOut], assuming: str) -> Resource:
    patient = stands.patient
    followed = select(Enrolment.pathway, Enrolment.version, Enrolment.since).where(Enrolment.patient_id == patient.id)
    pathways = list(await door.session.execute(followed.order_by(Enrolment.pathway)))
    last = await door.session.get(EventRow, (patient.id, patient.last_event))
    since = min((row.since for row in pathways), default=patient.created)
    return without_nothing({
        "resourceType": "CarePlan",
        "id": patient.id,
        "meta": meta(f"{patient.last_event}-{stands.today.isoformat()}", last.learnt if last is not None else patient.created),
        "instantiatesCanonical": [canonical(name, version) for name, version, _ in pathways],
        "status": STATUS.get(patient.life, "unknown"),
        "intent": "plan",
        "title": "The twelve months ahead",
        "description": assuming,
        "subject": reference("Patient", patient.id),
        "period": {"start": stands.today.isoformat(), "end": (stands.today + timedelta(days=A_YEAR)).isoformat()},
        "created": moment(since),
        "author": reference("Organization", patient.care_team_id),
        "activity": [_activity(one) for one in items],
    })  # fmt: skip


def _activity(one: AheadOut) -> Resource:
    detail = without_nothing({
        "kind": KIND.get(one.kind),
        "instantiatesCanonical": [f"urn:cairn:pathway:{name}" for name in one.pathways],
        "code": concept(*(ours("service", name) for name in one.services or ([one.kind] if one.kind else [])), text=one.what),
        "status": "scheduled" if one.code in ("agreed", "booked") else "not-started",
        "scheduledPeriod": {"start": one.day.isoformat(), "end": one.day.isoformat()},
        "description": one.why,
    })  # fmt: skip
    return {"detail": detail | {"doNotPerform": False}}
