"""Whoever reads a forecast of few people is told so before they plan a team's year by it."""

from __future__ import annotations

from typing import Any

from activities.forecast_cautions import cautions
from pathways.forecast.sample import MEASURES


def result(sampled: int, patients: int, low: float, high: float) -> dict[str, Any]:
    measure = {"difference": {"median": (low + high) / 2, "low": low, "high": high}}
    return {"sampled": sampled, "patients": patients, "measures": dict.fromkeys(MEASURES, measure)}


def test_a_small_pathway_is_read_for_its_direction_and_its_people() -> None:
    (few,) = cautions(result(41, 41, 10, 328))
    assert "Few people: 41 patients were looked at" in few
    assert "groups of about 4" in few
    assert "not how much" in few
    assert "larger sample" not in few


def test_a_small_sample_of_a_large_pathway_is_to_be_made_larger() -> None:
    (few,) = cautions(result(100, 12_000, 10, 328))
    assert "there are 12000 on the pathway: ask again with a larger sample" in few


def test_a_range_that_goes_both_ways_says_that_more_or_fewer_cannot_be_told() -> None:
    (unsure,) = cautions(result(5_000, 5_000, -31, 646))
    assert unsure.startswith("It cannot be told whether there will be more or fewer visits, calls, home visits, referrals and SMS")


def test_enough_people_and_a_clear_range_need_no_warning_and_nobody_at_all_is_said() -> None:
    assert cautions(result(5_000, 5_000, 10, 30)) == []
    assert cautions(result(5_000, 5_000, 0, 0)) == []
    (nobody,) = cautions(result(0, 0, 0, 0))
    assert nobody.startswith("Nobody was looked at")
