"""Steps and deliveries are counted by what came of them, and work that waits is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from installation import Installation, TryLater
from prometheus_client import generate_latest
from temporalio.exceptions import ApplicationError

from activities.seeing import Seeing
from activities.seeing.counting import count_waiting
from records.database import Database
from workflows.contract import Deliver, Step

NAME = "Xochiquetzal"


def value(seeing: Seeing, name: str, **labels: str) -> float:
    return seeing.metrics.registry.get_sample_value(name, labels) or 0.0


async def test_each_step_is_counted_by_what_came_of_it(database: Database) -> None:
    installation, seeing = Installation(database), Seeing()
    patient = await installation.begin()
    steps = replace(installation.steps, seeing=seeing)
    for number in (1, 1, 2):
        await steps.take_step(Step(patient, number))
    await steps.take_step(Step("nobody", 1))
    for outcome in ("taken", "again", "nothing", "forgotten"):
        assert value(seeing, "cairn_steps_total", outcome=outcome) == 1, outcome
    assert value(seeing, "cairn_step_seconds_count") == 4
    assert value(seeing, "cairn_due_lag_seconds_count") == 0, "nothing was due"


async def test_how_late_a_due_moment_was_taken_is_measured_against_when_it_was_due(database: Database) -> None:
    installation, seeing = Installation(database), Seeing()
    patient = await installation.begin()
    steps = replace(installation.steps, seeing=seeing)
    await steps.take_step(Step(patient, 1))
    due = (await installation.row()).next_due
    assert due is not None
    installation.now = due + timedelta(minutes=30)
    await steps.take_step(Step(patient, 2))
    assert value(seeing, "cairn_due_lag_seconds_sum") == 1800
    assert value(seeing, "cairn_due_lag_seconds_count") == 1


async def test_a_step_that_fails_is_counted_by_the_type_of_its_fault(database: Database) -> None:
    installation, seeing = Installation(database), Seeing()
    patient = await installation.begin()

    def broken(*_: object) -> None:
        raise ZeroDivisionError(NAME)

    steps = installation.steps
    steps = replace(steps, seeing=seeing, engine=replace(steps.engine, step=broken))
    with pytest.raises(ZeroDivisionError):
        await steps.take_step(Step(patient, 1))
    assert value(seeing, "cairn_step_faults_total", fault="ZeroDivisionError") == 1
    assert value(seeing, "cairn_steps_total", outcome="fault") == 1
    assert NAME.encode() not in generate_latest(seeing.metrics.registry)


async def test_each_try_at_a_delivery_is_counted_and_work_that_waits_is_seen(database: Database) -> None:
    installation, seeing = Installation(database), Seeing()
    await installation.begin()
    handover = await installation.until("message")
    counts = await count_waiting(database, installation.clock, seeing.metrics)
    assert counts["planned"] >= 1
    assert value(seeing, "cairn_unsettled", what="planned") == counts["planned"]

    messages = replace(installation.messages, seeing=seeing)
    asked = Deliver(installation.patient, handover.key, "message")
    installation.channel.does = TryLater("busy")
    with pytest.raises(ApplicationError):
        await messages.deliver_message(asked)
    installation.channel.does = None
    assert (await messages.deliver_message(asked)).status == "handed"
    assert (await messages.deliver_message(asked)).status == "settled"
    for outcome in ("TryLater", "handed", "settled"):
        assert value(seeing, "cairn_deliveries_total", kind="message", outcome=outcome) == 1, outcome
    assert value(seeing, "cairn_provider_seconds_count", channel="one", what="send", outcome="answered") == 1
    assert value(seeing, "cairn_provider_seconds_count", channel="one", what="send", outcome="TryLater") == 1


async def test_whoever_is_overdue_longest_is_seen(database: Database) -> None:
    installation, seeing = Installation(database), Seeing()
    await installation.begin()
    await installation.step(1)
    due = (await installation.row()).next_due
    assert due is not None
    installation.now = due + timedelta(hours=2)
    assert (await count_waiting(database, installation.clock, seeing.metrics))["overdue"] == 1
    assert value(seeing, "cairn_overdue_oldest_seconds") == 7200
