"""Provenance: who brought a request to each of its versions, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from sqlalchemy import select

from api.fhir import matching
from api.fhir.coding import coding, concept, reference, without_nothing
from api.fhir.kinds import Door, Interaction, Param, Query, Ref, Resource, id_under, meta, moment
from api.fhir.of_patients import HL7, READ_ONLY, OfPatients
from api.rights import has
from records.callers import names_of
from records.feed import as_it_was
from records.patients import Patients
from records.places import Places
from records.referrals import referrals
from records.refills import refills
from records.tables import Account, ApiKey, PlaceChange, SmartClient

OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
PART = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
RIGHTS = {"referral": "referrals.read", "refill": "refills.read"}
ORDERED = {"referral": "ServiceRequest", "refill": "MedicationRequest"}


class Provenances(OfPatients):
    """The type."""

    type = "Provenance"
    reads: tuple[str, ...] = ("referrals.read", "refills.read")
    params: Mapping[str, Param] = {
        "target": Param(
            "reference",
            "the Task or the order; a search needs this, patient or _id",
            ("Task", "ServiceRequest", "MedicationRequest"),
            definition=f"{HL7}/Provenance-target",
        ),
        "patient": Param("reference", "whose requests", ("Patient",), definition=f"{HL7}/Provenance-patient"),
        "recorded": Param("date", "when", definition=f"{HL7}/Provenance-recorded"),
        "agent": Param("reference", "who did it", ("Organization", "Practitioner"), definition=f"{HL7}/Provenance-agent"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "target": ("target",),
        "recorded": ("recorded",),
        "agent": ("agent.who", "agent.onBehalfOf"),
    }
    order: str = "-recorded"
    sorts: tuple[str, ...] = ("recorded", "_lastUpdated")
    includes: Mapping[str, str] = {"Provenance:target": "target", "Provenance:agent": "agent.who"}
    interactions: frozenset[Interaction] = READ_ONLY
    named_by: ClassVar[tuple[str, ...]] = ("patient",)

    async def whose(self, door: Door, query: Query) -> set[str]:
        """Of a request that is named, its patient."""
        asked = [value for one in query.of("target") for value in one.values if isinstance(value, Ref)]
        if not asked or matching.patients(query, "patient") is not None or query.of("_id"):
            return await super().whose(door, query)
        found = set()
        for ref in asked:
            row = await referrals(door.session).one(door.caller.scope, ref.id) or await refills(door.session).one(
                door.caller.scope, ref.id
            )
            found |= {row.patient_id} if row is not None else set()
        return found

    async def of(self, door: Door, patient_id: str) -> Sequence[Resource]:
        """All versions of a patient's requests that the caller may see."""
        scope, people = door.caller.scope, Patients(door.session, door.parts.vault)
        kinds = [kind for kind, right in RIGHTS.items() if has(door.caller, right)]
        patient = await people.get(patient_id)
        if patient is None or not (scope.is_a_place or scope.covers_team(patient.care_team_id)):
            return []
        told = select(PlaceChange).where(PlaceChange.patient_id == patient_id, PlaceChange.kind.in_(kinds))
        if scope.is_a_place and scope.places is not None:
            told = told.where(PlaceChange.place_id.in_(sorted(scope.places)))
        changes = list(await door.session.scalars(told))
        try:
            person = await people.vault_of(patient_id) if changes else None
        except LookupError:
            return []
        by = {} if person is None else {(one.place_id, one.n): str(as_it_was(person, one).get("by", "")) for one in changes}
        who = await _whoever(door, by.values())
        team = reference("Organization", patient.care_team_id)
        return [_shown(one, who.get(by[one.place_id, one.n]), team) for one in changes]


async def _whoever(door: Door, ids: Iterable[str]) -> dict[str, Resource]:
    """By id of a key or an account: who that is. A place learns of its own people who they are, of others for whom they acted."""
    asked = sorted({id_ for id_ in ids if id_})
    names = await names_of(door.session, asked)
    own = await Places(door.session).under(door.caller.place) if door.caller.scope.is_a_place else None
    found: dict[str, Resource] = {}
    for table in (ApiKey, Account) if asked else ():
        for id_, place, role in await door.session.execute(select(table.id, table.place, table.role).where(table.id.in_(asked))):
            person = reference("Practitioner", id_, names.get(id_, "")) if own is None or own.covers(place) else {}
            found[id_] = {"person": person, "role": role}
    systems = select(SmartClient.id, SmartClient.role).where(SmartClient.id.in_(asked))
    for id_, role in await door.session.execute(systems) if asked else ():
        found[id_] = {"person": {}, "role": role}  # a record system is no person: its place did it
    return found


def _shown(change: PlaceChange, by: Resource | None, team: Resource) -> Resource:
    asked_place = reference("Organization", change.place_id)
    first = change.version == 1
    if by is None:  # Cairn by itself, by the patient's pathway
        agent = {"who": team if first else {"display": "Cairn"}}
    else:
        behalf = asked_place if by["role"] in ("clinic", "pharmacy") else team
        agent = {"who": by["person"], "onBehalfOf": behalf} if by["person"] else {"who": behalf}
    operation = coding(OPERATION, "CREATE", "create") if first else coding(OPERATION, "UPDATE", "revise")
    version = f"_history/{change.version}"
    return without_nothing({
        "resourceType": "Provenance",
        "id": id_under(change.patient_id, f"change/{change.request_id}/{change.version}"),
        "meta": meta(1, change.at),
        "target": [
            {"reference": f"Task/{change.request_id}/{version}"},
            {"reference": f"{ORDERED[change.kind]}/{change.request_id}/{version}"},
        ],
        "occurredDateTime": moment(change.at),
        "recorded": moment(change.at),
        "activity": concept(operation, text=change.stage.replace("_", " ")),
        "agent": [{"type": concept(coding(PART, "author" if by is not None else "assembler")), **agent}],
    })  # fmt: skip
