"""The public door: the API over a stack, called by everybody who would call it, each with their own key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from spine.stack import Stack

from api.app import ApiParts, create_app
from workers.network import new_key

#: A key for each caller: role and place.
CALLERS = {
    "coordinator": ("coordinator", "*"),
    "manager": ("health_manager", "team-1"),
    "doctor": ("doctor", "team-1"),
    "hospital": ("clinic", "hospital-1"),
    "pharmacy-1": ("pharmacy", "pharmacy-1"),
    "pharmacy-2": ("pharmacy", "pharmacy-2"),
    "gateway": ("gateway", "*"),
}


@dataclass
class Door:
    """Calls the API as one of CALLERS; anything but success is an error. ``answers`` keeps what was answered."""

    http: httpx.AsyncClient
    keys: dict[str, str]
    answers: list[str] = field(default_factory=list)

    async def get(self, caller: str, path: str, **query: Any) -> Any:
        return self._said(await self.http.get(path, params=query, headers=self.signed(caller)))

    async def post(self, caller: str, path: str, body: Any = None) -> Any:
        return self._said(await self.http.post(path, json=body, headers=self.signed(caller)))

    async def task(self, patient: str, kind: str) -> dict[str, Any]:
        """The patient's open task of this kind; there must be one."""
        found = await self.get("manager", "/tasks", kind=kind)
        (task,) = [task for task in found["items"] if task["patient"]["id"] == patient]
        return dict(task)

    async def finish(self, caller: str, patient: str, kind: str, outcome: str = "done") -> None:
        """Finish the open task of this kind."""
        task = await self.task(patient, kind)
        await self.post(caller, f"/tasks/{patient}/complete", {"key": task["key"], "outcome": outcome})

    def signed(self, caller: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[caller]}"}

    def _said(self, answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
        said = answer.json()
        assert said.get("acted_on", True), "it was stored, but the workflow did not answer in time"
        return said


@asynccontextmanager
async def the_door(stack: Stack) -> AsyncIterator[Door]:
    """The API over ``stack``."""
    parts = stack.parts
    async with parts.database.begin() as session:
        keys = {caller: await new_key(session, caller, role, place) for caller, (role, place) in CALLERS.items()}
    api = ApiParts(
        database=parts.database,
        vault=parts.vault,
        clock=parts.clock,
        plans=parts.plans,
        events=parts.events,
        enrolments=parts.enrolments,
        waker=stack.waker,
        housekeeping=stack.housekeeping,
        channels=parts.channels,
    )
    transport = httpx.ASGITransport(app=create_app(api))
    async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test/api/v1") as http:
        yield Door(http, keys)
