"""A patient is moved from one version of a pathway to another: what is carried on, what is said, and what a person must look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from plans import CALM, HIGH, follow_up, patient, plan, task, tasks, written_and_read

from pathways.engine import Outcome, events, marks, next_due, step
from pathways.engine.commands import BookVisit, OpenTask, Reason, ReleaseVisit, RetractMessage, SendMessage
from pathways.engine.events import Fill
from pathways.engine.moving import Fit, Replacing, classify
from pathways.engine.plan import ByTag, Escalation, Pathway, Plan, Reminder, Service, TaskSpec
from pathways.engine.state import Waiting
from pathways.language.play import Player

OLD = plan().pathways["hypertension"]


def version(name: str = "second", *, without: tuple[str, ...] = (), **services: dict[str, Any] | Service) -> Pathway:
    """Another version: these services otherwise, new, or left out."""
    kept = {key: one for key, one in OLD.services.items() if key not in without}
    for key, change in services.items():
        kept[key] = change if isinstance(change, Service) else replace(OLD.services[key], **change)
    return replace(OLD, version=name, services=kept)


def every(**days: int) -> dict[str, Any]:
    return {"every": ByTag(days)}


def less_often() -> Pathway:
    """Whoever is controlled comes every 95 days, by the rhythm and by the row."""
    routine = replace(OLD.decisions["ROUTINE"], within=95)
    return replace(version(follow_up=every(red=15, yellow=30, green=95)), decisions={**OLD.decisions, "ROUTINE": routine})


def on(*versions: Pathway, **known: object) -> Player:
    """Somebody on the shipped version, with these at hand."""
    following = Plan({"hypertension": OLD}, versions={one.version: one for one in (OLD, *versions)})
    player = patient(following)
    if known:
        player = patient(following, **known)
    return player


def moved(player: Player, there: Pathway, at: tuple[date, time] | None = None, **what: Any) -> Outcome:
    """A rollout moves them; the outcome of that step alone."""
    day, hour = at or (player.moment(date(2025, 1, 1)).date(), None)
    moment = player.moment(day, hour)
    player.wait(moment)
    named: dict[str, Any] = {"came_from": player.state.courses["hypertension"].version, "to": there.version, **what}
    event = events.VersionMoved(id=f"rollout/{there.version}/{moment}", at=moment, learnt=moment, pathway="hypertension", **named)
    outcome = step(player.plan, player.state, event)
    player._take(event)  # the player answers the bookings
    return outcome


def codes(outcome: Outcome) -> list[str]:
    return [reason.code for reason in outcome.reasons]


def why(outcome: Outcome, code: str) -> Reason:
    return next(reason for reason in outcome.reasons if reason.code == code)


def visited(player: Player, readings: dict[str, events.Value] | None = None) -> Player:
    player.happens(events.VisitCompleted, date(2025, 3, 10), time(10), readings=readings or CALM)
    return player


# --- the rhythm


def test_a_shorter_rhythm_is_counted_from_the_last_visit_and_going_back_restores_the_day() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=60))
    player = visited(on(sooner))
    assert follow_up(player).due == date(2025, 6, 8)
    outcome = moved(player, sooner)
    assert follow_up(player).due == date(2025, 5, 9)
    assert why(outcome, "due_moved").detail == {"from": "2025-06-08", "to": "2025-05-09"}
    assert why(outcome, "version_changed").detail["to"] == "second"
    assert follow_up(player).booked is not None
    moved(player, OLD)
    assert follow_up(player).due == date(2025, 6, 8)


def test_a_day_that_would_lie_in_the_past_is_soon_and_comes_back_on_the_way_back() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=60))
    player = visited(on(sooner))
    moved(player, sooner, (date(2025, 5, 20), time(10)))
    assert follow_up(player).due == date(2025, 5, 27)
    moved(player, OLD)
    assert follow_up(player).due == date(2025, 6, 8)


def test_a_longer_rhythm_puts_the_day_off_where_the_row_allows_it_too() -> None:
    player = visited(on(less_often()))
    moved(player, less_often())
    assert follow_up(player).due == date(2025, 6, 13)
    moved(player, OLD)
    assert follow_up(player).due == date(2025, 6, 8)


def test_a_rows_own_days_stay_where_they_are_the_shorter_ones() -> None:
    longer = version(follow_up=every(red=40, yellow=60, green=120))
    player = visited(on(longer), HIGH)  # HTN-A1: within 14 days
    due = follow_up(player).due
    assert due == date(2025, 3, 24)
    assert "due_moved" not in codes(moved(player, longer))
    assert follow_up(player).due == due


def test_who_is_overdue_under_both_is_not_given_more_time_nor_chased_anew() -> None:
    other = version(follow_up={"every": ByTag({"red": 12, "yellow": 25, "green": 80})})
    player = on(other)
    player.wait(player.moment(date(2025, 3, 27)))
    assert tasks(player) == ["phone_call"]
    outcome = moved(player, other)
    assert follow_up(player).due == date(2025, 3, 17)
    assert not [command for command in outcome.commands if isinstance(command, OpenTask)]
    assert tasks(player) == ["phone_call"]


def test_the_worst_tag_sets_the_rhythm_of_other_pathways_after_a_move_too() -> None:
    shipped = plan().pathways
    worse = replace(version(), tags=("red", "yellow"))
    following = Plan(
        {name: shipped[name] for name in ("hypertension", "type2_diabetes")}, versions={"second": worse, OLD.version: OLD}
    )
    player = patient(following, pathways=("hypertension", "type2_diabetes"), conditions=("hypertension", "type2_diabetes"))
    player.happens(events.VisitCompleted, date(2025, 3, 10), time(10), readings=CALM | {"fasting_glucose": 6.0})
    before = {name: course.services["follow_up"].due for name, course in player.state.courses.items()}
    moved(player, worse, tags={"green": "red"})
    assert player.state.courses["hypertension"].tag == "red"
    worst = timedelta(days=following.pathways["type2_diabetes"].services["follow_up"].every.days["red"])
    assert player.state.courses["type2_diabetes"].services["follow_up"].due <= date(2025, 3, 10) + worst
    moved(player, OLD)
    assert {name: course.services["follow_up"].due for name, course in player.state.courses.items()} == before


# --- what was agreed, booked and told


def test_a_day_agreed_with_the_patient_is_kept_where_it_still_will_do() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=85))
    player = visited(on(sooner))
    player.happens(events.CallMade, date(2025, 5, 20), outcome="reached", day=date(2025, 6, 5))
    outcome = moved(player, sooner)
    assert (follow_up(player).due, follow_up(player).day, follow_up(player).confirmed) == (
        date(2025, 6, 3),
        date(2025, 6, 5),
        True,
    )
    assert not [command for command in outcome.commands if isinstance(command, ReleaseVisit | BookVisit)]


def test_a_day_agreed_far_beyond_the_new_day_is_given_back_and_somebody_finds_another() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=40))
    player = visited(on(sooner))
    player.happens(events.CallMade, date(2025, 4, 1), outcome="reached", day=date(2025, 6, 5))
    assert classify(OLD, sooner, player.state) == Fit("needs_person", ("agreed_day_lost",))
    moved(player, sooner)
    assert not follow_up(player).confirmed
    assert "find_another_day" in tasks(player)


def test_a_booking_is_kept_where_only_the_texts_change() -> None:
    wording = version(follow_up={"remind": (*OLD.services["follow_up"].remind, Reminder(-1, "visit_soon"))})
    player = on(wording)
    booked = follow_up(player).booking
    outcome = moved(player, wording)
    assert follow_up(player).booking == booked
    assert not outcome.commands


def test_a_reminder_that_was_sent_is_not_sent_again_and_a_new_one_is() -> None:
    more = version(follow_up={"remind": (Reminder(-1, "visit_soon"), *OLD.services["follow_up"].remind)})
    player = on(more)
    player.wait(player.moment(date(2025, 3, 14), time(12)))
    assert player.sent == ["visit_soon"]
    moved(player, more)
    player.wait(player.moment(date(2025, 3, 17), time(20)))
    assert player.sent == ["visit_soon", "visit_soon", "visit_today"]


def test_a_new_reminder_whose_moment_has_passed_is_not_sent_and_that_is_said() -> None:
    more = version(follow_up={"remind": (Reminder(-7, "visit_soon"), *OLD.services["follow_up"].remind)})
    player = on(more)
    outcome = moved(player, more, (date(2025, 3, 12), time(12)))
    assert why(outcome, "not_sent").held_back == "too_late"
    player.wait(player.moment(date(2025, 3, 13), time(20)))
    assert player.sent == []


ASKS_AND_SAYS = Escalation(ByTag(always=2), TaskSpec("ask_family", "health_manager", 3), send="visit_missed")


def missed_by(player: Player, days: int) -> tuple[date, time]:
    """So many days after the follow-up's day, at ten."""
    return follow_up(player).day + timedelta(days=days), time(10)


