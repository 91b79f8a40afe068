"""Referrals, as the places that are asked and the care teams that ask give and take them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from api.models.base import Happened, Moment, Shown, Written, example

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
    "since": "2025-03-07T08:00:00Z",
    "first_asked": "2025-03-04T01:30:00Z",
    "reminded": None,
    "abort_asked": None,
    "cancelled": None,
    "day": "2025-03-06",
    "place": "hospital-1",
    "summary": {
        "pathway": "hypertension",
        "row": "HTN-E1",
        "inputs": {"sbp": 192, "dbp": 112},
        "because": "emergency value or danger sign",
        "cites": "National Basic Public Health Service Specification, 3rd edition (2017)",
    },
    "reason": "no bed before Thursday",
    "report": "Seen and treated.",
    "instructions": "Measure weekly, new dose from Monday; back to us if it stays high.",
    "thread": [_QUESTION, _ANSWER],
    "moves": [],
}
_READING = {"name": "sbp", "label": "systolic pressure", "value": 192, "unit": "mm[Hg]", "on": "2025-03-04"}
_TEAM = {"id": "team-1", "name": "Team 1", "place": "Xianshuigu Centre", "phone": "022-2855 0100"}
_RECORD = {
    "tag": "red",
    "conditions": ["hypertension"],
    "readings": [_READING],
    "medicines": [{"medicine": "amlodipine", "ends": "2025-03-21"}],
    "care_team": _TEAM,
}


class ReferredPerson(Shown, json_schema_extra=example(**_ZHANG)):
    """Who is to be seen. ``name`` is None for a person who was forgotten."""

    id: str
    name: str | None
    born: date | None
    sex: str
    phone: str | None


class ReferralSummary(Shown, json_schema_extra=example(**_REFERRAL["summary"])):
    """Why: the pathway's row, what it read (in the readings' own units), what it says, and what it cites."""

    pathway: str
    row: str
    inputs: dict[str, Any]
    because: str
    cites: str | None


class SaidOut(Shown, json_schema_extra=example(**_QUESTION)):
    """Something that was said about a referral, and by which side: the place that was asked, or the care team."""

    at: Moment
    side: Literal["place", "team"]
    kind: Literal["reason", "question", "reply", "report", "instructions"]
    text: str


class ReferralOut(Shown, json_schema_extra=example(**_REFERRAL)):
    """A referral. ``thread``: all that was said, oldest first; ``reason``, ``report``, ``instructions``: the last of each.

    ``since``: when it came to its stage, whatever was asked, replied or added there; ``first_asked``: when the first of all places
    was asked; ``reminded``: when this one was last reminded. ``cancelled``: why we took it back, a code (not_answered: it lies
    before another place now); ``abort_asked``: when we asked the place to stop what it has begun.
    ``moves``: the stages that it could become from here.
    """

    id: str
    patient: ReferredPerson
    urgency: str
    stage: str
    asked: Moment
    changed: Moment
    since: Moment
    first_asked: Moment
    reminded: Moment | None
    abort_asked: Moment | None
    cancelled: str | None
    day: date | None
    place: str
    summary: ReferralSummary
    reason: str | None
    report: str | None
    instructions: str | None
    thread: list[SaidOut]
    moves: list[str]


class ReadingKnown(Shown, json_schema_extra=example(**_READING)):
    """The last value known, and its day."""

    name: str
    label: str
    value: Any
    unit: str | None
    on: date


class MedicineKnown(Shown, json_schema_extra=example(medicine="amlodipine", ends="2025-03-21")):
    """``ends``: the last day with medicine at home."""

    medicine: str
    ends: date


class TeamKnown(Shown, json_schema_extra=example(**_TEAM)):
    """Who refers, and where they are reached."""

    id: str
    name: str
    place: str
    phone: str


class ReferralRecord(Shown, json_schema_extra=example(**_RECORD)):
    """What the receiving side should know: the risk tag, conditions, medicines at home, and of the readings those that the pathway
    knows. Allergies are not kept here: ask the patient.
    """

    tag: str | None
    conditions: list[str]
    readings: list[ReadingKnown]
    medicines: list[MedicineKnown]
    care_team: TeamKnown


class ReferralDetail(ReferralOut, json_schema_extra=example(**_REFERRAL, record=_RECORD)):
    """``record``: only while the referral is open; None also for a person who was forgotten."""

    record: ReferralRecord | None


class ReferralPage(
    Shown, json_schema_extra=example(items=[_REFERRAL], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")
):
    """In the order in which they were asked for. ``next``: give it as ``after`` for the next page."""

    items: list[ReferralOut]
    next: str | None


class Refusal(Happened, json_schema_extra=example(reason="no bed is free")):
    """Why the place cannot."""

    reason: Words


class Cancellation(Happened, json_schema_extra=example(reason="the patient is better and does not want to go")):
    """Why it is not needed any more; the place is shown it."""

    reason: Words


class TakenBack(
    Written,
    json_schema_extra=example(
        event_id="referral/cancelled/5f2c9a",
        acted_on=True,
        patient={"id": "9f0c1d2e", "tag": "yellow", "life": "active", "reach": "reachable", "next_due": "2025-03-14T01:00:00Z"},
        came="cancelled",
    ),
):
    """``came``: ``cancelled``, or ``abort_asked`` where the place has begun: it is over once the place says that it has stopped."""

    came: Literal["cancelled", "abort_asked"]


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
    """What the care team is to do from now on; ``report``: what the place found and did, where it says so at once."""

    instructions: LongWords
    report: LongWords | None = None
