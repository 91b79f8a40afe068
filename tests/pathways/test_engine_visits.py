"""Visits: what decides, what does not, and when the next one is due."""

from __future__ import annotations

from datetime import date, time, timedelta

from plans import CALM, HIGH, MONDAY, follow_up, patient, plan, task, tasks, told

from pathways.engine import events, step


def test_a_visit_written_down_twice_on_its_day_is_not_the_second_one_running() -> None:
    player = patient()
    for hour in (10, 15):
        player.happens(events.VisitCompleted, date(2025, 3, 10), time(hour), readings=HIGH)
    assert player.rows[-1] == "HTN-A1"
    player.happens(events.VisitCompleted, date(2025, 3, 24), readings=HIGH)
    assert "HTN-R3" in player.rows


def test_an_older_visit_that_is_reported_late_is_remembered_and_decides_nothing() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 20), readings=CALM)
    due = follow_up(player).due
    now = player.moment(date(2025, 3, 21))
    event = events.VisitCompleted(id="late", at=now - timedelta(days=9), learnt=now, readings=HIGH)
    state = step(plan(), player.state, event).state
    assert state.courses["hypertension"].services["follow_up"].due == due
    assert state.courses["hypertension"].tag == "green"
    assert state.readings["sbp"].value == 128.0


def test_two_half_visits_do_not_make_a_whole_one() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 10), readings={n: v for n, v in CALM.items() if n != "dbp"})
    player.happens(events.VisitCompleted, date(2025, 3, 17), readings={n: v for n, v in CALM.items() if n != "sbp"})
    assert player.rows[-1] == "HTN-X1"
    assert follow_up(player).due == date(2025, 3, 17)


def test_who_came_and_lacks_a_reading_is_not_told_that_they_were_missed() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 17), readings={"dbp": 78.0})
    player.sent.clear()
    player.wait(player.moment(date(2025, 3, 30)))
    assert player.sent == []
    assert tasks(player) == ["complete_readings"]
    player.wait(player.moment(date(2025, 4, 8)))
    assert "phone_call" in tasks(player)  # the readings never came: the visit is to be made again


def test_a_last_visit_in_the_future_does_not_put_the_next_one_off_for_years() -> None:
    player = patient(last_visit=date(2035, 1, 1))
    assert follow_up(player).due <= MONDAY + timedelta(days=90)


def test_a_day_agreed_far_beyond_what_is_due_is_not_taken() -> None:
    player = patient()
    player.happens(events.CallMade, date(2025, 3, 5), outcome="reached", day=date(2026, 3, 5))
    assert follow_up(player).day == date(2025, 3, 17)
    assert "day out of range" in told(player)


def test_a_reminder_that_was_sent_is_not_sent_again_when_the_day_is_booked_anew() -> None:
    player = patient()
    player.wait(player.moment(date(2025, 3, 14), time(20)))
    assert player.sent == ["visit_soon"]
    booking = follow_up(player).booking
    player.happens(events.VisitBooked, date(2025, 3, 14), time(20, 5), booking=booking, day=date(2025, 3, 16))
    player.wait(player.moment(date(2025, 3, 17), time(20)))
    assert player.sent == ["visit_soon", "visit_today"]
    assert follow_up(player).day == date(2025, 3, 16)


def test_the_nurse_who_closes_the_examination_as_done_has_done_it() -> None:
    player = patient(last_visit=date(2025, 3, 1))
    player.wait(player.moment(date(2025, 4, 20)))
    player.happens(events.TaskClosed, date(2025, 4, 21), task=task(player, "annual_exam"))
    assert player.state.courses["hypertension"].services["annual_exam"].due == date(2026, 4, 21)


def test_a_service_still_due_comes_back_when_everything_for_a_missed_one_was_done() -> None:
    player = patient(last_visit=date(2025, 3, 1))
    player.wait(player.moment(date(2025, 4, 20)))
    player.happens(events.TaskClosed, date(2025, 4, 21), task=task(player, "annual_exam"), outcome="not_done")
    player.happens(events.VisitCompleted, date(2025, 4, 25), readings=CALM)
    player.happens(events.VisitCompleted, date(2025, 6, 10), readings=CALM)
    player.wait(player.moment(date(2025, 6, 20)))
    assert "overdue_service" in tasks(player)


def test_a_service_for_some_begins_when_the_person_becomes_one_of_them() -> None:
    player = patient()
    player.happens(events.PathwaysChanged, date(2025, 3, 20), pathways=("hypertension", "type2_diabetes"))
    assert set(player.state.courses) == {"hypertension", "type2_diabetes"}
    assert "eye_screening" in player.state.courses["type2_diabetes"].services
    player.happens(events.PathwaysChanged, date(2025, 3, 21), pathways=("hypertension",))
    assert set(player.state.courses) == {"hypertension"}
    assert follow_up(player).due == date(2025, 3, 17)


def test_no_visit_is_booked_later_than_it_is_due() -> None:
    player = patient()
    booking = follow_up(player).booking
    player.happens(events.VisitBooked, date(2025, 3, 4), booking=booking, day=date(2025, 3, 25))
    assert follow_up(player).day == date(2025, 3, 17)
