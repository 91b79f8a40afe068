"""What the place that was asked to see a patient says, and what it wants of us.

Rule 1: answers come twice, late and out of order; what changes nothing is put down with what held it back.
Rule 2: a question is the place's word and our errand: its silence is not counted while we owe the answer,
        but nothing stops the clock of an emergency.
Rule 3: a patient who is sent back has been seen to: the report closes the referral, and its instructions are somebody's to read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from pathways.engine.events import ReferralStage
from pathways.engine.plan import TaskSpec
from pathways.engine.referrals import DONE, close_if_done, request, say, without_silence
from pathways.engine.state import Referral
from pathways.engine.turn import Turn

ORDER = ("to_confirm", "requested", "received", "accepted", "booked", "not_attended", "attended", "completed")
IN_THEIR_HANDS = frozenset({"received", "accepted", "booked", "attended"})
ASKABLE = IN_THEIR_HANDS | {"requested", "not_attended"}  # where a question may come in
BOOKED_AT_MOST = timedelta(days=366)


def moved(turn: Turn, key: str, stage: ReferralStage, day: date | None) -> None:
    """The place answered."""
    referral = turn.state.referrals.get(key)
    if held_back := _not_now(referral, stage):
        turn.because("too_late", key=key, held_back=held_back, detail={"stage": stage})
        return
    assert referral is not None
    turn.because(f"referral_{stage}", pathway=referral.pathway, service=referral.service, row=referral.row, key=key)
    if stage == "more_asked":
        _asked(turn, key, referral)
        return
    turn.close_tasks("answered", kinds=("chase_referral", "place_referral", "referral_question"), about=key)
    if stage == "more_given":
        _resume(turn, key)
    elif stage == "refused":
        request(turn, key)
    else:
        _arrive(turn, key, stage, day)


def _arrive(turn: Turn, key: str, stage: ReferralStage, day: date | None) -> None:
    referral = turn.state.referrals[key]
    day = min(day, turn.today + BOOKED_AT_MOST) if day is not None else None
    marks = without_silence(referral)
    turn.state.referrals[key] = replace(
        referral, stage=stage, stage_since=turn.now, day=day or referral.day, resumes="", marks=marks
    )
    urgent = referral.urgency == "emergency"
    if stage == "booked":
        say(turn, key, "booked", day=day)
    elif stage == "not_attended":
        _open(turn, key, TaskSpec("referral_not_attended", "health_manager", 1), urgent=urgent)
    elif stage == "nowhere":
        _open(turn, key, TaskSpec("place_referral", "coordinator", 0), urgent=True)
    elif stage in DONE:
        turn.close_tasks("reported", kinds=("referral_not_attended",), about=key)
        if stage == "sent_back":
            _open(turn, key, TaskSpec("read_report", "health_manager", 3), urgent=False)
        close_if_done(turn, key)


def _asked(turn: Turn, key: str, referral: Referral) -> None:
    """The place wants to know more before it goes on."""
    urgent = referral.urgency == "emergency"
    resumes = "received" if referral.stage == "requested" else referral.stage  # who asks has received
    asked = replace(referral, stage="more_asked", resumes=resumes)
    if not urgent:
        turn.close_tasks("answered", kinds=("chase_referral",), about=key)
        asked = replace(asked, stage_since=turn.now, marks=without_silence(referral))
    turn.state.referrals[key] = asked
    _open(turn, key, TaskSpec("referral_question", "health_manager", 0 if urgent else 2), urgent=urgent)


def question_closed(turn: Turn, key: str) -> None:
    """Whoever had the place's question has done with it: the next word is the place's again."""
    referral = turn.state.referrals.get(key)
    if referral is not None and referral.stage == "more_asked":
        turn.because("referral_more_given", pathway=referral.pathway, service=referral.service, row=referral.row, key=key)
        _resume(turn, key)


def _resume(turn: Turn, key: str) -> None:
    referral = turn.state.referrals[key]
    stage, marks = referral.resumes or "received", without_silence(referral)
    turn.state.referrals[key] = replace(referral, stage=stage, stage_since=turn.now, resumes="", marks=marks)


def _not_now(referral: Referral | None, stage: ReferralStage) -> str:
    """Why an answer changes nothing, or nothing: answers may come twice, late, or before anybody was asked."""
    if referral is None or referral.stage in DONE:
        return "referral_closed"
    if referral.stage == "to_confirm":
        return "nobody_asked_yet"
    if stage == referral.stage and stage != "booked":
        return "already_told"
    if stage == "more_given":
        return "" if referral.stage == "more_asked" else "nothing_asked"
    reached = referral.resumes or referral.stage
    if (stage == "more_asked" and reached not in ASKABLE) or (stage == "sent_back" and reached not in IN_THEIR_HANDS):
        return "not_in_their_hands"
    asked_since = stage == "received" and referral.stage == "more_asked"
    stale = stage in ("received", "accepted") and reached in ORDER and ORDER.index(stage) < ORDER.index(reached)
    return "overtaken" if stale or asked_since else ""


def _open(turn: Turn, key: str, spec: TaskSpec, *, urgent: bool) -> None:
    referral = turn.state.referrals[key]
    turn.open_task(spec, pathway=referral.pathway, service=referral.service, about=key, urgent=urgent)
