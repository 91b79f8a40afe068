"""The engine's promises, over lives at random: what no story may bring about."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from strategies import Move, live, lives, referred_lives, shipped_plan

from pathways.engine import calendar, events, next_due, step, visits
from pathways.engine.answering import FOR_WHOM, HELP
from pathways.engine.commands import CloseTask, ReleaseVisit, RetractMessage, SendMessage
from pathways.engine.events import AnswerReceived, NumberAnswered
from pathways.engine.life import CHOOSE
from pathways.engine.state import ENDED, State
from pathways.engine.turn import Turn
from pathways.engine.useful import ASK_AGAIN
from pathways.serial import dump_command, dump_event, dump_reason, dump_state, load_command, load_event, load_reason, load_state

quick = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@quick
@given(lives)
def test_no_story_can_raise_or_go_on_without_end(life: list[Move]) -> None:
    for taken in live(life):
        assert all(reason.code != "does_not_settle" for reason in taken.outcome.reasons)
        due = next_due(shipped_plan(), taken.outcome.state)
        assert due is None or due > max(taken.event.learnt, taken.before.clock or taken.event.learnt)


@quick
@given(lives)
def test_no_story_can_drop_a_service_that_is_due(life: list[Move]) -> None:
    plan = shipped_plan()
    for taken in live(life):
        state = taken.outcome.state
        if state.life == "active" and state.courses:
            assert next_due(plan, state) is not None
            turn = Turn(plan, state, state.clock or taken.event.learnt)
            for pathway, service in turn.active_services("follow_up", "screening"):
                wanted = service.kind == "follow_up" or visits.is_for(turn, pathway, service)
                assert turn.occurrence(pathway.name, service.name) is not None or not wanted
        if state.life in ("paused", "in_hospital"):
            assert next_due(plan, state) is not None


@quick
@given(referred_lives)
def test_what_a_place_waits_for_from_us_is_always_somebodys_task(life: list[Move]) -> None:
    for taken in live(life):
        state = taken.outcome.state
        if state.life in ENDED:
            continue
        asked = {key for key, referral in state.referrals.items() if referral.stage == "more_asked"}
        assert asked == {task.about for task in state.tasks.values() if task.kind == "referral_question"}
        interrupted = ("more_asked", "abort_asked")
        assert all((referral.stage in interrupted) == bool(referral.resumes) for referral in state.referrals.values())
        sent_back = any(reason.code == "referral_sent_back" for reason in taken.outcome.reasons)
        assert not sent_back or any(task.kind == "read_report" for task in state.tasks.values())
        assert all(bool(supply.refill) == bool(supply.stage) for supply in state.supplies.values())


@quick
@given(lives)
def test_whoever_is_on_no_pathway_is_somebodys_task_and_a_pathway_that_was_left_leaves_no_work_behind(life: list[Move]) -> None:
    for taken in live(life):
        state = taken.outcome.state
        if state.life not in ("active", "paused", "in_hospital"):
            continue
        assert any(task.kind == CHOOSE for task in state.tasks.values()) == (not state.courses)
        errands = {one for supply in state.supplies.values() for one in (supply.key, supply.refill)}
        for one in (*state.tasks.values(), *state.waiting):
            goes_on = one.about is not None and (one.about in errands or one.about.startswith("referral"))
            assert not one.pathway or one.pathway in state.courses or goes_on


@quick
@given(lives)
def test_no_key_is_ever_used_twice(life: list[Move]) -> None:
    made = [command for taken in live(life) for command in taken.outcome.commands]
    doubled = Counter(c.key for c in made if not isinstance(c, CloseTask | ReleaseVisit | RetractMessage))
    closed = Counter((type(c), c.key) for c in made if isinstance(c, CloseTask | ReleaseVisit | RetractMessage))
    assert not [key for key, often in (doubled + Counter({key[1]: 0 for key in closed})).items() if often > 1]
    assert not [key for key, often in closed.items() if often > 1]


@quick
@given(lives)
def test_it_makes_no_difference_that_the_state_was_stored_between_events(life: list[Move]) -> None:
    kept, stored = live(life), live(life, between=lambda state: load_state(dump_state(state)))
    for one, other in zip(kept, stored, strict=True):
        assert one.outcome == other.outcome
        assert dump_state(one.outcome.state) == dump_state(other.outcome.state)
        assert load_event(dump_event(one.event)) == one.event
        assert tuple(load_command(dump_command(c)) for c in one.outcome.commands) == one.outcome.commands
        assert tuple(load_reason(dump_reason(r)) for r in one.outcome.reasons) == one.outcome.reasons


@quick
@given(lives)
def test_nobody_is_texted_at_night_or_once_they_have_left_or_lie_in_hospital(life: list[Move]) -> None:
    plan = shipped_plan()
    for taken in live(life):
        sent = [c for c in taken.outcome.commands if isinstance(c, SendMessage) and c.to != "on_call"]
        if taken.outcome.state.life == "paused":
            assert all(command.urgent for command in sent)
        elif taken.outcome.state.life != "active":
            assert not sent
        for command in sent:
            reason = next(r for r in taken.outcome.reasons if r.key == command.key)
            zones = {taken.before.person.timezone, taken.outcome.state.person.timezone}
            answers = isinstance(taken.event, AnswerReceived | NumberAnswered)
            asks_back = answers and command.parts[0].template in (ASK_AGAIN, FOR_WHOM, HELP)
            assert asks_back or command.urgent or any(calendar.is_decent(reason.at, zone, plan.contact) for zone in zones)
            assert command.not_after >= taken.event.learnt


@quick
@given(lives)
def test_a_step_leaves_the_state_it_was_given_as_it_was(life: list[Move]) -> None:
    plan = shipped_plan()
    for taken in live(life):
        before = dump_state(taken.before)
        assert step(plan, taken.before, taken.event) == taken.outcome
        assert dump_state(taken.before) == before


@quick
@given(lives)
def test_a_timer_that_comes_late_changes_nothing(life: list[Move]) -> None:
    plan = shipped_plan()
    state = list(live(life))[-1].outcome.state
    assert state.clock is not None
    stale = state.clock - timedelta(days=3)
    outcome = step(plan, state, events.DueReached(id="late", at=stale, learnt=stale))
    assert outcome.state == state
    assert outcome.commands == ()


def test_nothing_is_due_for_somebody_who_is_not_enrolled() -> None:
    assert next_due(shipped_plan(), State("p-1")) is None
