"""Why, and why not: told from the timeline, the state and what lies ahead, for whatever is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from plans import CALM, HIGH, MONDAY, patient, plan
from test_several_pathways import BOTH, SUGAR, both, of_both

from pathways.engine import events
from pathways.engine.commands import Reason
from pathways.engine.plan import ContactRules, Plan
from pathways.forecast.bookings import steps
from pathways.forecast.why import Answer, Question, why
from pathways.language.play import Player


class Remembered(Player):
    """A player that keeps the timeline, as records do."""

    timeline: tuple[Reason, ...] = ()

    def _take(self, event: events.AnyEvent) -> None:
        for taken in steps(self.plan, self.state, event):
            self.timeline = (*reversed(taken.outcome.reasons), *self.timeline)
        super()._take(event)


def remembering(player: Player, *pathways: str) -> Remembered:
    """The same patient from the beginning, with a timeline."""
    kept, on = Remembered(player.plan, player.timezone, player.narrator), pathways or BOTH
    kept.happens(events.Enrolled, MONDAY, time(8, 0), pathways=on, born=date(1975, 4, 1), timezone="Asia/Shanghai", conditions=on)
    return kept


def asked(player: Remembered, **question: object) -> Answer:
    assert player.state.clock is not None
    return why(player.plan, player.state, player.timeline, Question(**question), player.state.clock)  # type: ignore[arg-type]


def codes(answer: Answer) -> list[str]:
    return [reason.code for reason in answer.stands]


def test_the_tag_of_another_pathway_that_sets_the_rhythm_is_named() -> None:
    player = remembering(patient())
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=7), readings=HIGH | SUGAR)
    answer = asked(player, service="follow_up", pathway="type2_diabetes")
    due = next(reason for reason in answer.stands if reason.code.startswith("why_due"))
    assert due.code == "why_due_by_anothers_tag"
    assert (due.detail["of"], due.detail["tag"], due.detail["days"]) == ("hypertension", "yellow", "30")


def test_a_screening_that_is_drawn_with_another_is_held_back_by_that_and_its_own_day_is_told() -> None:
    player = remembering(of_both())
    answer = asked(player, service="kidney_values")
    assert "drawn_once" in answer.held_back
    drawn = next(reason for reason in answer.stands if reason.code == "why_drawn_with")
    assert (drawn.detail["with"], drawn.detail["of"]) == ("kidney_screening", "type2_diabetes")
    reminder = plan().pathways["type2_diabetes"].services["kidney_screening"].remind
    player = remembering(of_both(both(remind=reminder)))
    assert "drawn_once" in asked(player, message="exam_soon", pathway="hypertension").held_back


def test_what_was_missed_stays_due_and_says_for_how_long_and_which_task_is_open() -> None:
    player = remembering(patient())
    player.wait(player.moment(MONDAY + timedelta(days=24)))
    answer = asked(player, service="follow_up", pathway="hypertension")
    assert {"why_overdue", "why_task_open"} <= set(codes(answer))
    assert next(one for one in answer.stands if one.code == "why_overdue").detail["days"] == "7"  # the call was asked for then
    assert any(one.code == "missed" for one in answer.happened)


def test_a_text_held_back_by_the_weekly_cap_is_found_with_what_held_it_back() -> None:
    player = remembering(patient(Plan(plan().pathways, contact=ContactRules(weekly_cap=0))))
    player.wait(player.moment(MONDAY + timedelta(days=16)))
    answer = asked(player, message="visit_soon")
    assert "weekly_cap" in {reason.held_back for reason in answer.happened}
    assert "weekly_cap" in answer.held_back
    assert "why_text_done" in codes(answer)


@pytest.mark.parametrize(
    ("event", "code"),
    [(events.Hospitalised, "in_hospital"), (events.Paused, "paused"), (events.Withdrawn, "withdrawn"), (events.Died, "died")],
)
@pytest.mark.parametrize("question", [{"service": "follow_up"}, {"message": "visit_soon"}, {"referral": "to_hospital"}, {}])
def test_who_rests_or_has_left_is_the_first_thing_that_is_told(event: type, code: str, question: dict[str, str]) -> None:
    player = remembering(patient())
    player.happens(event, MONDAY + timedelta(days=3))
    answer = asked(player, **question)
    assert answer.held_back[0] == code
    if event in (events.Withdrawn, events.Died):
        assert not answer.ahead


def test_without_a_phone_the_call_in_place_of_the_text_is_told() -> None:
    player = remembering(patient())
    player.happens(events.PersonChanged, MONDAY + timedelta(days=1), phone=False)
    player.wait(player.moment(MONDAY + timedelta(days=12)))
    answer = asked(player, message="visit_soon")
    assert "no_phone" in answer.held_back
    assert ("called_instead", "no_phone") in {(one.code, one.held_back) for one in answer.happened}


def test_a_pharmacy_that_has_run_out_is_what_holds_a_refill_back() -> None:
    player = remembering(patient())
    player.happens(events.Dispensed, MONDAY, fill=events.Fill("losartan", MONDAY, 30))
    player.wait(player.moment(MONDAY + timedelta(days=25)))
    refill = player.state.supplies["losartan"].refill
    for stage in ("out_of_stock", "nowhere"):
        player.happens(events.RefillMoved, MONDAY + timedelta(days=26), refill=refill, stage=stage)
    answer = asked(player, service="medicine", pathway="hypertension")
    assert "stock" in answer.held_back
    assert {"refill_out_of_stock", "refill_nowhere"} <= {one.code for one in answer.happened}


def test_every_day_of_a_year_has_an_answer() -> None:
    player = remembering(of_both())
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=10), readings=CALM | SUGAR)
    for days in range(-3, 60, 7):
        answer = asked(player, day=MONDAY + timedelta(days=days))
        assert answer.stands
        assert answer.happened or answer.ahead or "nothing_due" in answer.held_back


def test_an_answer_of_a_state_on_another_version_names_that_version() -> None:
    player = remembering(patient())
    old = player.plan.pathways["hypertension"]
    newer = replace(old, version="f" * 64)
    assert player.state.clock is not None
    moved = Plan({**player.plan.pathways, "hypertension": newer}, versions={old.version: old})
    answer = why(moved, player.state, player.timeline, Question(service="annual_exam", pathway="hypertension"), player.state.clock)
    assert {reason.version for reason in answer.stands} == {old.version}


@pytest.mark.parametrize(("readings", "code"), [(CALM, "why_due_by_tag"), (HIGH, "why_due_by_row")])
@pytest.mark.parametrize("days", [0, -5])
def test_after_a_move_that_renames_a_service_its_day_is_still_told_from_the_visit_it_is_counted_from(
    readings: dict[str, events.Value], code: str, days: int
) -> None:
    old = plan().pathways["hypertension"]
    follow_up = old.services["follow_up"]
    every = replace(follow_up.every, days={tag: every + days for tag, every in follow_up.every.days.items()})
    renamed = replace(follow_up, name="clinic_visit", every=every)
    services = {**{name: one for name, one in old.services.items() if name != "follow_up"}, "clinic_visit": renamed}
    decisions = {name: replace(one, within=one.within and one.within + days) for name, one in old.decisions.items()}
    new = replace(old, version="new", services=services, decisions=decisions)
    following = Plan({"hypertension": old}, versions={"new": new})
    player = remembering(patient(following), "hypertension")
    visit = MONDAY + timedelta(days=7)
    player.happens(events.VisitCompleted, visit, readings=readings)
    moved = {"pathway": "hypertension", "came_from": old.version, "to": "new", "services": {"follow_up": "clinic_visit"}}
    player.happens(events.VersionMoved, visit + timedelta(days=1), **moved)
    stands = asked(player, service="clinic_visit").stands
    due = next(reason for reason in stands if reason.code.startswith("why_due"))
    assert (due.code, due.detail["since"]) == (code, visit.isoformat())
    assert due.detail["due"] == player.state.courses["hypertension"].services["clinic_visit"].due.isoformat()
    assert any(reason.code == "decided" for reason in stands)  # by the row of the visit, under the name of then
