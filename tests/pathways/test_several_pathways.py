"""One person on several pathways: what is drawn once, which rule wins, and what stays when one pathway is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from plans import CALM, HIGH, MONDAY, follow_up, patient, plan, task, tasks, told

from pathways.engine import events
from pathways.engine.plan import ByTag, Plan, Service
from pathways.engine.state import Occurrence
from pathways.language.play import Player

BOTH = ("hypertension", "type2_diabetes")
KIDNEY = ("type2_diabetes", "kidney_screening")
SUGAR: dict[str, events.Value] = {
    "fpg": 6.0,
    "heart_rate": 70.0,
    "tachycardia_persistent": False,
    "temperature": 36.5,
} | dict.fromkeys(("foot_pulse_weak", "sudden_vision_loss"), False)


def both(**pressure_check: object) -> Plan:
    """The two shipped pathways, of which hypertension asks for its own kidney values, some days after the diabetes pathway does."""
    shipped = plan()
    wanted: dict[str, object] = {"collects": ("egfr", "acr"), "first": 65, "every": ByTag(always=180), "opens": 14} | pressure_check
    pathway = shipped.pathways["hypertension"]
    check = Service("kidney_values", "screening", {"en": "Kidney values"}, **wanted)  # type: ignore[arg-type]
    pathway = replace(pathway, services={**pathway.services, "kidney_values": check})
    return Plan({"hypertension": pathway, "type2_diabetes": shipped.pathways["type2_diabetes"]})


def of_both(following: Plan | None = None, **known: object) -> Player:
    return patient(following or both(), pathways=BOTH, conditions=BOTH, **known)


def occurrence(player: Player, pathway: str, service: str) -> Occurrence:
    return player.state.courses[pathway].services[service]


def opened(player: Player, day: date) -> None:
    player.wait(player.moment(day, time(20)))


def test_a_test_asked_for_by_two_pathways_is_one_task_with_all_that_both_collect() -> None:
    player = of_both(both(collects=("acr", "potassium")))
    opened(player, MONDAY + timedelta(days=70))
    assert tasks(player).count("kidney_screening") == 1
    assert "kidney_values" not in tasks(player)
    assert "task kidney screening for egfr, acr, potassium" in told(player)
    assert "merged with (kidney_values with kidney_screening, of type2_diabetes), held back: drawn once" in told(player)


@pytest.mark.parametrize("how", ["the task is closed", "either is recorded without values", "the other's name", "results come"])
def test_done_once_it_is_done_for_both_and_each_goes_on_by_its_own_rhythm(how: str) -> None:
    player = of_both()
    opened(player, MONDAY + timedelta(days=50))
    done, values = MONDAY + timedelta(days=52), {"egfr": 70.0, "acr": 12.0}
    match how:
        case "the task is closed":
            player.happens(events.TaskClosed, done, task=task(player, "kidney_screening"))
        case "either is recorded without values":
            player.happens(events.ServiceCompleted, done, service="kidney_screening")
        case "the other's name":
            player.happens(events.ServiceCompleted, done, service="kidney_values", readings=values)
        case _:
            player.happens(events.ReadingReceived, done, readings=values, source="laboratory")
    assert occurrence(player, *KIDNEY).due == done + timedelta(days=365)
    assert occurrence(player, "hypertension", "kidney_values").due == done + timedelta(days=180)
    assert not {"kidney_screening", "kidney_values"} & set(tasks(player))
    player.wait(player.moment(done + timedelta(days=150)))
    assert not {"kidney_screening", "kidney_values"} & set(tasks(player))


def test_what_was_drawn_for_one_only_leaves_the_other_due_with_a_task_of_its_own() -> None:
    player = of_both(both(collects=("acr", "potassium")))
    opened(player, MONDAY + timedelta(days=56))
    due, done = occurrence(player, "hypertension", "kidney_values").due, MONDAY + timedelta(days=57)
    player.happens(events.ServiceCompleted, done, service="kidney_screening", readings={"egfr": 70.0, "acr": 12.0})
    assert occurrence(player, *KIDNEY).due == done + timedelta(days=365)
    assert occurrence(player, "hypertension", "kidney_values").due == due
    assert [kind for kind in tasks(player) if kind.startswith("kidney")] == ["kidney_values"]


def test_tests_that_fall_due_far_apart_are_drawn_apart() -> None:
    player = of_both(both(first=100))
    opened(player, MONDAY + timedelta(days=70))
    assert "kidney_values" not in tasks(player)
    assert "merged with (kidney" not in told(player)
    opened(player, MONDAY + timedelta(days=90))
    assert {"kidney_screening", "kidney_values"} <= set(tasks(player))


def test_the_patient_is_reminded_of_one_test_once() -> None:
    player = of_both(both(remind=plan().pathways["type2_diabetes"].services["kidney_screening"].remind))
    opened(player, MONDAY + timedelta(days=64))
    texts = " ".join(line.what for line in player.lines if line.who == "patient")
    first, second = occurrence(player, *KIDNEY).due, occurrence(player, "hypertension", "kidney_values").due
    assert f"exam_soon {first}" in texts
    assert str(second) not in texts


@pytest.mark.parametrize(("left", "kept", "service"), [(0, 1, "kidney_screening"), (1, 0, "kidney_values")])
def test_leaving_one_pathway_leaves_the_shared_test_with_the_other(left: int, kept: int, service: str) -> None:
    player = of_both()
    opened(player, MONDAY + timedelta(days=56))
    due = occurrence(player, BOTH[kept], service).due
    player.happens(events.PathwaysChanged, MONDAY + timedelta(days=57), pathways=(BOTH[kept],))
    assert [kind for kind in tasks(player) if kind.startswith("kidney")] == [service]
    assert occurrence(player, BOTH[kept], service).due == due


@pytest.mark.parametrize("kept", BOTH)
def test_leaving_one_pathway_leaves_the_day_that_both_shared(kept: str) -> None:
    player = of_both()
    player.happens(events.CallMade, MONDAY + timedelta(days=4), outcome="reached", day=MONDAY + timedelta(days=9))
    agreed = follow_up(player)
    player.happens(events.PathwaysChanged, MONDAY + timedelta(days=5), pathways=(kept,))
    visit = occurrence(player, kept, "follow_up")
    assert (visit.day, visit.confirmed, visit.booking) == (agreed.day, True, agreed.booking)
    assert "is free again" not in told(player).rpartition("Left")[2].rpartition("left pathway")[2]


def test_leaving_one_pathway_leaves_medicine_that_the_other_keeps_and_who_is_without_it_is_still_looked_after() -> None:
    shipped = plan()
    diabetes = shipped.pathways["type2_diabetes"]
    medicine = replace(diabetes.services["medicine"], medicines=(*diabetes.services["medicine"].medicines, "losartan"))
    diabetes = replace(diabetes, services={**diabetes.services, "medicine": medicine})
    player = of_both(Plan({"hypertension": shipped.pathways["hypertension"], "type2_diabetes": diabetes}))
    player.happens(events.Dispensed, MONDAY, fill=events.Fill("losartan", MONDAY, 30))
    opened(player, MONDAY + timedelta(days=35))
    assert "refill rule set by" not in told(player)  # both ask seven days before
    asked, gap = player.state.supplies["losartan"].refill, task(player, "refill_gap")
    player.happens(events.PathwaysChanged, MONDAY + timedelta(days=36), pathways=("type2_diabetes",))
    supply = player.state.supplies["losartan"]
    assert (supply.pathway, supply.refill) == ("type2_diabetes", asked)
    assert gap in player.state.tasks


def test_of_two_pathways_that_keep_one_medicine_the_one_that_asks_earlier_does_and_that_is_said() -> None:
    shipped = plan()
    diabetes = shipped.pathways["type2_diabetes"]
    medicine = replace(diabetes.services["medicine"], medicines=("losartan",), request=10)
    diabetes = replace(diabetes, services={**diabetes.services, "medicine": medicine})
    player = of_both(Plan({"hypertension": shipped.pathways["hypertension"], "type2_diabetes": diabetes}))
    player.happens(events.Dispensed, MONDAY, fill=events.Fill("losartan", MONDAY, 30))
    assert "refill rule set by (medicine days 10, over hypertension, over_days 7)" in told(player)
    opened(player, MONDAY + timedelta(days=21))
    assert player.state.supplies["losartan"].stage == "requested"


def test_which_row_sets_the_rhythm_over_which_is_said() -> None:
    player = of_both(plan())
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=7), readings=HIGH | SUGAR)
    said = told(player)
    assert "rhythm set by" in said
    assert "over type2_diabetes" in said
    assert occurrence(player, "type2_diabetes", "follow_up").due >= follow_up(player).due


def advising(**wanted: dict[str, str]) -> Plan:
    """The shipped pathways, each of whose decisions wants the same done with medicines."""
    pathways = dict(plan().pathways)
    for name, advice in wanted.items():
        pathway = pathways[name]
        decisions = {one: replace(decision, advise=advice) for one, decision in pathway.decisions.items()}
        pathways[name] = replace(pathway, decisions=decisions)
    return Plan({name: pathways[name] for name in BOTH})


def test_two_pathways_that_want_the_contrary_of_a_medicine_ask_a_doctor_and_do_neither() -> None:
    player = of_both(advising(hypertension={"metformin": "stop"}, type2_diabetes={"metformin": "raise"}))
    player.happens(events.Dispensed, MONDAY, fill=events.Fill("metformin", MONDAY, 60))
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=7), readings=CALM | SUGAR)
    assert tasks(player).count("conflicting_advice") == 1
    assert "adjust_medicine" not in tasks(player)
    about = player.state.tasks[task(player, "conflicting_advice")].about
    assert about == player.state.supplies["metformin"].key  # a number: the name of a medicine tells a diagnosis
    said = told(player)
    assert "over type2_diabetes" in said
    assert "held back: conflicting advice" in said


def test_advice_that_only_one_pathway_gives_is_a_doctors_to_carry_out_once() -> None:
    player = of_both(advising(hypertension={"metformin": "lower"}, type2_diabetes={"metformin": "continue"}))
    for days in (7, 30):
        player.happens(events.VisitCompleted, MONDAY + timedelta(days=days), readings=CALM | SUGAR)
    assert "conflicting_advice" not in tasks(player)
    assert told(player).count("task adjust medicine") == 1


def test_two_pathways_that_agree_contradict_nobody() -> None:
    player = of_both(plan())
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=7), readings=CALM | SUGAR)
    assert {course.tag for course in player.state.courses.values()} == {"green"}
    assert "rhythm set by" not in told(player)