def texts_of(outcome: Outcome) -> list[str]:
    return [part.template for one in outcome.commands if isinstance(one, SendMessage) for part in one.parts]


@pytest.mark.parametrize("again", [None, 1])
def test_a_new_step_for_a_missed_visit_opens_its_work_and_sends_no_text_of_a_day_that_has_passed(again: int | None) -> None:
    step_ = replace(ASKS_AND_SAYS, again=again)
    other = version(follow_up={"if_missed": (step_, *OLD.services["follow_up"].if_missed)})
    player = on(other)
    outcome = moved(player, other, missed_by(player, 6))
    assert texts_of(outcome) == []
    assert tasks(player).count("ask_family") == 1
    assert why(outcome, "not_sent").held_back == "too_late"
    assert why(outcome, "not_sent").detail == {"template": "visit_missed"}
    sent = len(player.lines)
    player.wait(player.moment(follow_up(player).day + timedelta(days=6), time(23)))
    assert not any("visit missed" in line.what.lower() for line in player.lines[sent:])


def test_a_new_step_for_a_missed_visit_whose_moment_lies_ahead_is_done_with_its_text() -> None:
    other = version(follow_up={"if_missed": (replace(ASKS_AND_SAYS, after=ByTag(always=5)),)})
    player = on(other)
    moved(player, other, missed_by(player, 4))
    outcome = None
    due = next_due(player.plan, player.state)
    while due is not None and "ask_family" not in tasks(player):
        event = events.DueReached(id=f"due/{due}", at=due, learnt=due)
        outcome = step(player.plan, player.state, event)
        player._take(event)
        due = next_due(player.plan, player.state)
    assert outcome is not None
    assert "visit_missed" in [one.template for one in (*outcome.state.waiting,)] + texts_of(outcome)


