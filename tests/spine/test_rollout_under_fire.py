"""A version is rolled out to people who are being followed, and taken back, while worker and server are killed: nobody is lost,
left between versions, or texted twice. The same over a thousand people, with the API's process killed too: bench/rollout.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from spine.door import Door, the_door
from spine.people import somebody
from spine.stack import HURRIED, Stack, moment, standing
from spine.supervisor import Breeder, Supervisor, supervised
from spine.worker_process import Order
from sqlalchemy import select

from activities.rollouts import RolloutDoor
from pathways.engine.commands import SendMessage
from pathways.language import library, load
from pathways.serial import load_command
from records.patients import Patients
from records.tables import Delivery, Enrolment, PathwayVersion
from workflows.contract import Pace, RolloutPace, rollout_workflow_id

START = moment("2025-03-03", "09:00")
PEOPLE = 12
SOON = Pace(attempt_s=3.0, longest_wait_s=2.0)
HURRIED_ROLLOUT = RolloutPace(long_enough=40, heartbeat_s=8.0)
A_LOOK = 0.5


async def published(stack: Stack) -> tuple[str, str]:
    """The version that everybody is on, and another: reminded five days before instead of three, and a service renamed."""
    shipped = library()["hypertension"]
    assert shipped.document is not None
    assert shipped.pathway is not None
    text = shipped.document.text.replace("when: 3 days before, send: visit_soon", "when: 5 days before, send: visit_soon")
    changed = load(text.replace("  annual_exam:", "  yearly_check:"), file="changed")
    assert changed.pathway is not None
    assert changed.document is not None
    row = {"version": changed.pathway.version, "text": changed.document.text, "published": START, "current": False}
    async with stack.parts.database.begin() as session:
        session.add(PathwayVersion(pathway="hypertension", **row))
    return shipped.pathway.version, changed.pathway.version


async def done(stack: Stack, door: Door, rollout: str) -> dict[str, Any]:
    """How it stands once it is done, with housekeeping doing its rounds."""
    rolls = RolloutDoor(stack.client, HURRIED_ROLLOUT, HURRIED)
    async with asyncio.timeout(240):
        while True:
            progress: dict[str, Any] = await door.get("coordinator", f"/rollouts/{rollout}")
            if progress["status"] == "done":
                return progress
            await stack.housekeeping.wake_due()
            await rolls.start(rollout)
            await asyncio.sleep(A_LOOK)


async def under_fire(workers: Supervisor, one: Order, kills: list[int]) -> None:
    """From here on the worker process dies after so many activities, again and again."""
    await workers.stop()
    await workers.start([replace(one, die_at="after_activity", die_after=n) for n in kills], one)


async def told(stack: Stack) -> Counter[tuple[Any, ...]]:
    """Who was told what of which day."""
    said: Counter[tuple[Any, ...]] = Counter()
    async with stack.parts.database.reading() as session:
        patients = Patients(session, stack.parts.vault)
        for delivery in await session.scalars(select(Delivery).where(Delivery.kind == "message", Delivery.status == "handed")):
            person = await patients.vault_of(delivery.patient_id)
            command = load_command(person.open(f"delivery/{delivery.key}", delivery.sealed))
            assert isinstance(command, SendMessage)
            said.update((delivery.patient_id, command.to, part.template, part.day, part.about) for part in command.parts)
    return said


async def versions(stack: Stack) -> Counter[str]:
    async with stack.parts.database.reading() as session:
        return Counter(await session.scalars(select(Enrolment.version)))


@pytest.mark.timeout(500)
async def test_a_rollout_under_fire_and_back_loses_nobody_and_texts_nobody_twice(tmp_path: Path, breeder: Breeder) -> None:
    async with (
        standing(tmp_path, start=START, pace=SOON, task_timeout=HURRIED) as stack,
        supervised(breeder) as workers,
        the_door(stack) as door,
    ):
        old, new = await published(stack)
        one = Order(str(tmp_path), stack.server.address)
        await workers.start([], one)
        for n in range(PEOPLE):  # visits on twelve days, so that somebody is reminded on any day
            await stack.enrol(somebody(n, tag="yellow", last_visit=date(2025, 2, 20) + timedelta(days=n % 12)))
        await stack.live(START + timedelta(hours=2))

        await under_fire(workers, one, [7, 9])
        body = {"why": "sooner reminders", "policy": "now", "services": {"annual_exam": "yearly_check"}, "batch": 5, "pause_s": 0}
        rollout = (await door.post("coordinator", f"/pathways/hypertension/versions/{new}/rollouts", body))["id"]
        await stack.move(START + timedelta(days=1, hours=2))  # in the middle of it the next day's texts fall due
        progress = await done(stack, door, rollout)
        assert (progress["statuses"], progress["fits"]) == ({"moved": PEOPLE}, {"mapped": PEOPLE})
        assert await versions(stack) == {new: PEOPLE}

        await stack.kill_server()  # not while a worker is just starting: it would end, and nobody here starts it again
        await under_fire(workers, one, [8])
        undo = (await door.post("coordinator", f"/rollouts/{rollout}/rollback", {"why": "too many at once"}))["id"]
        progress = await done(stack, door, undo)
        assert progress["statuses"] == {"moved": PEOPLE}
        assert await versions(stack) == {old: PEOPLE}
        assert len(workers.deaths) == 3

        await stack.live(START + timedelta(days=10), at_least=timedelta(hours=3))
        assert set(Counter((message.to, message.key) for message in await stack.sms()).values()) == {1}
        said = await told(stack)
        assert len(said) > PEOPLE
        assert set(said.values()) == {1}
        timeline = await stack.client.get_workflow_handle(rollout_workflow_id(undo)).describe()
        assert timeline.status is not None
        assert timeline.status.name == "COMPLETED"
        await workers.stop()
