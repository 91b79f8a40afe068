"""What a Task that comes in means: the same answers as REST's, to referrals, refill requests and the work of care teams.

Rule 1: the difference is read as one move (``wishes``); the move is made by the function that REST calls.
Rule 2: what was asked before it is in progress is cancelled; afterwards whoever asked sends a Task of code ``abort`` about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from api import refilling
from api.arranging import Arranging
from api.fhir.asked import work_key
from api.fhir.differing import Wish, rule, wish
from api.fhir.exchange import Desk
from api.fhir.kinds import Refused, Resource
from api.fhir.making import Making
from api.fhir.transitions import shown, task_status
from api.fhir.types.tasks import ABORT as ABORTED
from api.fhir.wishes import Move, care_move, referral_move, refill_move
from api.models.base import Happened
from api.models.work import PostponeReason, TaskClaim, TaskDone, TaskPostpone
from api.problems import not_found
from api.referring import Answer
from api.rights import has
from records.intake.fhir import code_in, part, text
from records.referrals import referrals
from records.refills import refills
from records.tables import Patient, ReferralRow, RefillRow, TaskRow
from records.tasks import Tasks

ABORT = "abort"
LONGEST_NOTE = 500
_OUTCOMES = "the task's own word, such as done, approved or declined"


class TaskWrites:
    """Write side of Task."""

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {
        "create": ("referrals.cancel",),
        "update": ("referrals.answer", "refills.answer", "referrals.reply", "tasks.work"),
    }
    removable: frozenset[str] = frozenset()

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Only a Task that asks to abort another: requests are made by the pathways."""
        if code_in(resource.get("code")) != ABORT:
            told = "Requests are made by the pathways. Create only a Task of code abort whose focus is the Task to be ended."
            raise Refused(422, "not-supported", told, ("Task.code",))
        id_ = text(part(resource, "focus").get("reference")).removeprefix(f"{desk.base}/").removeprefix("Task/")
        async with desk.parts.database.reading() as session:
            row = await referrals(session).one(desk.caller.scope, id_)
        if row is None:
            raise Refused(422, "not-found", "There is no such Task among yours: name one as Task/id.", ("Task.focus",))
        await cancel(desk, making, row, text(part(resource, "statusReason").get("text")))
        return f"{id_}{ABORTED}"

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        """One move; nothing where nothing differs."""
        scope = desk.caller.scope
        async with desk.parts.database.reading() as session:
            key = await work_key(session, id_) if "." in id_ else None
            task = await Tasks(session).one(scope, *key) if key is not None else None
            referral = await referrals(session).one(scope, id_) if key is None else None
            refill = await refills(session).one(scope, id_) if key is None and referral is None else None
            row = task or referral or refill
            patient = await session.get(Patient, row.patient_id) if row is not None else None
        asked = wish(before, after, ZoneInfo(patient.timezone) if patient is not None else ZoneInfo("UTC"), desk.base)
        if referral is not None:
            await _referral(desk, making, referral, asked)
        elif refill is not None:
            await _refill(desk, making, refill, asked)
        elif task is not None:
            await _work(desk, making, task, asked)
        else:
            raise not_found()

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        raise Refused(405, "not-supported", "A Task is not deleted: whoever asked cancels it.")


async def _referral(desk: Desk, making: Making, row: ReferralRow, asked: Wish) -> None:
    caller = desk.caller
    asks = not caller.scope.is_a_place
    move = referral_move(shown("referral", row.stage, row.goes_on), asked, asks=asks)
    if move is None:
        return
    if move.verb == "cancel":
        await cancel(desk, making, row, move.text)
        return
    _needs(desk, "referrals.reply" if move.verb == "reply" else "referrals.answer")
    answer = Answer(making, caller.scope, row.id, Happened())
    match move.verb:
        case "receive":
            await answer.moves("received")
        case "accept":
            await answer.moves("accepted")
        case "refuse":
            await answer.moves("refused", ("reason", move.text[:LONGEST_NOTE]))
        case "ask-more":
            await answer.moves("more_asked", ("question", move.text))
        case "reply":
            await answer.replies(move.text)
        case "book":
            await answer.moves("booked", day=move.day)
        case "start":
            await answer.moves("in_progress")
        case "attended":
            await answer.moves("attended")
        case "not-attended":
            await answer.moves("not_attended")
        case "complete":
            await answer.moves("completed", ("report", move.text))
        case "send-back":
            await answer.moves("sent_back", ("instructions", move.text))
        case "aborted":
            await answer.moves("aborted")
        case _:
            raise rule(f"A referral is not put so here: {move.verb}.", "Task.status")


