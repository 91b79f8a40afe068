"""Referrals: asked, answered, attended, reported on, and checked on by us whatever the hospital says.

Rule 1: delivery is not acceptance, acceptance is not attendance; a referral is closed on evidence only.
Rule 2: silence is noticed (silence.py): every stage that waits for somebody has its time limit, and the check-back comes whatever
        is reported.
Rule 3: one referral per reason: a second row that asks for the same place while one is open does not double it.
Rule 4: what we take back before the place has begun is cancelled; afterwards the place is asked to stop, and it is aborted once it
        says so or has had its time to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from pathways.engine import calendar, contacts, useful
from pathways.engine.assess import plain
from pathways.engine.commands import CancelReferral, RequestReferral
from pathways.engine.plan import Pathway, ReferSpec, Service, TaskSpec
from pathways.engine.state import Referral, changed
from pathways.engine.turn import Turn

CLOSING = frozenset({"completed", "not_needed"})  # a check-back's outcomes that are evidence enough
DONE = frozenset({"completed", "sent_back"})  # the place's own words that are evidence enough
ERRANDS = (  # of the referral itself; what the place asks of us in its report outlives it
    *("confirm_referral", "referral_check", "chase_referral", "place_referral"),
    *("referral_not_attended", "referral_question", "question_overdue"),
)
BEGUN = frozenset({"attended", "in_progress"})  # the place is at it: it is asked to stop
UNDECIDED = frozenset({"requested", "received", "more_asked", "not_attended"})
CANCEL_UNANSWERED = "abort_unanswered"
PLACED = "placed"
#: What the network itself tells a patient of a referral (activities/network_messages.yaml); the first at any hour.
GO_NOW, GO_THERE, ELSEWHERE, CALLED_OFF = "referral_now", "referral_place", "referral_elsewhere", "referral_off"


def refer(turn: Turn, pathway: Pathway, spec: ReferSpec, *, row: str, inputs: Mapping[str, object]) -> None:
    """Start a referral, by a clinician's confirmation where the row asks for it."""
    service = pathway.services[spec.service]
    for key, open_ in turn.state.referrals.items():
        same_place = _place(turn, open_) == service.to and open_.stage not in DONE
        if same_place and (open_.urgency == spec.urgency or open_.urgency == "emergency"):
            turn.because("already_referred", pathway=pathway.name, service=service.name, row=row, key=key, held_back="merged")
            return
    key = turn.key("referral")
    values = {name: value for name, raw in inputs.items() if (value := plain(raw)) is not None}
    referral = Referral(
        pathway.name,
        service.name,
        spec.urgency,
        row,
        asked=turn.now,
        stage="to_confirm",
        stage_since=turn.now,
        inputs=values,
    )
    if spec.confirm is None:
        turn.state.referrals[key] = referral
        request(turn, key)
        return
    turn.state.referrals[key] = changed(referral, confirm_by=turn.now + spec.confirm_within)
    task = TaskSpec("confirm_referral", spec.confirm, 0)
    turn.open_task(task, pathway=pathway.name, service=service.name, about=key, urgent=spec.urgency == "emergency")
    turn.because("waits_for_clinician", pathway=pathway.name, service=service.name, row=row, key=key, held_back="to_confirm")


def decided(turn: Turn, key: str, *, approved: bool) -> None:
    """The clinician answered."""
    referral = turn.state.referrals.get(key)
    if referral is None or referral.stage != "to_confirm":
        turn.because("too_late", key=key, held_back="already_decided")
        return
    turn.close_tasks("decided", kinds=("confirm_referral",), about=key)
    if approved:
        request(turn, key)
        return
    del turn.state.referrals[key]
    turn.because("referral_declined", pathway=referral.pathway, service=referral.service, row=referral.row, key=key)


def unanswered_confirmation(turn: Turn, key: str) -> None:
    """No clinician answered in time: the safe side is to refer."""
    turn.close_tasks("sent_without_answer", kinds=("confirm_referral",), about=key)
    turn.because("confirmed_by_silence", pathway=turn.state.referrals[key].pathway, key=key)
    request(turn, key)


def request(turn: Turn, key: str, *, instead_of: str = "") -> None:
    """Ask a place; the next one in the network's order when an earlier one could not, or (``instead_of``) said nothing."""
    referral = turn.state.referrals[key]
    attempt = referral.attempt + 1
    requested = changed(
        referral,
        stage="requested",
        stage_since=turn.now,
        attempt=attempt,
        resumes="",
        marks=tuple(mark for mark in without_silence(referral) if mark != PLACED),
        held_by=0,
        entered=None,
    )
    turn.state.referrals[key] = requested
    command = f"{key}/{attempt}"
    service = service_of(turn, referral)
    to = service.to if service else "hospital"
    asked = RequestReferral(
        command, key, to, referral.urgency, attempt, referral.pathway, referral.row, dict(referral.inputs), instead_of
    )
    turn.emit(asked)
    turn.because("referral_requested", pathway=referral.pathway, service=referral.service, row=referral.row, key=command)
    if attempt == 1:
        say(turn, key, "requested")


