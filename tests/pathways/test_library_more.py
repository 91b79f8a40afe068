"""The pathways beyond hypertension and diabetes: sound, in the same words, within their bounds of age and pregnancy."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pathways.engine.assess import facts
from pathways.engine.plan import Pathway, Plan
from pathways.engine.state import Person
from pathways.language import library, load
from pathways.language.decide import decide
from pathways.language.errors import report
from pathways.language.play import play
from pathways.shipped import CO_MANAGED, LIBRARY, RULES, document_names, pathway_names

DISEASES = ("coronary_heart_disease", "stroke", "obesity")
CHECKS = ("adult_screening", "senior_health_check")
ON = date(2025, 3, 3)
SAME = ("EMERGENCY_REFERRAL", "REFER_UP", "ADJUST_AND_RECHECK", "ROUTINE", "DATA_INCOMPLETE", "SEE_SOON")


def pathway(name: str) -> Pathway:
    shipped = library()[name].pathway
    assert shipped is not None, report(library()[name].errors)
    return shipped


def is_for(name: str, age: int, *conditions: str) -> bool:
    person = Person(born=date(ON.year - age, 1, 1), conditions=conditions)
    return pathway(name).enrol_when.holds(facts(pathway(name), person, None, {}, on=ON)) is True


@pytest.mark.parametrize("name", [*DISEASES, *CHECKS])
def test_a_shipped_pathway_has_no_errors_and_its_scenarios_meet_every_row(name: str) -> None:
    loaded = library()[name]
    assert report(loaded.problems) == "no errors, no warnings"

    played = [play(scenario, Plan({name: pathway(name)})) for scenario in loaded.scenarios]

    assert [failure for one in played for failure in one.failures] == []
    rows = {row.id for table in pathway(name).tables.values() for row in table.rows}
    assert rows - {row for one in played for row in one.rows} == set()


@pytest.mark.parametrize("name", DISEASES)
def test_diseases_are_followed_in_the_same_words_and_rhythms_as_hypertension(name: str) -> None:
    one, hypertension = pathway(name), pathway("hypertension")

    assert {word: one.decisions[word] for word in SAME} == {word: hypertension.decisions[word] for word in SAME}
    assert one.tags == hypertension.tags
    assert one.services["follow_up"].every == hypertension.services["follow_up"].every
    assert one.services["annual_exam"] == hypertension.services["annual_exam"]
    assert one.services["to_hospital"] == hypertension.services["to_hospital"]


@pytest.mark.parametrize("name", [*DISEASES, *CHECKS])
def test_a_reading_of_the_same_name_is_the_same_measurement_so_that_one_test_serves_several(name: str) -> None:
    for other in CO_MANAGED:
        for reading in pathway(name).readings.keys() & pathway(other).readings.keys() - {"symptoms"}:
            ours, theirs = pathway(name).readings[reading], pathway(other).readings[reading]
            assert (ours.kind, ours.unit, ours.loinc, ours.label) == (theirs.kind, theirs.unit, theirs.loinc, theirs.label)


@pytest.mark.parametrize("name", ["coronary_heart_disease", "stroke"])
def test_a_danger_sign_of_heart_or_brain_waits_for_nobody(name: str) -> None:
    at_once = pathway(name).decisions["EMERGENCY_NOW"]

    assert at_once.refer is not None
    assert (at_once.refer.urgency, at_once.refer.confirm, at_once.alert) == ("emergency", None, "on_call")
    assert at_once.send in pathway(name).urgent_messages


@pytest.mark.parametrize("name", CHECKS)
def test_a_screening_moves_no_tag(name: str) -> None:
    assert {decision.tag for decision in pathway(name).decisions.values()} == {None}


@pytest.mark.parametrize(
    ("name", "age", "conditions", "meant"),
    [
        ("coronary_heart_disease", 50, ("coronary_heart_disease",), True),
        ("coronary_heart_disease", 17, ("coronary_heart_disease",), False),
        ("coronary_heart_disease", 50, ("stroke",), False),
        ("stroke", 50, ("stroke",), True),
        ("obesity", 18, ("obesity",), True),
        ("obesity", 17, ("obesity",), False),
        ("obesity", 30, ("obesity", "pregnancy"), False),
        ("adult_screening", 34, (), False),
        ("adult_screening", 35, (), True),
        ("adult_screening", 25, ("gestational_diabetes_history",), True),
        ("adult_screening", 17, ("prediabetes",), False),
        ("adult_screening", 36, ("pregnancy",), False),
        ("adult_screening", 50, ("hypertension",), True),
        ("adult_screening", 50, ("hypertension", "type2_diabetes"), False),
        ("senior_health_check", 64, (), False),
        ("senior_health_check", 65, (), True),
    ],
)
def test_a_pathway_is_for_whom_it_says(name: str, age: int, conditions: tuple[str, ...], meant: bool) -> None:
    assert is_for(name, age, *conditions) is meant


@pytest.mark.parametrize(("age", "conditions", "checked"), [
    (50, (), {"pressure_check", "glucose_check"}),
    (36, (), {"pressure_check"}),
    (50, ("hypertension",), {"glucose_check"}),
    (50, ("type2_diabetes",), {"pressure_check"}),
    (25, ("prediabetes",), {"glucose_check"}),
])  # fmt: skip
def test_nobody_is_screened_for_what_they_are_known_to_have(age: int, conditions: tuple[str, ...], checked: set[str]) -> None:
    screening = pathway("adult_screening")
    person = Person(born=date(ON.year - age, 1, 1), conditions=conditions)
    known = facts(screening, person, None, {}, on=ON)

    held = {name for name, s in screening.services.items() if s.when is not None and s.when.holds(known) is not False}

    assert held == checked


def decided(name: str, section: str, **inputs: Any) -> object:
    (answer,) = decide(pathway(name), {section: [{"id": 1, "inputs": inputs}]}, complain=lambda what: pytest.fail(what))
    return answer["row"]


@pytest.mark.parametrize(
    ("inputs", "row"),
    [
        ({"age": 40, "sbp": 118, "dbp": 76}, "HS-1"),
        ({"age": 40, "sbp": 130, "dbp": 76}, "HS-4"),
        ({"age": 40, "sbp": 118, "dbp": 85}, "HS-4"),
        ({"age": 40, "sbp": 118, "dbp": 76, "bmi": 24}, "HS-4"),
        ({"age": 40, "sbp": 118, "dbp": 76, "bmi": 23.9}, "HS-1"),
        ({"age": 40, "sbp": 118, "dbp": 76, "waist_cm": 89, "sex": "male"}, "HS-1"),
        ({"age": 40, "sbp": 118, "dbp": 76, "waist_cm": 90, "sex": "male"}, "HS-4"),
        ({"age": 40, "sbp": 118, "dbp": 76, "high_salt": True}, "HS-4"),
        ({"age": 55, "sbp": 118, "dbp": 76}, "HS-4"),
        ({"age": 40, "sbp": 139, "dbp": 90}, "HS-2"),
        ({"age": 40, "sbp": 140, "dbp": 80}, "HS-2"),
        ({"age": 40, "sbp": 140, "dbp": 80, "raised_on_other_days": True}, "HS-3"),
        ({"age": 40, "sbp": 138, "dbp": 80, "raised_on_other_days": True}, "HS-4"),
        ({"age": 40, "sbp": 180, "dbp": 80}, "HS-E1"),
        ({"age": 40, "dbp": 80}, "HS-X1"),
    ],
)
def test_screening_for_pressure_keeps_to_the_rows_of_the_specification(inputs: dict[str, Any], row: str) -> None:
    assert decided("adult_screening", "pressure", pregnant_or_lactating=False, **inputs) == row


@pytest.mark.parametrize(
    ("bmi", "more", "row"),
    [
        (23.9, {}, "OB-C1"),
        (24, {"waist_cm": 90}, "OB-B2"),
        (27.9, {}, "OB-C1"),
        (28, {}, "OB-B1"),
        (28, {"gained_weight": True}, "OB-A2"),
        (32.5, {}, "OB-B1"),
        (32.5, {"conditions": ["type2_diabetes"]}, "OB-R3"),
        (37.5, {}, "OB-R3"),
        (37.5, {"pregnant_or_lactating": True}, "OB-P1"),
        (None, {}, "OB-X1"),
    ],
)
def test_weight_is_judged_by_the_chinese_limits(bmi: float | None, more: dict[str, Any], row: str) -> None:
    asked = ("gained_weight", "pregnant_or_lactating", "other_disease_cannot_handle", "adr", "adr_hard_to_control",
             "new_complication", "worse_complication")  # fmt: skip
    calm: dict[str, Any] = {"age": 40, "sex": "male", "sbp": 120, "dbp": 78, "symptoms": [], **dict.fromkeys(asked, False)}

    assert decided("obesity", "followup", **{**calm, "bmi": bmi, **more}) == row


def test_rules_that_are_only_asked_are_no_pathways_that_anybody_could_be_on() -> None:
    assert set(RULES).isdisjoint(library())
    assert set(document_names()) == {*pathway_names(), *RULES}
    assert list(library()) == list(pathway_names()) == [pathway(name).name for name in library()]
    assert set(CO_MANAGED) <= set(pathway_names())
    for name in RULES:
        rules = load(LIBRARY / f"{name}.yaml", file=name).pathway
        assert rules is not None
        assert rules.enrol_when.holds({}) is False