def test_a_step_that_gives_somebody_up_as_lost_searches_for_them_and_says_nothing_of_a_day_long_gone() -> None:
    lost = Escalation(ByTag(always=2), TaskSpec("home_visit", "health_manager", 3), send="visit_missed", mark="unreachable")
    other = version(follow_up={"if_missed": (lost,)})
    player = on(other)
    outcome = moved(player, other, missed_by(player, 5))
    assert texts_of(outcome) == []
    assert player.state.reach == "unreachable"
    assert {"home_visit", "search"} <= set(tasks(player))


def test_who_is_lost_already_or_rests_gets_no_work_opened_by_a_new_step_for_a_missed_visit() -> None:
    other = version(follow_up={"if_missed": (ASKS_AND_SAYS, *OLD.services["follow_up"].if_missed)})
    player = on(other)
    player.happens(events.Paused, *missed_by(player, 2))
    outcome = moved(player, other, missed_by(player, 4))
    assert texts_of(outcome) == []
    assert "ask_family" not in tasks(player)


def sooner_and_later(missed: Escalation) -> tuple[Pathway, Pathway]:
    """Two versions with this step for a missed follow-up; by the second, whoever is controlled comes less often."""
    sooner, later = version("sooner"), replace(less_often(), version="later")
    one, other = (replace(it.services["follow_up"], if_missed=(missed,)) for it in (sooner, later))
    return (
        replace(sooner, services={**sooner.services, "follow_up": one}),
        replace(later, services={**later.services, "follow_up": other}),
    )


