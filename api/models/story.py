"""What happened to a patient and why, the texts, what lies ahead, and what a record would decide."""

from __future__ import annotations

from datetime import date
from typing import Any

from api.models.base import Moment, Shown, example

_LINE = {
    "at": "2025-03-17T02:00:00Z",
    "step": 4,
    "code": "decided",
    "text": "Routine by row HTN-C1: controlled (systolic pressure 128, diastolic pressure 78)",
    "held_back": "",
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "service": "follow_up",
    "row": "HTN-C1",
    "decision": "ROUTINE",
    "inputs": {"sbp": 128, "dbp": 78},
    "missing": [],
    "because": "controlled",
    "cites": "National specification 2017, page 57",
    "key": "",
    "rollout": "",
    "came_of": "The visit of 17 Mar 2025 was recorded, by Nurse Li",
    "event": "visit_completed",
    "who": "Nurse Li",
}
_TEXT = {
    "at": "2025-03-14T01:00:00Z",
    "direction": "out",
    "text": "Your visit is on 17 March. Reply 1 to confirm.",
    "key": "message/visit_soon#3",
    "status": "handed",
    "reason": "",
    "settled": "2025-03-14T01:00:02Z",
    "who": "patient",
    "channel": "twilio",
    "arrived": "delivered",
    "segments": 1,
    "cost": 7900,
    "currency": "USD",
}
_AHEAD = {
    "day": "2025-06-13",
    "kind": "visit",
    "what": "Follow-up visit",
    "why": "due on this day by the plan",
    "code": "due",
    "pathways": ["hypertension"],
    "services": ["follow_up"],
    "collects": ["sbp", "dbp"],
    "about": "",
}


class TimelineLine(Shown, json_schema_extra=example(**_LINE)):
    """One reason: ``text`` in one plain line, and the codes behind it. ``rollout``: the id of the one it comes from, if any.

    ``came_of``: in a sentence, what had happened, or that its day had come; ``event``: the kind of what had happened, such as
    visit_completed (several, where they were learnt at one moment), or due_reached; ``who`` told it, empty where no one of ours
    did. All three are empty where no step was taken: in a preview, and in an answer to why.
    """

    at: Moment
    step: int
    code: str
    text: str
    held_back: str
    pathway: str
    version: str
    service: str
    row: str
    decision: str
    inputs: dict[str, Any]
    missing: list[str]
    because: str
    cites: str
    key: str
    rollout: str
    came_of: str
    event: str
    who: str


