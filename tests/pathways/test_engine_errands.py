"""Referrals, refills and texts: asked, answered oddly, never forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

from plans import CALM, CRITICAL, changed, patient, plan, task, tasks, told

from pathways.engine import events
from pathways.engine.events import Fill


def test_a_declined_referral_asks_nobody() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 10), readings=CRITICAL)
    player.happens(events.TaskClosed, date(2025, 3, 10), task=task(player, "confirm_referral"), outcome="declined")
    player.wait(player.moment(date(2025, 3, 12)))
    assert not player.state.referrals
    assert "asked as place" not in told(player)


def test_answers_that_come_twice_late_or_too_early_change_nothing() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 10), readings=CRITICAL)
    (key,) = player.state.referrals
    player.happens(events.ReferralMoved, date(2025, 3, 10), referral=key, stage="accepted")
    assert player.state.referrals[key].stage == "to_confirm"
    player.happens(events.ReferralDecided, date(2025, 3, 10), referral=key, approved=True)
    for stage in ("booked", "received", "accepted"):
        player.happens(events.ReferralMoved, date(2025, 3, 10), referral=key, stage=stage, day=date(2025, 3, 12))
    assert player.state.referrals[key].stage == "booked"


def test_a_referral_that_no_place_took_stays_open_until_somebody_places_it() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 10), readings=CALM | {"adr_hard_to_control": True})
    (key,) = player.state.referrals
    player.happens(events.ReferralMoved, date(2025, 3, 11), referral=key, stage="nowhere")
    assert "place_referral" in tasks(player)
    player.happens(events.ReferralMoved, date(2025, 3, 12), referral=key, stage="booked", day=date(2025, 3, 14))
    assert "place_referral" not in tasks(player)
    player.wait(player.moment(date(2025, 3, 18)))
    assert "chase_referral" in tasks(player)  # the booked day passed without a word


def test_a_check_back_made_late_does_not_come_again_at_once_and_evidence_closes_it() -> None:
    player = patient()
    player.happens(events.VisitCompleted, date(2025, 3, 10), readings=CALM | {"adr_hard_to_control": True})
    player.wait(player.moment(date(2025, 6, 1)))
    player.happens(events.TaskClosed, date(2025, 6, 2), task=task(player, "referral_check"))
    assert "referral_check" not in tasks(player)
    player.wait(player.moment(date(2025, 6, 20)))
    player.happens(events.TaskClosed, date(2025, 6, 20), task=task(player, "referral_check"), outcome="completed")
    assert not player.state.referrals


def test_an_early_fill_starts_when_the_earlier_supply_ends() -> None:
    player = patient(fills=(Fill("amlodipine", date(2025, 3, 1), 30),))
    player.happens(events.Dispensed, date(2025, 3, 21), fill=Fill("amlodipine", date(2025, 3, 21), 30))
    assert player.state.supplies["amlodipine"].ends == date(2025, 4, 29)


def test_a_gap_that_the_pathway_wants_chased_again_is() -> None:
    medicine = plan().pathways["hypertension"].services["medicine"]
    (gap,) = medicine.if_missed
    following = changed("medicine", if_missed=(replace(gap, again=14),))
    player = patient(following, fills=(Fill("amlodipine", date(2025, 3, 1), 30),))
    player.wait(player.moment(date(2025, 4, 3)))
    player.happens(events.TaskClosed, date(2025, 4, 4), task=task(player, "refill_gap"), outcome="not_reached")
    player.wait(player.moment(date(2025, 4, 17)))
    assert "refill_gap" in tasks(player)
    player.happens(events.TaskClosed, date(2025, 4, 18), task=task(player, "refill_gap"), outcome="stopped")
    assert not player.state.supplies


def test_a_missed_visit_is_called_about_again_where_the_pathway_says_so() -> None:
    follow_up = plan().pathways["hypertension"].services["follow_up"]
    following = changed("follow_up", if_missed=(replace(follow_up.if_missed[0], again=5),))
    player = patient(following)
    for day in (24, 29):
        player.wait(player.moment(date(2025, 3, day)))
        player.happens(events.TaskClosed, date(2025, 3, day), task=task(player, "phone_call"), outcome="no_answer")
    assert tasks(player) == []


def test_medicine_that_ran_out_long_before_enrolment_is_not_chased() -> None:
    player = patient(fills=(Fill("amlodipine", date(2024, 6, 1), 30),))
    assert not player.state.supplies


def test_stop_ends_texts_and_an_emergency_becomes_a_call() -> None:
    player = patient()
    player.happens(events.AnswerReceived, date(2025, 3, 4), kind="stop")
    player.happens(events.ReadingReceived, date(2025, 3, 6), time(2), readings={"sbp": 195.0, "dbp": 120.0}, source="home")
    assert player.sent == []
    assert tasks(player) == ["urgent_call"]


def test_the_weekly_cap_never_holds_back_news_of_a_referral() -> None:
    player = patient()
    player.plan = replace(player.plan, contact=replace(player.plan.contact, weekly_cap=1))
    player.wait(player.moment(date(2025, 3, 14), time(20)))
    player.happens(events.VisitCompleted, date(2025, 3, 15), readings=CALM | {"adr_hard_to_control": True})
    assert player.sent == ["visit_soon", "referral_made"]


def test_a_waiting_text_goes_at_the_first_decent_hour_where_the_patient_has_travelled_to() -> None:
    player = patient()
    emergency = CALM | {"adr_hard_to_control": True}
    player.happens(events.VisitCompleted, date(2025, 3, 10), time(20, 30), readings=emergency)
    player.happens(events.PersonChanged, date(2025, 3, 10), time(20, 40), timezone="America/New_York")
    assert player.sent == []  # twenty to nine in the morning there
    player.wait(player.moment(date(2025, 3, 10), time(20, 59)))
    assert player.sent == []
    player.wait(player.moment(date(2025, 3, 10), time(22, 30)))
    assert player.sent == ["referral_made"]
    player.wait(player.moment(date(2025, 3, 13)))
    assert player.sent.count("referral_made") == 1