def test_going_back_to_a_day_that_was_missed_sends_no_text_that_would_have_gone_out_meanwhile() -> None:
    old, later = sooner_and_later(replace(ASKS_AND_SAYS, after=ByTag(always=5)))
    player = visited(on(old, later))
    moved(player, old)
    day = follow_up(player).due
    moved(player, later, (day + timedelta(days=2), time(10)))
    assert follow_up(player).due > day
    outcome = moved(player, old, (day + timedelta(days=6), time(10)))
    assert follow_up(player).due == day
    assert texts_of(outcome) == []
    assert "ask_family" in tasks(player)


def test_work_that_was_closed_when_the_day_moved_comes_back_with_the_day_and_its_text_is_not_told_twice() -> None:
    old, later = sooner_and_later(ASKS_AND_SAYS)
    player = visited(on(old, later))
    moved(player, old)
    day = follow_up(player).due
    player.wait(player.moment(day + timedelta(days=1)))
    assert "ask_family" in tasks(player)
    moved(player, later, (day + timedelta(days=1), time(10)))
    assert "ask_family" not in tasks(player)
    outcome = moved(player, old, (day + timedelta(days=1), time(15)))
    assert follow_up(player).due == day
    assert "ask_family" in tasks(player)
    assert texts_of(outcome) == []
    assert why(outcome, "not_sent").held_back == "told_already"
    player.wait(player.moment(day + timedelta(days=4)))
    assert player.sent.count("visit_missed") == 2  # the reminder's own, on its day, is the second
    assert tasks(player).count("ask_family") == 1


def test_a_step_whose_text_was_told_before_the_move_opens_its_work_without_it_when_its_day_comes() -> None:
    old, _ = sooner_and_later(ASKS_AND_SAYS)
    player = visited(on(old))
    moved(player, old)
    told = tuple(marks.skipped(mark) for mark in marks.of_escalations(old.services["follow_up"].if_missed))
    course, occurrence = player.state.courses["hypertension"], follow_up(player)
    passed_over = {**course.services, "follow_up": replace(occurrence, marks=(*occurrence.marks, *told))}
    player.state.courses["hypertension"] = replace(course, services=passed_over)
    player.wait(player.moment(occurrence.due + timedelta(days=4)))
    assert "ask_family" in tasks(player)
    assert player.sent.count("visit_missed") == 1  # the reminder's own, on its day


def test_a_new_step_for_medicine_that_has_run_out_opens_its_work_and_sends_no_text_that_is_too_late() -> None:
    empty = Escalation(ByTag(always=2), TaskSpec("ask_about_medicine", "health_manager", 1), send="visit_missed")
    other = version(medicine={"if_missed": (empty,)})
    player = on(other)
    player.happens(events.Dispensed, date(2025, 3, 3), time(9), fill=Fill("losartan", date(2025, 3, 3), 10))
    outcome = moved(player, other, (date(2025, 3, 20), time(10)))
    assert texts_of(outcome) == []
    assert "ask_about_medicine" in tasks(player)
    assert why(outcome, "not_sent").held_back == "too_late"


def test_a_reminder_that_was_passed_over_under_one_version_is_told_by_the_other_on_the_way_back() -> None:
    _, *others = OLD.services["follow_up"].remind
    earlier = version(follow_up={"remind": (Reminder(-7, "visit_soon"), *others)})
    player = on(earlier)
    outcome = moved(player, earlier, (date(2025, 3, 14), time(1)))
    assert why(outcome, "not_sent").held_back == "too_late"
    moved(player, OLD, (date(2025, 3, 14), time(8)))
    player.wait(player.moment(date(2025, 3, 14), time(20)))
    assert player.sent == ["visit_soon"], "three days before, as the version says that they are on"


