"""A MedicationDispense that comes in: what was handed out on a refill request, the whole or a part, or why it was not.

Rule: it names its request (``authorizingPrescription``); what it is of, and for whom, is the request's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo

from api.fhir.differing import rule
from api.fhir.exchange import Desk
from api.fhir.kinds import Refused, Resource
from api.fhir.making import Making
from api.fhir.types.medication_dispenses import dispense_id
from api.models.base import Happened
from api.models.refills import RefillDispensed
from api.refilling import Answer
from records.intake.fhir import code_in, moment, number, part, parts, text
from records.refills import refills
from records.tables import Patient, RefillRow

#: HL7's ActPharmacySupplyType: a part of what was asked for.
PARTS = frozenset({"FFP", "FFPS", "RFP", "RFPS"})
MOST_DAYS = 400
PICKUP = "urn:cairn:pickup-code"  # of an identifier
_SIX_DIGITS = re.compile(r"[0-9]{3} ?[0-9]{3}")


class DispenseWrites:
    """Write side of MedicationDispense."""

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {"create": ("refills.answer",)}
    removable: frozenset[str] = frozenset()

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Handed out."""
        row, zone = await _asked(desk, resource)
        status = text(resource.get("status"))
        if status == "declined":
            told = "What is not handed out is told by its Task: rejected, with a statusReason or businessStatus out-of-stock."
            raise rule(told, "MedicationDispense.status")
        if status != "completed":
            raise rule("Only what was handed out is taken: send it with status completed.", "MedicationDispense.status")
        days = number(part(resource, "daysSupply").get("value"))
        unit = text(part(resource, "daysSupply").get("code")) or text(part(resource, "daysSupply").get("unit")) or "d"
        if days is None or days != int(days) or not 1 <= days <= MOST_DAYS or unit not in ("d", "day", "days"):
            told = f"For how many days? Send daysSupply as 1 to {MOST_DAYS} whole days, of unit d."
            raise Refused(422, "required", told, ("MedicationDispense.daysSupply",))
        code = _code(resource)
        out = RefillDispensed(
            days=int(days),
            on=_day(resource, zone),
            part=code_in(resource.get("type")) in PARTS,
            code=code,
            without_code=None if code else "record_system",
            word=_word(resource),
        )
        making = replace(making, called=dispense_id, if_match=None)
        written = await Answer(making, desk.caller.scope, row.id, Happened()).dispenses(out)
        if not written.event_id:
            where = "MedicationDispense.authorizingPrescription"
            raise Refused(409, "duplicate", "All of this request was handed out already.", (where,))
        return dispense_id(row.patient_id, written.event_id)

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        raise Refused(405, "not-supported", "What was handed out is put right by the care team.")

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        raise Refused(405, "not-supported", "What was handed out is put right by the care team.")


async def _asked(desk: Desk, resource: Resource) -> tuple[RefillRow, ZoneInfo]:
    where = "MedicationDispense.authorizingPrescription"
    named = [text(one.get("reference")).removeprefix(f"{desk.base}/") for one in parts(resource, "authorizingPrescription")]
    ids = {one.removeprefix("MedicationRequest/") for one in named if one.startswith("MedicationRequest/")}
    if len(ids) != 1:
        raise Refused(422, "required", f"{where}: name the one request that it answers, as MedicationRequest/id.", (where,))
    async with desk.parts.database.reading() as session:
        row = await refills(session).one(desk.caller.scope, ids.pop())
        if row is None:
            raise Refused(422, "not-found", f"{where}: there is no such request among yours.", (where,))
        patient = await session.get_one(Patient, row.patient_id)
    subject = text(part(resource, "subject").get("reference")).removeprefix(f"{desk.base}/")
    if subject not in ("", f"Patient/{row.patient_id}"):
        raise rule("The request is another patient's: leave subject out, or send the request's.", "MedicationDispense.subject")
    return row, ZoneInfo(patient.timezone)


def _code(resource: Resource) -> str | None:
    """What the patient was texted when the medicine was ready, where the sender names it."""
    found = next((text(one.get("value")) for one in parts(resource, "identifier") if text(one.get("system")) == PICKUP), None)
    if found is not None and not _SIX_DIGITS.fullmatch(found):
        raise Refused(422, "invalid", "A pick-up code has six digits.", ("MedicationDispense.identifier",))
    return found


def _word(resource: Resource) -> str:
    """The pharmacist's, where the checks of medicines asked for one."""
    said = " ".join(text(one.get("text")) for one in parts(resource, "note")).strip()
    return said[:500] or "dispensed by the record system"


def _day(resource: Resource, zone: ZoneInfo) -> date | None:
    written = resource.get("whenHandedOver")
    at = moment(written, zone) if written is not None else None
    if written is not None and at is None:
        told = "When was it handed over? Send whenHandedOver with a whole day, such as 2025-03-03."
        raise Refused(422, "invalid", told, ("MedicationDispense.whenHandedOver",))
    return at.date() if at is not None else None
