"""Referrals and refill requests, as the places that are asked and the care teams that ask give and take them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from api.models.base import Happened, Model, Moment, example

Words = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
LongWords = Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]

_ZHANG = {"id": "9f0c1d2e", "name": "Zhang Wei", "born": "1958-04-02", "sex": "male", "phone": "+8613800000009"}
_QUESTION = {"at": "2025-03-04T02:10:00Z", "side": "place", "kind": "question", "text": "Which medicines does he take?"}
_ANSWER = {"at": "2025-03-04T03:00:00Z", "side": "team", "kind": "reply", "text": "One tablet in the morning since May."}
_REFERRAL = {
    "id": "4be1a7",
    "patient": _ZHANG,
    "urgency": "emergency",
    "stage": "sent_back",
    "asked": "2025-03-04T01:30:00Z",
    "changed": "2025-03-07T08:00:00Z",
    "day": "2025-03-06",
    "place": "hospital-1",
    "summary": {
        "pathway": "hypertension",
        "row": "HTN-E1",
        "inputs": {"sbp": 192, "dbp": 112},
        "because": "emergency value or danger sign",
    },
    "reason": "no bed before Thursday",
    "report": "Seen and treated.",
    "instructions": "Measure weekly, new dose from Monday; back to us if it stays high.",
    "thread": [_QUESTION, _ANSWER],
    "moves": [],
}
_REFILL = {
    "id": "77c0d2",
    "patient": {"id": "9f0c1d2e", "name": "Zhang Wei", "phone": "+8613800000009"},
    "medicine": "amlodipine",
    "stage": "refused",
    "asked": "2025-03-16T01:00:00Z",
    "changed": "2025-03-16T03:30:00Z",
    "runs_out": "2025-03-22",
    "pharmacy": "pharmacy-1",
    "reason": "the prescription has ended",
    "moves": [],
}


class ReferredPerson(Model, json_schema_extra=example(**_ZHANG)):
    """Who is to be seen. ``name`` is None for a person who was forgotten."""

    id: str
    name: str | None
    born: date | None
    sex: str
    phone: str | None


class ReferralSummary(Model, json_schema_extra=example(**_REFERRAL["summary"])):
    """Why: the pathway's row, what it read (in the readings' own units), and what it says."""

    pathway: str
    row: str
    inputs: dict[str, Any]
    because: str


class SaidOut(Model, json_schema_extra=example(**_QUESTION)):
    """Something that was said about a referral, and by which side: the place that was asked, or the care team."""

    at: Moment
    side: Literal["place", "team"]
    kind: Literal["reason", "question", "reply", "report", "instructions"]
    text: str


class ReferralOut(Model, json_schema_extra=example(**_REFERRAL)):
    """A referral. ``thread``: all that was said, oldest first; ``reason``, ``report``, ``instructions``: the last of each.

    ``moves``: the stages that it could become from here.
    """

    id: str
    patient: ReferredPerson
    urgency: str
    stage: str
    asked: Moment
    changed: Moment
    day: date | None
    place: str
    summary: ReferralSummary
    reason: str | None
    report: str | None
    instructions: str | None
    thread: list[SaidOut]
    moves: list[str]


class ReferralPage(
    Model, json_schema_extra=example(items=[_REFERRAL], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")
):
    """In the order in which they were asked for. ``next``: give it as ``after`` for the next page."""

    items: list[ReferralOut]
    next: str | None


class Refusal(Happened, json_schema_extra=example(reason="no bed is free")):
    """Why the place cannot."""

    reason: Words


class Question(Happened, json_schema_extra=example(question="Which medicines does he take?")):
    """What the place wants to know before it goes on."""

    question: LongWords


class Reply(Happened, json_schema_extra=example(text="One tablet in the morning since May.")):
    """What the care team answers."""

    text: LongWords


class Appointment(Happened, json_schema_extra=example(day="2025-03-06")):
    """The day on which the patient is expected."""

    day: date


class Report(Happened, json_schema_extra=example(report="Seen and treated; goes on with the centre.")):
    """What the place found and did."""

    report: LongWords


class Instructions(
    Happened, json_schema_extra=example(instructions="Measure weekly, new dose from Monday; back to us if it stays high.")
):
    """What the care team is to do from now on."""

    instructions: LongWords


class SuppliedPerson(Model, json_schema_extra=example(**_REFILL["patient"])):
    """Whom the medicine is for. ``name`` is None for a person who was forgotten."""

    id: str
    name: str | None
    phone: str | None


class RefillOut(Model, json_schema_extra=example(**_REFILL)):
    """A refill request. ``runs_out``: the first day without medicine. ``moves``: the stages that it could become from here."""

    id: str
    patient: SuppliedPerson
    medicine: str
    stage: str
    asked: Moment
    changed: Moment
    runs_out: date
    pharmacy: str
    reason: str | None
    moves: list[str]


class RefillPage(Model, json_schema_extra=example(items=[_REFILL], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")):
    """In the order in which they were asked for. ``next``: give it as ``after`` for the next page."""

    items: list[RefillOut]
    next: str | None


class RefillDispensed(Happened, json_schema_extra=example(days=30, part=False)):
    """Handed out for ``days`` days of use; ``on`` is today unless given. ``part``: the rest of what was asked for is to come."""

    days: Annotated[int, Field(ge=1, le=400)]
    on: date | None = None
    part: bool = False


class OutOfStock(Happened, json_schema_extra=example(until="2025-04-01")):
    """The pharmacy lacks the medicine. ``until``: its first day with the medicine again, where it knows."""

    until: date | None = None


class PharmacyRefusal(Happened, json_schema_extra=example(reason="the prescription has ended")):
    """Why the pharmacy does not hand the medicine out."""

    reason: Words
