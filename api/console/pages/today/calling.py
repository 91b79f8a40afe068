"""A call: what came of it, the day agreed, what was read out on the phone, and when to try again.

Rule 1: each of these is what the API's own routes store, in one order, each once for one form: the call, the readings, the task.
Rule 2: a reading told on the phone informs as one sent from home does; it is no visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.arranging import DECIDED, SUBSTITUTE, Arranging
from api.console.desk import N_, Desk, at
from api.console.forms import Form, wrong
from api.console.pages.today.asked import Field, at_form, filled, impossible, readings_in
from api.console.pages.today.going import after_saving, back_of
from api.console.pages.today.kinds import CALLS
from api.console.pages.today.recording import Whom, whom
from api.depends import Parts, Session
from api.models.patients import CallIn, ReadingsReceived
from api.models.work import TaskDone, TaskOut, TaskPostpone
from api.problems import Problem
from api.routes.visits import record_call, record_readings
from api.showing.patients import Showing
from api.showing.tasks import show_tasks
from records.tasks import Tasks

router = APIRouter(include_in_schema=False)

OUTCOMES = {
    "reached": N_("Reached"),
    "no_answer": N_("No answer"),
    "wrong_number": N_("Wrong number"),
    "refused": N_("Does not want care"),
}
AGAIN = {"": N_("Leave it on today's list"), "1": N_("Tomorrow"), "3": N_("In 3 days"), "7": N_("In a week")}

Calls = Annotated[Desk, at("patients.record")]


@router.get("/patients/{patient_id}/call")
async def call_page(
    desk: Calls, session: Session, parts: Parts, patient_id: str, key: Annotated[str, Query(max_length=120)] = ""
) -> Response:
    """The number, and what to write down; a script has it as a dialog over the list."""
    found = await whom(session, parts, desk, patient_id)
    return await _form(desk, session, found, Form(), key)


@router.post("/patients/{patient_id}/call")
async def call_saved(desk: Calls, session: Session, parts: Parts, patient_id: str) -> Response:
    """The call, with what was agreed and read out; then its task is finished, or put off."""
    form, key = desk.form, desk.form.text("key")
    found = await whom(session, parts, desk, patient_id)
    fields, say = found.known.fields(desk.language, numbers_only=True), desk.say
    try:
        outcome = form.text("outcome")
        if outcome not in OUTCOMES:
            raise wrong("outcome", say(N_("Say what came of the call.")))
        reached = outcome == "reached"
        readings = readings_in(fields, form, say) if reached else {}
        day = form.day("day") if reached else None
        writing = desk.writing()
        call = CallIn(outcome=cast(Any, outcome), day=day)
        written = await record_call(desk.caller, writing, patient_id, call)
        if readings:
            beside = replace(writing, given=f"{writing.given}/readings" if writing.given else None)
            told = ReadingsReceived(readings=readings, source="home")
            written = await record_readings(desk.caller, beside, patient_id, told)
        for one in await _tasks(desk, session, found, key):
            await _of_task(desk, found, one, outcome)
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _form(desk, session, found, desk.refused(at_form(problem, say)), key, status=422)
    return after_saving(desk, patient_id, acted_on=written.acted_on)


async def _of_task(desk: Desk, found: Whom, task: TaskOut, outcome: str) -> None:
    """What the call was for is done, or tried again on another day; a call may have closed it by itself."""
    form, writing = desk.form, desk.writing()
    beside = f"{writing.given}/task" if task.key == form.text("key") else f"{writing.given}/task/{task.key}"
    arranging = Arranging(replace(writing, given=beside if writing.given else None, if_match=None), desk.caller, found.patient.id)
    again = form.text("again")
    try:
        if outcome == "no_answer" and again in ("1", "3", "7") and not task.urgent:
            until = found.today + timedelta(days=int(again))
            await arranging.postpone(TaskPostpone(key=task.key, until=until, reason="no_answer"))
        elif outcome == "reached" and task.key in form.texts("finished"):
            await arranging.complete(TaskDone(key=task.key))
    except Problem as problem:
        if problem.status != 409:
            raise


async def _form(desk: Desk, session: AsyncSession, found: Whom, form: Form, key: str, *, status: int = 200) -> Response:
    tasks = await _tasks(desk, session, found, key)
    fields = filled(found.known.fields(desk.language, numbers_only=True), form)
    return desk.html(
        "today/call.html",
        status=status,
        whom=found,
        patient=found.patient,
        key=key,
        tasks=tasks,
        ends=[task for task in tasks if task.kind not in DECIDED and task.kind != SUBSTITUTE],
        ended=form.texts("finished") if form.values else (key,),
        fields=fields,
        form=form,
        outcomes=OUTCOMES,
        again=AGAIN,
        impossible=_impossible(fields, desk),
        back=back_of(desk, found.patient.id),
        readings_open=any(field.typed for field in fields),
    )


def _impossible(fields: Sequence[Field], desk: Desk) -> dict[str, str]:
    say = desk.say
    return {field.name: impossible(field, say) for field in fields if field.low is not None and field.high is not None}


async def _tasks(desk: Desk, session: AsyncSession, found: Whom, key: str) -> list[TaskOut]:
    """What the call is for, first the task it was begun from: open tasks that a call may settle, of the caller's or of nobody's."""
    mine = (None, desk.caller.id)
    rows = [
        row
        for row in await Tasks(session).of(found.patient.id)
        if desk.caller.scope.covers_team(row.care_team_id)
        and (row.key == key or (row.kind in CALLS and row.by == desk.caller.role and row.claimed_by in mine))
        and (row.postponed_to is None or row.postponed_to <= found.today or row.key == key)
    ]
    rows.sort(key=lambda row: row.key != key)
    return await show_tasks(Showing(session, desk.parts.vault, desk.parts.plans, desk.language), rows) if rows else []
