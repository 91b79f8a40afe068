"""Scenarios that are played: what is met, what is not and where, and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pathways.language.catalogue import LIBRARY, library, load
from pathways.language.play import play_story, rows_reached, run_scenarios
from pathways.shipped import pathway_names

STORIES = Path(__file__).parent / "stories"
SHIPPED = LIBRARY


@pytest.mark.parametrize("name", sorted(library()))
def test_the_shipped_pathways_do_what_their_own_scenarios_expect(name: str) -> None:
    assert [str(problem) for problem in run_scenarios(library()[name])] == []


def test_a_scenario_that_goes_otherwise_is_named_with_its_line() -> None:
    text = (SHIPPED / "hypertension.yaml").read_text("utf-8")
    broken = text.replace("expect: {row: HTN-C1, tag: green", "expect: {row: HTN-A1, tag: red", 1)
    assert broken != text
    problems = run_scenarios(load(broken, file="mine.yaml"))
    said = [problem.what for problem in problems]
    assert any("row: expected HTN-A1, found HTN-C1" in what for what in said)
    assert all(problem.at.line > 300 for problem in problems)


def test_the_rows_that_scenarios_reach_are_known() -> None:
    assert {"HTN-C1", "HTN-X1", "HTN-E1"} <= rows_reached(library()["hypertension"])


def test_a_story_is_printed_for_a_nurse_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert play_story("hypertension", STORIES / "died.yaml") == 0
    printed = capsys.readouterr().out
    assert "2025-03-15 Sat" in printed
    assert "why: critical pressure" in printed


def test_an_unknown_pathway_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert play_story("hypertensoin", STORIES / "died.yaml") == 1
    out = capsys.readouterr().out
    assert "use one of: " in out
    assert all(name in out for name in pathway_names())
