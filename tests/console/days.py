"""Whole days on the embedded stack: what ``cairn run`` starts, and people of its own for each test.

Rule 1: one stack for all tests of a module; each has a care team, people and accounts that nobody else touches.
Rule 2: time only goes forward, so a test begins on a Monday that comes after all that was before; its days are counted from there.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.console.browsing import Browsing, browsing
from workers.settings import Settings
from workers.stack import Stack, running
from workers.temporal import free_port

BEGINS = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai
PASSWORD = "four words nobody guesses"
SETTLES = 30  # seconds: the longest that the clock's route waits


@dataclass
class Days:
    """The stack, browsers on it, and keys of those who were there from the beginning."""

    stack: Stack
    browser: Browsing
    http: httpx.AsyncClient
    keys: dict[str, Any]
    _made: list[str] = field(default_factory=list)

    async def call(self, method: str, path: str, body: Any = None, *, key: str = "", **query: Any) -> Any:
        """What the API answers to the coordinator, or to whoever has ``key``. Fails where it refuses."""
        signed = {"Authorization": f"Bearer {key or self.keys['coordinator']}"}
        answer = await self.http.request(method, f"/api/v1{path}", json=body, params=query, headers=signed)
        assert answer.status_code < 400, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    async def monday(self) -> date:
        """The next Monday, eleven o'clock: a day of nobody else."""
        now = datetime.fromisoformat((await self.call("GET", "/clock"))["now"])
        day = now.date() + timedelta(days=7 - now.weekday())
        await self.until(day)
        return day

    async def until(self, day: date) -> None:
        """Time goes on to eleven o'clock of ``day``, when the texts of the morning are out; all that is due is done."""
        moved = await self.call("POST", "/clock", {"to": f"{day}T03:00:00Z"}, key=self.keys["administrator"], wait=SETTLES)
        assert moved["settled"], moved

    async def settled(self) -> None:
        """Whatever was told has been taken in, and what follows from it is done."""
        assert (await self.call("GET", "/clock", wait=SETTLES))["settled"]

    async def team(self, name: str) -> str:
        """A care team of this name at the only centre; its id."""
        body = {"name": name, "organisation": "centre-1", "capacity": 20, "timezone": "Asia/Shanghai"}
        told = {"on_call_phone": "+8613800000002", "emergency_number": "120"}
        return str((await self.call("POST", "/teams", body | told, key=self.keys["administrator"]))["id"])

    async def account(self, login: str, name: str, role: str, place: str) -> None:
        """Somebody who signs in with ``login`` and PASSWORD."""
        body = {"login": login, "name": name, "role": role, "place": place, "password": PASSWORD}
        await self.call("POST", "/accounts", body, key=self.keys["administrator"])

    async def key(self, role: str, place: str) -> str:
        """A key of this role at this place."""
        body = {"name": f"{role} of {place}", "role": role, "place": place}
        return str((await self.call("POST", "/keys", body, key=self.keys["administrator"]))["key"])

    async def enrol(self, name: str, team: str, **person: Any) -> str:
        """Somebody with high pressure in the care of ``team``; their id. The n-th of all has phone n."""
        self._made.append(name)
        n = len(self._made)
        body: dict[str, Any] = {"identifier": f"D-{n}", "name": name, "sex": "female", "born": "1972-05-01", "phone": phone(n)}
        body |= {"language": "en", "timezone": "Asia/Shanghai", "conditions": ["hypertension"], "care_team": team}
        made = await self.call("POST", "/patients", body | person)
        return str(made["patient_id"])

    def phone_of(self, name: str) -> str:
        """The number that ``enrol`` gave them."""
        return phone(self._made.index(name) + 1)

    async def known(self, patient: str) -> dict[str, Any]:
        """The patient, as the coordinator's key reads them."""
        found: dict[str, Any] = await self.call("GET", f"/patients/{patient}")
        return found

    async def signs_in(self, page: Page, login: str, password: str = PASSWORD) -> None:
        """By keyboard, where the page asks."""
        await expect(page.get_by_label("Login")).to_be_focused()
        await page.keyboard.type(login)
        await page.keyboard.press("Tab")
        await page.keyboard.type(password)
        await page.keyboard.press("Enter")


def phone(n: int) -> str:
    """The number of the n-th who is enrolled."""
    return f"+861391234{n:04}"


async def tabs_to(page: Page, target: Locator, *, most: int = 200) -> None:
    """Tab until ``target`` has the focus, as somebody without a mouse does."""
    await expect(target).to_be_visible()
    for _ in range(most):
        if await target.evaluate("one => one === document.activeElement"):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{target} is not reached with {most} times Tab at {page.url}")


async def presses(page: Page, target: Locator, *, key: str = "Enter") -> None:
    """Goes to ``target`` by Tab and presses it: a link, a button, what opens; with Space, what is ticked."""
    await tabs_to(page, target)
    await page.keyboard.press(key)


async def types(page: Page, target: Locator, text: str) -> None:
    """Goes to ``target`` by Tab and writes."""
    await tabs_to(page, target)
    await page.keyboard.type(text)


@asynccontextmanager
async def whole_days(home: Path) -> AsyncIterator[Days]:
    """As ``cairn run`` starts it, with a clock that stands until it is moved; and one browser for everybody."""
    ports = {"CAIRN_API_PORT": str(free_port()), "CAIRN_TEMPORAL_PORT": str(free_port())}
    settings = Settings.read({"CAIRN_HOME": str(home), **ports})
    async with running(settings, driven_from=BEGINS) as stack, browsing(stack.url) as browser:
        keys = json.loads(stack.keys_file.read_text())
        async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
            yield Days(stack, browser, http, keys)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Days]:
    """One for all tests of a module."""
    async with whole_days(tmp_path_factory.mktemp("days")) as it:
        yield it


@pytest_asyncio.fixture(loop_scope="module")
async def days(stack: Days) -> AsyncIterator[Days]:
    """The stack for one test; whatever its pages say into the browser's console is that test's fault."""
    yield stack
    await stack.browser.close()
    stack.browser.judge()
