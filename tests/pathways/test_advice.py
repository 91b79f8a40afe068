"""What a pathway's document advises for a medicine: compiled, followed, and never passed over in silence."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from itertools import product

import pytest
from plans import CALM, MONDAY, patient, task, tasks
from test_several_pathways import BOTH, SUGAR

from pathways.engine import Outcome, events, step
from pathways.engine.contradictions import AGAINST
from pathways.engine.plan import Pathway, Plan
from pathways.language import library, load
from pathways.language.play import Player

WISHES = ("start", "continue", "raise", "lower", "stop")
VISIT = MONDAY + timedelta(days=7)
ROUTINE = {name: "  ROUTINE:\n" for name in BOTH}
SCREENING = "    opens: 14 days before\n"


def document(name: str, **advice: str) -> str:
    """The shipped document, whose decisions of these names advise this for metformin."""
    shipped = library()[name].document
    assert shipped is not None
    text = shipped.text
    for decision, do in advice.items():
        assert f"  {decision}:\n" in text
        text = text.replace(f"  {decision}:\n", f"  {decision}:\n    advise: [{{medicine: metformin, do: {do}}}]\n", 1)
    return text


@cache
def compiled(name: str, text: str) -> Pathway:
    loaded = load(text, file=f"{name}.yaml")
    assert loaded.pathway is not None, loaded.errors
    return loaded.pathway


def advising(**wanted: dict[str, str]) -> Plan:
    """Both pathways, as their documents say with this advice."""
    return Plan({name: compiled(name, document(name, **wanted.get(name, {}))) for name in BOTH})


def followed(plan: Plan) -> Player:
    player = patient(plan, pathways=BOTH, conditions=BOTH)
    player.happens(events.Dispensed, MONDAY, fill=events.Fill("metformin", MONDAY, 60))
    return player


def happens(player: Player, event: events.AnyEvent) -> Outcome:
    """The outcome of this event alone."""
    player.wait(event.at)
    outcome = step(player.plan, player.state, event)
    player._take(event)
    return outcome


def visit(player: Player, days: int, **readings: events.Value) -> Outcome:
    at = player.moment(VISIT + timedelta(days=days))
    return happens(player, events.VisitCompleted(id=f"v{days}", at=at, learnt=at, readings=CALM | SUGAR | readings))


@pytest.mark.parametrize(("one", "other"), list(product(WISHES, repeat=2)))
def test_of_any_two_wishes_for_a_medicine_each_is_told_and_what_does_not_go_together_is_a_doctors(one: str, other: str) -> None:
    player = followed(advising(hypertension={"ROUTINE": one}, type2_diabetes={"ROUTINE": other}))
    outcome = visit(player, 0)
    told = {reason.pathway: reason for reason in outcome.reasons if reason.code in ("advised", "advice_conflicts")}
    assert set(told) == set(BOTH)
    assert {name: reason.detail["do"] for name, reason in told.items()} == dict(zip(BOTH, (one, other), strict=True))
    against = other in AGAINST[one]
    assert against == (one in AGAINST[other])
    assert {reason.code for reason in told.values()} == {"advice_conflicts" if against else "advised"}
    assert tasks(player).count("conflicting_advice") == (1 if against else 0)
    assert tasks(player).count("adjust_medicine") == (0 if against or one == other == "continue" else 1)
    asked = "conflicting_advice" if against else "adjust_medicine"
    if asked in tasks(player):
        assert player.state.tasks[task(player, asked)].about == player.state.supplies["metformin"].key
    if against:
        held = {(reason.held_back, reason.detail["over"], reason.detail["over_do"]) for reason in told.values()}
        assert held == {("conflicting_advice", BOTH[1], other), ("conflicting_advice", BOTH[0], one)}


def test_advice_that_is_given_again_is_told_again_and_asks_for_nothing_twice() -> None:
    player = followed(advising(hypertension={"ROUTINE": "lower"}))
    visit(player, 0)
    player.happens(events.TaskClosed, VISIT + timedelta(days=1), task=task(player, "adjust_medicine"))
    outcome = visit(player, 30)
    assert "advised" in [reason.code for reason in outcome.reasons]
    assert "adjust_medicine" not in tasks(player)


def test_what_a_reading_from_home_advises_is_taken_beside_the_visits_advice() -> None:
    player = followed(advising(hypertension={"ROUTINE": "continue"}, type2_diabetes={"CALL_SOON": "stop"}))
    visit(player, 0)
    at = player.moment(VISIT + timedelta(days=3))
    outcome = happens(player, events.ReadingReceived(id="home", at=at, learnt=at, readings={"fpg": 12.0}, source="home"))
    (told,) = [reason for reason in outcome.reasons if reason.code == "advice_conflicts"]
    assert (told.pathway, told.detail["do"], told.detail["over"]) == ("type2_diabetes", "stop", "hypertension")
    assert "conflicting_advice" in tasks(player)


def test_what_a_screenings_table_advises_is_taken_too() -> None:
    text = document("hypertension", ROUTINE="lower")
    exam = text.index("  annual_exam:\n")
    text = text[:exam] + text[exam:].replace(SCREENING, f"{SCREENING}    decide: followup\n", 1)
    player = followed(Plan({"hypertension": compiled("hypertension", text), "type2_diabetes": advising().pathways[BOTH[1]]}))
    player.happens(events.ReadingReceived, MONDAY + timedelta(days=1), readings=CALM, source="laboratory")
    at = player.moment(MONDAY + timedelta(days=2))
    outcome = happens(player, events.ServiceCompleted(id="exam", at=at, learnt=at, service="annual_exam"))
    assert [(one.service, one.detail["do"]) for one in outcome.reasons if one.code == "advised"] == [("annual_exam", "lower")]
    assert "adjust_medicine" in tasks(player)


def test_a_wish_that_the_language_does_not_know_is_refused_where_it_stands() -> None:
    loaded = load(document("hypertension", ROUTINE="double"), file="hypertension.yaml")
    assert loaded.pathway is None
    assert any("advise" in str(error) or "start" in str(error) for error in loaded.errors)
