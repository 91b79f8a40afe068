"""Waking a patient while Temporal is away: nobody waits longer than once, and it is noticed when it is back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.waking import NotWoken, Waker


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
