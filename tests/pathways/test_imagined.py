"""A life that is only imagined is the life that would be lived: what is kept from step to step, or left out, changes no care."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from plans import patient
from strategies import Move, live, lives, shipped_plan
from test_properties import quick

from pathways.engine import next_due, step
from pathways.engine.conditions import REMEMBERED, NotKnown, Vocabulary
from pathways.engine.state import Occurrence, State, changed
from pathways.engine.turn import Ahead
from pathways.serial import dump_state


@quick
@given(lives)
def test_an_imagined_life_asks_for_the_same_and_ends_the_same(life: list[Move]) -> None:
    plan, known = shipped_plan(), Ahead()
    imagined: State | None = None
    for taken in live(life):
        imagined = imagined or taken.before.copy()
        outcome = step(plan, imagined, taken.event, known, imagined=True)
        assert (outcome.commands, outcome.reasons) == (taken.outcome.commands, ())
        assert dump_state(imagined) == dump_state(taken.outcome.state)
        assert next_due(plan, imagined, known) == next_due(plan, taken.outcome.state)


def test_a_condition_that_remembers_its_answers_still_knows_a_number_from_a_yes_and_a_missing_reading_from_none() -> None:
    words = Vocabulary({"sbp": "number", "adr": "any"})
    half, same = words.compile("sbp / 2"), words.compile("adr")
    for _ in range(2):  # worked out, then remembered
        assert half.value({"sbp": 3}) == 1
        assert isinstance(half.value({"sbp": 3.0}), NotKnown)  # a fault of the condition: 3.0 / 2 are of two kinds
        assert (same.value({"adr": 1}), same.value({"adr": True}), same.value({"adr": "1"})) == (1, True, "1")
        assert same.value({"adr": True}) is True
        assert isinstance(half.value({"sbp": None}), NotKnown)
        assert same.value({"adr": "ERROR"}) == "ERROR"


def test_a_condition_does_not_remember_everybody() -> None:
    raised = Vocabulary({"sbp": "number"}).compile("sbp >= 140")
    assert [raised.holds({"sbp": float(sbp)}) for sbp in range(4 * REMEMBERED)] == [sbp >= 140 for sbp in range(4 * REMEMBERED)]
    assert len(raised._answered) <= REMEMBERED


@pytest.mark.parametrize("source", ["sbp / 0", "[1][sbp]", "previous.gone", "sbp + word", "word[0]"])
def test_whatever_goes_wrong_in_a_condition_never_passes_for_an_answer(source: str) -> None:
    found = Vocabulary({"sbp": "number", "word": "any", "previous": "record"}).compile(source)
    for _ in range(2):
        value = found.value({"sbp": 3, "word": "x", "previous": {}})
        assert isinstance(value, NotKnown)
        assert value.fault
        assert found.holds({"sbp": 3, "word": "x", "previous": {}}) is None


def test_a_leaf_is_changed_as_it_would_be_made_anew() -> None:
    found = [one for course in patient().state.courses.values() for one in course.services.values()]
    assert found
    for one in found:
        other = changed(one, confirmed=True, marks=("opened",))
        assert other == replace(one, confirmed=True, marks=("opened",))
        assert isinstance(other, Occurrence)
        assert one.marks != other.marks
    with pytest.raises(KeyError):
        changed(found[0], mark="opened")