def nowhere(turn: Turn, key: str) -> None:
    """No place is left: somebody has to find one. Who was asked before may still answer."""
    referral = turn.state.referrals[key]
    marks = without_silence(referral)
    turn.state.referrals[key] = changed(referral, stage="nowhere", stage_since=turn.now, resumes="", entered=None, marks=marks)
    spec = TaskSpec("place_referral", "coordinator", 0)
    turn.open_task(spec, pathway=referral.pathway, service=referral.service, about=key, urgent=True)


def held_by(referral: Referral) -> int:
    """Of which of the places that were asked the word counts: the number of its request."""
    return referral.held_by or referral.attempt


def check_back(turn: Turn, key: str) -> None:
    """Within two weeks we ask ourselves what became of it, whatever has been reported; and again until it is closed."""
    referral = turn.state.referrals[key]
    turn.state.referrals[key] = changed(referral, marks=(*referral.marks, f"check{referral.checked}"))
    turn.open_task(
        TaskSpec("referral_check", "health_manager", 3),
        pathway=referral.pathway,
        service=referral.service,
        about=key,
        due=_check_day(turn, referral),
    )


def checked(turn: Turn, key: str, outcome: str) -> None:
    """The check-back was made; the next one lies ahead, however late this one was."""
    referral = turn.state.referrals.get(key)
    if referral is None:
        return
    marks = tuple(mark for mark in referral.marks if not mark.startswith("check"))
    referral = changed(referral, checked=referral.checked + 1, marks=marks)
    while check_opens(turn, referral) <= turn.today:
        referral = changed(referral, checked=referral.checked + 1)
    if outcome in CLOSING and referral.stage != "to_confirm":
        if referral.stage in UNDECIDED or (outcome == "not_needed" and referral.stage not in (*BEGUN, *DONE)):
            turn.emit(CancelReferral(f"{key}/cancel", key, "not_needed"))  # else it may still report
        referral = changed(referral, stage="completed", stage_since=turn.now)
    turn.state.referrals[key] = referral
    turn.because(
        "referral_checked",
        pathway=referral.pathway,
        service=referral.service,
        key=key,
        detail={"outcome": outcome},
    )
    close_if_done(turn, key)


def check_opens(turn: Turn, referral: Referral) -> date:
    """The day on which the check-back is laid before the health manager: three days before its limit."""
    return _check_day(turn, referral) - timedelta(days=3)


def cancel(turn: Turn, key: str, why: str) -> None:
    """It is not needed any more."""
    referral = turn.state.referrals.pop(key)
    turn.because("referral_cancelled", pathway=referral.pathway, service=referral.service, key=key, detail={"why": why})
    turn.close_tasks("cancelled", kinds=ERRANDS, about=key)
    if referral.stage not in ("to_confirm", *DONE):
        turn.emit(CancelReferral(f"{key}/cancel", key, why))


def without_silence(referral: Referral) -> tuple[str, ...]:
    """The marks of a referral whose place has just been heard of, or that lies before another."""
    return tuple(mark for mark in referral.marks if mark not in ("silent", "reminded"))


def is_there(referral: Referral) -> bool:
    """Whether the place that was asked last is known to have it before it; the first is asked at once."""
    return referral.attempt == 1 or PLACED in referral.marks or referral.stage == "received"


def _check_day(turn: Turn, referral: Referral) -> date:
    service = service_of(turn, referral)
    every = max(1, service.check_back) if service else 14
    asked = calendar.local_day(referral.asked, turn.timezone)
    day = asked + timedelta(days=every * (referral.checked + 1))
    if referral.stage not in DONE or referral.checked:
        return day
    limit = turn.plan.limits.known(referral.urgency, "sent_back")
    return day if limit is None else min(day, calendar.local_day(referral.stage_since, turn.timezone) + limit.within)


def close_if_done(turn: Turn, key: str) -> None:
    """It is closed once the place has reported and we have checked."""
    referral = turn.state.referrals[key]
    if referral.stage in DONE and referral.checked:
        turn.close_tasks("referral_closed", kinds=ERRANDS, about=key)
        del turn.state.referrals[key]
        turn.because("referral_closed", pathway=referral.pathway, service=referral.service, key=key)


def say(turn: Turn, key: str, stage: str, *, day: date | None = None) -> None:
    """Tell the patient, where the pathway has words for this stage."""
    referral = turn.state.referrals[key]
    service = service_of(turn, referral)
    if service is not None and stage in service.says:
        until = None if day is None else useful.until_day(turn, day + timedelta(days=1))
        contacts.say(turn, referral.pathway, service.says[stage], day=day, about=key, kind="referrals", until=until)


def tell_place(turn: Turn, key: str, template: str, *, day: date | None = None) -> None:
    """Tell the patient where to go, in the network's words; what goes beside the word of a ``day`` is of use as long as that."""
    until = None if day is None else useful.until_day(turn, day + timedelta(days=1))
    contacts.say(turn, "", template, day=day, about=key, kind="referrals", until=until)


def service_of(turn: Turn, referral: Referral) -> Service | None:
    """The pathway's service that it is by; None where the pathway has it no more."""
    pathway = turn.pathway(referral.pathway)
    return pathway.services.get(referral.service) if pathway else None


def _place(turn: Turn, referral: Referral) -> str:
    service = service_of(turn, referral)
    return service.to if service else "hospital"
