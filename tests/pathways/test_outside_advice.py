"""A step asks an outside service for advice: a person looks at what matters, nothing waits, and nothing is decided by it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest
from plans import CALM, MONDAY, follow_up, patient, tasks
from test_advice import compiled

from pathways.engine import Outcome, events, step
from pathways.engine.commands import AskAdvice, OpenTask
from pathways.engine.events import Advised
from pathways.engine.plan import AskSpec, Plan
from pathways.language import library, load
from pathways.language.differ import differences
from pathways.language.play import Player
from pathways.serial import dump_event, load_event

VISIT = MONDAY + timedelta(days=7)
NOON = datetime(2025, 3, 3, 4, tzinfo=UTC)


def asking(what: str) -> str:
    """The shipped document, whose routine decision asks."""
    document = library()["hypertension"].document
    assert document is not None
    assert "  ROUTINE:\n" in document.text
    return document.text.replace("  ROUTINE:\n", f"  ROUTINE:\n    ask: {what}\n", 1)


def happens(player: Player, kind: type[events.Event], on: date, **what: Any) -> Outcome:
    """The outcome of this event alone."""
    at = player.moment(on)
    player.wait(at)
    event = cast(events.AnyEvent, kind(id=f"{kind.__name__}/{player.moment(on)}/{what}", at=at, learnt=at, **what))
    outcome = step(player.plan, player.state, event)
    player._take(event)
    return outcome


def visited() -> tuple[Player, AskAdvice, Outcome]:
    player = patient(Plan({"hypertension": compiled("hypertension", asking("{service: risk_model, within: 3 days}"))}))
    outcome = happens(player, events.VisitCompleted, VISIT, readings=CALM)
    (asked,) = [command for command in outcome.commands if isinstance(command, AskAdvice)]
    return player, asked, outcome


def answered(player: Player, asked: AskAdvice, *advice: Advised) -> Outcome:
    return happens(
        player, events.AdviceGiven, VISIT, asked=asked.key, service=asked.service, pathway=asked.pathway, step=asked.step,
        by=asked.by, within=asked.within, advice=advice,
    )  # fmt: skip


def test_the_step_goes_on_at_once_and_says_whom_it_asked() -> None:
    player, asked, outcome = visited()
    assert (asked.service, asked.pathway, asked.step, asked.by, asked.within) == (
        "risk_model", "hypertension", "follow_up", "doctor", 3,
    )  # fmt: skip
    assert follow_up(player).last == VISIT  # the next visit is planned already
    assert [one.code for one in outcome.reasons if one.key == asked.key] == ["advice_asked"]


@pytest.mark.parametrize("indicator", ["info", "warning", "critical"])
def test_a_person_looks_at_what_matters_and_nothing_else_changes(indicator: str) -> None:
    player, asked, _ = visited()
    before = player.state.copy()
    outcome = answered(player, asked, Advised(indicator, "High risk of a fall", "Risk Lab"))
    told = [(one.because["en"], one.cites, one.detail["indicator"]) for one in outcome.reasons if one.code == "advice_given"]
    assert told == [("High risk of a fall", "Risk Lab", indicator)]
    opened = [(one.by, one.due, one.urgent) for one in outcome.commands if isinstance(one, OpenTask)]
    assert opened == ([] if indicator == "info" else [("doctor", VISIT + timedelta(days=3), indicator == "critical")])
    assert (player.state.courses, player.state.referrals) == (before.courses, before.referrals)


def test_no_answer_and_nothing_to_say_are_put_down_and_care_goes_on() -> None:
    player, asked, _ = visited()
    before = player.state.copy()
    silent = answered(player, asked)
    about = {"asked": asked.key, "service": asked.service, "pathway": asked.pathway, "step": asked.step}
    failed = happens(player, events.AdviceFailed, VISIT, reason="too_slow", **about)
    assert [(one.code, one.held_back) for one in (*silent.reasons, *failed.reasons)] == [
        ("advice_silent", ""),
        ("advice_not_given", "too_slow"),
    ]
    assert player.state.courses == before.courses
    assert "look_at_advice" not in tasks(player)


def test_advice_about_somebody_who_has_died_opens_nothing() -> None:
    player, asked, _ = visited()
    player.happens(events.Died, VISIT)
    outcome = answered(player, asked, Advised("critical", "Call them"))
    assert [one.code for one in outcome.reasons] == ["not_acted_on"]
    assert outcome.commands == ()


def test_an_answer_survives_being_stored() -> None:
    given = events.AdviceGiven(
        id="a", at=NOON, learnt=NOON, asked="advice/x#1", service="x", pathway="p", step="s", by="doctor",
        advice=(Advised("info", "Rest"),),
    )  # fmt: skip
    assert load_event(dump_event(given)) == given


def test_the_document_is_checked_and_a_change_of_whom_it_asks_is_told() -> None:
    sound = load(asking("{service: risk_model, by: doctor, within: 3 days}"), file="h.yaml")
    assert sound.pathway is not None
    assert sound.pathway.decisions["ROUTINE"].ask == AskSpec("risk_model", "doctor", 3)
    for wrong in ("{service: Risk Model}", "{by: doctor}", "{service: x, wait: 3 days}", "risk_model"):
        assert load(asking(wrong), file="h.yaml").pathway is None, wrong
    before, after = library()["hypertension"], load(asking("{service: other_model}"), file="h.yaml")
    told = "\n".join(str(one) for one in differences(before, sound))
    assert "advice of risk_model" in told
    assert "other_model" in "\n".join(str(one) for one in differences(sound, after))
