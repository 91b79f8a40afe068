"""Texts arrive once, at a decent hour where the patient lives, as long as they are of use, and only those that are wanted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
from plans import CALM, CRITICAL, MONDAY, plan
from texting import Texted, by

from pathways.engine import State, events, next_due
from pathways.engine.events import Fill, TextKind
from pathways.engine.plan import Plan
from pathways.engine.state import SCHEMA, Waiting
from pathways.forecast.standing import Standing
from pathways.serial import dump_state, load_state

REFERRED = CALM | {"adr_hard_to_control": True}  # of the referral the patient is told
NOON, NIGHT = time(12), time(21)
VISIT = date(2025, 3, 17)  # of somebody enrolled on 3 March: reminded three days before, on the day, and once it was missed


def on(day: int, at: time = NIGHT, month: int = 3) -> datetime:
    """A moment by the clock of Shanghai."""
    return Texted(plan()).moment(date(2025, month, day), at)


def days(moments: list[datetime]) -> list[date]:
    return [moment.date() for moment in moments]


# --- quiet days


def test_a_reminder_of_a_quiet_day_comes_on_the_next_day_before_the_visit() -> None:
    patient = Texted.enrolled(by(quiet_dates=frozenset({date(2025, 3, 14)})))
    patient.until(on(20))
    assert days(patient.told("visit_soon")) == [date(2025, 3, 15)]


def test_where_every_day_until_the_visit_is_quiet_the_patient_is_reminded_sooner_than_never() -> None:
    patient = Texted.enrolled(by(quiet_dates=frozenset(date(2025, 3, n) for n in (14, 15, 16, 17))))
    patient.until(on(17))
    assert days(patient.told("visit_soon")) == [date(2025, 3, 13)]


def test_a_reminder_that_no_day_is_left_for_is_not_sent_and_it_is_said_why() -> None:
    patient = Texted.enrolled(by(quiet_dates=frozenset(date(2025, 3, n) for n in range(1, 18))))
    patient.until(on(17))
    assert patient.sent == []
    assert patient.why_not("visit_soon") == ["too_late"]


def test_news_of_a_referral_waits_until_the_quiet_days_are_over() -> None:
    patient = Texted.enrolled(by(quiet_weekdays=frozenset({5, 6})))
    patient.happens(events.VisitCompleted, on(8, NOON), readings=REFERRED)  # a Saturday
    patient.until(on(20))
    assert days(patient.told("referral_made")) == [date(2025, 3, 10)]
    assert [r.held_back for r in patient.reasons if r.code == "message_waits"] == ["quiet_day"]


def test_safety_is_told_on_any_day_at_any_hour() -> None:
    patient = Texted.enrolled(by(quiet_weekdays=frozenset({6})))
    patient.happens(events.ReadingReceived, on(9, time(2)), readings={"sbp": 195.0, "dbp": 120.0}, source="home")
    (_, _, message), *_ = [one for one in patient.sent if one[2].to == "patient"]
    assert (message.urgent, message.priority) == (True, 1)


def test_what_waits_keeps_to_the_rules_of_the_moment_at_which_it_would_go() -> None:
    patient = Texted.enrolled()
    patient.happens(events.VisitCompleted, on(10), readings=REFERRED)  # at night: it waits for nine
    patient.plan = by(opens=time(14), quiet_dates=frozenset({date(2025, 3, 11)}))
    patient.until(on(13))
    (went,) = patient.told("referral_made")
    assert (went.date(), went.time() >= time(14)) == (date(2025, 3, 12), True)


# --- what did not go out in its hours


def test_what_an_outage_held_back_goes_on_the_next_day_once() -> None:
    patient = Texted.enrolled()
    patient.until(on(14))
    assert days(patient.told("visit_soon")) == [date(2025, 3, 14)]
    patient.fails("visit_soon", "too_late", on(14, time(20, 30)))
    assert patient.state.texted == ()  # what did not go out does not count against the week
    patient.until(on(16))
    assert days(patient.told("visit_soon")) == [date(2025, 3, 14), date(2025, 3, 15)]


def test_a_reminder_is_dropped_once_the_day_of_the_visit_has_begun() -> None:
    patient = Texted.enrolled()
    patient.until(on(14))
    for day in (14, 15, 16):
        patient.fails("visit_soon", "too_late", on(day, time(20, 30)))
        patient.until(on(day + 1, NOON))
    patient.until(on(20))
    assert days(patient.told("visit_soon")) == [date(2025, 3, 14), date(2025, 3, 15), date(2025, 3, 16)]
    assert patient.why_not("visit_soon") == ["too_late"]


def test_what_is_so_no_longer_is_not_said_again() -> None:
    patient = Texted.enrolled()
    patient.until(on(14))
    patient.happens(events.VisitCompleted, on(14, time(20, 20)), readings=CALM)
    patient.fails("visit_soon", "too_late", on(14, time(20, 30)))
    patient.until(on(20))
    assert len(patient.told("visit_soon")) == 1
    assert patient.why_not("visit_soon") == ["no_longer_so"]


def test_word_of_medicine_that_was_collected_meanwhile_is_not_sent() -> None:
    patient = Texted.enrolled(fills=(Fill("amlodipine", date(2025, 2, 10), 30),))
    patient.until(on(9))
    refill = patient.state.supplies["amlodipine"].refill
    patient.happens(events.RefillMoved, on(9), refill=refill, stage="ready")
    patient.happens(events.Dispensed, on(10, time(8)), fill=Fill("amlodipine", date(2025, 3, 10), 30))
    patient.until(on(11))
    assert patient.told("refill_ready") == []
    assert patient.why_not("refill_ready") == ["no_longer_so"]


def test_a_safety_text_that_nobody_got_within_its_hours_becomes_an_urgent_call() -> None:
    patient = Texted.enrolled()
    patient.happens(events.ReadingReceived, on(6, time(2)), readings={"sbp": 195.0, "dbp": 120.0}, source="home")
    (message,) = [one for _, _, one in patient.sent if one.to == "patient"]
    before = len(patient.sent)
    patient.happens(events.MessageFailed, on(6, time(9)), key=message.key, reason="too_late")
    assert "urgent_call" in [task.kind for task in patient.state.tasks.values()]
    assert len(patient.sent) == before


def test_after_days_without_any_worker_what_is_of_use_is_one_message_and_the_rest_is_dropped() -> None:
    patient = Texted.enrolled()
    patient.until(on(13))
    moment = on(17, NOON)
    patient.take(events.DueReached(id="late", at=moment, learnt=moment))
    assert [[part.template for part in message.parts] for _, _, message in patient.sent] == [["visit_today"]]
    assert patient.why_not("visit_soon") == ["too_late"]


def test_what_news_of_the_past_finds_unsent_goes_out_at_once_and_nothing_that_is_due_stays_undone() -> None:
    patient = Texted.enrolled()
    patient.until(on(13, NOON))
    asked, learnt = on(13, time(15)), on(15, NOON)
    patient.take(events.ReadingReceived(id="late", at=asked, learnt=learnt, readings={"sbp": 130.0, "dbp": 80.0}, source="home"))
    assert [[part.template for part in message.parts] for _, _, message in patient.sent] == [["visit_soon"]]
    due = next_due(patient.plan, patient.state)
    assert due is None or due > learnt


# --- moves of the time zone


def test_who_moves_across_the_date_line_is_told_each_thing_once() -> None:
    """From Samoa to Hawaii a day comes twice; the other way one never comes."""
    for there, back in (("Pacific/Apia", "Pacific/Honolulu"), ("Pacific/Honolulu", "Pacific/Apia")):
        for hours in range(0, 120, 3):
            patient = Texted.enrolled(timezone=there)
            begin = patient.moment(date(2025, 3, 13), time(0))
            patient.happens(events.PersonChanged, begin + timedelta(hours=hours), timezone=back)
            patient.until(begin + timedelta(days=30))
            for template in ("visit_soon", "visit_today", "visit_missed"):
                assert len(patient.told(template)) + len(patient.why_not(template)) == 1, (there, hours, template)
            assert len(patient.told("visit_missed")) == 1


def test_a_reminder_of_the_day_on_which_it_was_planned_is_not_lost_by_a_move_east() -> None:
    patient = Texted.enrolled(timezone="America/New_York")
    due = patient.state.courses["hypertension"].services["follow_up"].day
    patient.happens(events.CallMade, patient.moment(MONDAY, time(8, 30)), outcome="reached", day=MONDAY + timedelta(days=3))
    assert due != patient.state.courses["hypertension"].services["follow_up"].day
    patient.happens(events.PersonChanged, patient.moment(MONDAY, time(8, 40)), timezone="Asia/Tokyo")
    patient.until(patient.moment(date(2025, 3, 9), NOON))
    assert len(patient.told("visit_soon")) + len(patient.why_not("visit_soon")) == 1


# --- what the patient wants


def chosen(*refused: TextKind, following: Plan | None = None) -> Texted:
    patient = Texted.enrolled(following, fills=(Fill("amlodipine", date(2025, 2, 10), 30),))
    patient.happens(events.TextsChosen, on(3, NOON), refused=refused)
    return patient


def kinds_of_tasks(patient: Texted) -> list[str]:
    return [task.kind for task in patient.state.tasks.values()]


def test_who_wants_no_reminders_gets_none_and_no_call_for_each_but_hears_of_referrals() -> None:
    patient = chosen("reminders")
    patient.until(on(15))
    assert patient.told("visit_soon") == []
    assert patient.why_not("visit_soon") == ["not_wanted"]
    assert "phone_reminder" not in kinds_of_tasks(patient)
    patient.happens(events.VisitCompleted, on(17, NOON), readings=REFERRED)
    assert len(patient.told("referral_made")) == 1


def test_whoever_asks_why_a_text_did_not_go_is_told_what_the_patient_does_not_want() -> None:
    patient = chosen("referrals", "refills")
    said = list(Standing(patient.plan, patient.state, patient.reasons, on(4)).texts())
    assert [(one.code, one.held_back, one.detail["kinds"]) for one in said] == [
        ("why_no_text_of_kind", "not_wanted", "referrals, refills")
    ]


def test_who_wants_no_texts_of_referrals_is_called_about_theirs() -> None:
    patient = chosen("referrals")
    patient.happens(events.VisitCompleted, on(10, NOON), readings=REFERRED)
    assert patient.told("referral_made") == []
    assert patient.why_not("referral_made") == ["not_wanted"]
    assert "phone_reminder" in kinds_of_tasks(patient)


def test_no_choice_keeps_safety_from_anybody_and_start_leaves_the_choice() -> None:
    patient = chosen("reminders", "referrals", "refills")
    patient.happens(events.AnswerReceived, on(4, NOON), kind="stop")
    patient.happens(events.AnswerReceived, on(5, NOON), kind="start")
    assert patient.state.refused == ("referrals", "refills", "reminders")
    patient.happens(events.ReadingReceived, on(6, time(2)), readings={"sbp": 195.0, "dbp": 120.0}, source="home")
    assert [message.urgent for _, _, message in patient.sent if message.to == "patient"] == [True]


def test_what_waits_or_has_not_gone_out_when_the_patient_chooses_is_taken_back() -> None:
    patient = Texted.enrolled()
    patient.happens(events.VisitCompleted, on(10), readings=REFERRED)  # at night: it waits
    patient.happens(events.TextsChosen, on(10, time(21, 5)), refused=("referrals",))
    assert patient.state.waiting == ()
    other = Texted.enrolled()
    other.happens(events.VisitCompleted, on(10, NOON), readings=REFERRED)
    ((_, _, message),) = other.sent
    other.happens(events.TextsChosen, on(10, time(12, 1)), refused=("referrals",))
    assert [(one.key, one.why) for one in other.retracted] == [(message.key, "not_wanted")]


def test_a_snapshot_of_before_there_was_a_choice_is_read_as_nothing_refused() -> None:
    patient = Texted.enrolled()
    patient.happens(events.VisitCompleted, on(10), readings=REFERRED)
    older = json.loads(dump_state(patient.state))
    del older["refused"]
    for waiting in older["waiting"]:
        del waiting["until"], waiting["kind"]
    assert older["schema"] == SCHEMA
    read = load_state(json.dumps(older).encode())
    assert read.refused == ()
    patient.state = read
    patient.happens(events.TextsChosen, on(10, time(21, 5)), refused=("referrals",))
    assert patient.why_not("referral_made") == ["not_wanted"]  # known by what it is about


# --- who comes first


@pytest.mark.parametrize(("tag", "priority"), [("red", 2), ("yellow", 3), ("green", 4)])
def test_where_room_is_short_red_comes_before_green(tag: str, priority: int) -> None:
    patient = Texted.enrolled(tag=tag, last_visit=date(2025, 3, 1))
    patient.until(on(1, month=7))
    assert {message.priority for _, _, message in patient.sent} == {priority}


def test_the_clinician_on_call_comes_before_everybody() -> None:
    patient = Texted.enrolled()
    patient.happens(events.VisitCompleted, on(10, NOON), readings=CRITICAL)
    assert {message.priority for _, _, message in patient.sent if message.to == "on_call"} == {1}


# --- several pathways, the week


def test_the_texts_of_a_day_are_one_message_and_the_week_s_cap_says_what_it_holds_back() -> None:
    both = ("hypertension", "type2_diabetes")
    patient = Texted.enrolled(pathways=both, conditions=both)
    patient.until(on(30, month=6))
    per_day = [moment.date() for moment, _, message in patient.sent if message.to == "patient" and not message.urgent]
    assert len(per_day) == len(set(per_day))
    capped = Texted.enrolled(by(weekly_cap=0), pathways=both, conditions=both)
    capped.until(on(30, month=6))
    assert capped.sent == []
    assert set(capped.why_not("visit_soon")) == {"weekly_cap"}


def test_a_text_put_there_by_an_older_engine_still_goes_out() -> None:
    patient = Texted.enrolled()
    waits = Waiting(on(5, time(9, 30)), "hypertension", "referral_made", about="referral#1", key="waiting#9")
    patient.state = replace(patient.state, waiting=(waits,))
    assert isinstance(patient.state, State)
    patient.until(on(5))
    assert days(patient.told("referral_made")) == [date(2025, 3, 5)]
