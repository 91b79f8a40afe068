"""The pathways that we ship are sound documents, and the two fit together for somebody who is on both."""

from __future__ import annotations

import pytest

from pathways.engine.plan import Pathway
from pathways.language import library
from pathways.language.errors import report

NAMES = ("hypertension", "type2_diabetes")
ALL = (*NAMES, "chronic_kidney_disease", "copd")
DECISIONS = ("EMERGENCY_REFERRAL", "REFER_UP", "ADJUST_AND_RECHECK", "ROUTINE", "DATA_INCOMPLETE")


def pathway(name: str) -> Pathway:
    shipped = library()[name].pathway
    assert shipped is not None, report(library()[name].errors)
    return shipped


@pytest.mark.parametrize("name", ALL)
def test_a_shipped_pathway_has_no_errors_and_every_message_costs_one_sms(name: str) -> None:
    assert report(library()[name].problems) == "no errors, no warnings"


def test_both_pathways_speak_of_decisions_and_rhythms_in_the_same_words() -> None:
    hypertension, diabetes = map(pathway, NAMES)

    for decision in DECISIONS:
        assert hypertension.decisions[decision] == diabetes.decisions[decision]
    assert hypertension.tags == diabetes.tags
    assert hypertension.services["follow_up"].every == diabetes.services["follow_up"].every


def test_the_yearly_examination_is_the_same_one_on_every_pathway() -> None:
    first, *others = [pathway(name).services["annual_exam"] for name in ALL]

    assert all(other == first for other in others)


def test_a_measured_value_means_the_same_on_every_pathway() -> None:
    meant: dict[str, object] = {}
    for name in ALL:
        for reading in pathway(name).readings.values():
            what = (reading.kind, reading.unit, reading.loinc, reading.plausible)
            assert meant.setdefault(reading.name, what) == what, (name, reading.name)


def test_one_sample_serves_diabetes_and_the_kidneys() -> None:
    diabetes, kidneys = (pathway(name).services["kidney_screening"] for name in ("type2_diabetes", "chronic_kidney_disease"))

    assert diabetes.collects == kidneys.collects == ("egfr", "acr")


def test_only_the_grid_moves_the_tag_of_somebody_with_kidney_disease() -> None:
    kidneys = pathway("chronic_kidney_disease")

    assert {row.decision for row in kidneys.tables["followup"].rows if kidneys.decisions[row.decision].tag is not None} == set()


@pytest.mark.parametrize(("name", "youngest"), [("chronic_kidney_disease", 18), ("copd", 35)])
def test_who_is_too_young_or_does_not_have_it_is_not_enrolled(name: str, youngest: int) -> None:
    enrol = pathway(name).enrol_when

    assert enrol.holds({"age": youngest, "conditions": [name]}) is True
    assert enrol.holds({"age": youngest - 1, "conditions": [name]}) is False
    assert enrol.holds({"age": 70, "conditions": ["hypertension"]}) is False
    assert enrol.holds({"conditions": [name]}) is None


def test_a_reading_that_both_pathways_take_is_the_same_reading() -> None:
    hypertension, diabetes = map(pathway, NAMES)

    for name in hypertension.readings.keys() & diabetes.readings.keys() - {"symptoms"}:  # each has danger signs of its own
        assert hypertension.readings[name] == diabetes.readings[name]


def test_only_what_is_taken_when_there_is_a_reason_may_be_left_out_of_a_diabetes_visit() -> None:
    diabetes = pathway("type2_diabetes")
    table = diabetes.tables["followup"]
    asked = {name for row in table.rows if row.when for name in row.when.names} & diabetes.readings.keys()

    optional = {name for name in asked if diabetes.readings[name].optional}

    assert optional == {"other_glucose", "heart_rate", "tachycardia_persistent", "temperature"}


@pytest.mark.parametrize("name", NAMES)
def test_an_emergency_waits_for_a_doctor_only_so_long_and_is_told_at_once(name: str) -> None:
    emergency = pathway(name).decisions["EMERGENCY_REFERRAL"]

    assert emergency.refer is not None
    assert (emergency.refer.confirm, emergency.refer.confirm_within.total_seconds()) == ("doctor", 7200)
    assert emergency.alert == "on_call"


@pytest.mark.parametrize("name", NAMES)
def test_every_referral_is_looked_after_within_two_weeks(name: str) -> None:
    assert pathway(name).services["to_hospital"].check_back == 14
    for decision in pathway(name).decisions.values():
        if decision.refer is not None:
            assert decision.within is not None
            assert decision.within <= 14
