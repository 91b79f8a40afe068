"""What was learnt late, told wrongly or told twice: stories with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from late import Lived, dues, lived
from plans import CALM, CRITICAL, HIGH, plan

from pathways.engine import events, next_due
from pathways.engine.commands import CancelReferral, CancelRefill, OpenTask, RequestReferral, RetractMessage, SendMessage
from pathways.engine.events import AnyEvent, Corrected, Fill, ReadingReceived, Value, VersionMoved, VisitCompleted
from pathways.engine.ordering import in_order
from pathways.engine.plan import ByTag, Plan

HYPERTENSION = plan().pathways["hypertension"]
FOLLOWED = Plan({"hypertension": HYPERTENSION})


def on(day: int, hour: int = 10) -> datetime:
    """So many days after Monday 3 March 2025, in Shanghai."""
    return datetime(2025, 3, 3, tzinfo=UTC) + timedelta(days=day, hours=hour - 8)


def enrolled(**known: Any) -> AnyEvent:
    person: dict[str, Any] = {"pathways": ("hypertension",), "born": date(1975, 4, 1), "timezone": "Asia/Shanghai", **known}
    return events.Enrolled(id="enrolled", at=on(0, 8), learnt=on(0, 8), **person)


def visit(name: str, day: int, readings: Mapping[str, Value], *, told: datetime | None = None) -> VisitCompleted:
    return VisitCompleted(id=name, at=on(day), learnt=told or on(day), readings=readings)


def right(name: str, day: int, **what: Any) -> Corrected:
    return Corrected(id=f"right/{name}/{day}", at=on(day), learnt=on(day), corrects=name, **what)


def passed(day: int) -> AnyEvent:
    return events.DueReached(id=f"day/{day}", at=on(day), learnt=on(day))


def made(life: Lived, kind: type) -> list[Any]:
    return [command for command in life.commands if isinstance(command, kind)]


def held_back(life: Lived, code: str) -> list[str]:
    return [reason.held_back for reason in life.last if reason.code == code]


def test_not_controlled_twice_running_is_seen_although_the_first_visit_was_entered_late() -> None:
    in_time = lived(FOLLOWED, [enrolled(), visit("v1", 10, HIGH), visit("v2", 24, HIGH), passed(30)])
    late = lived(FOLLOWED, [enrolled(), visit("v2", 24, HIGH), visit("v1", 10, HIGH, told=on(30))])
    course, ought = late.state.courses["hypertension"], in_time.state.courses["hypertension"]
    assert (course.row, course.tag, course.preceding) == ("HTN-R3", "red", {"diabetes": False, "ckd": False, "uncontrolled": True})
    assert (ought.row, ought.tag, ought.preceding) == (course.row, course.tag, course.preceding)
    assert dues(late.state) == dues(in_time.state)
    assert [request.row for request in made(late, RequestReferral)] == ["HTN-R3"]


def test_an_emergency_that_is_learnt_late_is_told_and_referred_now() -> None:
    late = lived(FOLLOWED, [enrolled(), passed(12), visit("v1", 10, CRITICAL, told=on(13))])
    (alert,) = [command for command in made(late, SendMessage) if command.to == "on_call"]
    assert alert.key.startswith("message/2025-03-16/")
    assert late.state.referrals["referral#1"].stage == "to_confirm"
    assert dues(late.state)["hypertension", "follow_up"] == on(24).date()


def test_an_emergency_that_a_later_visit_has_overtaken_wakes_nobody() -> None:
    late = lived(FOLLOWED, [enrolled(), visit("v2", 12, CALM), visit("v1", 10, CRITICAL, told=on(13))])
    assert not [command for command in made(late, SendMessage) if command.to == "on_call"]
    assert held_back(late, "on_call_told") == ["overtaken_by_visit"]
    assert late.state.courses["hypertension"].row == "HTN-C1"


def test_an_emergency_that_was_a_slip_of_the_pen_becomes_routine() -> None:
    soon = replace(right("v1", 10, readings={"sbp": 130.0}), at=on(10, 11), learnt=on(10, 11))
    put_right = lived(FOLLOWED, [enrolled(), visit("v1", 10, CRITICAL), soon])
    assert put_right.state.referrals == {}
    assert put_right.state.tasks == {}
    assert put_right.state.courses["hypertension"].tag == "green"
    assert not made(put_right, CancelReferral)  # nobody outside had been asked
    assert {"corrected", "tag_changed", "due_moved", "referral_withdrawn"} <= set(put_right.codes())
    assert held_back(put_right, "cannot_undo") == ["message_sent"]  # the clinician on call knows


def test_a_referral_that_went_out_stays_is_said_and_is_looked_at_by_a_doctor() -> None:
    put_right = lived(FOLLOWED, [enrolled(), visit("v1", 10, CRITICAL), right("v1", 12, readings={"sbp": 130.0})])
    assert put_right.state.referrals["referral#1"].stage == "requested"
    assert "referral_has_gone_out" in held_back(put_right, "cannot_undo")
    (review,) = [task for task in made(put_right, OpenTask) if task.kind == "review_referral"]
    assert (review.by, review.about, review.urgent) == ("doctor", "referral#1", True)


BOTH = Plan({name: pathway for name, pathway in plan().pathways.items() if name in ("hypertension", "type2_diabetes")})
SUGAR: dict[str, Value] = {
    "fpg": 20.0,
    "heart_rate": 70.0,
    "tachycardia_persistent": False,
    "temperature": 36.5,
    **dict.fromkeys(("foot_pulse_weak", "sudden_vision_loss"), False),
}


def of_both() -> AnyEvent:
    names = ("hypertension", "type2_diabetes")
    return enrolled(pathways=names, conditions=names)


def test_no_doctor_is_asked_about_a_referral_that_another_pathways_row_still_needs() -> None:
    life = lived(BOTH, [of_both(), visit("v1", 10, {**CRITICAL, **SUGAR}), passed(11)])
    (key,) = life.state.referrals
    assert (life.state.referrals[key].row, life.state.referrals[key].stage) == ("HTN-E1", "requested")
    life.tell(right("v1", 12, readings={"sbp": 130.0}))
    assert "review_referral" not in [one.kind for one in made(life, OpenTask)]
    assert "referral_has_gone_out" not in held_back(life, "cannot_undo")
    assert {one.referral for one in made(life, RequestReferral)} == {key}
    assert (life.state.referrals[key].pathway, life.state.referrals[key].row) == ("type2_diabetes", "DM-E1")
    assert held_back(life, "already_referred") == ["merged"]
    life.tell(right("v1", 13, readings={"fpg": 6.0}))  # now nothing needs it
    assert [one.kind for one in made(life, OpenTask)].count("review_referral") == 1


def test_a_referral_that_waits_for_a_doctor_goes_on_waiting_for_the_row_that_still_needs_it() -> None:
    soon = replace(right("v1", 10, readings={"sbp": 130.0}), at=on(10, 11), learnt=on(10, 11))
    life = lived(BOTH, [of_both(), visit("v1", 10, {**CRITICAL, **SUGAR}), soon])
    assert [(key, one.stage, one.row) for key, one in life.state.referrals.items()] == [("referral#1", "to_confirm", "DM-E1")]
    assert [one.kind for one in made(life, OpenTask)].count("confirm_referral") == 1
    assert "confirm_referral" in [task.kind for task in life.state.tasks.values()]


def test_a_visit_reported_twice_is_one_visit_and_an_added_reading_is_not_lost() -> None:
    once = lived(FOLLOWED, [enrolled(), visit("a", 10, HIGH), passed(11)])
    twice = lived(FOLLOWED, [enrolled(), visit("a", 10, HIGH), visit("b", 10, HIGH, told=on(11))])
    same_day = lived(FOLLOWED, [enrolled(), visit("a", 10, HIGH), visit("b", 10, HIGH, told=on(10, 15)), passed(11)])
    for life in (twice, same_day):
        assert life.commands == once.commands
        assert replace(life.state, numbers=once.state.numbers) == once.state
        assert [reason.code for reason in life.reasons].count("reported_twice") == 1
    more = lived(FOLLOWED, [enrolled(), visit("a", 10, HIGH), visit("b", 10, {**HIGH, "bmi": 27.0}, told=on(11))])
    assert more.state.readings["bmi"].value == 27.0


def test_a_fill_told_twice_is_one_fill_and_a_wrong_one_is_taken_back() -> None:
    fill = Fill("amlodipine", on(5).date(), 30)
    home = enrolled(fills=(Fill("amlodipine", on(-10).date(), 20),))
    first = events.Dispensed(id="f1", at=on(5), learnt=on(5), fill=fill)
    again = events.Dispensed(id="f2", at=on(6), learnt=on(6), fill=fill)
    told = lived(FOLLOWED, [home, first, again])
    assert told.state.supplies["amlodipine"].ends == on(39).date()
    without = lived(FOLLOWED, [home, first, right("f1", 7, void=True)])
    assert without.state.supplies["amlodipine"].ends == on(9).date()
    assert without.state.supplies["amlodipine"].stage == "requested"


def test_a_fill_told_late_calls_off_the_refill_that_was_only_asked_for() -> None:
    home = enrolled(fills=(Fill("amlodipine", on(-20).date(), 30),))
    late = events.Dispensed(id="f1", at=on(12), learnt=on(12), fill=Fill("amlodipine", on(2).date(), 30))
    life = lived(FOLLOWED, [home, passed(11), late])
    assert [command.refill for command in made(life, CancelRefill)] == ["refill#1"]
    assert (life.state.supplies["amlodipine"].stage, life.state.supplies["amlodipine"].ends) == ("", on(39).date())
    in_hand = lived(FOLLOWED, [home, passed(11), _received(11), late])
    assert not made(in_hand, CancelRefill)
    assert held_back(in_hand, "cannot_undo") == ["refill_under_way"]


def _received(day: int) -> AnyEvent:
    return events.RefillMoved(id="r", at=on(day, 12), learnt=on(day, 12), refill="refill#1", stage="received")


def test_whoever_was_searched_for_in_vain_was_there_all_the_time() -> None:
    life = lived(FOLLOWED, [enrolled(), visit("v1", 10, HIGH), passed(70)])
    assert (life.state.reach, "search" in {task.kind for task in life.state.tasks.values()}) == ("unreachable", True)
    life.tell(visit("v2", 23, CALM, told=on(71)))
    assert life.state.reach == "reachable"
    assert not {"search", "phone_call", "home_visit"} & {task.kind for task in life.state.tasks.values()}
    assert dues(life.state)["hypertension", "follow_up"] == on(23 + 90).date()
    assert "message_sent" in held_back(life, "cannot_undo")  # the text about a missed visit


def test_a_visit_that_would_have_been_due_in_the_meantime_is_due_soon_and_nobody_is_given_up() -> None:
    life = lived(FOLLOWED, [enrolled(), visit("v1", 10, CALM), passed(80), right("v1", 80, readings={"sbp": 152.0})])
    assert dues(life.state)["hypertension", "follow_up"] == on(87).date()
    assert (life.state.reach, life.state.courses["hypertension"].row) == ("reachable", "HTN-A1")


def test_a_text_that_has_not_gone_out_is_retracted() -> None:
    life = lived(FOLLOWED, [enrolled(), visit("v1", 10, HIGH)])
    said = next(d for d in range(11, 25) if _texts_on(life, d))
    assert said
    last = [command for command in made(life, SendMessage) if command.to == "patient"][-1]
    now = max(last.not_after - timedelta(hours=9), life.state.clock or last.not_after)
    life.tell(VisitCompleted(id="v2", at=now - timedelta(days=1), learnt=now, readings=CALM))
    assert [command.key for command in made(life, RetractMessage)] == [last.key]


def _texts_on(life: Lived, day: int) -> bool:
    before = len(made(life, SendMessage))
    life.until(on(day, 11))
    return len(made(life, SendMessage)) > before


def test_a_death_told_of_the_wrong_person_is_taken_back() -> None:
    died = events.Died(id="died", at=on(20), learnt=on(20))
    life = lived(FOLLOWED, [enrolled(), visit("v1", 10, CALM), died, right("died", 30, void=True)])
    assert life.state.life == "active"
    assert dues(life.state)["hypertension", "follow_up"] == on(100).date()
    assert life.state.courses["hypertension"].services["follow_up"].booked is not None


def test_a_correction_can_itself_be_taken_back() -> None:
    story = [enrolled(), visit("v1", 10, CALM), right("v1", 12, readings={"sbp": 190.0})]
    life = lived(FOLLOWED, [*story, right("right/v1/12", 13, void=True)])
    assert life.state.courses["hypertension"].tag == "green"
    assert [event.id for event in in_order(life.told) if isinstance(event, VisitCompleted)] == ["v1"]


def test_a_correction_of_nothing_changes_nothing_and_says_why() -> None:
    life = lived(FOLLOWED, [enrolled(), visit("v1", 10, CALM)])
    before = life.state
    life.tell(right("no such visit", 10, void=True))
    assert held_back(life, "not_corrected") == ["no_such_event"]
    life.tell(right("enrolled", 10, void=True))
    assert held_back(life, "not_corrected") == ["cannot_be_corrected"]
    assert replace(life.state, clock=before.clock) == before


def test_what_is_told_late_is_decided_by_the_version_that_was_followed_then() -> None:
    follow_up = HYPERTENSION.services["follow_up"]
    slower = replace(follow_up, every=ByTag({"red": 15, "yellow": 30, "green": 60}))
    newer = replace(HYPERTENSION, version="b" * 16, services={**HYPERTENSION.services, "follow_up": slower})
    both = replace(FOLLOWED, versions={newer.version: newer, HYPERTENSION.version: HYPERTENSION})
    # as a step has it once the patient is on the newer version
    pinned = replace(FOLLOWED, pathways={**FOLLOWED.pathways, "hypertension": newer}, versions={HYPERTENSION.version: HYPERTENSION})
    moved = VersionMoved(
        id="rollout/1/hypertension",
        at=on(20),
        learnt=on(20),
        pathway="hypertension",
        came_from=HYPERTENSION.version,
        to=newer.version,
    )
    in_time = lived(both, [enrolled(), visit("v1", 10, CALM), moved, passed(30)])
    late = lived(both, [enrolled(), moved])
    late.plan = pinned
    late.tell(visit("v1", 10, CALM, told=on(30))).tell(passed(30))
    assert dues(late.state) == dues(in_time.state)
    assert late.state.courses["hypertension"].version == newer.version
    assert next(reason.version for reason in late.reasons if reason.code == "decided") == HYPERTENSION.version


def test_news_told_while_a_version_is_coming_leave_the_services_of_the_one_that_is_followed() -> None:
    services = {f"renamed_{name}": replace(one, name=f"renamed_{name}") for name, one in HYPERTENSION.services.items()}
    newer = replace(HYPERTENSION, version="b" * 16, services=services)
    coming = VersionMoved(
        id="rollout/1/hypertension",
        at=on(20),
        learnt=on(20),
        pathway="hypertension",
        came_from=HYPERTENSION.version,
        to=newer.version,
        policy="safe_point",
    )
    pinned = replace(FOLLOWED, versions={newer.version: newer})  # as a step has it: the version followed is the plan's own
    first, second = (
        ReadingReceived(id=f"lab/{day}", at=on(day), learnt=on(told), readings={"sbp": 130.0}, source="laboratory")
        for day, told in ((25, 25), (22, 30))
    )
    life = lived(pinned, [enrolled(), visit("v1", 10, CALM), coming, first])
    before = dues(life.state)
    life.tell(second)
    assert (life.refolds, dues(life.state)) == (1, before)
    assert (life.state.courses["hypertension"].version, life.state.courses["hypertension"].coming) == (
        HYPERTENSION.version,
        newer.version,
    )


def test_what_a_second_correction_of_the_same_moment_makes_due_is_done_at_once() -> None:
    exam = events.ServiceCompleted(id="exam", at=on(20), learnt=on(20), service="annual_exam")
    life = lived(FOLLOWED, [enrolled(), exam, passed(120)])
    never = replace(right("exam", 120, void=True), id="never")
    life.tell(right("no such visit", 120, void=True)).tell(never)
    due = next_due(life.plan, life.state)
    assert due is not None
    assert due > on(120)
    assert "annual_exam" in [task.kind for task in life.state.tasks.values()]


def _renamed_while_referred(*story: AnyEvent) -> Lived:
    """Referred at the visit of day 10; from day 12 a version waits for the next visit, in which every service has another name."""
    names = {name: f"renamed_{name}" for name in HYPERTENSION.services}
    services = {names[name]: replace(one, name=names[name]) for name, one in HYPERTENSION.services.items()}
    referring = {
        name: replace(one, refer=replace(one.refer, service=names[one.refer.service])) if one.refer is not None else one
        for name, one in HYPERTENSION.decisions.items()
    }
    newer = replace(HYPERTENSION, version="b" * 16, services=services, decisions=referring)
    coming = VersionMoved(
        id="rollout/1/hypertension",
        at=on(12),
        learnt=on(12),
        pathway="hypertension",
        came_from=HYPERTENSION.version,
        to=newer.version,
        services=names,
        policy="safe_point",
    )
    return lived(replace(FOLLOWED, versions={newer.version: newer}), [enrolled(), visit("v1", 10, CRITICAL), coming, *story])


def test_a_late_visit_at_which_a_version_takes_over_takes_a_referral_that_is_open_with_it() -> None:
    life = _renamed_while_referred(visit("v2", 14, CRITICAL, told=on(20)))
    course = life.state.courses["hypertension"]
    assert (life.refolds, course.version, set(course.services)) == (1, "b" * 16, {"renamed_follow_up", "renamed_annual_exam"})
    assert {referral.service for referral in life.state.referrals.values()} == {"renamed_to_hospital"}
    assert {request.referral for request in made(life, RequestReferral)} == {"referral#1"}
    assert "review_referral" not in [task.kind for task in life.state.tasks.values()]


def test_a_visit_that_never_happened_takes_back_the_version_that_took_over_at_it() -> None:
    life = _renamed_while_referred(visit("v2", 14, CRITICAL), right("v2", 20, void=True))
    course = life.state.courses["hypertension"]
    assert (course.version, course.coming) == (HYPERTENSION.version, "b" * 16)
    assert set(course.services) == {"follow_up", "annual_exam"}
    assert {referral.service for referral in life.state.referrals.values()} == {"to_hospital"}
    assert {request.referral for request in made(life, RequestReferral)} == {"referral#1"}


def test_the_way_back_to_a_version_leads_to_the_day_that_a_correction_gave_it() -> None:
    often = replace(HYPERTENSION.services["follow_up"], every=ByTag(always=10))
    newer = replace(HYPERTENSION, version="b" * 16, services={**HYPERTENSION.services, "follow_up": often})
    versions = (HYPERTENSION.version, newer.version)
    there, back = (
        VersionMoved(id=f"move/{day}", at=on(day), learnt=on(day), pathway="hypertension", came_from=came_from, to=to)
        for day, came_from, to in ((12, *versions), (16, *reversed(versions)))
    )
    life = lived(replace(FOLLOWED, versions={newer.version: newer}), [enrolled(), visit("v1", 10, HIGH), there])
    life.tell(right("v1", 15, readings={"sbp": 128.0}))
    assert dues(life.state)["hypertension", "follow_up"] == on(20).date()  # as it was: every ten days, whatever the tag
    life.tell(back)
    assert dues(life.state)["hypertension", "follow_up"] == on(100).date()
