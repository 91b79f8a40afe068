"""The silence of a referral: who is reminded and when, who is asked next, and that no note makes a patient wait anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import CALM, CRITICAL, patient, plan, tasks

from pathways.engine import Outcome, events, next_due
from pathways.engine.commands import CancelReferral, Command, RemindPlace, RequestReferral, SendMessage
from pathways.engine.limits import STAGES, URGENCIES, Limits
from pathways.engine.plan import Plan
from pathways.language.limits import BadLimits, as_written, read_limits, shipped_limits
from pathways.language.narrate import Line, Narrator
from pathways.language.play import Player

REFERRED = date(2025, 3, 10)
NOON = time(12)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Listener(Narrator):
    """Keeps what was to be done."""

    heard: list[Command] = field(default_factory=list)

    def outcome(self, now: datetime, outcome: Outcome) -> Iterator[Line]:
        self.heard.extend(outcome.commands)
        return iter(())


def following(limits: Limits | None = None) -> Plan:
    """The shipped pathways under limits: the shipped ones unless given."""
    return replace(plan(), limits=limits or shipped_limits())


def referred(limits: Limits | None = None, *, emergency: bool = False) -> tuple[Player, str, datetime]:
    """Somebody for whom a hospital was asked on 10 March at noon, and that moment."""
    player = patient(following(limits))
    player.narrator = Listener(plan(), None, "en")
    player.happens(events.VisitCompleted, REFERRED, NOON, readings=CRITICAL if emergency else CALM | {"adr_hard_to_control": True})
    (key,) = player.state.referrals
    if emergency:
        player.happens(events.ReferralDecided, REFERRED, NOON, referral=key, approved=True)
    return player, key, player.moment(REFERRED, NOON)


def says(player: Player, key: str, stage: str, at: datetime, attempt: int = 0, day: date | None = None) -> None:
    local = at + timedelta(hours=8)  # Shanghai
    player.happens(events.ReferralMoved, local.date(), local.time(), referral=key, stage=stage, attempt=attempt, day=day)


def commands(player: Player, kind: type[Command]) -> list[Command]:
    assert isinstance(player.narrator, Listener)
    return [command for command in player.narrator.heard if isinstance(command, kind)]


def test_a_silent_hospital_is_reminded_once_then_the_next_one_is_asked_and_the_patient_is_told_when_it_has_it() -> None:
    player, key, asked = referred()
    player.wait(asked + 23 * HOUR)
    assert not commands(player, RemindPlace)
    player.wait(asked + 71 * HOUR)
    (reminder,) = commands(player, RemindPlace)
    assert isinstance(reminder, RemindPlace)
    assert (reminder.request, reminder.since) == (f"{key}/1", asked)
    player.wait(asked + 72 * HOUR)
    last = commands(player, RequestReferral)[-1]
    assert isinstance(last, RequestReferral)
    assert (last.key, last.instead_of, player.state.referrals[key].stage) == (f"{key}/2", f"{key}/1", "requested")
    assert tasks(player) == []  # nobody of the team had to notice it
    assert "referral_elsewhere" not in player.sent
    says(player, key, "placed", asked + 72 * HOUR, 2)
    assert player.sent[-1] == "referral_elsewhere"
    player.wait(asked + 97 * HOUR)
    assert len(commands(player, RemindPlace)) == 2  # the second place has its own reminder


def test_an_emergency_that_nobody_answers_has_a_person_at_once_and_the_patient_is_sent_on_at_any_hour() -> None:
    player, key, asked = referred(emergency=True)
    player.wait(asked + 4 * HOUR)
    assert tasks(player) == ["chase_referral"]
    says(player, key, "placed", asked + 11 * HOUR, 2)  # eleven at night
    (text,) = [one for one in commands(player, SendMessage) if isinstance(one, SendMessage) and one.urgent and one.to == "patient"]
    assert isinstance(text, SendMessage)
    assert [part.template for part in text.parts] == ["referral_now"]


def test_a_place_of_which_nobody_knows_that_it_has_the_request_is_not_passed_over_but_looked_into() -> None:
    player, _, asked = referred()
    player.wait(asked + 6 * timedelta(days=1))
    assert len(commands(player, RequestReferral)) == 2  # the second was never said to lie before its place
    assert "chase_referral" in tasks(player)


def test_the_word_of_the_place_before_counts_where_it_takes_the_patient_and_not_where_it_only_reads() -> None:
    player, key, asked = referred()
    player.wait(asked + 72 * HOUR)
    says(player, key, "received", asked + 73 * HOUR, 1)
    assert player.state.referrals[key].attempt == 2
    says(player, key, "accepted", asked + 74 * HOUR, 1)
    assert (player.state.referrals[key].stage, player.state.referrals[key].held_by) == ("accepted", 1)
    says(player, key, "refused", asked + 75 * HOUR, 1)
    assert player.state.referrals[key].attempt == 3  # number 2 was used: no key comes twice


def test_what_the_place_had_begun_is_over_once_it_says_so_or_has_had_its_time_to() -> None:
    for confirms in (True, False):
        player, key, asked = referred()
        says(player, key, "in_progress", asked + HOUR)
        says(player, key, "abort_asked", asked + 2 * HOUR)
        assert key in player.state.referrals
        if confirms:
            says(player, key, "aborted", asked + 3 * HOUR)
        else:
            player.wait(asked + 49 * HOUR)
            assert key in player.state.referrals
            player.wait(asked + 50 * HOUR)
        assert key not in player.state.referrals
        assert [c.why for c in commands(player, CancelReferral) if isinstance(c, CancelReferral)] == (
            [] if confirms else ["abort_unanswered"]
        )


def test_a_booked_patient_whose_referral_is_called_off_is_told_and_a_report_may_still_end_an_abort() -> None:
    player, key, asked = referred()
    says(player, key, "booked", asked + HOUR, day=date(2025, 3, 20))
    says(player, key, "cancelled", asked + 2 * HOUR)
    assert (player.sent[-1], player.state.referrals) == ("referral_off", {})
    player, key, asked = referred()
    says(player, key, "attended", asked + HOUR)
    says(player, key, "abort_asked", asked + 2 * HOUR)
    says(player, key, "in_progress", asked + 3 * HOUR)
    assert player.state.referrals[key].stage == "abort_asked"
    says(player, key, "completed", asked + 4 * HOUR)
    assert player.state.referrals[key].stage == "completed"


def test_who_is_back_from_hospital_is_seen_to_within_the_rule_s_time_and_who_never_reports_is_asked() -> None:
    player, key, asked = referred(emergency=True)
    says(player, key, "attended", asked + HOUR / 2)
    player.wait(asked + 26 * HOUR)
    assert len(commands(player, RemindPlace)) == 1
    player.wait(asked + 50 * HOUR)
    assert tasks(player) == ["chase_referral"]  # attended, and not a word of what was found
    says(player, key, "sent_back", asked + 51 * HOUR)
    player.wait(asked + timedelta(days=7))
    assert "referral_check" in tasks(player)


def test_a_change_of_the_limits_reaches_a_referral_that_is_under_way() -> None:
    player, key, asked = referred()
    player.wait(asked + 5 * HOUR)
    sooner = read_limits({"routine": {"requested": {"within": "6 hours"}}}, over=shipped_limits())
    assert next_due(following(sooner), player.state) == asked + 6 * HOUR
    player.plan = following(sooner)
    player.wait(asked + 6 * HOUR)
    assert player.state.referrals[key].attempt == 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    notes=st.lists(st.tuples(st.sampled_from(["received", "more_asked", "more_given", "placed"]), st.integers(1, 40)), max_size=8)
)
def test_no_note_makes_the_patient_wait_anew(notes: list[tuple[str, int]]) -> None:
    """The next place is asked when the time in which the place had the word adds up to the limit: no sooner, and no later."""
    player, key, asked = referred()
    says(player, key, "received", asked)
    now, theirs, limit = asked, timedelta(0), timedelta(days=3)
    for stage, hours in notes:
        waiting = player.state.referrals[key].stage == "more_asked"
        if not waiting and theirs + hours * HOUR >= limit:
            break
        now += hours * HOUR
        theirs += timedelta(0) if waiting else hours * HOUR
        says(player, key, stage, now)
    if player.state.referrals[key].stage == "more_asked":
        says(player, key, "more_given", now)
    left = limit - theirs
    player.wait(now + left - timedelta(minutes=1))
    assert player.state.referrals[key].attempt == 1
    player.wait(now + left)
    assert player.state.referrals[key].attempt == 2


def test_the_shipped_table_is_whole_and_is_read_back_as_it_is_written() -> None:
    limits = shipped_limits()
    assert {(urgency, stage) for urgency in URGENCIES for stage in STAGES} == {
        (u, s) for u in limits.spans for s in limits.spans[u]
    }
    assert read_limits(as_written(limits)) == limits
    assert limits.of("routine_up", "requested", timedelta(days=1)).within == timedelta(days=1)  # as the pathway says
    ours = read_limits({"routine": {"requested": {"within": "5 days"}}}, over=limits)
    assert ours.of("routine_up", "requested", timedelta(days=1)).within == timedelta(days=5)  # the network said otherwise


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ({"soon": {}}, "soon"),
        ({"urgent": {"refused": {"within": "1 day"}}}, "urgent.refused"),
        ({"urgent": {"requested": {"within": "0 hours"}}}, "urgent.requested.within"),
        ({"urgent": {"requested": {"within": "soon"}}}, "urgent.requested.within"),
        ({"urgent": {"requested": {"within": "4 hours", "remind": "4 hours"}}}, "urgent.requested.remind"),
        ({"urgent": {"more_asked": {"within": "4 hours", "remind": "1 hour"}}}, "urgent.more_asked.remind"),
    ],
)
def test_a_limit_that_could_not_help_is_refused_with_where_and_what_would(written: Any, where: str) -> None:
    with pytest.raises(BadLimits) as refused:
        read_limits(written, over=shipped_limits())
    assert refused.value.field == where
    assert refused.value.remedy
