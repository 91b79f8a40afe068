"""The benchmarks' own arithmetic, without a server: actions as they are billed, ratios block by block, a person who fits."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from activities.enrolment import matching

sys.path.append(str(Path(__file__).parents[2]))  # the benchmarks are not part of what is installed

from bench.__main__ import HEADING, README, with_results
from bench.figures import Figure, billable_actions, table
from bench.ground import Spent, Stage, in_bulk, person, until
from pathways.engine import State, next_due
from pathways.engine.plan import Plan
from pathways.language import library
from pathways.shipped import CO_MANAGED


def happened(kind: EventType.ValueType) -> HistoryEvent:
    return HistoryEvent(event_type=kind)


def local_activity(task: int) -> HistoryEvent:
    event = HistoryEvent(event_type=EventType.EVENT_TYPE_MARKER_RECORDED)
    event.marker_recorded_event_attributes.marker_name = "core_local_activity"
    event.marker_recorded_event_attributes.workflow_task_completed_event_id = task
    return event


def attempted(times: int) -> HistoryEvent:
    event = HistoryEvent(event_type=EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED)
    event.activity_task_started_event_attributes.attempt = times
    return event


def test_a_patients_cycle_is_billed_by_the_rule_of_the_price_list() -> None:
    history = [
        happened(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED),
        happened(EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED),
        local_activity(4),
        local_activity(4),
        happened(EventType.EVENT_TYPE_TIMER_STARTED),
        happened(EventType.EVENT_TYPE_TIMER_FIRED),
        local_activity(9),
        happened(EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED),
        attempted(3),
        happened(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED),
    ]
    assert billable_actions(history) == {"start": 1, "timer": 1, "signal": 1, "activity": 3, "local activities": 2}


def test_a_slow_minute_of_the_machine_slows_both_sides_and_leaves_the_ratio() -> None:
    figure = Figure("asleep", "a second", bare=[10, 2, 20], cairn=[9, 1.8, 18], aim=0.8, more_is_better=True)
    assert figure.ratio == pytest.approx(0.9)
    assert figure.met is True
    assert "| 0.90 (0.90 to 0.90) | ≥ 0.8: met |" in table([figure])


def test_an_aim_that_is_missed_is_said_to_be_missed() -> None:
    figure = Figure("CPU", "ms", bare=[10], cairn=[30], aim=1.25)
    assert figure.line().endswith("| 3.00 | ≤ 1.25: missed |")


def test_what_an_idle_server_uses_is_not_charged_to_the_patient() -> None:
    busy, idle = Spent(server=3.0, worker=2.0, wall=20.0), Spent(server=0.5, worker=0.1, wall=5.0)
    assert busy.without(idle) == Spent(server=1.0, worker=1.6, wall=20.0)


def test_a_standing_clock_pulls_the_timer_near_and_remembers_the_true_moment() -> None:
    begin = datetime(2025, 3, 3, 2, tzinfo=UTC)
    stage = Stage(moment=begin, nap=timedelta(seconds=9))
    plan, state = Plan({}), State(patient="p")
    assert next_due(plan, state) is None
    assert stage.next_due(plan, state, {}) is None
    assert stage.now() == begin
    assert stage.steps == 1


def test_the_benchmarks_person_is_still_somebody_whom_we_enrol() -> None:
    intake = person(1, on=datetime(2025, 3, 3, tzinfo=UTC).date())
    pathways = {name: pathway for name in CO_MANAGED if (pathway := library()[name].pathway) is not None}
    found = {match.pathway: match.matched for match in matching(pathways, intake, datetime(2025, 3, 3, tzinfo=UTC).date())}
    assert [name for name, matched in found.items() if matched] == ["hypertension"]


async def test_bulk_work_keeps_its_order() -> None:
    async def doubled(number: int) -> int:
        return number * 2

    assert await in_bulk(doubled, [3, 1, 2], at_once=2) == [6, 2, 4]


async def test_what_never_comes_is_named_with_a_remedy() -> None:
    with pytest.raises(TimeoutError, match="the first step did not come within 0 s; run fewer patients"):
        await until(lambda: False, "the first step", within=0)


def test_results_go_below_the_last_heading_and_nowhere_else() -> None:
    page = README.read_text(encoding="utf-8")
    recorded = with_results(page, "engine: 1 step")
    assert recorded.startswith(page.partition(HEADING)[0])
    assert recorded.endswith(f"{HEADING}\nengine: 1 step\n")
    with pytest.raises(ValueError, match="Last results"):
        with_results("no such page", "x")