class TimelineOut(Shown, json_schema_extra=example(items=[_LINE], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")):
    """Oldest first. ``next``: give it as ``after`` for what came later."""

    items: list[TimelineLine]
    next: str | None


class MessageOut(Shown, json_schema_extra=example(**_TEXT)):
    """An SMS. ``who``: patient, carer or on_call.

    ``status``: what became of it (handed, unknown, failed, dropped ...), or received; ``reason``: a code where it failed;
    ``settled``: since when that is known. Of one that went out: ``channel``; ``arrived``: what its provider said last (sent,
    delivered, read, undelivered ...); ``segments``, and ``cost`` in millionths of ``currency``, where the provider says so.
    """

    at: Moment
    direction: str
    text: str
    key: str
    status: str
    reason: str
    settled: Moment | None
    who: str
    channel: str
    arrived: str
    segments: int | None
    cost: int | None
    currency: str


class MessagesOut(Shown, json_schema_extra=example(items=[_TEXT], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")):
    """Newest first. ``next``: give it as ``after`` for the older ones."""

    items: list[MessageOut]
    next: str | None


class AheadOut(Shown, json_schema_extra=example(**_AHEAD)):
    """Something that lies ahead, on a day in the patient's time zone.

    ``kind``: visit, screening, reminder, message, refill, call or task; ``what`` and ``why``: in words; ``code``: why as a code.
    ``services``: what is done then, or reminded of; ``collects``: the readings to be taken; ``about``: the templates of a text,
    the medicine of a refill, the kind of a call or task.
    """

    day: date
    kind: str
    what: str
    why: str
    code: str
    pathways: list[str]
    services: list[str]
    collects: list[str]
    about: str


class PlanOut(
    Shown,
    json_schema_extra=example(
        since="2025-03-17", until="2026-03-17", assuming="This is what lies ahead if all goes to plan: ...", items=[_AHEAD], more=0
    ),
):
    """The twelve months ahead, in order of time. ``assuming``: what was imagined to look ahead.

    ``more``: how many of what lies ahead are left out behind the last item; 0 but for a very long list.
    """

    since: date
    until: date
    assuming: str
    items: list[AheadOut]
    more: int


class TagMoveOut(Shown, json_schema_extra=example(pathway="hypertension", before="yellow", after="green")):
    """The risk tag on one pathway, which may stay as it is."""

    pathway: str
    before: str | None
    after: str | None


_DUE = {
    "pathway": "hypertension",
    "service": "follow_up",
    "before": "2025-03-17",
    "after": "2025-06-15",
    "booked": "2025-06-13",
}


class DueMoveOut(Shown, json_schema_extra=example(**_DUE)):
    """The day on which a service is due, and the day that would be kept for it by the calendar and the room of the care team."""

    pathway: str
    service: str
    before: date | None
    after: date | None
    booked: date | None


_WOULD_TEXT = {"to": "patient", "templates": ["referral_made"], "when": "2025-03-11T00:00:00Z", "urgent": False}
_WOULD_OPEN = {
    "kind": "confirm_referral",
    "what": "Confirm the referral",
    "by": "doctor",
    "due": "2025-03-10",
    "pathway": "hypertension",
    "service": "hospital",
    "urgent": True,
}
_WOULD_CLOSE = {"kind": "phone_call", "what": "Phone call", "why": "visited"}
_WOULD_REFER = {"pathway": "hypertension", "to": "hospital", "urgency": "emergency", "row": "HTN-E1", "waits": True}


class TextAhead(Shown, json_schema_extra=example(**_WOULD_TEXT)):
    """A text that would go out: ``templates`` by name, ``when`` it would leave."""

    to: str
    templates: list[str]
    when: Moment
    urgent: bool


class TaskAhead(Shown, json_schema_extra=example(**_WOULD_OPEN)):
    """Work that would be opened. ``due``: its last day, in the patient's time zone."""

    kind: str
    what: str
    by: str
    due: date
    pathway: str
    service: str
    urgent: bool


class TaskEndedOut(Shown, json_schema_extra=example(**_WOULD_CLOSE)):
    """Open work that would end; ``why`` is a code."""

    kind: str
    what: str
    why: str


class ReferralAhead(Shown, json_schema_extra=example(**_WOULD_REFER)):
    """A referral that would be asked for. ``waits``: a clinician decides first, until ``confirm_by``."""

    pathway: str
    to: str
    urgency: str
    row: str
    waits: bool
    confirm_by: Moment | None = None


class RefillAhead(Shown, json_schema_extra=example(medicine="amlodipine", runs_out="2025-03-22")):
    """A pharmacy would be asked. ``runs_out``: the first day without medicine."""

    medicine: str
    runs_out: date


class PreviewOut(
    Shown,
    json_schema_extra=example(
        life_before="active",
        life_after="active",
        tags=[{"pathway": "hypertension", "before": "yellow", "after": "green"}],
        dues=[_DUE],
        reasons=[{**_LINE, "step": 0}],
        messages=[],
        opened=[],
        closed=[_WOULD_CLOSE],
        referrals=[],
        refills=[],
    ),
):
    """What recording it would decide; nothing was stored. ``reasons``: the lines that the timeline would get, in its words."""

    life_before: str
    life_after: str
    tags: list[TagMoveOut]
    dues: list[DueMoveOut]
    reasons: list[TimelineLine]
    messages: list[TextAhead]
    opened: list[TaskAhead]
    closed: list[TaskEndedOut]
    referrals: list[ReferralAhead]
    refills: list[RefillAhead]