def test_a_reminder_that_went_out_a_day_earlier_under_the_old_version_is_not_sent_again_under_the_new() -> None:
    _, *others = OLD.services["follow_up"].remind
    later = version(follow_up={"remind": (Reminder(-2, "visit_soon"), *others)})
    player = on(later)
    player.wait(player.moment(date(2025, 3, 14), time(12)))
    outcome = moved(player, later)
    assert why(outcome, "not_sent").held_back == "told_already"
    player.wait(player.moment(date(2025, 3, 16), time(20)))
    assert player.sent == ["visit_soon"]


def test_a_text_about_a_day_that_moves_is_taken_back_before_it_goes_out() -> None:
    later = less_often()
    player = visited(on(later))
    due = follow_up(player).day
    player.wait(player.moment(due - timedelta(days=3), time(12)))
    (told,) = player.state.told
    outcome = moved(player, later)
    (retracted,) = [command for command in outcome.commands if isinstance(command, RetractMessage)]
    assert (retracted.key, retracted.parts) == (told.key, ())
    assert why(outcome, "message_retracted").detail == {"template": "visit_soon"}
    assert player.state.told == ()


def test_a_text_that_waits_for_the_morning_and_has_no_words_any_more_is_not_sent() -> None:
    silent = version(follow_up={"remind": ()})
    player = on(silent)
    morning = player.moment(date(2025, 3, 6), time(9))
    gone = Waiting(morning, "hypertension", "visit_soon", date(2025, 3, 17), key="waiting#1")
    stays = Waiting(morning, "hypertension", "refill_ready", about="refill#1", key="waiting#2")
    player.state.waiting = (gone, stays)
    outcome = moved(player, silent)
    assert why(outcome, "not_sent").held_back == "template_gone"
    assert player.state.waiting == (stays,)


def test_texts_carry_the_version_by_whose_words_they_are_told() -> None:
    other = version()
    player = on(other)
    moved(player, other)
    player.wait(player.moment(date(2025, 3, 14), time(9)))
    outcome = step(
        player.plan,
        player.state,
        events.DueReached(
            id="due", at=player.moment(date(2025, 3, 14), time(11)), learnt=player.moment(date(2025, 3, 14), time(11))
        ),
    )
    (text,) = [command for command in outcome.commands if isinstance(command, SendMessage)]
    assert [part.version for part in text.parts] == ["second"]


# --- services and tags come and go


def test_a_new_service_begins_as_if_the_patient_were_enrolled_today() -> None:
    more = version(eyes=Service("eyes", "screening", every=ByTag(always=365), first=30, opens=7))
    player = visited(on(more))
    moved(player, more)
    assert player.state.courses["hypertension"].services["eyes"].due == date(2025, 4, 9)


def test_a_service_that_is_gone_is_set_aside_and_comes_back_with_the_version_that_has_it() -> None:
    fewer = version(without=("annual_exam",))
    player = on(fewer)
    player.wait(player.moment(date(2025, 4, 20)))
    assert "annual_exam" in tasks(player)
    due = player.state.courses["hypertension"].services["annual_exam"].due
    assert classify(OLD, fewer, player.state) == Fit("needs_person", ("service_gone_while_due",))
    outcome = moved(player, fewer)
    assert why(outcome, "service_set_aside").detail == {"why": "service_gone", "due": due.isoformat()}
    assert "annual_exam" not in player.state.courses["hypertension"].services
    assert "annual_exam" not in tasks(player)
    outcome = moved(player, OLD)
    assert player.state.courses["hypertension"].services["annual_exam"].due == due
    assert "annual_exam" in tasks(player)


def test_a_service_that_ends_on_purpose_needs_nobody() -> None:
    fewer = version(without=("annual_exam",))
    player = on(fewer)
    assert classify(OLD, fewer, player.state, Replacing({"annual_exam": ""})) == Fit("mapped")
    assert why(moved(player, fewer, services={"annual_exam": ""}), "service_set_aside").detail["why"] == "ended_on_purpose"


