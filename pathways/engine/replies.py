"""What the place that was asked to see a patient says, and what it wants of us.

Rule 1: answers come twice, late and out of order; what changes nothing is put down with what held it back.
Rule 2: a question is the place's word and our errand: its silence is not counted while we owe the answer,
        but nothing stops the clock of an emergency.
Rule 3: a patient who is sent back has been seen to: the report closes the referral, and its instructions are somebody's to read.
Rule 4: the word of a place that was asked before counts where it takes the patient: it got in before its request was taken back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pathways.engine.events import ReferralStage
from pathways.engine.plan import TaskSpec
from pathways.engine.referrals import (
    CALLED_OFF,
    DONE,
    ELSEWHERE,
    GO_NOW,
    GO_THERE,
    PLACED,
    cancel,
    close_if_done,
    held_by,
    nowhere,
    request,
    say,
    tell_place,
    without_silence,
)
from pathways.engine.silence import aborted
from pathways.engine.state import Referral
from pathways.engine.turn import Turn

ORDER = ("to_confirm", "requested", "received", "accepted", "booked", "not_attended", "attended", "in_progress", "completed")
IN_THEIR_HANDS = frozenset({"received", "accepted", "booked", "attended", "in_progress"})
#: Of a place that was asked before, what does not count any more: another has been asked since.
STALE = frozenset({"received", "refused", "nowhere", "placed", "not_attended"})
ENDS_ABORT = frozenset({"aborted", "cancelled", "completed", "sent_back"})
ASKABLE = IN_THEIR_HANDS | {"requested", "not_attended"}  # where a question may come in
BOOKED_AT_MOST = timedelta(days=366)


def moved(turn: Turn, key: str, stage: ReferralStage, day: date | None, attempt: int = 0) -> None:
    """The place answered; ``attempt``: which of those that were asked."""
    referral = turn.state.referrals.get(key)
    if held_back := _not_now(referral, stage, attempt):
        turn.because("too_late", key=key, held_back=held_back, detail={"stage": stage})
        return
    assert referral is not None
    if attempt and attempt != held_by(referral):
        referral = turn.state.referrals[key] = replace(referral, held_by=attempt)
    if stage == "cancelled":
        _taken_back(turn, key, referral)
        return
    if stage != "aborted":
        turn.because(f"referral_{stage}", pathway=referral.pathway, service=referral.service, row=referral.row, key=key)
    if stage == "more_asked":
        _asked(turn, key, referral)
        return
    if stage == "placed":
        turn.state.referrals[key] = replace(referral, marks=(*referral.marks, PLACED))
        tell_place(turn, key, GO_NOW if referral.urgency == "emergency" else ELSEWHERE)
        return
    turn.close_tasks("answered", kinds=("chase_referral", "place_referral", "referral_question", "question_overdue"), about=key)
    if stage == "more_given":
        _resume(turn, key)
    elif stage == "refused":
        request(turn, key)
    elif stage == "nowhere":
        nowhere(turn, key)
    elif stage == "aborted":
        aborted(turn, key)
    else:
        _arrive(turn, key, stage, day)


def _taken_back(turn: Turn, key: str, referral: Referral) -> None:
    """The care team called it off before the place had begun."""
    if referral.stage in ("accepted", "booked"):
        tell_place(turn, key, CALLED_OFF)
    cancel(turn, key, "care_team")


def _arrive(turn: Turn, key: str, stage: ReferralStage, day: date | None) -> None:
    referral = turn.state.referrals[key]
    day = min(day, turn.today + BOOKED_AT_MOST) if day is not None else None
    marks = without_silence(referral)
    resumes = (referral.resumes or referral.stage) if stage == "abort_asked" else ""
    turn.state.referrals[key] = replace(
        referral, stage=stage, stage_since=turn.now, day=day or referral.day, resumes=resumes, marks=marks, entered=None
    )
    urgent = referral.urgency == "emergency"
    if stage == "accepted" and urgent:
        tell_place(turn, key, GO_NOW)
    elif stage == "booked":
        say(turn, key, "booked", day=day)
        tell_place(turn, key, GO_THERE, day=day)
    elif stage == "not_attended":
        _open(turn, key, TaskSpec("referral_not_attended", "health_manager", 1), urgent=urgent)
    elif stage in DONE:
        turn.close_tasks("reported", kinds=("referral_not_attended",), about=key)
        if stage == "sent_back":
            _open(turn, key, TaskSpec("read_report", "health_manager", 3), urgent=False)
        close_if_done(turn, key)


def _asked(turn: Turn, key: str, referral: Referral) -> None:
    """The place wants to know more before it goes on; its own stage goes on from where it was, once it knows."""
    urgent = referral.urgency == "emergency"
    resumes = "received" if referral.stage == "requested" else referral.stage  # who asks has received
    entered = turn.now if referral.stage == "requested" and not urgent else referral.stage_since
    asked = replace(referral, stage="more_asked", resumes=resumes, stage_since=turn.now, entered=entered)
    if not urgent:
        turn.close_tasks("answered", kinds=("chase_referral",), about=key)
        asked = replace(asked, marks=without_silence(referral))
    turn.state.referrals[key] = asked
    _open(turn, key, TaskSpec("referral_question", "health_manager", 0 if urgent else 2), urgent=urgent)


def question_closed(turn: Turn, key: str) -> None:
    """Whoever had the place's question has done with it: the next word is the place's again."""
    referral = turn.state.referrals.get(key)
    if referral is not None and referral.stage == "more_asked":
        turn.because("referral_more_given", pathway=referral.pathway, service=referral.service, row=referral.row, key=key)
        _resume(turn, key)


def _resume(turn: Turn, key: str) -> None:
    """The next word is the place's again: its time goes on from where it stood when it asked."""
    referral = turn.state.referrals[key]
    stage, waited = referral.resumes or "received", turn.now - referral.stage_since
    since = turn.now if referral.entered is None else referral.entered + waited
    marks = without_silence(referral)
    turn.state.referrals[key] = replace(referral, stage=stage, stage_since=since, resumes="", marks=marks, entered=None)


def _not_now(referral: Referral | None, stage: ReferralStage, attempt: int) -> str:
    """Why an answer changes nothing, or nothing: answers may come twice, late, or before anybody was asked."""
    if referral is None or referral.stage in DONE:
        return "referral_closed"
    if referral.stage == "to_confirm":
        return "nobody_asked_yet"
    if attempt and attempt != held_by(referral) and referral.stage != "nowhere" and stage in STALE:
        return "asked_elsewhere"
    if stage == referral.stage and stage != "booked":
        return "already_told"
    if referral.stage == "abort_asked" and stage not in ENDS_ABORT:
        return "abort_asked"
    if stage == "placed":
        return "" if referral.stage == "requested" and PLACED not in referral.marks else "overtaken"
    if stage == "more_given":
        return "" if referral.stage == "more_asked" else "nothing_asked"
    reached = referral.resumes or referral.stage
    if (stage == "more_asked" and reached not in ASKABLE) or (stage == "sent_back" and reached not in IN_THEIR_HANDS):
        return "not_in_their_hands"
    asked_since = stage == "received" and referral.stage == "more_asked"
    early = ("received", "accepted", "attended")
    stale = stage in early and reached in ORDER and ORDER.index(stage) < ORDER.index(reached)
    return "overtaken" if stale or asked_since else ""


def _open(turn: Turn, key: str, spec: TaskSpec, *, urgent: bool) -> None:
    referral = turn.state.referrals[key]
    turn.open_task(spec, pathway=referral.pathway, service=referral.service, about=key, urgent=urgent)
