"""Waking a patient while Temporal is away: nobody waits longer than once, and it is noticed when it is back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from installation import Installation
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.housekeeping import Housekeeping, Lately
from activities.waking import NotWoken, Waker
from pathways.engine.events import ReadingReceived
from records.database import Database


@dataclass
class Service:
    healthy: bool = False
    looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def check_health(self, **_: Any) -> bool:
        self.looked.set()
        if not self.healthy:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return True


@dataclass
class Temporal:
    """A client whose server is away until ``service.healthy``."""

    service_client: Service = field(default_factory=Service)
    asked: int = 0

    def get_workflow_handle(self, _: str) -> Temporal:
        return self

    async def execute_update(self, *_: Any, **__: Any) -> int:
        self.asked += 1
        if not self.service_client.healthy:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return 3


async def test_a_nurse_waits_for_a_server_that_is_away_once_and_is_heard_again_when_it_is_back() -> None:
    temporal = Temporal()
    waker = Waker(cast(Client, temporal))
    for _ in range(20):
        with pytest.raises(NotWoken):
            await waker.settle("p", next_step=2)
    assert temporal.asked == 1
    await temporal.service_client.looked.wait()
    temporal.service_client.healthy = True
    while waker.reach.away:
        temporal.service_client.looked.clear()
        with pytest.raises(NotWoken):
            await waker.settle("p", next_step=2)
        await temporal.service_client.looked.wait()
        await asyncio.sleep(0)
    await waker.settle("p", next_step=2)
    assert temporal.asked == 2


@dataclass
class Calls:
    """Notes whom somebody woke."""

    woken: list[str] = field(default_factory=list)

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        self.woken.append(patient)


async def test_who_was_woken_a_moment_ago_and_waits_for_a_turn_is_not_woken_again_and_again(database: Database) -> None:
    installation, calls, seconds = Installation(database), Calls(), [0.0]
    patient = await installation.begin()
    house, lately = Housekeeping(database, installation.clock, cast(Waker, calls)), Lately(120.0, lambda: seconds[0])
    for _ in range(10):
        await house.wake_due(lately=lately)
        seconds[0] += 5
    assert calls.woken == [patient]
    seconds[0] = 121.0  # that wake-up may have been lost
    await house.wake_due(lately=lately)
    assert calls.woken == [patient, patient]
    await installation.step(1)
    await installation.tell(lambda now: ReadingReceived(id="r", at=now, learnt=now, readings={"sbp": 150.0}, source="staff"))
    await house.wake_due(lately=lately)  # something new of somebody who has taken a step since
    assert calls.woken == [patient, patient, patient]


async def test_no_more_wake_ups_are_under_way_than_the_limit(database: Database) -> None:
    installation, calls = Installation(database), Calls()
    await installation.begin()
    house, lately = Housekeeping(database, installation.clock, cast(Waker, calls)), Lately()
    lately.note("another", 0)
    lately.keep({"another": 0})
    assert await house.wake_due(limit=1, lately=lately) == 1  # the other is not late any more
    assert await house.wake_due(limit=1, lately=lately) == 0
