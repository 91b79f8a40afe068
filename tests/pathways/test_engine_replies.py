"""What hospitals and pharmacies want of us: questions, patients sent back, medicine in parts; and work that is put off."""

from __future__ import annotations

from datetime import date, time

import pytest
from plans import CALM, CRITICAL, patient, task, tasks, told

from pathways.engine import events, step
from pathways.engine.events import Fill
from pathways.language.play import Player
from pathways.serial import dump_event, dump_state, load_event, load_state

MARCH = 2025, 3
REFERRED = date(*MARCH, 10)


def referred(*, emergency: bool = False) -> tuple[Player, str]:
    """Somebody for whom a hospital was asked on 10 March at noon."""
    player = patient()
    player.happens(events.VisitCompleted, REFERRED, readings=CRITICAL if emergency else CALM | {"adr_hard_to_control": True})
    (key,) = player.state.referrals
    if emergency:
        player.happens(events.ReferralDecided, REFERRED, referral=key, approved=True)
    return player, key


def says(player: Player, key: str, stage: str, day: int, at: time | None = None) -> None:
    player.happens(events.ReferralMoved, date(*MARCH, day), at, referral=key, stage=stage)


def held_back(player: Player) -> str:
    return told(player).rpartition("held back: ")[2].strip()


def test_a_hospital_that_asks_for_more_is_not_passed_over_while_we_owe_the_answer() -> None:
    player, key = referred()
    says(player, key, "more_asked", 11)
    assert tasks(player) == ["referral_question"]
    player.wait(player.moment(date(*MARCH, 18)))
    assert "question_overdue" in tasks(player)  # a doctor is asked to answer
    says(player, key, "more_given", 18)
    assert not {"referral_question", "question_overdue"} & set(tasks(player))
    assert player.state.referrals[key].stage == "received"
    player.wait(player.moment(date(*MARCH, 20)))
    assert player.state.referrals[key].attempt == 1
    player.wait(player.moment(date(*MARCH, 22)))
    assert player.state.referrals[key].attempt == 2


def test_a_question_does_not_stop_the_clock_of_an_emergency() -> None:
    player, key = referred(emergency=True)
    says(player, key, "more_asked", 10, time(15))
    assert "referral_question" in tasks(player)
    player.wait(player.moment(REFERRED, time(16, 1)))
    assert "chase_referral" in tasks(player)  # four hours from the request, not from the question
    says(player, key, "more_given", 10, time(17))
    assert not {"chase_referral", "referral_question"} & set(tasks(player))
    player.wait(player.moment(REFERRED, time(21, 1)))
    assert "chase_referral" in tasks(player)


def test_a_question_about_a_booked_patient_leaves_the_day_as_it_was() -> None:
    player, key = referred()
    player.happens(events.ReferralMoved, date(*MARCH, 11), referral=key, stage="booked", day=date(*MARCH, 20))
    says(player, key, "more_asked", 12)
    says(player, key, "received", 12)
    assert held_back(player) == "overtaken"
    says(player, key, "more_given", 13)
    assert (player.state.referrals[key].stage, player.state.referrals[key].day) == ("booked", date(*MARCH, 20))


def test_whoever_finishes_the_question_lets_the_hospital_have_the_next_word() -> None:
    player, key = referred()
    says(player, key, "more_asked", 11)
    player.happens(events.TaskClosed, date(*MARCH, 12), task=task(player, "referral_question"))
    assert player.state.referrals[key].stage == "received"
    says(player, key, "more_given", 12)
    assert held_back(player) == "nothing asked"
    player.wait(player.moment(date(*MARCH, 15), time(13)))
    assert player.state.referrals[key].attempt == 2


@pytest.mark.parametrize(("stage", "then"), [("accepted", "accepted"), ("attended", "attended"), ("refused", "requested")])
def test_a_hospital_that_goes_on_without_our_answer_needs_it_no_more(stage: str, then: str) -> None:
    player, key = referred()
    says(player, key, "more_asked", 11)
    says(player, key, stage, 12)
    assert tasks(player) == []
    assert (player.state.referrals[key].stage, player.state.referrals[key].resumes) == (then, "")


def test_who_is_sent_back_has_a_report_to_be_read_and_is_still_checked_on() -> None:
    player, key = referred()
    says(player, key, "accepted", 11)
    says(player, key, "sent_back", 14)
    assert tasks(player) == ["read_report"]
    says(player, key, "completed", 14)
    assert held_back(player) == "referral closed"
    player.wait(player.moment(date(*MARCH, 21)))
    player.happens(events.TaskClosed, date(*MARCH, 22), task=task(player, "referral_check"))
    assert not player.state.referrals
    assert tasks(player) == ["read_report"]  # closing the referral does not read it


