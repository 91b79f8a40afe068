"""Lengths of time are read as a coordinator writes them, and refused with what to write instead."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pathways.language import durations
from pathways.language.durations import NotALength


def test_lengths_of_time_are_calendar_days() -> None:
    assert [durations.days(t) for t in ("0 days", "1 day", "15 days", "2 weeks", "6 months", "12 months", "1 year")] == [
        0,
        1,
        15,
        14,
        182,
        365,
        365,
    ]
    assert [durations.months(t) for t in ("6 months", "1 year", "90 days")] == [6, 12, None]
    assert [durations.span(t) for t in ("2 hours", "3 days")] == [timedelta(hours=2), timedelta(days=3)]
    assert [durations.offset(t) for t in ("3 days before", "same day", "1 week after")] == [-3, 0, 7]
    assert (durations.before("10 days before"), durations.before("same day")) == (10, 0)
    assert durations.supply_left("7 days before supply ends") == 7


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("3 month s", "3 months"),
        ("15d", "15 days"),
        ("15", "15 days"),
        ("2weeks", "2 weeks"),
        ("1 dya", "1 day"),
        ("soon", "15 days"),
        ("2 day", "2 days"),
        ("", "15 days"),
    ],
)
def test_what_is_no_length_is_refused_with_the_nearest_that_is(text: str, remedy: str) -> None:
    with pytest.raises(NotALength) as refused:
        durations.days(text)
    assert refused.value.remedy == f"write {remedy}"


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (durations.days, "2 hours"),
        (durations.days, "99 years"),
        (durations.offset, "3 days"),
        (durations.offset, "3 days ago"),
        (durations.before, "3 days after"),
        (durations.supply_left, "7 days before"),
        (durations.span, "٣ days"),
    ],
)
def test_a_length_of_the_wrong_kind_is_refused(read, text: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotALength):
        read(text)
