"""The silence of a referral: how long it is accepted at each stage, and what is done about it.

Rule 1: a limit runs from when the stage was entered; what is asked, replied or added meanwhile does not begin it anew.
Rule 2: a place that says nothing is reminded once, then the next place in the network's order is asked; the patient is told by the
        word that it has the referral, and the place before learns that it need not answer any more.
Rule 3: another place is asked only once the last one is known to have the request; else a person looks into it, as where a place
        has said that it will see the patient: it is not left. An emergency has a person in any case.
Rule 4: while we owe the place an answer its time stands still; an emergency is chased all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial

from pathways.engine import calendar, referrals
from pathways.engine.commands import CancelReferral, RemindPlace
from pathways.engine.limits import ASKING, Span
from pathways.engine.plan import TaskSpec
from pathways.engine.referrals import CANCEL_UNANSWERED, ERRANDS, held_by, is_there, request, service_of
from pathways.engine.state import Referral, changed
from pathways.engine.turn import Turn

REMINDED, SILENT = "reminded", "silent"
#: Where the place has the next word.
THEIRS = frozenset({"requested", "received", "accepted", "booked", "attended", "in_progress", "abort_asked"})


def ahead(turn: Turn) -> Iterator[tuple[datetime, Callable[[Turn], None]]]:
    """What is to be done about the open referrals, and when; in no order."""
    for key, referral in turn.state.referrals.items():
        if referral.stage == "to_confirm":
            yield referral.confirm_by or referral.asked, partial(_of, referrals.unanswered_confirmation, key)
            continue
        if (moment := reminded_at(turn, referral)) is not None:
            yield moment, partial(_of, remind, key)
        if (moment := passed_at(turn, referral)) is not None:
            yield moment, partial(_of, passed, key)
        if f"check{referral.checked}" not in referral.marks:
            day = referrals.check_opens(turn, referral)
            yield calendar.staff_moment(day, turn.timezone), partial(_of, referrals.check_back, key)


def _of(act: Callable[[Turn, str], None], key: str, turn: Turn) -> None:
    act(turn, key)


def span_of(turn: Turn, referral: Referral, stage: str) -> Span:
    """What is accepted at ``stage``."""
    service = service_of(turn, referral)
    stated = service.answer_within.get(referral.urgency) if service is not None else None
    return turn.plan.limits.of(referral.urgency, stage, stated)


def reminded_at(turn: Turn, referral: Referral) -> datetime | None:
    """When the place is reminded; None where it is not, or was."""
    if referral.stage not in THEIRS or {REMINDED, SILENT} & set(referral.marks):
        return None
    span = span_of(turn, referral, referral.stage)
    if span.remind is None or span.remind >= span.within:
        return None
    return _after(turn, referral, referral.stage, referral.stage_since, span.remind)


def passed_at(turn: Turn, referral: Referral) -> datetime | None:
    """When the limit of the present stage is over; None where it has none, or something was done about it."""
    if SILENT in referral.marks:
        return None
    if referral.stage == "more_asked":
        if referral.urgency == "emergency":  # nothing stops its clock
            stage = referral.resumes or "received"
            since = referral.entered or referral.stage_since
            return _after(turn, referral, stage, since, span_of(turn, referral, stage).within)
        return referral.stage_since + span_of(turn, referral, "more_asked").within
    if referral.stage not in THEIRS:
        return None
    return _after(turn, referral, referral.stage, referral.stage_since, span_of(turn, referral, referral.stage).within)


def _after(turn: Turn, referral: Referral, stage: str, since: datetime, span: timedelta) -> datetime | None:
    if stage != "booked":
        return since + span
    if referral.day is None:
        return None
    return calendar.staff_moment(referral.day + timedelta(days=span.days), turn.timezone) + (span - timedelta(days=span.days))


def remind(turn: Turn, key: str) -> None:
    """The place has said nothing for some time."""
    referral = turn.state.referrals[key]
    turn.state.referrals[key] = changed(referral, marks=(*referral.marks, REMINDED))
    asked = f"{key}/{held_by(referral)}"
    turn.emit(RemindPlace(turn.key(f"{asked}/reminder"), key, asked, referral.stage_since))
    turn.because("place_reminded", **_named(referral, key), detail={"stage": referral.stage})


def passed(turn: Turn, key: str) -> None:
    """The limit is over, and nobody has said a word."""
    referral = turn.state.referrals[key]
    marked = changed(referral, marks=(*referral.marks, SILENT))
    turn.state.referrals[key] = marked
    detail = {"stage": referral.stage, "since": referral.stage_since.isoformat(timespec="minutes")}
    turn.because("referral_silent", **_named(referral, key), detail=detail)
    if referral.stage == "abort_asked":
        turn.emit(CancelReferral(f"{key}/abort", key, CANCEL_UNANSWERED))
        aborted(turn, key)
        return
    if referral.stage == "more_asked" and referral.urgency != "emergency":
        _open(turn, key, marked, TaskSpec("question_overdue", "doctor", 0))
        return
    goes_on = referral.stage in ASKING and is_there(referral)
    if not goes_on or referral.urgency == "emergency":
        _open(turn, key, marked, TaskSpec("chase_referral", "health_manager", 0))
    if goes_on:
        request(turn, key, instead_of=f"{key}/{held_by(referral)}")


def aborted(turn: Turn, key: str) -> None:
    """What the place had begun has stopped."""
    referral = turn.state.referrals.pop(key)
    turn.close_tasks("aborted", kinds=ERRANDS, about=key)
    turn.because("referral_aborted", **_named(referral, key))


def _open(turn: Turn, key: str, referral: Referral, spec: TaskSpec) -> None:
    urgent = referral.urgency == "emergency"
    turn.open_task(spec, pathway=referral.pathway, service=referral.service, about=key, urgent=urgent)


def _named(referral: Referral, key: str) -> dict[str, str]:
    return {"pathway": referral.pathway, "service": referral.service, "row": referral.row, "key": key}
