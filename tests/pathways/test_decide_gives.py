"""What a table gives beside its decision is told to whoever asks, with nothing made up where something is missing."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from plans import patient

from pathways.engine import events, step
from pathways.engine.plan import Pathway, Plan
from pathways.language import library, load, report
from pathways.language.decide import decide

GIVES = """gives:                                   # what a table answers with beside its decision
  screening:
    next_bp_months: 'decision == "SCREEN_NORMAL" ? 12 : decision == "SCREEN_HIGH_RISK" ? 6 : dyn(null)'
"""


def shipped(name: str) -> Pathway:
    pathway = library()[name].pathway
    assert pathway is not None
    return pathway


def with_gives(gives: str) -> str:
    """The hypertension document with other gives."""
    document = library()["hypertension"].document
    assert document is not None
    assert GIVES in document.text
    return document.text.replace(GIVES, gives)


def giving(gives: str) -> Pathway:
    loaded = load(with_gives(gives), file="ours.yaml")
    assert loaded.pathway is not None, report(loaded.problems)
    return loaded.pathway


def screened(pathway: Pathway, **inputs: Any) -> dict[str, object]:
    (answer,) = decide(pathway, {"screening": [{"id": 1, "inputs": {"age": 40, "readings": [[118, 76]], **inputs}}]})
    return {name: answer[name] for name in pathway.tables["screening"].gives}


def test_a_value_may_rest_on_readings_on_values_and_on_the_answer_itself() -> None:
    pathway = giving(
        "gives: {screening: {old: age >= 65, ill: diabetes, by: row, months: 'decision == \"SCREEN_NORMAL\" ? 12 : 6'}}"
    )

    assert screened(pathway, age=70) == {"old": True, "ill": False, "by": "HS-4", "months": 6}
    assert screened(pathway) == {"old": False, "ill": False, "by": "HS-1", "months": 12}


def test_what_cannot_be_told_is_null_and_the_rest_is_told() -> None:
    pathway = giving("gives: {screening: {heavy: bmi * 2.0, stout: bmi >= 24, known: age, broken: '1 / 0', unsaid: dyn(null)}}")

    assert screened(pathway) == {"heavy": None, "stout": False, "known": 40.0, "broken": None, "unsaid": None}
    assert screened(pathway, bmi=25)["heavy"] == 50.0


def test_what_was_missed_may_be_asked_for_by_its_own_name() -> None:
    pathway = giving("gives: {screening: {ask_for: missing}}")

    assert screened(pathway, readings=None) == {"ask_for": ["readings"]}


def test_a_list_is_told_as_a_list_and_a_record_is_no_answer() -> None:
    pathway = giving("gives: {screening: {list: '[1, 2]', record: '{\"a\": 1}', nested: '[[1]]'}}")

    assert screened(pathway) == {"list": [1, 2], "record": None, "nested": None}


@pytest.mark.parametrize(
    ("days", "told"), [("30", "2026-03-12"), ("30.9", "2026-03-12"), ("-10", "2026-01-31"), ("1000000", None), ("row", None)]
)
def test_a_day_is_counted_from_the_visit(days: str, told: str | None) -> None:
    pathway = giving(f"gives: {{screening: {{again: {{days_after: '{days}'}}}}}}")

    assert screened(pathway, visit_date="2026-02-10") == {"again": told}
    assert screened(pathway) == {"again": None}


def test_a_decision_made_for_a_patient_says_what_its_table_gives() -> None:
    kidneys = Plan({"chronic_kidney_disease": shipped("chronic_kidney_disease")})
    player = patient(kidneys, pathways=("chronic_kidney_disease",), conditions=("chronic_kidney_disease",))
    now = player.moment(date(2025, 3, 20))
    result = events.ServiceCompleted(
        id="lab", at=now, learnt=now, service="kidney_screening", readings={"egfr": 20.0, "acr": 420.0}
    )

    reasons = step(kidneys, player.state, result).reasons

    (decided,) = [reason for reason in reasons if reason.row == "KDIGO G4/A3" and reason.code == "decided"]
    assert decided.detail == {
        "tag": "red",
        "g": "G4",
        "a": "A3",
        "risk": "very_high",
        "is_ckd": "yes",
        "times_per_year_2012": "4",
        "times_per_year_2024": "4",
        "interval_days_2024": "91",
        "due_2024": "2025-06-19",
        "refer_nephrology_2024": "yes",
    }


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        ("gives: {screning: {a: age}}", "no table called 'screning'; did you mean 'screening'?"),
        ("gives: {screening: {a: agee}}", "no reading or value called 'agee'; did you mean 'age'?"),
        ("gives: {screening: {tag: age}}", "every answer says 'tag' already; choose another name"),
        ("gives: {screening: {a: sbp > 900}}", "sbp is compared with 900, but lies between 50 and 300"),
        ("gives: {screening: {a: 3}}", "a number is not a value that a table gives; write for example group"),
        ("gives: {screening: {a: {days_after: age, frm: row}}}", "unknown key 'frm'"),
        ("gives: {screening: {a: {days_after: age +}}}", "the condition breaks off"),
        ("gives: {screening: [a]}", "a list is not the values that a table gives"),
        ("gives: {screening: {a b: age}}", "'a b' is not a name of Latin letters, digits and _"),
        ("gives: 3", "a number is not what tables give"),
    ],
)
def test_a_value_that_no_table_can_give_is_told_at_its_place(gives: str, said: str) -> None:
    loaded = load(with_gives(gives + "\n"), file="ours.yaml")

    line = with_gives(gives).splitlines().index(gives) + 1
    (problem,) = loaded.errors
    assert said in f"{problem.what}; {problem.remedy}"
    assert problem.at.line == line
    assert loaded.pathway is None


def test_only_what_a_table_gives_may_ask_for_the_answer() -> None:
    loaded = load(with_gives(GIVES).replace("when: age < 35", "when: size(missing) > 0"), file="ours.yaml")

    assert "no reading or value called 'missing'" in report(loaded.errors)


@pytest.mark.parametrize(("unit", "acr", "a"), [("mg/g", 30, "A2"), ("mg/mmol", 3, "A2"), ("mg/mmol", 2.9, "A1"), (None, 30, "A2")])
def test_a_case_may_say_its_unit(unit: str | None, acr: float, a: str) -> None:
    case = {"id": 1, "inputs": {"egfr": 95, "acr": acr, "acr_unit": unit}}

    (answer,) = decide(shipped("chronic_kidney_disease"), {"grid": [case]})

    assert answer["a"] == a


@pytest.mark.parametrize("unit", ["mg/dL", 3, "MG/G", ""])
def test_a_unit_that_nobody_knows_is_told_and_nothing_is_guessed(unit: object) -> None:
    told: list[str] = []
    case = {"id": 1, "inputs": {"egfr": 95, "acr": 3, "acr_unit": unit}}

    assert list(decide(shipped("chronic_kidney_disease"), {"grid": [case]}, complain=told.append)) == []
    (sentence,) = told
    assert sentence.startswith("grid case 1 (1): acr_unit is ")
    assert "mg/mmol" in sentence or "mg/g" in sentence


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("also_in: {mg/mmol: 0}", "a number is not a number above 0"),
        ("also_in: {mg/g: 10}", "'mg/g' is its own unit; remove it"),
        ("also_in: ten", "'ten' is not other units, with what one of them counts for"),
    ],
)
def test_another_unit_that_makes_no_sense_is_told_at_its_place(written: str, said: str) -> None:
    document = library()["chronic_kidney_disease"].document
    assert document is not None

    loaded = load(document.text.replace("also_in: {mg/mmol: 10}", written), file="ours.yaml")

    assert said in report(loaded.errors)
