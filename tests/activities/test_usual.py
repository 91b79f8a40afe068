"""An alarm that cries without cause is switched off by people; one that keeps quiet costs a month of reminders."""

from __future__ import annotations

import math
from random import Random

import pytest

from activities.usual import at_most, fallen, few_of, share_fallen


@pytest.mark.parametrize(
    ("seen", "usual", "is_fallen"),
    [
        (0, 20, False),
        (0, 21, True),
        (9, 40, False),
        (2, 60, True),
        (39, 100, False),
        (20, 100, True),
        (60, 100, False),
        (0, 0, False),
    ],
)
def test_only_what_is_far_below_the_usual_and_beyond_chance_has_fallen(seen: int, usual: float, is_fallen: bool) -> None:
    assert fallen(seen, usual) is is_fallen


def test_the_chances_are_poissons_and_the_binomial_ones() -> None:
    assert at_most(2, 3.0) == pytest.approx(math.exp(-3) * (1 + 3 + 4.5))
    assert few_of(1, 3, 0.5) == pytest.approx(0.5)
    assert at_most(5, 0) == few_of(0, 4, 0) == 1.0
    assert at_most(100_000, 90_000.0) == pytest.approx(1.0)
    assert few_of(3, 4, 1.0) == 0.0


def test_a_share_that_is_a_little_lower_or_of_a_few_messages_is_chance() -> None:
    assert share_fallen(0, 60, 0.95)
    assert not share_fallen(0, 10, 0.95)
    assert not share_fallen(80, 100, 0.95)
    assert not share_fallen(0, 0, 0.95)


def _scattered(chance: Random, mean: float) -> int:
    """A count as weeks bring it: Poisson around a mean that is itself a quarter up or down."""
    limit, drawn, product = math.exp(-mean * chance.uniform(0.75, 1.25)), 0, chance.random()
    while product > limit:
        drawn, product = drawn + 1, product * chance.random()
    return drawn


def test_ordinary_weeks_raise_nothing_in_ten_thousand_looks() -> None:
    chance = Random(5)
    for _ in range(10_000):
        mean = chance.choice((5, 25, 60))
        assert not fallen(_scattered(chance, mean), sum(_scattered(chance, mean) for _ in range(4)) / 4)
