"""MedicationRequest: a refill that a pharmacy is asked for. The Task of the same id says how far it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import select

from api.fhir import matching
from api.fhir.asked import REFILLS, REQUEST
from api.fhir.coding import concept, days, medicine, reference, without_nothing
from api.fhir.kinds import Door, Filter, Found, Interaction, Param, Query, Refused, Resource, Token, meta, moment
from api.fhir.listing import listed
from api.fhir.of_patients import HL7, MOST_PATIENTS, VERSIONED
from api.fhir.past import past
from api.models.refills import RefillOut
from api.rights import has
from api.showing.patients import Showing
from api.showing.requests import show_refills
from records.refills import refills
from records.tables import Base, CareTeam, Patient, RefillRow

STATUS = {"completed": ("dispensed",), "cancelled": ("cancelled",), "stopped": ("refused", "out_of_stock")}
#: By a status of ours, the statuses of Tasks that it stands for.
AS_TASK = {
    "active": ("requested", "received", "accepted", "in-progress", "on-hold"),
    "completed": ("completed",),
    "cancelled": ("cancelled",),
    "stopped": ("rejected", "failed"),
}
TASK_NAMES = {"authoredon": "authored-on", "intended-performer": "owner"}


class MedicationRequests:
    """The type."""

    type = "MedicationRequest"
    reads: tuple[str, ...] = ("refills.read",)
    params: Mapping[str, Param] = {
        "patient": Param("reference", "whom it is for", ("Patient",), definition=f"{HL7}/clinical-patient"),
        "subject": Param("reference", "whom it is for", ("Patient",), definition=f"{HL7}/MedicationRequest-subject"),
        "status": Param("token", "active, completed, stopped, cancelled", definition=f"{HL7}/medications-status"),
        "intent": Param("token", "always order", definition=f"{HL7}/MedicationRequest-intent"),
        "authoredon": Param("date", "when it was asked for", definition=f"{HL7}/MedicationRequest-authoredon"),
        "identifier": Param("token", f"the id, of system {REQUEST}", definition=f"{HL7}/clinical-identifier"),
        "intended-performer": Param(
            "reference", "the pharmacy", ("Organization",), definition=f"{HL7}/MedicationRequest-intended-performer"
        ),
        "code": Param("token", "the medicine, by ATC or RxNorm; together with patient", definition=f"{HL7}/clinical-code"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "patient": ("subject",),
        "subject": ("subject",),
        "status": ("status",),
        "intent": ("intent",),
        "authoredon": ("authoredOn",),
        "identifier": ("identifier",),
        "intended-performer": ("dispenseRequest.performer",),
        "code": ("medicationCodeableConcept",),
    }
    sorts: tuple[str, ...] = ("authoredon", "_lastUpdated")
    includes: Mapping[str, str] = {
        "MedicationRequest:patient": "subject",
        "MedicationRequest:subject": "subject",
        "MedicationRequest:intended-performer": "dispenseRequest.performer",
    }
    interactions: frozenset[Interaction] = VERSIONED

    async def one(self, door: Door, id_: str) -> Resource | None:
        """The request as it is now."""
        return (await self.many(door, [id_])).get(id_)

    async def many(self, door: Door, ids: Collection[str]) -> Mapping[str, Resource]:
        """Those of ``ids`` that the caller may see, by id."""
        found = [await refills(door.session).one(door.caller.scope, id_) for id_ in sorted(set(ids))]
        return {one["id"]: one for one in await shown(door, [row for row in found if row is not None])}

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """What it was, the newest first."""
        row = await refills(door.session).one(door.caller.scope, id_)
        was = await past(door, row) if row is not None else []
        return await shown(door, [one for one in was if isinstance(one, RefillRow)])

    async def search(self, door: Door, query: Query) -> Found:
        """Requests, oldest first; of those that changed lately, in the order of the change. Raises BadCursor, Refused."""
        named, ids = matching.patients(query, "patient", "subject"), matching.ids(query)
        if named is not None or ids is not None:
            if max(len(named or ()), len(ids or ())) > MOST_PATIENTS * 10:
                raise Refused(400, "too-costly", f"A search names {MOST_PATIENTS * 10} patients or ids at most: ask for fewer.")
            rows = await self._rows(door, named, ids)
            return matching.page(await shown(door, rows), query, self.params, self.paths, "authoredon")
        if query.of("code"):
            raise Refused(400, "too-costly", "Medicines are sealed: a search by code needs the patient, too.", ("code",))
        if not query.sort and query.of("_lastUpdated"):  # by the index that finds them
            query = replace(query, sort=(("_lastUpdated", False),))
        page, total = await listed(door, _as_tasks(query), (REFILLS,))
        return Found(await shown(door, [row for row in page.items if isinstance(row, RefillRow)]), page.next, total)

    async def _rows(self, door: Door, named: Collection[str] | None, ids: Collection[str] | None) -> Sequence[Base]:
        if not has(door.caller, REFILLS.right):
            return []
        asked = select(RefillRow)
        asked = asked.where(RefillRow.patient_id.in_(sorted(named))) if named is not None else asked
        asked = asked.where(RefillRow.id.in_(sorted(ids))) if ids is not None else asked
        scope = door.caller.scope
        return list(await door.session.scalars(scope.of_requests(asked, place=RefillRow.pharmacy_id, patient=RefillRow.patient_id)))


def _as_tasks(query: Query) -> Query:
    """The same search in the words of Task."""
    sort = tuple((TASK_NAMES.get(name, name), descending) for name, descending in query.sort)
    return replace(query, filters=tuple(_as_task(one) for one in query.filters), sort=sort)


def _as_task(asked: Filter) -> Filter:
    if asked.name != "status":
        return replace(asked, name=TASK_NAMES.get(asked.name, asked.name))
    meant = [
        Token(None, status)
        for value in asked.values
        if isinstance(value, Token) and not (value.system or "").startswith("urn:")
        for status in AS_TASK.get(value.code, ("entered-in-error",))
    ]
    return replace(asked, values=tuple(meant))


async def shown(door: Door, rows: Sequence[Base]) -> list[Resource]:
    """In their order; a few queries however many they are."""
    asked = [row for row in rows if isinstance(row, RefillRow)]
    showing = Showing(door.session, door.parts.vault, door.parts.plans, door.language)
    teams = select(Patient.id, CareTeam.id, CareTeam.name).join(CareTeam, CareTeam.id == Patient.care_team_id)
    mine = teams.where(Patient.id.in_(sorted({row.patient_id for row in asked})))
    of_patient = {patient: (team, name) for patient, team, name in await door.session.execute(mine)} if asked else {}
    out = await show_refills(showing, asked)
    return [_shown(row, one, of_patient.get(row.patient_id)) for row, one in zip(asked, out, strict=True)]


def _shown(row: RefillRow, out: RefillOut, team: tuple[str, str] | None) -> Resource:
    status = next((status for status, stages in STATUS.items() if row.stage in stages), "active")
    made: Resource = {
        "resourceType": "MedicationRequest",
        "id": row.id,
        "meta": meta(row.version, row.changed),
        "identifier": [{"system": REQUEST, "value": row.id}],
        "status": status,
        "statusReason": concept(text=out.reason or row.stage.replace("_", " ")) if status == "stopped" else None,
        "intent": "order",
        "medicationCodeableConcept": medicine(out.medicine) if out.medicine else concept(text="unknown"),
        "subject": reference("Patient", row.patient_id, out.patient.name or ""),
        "authoredOn": moment(row.asked),
        "requester": reference("Organization", *team) if team is not None else None,
        "note": [{"text": text} for text in _notes(out)],
        "dispenseRequest": without_nothing({
            "expectedSupplyDuration": days(out.days) if out.days is not None else None,
            "performer": reference("Organization", row.pharmacy_id),
        }),
    }  # fmt: skip
    return without_nothing(made)


def _notes(out: RefillOut) -> list[str]:
    """When it is needed, what the checks of medicines found, the pharmacist's word, and what it stands for."""
    found = [f"first day without medicine: {out.runs_out.isoformat()}"]
    found += [f"{warning.finding.replace('_', ' ')} ({warning.row}): {warning.because}" for warning in out.warnings]
    found += [f"pharmacist: {out.word}"] if out.word else []
    found += [f"in place of {out.instead_of}"] if out.instead_of else []
    return found
