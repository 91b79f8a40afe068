"""Tasks and the worklist, as the API gives and takes them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from api.models.base import Happened, Model, Moment, Name, PersonBrief, ReadingAsked, Shown, example
from api.models.patients import PatientOut

#: Why a task is put off, and why it is handed over; a note may say more.
PostponeReason = Literal["no_answer", "patient_asked", "patient_away", "in_hospital", "waits_for_result", "no_time", "other"]
HandOverReason = Literal["clinical_question", "medicine_question", "not_ours", "absent", "no_time", "other"]

_SBP = {"name": "sbp", "kind": "number", "unit": "mm[Hg]", "choices": [], "label": "systolic pressure"}
_TASK: dict[str, Any] = {
    "id": "4f0c...:call/hypertension/follow_up#3",
    "key": "call/hypertension/follow_up#3",
    "kind": "phone_call",
    "by": "health_manager",
    "team": "team-1",
    "patient": {"id": "4f0c...", "name": "王秀英", "tag": "yellow"},
    "pathway": "hypertension",
    "service": "follow_up",
    "about": "visit/hypertension/follow_up#3",
    "urgent": False,
    "due": "2025-03-10",
    "postponed_to": "2025-03-12",
    "claimed_by": {"id": "key-manager", "name": "Nurse Li"},
    "opened": "2025-03-03T01:00:00Z",
    "status": "open",
    "outcome": "",
    "collects": [],
    "why": "Call about the missed appointment: Follow-up",
    "version": 2,
}


class Claimer(Shown, json_schema_extra=example(id="key-manager", name="Nurse Li")):
    """Who works on a task: a key, or somebody who signed in."""

    id: str
    name: str


class TaskOut(Shown, json_schema_extra=example(**_TASK)):
    """Work for somebody. ``id`` is ``patient_id:key``; ``why`` one line; ``version`` in quotes is the task's ETag.

    ``due`` stays as it was when the task was opened; one that was put off is on the worklist from ``postponed_to`` on.
    """

    id: str
    key: str
    kind: str
    by: str
    team: str
    patient: PersonBrief
    pathway: str
    service: str
    about: str | None
    urgent: bool
    due: date
    postponed_to: date | None
    claimed_by: Claimer | None
    opened: Moment
    status: str
    outcome: str
    collects: list[ReadingAsked]
    why: str
    version: int


class TaskPage(Shown, json_schema_extra=example(items=[_TASK], next="WyIyMDI1LTAzLTEwIl0")):
    """``next``: give it as ``after`` for the next page."""

    items: list[TaskOut]
    next: str | None


_PUT_OFF = {"at": "2025-03-03T02:00:00Z", "who": "Nurse Li", "what": "postponed", "until": "2025-03-12", "reason": "patient_away"}


class TaskMove(Model, json_schema_extra=example(**_PUT_OFF)):
    """What somebody did with a task. ``what``: postponed, handed_over, completed; ``claimed_by``: who else had claimed it."""

    at: Moment
    who: str
    what: str
    until: date | None = None
    to: str | None = None
    reason: str | None = None
    note: str | None = None
    outcome: str | None = None
    claimed_by: str | None = None


class TaskDetail(TaskOut, json_schema_extra=example(**_TASK, history=[_PUT_OFF])):
    """One task, and what people did with it, oldest first."""

    history: list[TaskMove]


class TaskClaim(Model, json_schema_extra=example(key="call/hypertension/follow_up#3", take_over=False)):
    """Somebody takes a task on, or gives it back. ``take_over``: although somebody else has claimed it."""

    key: Name
    take_over: bool = False


class TaskDone(Happened, json_schema_extra=example(key="call/hypertension/follow_up#3", outcome="done")):
    """A task was finished. ``outcome``: the task's own word; a confirm_referral takes approved or declined, a refill_held
    go_on or stopped.
    """

    key: Name
    outcome: Annotated[str, Field(pattern="^[a-z_]{1,40}$")] = "done"


_NOTE = Field(max_length=500, description="kept sealed; shown to the team only")


class TaskPostpone(
    Happened, json_schema_extra=example(key="call/hypertension/follow_up#3", until="2025-03-12", reason="patient_away")
):
    """A task is put off until a day, at the most ninety days ahead; it stays due as it was."""

    key: Name
    until: date
    reason: PostponeReason
    note: Annotated[str, _NOTE] | None = None


class TaskHandOver(
    Happened, json_schema_extra=example(key="call/hypertension/follow_up#3", to="doctor", reason="clinical_question")
):
    """A task is given to another role of the same team; whoever had claimed it has it no longer."""

    key: Name
    to: Literal["doctor", "health_manager"]
    reason: HandOverReason
    note: Annotated[str, _NOTE] | None = None


_PERSON: dict[str, Any] = {
    "id": "4f0c...",
    "name": "王秀英",
    "sex": "female",
    "born": "1960-05-01",
    "phone": "+8613812345678",
    "language": "zh-Hans",
    "timezone": "Asia/Shanghai",
    "care_team": "team-1",
    "tag": "yellow",
    "life": "active",
    "reach": "reachable",
    "pathways": ["hypertension"],
    "next_due": "2025-03-05T01:00:00Z",
    "visit_day": "2025-03-05",
}
_VISIT: dict[str, Any] = {
    "patient": _PERSON,
    "pathways": ["hypertension"],
    "collects": [_SBP],
    "day": "2025-03-05",
    "confirmed": True,
    "why": "Yellow: Follow-up (hypertension), 2 days overdue",
    "overdue_days": 2,
}


class VisitOut(Shown, json_schema_extra=example(**_VISIT)):
    """A visit expected on the day, and what to measure at it. ``why`` one line; ``overdue_days``: since it was due, else 0."""

    patient: PatientOut
    pathways: list[str]
    collects: list[ReadingAsked]
    day: date
    confirmed: bool
    why: str = ""
    overdue_days: int = 0


class WorklistTask(TaskOut, json_schema_extra=example(**_TASK, overdue_days=0)):
    """A task on a day's list. ``overdue_days``: since it was due, 0 for one that is not overdue."""

    overdue_days: int


class More(Model, json_schema_extra=example(visits=0, tasks=12)):
    """How many there are besides those that are shown."""

    visits: int
    tasks: int


class WorklistOut(
    Shown,
    json_schema_extra=example(
        on="2025-03-05", team="team-1", visits=[_VISIT], tasks=[_TASK | {"overdue_days": 0}], more={"visits": 0, "tasks": 12}
    ),
):
    """One day's work of a care team: visits red first; tasks urgent, then red, then longest overdue first."""

    on: date
    team: str
    visits: list[VisitOut]
    tasks: list[WorklistTask]
    more: More


class WorkChanged(Shown, json_schema_extra=example(team="team-1")):
    """The team's worklist has changed: read it again."""

    team: str
