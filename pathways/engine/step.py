"""The pathway engine: one function, no clock, no network, no database.

Rule 1: every change of a patient's state happens in here.
Rule 2: this module never learns how a command is carried out.
Rule 3: odd events become reasons, never exceptions: a raise here would stall the patient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import assert_never

from pathways.engine import (
    advice,
    agenda,
    answering,
    calendar,
    calls,
    closing,
    contacts,
    events,
    held,
    life,
    medicine_review,
    moving,
    new_numbers,
    referrals,
    refills,
    replies,
    reviews,
    substitutes,
    tasks,
    visits,
)
from pathways.engine.commands import Command, Reason, SendMessage
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Plan, TaskSpec
from pathways.engine.state import ENDED, State
from pathways.engine.turn import Ahead, Turn

#: More moments than this in one step mean that an item does not go away once it is done.
MOST_MOMENTS = 20_000
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state after the event, what is to be done, and why."""

    state: State
    commands: tuple[Command, ...]
    reasons: tuple[Reason, ...]


def step(plan: Plan, state: State, event: AnyEvent, ahead: Ahead | None = None, *, imagined: bool = False) -> Outcome:
    """Follow ``plan`` through ``event``.

    What was due before the event happened is done first, so that a timer that comes late changes nothing but the moment;
    what is due between the event and the moment it was learnt is done after it, as if it had been known in time.
    ``imagined``: for a life of which nobody reads the reasons, and none are put down; ``state`` itself is led on, not a copy.
    """
    present = event.learnt if state.clock is None else max(event.learnt, state.clock)
    happened = min(event.at, present)  # what claims to lie ahead is taken as happening now: it must not spend the time between
    turn = Turn(_with_named(plan, event).as_of(state), state, present, ahead, imagined=imagined)
    time_passed = state.clock is None or happened > state.clock
    if time_passed:
        _catch_up(turn, happened)
    turn.now = present
    _apply(turn, event, happened)
    medicine_review.review(turn, event)
    held.look_again(turn, event)
    contacts.flush(turn)
    if not (isinstance(event, events.DueReached) and time_passed and happened == present):  # else all was done just now
        _catch_up(turn, present)
    turn.now = present
    if turn.state.life == "active":
        visits.book_where_needed(turn)
    else:
        _hold_back(turn)
    turn.state.clock = present
    return Outcome(turn.state, tuple(turn.commands), tuple(turn.reasons))


def _with_named(plan: Plan, event: AnyEvent) -> Plan:
    """The plan with each pathway that begins at the version that the event names, where the plan has it at hand."""
    if not isinstance(event, events.PathwaysChanged) or not event.versions:
        return plan
    begin = {name: found for name, version in event.versions.items() if (found := plan.versions.get(version)) is not None}
    return replace(plan, pathways={**plan.pathways, **begin}) if begin else plan


def _hold_back(turn: Turn) -> None:
    """What was to be said in this very step, before we learnt that the person has died, left, or is in hospital."""
    said = [command for command in turn.commands if isinstance(command, SendMessage) and command.to != "on_call"]
    for command in said:
        if not contacts.may_be_texted(turn, urgent=command.urgent):
            turn.commands.remove(command)
            turn.because("not_sent", key=command.key, held_back=turn.state.life)


def next_due(plan: Plan, state: State, ahead: Ahead | None = None) -> datetime | None:
    """The next moment at which the engine wants to be woken: a patient has one timer, however many services run."""
    turn = Turn(plan.as_of(state), state, state.clock or NEVER, ahead, looks=True)
    first = agenda.first(turn)
    return first.at if first is not None else None


def _catch_up(turn: Turn, until: datetime) -> None:
    """Do everything that is due up to ``until``, moment by moment, each with what was known then."""
    for _ in range(MOST_MOMENTS):
        first = agenda.first(turn)
        clock = turn.state.clock
        if first is None or first.at > until:
            if turn.outbox:
                contacts.flush(turn)
                continue  # what nobody woke us for in time may wait for a moment that is here
            turn.state.clock = until if clock is None else max(until, clock)
            return
        moment = first.at if clock is None else max(first.at, clock)
        if turn.outbox and moment > turn.now:  # everything said at one moment is one message
            contacts.flush(turn)
        turn.now = turn.state.clock = moment
        first.act(turn)
    contacts.flush(turn)
    turn.because("does_not_settle", held_back="fault")