def test_a_renamed_screening_keeps_its_day_and_its_task_gets_the_new_name() -> None:
    renamed = version(without=("annual_exam",), check_up=replace(OLD.services["annual_exam"], name="check_up"))
    player = on(renamed)
    player.wait(player.moment(date(2025, 4, 20)))
    due = player.state.courses["hypertension"].services["annual_exam"].due
    assert classify(OLD, renamed, player.state, Replacing({"annual_exam": "check_up"})) == Fit("mapped")
    moved(player, renamed, services={"annual_exam": "check_up"})
    assert player.state.courses["hypertension"].services["check_up"].due == due
    assert tasks(player).count("check_up") == 1
    assert "annual_exam" not in tasks(player)
    player.happens(events.TaskClosed, date(2025, 4, 22), task=task(player, "check_up"), outcome="done")
    assert player.state.courses["hypertension"].services["check_up"].last == date(2025, 4, 22)


def test_a_tag_that_is_gone_needs_a_person_and_one_that_is_replaced_does_not() -> None:
    fewer = replace(version(), tags=("red", "yellow"))
    player = visited(on(fewer))
    assert classify(OLD, fewer, player.state).codes == ("tag_gone",)
    assert classify(OLD, fewer, player.state, Replacing(tags={"green": "yellow"})) == Fit("mapped")
    moved(player, fewer, tags={"green": "yellow"})
    assert player.state.courses["hypertension"].tag == "yellow"
    assert follow_up(player).due == date(2025, 4, 9)
    moved(player, OLD)
    assert player.state.courses["hypertension"].tag == "green"


def test_a_referral_goes_on_under_the_service_that_replaces_its_own() -> None:
    renamed = version(without=("to_hospital",), hospital=replace(OLD.services["to_hospital"], name="hospital"))
    player = visited(on(renamed), CALM | {"sbp": 190.0})
    (key,) = player.state.referrals
    assert classify(OLD, renamed, player.state).codes == ("referral_under_way",)
    assert classify(OLD, renamed, player.state, Replacing({"to_hospital": "hospital"})) == Fit("mapped")
    moved(player, renamed, services={"to_hospital": "hospital"})
    assert player.state.referrals[key].service == "hospital"
    player.wait(player.moment(date(2025, 3, 22)))
    assert player.state.tasks[task(player, "referral_check")].service == "hospital"


def test_medicine_that_no_service_keeps_is_not_asked_for_and_stays_known() -> None:
    fewer = version(medicine={"medicines": ("losartan",)})
    player = on(fewer, fills=(Fill("amlodipine", date(2025, 2, 20), 20),))
    player.wait(player.moment(date(2025, 3, 8)))
    assert player.state.supplies["amlodipine"].stage == "requested"
    assert classify(OLD, fewer, player.state).codes == ("medicine_not_covered",)
    keeps = replace(plan().pathways["type2_diabetes"], services={"medicine": OLD.services["medicine"]})
    assert classify(OLD, fewer, player.state, others=(keeps,)).codes == ("medicine_not_covered",)  # they are not on it
    outcome = moved(player, fewer)
    assert "CancelRefill" in {type(command).__name__ for command in outcome.commands}
    assert player.state.supplies["amlodipine"].stage == ""
    moved(player, OLD)
    assert player.state.supplies["amlodipine"].refill == "refill#2"


def test_a_visit_that_waits_for_a_reading_nobody_takes_any_more_needs_a_person() -> None:
    fewer = version(follow_up={"collects": ("dbp",)})
    player = on(fewer)
    player.happens(events.VisitCompleted, date(2025, 3, 10), time(10), readings={n: v for n, v in CALM.items() if n != "sbp"})
    assert classify(OLD, fewer, player.state).codes == ("incomplete_visit",)


def test_a_version_that_is_not_for_this_person_needs_a_person() -> None:
    never = replace(version(), enrol_when=plan().pathways["type2_diabetes"].enrol_when)
    player = on(never, conditions=("hypertension",))
    assert classify(OLD, never, player.state).codes == ("not_for_this_person",)


