"""The patient's workflow: waiting and order. Nothing that is told to it is lost, and nothing that fails stops it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scripted import WORKFLOW_ID, World, following
from temporalio.api.enums.v1 import EventType

from workflows.contract import STORY, Handover, Pace


async def test_whoever_waits_is_answered_once_the_step_is_taken(tmp_path: Path) -> None:
    world = World()
    async with following(tmp_path, world) as patient:
        world.open.clear()
        waiting = asyncio.create_task(patient.settle())
        await world.until(lambda: world.asked == [1])
        assert not waiting.done()
        world.open.set()
        answer = await waiting
        assert world.taken == world.stored
        assert answer == len(world.steps) + 1
        assert await patient.client.get_workflow_handle(WORKFLOW_ID).query(STORY) in ("green", "")


async def test_what_is_told_while_a_step_runs_belongs_to_the_next(tmp_path: Path) -> None:
    world = World()
    async with following(tmp_path, world) as patient:
        await patient.wake()
        await world.until(lambda: world.taken == world.stored)
        world.open.clear()
        asked = len(world.asked)
        await patient.wake()
        await world.until(lambda: len(world.asked) > asked)
        await patient.wake()
        await patient.wake()
        world.open.set()
        await world.until(lambda: world.taken == world.stored)
    assert world.stored == 5


async def test_a_delivery_that_fails_for_good_becomes_an_event_and_the_others_go_on(tmp_path: Path) -> None:
    handovers = [Handover("message#1", "message"), Handover("referral#1/1", "referral", True), Handover("refill#1/1", "refill")]
    world = World([handovers], impossible=frozenset({"message#1"}))
    async with following(tmp_path, world) as patient:
        await patient.wake()
        await world.until(lambda: len(world.delivered) == 2 and world.given_up == ["message#1"] and world.taken == world.stored)
    assert set(world.delivered) == {"referral#1/1", "refill#1/1"}


async def test_a_due_moment_comes_without_anybody_waking(tmp_path: Path) -> None:
    world = World(due_in=[0.05, 0.05, 0.05, 0.05])
    async with following(tmp_path, world) as patient:
        await patient.wake()
        await world.until(lambda: len(world.asked) >= 4)


async def test_no_wake_up_is_lost_over_the_leaps_of_a_long_life(tmp_path: Path) -> None:
    world = World([[Handover(f"message#{n}", "message")] for n in range(200)])
    async with following(tmp_path, world, pace=Pace(long_enough=40)) as patient:
        for _ in range(3):
            await patient.wake()
            run = await patient.run()
            for _ in range(4):
                await asyncio.gather(*(patient.wake() for _ in range(4)), patient.settle())
            await patient.until_it_leaps(run)
        await world.until(lambda: world.taken == world.stored and len(world.delivered) == len(world.steps))
        assert len(await patient.histories()) > 3
    assert world.stored == 1 + 3 * (1 + 4 * 5)
    assert sorted(set(world.delivered)) == sorted(world.delivered)  # each key once


async def test_a_step_that_fails_is_taken_when_what_stood_in_the_way_is_gone(tmp_path: Path) -> None:
    world = World(faults=3)
    async with following(tmp_path, world) as patient:
        assert await patient.settle() == 2
        (history,) = await patient.histories()
    assert world.asked == [1, 1, 1, 1]
    assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in {event.event_type for event in history.events}