def _apply(turn: Turn, event: AnyEvent, happened: datetime) -> None:
    state = turn.state
    on = calendar.local_day(happened, turn.timezone)
    if isinstance(event, events.Enrolled):
        life.enrolled(turn, event)
        return
    if state.life in ENDED or state.life == "not_enrolled":
        _after_the_end(turn, event)
        return
    match event:
        case events.DueReached():
            pass  # catching up was all
        case events.PathwaysChanged():
            life.changed(turn, event)
        case events.VersionMoved():
            moving.moved(turn, event)
        case events.Corrected():
            turn.because("corrected", detail={"event": event.corrects})
        case events.PersonChanged():
            _person_changed(turn, event)
        case events.VisitCompleted():
            if state.life != "active" and state.life_since is not None and happened >= state.life_since:
                life.back(turn, "paused", "in_hospital")
            life.found(turn)
            visits.remember(turn, event.readings, on)
            before = dict(state.courses)
            reviews.completed(turn, event.readings, on, event.done)
            moving.at_safe_point(turn, before, on)
            visits.revise(turn)
        case events.ReadingReceived():
            visits.remember(turn, event.readings, on)
            if event.source == "home":
                life.sign_of_life(turn)
                reviews.informed(turn, event.readings, on)
            elif event.source == "staff":
                before = dict(state.courses)
                reviews.completed_later(turn, event.readings, on)
                moving.at_safe_point(turn, before, on)
                reviews.screened_by_results(turn, event.readings, on)
            else:
                reviews.screened_by_results(turn, event.readings, on)
            visits.revise(turn)
        case events.ServiceCompleted():
            life.sign_of_life(turn)
            visits.remember(turn, event.readings, on)
            reviews.screened(turn, event.service, event.readings, on)
            visits.revise(turn)
        case events.CallMade():
            _called(turn, event)
        case events.TaskClosed():
            tasks.closed(turn, event, on)
        case events.TaskPostponed() | events.TaskHandedOver():
            tasks.arranged(turn, event)
        case events.ReferralDecided():
            referrals.decided(turn, event.referral, approved=event.approved)
        case events.ReferralMoved():
            if event.stage in ("attended", "in_progress"):
                life.sign_of_life(turn)
            replies.moved(turn, event.referral, event.stage, event.day, event.attempt)
        case events.RefillMoved():
            refills.moved(turn, event.refill, event.stage, event.substitute)
        case events.SubstituteDecided():
            substitutes.decided(turn, event.refill, approved=event.approved)
        case events.Dispensed():
            refills.filled(turn, event.fill, part=event.part)
        case events.AnswerReceived():
            answering.answered(turn, event, on)
        case events.TextsChosen():
            contacts.choose(turn, event.refused)
        case events.NumberGiven():
            new_numbers.given(turn, event)
        case events.NumberAnswered():
            new_numbers.answered(turn, event)
        case events.NumberSettled():
            new_numbers.settled(turn, event)
            if event.how == "confirmed":
                life.found(turn)
        case events.MessageFailed():
            life.message_failed(turn, event)
        case events.MessageArrived():
            calls.arrived(turn, event)
        case events.AdviceGiven():
            advice.given(turn, event)
        case events.AdviceFailed():
            advice.failed(turn, event)
        case events.VisitBooked():
            closing.booked(turn, event.booking, event.day)
        case events.DayClosed():
            closing.day_closed(turn, event.day, event.closure)
        case events.Hospitalised():
            life.rest(turn, "in_hospital")
        case events.Paused():
            life.rest(turn, "paused", event.until)
        case events.Discharged():
            life.back(turn, "in_hospital")
        case events.Resumed():
            life.back(turn, "paused")
        case events.MovedAway():
            life.end(turn, "moved_away")
        case events.Withdrawn():
            life.end(turn, "withdrawn")
        case events.Died():
            life.end(turn, "died")
        case _:
            assert_never(event)


def _after_the_end(turn: Turn, event: AnyEvent) -> None:
    """Somebody who is not followed: what arrives is kept in the log, and said not to be acted on."""
    if isinstance(event, events.Died):
        life.end(turn, "died")
    elif isinstance(event, events.AnswerReceived) and answering.after_the_end(turn, event):
        return
    elif not isinstance(event, events.DueReached):
        turn.because("not_acted_on", held_back=turn.state.life, detail={"event": type(event).__name__})


def _person_changed(turn: Turn, event: events.PersonChanged) -> None:
    state = turn.state
    told = {"conditions": event.conditions, "born": event.born, "sex": event.sex}
    known = {name: value for name, value in told.items() if value is not None}
    if known:
        state.person = replace(state.person, **known)  # type: ignore[arg-type]
        visits.revise(turn)
    if event.timezone is not None:
        came_from = state.person.timezone
        state.person = replace(state.person, timezone=event.timezone)
        contacts.zone_changed(turn, came_from)
    if event.phone is not None:
        state.phone = event.phone
        if event.phone:
            turn.close_tasks("number_found", kinds=("find_number",))
    if event.carer is not None:
        state.carer = event.carer
    turn.because("person_changed")


def _called(turn: Turn, event: events.CallMade) -> None:
    turn.because("called", detail={"outcome": event.outcome})
    match event.outcome:
        case "reached":
            life.sign_of_life(turn)
            turn.close_tasks("reached", kinds=("phone_call", "phone_reminder", "search"))
            if event.day is not None:
                visits.agreed(turn, event.day)
        case "wrong_number":
            life.wrong_number(turn)
        case "refused":
            life.sign_of_life(turn)
            turn.close_tasks("refused", kinds=("phone_call", "phone_reminder"))
            turn.open_task(TaskSpec("refused_care", "doctor", 7))
        case "no_answer":
            pass  # the task stays open, and the escalation goes on
        case _:
            assert_never(event.outcome)
