"""A text that was lost goes another way only to somebody who is still to be texted."""

from __future__ import annotations

from datetime import date

import pytest
from plans import patient, plan, tasks

from pathways.engine import events, step
from pathways.engine.commands import SendAgain
from pathways.language.play import Player

DAY = date(2025, 3, 14)


def _lost(player: Player, *, to: str = "patient", elsewhere: bool = True) -> set[str]:
    """The keys that go another way after a text of that day was lost."""
    now = player.moment(DAY)
    lost = events.MessageFailed(
        id="lost", at=now, learnt=now, key="message/x", reason="unreachable", to=to, elsewhere=elsewhere  # type: ignore[arg-type]
    )  # fmt: skip
    outcome = step(plan(), player.state, lost)
    player.state = outcome.state
    return {command.key for command in outcome.commands if isinstance(command, SendAgain)}


def test_a_text_that_was_lost_goes_another_way_and_nobody_is_called() -> None:
    player = patient()
    assert _lost(player) == {"message/x"}
    assert "phone_reminder" not in tasks(player)


def test_where_no_other_way_is_left_somebody_calls() -> None:
    player = patient()
    assert _lost(player, elsewhere=False) == set()
    assert "phone_reminder" in tasks(player)


@pytest.mark.parametrize("event", [events.Died, events.Hospitalised, events.Withdrawn, events.MovedAway, events.Paused])
def test_somebody_who_has_left_or_rests_is_not_texted_another_way(event: type[events.AnyEvent]) -> None:
    player = patient()
    player.happens(event, date(2025, 3, 10))
    assert _lost(player) == set()


def test_somebody_who_said_stop_is_not_texted_another_way() -> None:
    player = patient()
    player.happens(events.AnswerReceived, date(2025, 3, 10), kind="stop")
    assert _lost(player) == set()


def test_the_clinician_on_call_is_told_another_way_whatever_became_of_the_patient() -> None:
    player = patient()
    player.happens(events.Hospitalised, date(2025, 3, 10))
    assert _lost(player, to="on_call") == {"message/x"}


def test_a_text_that_did_arrive_is_said_and_changes_nothing() -> None:
    player = patient()
    now = player.moment(date(2025, 3, 5))
    outcome = step(plan(), player.state, events.MessageArrived(id="a", at=now, learnt=now, key="message/x"))
    assert ([reason.code for reason in outcome.reasons][-1:], list(outcome.commands)) == (["message_arrived"], [])
