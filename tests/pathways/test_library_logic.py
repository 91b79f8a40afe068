"""A second opinion on the shipped tables: the rules once more in plain Python, over thousands of made-up patients."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pathways.engine.plan import Pathway
from pathways.language import library
from pathways.language.decide import decide

PATIENTS = 3000
FEWER = 800
Inputs = dict[str, Any]
ANSWERS = (
    "pregnant_or_lactating",
    "other_disease_cannot_handle",
    "adr",
    "adr_hard_to_control",
    "new_complication",
    "worse_complication",
)
OPTIONAL = {"other_glucose", "heart_rate", "tachycardia_persistent", "temperature"}


def pathway(name: str) -> Pathway:
    shipped = library()[name].pathway
    assert shipped is not None
    return shipped


def hypertension(i: Inputs) -> str:
    """The row that rules of the specification come to; every input is there."""
    limit = 150 if i["age"] >= 65 and not (i["diabetes"] or i["ckd"]) else 140
    uncontrolled = i["sbp"] >= limit or i["dbp"] >= 90
    if i["sbp"] >= 180 or i["dbp"] >= 110:
        return "HTN-E1"
    if i["symptoms"]:
        return "HTN-E2"
    if i["pregnant_or_lactating"] and (i["sbp"] >= 140 or i["dbp"] >= 90):
        return "HTN-E3"
    if i["other_disease_cannot_handle"]:
        return "HTN-E4"
    if i["new_complication"] or i["worse_complication"]:
        return "HTN-R1"
    if i["adr_hard_to_control"]:
        return "HTN-R2"
    if uncontrolled:
        return "HTN-R3" if i["prev_followup_uncontrolled"] else "HTN-A1"
    return "HTN-A2" if i["adr"] else "HTN-C1"


def type2_diabetes(i: Inputs) -> str:
    """The row that rules of the specification come to; every input is there but those that are optional."""
    glucose = [value for value in (i["fpg"], i["other_glucose"]) if value is not None]
    if max(glucose) >= 16.7:
        return "DM-E1"
    if min(glucose) <= 3.9:
        return "DM-E2"
    if i["sbp"] >= 180 or i["dbp"] >= 110:
        return "DM-E3"
    if i["symptoms"]:
        return "DM-E4"
    if i["tachycardia_persistent"] and i["heart_rate"] is not None and i["heart_rate"] > 100:
        return "DM-E5"
    if i["temperature"] is not None and i["temperature"] > 39:
        return "DM-E6"
    if i["sudden_vision_loss"] or (i["pregnant_or_lactating"] and i["fpg"] >= 5.1):
        return "DM-E7"
    if i["other_disease_cannot_handle"]:
        return "DM-E8"
    if i["new_complication"] or i["worse_complication"]:
        return "DM-R1"
    if i["adr_hard_to_control"]:
        return "DM-R2"
    if i["fpg"] >= 7.0:
        return "DM-R3" if i["prev_followup_uncontrolled"] else "DM-A1"
    return "DM-A2" if i["adr"] else "DM-C1"


def screening(i: Inputs) -> str:
    """The row of the screening of residents who are not known to have hypertension."""
    raised = [sbp >= 140 or dbp >= 90 for sbp, dbp in i["readings"]]
    three_days = len(raised) >= 3 and i["non_same_day"] is True
    if three_days and all(raised):
        return "HS-3"
    if raised[0]:
        return "HS-2"
    waist_limit = 85 if i["sex"] == "f" else 90
    risks = [
        any(sbp >= 130 or dbp >= 85 for sbp, dbp in i["readings"]),
        i["bmi"] is not None and i["bmi"] >= 24,
        i["waist_cm"] is not None and i["waist_cm"] >= waist_limit,
        i["family_history"],
        i["high_salt"],
        i["excess_alcohol"],
        i["age"] >= 55,
    ]
    if any(risks):
        return "HS-4"
    return "HS-1" if i["age"] >= 35 else "HS-5"


GRID: Mapping[str, tuple[str, str, str]] = {  # KDIGO 2024: risk and times a year for A1, A2, A3; * is referred
    "G1": ("low 1", "moderate 1", "high 3*"),
    "G2": ("low 1", "moderate 1", "high 3*"),
    "G3a": ("moderate 1", "high 2", "very_high 3*"),
    "G3b": ("high 2", "very_high 3*", "very_high 3*"),
    "G4": ("very_high 3*", "very_high 3*", "very_high 4*"),
    "G5": ("very_high 4*", "very_high 4*", "very_high 4*"),
}


def kidneys(i: Inputs) -> str:
    """The row of the grid; the limits of ACR are those that KDIGO prints for the unit."""
    g = next((name for name, least in (("G1", 90), ("G2", 60), ("G3a", 45), ("G3b", 30), ("G4", 15)) if i["egfr"] >= least), "G5")
    low, high = (3, 30) if i["acr_unit"] == "mg/mmol" else (30, 300)
    a = 0 if i["acr"] < low else 1 if i["acr"] <= high else 2
    cell = GRID[g][a]
    if i["under_nephrology"] and cell.endswith("*"):
        return {"high 3*": "KDIGO-N3", "very_high 3*": "KDIGO-N2", "very_high 4*": "KDIGO-N1"}[cell]
    return f"KDIGO {g}/A{a + 1}"


def lungs(i: Inputs) -> str:
    """GOLD's ABE, and what comes before it; either score may be missing."""
    flares = i["moderate_exacerbations_12m"] >= 2 or i["hospitalised_exacerbations_12m"] >= 1
    before = [
        (i["symptoms"], "COPD-E1"),
        (i["spo2"] is not None and i["spo2"] <= 88, "COPD-E2"),
        (i["home_from_hospital"], "COPD-D1"),
        (i["pregnant_or_lactating"], "COPD-R1"),
        (i["lung_referral_reasons"], "COPD-R2"),
        (i["adr"] and not flares, "COPD-A1"),
        (flares, "GOLD-ABE E"),
    ]
    for holds, row in before:
        if holds:
            return row
    scores = [(i["cat"], 10), (i["mmrc"], 2)]
    if all(score is None for score, _ in scores):
        return "GOLD-X1"
    return "GOLD-ABE B" if any(score is not None and score >= limit for score, limit in scores) else "GOLD-ABE A"