def test_who_is_sent_back_after_the_check_closes_the_referral_at_once() -> None:
    player, key = referred()
    says(player, key, "in_progress", 11)
    player.wait(player.moment(date(*MARCH, 21)))
    player.happens(events.TaskClosed, date(*MARCH, 22), task=task(player, "referral_check"))
    says(player, key, "sent_back", 23)
    assert not player.state.referrals
    assert tasks(player) == ["read_report"]


@pytest.mark.parametrize(
    ("before", "stage", "why"),
    [
        ((), "sent_back", "not in their hands"),
        (("nowhere",), "more_asked", "not in their hands"),
        ((), "more_given", "nothing asked"),
        (("more_asked",), "more_asked", "already told"),
        (("received", "sent_back"), "more_asked", "referral closed"),
    ],
)
def test_a_word_that_does_not_fit_changes_nothing_and_is_put_down(before: tuple[str, ...], stage: str, why: str) -> None:
    player, key = referred()
    for one in before:
        says(player, key, one, 11)
    held = player.state.referrals[key]
    says(player, key, stage, 11)
    assert player.state.referrals[key] == held
    assert held_back(player) == why
    says(player, "referral#9", stage, 11)
    assert held_back(player) == "referral closed"


def supplied() -> Player:
    return patient(fills=(Fill("amlodipine", date(*MARCH, 1), 30),))


def dispensed(player: Player, day: date, days: int, *, part: bool) -> None:
    player.happens(events.Dispensed, day, fill=Fill("amlodipine", day, days), part=part)


def test_a_part_counts_and_its_request_stays_open_for_the_rest() -> None:
    player = supplied()
    dispensed(player, date(*MARCH, 25), 10, part=True)
    supply = player.state.supplies["amlodipine"]
    assert (supply.refill, supply.stage, supply.ends) == ("refill#1", "part", date(2025, 4, 9))
    player.wait(player.moment(date(2025, 4, 8)))
    assert told(player).count("asked as pharmacy") == 1  # no second request beside the open one
    player.wait(player.moment(date(2025, 4, 12)))
    assert "refill_gap" in tasks(player)  # the rest never came
    dispensed(player, date(2025, 4, 13), 20, part=False)
    supply = player.state.supplies["amlodipine"]
    assert (supply.refill, supply.stage, supply.ends) == (None, "", date(2025, 5, 2))
    assert "refill_gap" not in tasks(player)


def test_a_pharmacy_without_the_rest_hands_the_same_request_to_the_next() -> None:
    player = supplied()
    dispensed(player, date(*MARCH, 25), 10, part=True)
    player.happens(events.RefillMoved, date(*MARCH, 26), refill="refill#1", stage="out_of_stock")
    supply = player.state.supplies["amlodipine"]
    assert (supply.refill, supply.stage, supply.attempt) == ("refill#1", "requested", 2)
    assert "asked as pharmacy 2" in told(player)


def test_a_part_without_a_request_is_a_fill_like_any_other() -> None:
    player = supplied()
    dispensed(player, date(*MARCH, 5), 10, part=True)
    assert player.state.supplies["amlodipine"].stage == ""
    player.wait(player.moment(date(2025, 4, 3)))
    assert told(player).count("asked as pharmacy") == 1


def test_medicine_that_is_stopped_cancels_the_rest_of_a_part() -> None:
    player = supplied()
    dispensed(player, date(*MARCH, 25), 10, part=True)
    player.happens(events.Withdrawn, date(*MARCH, 26))
    assert "need not prepare it any more" in told(player)


def test_arranging_the_work_changes_nothing_but_what_is_told() -> None:
    player = patient()
    player.wait(player.moment(date(*MARCH, 24)))
    key, now = task(player, "phone_call"), player.state.clock
    assert now is not None
    put_off = events.TaskPostponed(id="p", at=now, learnt=now, task=key, until=date(*MARCH, 28), reason="no_answer")
    given = events.TaskHandedOver(id="h", at=now, learnt=now, task=key, to="doctor")
    for event, code in ((put_off, "task_postponed"), (given, "task_handed_over")):
        outcome = step(player.plan, player.state, load_event(dump_event(event)))
        assert outcome.state == player.state
        assert not outcome.commands
        (reason,) = outcome.reasons
        assert (reason.code, reason.key, reason.service) == (code, key, "follow_up")
    player.happens(events.TaskHandedOver, date(*MARCH, 24), task="task/phone_call#9", to="doctor")
    assert held_back(player) == "task closed"


def test_what_was_stored_before_these_words_is_still_read() -> None:
    now = patient().moment(REFERRED)
    fill = events.Dispensed(id="d", at=now, learnt=now, fill=Fill("amlodipine", REFERRED, 30))
    written = dump_event(fill)
    del written["part"]
    assert load_event(written) == fill
    player, _ = referred()
    snapshot = dump_state(player.state).replace(b'"resumes":"",', b"")
    assert snapshot != dump_state(player.state)
    assert load_state(snapshot) == player.state
