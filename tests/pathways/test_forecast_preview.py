"""Before a visit is recorded, the nurse can see what it would decide."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from hypothesis import HealthCheck, given, settings
from plans import CALM, CRITICAL, MONDAY, patient, plan, task
from strategies import BEGIN, Move, live, lives, shipped_plan

from pathways.engine import State, events, step
from pathways.engine.commands import RequestReferral, RequestRefill, SendMessage
from pathways.engine.events import Fill
from pathways.forecast.preview import Message, Preview, TagMove, preview
from pathways.language.play import Player
from pathways.serial import dump_state


def ahead(player: Player, cls: type[Any], day: date, at: time | None = None, **what: object) -> Preview:
    """What it would decide if this happened on that day."""
    moment = player.moment(day, at)
    return preview(player.plan, player.state, cls(id="maybe", at=moment, learnt=moment, **what))


def test_a_visit_shows_its_row_its_tag_and_the_next_day_before_it_is_recorded() -> None:
    player = patient()
    seen = ahead(player, events.VisitCompleted, date(2025, 3, 17), readings=CALM)
    assert seen.tags == (TagMove("hypertension", "yellow", "green"),)
    (row,) = seen.rows
    assert (row.row, row.decision, row.missing) == ("HTN-C1", "ROUTINE", ())
    assert row.inputs["sbp"] == 128.0
    assert row.because["en"]
    follow_up = next(move for move in seen.dues if move.service == "follow_up")
    assert (follow_up.before, follow_up.after, follow_up.booked) == (date(2025, 3, 17), date(2025, 6, 15), date(2025, 6, 13))
    assert not seen.messages  # the reminders of the day itself are not put down to the visit
    player.happens(events.VisitCompleted, date(2025, 3, 17), readings=CALM)
    assert player.state.courses["hypertension"].services["follow_up"].booked == follow_up.booked


def test_an_emergency_shows_who_is_told_what_is_asked_and_that_a_clinician_decides_first() -> None:
    seen = ahead(patient(), events.VisitCompleted, date(2025, 3, 10), readings=CRITICAL)
    assert [one.row for one in seen.rows] == ["HTN-E1"]
    assert [(one.to, one.urgent) for one in seen.messages] == [("on_call", True)]
    assert [(one.kind, one.by, one.urgent) for one in seen.opened] == [("confirm_referral", "doctor", True)]
    (referral,) = seen.referrals
    assert (referral.to, referral.urgency, referral.waits) == ("hospital", "emergency", True)
    assert referral.confirm_by == patient().moment(date(2025, 3, 10), time(14))


def test_a_referral_that_goes_out_by_itself_is_shown_with_its_text() -> None:
    seen = ahead(patient(), events.VisitCompleted, date(2025, 3, 10), time(20, 30), readings=CALM | {"adr_hard_to_control": True})
    (referral,) = seen.referrals
    assert (referral.waits, referral.row, referral.urgency) == (False, "HTN-R2", "routine_up")
    (text,) = seen.messages  # it waits for a decent hour
    assert (text.to, text.templates, text.when.date()) == ("patient", ("referral_made",), date(2025, 3, 11))


def test_nobody_is_promised_a_text_who_wrote_stop() -> None:
    player = patient()
    player.happens(events.AnswerReceived, date(2025, 3, 4), kind="stop")
    seen = ahead(player, events.VisitCompleted, date(2025, 3, 10), time(20, 30), readings=CALM | {"adr_hard_to_control": True})
    assert seen.messages == ()


def test_missing_readings_are_named_and_asked_for() -> None:
    seen = ahead(patient(), events.VisitCompleted, date(2025, 3, 10), readings={"sbp": 128.0})
    (row,) = seen.rows
    assert "dbp" in row.missing
    assert [one.kind for one in seen.opened] == ["complete_readings"]
    assert [(move.before, move.after) for move in seen.tags] == [("yellow", "yellow")]


def test_work_that_ends_and_medicine_that_is_asked_for_are_shown() -> None:
    player = patient(fills=(Fill("amlodipine", date(2025, 3, 1), 30),))
    player.wait(player.moment(date(2025, 3, 25)))
    seen = ahead(player, events.CallMade, date(2025, 3, 25), outcome="reached")
    assert [(one.key, one.kind, one.why) for one in seen.closed] == [(task(player, "phone_call"), "phone_call", "reached")]
    seen = ahead(player, events.RefillMoved, date(2025, 3, 25), refill="refill#1", stage="out_of_stock")
    assert [(one.medicine, one.runs_out, one.attempt) for one in seen.refills] == [("amlodipine", date(2025, 3, 31), 2)]


def test_joining_shows_the_first_tag_and_the_first_days() -> None:
    at = BEGIN
    joins = events.Enrolled(id="e", at=at, learnt=at, pathways=("hypertension",), born=MONDAY.replace(year=1960))
    seen = preview(plan(), State("new"), joins)
    assert (seen.life_before, seen.life_after) == ("not_enrolled", "active")
    assert seen.tags == (TagMove("hypertension", None, "yellow"),)
    assert all(move.before is None and move.after is not None for move in seen.dues)


def test_what_comes_too_late_is_shown_with_what_holds_it_back() -> None:
    seen = ahead(patient(), events.TaskClosed, date(2025, 3, 10), task="task/phone_call#7")
    assert [(reason.code, reason.held_back) for reason in seen.reasons] == [("too_late", "task_closed")]
    assert (seen.rows, seen.messages, seen.opened, seen.closed) == ((), (), (), ())


@settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(lives)
def test_what_is_shown_is_what_is_then_recorded(life: list[Move]) -> None:
    """Whatever happens next: with nothing due in between, the preview and the step agree, and looking changes nothing."""
    following = shipped_plan()
    for taken in live(life):
        state, clock = taken.before, taken.before.clock
        if clock is None or min(taken.event.at, taken.event.learnt) > clock:
            continue
        before = dump_state(state)
        seen, outcome = preview(following, state, taken.event), step(following, state, taken.event)
        assert dump_state(state) == before
        assert seen.reasons[: len(outcome.reasons)] == outcome.reasons
        sent: list[Message] = [message for message in seen.messages if message.when <= _present(outcome.state)]
        assert len(sent) == sum(isinstance(command, SendMessage) for command in outcome.commands)
        assert len(seen.refills) == sum(isinstance(command, RequestRefill) for command in outcome.commands)
        asked = sum(isinstance(command, RequestReferral) for command in outcome.commands)
        assert sum(not referral.waits for referral in seen.referrals) == asked


def _present(state: State) -> datetime:
    assert state.clock is not None
    return state.clock