def test_an_escalation_that_was_made_is_known_again_in_another_order() -> None:
    first, *others = OLD.services["follow_up"].if_missed
    extra = Escalation(ByTag(always=1), TaskSpec("ask_family", "health_manager", 3))
    other = version(follow_up={"if_missed": (*others, extra, first)})
    player = on(other)
    player.wait(player.moment(date(2025, 3, 27)))
    player.happens(events.TaskClosed, date(2025, 3, 27), time(13), task=task(player, "phone_call"), outcome="done")
    moved(player, other)
    player.wait(player.moment(date(2025, 3, 30)))
    assert tasks(player) == ["ask_family"]


# --- safe points, and moves that do not fit


def test_at_a_safe_point_the_version_takes_over_when_the_next_visit_is_decided() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=60))
    player = on(sooner)
    outcome = moved(player, sooner, policy="safe_point", rollout="r-1")
    assert why(outcome, "version_coming").held_back == "waits_for_safe_point"
    course = player.state.courses["hypertension"]
    assert (course.version, course.coming) == (OLD.version, "second")
    player.happens(events.VisitCompleted, date(2025, 3, 9), time(10), readings={"dbp": 70.0})  # decides nothing
    assert player.state.courses["hypertension"].version == OLD.version
    player.happens(events.ReadingReceived, date(2025, 3, 10), time(10), readings=CALM, source="staff")
    course = player.state.courses["hypertension"]
    assert (course.version, course.coming) == ("second", "")
    assert follow_up(player).due == date(2025, 5, 8)


def test_a_move_that_has_not_come_yet_can_be_taken_back() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=60))
    player = on(sooner)
    moved(player, sooner, policy="safe_point")
    outcome = moved(player, OLD, came_from="second")
    assert codes(outcome)[:1] == ["version_not_coming"]
    visited(player)
    assert player.state.courses["hypertension"].version == OLD.version


@pytest.mark.parametrize(
    ("came_from", "to", "held_back"),
    [
        ("another", "second", "on_another_version"),
        (OLD.version, "nobody_knows", "unknown_version"),
        ("another", OLD.version, "already_on_version"),
    ],
)
def test_a_move_that_does_not_fit_is_said_and_changes_nothing(came_from: str, to: str, held_back: str) -> None:
    player = on(version())
    before = player.state
    outcome = moved(player, version(), came_from=came_from, to=to)
    assert why(outcome, "not_moved").held_back == held_back
    assert outcome.commands == ()
    assert outcome.state.courses == before.courses


def test_moving_twice_is_moving_once() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=60))
    player = visited(on(sooner))
    moved(player, sooner, came_from=OLD.version)
    courses = player.state.courses
    outcome = moved(player, sooner, came_from=OLD.version)
    assert why(outcome, "not_moved").held_back == "already_on_version"
    assert player.state.courses == courses


def test_who_is_on_another_version_than_the_one_they_are_moved_from_needs_a_person() -> None:
    assert classify(version("third"), version(), on().state) == Fit("needs_person", ("not_on_this_version",))


def test_a_small_edit_moves_by_itself() -> None:
    player = visited(on())
    assert classify(OLD, version(follow_up=every(red=10, yellow=20, green=60)), player.state) == Fit("clean")


def test_the_state_says_which_version_is_followed() -> None:
    sooner = version(follow_up=every(red=10, yellow=20, green=60))
    player = visited(on(sooner))
    moved(player, sooner)
    state = written_and_read(player.state)
    assert state.versions == {"second"}
    assert player.plan.as_of(state).pathways["hypertension"] is sooner
    assert player.plan.pathways["hypertension"] is OLD


def test_a_text_with_another_message_in_it_loses_only_what_is_no_longer_right() -> None:
    later = less_often()
    player = visited(on(later))
    due = follow_up(player).day
    player.wait(player.moment(due - timedelta(days=3), time(12)))
    (told,) = player.state.told
    player.state.told = (told, replace(told, template="refill_ready", day=None, about="refill#1"))
    (retracted,) = [c for c in moved(player, later).commands if isinstance(c, RetractMessage)]
    assert retracted.parts == (("hypertension", "visit_soon"),)
    assert [one.template for one in player.state.told] == ["refill_ready"]
