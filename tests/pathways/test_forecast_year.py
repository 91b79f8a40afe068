"""What lies ahead of a patient if all goes to plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from plans import CALM, CRITICAL, HIGH, MONDAY, patient, plan
from strategies import Move, live, lives, shipped_plan

from pathways.engine import State, events
from pathways.engine.events import Fill
from pathways.forecast.planned import Planned
from pathways.forecast.year import year_ahead
from pathways.language.narrate import Narrator
from pathways.language.play import Player
from pathways.serial import dump_state

VISITED = date(2025, 3, 17)


def visited(readings: dict[str, events.Value], **known: object) -> Player:
    """Somebody who came to their first visit."""
    player = patient(**known)  # type: ignore[arg-type]
    player.happens(events.VisitCompleted, VISITED, readings=readings)
    return player


def ahead(player: Player, days: int = 365) -> tuple[Planned, ...]:
    return year_ahead(player.plan, player.state, days=days)


def of(kind: str, planned: Iterable[Planned]) -> list[Planned]:
    return [one for one in planned if one.kind == kind]


def test_a_controlled_patient_comes_four_times_a_year_and_is_reminded_each_time() -> None:
    year = ahead(visited(CALM))
    visits = of("visit", year)
    assert [visit.day for visit in visits] == [date(2025, 6, 13), date(2025, 9, 11), date(2025, 12, 10), date(2026, 3, 10)]
    assert {visit.why for visit in visits} == {"booked"}
    assert "sbp" in visits[0].collects
    reminders = [one for one in of("reminder", year) if one.about == "visit_soon"]
    assert [one.day for one in reminders] == [visit.day - timedelta(days=3) for visit in visits]
    assert [one.services for one in reminders] == [("follow_up",)] * 4
    assert [one.day for one in of("screening", year)] == [date(2025, 5, 2)]
    assert not [one for one in year if one.kind in ("call", "task")]
    assert [one.day for one in year] == sorted(one.day for one in year)


def test_readings_as_last_known_keep_the_rhythm_that_they_ask_for() -> None:
    often, seldom = of("visit", ahead(visited(HIGH))), of("visit", ahead(visited(CALM)))
    assert len(often) > 3 * len(seldom)


def test_where_readings_are_not_known_the_rhythm_of_the_tag_goes_on() -> None:
    never_seen = of("visit", ahead(patient()))
    assert 11 <= len(never_seen) <= 13  # yellow: every thirty days
    came = patient()
    came.happens(events.VisitCompleted, VISITED, readings={"sbp": 128.0})
    assert of("visit", ahead(came))[0].day == date(2025, 4, 16)


def test_medicine_is_fetched_when_it_is_asked_for_so_that_no_day_is_without() -> None:
    player = visited(CALM, fills=(Fill("amlodipine", date(2025, 3, 1), 30),))
    days = [one.day for one in of("refill", ahead(player))]
    assert days[:3] == [date(2025, 3, 24), date(2025, 4, 23), date(2025, 5, 23)]
    assert {one.about for one in of("refill", ahead(player))} == {"amlodipine"}
    quarterly = year_ahead(player.plan, player.state, fill_days={"amlodipine": 90})
    assert len(of("refill", quarterly)) == 4


def test_one_visit_serves_both_pathways_and_collects_for_both() -> None:
    player = Player(plan(), "Asia/Shanghai", Narrator(plan(), None, "en"))
    both = ("hypertension", "type2_diabetes")
    player.happens(events.Enrolled, MONDAY, time(8), pathways=both, born=date(1960, 4, 1), timezone="Asia/Shanghai")
    year = ahead(player)
    first = of("visit", year)[0]
    assert (first.day, first.pathways) == (VISITED, both)
    assert {"sbp", "fpg"} <= set(first.collects)
    assert len({visit.day for visit in of("visit", year)}) == len(of("visit", year))
    (exam,) = [one for one in of("screening", year) if one.services == ("annual_exam",)]
    assert exam.pathways == both  # done once


def test_who_is_overdue_is_expected_on_the_next_working_day() -> None:
    player = patient()
    friday = player.moment(date(2025, 3, 28), time(20))
    player.wait(friday)
    first = of("visit", year_ahead(player.plan, player.state, now=friday))[0]
    assert (first.day, first.why) == (date(2025, 3, 31), "overdue")


def test_an_agreed_day_is_the_day() -> None:
    player = patient()
    player.happens(events.CallMade, date(2025, 3, 10), outcome="reached", day=date(2025, 3, 22))
    first = of("visit", ahead(player))[0]
    assert (first.day, first.why) == (date(2025, 3, 22), "agreed")


def test_an_open_referral_is_checked_on_and_no_other_is_planned() -> None:
    year = ahead(visited(CRITICAL))
    assert [(one.day, one.about) for one in of("task", year)] == [(date(2025, 3, 28), "referral_check")]


def test_who_cannot_be_texted_has_calls_in_the_plan() -> None:
    player = visited(CALM)
    player.happens(events.AnswerReceived, date(2025, 3, 18), kind="stop")
    year = ahead(player)
    assert not of("reminder", year)
    assert "phone_reminder" in {one.about for one in of("call", year)}


@pytest.mark.parametrize("end", [events.Died, events.Withdrawn, events.MovedAway, events.Hospitalised, events.Paused])
def test_who_has_left_or_rests_without_a_known_end_has_an_empty_plan(end: type[events.Event]) -> None:
    player = visited(CALM)
    player.happens(end, date(2025, 3, 20))
    assert ahead(player) == ()
    assert year_ahead(plan(), State("nobody")) == ()


def test_a_pause_with_an_end_is_waited_for() -> None:
    player = visited(CALM)
    player.happens(events.Paused, date(2025, 3, 20), until=date(2025, 7, 1))
    year = ahead(player)
    assert year[0].day >= date(2025, 7, 1)
    assert of("visit", year)[0].day == date(2025, 7, 8)


def test_a_shorter_time_ahead_is_the_beginning_of_a_longer_one() -> None:
    player = visited(CALM, fills=(Fill("amlodipine", date(2025, 3, 1), 30),))
    short = ahead(player, days=100)
    assert short == ahead(player)[: len(short)]
    assert max(one.day for one in short) <= VISITED + timedelta(days=100)


@settings(
    max_examples=15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(lives)
def test_whatever_has_happened_the_plan_is_in_order_and_looking_changes_nothing(life: list[Move]) -> None:
    state = list(live(life))[-1].outcome.state
    before = dump_state(state)
    year = year_ahead(shipped_plan(), state)
    assert dump_state(state) == before
    assert [one.day for one in year] == sorted(one.day for one in year)
    visits = [one.day for one in year if one.kind == "visit"]
    assert len(visits) == len(set(visits))
    if state.life == "active" and state.courses:
        assert visits
