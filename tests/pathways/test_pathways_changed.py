"""A diagnosis that comes later or was wrong: what begins, what ends, and that what is learnt late still finds the time before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from plans import CALM, CRITICAL, HIGH, MONDAY, follow_up, patient, plan, task, tasks, told

from pathways.engine import events
from pathways.engine.calendar import at_local
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Plan
from pathways.engine.refold import fold, refold
from pathways.language.play import Player

HTN, DM = "hypertension", "type2_diabetes"
BOTH = (HTN, DM)
SHIPPED = plan()
VERSIONS = {name: SHIPPED.pathways[name].version for name in BOTH}


def pinned(*names: str) -> Plan:
    """The plan as a live patient has it: the pathways that they are on now, and beside them the versions that events name."""
    at_hand = {version: SHIPPED.pathways[name] for name, version in VERSIONS.items()}
    return replace(SHIPPED, pathways={name: SHIPPED.pathways[name] for name in names}, versions=at_hand)


def change(player: Player, on: date, *names: str, conditions: tuple[str, ...] | None = None) -> None:
    """They are on these pathways from now; the plan is pinned as the records do it."""
    new = {name: VERSIONS[name] for name in {*player.state.courses} ^ {*names}}
    player.wait(player.moment(on))
    player.plan = pinned(*names)
    player.happens(events.PathwaysChanged, on, pathways=names, conditions=conditions, versions=new)


def test_a_second_diagnosis_begins_its_own_follow_up_and_takes_nothing_from_the_first() -> None:
    player = patient(pinned(HTN), conditions=(HTN,))
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=2), readings=CALM)
    before = follow_up(player)
    change(player, MONDAY + timedelta(days=10), *BOTH, conditions=BOTH)
    assert set(player.state.courses) == set(BOTH)
    assert player.state.person.conditions == BOTH
    assert follow_up(player).last == before.last
    assert MONDAY + timedelta(days=10) < follow_up(player).due <= before.due  # the new tag is worse: nearer, never further
    visit = player.state.courses[DM].services["follow_up"]
    assert MONDAY + timedelta(days=10) < visit.due <= MONDAY + timedelta(days=40)
    assert "Now on" not in told(player)  # the engine tells codes, the timeline tells words
    assert "joined pathway" in told(player)


@pytest.mark.parametrize("left", BOTH)
def test_a_pathway_that_ends_takes_its_open_work_with_it_and_leaves_the_other_whole(left: str) -> None:
    (kept,) = {*BOTH} - {left}
    player = patient(pinned(*BOTH), pathways=BOTH, conditions=BOTH)
    day = MONDAY + timedelta(days=60)  # nobody came: both chase
    player.wait(player.moment(day, time(20)))
    services = dict(player.state.courses[kept].services)
    change(player, day + timedelta(days=1), kept, conditions=(kept,))
    assert list(player.state.courses) == [kept]
    assert {name: one.due for name, one in player.state.courses[kept].services.items()} == {
        name: one.due for name, one in services.items()
    }
    assert [one for one in player.state.tasks.values() if one.pathway == left] == []
    assert [one for one in player.state.waiting if one.pathway == left] == []
    player.wait(player.moment(day + timedelta(days=400)))
    assert left not in {one.pathway for one in player.state.tasks.values()}


def test_what_is_told_late_of_the_time_before_is_followed_by_the_pathway_that_they_were_on_then() -> None:
    player = patient(pinned(*BOTH), pathways=BOTH, conditions=BOTH)
    who = {"pathways": BOTH, "born": date(1975, 4, 1), "timezone": "Asia/Shanghai", "conditions": BOTH}
    gone = {"pathways": (DM,), "conditions": (DM,), "versions": {HTN: VERSIONS[HTN]}}
    log: list[AnyEvent] = [
        _event(events.Enrolled, "e1", player, MONDAY, 8, **who),
        _event(events.VisitCompleted, "e2", player, MONDAY + timedelta(days=7), 12, readings=HIGH),
        _event(events.PathwaysChanged, "e3", player, MONDAY + timedelta(days=20), 12, **gone),
    ]
    until = player.moment(MONDAY + timedelta(days=21))
    now = pinned(DM)
    state = fold(now, "story", log, until=until)
    assert list(state.courses) == [DM]
    late = _event(events.VisitCompleted, "late", player, MONDAY + timedelta(days=9), 12, readings=CRITICAL)
    late = replace(late, learnt=until)
    outcome = refold(now, state, log, [late])
    codes = {reason.code for reason in outcome.reasons}
    assert "known_late" in codes
    assert "unknown_pathway" not in codes
    assert any(reason.row.startswith("HTN-E") for reason in outcome.reasons), "the emergency value was held against nothing"
    assert list(outcome.state.courses) == [DM]


def test_back_on_a_pathway_that_was_left_they_begin_anew() -> None:
    player = patient(pinned(HTN), conditions=(HTN,))
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=2), readings=HIGH)
    change(player, MONDAY + timedelta(days=10), DM, conditions=(DM,))
    change(player, MONDAY + timedelta(days=30), HTN, conditions=(HTN,))
    assert list(player.state.courses) == [HTN]
    assert follow_up(player).due > MONDAY + timedelta(days=30)
    assert follow_up(player).last is None


def test_whoever_is_on_no_pathway_is_somebody_s_work_until_one_is_chosen() -> None:
    player = patient(pinned(), pathways=(), born=None, lacks=("birth_date", "identifier"))
    assert (tasks(player), player.state.life) == (["choose_pathway"], "active")
    assert "person incomplete" in told(player)
    asked = task(player, "choose_pathway")
    player.happens(events.ReadingReceived, MONDAY + timedelta(days=1), readings={"heart_rate": 72.0}, source="staff")
    player.happens(events.PersonChanged, MONDAY + timedelta(days=2), born=date(1961, 5, 1), sex="female")
    assert (player.state.person.born, player.state.person.sex) == (date(1961, 5, 1), "female")
    assert (tasks(player), task(player, "choose_pathway")) == (["choose_pathway"], asked)  # asked once
    assert player.state.readings["heart_rate"].value == 72.0
    player.happens(events.TaskClosed, MONDAY + timedelta(days=2), task=asked, outcome="done")
    assert (tasks(player), asked in player.state.tasks) == (["choose_pathway"], False)  # closed without one, it comes again
    change(player, MONDAY + timedelta(days=3), HTN, conditions=(HTN,))
    assert "choose_pathway" not in tasks(player)
    assert follow_up(player).due > MONDAY
    change(player, MONDAY + timedelta(days=4), conditions=())
    assert tasks(player) == ["choose_pathway"]  # the diagnosis was wrong: nobody is forgotten for it
    player.happens(events.Died, MONDAY + timedelta(days=5))
    assert tasks(player) == []


def test_an_age_that_is_put_right_moves_the_limit_that_it_sets() -> None:
    player = patient(pinned(HTN), born=date(1975, 4, 1), conditions=(HTN,))
    player.happens(events.PersonChanged, MONDAY + timedelta(days=1), born=date(1945, 4, 1))
    player.happens(events.VisitCompleted, MONDAY + timedelta(days=2), readings=CALM | {"sbp": 146.0})
    old = player.state.courses[HTN].previous["uncontrolled"]
    young = patient(pinned(HTN), born=date(1975, 4, 1), conditions=(HTN,))
    young.happens(events.VisitCompleted, MONDAY + timedelta(days=2), readings=CALM | {"sbp": 146.0})
    assert (old, young.state.courses[HTN].previous["uncontrolled"]) == (False, True)


def _event(cls: type[events.Event], id_: str, player: Player, on: date, hour: int, **what: object) -> AnyEvent:
    at = at_local(on, time(hour), player.timezone)
    return cls(id=id_, at=at, learnt=at, **what)  # type: ignore[return-value,arg-type]
