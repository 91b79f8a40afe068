"""ServiceRequest: a referral as it was ordered, to one place; all places that were asked in turn share its requisition.

Source: HL7 FHIR R4 ServiceRequest. The order stays active while somebody has the next word; it is revoked where it was refused or
taken back, and the place that is asked next has an order of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.fhir.asked import PRIORITIES, REFERRAL, REQUEST, REQUEST_INTENT, Requests, Standing, standings
from api.fhir.coding import LOINC, coding, concept, quantity, reference
from api.fhir.kinds import Door, Filter, Found, Interaction, Param, Query, Resource, Value, id_under, meta, moment
from api.fhir.listing import listed
from api.fhir.meaning import Meant, is_code
from api.fhir.past import past
from api.fhir.types.tasks import centres_of
from api.models.requests import ReferralOut
from api.rights import has
from api.showing.patients import Showing
from api.showing.requests import show_referrals
from api.showing.words import in_language
from pathways.engine.plan import Pathway, Reading
from records import referrals as those
from records.referrals import referrals
from records.tables import Base, ReferralRow

SNOMED, REFERRED = "http://snomed.info/sct", "3457005"  # patient referral (procedure)
REQUEST_STATUS = "http://hl7.org/fhir/request-status"
_DONE = frozenset({"completed", "sent_back"})
#: What is asked for by another name than at a Task.
_AS_A_TASK = {"authored": "authored-on", "performer": "owner", "requisition": "group-identifier", "occurrence": "period"}


def status_of(stage: str) -> str:
    """How far the order is."""
    return "active" if stage in those.OPEN else "completed" if stage in _DONE else "revoked"


class _Orders(Requests):
    """Referrals, searched as orders."""

    def holds(self, asked: Filter, standing: Standing) -> bool:
        return any(is_code(value, REQUEST_STATUS, status_of(standing.stage)) for value in asked.values)

    async def meets(self, name: str, value: Value, session: AsyncSession) -> Meant:
        if name == "code":
            return is_code(value, SNOMED, REFERRED)
        if name == "intent":
            return is_code(value, REQUEST_INTENT, "order")
        return await super().meets(_AS_A_TASK.get(name, name), value, session)


ORDERS = _Orders(
    "referral",
    ReferralRow,
    ReferralRow.place_id,
    "referrals.read",
    "ServiceRequest",
    those.OPEN,
    standings("referral", sorted(those.OPEN | those.CLOSED)),
)


class ServiceRequests:
    """The type."""

    type = "ServiceRequest"
    reads: tuple[str, ...] = ("referrals.read",)
    sorts: tuple[str, ...] = ("authored", "_lastUpdated")
    interactions: frozenset[Interaction] = frozenset({"read", "vread", "search-type", "history-instance"})
    includes: Mapping[str, str] = {
        "ServiceRequest:patient": "subject",
        "ServiceRequest:performer": "performer",
        "ServiceRequest:requester": "requester",
        "ServiceRequest:subject": "subject",
    }
    params: Mapping[str, Param] = {
        "authored": Param("date", "when it was ordered"),
        "code": Param("token", "always a referral", definition="http://hl7.org/fhir/SearchParameter/clinical-code"),
        "identifier": Param(
            "token", f"the id, of system {REQUEST}", definition="http://hl7.org/fhir/SearchParameter/clinical-identifier"
        ),
        "intent": Param("token", "always order", modifiers=("not",)),
        "occurrence": Param("date", "the day for which the place has booked the patient"),
        "patient": Param(
            "reference", "who is referred", ("Patient",), definition="http://hl7.org/fhir/SearchParameter/clinical-patient"
        ),
        "performer": Param("reference", "the place that is asked", ("Organization",)),
        "priority": Param("token", "routine, urgent or stat", modifiers=("not",)),
        "requester": Param("reference", "the centre that orders", ("Organization",)),
        "requisition": Param("token", "the referral as a whole, whichever places were asked in turn"),
        "status": Param("token", "active, completed or revoked", modifiers=("not",)),
        "subject": Param("reference", "who is referred", ("Patient",)),
    }

    async def one(self, door: Door, id_: str) -> Resource | None:
        return (await self.many(door, [id_])).get(id_)

    async def many(self, door: Door, ids: Sequence[str]) -> Mapping[str, Resource]:
        """By id, those that the caller may see."""
        if not has(door.caller, ORDERS.right):
            return {}
        found = [await referrals(door.session).one(door.caller.scope, id_) for id_ in dict.fromkeys(ids)]
        return {one["id"]: one for one in await _shown(door, [row for row in found if row is not None])}

    async def search(self, door: Door, query: Query) -> Found:
        page, total = await listed(door, query, (ORDERS,))
        return Found(await _shown(door, page.items), page.next, total)

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        row = await referrals(door.session).one(door.caller.scope, id_) if has(door.caller, ORDERS.right) else None
        return [] if row is None else await _shown(door, await past(door, row))


async def _shown(door: Door, rows: Sequence[Base]) -> list[Resource]:
    """In their order."""
    asked = [row for row in rows if isinstance(row, ReferralRow)]
    showing = Showing(door.session, door.parts.vault, door.parts.plans, door.language)
    centres = await centres_of(door.session, [row.patient_id for row in asked])
    made = []
    for row, out in zip(asked, await show_referrals(showing, asked), strict=True):
        plan = await showing.plan(row.patient_id)
        made.append(_order(row, out, centres, plan.pathways.get(out.summary.pathway), door.language))
    return made


def _order(
    row: ReferralRow, out: ReferralOut, centres: Mapping[str, tuple[str, str]], pathway: Pathway | None, language: str
) -> Resource:
    subject = reference("Patient", row.patient_id, out.patient.name or "")
    made: Resource = {
        "resourceType": "ServiceRequest",
        "id": row.id,
        "meta": meta(row.version, row.changed),
        "identifier": [{"system": REQUEST, "value": row.id}],
        "requisition": {"system": REFERRAL, "value": id_under(row.patient_id, row.referral)},
        "status": status_of(row.stage),
        "intent": "order",
        "priority": PRIORITIES.get(row.urgency, "routine"),
        "code": concept(coding(SNOMED, REFERRED, "Patient referral"), text="Referral"),
        "subject": subject,
        "authoredOn": moment(row.asked),
        "performer": [reference("Organization", row.place_id)],
    }
    if row.patient_id in centres:
        made["requester"] = reference("Organization", *centres[row.patient_id])
    if row.day is not None:
        made["occurrenceDateTime"] = row.day.isoformat()
    if out.summary.row:
        rule = coding(f"urn:cairn:pathway:{out.summary.pathway}", out.summary.row)
        made["reasonCode"] = [concept(rule, text=out.summary.because)]
    read = _readings(out.summary.inputs, pathway, subject, language)
    if read:
        made["contained"] = read
        made["supportingInfo"] = [{"reference": f"#{one['id']}"} for one in read]
    if out.thread:
        made["note"] = [{"time": moment(line.at), "authorString": line.side, "text": line.text} for line in out.thread]
    return made


def _readings(inputs: Mapping[str, Any], pathway: Pathway | None, subject: Resource, language: str) -> list[Resource]:
    """What the rule read, each as an Observation within the order."""
    known = pathway.readings if pathway is not None else {}
    made: list[Resource] = []
    for name, value in inputs.items():
        measured = _measured(known[name], value) if name in known else {}
        if measured:
            reading = known[name]
            label = in_language(reading.label, language) or name
            code = concept(*(coding(LOINC, one) for one in reading.loinc), text=label)
            observed = {"resourceType": "Observation", "id": f"r{len(made) + 1}", "status": "final"}
            made.append({**observed, "code": code, "subject": subject, **measured})
    return made


def _measured(reading: Reading, value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"valueBoolean": value}
        case int() | float() if reading.unit:
            return {"valueQuantity": quantity(value, reading.unit)}
        case int() | float():
            return {"valueQuantity": {"value": value}}
        case str() if value:
            return {"valueString": value.replace("_", " ")}
        case list() if value:
            return {"valueString": ", ".join(str(one).replace("_", " ") for one in value)}
    return {}
