"""What follows from each answer of a channel, row by row: one bad number never stops the others, nor one bad hour a text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from activities.channels.port import Fault, Reason
from activities.sending.choosing import By, NoneLeft, Wait, choose, share
from activities.sending.consequences import CONSEQUENCES, LONGEST_REST, consequence
from activities.sending.doubting import PATIENCE, asks_again

NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)


def in_minutes(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


def test_every_answer_of_a_channel_has_its_consequence() -> None:
    assert set(CONSEQUENCES) == {*get_args(Reason), *get_args(Fault), "in_doubt"}


@pytest.mark.parametrize(
    ("reason", "ends", "elsewhere", "marks", "alerts", "rests_after"),
    [
        ("opted_out", True, False, False, False, None),
        ("no_such_number", True, True, True, False, None),
        ("landline", True, True, True, False, None),
        ("unreachable", True, True, False, False, None),
        ("filtered", True, True, False, True, None),
        ("refused", True, True, False, False, None),
        ("no_template", True, True, False, False, None),
        ("too_late", True, False, False, False, None),
        ("throttled", False, True, False, False, 3),
        ("their_fault", False, True, False, False, 2),
        ("our_fault", False, True, False, True, 3),
        ("no_credit", False, True, False, True, 1),
        ("in_doubt", False, False, False, False, 5),
        ("a word of next year", True, True, False, False, None),
    ],
)
def test_what_follows(reason: str, ends: bool, elsewhere: bool, marks: bool, alerts: bool, rests_after: int | None) -> None:
    row = consequence(reason)
    assert (row.ends, row.elsewhere, row.marks, row.alerts) == (ends, elsewhere, marks, alerts)
    assert (row.rests.failures if row.rests else None) == rests_after


def test_a_channel_rests_longer_each_time_but_never_without_end() -> None:
    rests = CONSEQUENCES["their_fault"].rests
    assert rests is not None
    assert rests.after(1, None) is None
    assert [rests.after(n, None) for n in (2, 3, 4)] == [timedelta(seconds=s) for s in (10, 20, 40)]
    assert rests.after(10_000, None) == timedelta(minutes=10)
    assert rests.after(2, timedelta(minutes=3)) == timedelta(minutes=3), "what the provider wishes is granted"
    assert rests.after(2, timedelta(days=30)) == LONGEST_REST


@pytest.mark.parametrize(
    ("closed", "resting", "urgent", "not_after", "way"),
    [
        ({}, {}, False, 60, By("sms")),
        ({"sms": "landline"}, {}, False, 60, By("chat")),
        ({"sms": "landline", "chat": "refused"}, {}, False, 60, NoneLeft("refused")),
        ({"gone": "landline", "chat": "refused", "sms": "unreachable"}, {}, False, 60, NoneLeft("unreachable")),
        ({}, {"sms": 5}, False, 60, Wait("sms", in_minutes(5))),
        ({}, {"sms": 5}, True, 60, By("chat")),
        ({}, {"sms": 90}, False, 60, By("chat")),
        ({}, {"sms": 5}, False, None, Wait("sms", in_minutes(5))),
        ({}, {"sms": 90, "chat": 80}, False, 60, Wait("chat", in_minutes(80))),
        ({}, {"sms": 5, "chat": 3}, True, 60, Wait("chat", in_minutes(3))),
        ({"chat": "refused"}, {"sms": 5}, True, 60, Wait("sms", in_minutes(5))),
    ],
)
def test_the_way_of_a_text(
    closed: dict[str, str], resting: dict[str, int], urgent: bool, not_after: int | None, way: By | Wait | NoneLeft
) -> None:
    until = {name: in_minutes(minutes) for name, minutes in resting.items()}
    last = in_minutes(not_after) if not_after is not None else None
    assert choose(("sms", "chat"), closed=closed, resting=until, urgent=urgent, not_after=last) == way


def test_after_an_outage_red_comes_before_green_and_nobody_at_the_same_moment() -> None:
    shares = {priority: [share(priority, f"message/{n}") for n in range(200)] for priority in (1, 2, 3, 4)}
    for sooner, later in ((1, 2), (2, 3), (3, 4)):
        assert max(shares[sooner]) <= min(shares[later])
    assert len(set(shares[4])) > 190
    assert share(9, "x") >= timedelta(seconds=30), "a priority that nobody knows goes last"
    assert share(2, "x") == share(2, "x")


def test_a_doubt_is_asked_about_for_a_quarter_of_an_hour_ever_more_rarely() -> None:
    since, asked = timedelta(seconds=5), 0
    pauses = []
    while (pause := asks_again(asked, since, driven=False)) is not None:
        pauses.append(pause.total_seconds())
        since, asked = since + pause, asked + 1
    assert pauses == [30, 120, 300, 445]
    assert since >= PATIENCE


def test_where_time_stands_still_questions_are_counted_instead() -> None:
    assert asks_again(3, timedelta(), driven=True) is not None
    assert asks_again(4, timedelta(), driven=True) is None
