"""One referral on the embedded stack: every role in a browser of their own, every step by Temporal, the texts on the phones."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.api.conftest import WANG
from tests.console.browsing import Browsing, browsing
from workers.settings import Settings
from workers.stack import Stack, running
from workers.temporal import free_port

START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """As ``cairn run`` starts it, with a clock that stands."""
    ports = {"CAIRN_API_PORT": str(free_port()), "CAIRN_TEMPORAL_PORT": str(free_port())}
    settings = Settings.read({"CAIRN_HOME": str(tmp_path / "home"), **ports})
    async with running(settings, driven_from=START) as it:
        yield it


@pytest.fixture
async def browser(stack: Stack) -> AsyncIterator[Browsing]:
    async with browsing(stack.url) as it:
        yield it


@pytest.mark.timeout(180)
async def test_a_referral_goes_round_and_the_patient_is_told_by_text(stack: Stack, browser: Browsing) -> None:
    keys = json.loads(stack.keys_file.read_text())
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        signed = {"Authorization": f"Bearer {keys['health_manager']['team-1']}"}
        made = await http.post("/api/v1/patients", json=WANG, headers=signed)
        assert made.status_code == 201, made.text
        patient = made.json()["patient_id"]

    manager = await browser.person(keys["health_manager"]["team-1"])
    await manager.goto(f"/patients/{patient}/visit?back=/today")
    await manager.get_by_label("systolic pressure").fill("192")
    await manager.get_by_label("diastolic pressure").fill("112")
    await manager.keyboard.press("n")
    await expect(manager.locator("#outcome")).to_contain_text("Refer now")
    await manager.get_by_role("button", name="Save the visit").click()
    await expect(manager).to_have_url(re.compile("saved="))

    doctor = await browser.person(keys["doctor"]["team-1"])
    await doctor.goto("/today")
    line = doctor.locator("[data-line]").filter(has_text="Approve or decline the referral").first
    await expect(line).to_contain_text("王秀英")
    await line.get_by_role("link", name="More").or_(line.get_by_role("button", name="More")).click()
    await doctor.get_by_label("Approved").or_(doctor.get_by_role("button", name="Approve")).first.click()
    done = doctor.get_by_role("button", name="Done")
    if await done.count():
        await done.first.click()
    await expect(doctor.locator(".notice")).to_be_visible()

    hospital = await browser.person(keys["clinic"]["hospital-1"])
    await hospital.goto("/inbox")
    await hospital.locator("li.request a").first.click()
    await hospital.get_by_role("button", name="Accept").click()
    await expect(hospital.get_by_role("status")).to_contain_text("texted where to go")

    coordinator = await browser.person(keys["coordinator"])
    await coordinator.goto("/phones")
    await coordinator.get_by_text(WANG["phone"]).first.click()
    await expect(coordinator.locator(".talk, .conversation").first).to_contain_text("District Hospital")
    await coordinator.goto(f"/patients/{patient}")
    await coordinator.get_by_role("heading", name="What happened, and why").scroll_into_view_if_needed()
    await expect(coordinator.locator("main")).to_contain_text("The hospital accepted the referral")
