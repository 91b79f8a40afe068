"""Tasks, the worklist, timelines, messages, referrals and refills, as the API gives and takes them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from api.models.base import Happened, Model, Moment, Name, PersonBrief, ReadingAsked
from api.models.patients import PatientOut


class TaskOut(Model):
    """Work for somebody. ``id`` is ``patient_id:key``; ``why`` one line."""

    id: str
    key: str
    kind: str
    by: str
    patient: PersonBrief
    pathway: str
    service: str
    about: str | None
    urgent: bool
    due: date
    opened: Moment
    status: str
    outcome: str
    collects: list[ReadingAsked]
    why: str


class TaskPage(Model):
    """``next``: give it as ``after`` for the next page."""

    items: list[TaskOut]
    next: str | None


class TaskDone(Happened):
    """A task was finished. ``outcome``: the task's own word; a confirm_referral takes approved or declined."""

    key: Name
    outcome: Annotated[str, Field(pattern="^[a-z_]{1,40}$")] = "done"


class VisitOut(Model):
    """A visit expected today, and what to measure at it."""

    patient: PatientOut
    pathways: list[str]
    collects: list[ReadingAsked]
    day: date
    confirmed: bool


class WorklistOut(Model):
    """One day's work. ``team`` is None for the whole network."""

    on: date
    team: str | None
    visits: list[VisitOut]
    tasks: list[TaskOut]


class TimelineLine(Model):
    """One reason: ``text`` in one plain line, and the codes behind it."""

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


class TimelineOut(Model):
    """Oldest first. ``next``: give it as ``after`` for what came later."""

    items: list[TimelineLine]
    next: str | None


class MessageOut(Model):
    """An SMS. ``status``: the delivery's (handed, failed ...), or received. ``who``: patient, carer or on_call."""

    at: Moment
    direction: str
    text: str
    key: str
    status: str
    who: str


class MessagesOut(Model):
    """Oldest first."""

    items: list[MessageOut]


class ReferredPerson(Model):
    """Who is to be seen."""

    id: str
    name: str | None
    born: date | None
    sex: str
    phone: str | None


class ReferralSummary(Model):
    """Why: the pathway's row, what it read, and what it says."""

    pathway: str
    row: str
    inputs: dict[str, Any]
    because: str


class ReferralOut(Model):
    """A referral as the asked place sees it."""

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


class ReferralPage(Model):
    """In the order in which they were asked for."""

    items: list[ReferralOut]
    next: str | None


class ReferralAnswer(Happened):
    """What the place says: a ``day`` with book, a ``reason`` with refuse, a ``report`` with complete."""

    day: date | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None
    report: Annotated[str, Field(max_length=4000)] | None = None


class SuppliedPerson(Model):
    """Whom the medicine is for."""

    id: str
    name: str | None
    phone: str | None


class RefillOut(Model):
    """A refill request as the pharmacy sees it. ``runs_out``: the first day without medicine."""

    id: str
    patient: SuppliedPerson
    medicine: str
    stage: str
    asked: Moment
    runs_out: date
    pharmacy: str


class RefillPage(Model):
    """In the order in which they were asked for."""

    items: list[RefillOut]
    next: str | None


class RefillDispensed(Happened):
    """Handed out for ``days`` days of use; ``on`` is today unless given."""

    days: Annotated[int, Field(ge=1, le=400)]
    on: date | None = None