def near(dice: random.Random, *limits: float) -> float:
    """A value at or about one of the limits that matter, so that both sides of each are tried."""
    return round(dice.choice(limits) + dice.choice([-5, -1, -0.1, 0, 0, 0.1, 1, 5]), 1)


def seldom(dice: random.Random) -> bool:
    return dice.random() < 0.12


def visit(dice: random.Random) -> Inputs:
    """What both pathways ask for."""
    answers = {name: seldom(dice) for name in ANSWERS}
    return {**answers, "age": dice.randint(34, 90), "prev_followup_uncontrolled": dice.choice([True, False, None])}


def hypertension_visit(dice: random.Random) -> Inputs:
    symptoms = ["eye_pain"] if seldom(dice) else []
    pressure = {"sbp": near(dice, 120, 140, 150, 180), "dbp": near(dice, 70, 80, 90, 110)}
    return {**visit(dice), **pressure, "symptoms": symptoms, "diabetes": seldom(dice), "ckd": seldom(dice)}


def diabetes_visit(dice: random.Random) -> Inputs:
    return {
        **visit(dice),
        "fpg": near(dice, 5.1, 6.0, 6.9, 7.0, 9.0, 16.7),
        "other_glucose": near(dice, 6.0, 9.0, 16.7) if seldom(dice) else None,
        "sbp": near(dice, 120, 130, 175),
        "dbp": near(dice, 70, 80, 106),
        "heart_rate": near(dice, 76, 100) if dice.random() < 0.5 else None,
        "tachycardia_persistent": dice.choice([True, False, None]),
        "temperature": near(dice, 34, 39) if seldom(dice) else None,
        "symptoms": ["polyuria", "nausea"] if seldom(dice) else [],
        "sudden_vision_loss": seldom(dice),
    }


def screening_day(dice: random.Random) -> Inputs:
    readings = [[near(dice, 118, 130, 140), near(dice, 76, 85, 90)] for _ in range(dice.choice([1, 1, 2, 3, 4]))]
    if dice.random() < 0.5:
        readings = [[118, 76] for _ in readings] if dice.random() < 0.6 else [[sbp + 30, dbp] for sbp, dbp in readings]
    return {
        "age": dice.randint(18, 58),
        "readings": readings,
        "non_same_day": dice.choice([True, False, None]),
        "bmi": near(dice, 20, 24) if seldom(dice) else None,
        "waist_cm": near(dice, 80, 85, 90) if seldom(dice) else None,
        "sex": dice.choice(["m", "f", None]),
        "family_history": seldom(dice),
        "high_salt": seldom(dice),
        "excess_alcohol": seldom(dice),
    }


def kidney_sample(dice: random.Random) -> Inputs:
    unit = dice.choice(["mg/g", "mg/mmol"])
    acr = near(dice, 30, 300) if unit == "mg/g" else near(dice, 6, 30) - 3
    return {
        "egfr": near(dice, 15, 30, 45, 60, 90),
        "acr": acr,
        "acr_unit": unit,
        "under_nephrology": dice.choice([True, False, False, None]),
        "sample_date": "2026-02-10",
    }


