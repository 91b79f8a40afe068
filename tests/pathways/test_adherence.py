"""Days with medicine at hand are counted once, early fills are carried on, and limits stand in tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.engine.adherence import NoFills, proportion_of_days_covered
from pathways.engine.events import Fill
from pathways.language.catalogue import named
from pathways.language.decide import decide

ROOT = Path(__file__).resolve().parents[2]
GIVEN = Path(os.environ.get("CAIRN_CLINICAL_CASES") or next(ROOT.parent.glob("*/clinical"), ROOT / "no-cases-given"))
FIRST, LAST = date(2025, 1, 1), date(2025, 3, 31)
FREE_TEXT = "reason"  # said in our own words


def fill(medicine: str, on: date, days: int) -> Fill:
    return Fill(medicine, on, days)


def answers(cases: object) -> list[dict[str, Any]]:
    told: list[str] = []
    found = list(decide(named("refill_rules"), cases, complain=told.append))
    assert told == []
    return found


def test_an_early_fill_of_the_same_medicine_is_carried_on() -> None:
    fills = [fill("a", FIRST, 30), fill("a", FIRST + timedelta(days=20), 30)]

    assert proportion_of_days_covered(fills, FIRST, LAST).covered_days == 60
    assert proportion_of_days_covered(fills, FIRST, LAST, shift=False).covered_days == 50


def test_different_medicines_of_a_class_overlap_and_each_day_counts_once() -> None:
    fills = [fill("a", FIRST, 30), fill("b", FIRST + timedelta(days=20), 30)]

    assert proportion_of_days_covered(fills, FIRST, LAST).covered_days == 50


def test_days_count_from_the_first_fill_and_stop_with_the_period() -> None:
    covered = proportion_of_days_covered([fill("a", date(2025, 3, 22), 90)], FIRST, LAST)

    assert (covered.covered_days, covered.period_days, covered.share) == (10, 10, Fraction(1))


def test_what_was_left_from_before_the_period_counts_in_it() -> None:
    covered = proportion_of_days_covered([fill("a", date(2024, 12, 22), 20)], FIRST, LAST)

    assert (covered.covered_days, covered.period_days) == (10, 90)


@pytest.mark.parametrize("fills", [[], [fill("a", LAST + timedelta(days=1), 30)], [fill("a", FIRST, 0)]])
def test_without_a_fill_there_is_no_first_day_to_count_from(fills: list[Fill]) -> None:
    with pytest.raises(NoFills, match="nothing was dispensed"):
        proportion_of_days_covered(fills, FIRST, LAST)


def test_a_period_upside_down_is_refused() -> None:
    with pytest.raises(ValueError, match="write the earlier day first"):
        proportion_of_days_covered([fill("a", FIRST, 30)], LAST, FIRST)


@given(
    st.lists(st.builds(Fill, st.sampled_from("ab"), st.dates(FIRST - timedelta(days=60), LAST), st.integers(1, 120)), min_size=1)
)
def test_nobody_is_covered_for_more_than_all_days_and_an_early_fill_never_loses_any(fills: list[Fill]) -> None:
    carried = proportion_of_days_covered(fills, FIRST, LAST)
    as_they_lie = proportion_of_days_covered(fills, FIRST, LAST, shift=False)

    assert 0 <= as_they_lie.covered_days <= carried.covered_days <= carried.period_days


def test_days_covered_are_told_with_four_digits_and_eighty_of_a_hundred_are_enough() -> None:
    cases = {
        "pdc": [
            {"id": 1, "inputs": {"fills": [["x", "2025-01-01", 72]], "period": ["2025-01-01", "2025-03-31"]}},
            {"id": 2, "inputs": {"fills": [["x", "2025-01-01", 71]], "period": ["2025-01-01", "2025-03-31"]}},
            {"id": 3, "inputs": {"fills": [], "period": ["2025-01-01", "2025-03-31"]}},
        ]
    }

    enough, too_few, none = answers(cases)

    assert (enough["covered_days"], enough["period_days"], enough["pdc"], enough["adherent_80"]) == (72, 90, 0.8, True)
    assert (too_few["pdc"], too_few["adherent_80"], too_few["row"]) == (0.7889, False, "PDC-2")
    assert (none["row"], none["pdc"], none["adherent_80"]) == ("PDC-X1", None, None)


LAST_FILL = {"last_fill": "2025-03-01", "days_supply": 28}


@pytest.mark.parametrize(
    ("inputs", "state", "days_left", "gap_days"),
    [
        ({"today": "2025-03-21"}, "NOT_DUE", 8, 0),
        ({"today": "2025-03-22"}, "DUE", 7, 0),
        ({"today": "2025-03-28"}, "DUE", 1, 0),
        ({"today": "2025-03-29"}, "GAP", 0, 1),
        ({"today": "2025-03-29", "carry_over": 3}, "DUE", 3, 0),
        ({"today": "2025-03-22", "carry_over": 1}, "NOT_DUE", 8, 0),
        ({"today": "2025-03-21", "request": "refill"}, "TOO_EARLY", 8, 0),
        ({"today": "2025-03-22", "request": "refill"}, "DUE", 7, 0),
        ({"today": "2025-03-10", "request": "refill", "early_reason": "travel", "prescriber_agrees": True}, "EARLY_ALLOWED", 19, 0),
        ({"today": "2025-03-10", "request": "refill", "early_reason": "travel"}, "TOO_EARLY", 19, 0),
        ({"today": "2025-03-26", "stock_out": True}, "STOCK_OUT", 3, 0),
        ({"today": "2025-03-26", "stock": 0}, "STOCK_OUT", 3, 0),
        ({"today": "2025-03-26", "in_stock": True}, "DUE", 3, 0),
    ],
)
def test_the_window_of_a_refill_is_kept_to_the_day(inputs: dict[str, object], state: str, days_left: int, gap_days: int) -> None:
    (answer,) = answers({"refill": [{"id": 1, "inputs": {**LAST_FILL, **inputs}}]})

    assert (answer["state"], answer["days_left"], answer["gap_days"]) == (state, days_left, gap_days)


def test_of_a_long_supply_a_quarter_may_be_left_when_it_is_asked_for() -> None:
    long = {"last_fill": "2025-01-01", "days_supply": 84, "request": "refill"}  # lasts until 25 March

    early, in_time, nobody_asked = answers(
        [
            {"id": 1, "inputs": {**long, "today": "2025-03-04"}},
            {"id": 2, "inputs": {**long, "today": "2025-03-05"}},
            {"id": 3, "inputs": {**long, "today": "2025-03-05", "request": None}},
        ]
    )

    assert (early["state"], early["days_left"], in_time["state"], in_time["days_left"]) == ("TOO_EARLY", 22, "DUE", 21)
    assert nobody_asked["state"] == "NOT_DUE"


STEADY = {
    "request": "long_prescription", "days": 28, "stable": True, "adherent": True, "diagnosis_clear": True,
    "drug_class": "amlodipine", "first_long": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "row", "decision"),
    [
        ({}, "LP-A1", "ALLOW"),
        ({"days": 29}, "LP-R1", "ALLOW_WITH_RECORD"),
        ({"days": 84}, "LP-R1", "ALLOW_WITH_RECORD"),
        ({"days": 85}, "LP-D2", "DENY"),
        ({"stable": False}, "LP-D4", "DENY"),
        ({"adherent": False}, "LP-D5", "DENY"),
        ({"diagnosis_clear": False}, "LP-D3", "DENY"),
        ({"drug_class": "psychotropic_class_2"}, "LP-D1", "DENY"),
        ({"drug_class": "narcotic", "days": 7}, "LP-D1", "DENY"),
        ({"first_long": True, "prescriber_title": "junior"}, "LP-D6", "DENY"),
        ({"first_long": True, "prescriber_title": "intermediate"}, "LP-A1", "ALLOW"),
        ({"prescriber_title": "junior"}, "LP-A1", "ALLOW"),
        ({"first_long": True}, "LP-X1", "DATA_INCOMPLETE"),
        ({"stable": None}, "LP-X1", "DATA_INCOMPLETE"),
        ({"stable": None, "days": 90}, "LP-D2", "DENY"),
    ],
)
def test_a_long_prescription_has_its_limits(inputs: dict[str, object], row: str, decision: str) -> None:
    (answer,) = answers([{"id": 1, "inputs": {**STEADY, **inputs}}])

    assert (answer["row"], answer["decision"]) == (row, decision)
    assert answer["reason"]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"inputs": {}}, 'a case needs an "id"'),
        ({"id": 1}, '"inputs" are missing'),
        ({"id": 1, "inputs": {"fills": [["x", "2025-01-01"]], "period": []}}, "fills is"),
        ({"id": 1, "inputs": {"fills": [["x", "2025-02-30", 3]], "period": ["2025-01-01", "2025-03-31"]}}, "not a day"),
        ({"id": 1, "inputs": {"fills": [], "period": ["2025-03-01", "2025-01-31"]}}, "write the earlier day first"),
        ({"id": 1, "inputs": {**LAST_FILL, "today": "2025-03-01", "days_supply": 2.5}}, "a number of days"),
        ({"id": 1, "inputs": {**STEADY, "prescriber_title": "chief"}}, "a word it may have"),
        ({"id": 1, "inputs": {**STEADY, "dayz": 3}}, "did you mean 'days'"),
    ],
)
def test_a_case_that_cannot_be_decided_is_told_with_its_remedy(case: dict[str, object], said: str) -> None:
    told: list[str] = []

    list(decide(named("refill_rules"), {"refill": [case]}, complain=told.append))

    assert len(told) == 1
    assert said in told[0]
    assert told[0].startswith("refill case 1")


def given_cases() -> Iterator[Any]:
    file = GIVEN / "cases_refill_pdc.json"
    if not file.exists():
        why = f"no {file.name}: name the folder that holds it in CAIRN_CLINICAL_CASES"
        yield pytest.param("", {}, id=file.stem, marks=pytest.mark.skip(reason=why))
        return
    for section, listed in json.loads(file.read_text("utf-8")).items():
        for case in listed if isinstance(listed, list) else ():
            yield pytest.param(section, case, id=case["id"])


@pytest.mark.parametrize(("section", "case"), list(given_cases()))
def test_a_given_case_comes_out_as_expected(section: str, case: dict[str, Any]) -> None:
    (answer,) = answers({section: [{"id": case["id"], "inputs": case["inputs"]}]})

    expected = case["expected"]
    assert expected.keys() <= answer.keys()
    assert {name: answer[name] for name in expected if name != FREE_TEXT} == {n: v for n, v in expected.items() if n != FREE_TEXT}