async def cancel(desk: Desk, making: Making, row: ReferralRow, why: str) -> None:
    """The side that asked takes it back: at once before it is in progress, by asking the place for it afterwards."""
    if not has(desk.caller, "referrals.cancel"):
        told = "Whoever asked cancels; a place that was asked rejects (statusReason) before it has accepted."
        raise Refused(403, "forbidden", told, ("Task.status",))
    if not 1 <= len(why) <= LONGEST_NOTE:
        raise rule(f"The reason is missing, or longer than {LONGEST_NOTE} characters: send statusReason.text.", "Task.statusReason")
    await Answer(making, desk.caller.scope, row.id, Happened()).cancels(why)


async def _refill(desk: Desk, making: Making, row: RefillRow, asked: Wish) -> None:
    move = refill_move(shown("refill", row.stage), asked)
    if move is None:
        return
    _needs(desk, "refills.answer")
    answer = refilling.Answer(making, desk.caller.scope, row.id, Happened())
    match move.verb:
        case "receive":
            await answer.moves("received")
        case "ready":
            await answer.moves("ready")
        case "refuse":
            await answer.moves("refused", reason=move.text[:LONGEST_NOTE])
        case "out-of-stock":
            await answer.moves("out_of_stock", until=move.day)
        case _:
            raise rule(f"A refill request is not put so here: {move.verb}.", "Task.status")


async def _work(desk: Desk, making: Making, row: TaskRow, asked: Wish) -> None:
    mine = f"Practitioner/{desk.caller.id}"
    move = care_move(task_status(row.status, row.claimed_by is not None), asked, (mine, f"{desk.base}/{mine}"))
    if move is None:
        return
    _needs(desk, "tasks.work")
    arranging = Arranging(making, desk.caller, row.patient_id)
    match move.verb:
        case "claim":
            await arranging.claim(TaskClaim(key=row.key))
        case "complete":
            await arranging.complete(TaskDone(key=row.key, outcome=_outcome(move)))
        case "postpone":
            await arranging.postpone(_postponed(row, asked, move))
        case _:
            raise rule(f"Work of a care team is not put so here: {move.verb}.", "Task.status")


def _outcome(move: Move) -> str:
    outcome = move.text or "done"
    if not outcome.replace("_", "").isalpha() or not outcome.isascii() or not outcome.islower() or len(outcome) > 40:
        raise rule(f"The outcome is no word of ours: send {_OUTCOMES}.", "Task.output")
    return outcome


def _postponed(row: TaskRow, asked: Wish, move: Move) -> TaskPostpone:
    reasons = get_args(PostponeReason)
    reason = (asked.reason_code or asked.reason).replace("-", "_")
    if reason not in reasons:
        raise rule(f"Why it is put off: send statusReason with a code of {', '.join(reasons)}.", "Task.statusReason")
    if len(move.text) > LONGEST_NOTE:
        raise rule(f"The note is longer than {LONGEST_NOTE} characters: shorten it.", "Task.note")
    assert move.day is not None  # a move to postpone has its day
    return TaskPostpone(key=row.key, until=move.day, reason=reason, note=move.text or None)


def _needs(desk: Desk, right: str) -> None:
    if not has(desk.caller, right):
        raise Refused(403, "forbidden", f"This takes the right {right}, which you or this key have not.")
