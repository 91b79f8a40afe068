"""Life as it is: rests, ends, returns."""

from __future__ import annotations

from datetime import date, time, timedelta

from plans import CALM, follow_up, patient, plan, task, tasks

from pathways.engine import events, next_due, step
from pathways.engine.commands import SendMessage


def test_a_pause_does_not_take_anybody_out_of_hospital() -> None:
    player = patient()
    player.happens(events.Hospitalised, date(2025, 3, 10))
    player.happens(events.Paused, date(2025, 3, 11), until=date(2025, 3, 12))
    player.happens(events.Resumed, date(2025, 3, 13))
    assert player.state.life == "in_hospital"
    assert "ask_about_pause" in tasks(player)
    player.happens(events.Discharged, date(2025, 3, 20))
    assert player.state.life == "active"


def test_a_text_that_was_due_this_morning_is_not_sent_to_somebody_who_died_at_night() -> None:
    player = patient()
    morning = player.moment(date(2025, 3, 14), time(11))  # visit_soon was due at 09:48; the worker was away
    event = events.Died(id="died", at=morning - timedelta(hours=1), learnt=morning)
    outcome = step(plan(), player.state, event)
    assert not [c for c in outcome.commands if isinstance(c, SendMessage)]
    assert "died" in {reason.held_back for reason in outcome.reasons}
    assert next_due(plan(), outcome.state) is None


def test_who_comes_back_after_moving_away_starts_afresh() -> None:
    player = patient()
    player.happens(events.MovedAway, date(2025, 3, 10))
    player.happens(events.Enrolled, date(2025, 9, 1), pathways=("hypertension",), timezone="Asia/Shanghai")
    assert player.state.life == "active"
    assert follow_up(player).due == date(2025, 9, 15)


def test_a_visit_made_before_the_admission_and_reported_later_does_not_end_it() -> None:
    player = patient()
    player.happens(events.Hospitalised, date(2025, 3, 10))
    now = player.moment(date(2025, 3, 12))
    visit = events.VisitCompleted(id="late", at=now - timedelta(days=4), learnt=now, readings=CALM)
    assert step(plan(), player.state, visit).state.life == "in_hospital"


def test_an_event_dated_in_the_future_is_taken_as_happening_now() -> None:
    player = patient()
    now = player.moment(date(2025, 3, 5))
    ahead = events.VisitCompleted(id="ahead", at=now + timedelta(days=900), learnt=now, readings=CALM)
    state = step(plan(), player.state, ahead).state
    assert state.clock == now
    assert state.courses["hypertension"].services["follow_up"].due == date(2025, 6, 3)


def test_a_lost_patient_is_searched_for_again_and_again() -> None:
    player = patient()
    player.wait(player.moment(date(2025, 4, 22)))
    assert player.state.reach == "unreachable"
    player.happens(events.TaskClosed, date(2025, 4, 30), task=task(player, "search"), outcome="not_found")
    player.wait(player.moment(date(2025, 5, 25)))
    assert "search" in tasks(player)
    player.happens(events.TaskClosed, date(2025, 5, 26), task=task(player, "search"), outcome="found")
    assert player.state.reach == "reachable"
    assert follow_up(player).due == date(2025, 6, 2)


def test_a_carer_whose_number_is_dead_is_not_texted_again() -> None:
    player = patient(phone=False, carer=True)
    player.happens(events.MessageFailed, date(2025, 3, 5), key="message/x", reason="no_such_number", to="carer")
    player.wait(player.moment(date(2025, 3, 14), time(20)))
    assert player.sent == []
    assert set(tasks(player)) == {"find_number", "phone_reminder"}


def test_who_paused_and_sends_a_critical_reading_is_told_to_seek_help() -> None:
    player = patient()
    player.happens(events.Paused, date(2025, 3, 5))
    player.happens(events.ReadingReceived, date(2025, 3, 6), time(2), readings={"sbp": 195.0, "dbp": 120.0}, source="home")
    assert player.sent == ["seek_help_now"]
    player.wait(player.moment(date(2025, 3, 20)))
    assert player.sent == ["seek_help_now"]
