"""The CDS Hooks services: what they are, calling one, and what became of its cards.

Rule 1: nothing to say is no card; somebody whom Cairn does not know is nobody, and no answer tells which of the two.
Rule 2: what cannot be known is said (412), or named on a card: silence means that everything was checked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from api.depends import Parts, Session
from api.hooks import cards, viewing
from api.hooks.checking import Checking
from api.hooks.known import Around, Sent, around_them, patient_of, stands, today_of
from api.hooks.offered import SERVICES, by_id
from api.hooks.orders import Ordered, around, ordered, resources
from api.hooks.signing import ROOT, calls
from api.models.cds import Asks, Card, Cards, Discovery, Feedback, FeedbackTaken, Outcome
from api.parts import ApiParts
from api.problems import Problem, not_found, unusable
from pathways.language.medicines import shipped_checks
from pathways.language.wording import shipped_frames
from records.callers import OF_A_PLACE, Caller
from records.hooks import HookCards, Shown, Told

router = APIRouter(prefix=ROOT, tags=["cds hooks"])

CallsHook = Annotated[Caller, calls("hooks.call")]
ServiceId = Annotated[str, Path(max_length=60, description="of the service, such as cairn-order-sign")]
MOST_ORDERS = 60
CANNOT_READ = (
    "A prescription names its medicine only by a reference that did not come along. Send medicationCodeableConcept, or the"
    " Medication in draftOrders or contained."
)
NOBODY_KNOWN = (
    "This patient is not known here, and nothing about them came along. Send the prefetch that GET /cds-services asks for: patient,"
    " medications, conditions, observations."
)


@router.get("", summary="The services that there are", response_model_exclude_none=True)
async def discover() -> Discovery:
    """Open to anybody: it says nothing of anybody."""
    return Discovery(services=list(SERVICES))


@router.post("/{service_id}", summary="Ask a service", response_model_exclude_none=True)
async def ask(caller: CallsHook, parts: Parts, session: Session, request: Request, service_id: ServiceId, body: Asks) -> Cards:
    """The cards for one call of a hook, in the language of ``Accept-Language``."""
    service = by_id(service_id)
    if service is None:
        raise not_found()
    if body.hook != service.hook:
        raise unusable("body.hook", f"is not {service.hook}", "call the service that is for this hook")
    language = shipped_frames().nearest(request.headers.get("accept-language", "en").partition(",")[0].partition(";")[0].strip())
    found = await _cards(caller, parts, session, service.hook, body, language)
    if found:
        now = await parts.clock.now(session)
        async with parts.database.begin() as writing:
            shown = [Shown(card.uuid, card.source.topic.code) for card in found]
            HookCards(writing).shown(service.id, caller.place, shown, now)
    return Cards(cards=found)


@router.post("/{service_id}/feedback", summary="What became of cards")
async def feedback(caller: CallsHook, parts: Parts, service_id: ServiceId, body: Feedback) -> FeedbackTaken:
    """Accepted, or overridden and why. Cards that are not known here are let pass; a user's comment is not kept."""
    if by_id(service_id) is None:
        raise not_found()
    told = [Told(one.card, one.outcome, _reason(one)) for one in body.feedback]
    async with parts.database.begin() as session:
        return FeedbackTaken(cards=await HookCards(session).told(service_id, caller.place, told))


async def _cards(caller: Caller, parts: ApiParts, session: Session, hook: str, body: Asks, language: str) -> list[Card]:
    patient_id = _word(body.context, "patientId")
    sent = Sent.of(body.prefetch)
    drafts = around(body.context.get("draftOrders"), sent.medications)
    patient = await patient_of(session, parts, caller, patient_id, sent, body.fhir_server or "")
    if hook == "patient-view":
        found = await stands(session, parts, patient) if patient is not None else None
        link = "" if caller.role in OF_A_PLACE or found is None or not parts.public_url else _link(parts, found.patient.id)
        card = viewing.card(found, link, language) if found is not None else None
        return [card] if card is not None else []
    written, beside = _orders(hook, body.context, drafts)
    if not written:
        return []
    found = await stands(session, parts, patient) if patient is not None else None
    if found is None and sent.nothing:
        raise Problem(412, NOBODY_KNOWN)
    known = around_them(found, sent, await today_of(parts, session), [one.reference for one in (*written, *beside)])
    return await asyncio.to_thread(_checked, known, written, beside, language)


def _checked(known: Around, written: Sequence[Ordered], beside: Sequence[Ordered], language: str) -> list[Card]:
    unknown = [one for one in written if not one.known]
    found = [cards.of_finding(one, language) for one in Checking(shipped_checks(), known, written, beside).found()]
    return [*found, cards.of_unknown(unknown, language)] if unknown else found


def _orders(hook: str, context: dict[str, Any], known: Any) -> tuple[list[Ordered], list[Ordered]]:
    """What is looked at, and what else is being written. Raises Problem 412, 422."""
    drafts = context.get("draftOrders")
    if not isinstance(drafts, dict):
        raise unusable("body.context.draftOrders", "is missing", "send the Bundle of what is being written")
    listed = list(resources(drafts, "MedicationRequest"))
    if len(listed) > MOST_ORDERS:
        raise unusable(
            "body.context.draftOrders", f"holds more than {MOST_ORDERS} prescriptions", "send those of one patient's visit"
        )
    every = [one for resource in listed if (one := ordered(resource, known)) is not None]
    if any(not one.names for one in every):
        raise Problem(412, CANNOT_READ)
    if hook == "order-sign":
        return every, []
    selected = context.get("selections")
    chosen = set(filter(lambda one: isinstance(one, str), selected)) if isinstance(selected, list) else set()
    return [one for one in every if one.reference in chosen], [one for one in every if one.reference not in chosen]


def _word(context: dict[str, Any], name: str) -> str:
    value = context.get(name)
    if not isinstance(value, str) or not value:
        raise unusable(f"body.context.{name}", "is missing", "send the id that your FHIR server gives the patient")
    return value.removeprefix("Patient/")


def _reason(one: Outcome) -> str:
    """A code of ours; anything else is another reason: what was written may be about a person."""
    given = one.override_reason.reason if one.override_reason is not None else None
    if one.outcome == "accepted" or given is None:
        return ""
    code = given.get("code")
    return code if code in cards.overrides() else "other"


def _link(parts: ApiParts, patient_id: str) -> str:
    return f"{parts.public_url.rstrip('/')}/patients/{patient_id}"