def lung_visit(dice: random.Random) -> Inputs:
    return {
        "cat": dice.choice([None, 4, 9, 10, 25]),
        "mmrc": dice.choice([None, 0, 1, 2, 4]),
        "moderate_exacerbations_12m": dice.choice([0, 0, 1, 2]),
        "hospitalised_exacerbations_12m": int(seldom(dice)),
        "symptoms": ["blue_lips"] if seldom(dice) else [],
        "spo2": near(dice, 88, 95) if dice.random() < 0.3 else None,
        "home_from_hospital": seldom(dice),
        "pregnant_or_lactating": seldom(dice),
        "lung_referral_reasons": ["diagnosis_in_doubt"] if seldom(dice) else [],
        "adr": seldom(dice),
    }


Rules = Callable[[Inputs], str]
MakeUp = Callable[[random.Random], Inputs]
TABLES: Mapping[str, tuple[str, str, Rules, MakeUp]] = {
    "hypertension": ("hypertension", "followup", hypertension, hypertension_visit),
    "type 2 diabetes": ("type2_diabetes", "followup", type2_diabetes, diabetes_visit),
    "screening": ("hypertension", "screening", screening, screening_day),
    "kidneys": ("chronic_kidney_disease", "grid", kidneys, kidney_sample),
    "lungs": ("copd", "abe", lungs, lung_visit),
}


@pytest.mark.parametrize(("name", "section", "rules", "make_up"), list(TABLES.values()), ids=list(TABLES))
def test_table_and_plain_rules_agree_on_every_patient(name: str, section: str, rules: Rules, make_up: MakeUp) -> None:
    dice = random.Random(20170317)
    patients = [make_up(dice) for _ in range(PATIENTS if rules in (hypertension, type2_diabetes, screening) else FEWER)]

    answers = list(decide(pathway(name), {section: [{"id": n, "inputs": inputs} for n, inputs in enumerate(patients)]}))

    assert [answer["row"] for answer in answers] == [rules(inputs) for inputs in patients]
    undecided = {row.id for row in pathway(name).tables[section].rows if row.incomplete}
    assert {answer["row"] for answer in answers} | undecided == {row.id for row in pathway(name).tables[section].rows}


@pytest.mark.parametrize("name", ["hypertension", "type2_diabetes"])
def test_whatever_is_missing_a_patient_is_never_decided_on_otherwise_than_with_it(name: str) -> None:
    """Missing readings may leave the decision open; they must not turn it into another one, above all not into a milder one."""
    dice = random.Random(1978)
    make_up = {"hypertension": hypertension_visit, "type2_diabetes": diabetes_visit}[name]
    whole = [{name: value for name, value in make_up(dice).items() if value is not None} for _ in range(PATIENTS)]
    partial = [{n: value for n, value in inputs.items() if n in OPTIONAL or dice.random() < 0.9} for inputs in whole]
    for inputs, left in zip(whole, partial, strict=True):
        if "prev_followup_uncontrolled" in inputs:  # not known at all counts as "the first time", by the rules
            left["prev_followup_uncontrolled"] = inputs["prev_followup_uncontrolled"]
        for derived in {"diabetes", "ckd"} & inputs.keys() - left.keys():
            left[derived] = None  # left out it would be worked out from the list of conditions

    def decisions(patients: list[Inputs]) -> list[object]:
        cases = [{"id": n, "inputs": inputs} for n, inputs in enumerate(patients)]
        return [answer["decision"] for answer in decide(pathway(name), cases)]

    told = decisions(partial)

    for inputs, left, with_all, with_some in zip(whole, partial, decisions(whole), told, strict=True):
        assert with_some in ("DATA_INCOMPLETE", with_all), (inputs, left)
    assert 0.2 < told.count("DATA_INCOMPLETE") / len(told) < 0.8  # both are tried


def test_what_is_missing_keeps_a_patient_off_the_grid_and_never_moves_them_on_it() -> None:
    dice = random.Random(2024)
    whole = [kidney_sample(dice) for _ in range(400)]
    partial = [{**inputs, dice.choice(["egfr", "acr"]): None} for inputs in whole]

    def told(patients: list[Inputs]) -> list[dict[str, Any]]:
        return list(decide(pathway("chronic_kidney_disease"), {"grid": [{"id": n, "inputs": i} for n, i in enumerate(patients)]}))

    for with_all, with_some in zip(told(whole), told(partial), strict=True):
        assert (with_some["row"], with_some["risk"], with_some["tag"]) == ("KDIGO-X1", None, None)
        for name in ("g", "a", "is_ckd", "refer_nephrology_2024"):
            assert with_some[name] in (None, with_all[name])


def test_who_is_referred_by_the_grid_is_who_the_guideline_refers() -> None:
    dice = random.Random(7)
    samples = [{**kidney_sample(dice), "under_nephrology": False} for _ in range(400)]

    for answer in decide(pathway("chronic_kidney_disease"), {"grid": [{"id": n, "inputs": i} for n, i in enumerate(samples)]}):
        assert (answer["referral"] is not None) == answer["refer_nephrology_2024"]
        assert answer["interval_days"] == answer["interval_days_2024"]
