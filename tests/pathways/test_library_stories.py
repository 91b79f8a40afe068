"""The scenarios of the shipped pathways, and the stories of somebody who is on both, come out as they say."""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path

import pytest

from pathways.engine.plan import Plan
from pathways.language import library, load_stories
from pathways.language.errors import report
from pathways.language.play import Played, play

FILE = Path(__file__).parent / "library_stories" / "both_pathways.yaml"


def told(name: str, on: tuple[str, ...] = ("hypertension", "type2_diabetes")) -> Played:
    plan = Plan({name: pathway for name, pathway in library().pathways().items() if name in on})
    stories = load_stories(FILE, file=FILE.name, pathways=library().pathways())
    assert report(stories.problems) == "no errors, no warnings"
    (story,) = [one for one in stories.scenarios if one.name == name]
    return play(story, plan, wording=reduce(or_, (one.wording for one in library().values())))


@pytest.mark.parametrize("name", ["hypertension", "type2_diabetes", "chronic_kidney_disease", "copd"])
def test_every_scenario_of_a_shipped_pathway_comes_out_and_together_they_meet_every_row(name: str) -> None:
    shipped = library()[name]
    assert shipped.pathway is not None

    played = [play(scenario, Plan({name: shipped.pathway})) for scenario in shipped.scenarios]

    assert [failure for one in played for failure in one.failures] == []
    decided = {row for one in played for row in one.rows}
    rows = {row.id for table in shipped.pathway.tables.values() if table.name != "screening" for row in table.rows}
    assert rows - decided == set()


def test_one_visit_serves_both_pathways_and_the_worse_tag_sets_the_rhythm() -> None:
    story = told("one visit serves both pathways and the worse tag sets the rhythm")

    assert story.failures == ()
    assert {"HTN-C1", "DM-A1", "DM-C1"} <= story.rows


def test_the_yearly_examination_is_asked_for_once_and_done_once() -> None:
    story = told("the yearly examination is asked for once and done once")

    assert story.failures == ()
    (text,) = [line.what for line in story.lines if line.what.startswith("text") and "check by" in line.what]
    assert text.casefold().count("yearly check by") == 1
    assert {course.services["annual_exam"].due.isoformat() for course in story.state.courses.values()} == {"2026-04-28"}


def test_one_sample_serves_diabetes_and_the_kidneys_and_each_goes_on_in_its_own_rhythm() -> None:
    story = told("one sample serves diabetes and the kidneys", on=("type2_diabetes", "chronic_kidney_disease"))

    assert story.failures == ()
    due = {name: course.services["kidney_screening"].due.isoformat() for name, course in story.state.courses.items()}
    assert due == {"type2_diabetes": "2026-04-20", "chronic_kidney_disease": "2025-10-19"}


def test_a_danger_sign_belongs_to_the_pathway_that_lists_it() -> None:
    story = told("a sign that one pathway fears brings one referral")

    assert story.failures == ()
    assert "DM-E4" in story.rows
    assert "HTN-E2" not in story.rows  # polyuria is no danger sign of hypertension
    assert sum(line.who == "clinic" and "asked" in line.what for line in story.lines) == 1
