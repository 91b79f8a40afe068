"""A text that was lost goes another way only to somebody who is still to be texted; else a call, for as long as it is needed."""

from __future__ import annotations

from datetime import date

import pytest
from plans import patient, plan, task, tasks

from pathways.engine import contacts, events, step
from pathways.engine.commands import CloseTask, SendAgain
from pathways.engine.state import Told
from pathways.engine.turn import Turn
from pathways.language.play import Player

DAY = date(2025, 3, 14)


def _lost(player: Player, *, to: str = "patient", elsewhere: bool = True) -> set[str]:
    """The keys that go another way after a text of that day was lost."""
    now = player.moment(DAY)
    player.state.told = (*player.state.told, Told("message/x", "hypertension", "visit_soon", now))
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


def _told_lost(player: Player, key: str, *, id_: str = "lost") -> None:
    now = player.moment(DAY)
    player.state = step(plan(), player.state, events.MessageFailed(id=id_, at=now, learnt=now, key=key, reason="unknown")).state


def _arrives(player: Player, key: str, *, begun: bool = False) -> list[str]:
    """The tasks that are closed when the text turns up after all."""
    now = player.moment(DAY)
    outcome = step(plan(), player.state, events.MessageArrived(id=f"{key}/a", at=now, learnt=now, key=key, begun=begun))
    player.state = outcome.state
    return [command.why for command in outcome.commands if isinstance(command, CloseTask)]


def test_a_call_that_was_for_a_text_alone_is_not_needed_once_the_text_did_arrive() -> None:
    player = patient()
    _told_lost(player, "message/x")
    assert "phone_reminder" in tasks(player)
    assert _arrives(player, "message/x") == ["arrived"]
    assert "phone_reminder" not in tasks(player)


def test_a_call_for_two_texts_waits_for_both() -> None:
    player = patient()
    _told_lost(player, "message/x")
    _told_lost(player, "message/y", id_="lost2")
    assert _arrives(player, "message/x") == []
    assert _arrives(player, "message/y") == ["arrived"]


def test_a_call_that_somebody_has_begun_or_put_off_is_theirs_to_close() -> None:
    player = patient()
    _told_lost(player, "message/x")
    assert _arrives(player, "message/x", begun=True) == []
    assert "phone_reminder" in tasks(player)
    player = patient()
    _told_lost(player, "message/x")
    player.happens(events.TaskPostponed, DAY, task=task(player, "phone_reminder"), until=date(2025, 3, 20), reason="no_answer")
    assert _arrives(player, "message/x") == []


def test_a_call_that_stands_for_something_else_besides_stays_open() -> None:
    player = patient()
    _told_lost(player, "message/x")
    turn = Turn(plan(), player.state, player.moment(DAY))
    contacts.call_instead(turn, "hypertension", "visit_soon", "opted_out")
    player.state = turn.state
    assert _arrives(player, "message/x") == []
    assert "phone_reminder" in tasks(player)


def test_the_coordinator_need_not_ring_the_clinician_whose_alert_did_arrive() -> None:
    player = patient()
    now = player.moment(DAY)
    lost = events.MessageFailed(id="l", at=now, learnt=now, key="message/o", reason="unknown", to="on_call")
    player.state = step(plan(), player.state, lost).state
    assert "on_call_not_told" in tasks(player)
    assert _arrives(player, "message/o") == ["arrived"]


@pytest.mark.parametrize(
    ("to", "reason", "task_too"),
    [
        ("patient", "unreachable", None),
        ("patient", "unknown", None),
        ("patient", "no_such_number", "find_number"),
        ("patient", "opted_out", None),
        ("carer", "unreachable", None),
    ],
)
def test_a_text_about_somebody_s_safety_that_reached_nobody_becomes_an_urgent_call(
    to: str, reason: str, task_too: str | None
) -> None:
    player = patient()
    now = player.moment(DAY)
    player.state.phone, player.state.carer = to == "patient", to == "carer"
    player.state.told = (Told("message/u", "hypertension", "seek_help_now", now),)
    assert "seek_help_now" in plan().pathways["hypertension"].urgent_messages
    lost = events.MessageFailed(id="l", at=now, learnt=now, key="message/u", reason=reason, to=to)  # type: ignore[arg-type]
    player.state = step(plan(), player.state, lost).state
    assert tasks(player).count("urgent_call") == 1
    assert "phone_reminder" not in tasks(player)
    assert task_too is None or task_too in tasks(player)
    assert _arrives(player, "message/u") == ["arrived"]


def test_a_carer_who_was_not_reached_about_somebody_who_was_is_no_urgent_call() -> None:
    player = patient()
    now = player.moment(DAY)
    player.state.phone, player.state.carer = True, True
    player.state.told = (Told("message/u", "hypertension", "seek_help_now", now),)
    lost = events.MessageFailed(id="l", at=now, learnt=now, key="message/u", reason="unreachable", to="carer")
    player.state = step(plan(), player.state, lost).state
    assert "urgent_call" not in tasks(player)
