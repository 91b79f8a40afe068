"""Communication: texts to and from a patient, for their care team; and what is said about a referral, for both of its sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from api.fhir import matching
from api.fhir.coding import coding, concept, reference, without_nothing
from api.fhir.kinds import Door, Interaction, Param, Query, Ref, Resource, id_under, meta, moment
from api.fhir.of_patients import HL7, READ_ONLY, OfPatients, by_patient
from api.fhir.transitions import SAID_KIND
from api.rights import has
from records.messages import Messages, Text
from records.patients import Patients
from records.referrals import Said, referrals, thread, told
from records.tables import Patient, ReferralRow
from records.vault import PersonVault

CATEGORY = "http://terminology.hl7.org/CodeSystem/communication-category"
MODE = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
STATUS = {
    "received": "completed",
    "handed": "completed",
    "planned": "preparation",
    "attempting": "in-progress",
    "failed": "not-done",
    "dropped": "not-done",
}
ARRIVED = ("delivered", "read")
AT_A_TIME = 500


def said_id(patient_id: str, request_id: str, n: int) -> str:
    """The id of line ``n`` (from 0) of what was said about a referral."""
    return id_under(patient_id, f"said/{request_id}/{n}")


def text_id(patient_id: str, direction: str, key: str) -> str:
    """The id of a text that went out or came in."""
    return id_under(patient_id, f"text/{direction}/{key}")


class Communications(OfPatients):
    """The type."""

    type = "Communication"
    reads: tuple[str, ...] = ("patients.read", "referrals.read")
    params: Mapping[str, Param] = {
        **by_patient("Communication", also=" or based-on"),
        "based-on": Param(
            "reference", "the referral that it is about", ("ServiceRequest",), definition=f"{HL7}/Communication-based-on"
        ),
        "status": Param("token", "what became of it", modifiers=("not",), definition=f"{HL7}/Communication-status"),
        "category": Param("token", "notification, or what is said of a referral", definition=f"{HL7}/Communication-category"),
        "medium": Param("token", "SMSWRIT for texts", modifiers=("missing",), definition=f"{HL7}/Communication-medium"),
        "sent": Param("date", "when it was sent", definition=f"{HL7}/Communication-sent"),
        "received": Param("date", "when it arrived", definition=f"{HL7}/Communication-received"),
        "sender": Param("reference", "who said it", ("Patient", "Organization"), definition=f"{HL7}/Communication-sender"),
        "recipient": Param("reference", "to whom", ("Patient", "Organization"), definition=f"{HL7}/Communication-recipient"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "patient": ("subject",),
        "subject": ("subject",),
        "based-on": ("basedOn",),
        "status": ("status",),
        "category": ("category",),
        "medium": ("medium",),
        "sent": ("sent",),
        "received": ("received",),
        "sender": ("sender",),
        "recipient": ("recipient",),
    }
    order: str = "-sent"
    sorts: tuple[str, ...] = ("sent", "received", "_lastUpdated")
    includes: Mapping[str, str] = {
        "Communication:patient": "subject",
        "Communication:subject": "subject",
        "Communication:based-on": "basedOn",
        "Communication:sender": "sender",
        "Communication:recipient": "recipient",
    }
    interactions: frozenset[Interaction] = READ_ONLY

    async def whose(self, door: Door, query: Query) -> set[str]:
        """Of a referral that is named, its patient."""
        asked = [value for one in query.of("based-on") for value in one.values if isinstance(value, Ref)]
        if not asked or matching.patients(query, *self.named_by) is not None or query.of("_id"):
            return await super().whose(door, query)
        rows = [await referrals(door.session).one(door.caller.scope, ref.id) for ref in asked if ref.type in ("", "ServiceRequest")]
        return {row.patient_id for row in rows if row is not None} if has(door.caller, "referrals.read") else set()

    async def of(self, door: Door, patient_id: str) -> Sequence[Resource]:
        """Texts, for a care team that may read messages; what was said of referrals that the caller may see."""
        people, scope = Patients(door.session, door.parts.vault), door.caller.scope
        patient = await people.get(patient_id)
        reads_texts = patient is not None and has(door.caller, "patients.read") and scope.covers_team(patient.care_team_id)
        rows = await self._referrals(door, patient_id) if has(door.caller, "referrals.read") else []
        if patient is None or not (reads_texts or rows):
            return []
        try:
            person = await people.vault_of(patient_id)
        except LookupError:
            return []
        found = [
            _line(patient, row, n, line, lines)
            for row in rows
            for lines in [thread(told(person, row))]
            for n, line in enumerate(lines)
        ]
        if reads_texts:
            found += [_text(patient, text) for text in await self._texts(door, person)]
        return found

    async def _referrals(self, door: Door, patient_id: str) -> Sequence[ReferralRow]:
        rows = select(ReferralRow).where(ReferralRow.patient_id == patient_id).order_by(ReferralRow.asked, ReferralRow.id)
        rows = door.caller.scope.of_requests(rows, place=ReferralRow.place_id, patient=ReferralRow.patient_id)
        return list(await door.session.scalars(rows))

    async def _texts(self, door: Door, person: PersonVault) -> list[Text]:
        found: list[Text] = []
        after: str | None = None
        while True:
            page = await Messages(door.session).page(person, limit=AT_A_TIME, after=after)
            found, after = [*found, *page.items], page.next
            if after is None:
                return found


def _line(patient: Patient, row: ReferralRow, n: int, line: Said, lines: Sequence[Said]) -> Resource:
    place, team = reference("Organization", row.place_id), reference("Organization", patient.care_team_id)
    sender, recipient = (place, team) if line.side == "place" else (team, place)
    asked = [m for m, one in enumerate(lines[:n]) if one.kind == "question"]
    answers = [reference("Communication", said_id(patient.id, row.id, asked[-1]))] if line.kind == "reply" and asked else None
    return without_nothing({
        "resourceType": "Communication",
        "id": said_id(patient.id, row.id, n),
        "meta": meta(1, line.at),
        "basedOn": [reference("ServiceRequest", row.id)],
        "inResponseTo": answers,
        "status": "completed",
        "category": [concept(coding(SAID_KIND, line.kind), text=line.kind)],
        "subject": reference("Patient", patient.id),
        "about": [reference("Task", row.id)],
        "sent": moment(line.at),
        "recipient": [recipient],
        "sender": sender,
        "payload": [{"contentString": line.text}],
    })  # fmt: skip


def _text(patient: Patient, text: Text) -> Resource:
    status = STATUS.get(text.status, "unknown")
    came_in = text.direction == "in"
    other = reference("Patient", patient.id) if text.who == "patient" else {"display": text.who.replace("_", " ")}
    team = reference("Organization", patient.care_team_id)
    arrived = text.at if came_in else text.settled if text.arrived in ARRIVED else None
    return without_nothing({
        "resourceType": "Communication",
        "id": text_id(patient.id, text.direction, text.key),
        "meta": meta(2 if text.settled else 1, text.settled or text.at),
        "status": status,
        "statusReason": {"text": text.reason.replace("_", " ")} if status == "not-done" and text.reason else None,
        "category": None if came_in else [concept(coding(CATEGORY, "notification", "Notification"))],
        "medium": [concept(coding(MODE, "SMSWRIT", "SMS message"))],
        "subject": reference("Patient", patient.id),
        "sent": moment(text.at),
        "received": moment(arrived) if arrived is not None else None,
        "recipient": [team if came_in else other],
        "sender": other if came_in else team,
        "payload": [{"contentString": text.text}],
    })  # fmt: skip
