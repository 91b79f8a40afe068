"""One task: why it is there, what people did with it, and what may be done: take it, finish it, put it off, hand it over.

Rule: each is what the API's own route does, against what was read: of two who edit one task the second is told.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, cast, get_args

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from api.arranging import DECIDED, FURTHEST, SUBSTITUTE, Arranging
from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, wrong
from api.console.pages.today.going import after_saving, back_of
from api.console.pages.today.kinds import ANSWERS
from api.depends import Parts, Session, today_at
from api.models.base import Written
from api.models.work import HandOverReason, PostponeReason, TaskClaim, TaskDone, TaskHandOver, TaskPostpone
from api.problems import Problem, not_found
from api.showing.patients import Showing
from api.showing.tasks import show_task, task_etag
from records.messages import Messages
from records.tables import CareTeam
from records.tasks import Tasks

router = APIRouter(include_in_schema=False)

LATEST = 4  # messages beside the task

WHY_LATER = {
    "no_answer": N_("No answer"),
    "patient_asked": N_("The patient asked for it"),
    "patient_away": N_("The patient is away"),
    "in_hospital": N_("In hospital"),
    "waits_for_result": N_("A result is awaited"),
    "no_time": N_("No time today"),
    "other": N_("Something else"),
}
WHY_ANOTHER = {
    "clinical_question": N_("A clinical question"),
    "medicine_question": N_("A question about medicine"),
    "not_ours": N_("Not for us"),
    "absent": N_("Absent"),
    "no_time": N_("No time"),
    "other": N_("Something else"),
}
#: What the API says of a task that cannot be worked so; shown in the reader's language.
SAID = (
    N_("This has changed since you read it; nothing was stored. Read it again, and decide again."),
    N_("An urgent task is not put off: finish it, or hand it over."),
    N_("A referral that waits for a clinician stays with the doctor: approve or decline it."),
    N_("A refill that the checks of medicines hold stays with the doctor: let it go on, or stop it."),
    N_("A substitute stays with the doctor: approve or refuse it."),
)
NO_DAY = N_("Choose a day after today, at most 90 days ahead.")
#: How a task may end; one that is decided has words of its own.
ENDS = {
    "approved": N_("Approve"),
    "declined": N_("Decline"),
    "go_on": N_("Let it go on"),
    "stopped": N_("Stop it"),
    "done": N_("Done"),
}
NOTICES |= {
    "task_done": N_("Done. It is off the list."),
    "task_later": N_("Put off. It comes back on its day."),
    "task_handed": N_("Handed over."),
    "task_taken": N_("It is yours now."),
    "task_released": N_("Given back: anybody of the team may take it."),
}
assert set(WHY_LATER) == set(get_args(PostponeReason))
assert set(WHY_ANOTHER) == set(get_args(HandOverReason))

Reads = Annotated[Desk, at("tasks.read")]
Works = Annotated[Desk, at("tasks.work")]


@router.get("/today/tasks/{patient_id}")
async def task_page(
    desk: Reads, session: Session, parts: Parts, patient_id: str, key: Annotated[str, Query(max_length=120)]
) -> Response:
    """The task; a script has it as a dialog over the list."""
    return await _page(desk, session, patient_id, key, Form())


@router.post("/today/tasks/{patient_id}/{deed}")
async def task_worked(desk: Works, session: Session, parts: Parts, patient_id: str, deed: str) -> Response:
    """What somebody did with it."""
    form = desk.form
    key = form.text("key")
    try:
        written = await _do(desk, Arranging(desk.writing(), desk.caller, patient_id), deed, key)
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, session, patient_id, key, desk.refused(_in_words(problem)), status=422)
    said = {"done": "task_done", "later": "task_later", "hand-over": "task_handed", "take": "task_taken"}.get(deed, "task_released")
    if written is not None and not written.acted_on:
        return after_saving(desk, patient_id, acted_on=False)
    return desk.go(back_of(desk, patient_id), said=said)


async def _do(desk: Desk, arranging: Arranging, deed: str, key: str) -> Written | None:
    """Raises Problem 404, 409, 412, 422."""
    form, say = desk.form, desk.say
    note = form.text("note") or None
    try:
        match deed:
            case "take":
                await arranging.claim(TaskClaim(key=key, take_over=bool(form.text("over"))))
            case "release":
                await arranging.release(TaskClaim(key=key, take_over=bool(form.text("over"))))
            case "done":
                return await arranging.complete(TaskDone(key=key, outcome=form.text("outcome") or "done"))
            case "later":
                reason, until = form.text("reason"), form.day("until")
                if until is None or reason not in WHY_LATER:
                    raise wrong("until" if until is None else "reason", say(N_("Give a day and a reason.")))
                return await arranging.postpone(TaskPostpone(key=key, until=until, reason=cast(Any, reason), note=note))
            case "hand-over":
                why, to = form.text("why"), form.text("to")
                if why not in WHY_ANOTHER or to not in ("doctor", "health_manager"):
                    raise wrong("why", say(N_("Say to whom, and why.")))
                return await arranging.hand_over(TaskHandOver(key=key, to=cast(Any, to), reason=cast(Any, why), note=note))
            case _:
                raise not_found()
    except ValidationError:
        raise wrong("note", say(N_("Shorten the note: 500 characters are kept."))) from None
    return None


async def _page(desk: Desk, session: AsyncSession, patient_id: str, key: str, form: Form, *, status: int = 200) -> Response:
    row = await Tasks(session).one(desk.caller.scope, patient_id, key)
    if row is None:
        raise not_found()
    team = await session.get_one(CareTeam, row.care_team_id)
    today = await today_at(desk.parts, session, team)
    showing = Showing(session, desk.parts.vault, desk.parts.plans, desk.language)
    task = await show_task(showing, row)
    person = await showing.vault_of(patient_id) if desk.may("patients.read") else None
    return desk.html(
        "today/task.html",
        status=status,
        task=task,
        form=form,
        read=task_etag(row),
        mine=task.claimed_by is not None and task.claimed_by.id == desk.caller.id,
        ends=_ends(desk, row.kind, row.by),
        why_later=WHY_LATER,
        why_another=WHY_ANOTHER,
        to="health_manager" if row.by == "doctor" else "doctor",
        may_hand=not (row.by == "doctor" and row.kind in (*DECIDED, SUBSTITUTE)),
        tomorrow=_working(today + timedelta(days=1)),
        last=today + FURTHEST,
        substitute=row.kind == SUBSTITUTE,
        texts=[] if person is None else await Messages(session).of(person, limit=LATEST),
        answers=row.kind in ANSWERS,
        zone=team.timezone,
        back=back_of(desk, patient_id),
    )


def _in_words(problem: Problem) -> Problem:
    """A day that the API does not take, without the days that it names."""
    return (
        wrong("until", NO_DAY) if [fault.field for fault in problem.faults] == ["until"] and problem.faults[0].remedy else problem
    )


def _ends(desk: Desk, kind: str, by: str) -> list[tuple[str, str]]:
    """The words that a task may end with for the caller, each with what its button says."""
    if kind == SUBSTITUTE or (kind in DECIDED and by == "doctor" and desk.caller.role != "doctor"):
        return []
    return [(word, ENDS[word]) for word in DECIDED.get(kind, ("done",))]


def _working(day: date) -> date:
    """The day, or the Monday behind a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() > 4 else day
