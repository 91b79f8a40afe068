"""The phones of the demonstration: a newcomer sees a text come, answers as the patient, and lets a day go by."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from api.console.forms import csrf_token
from api.console.pages import phones
from tests.api.conftest import Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen


async def test_a_newcomer_reads_a_text_answers_and_lets_a_day_go_by(
    browser: Browsing, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "SETTLES", 60.0)  # a busy machine is given its time: a reminder that comes late is not sent at all
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    page = await browser.person("administrator")
    await page.goto("/phones")
    await expect(page.locator(".mobile-empty")).to_contain_text("No phone was texted yet.")
    await accessible(page)
    await page.get_by_role("button", name="To what comes next").click()
    await expect(page.locator(".notice")).to_contain_text(re.compile("Time has moved on|Nothing is due"))
    await network.move_to(f"{day}T00:30:00Z")
    await page.get_by_role("button", name="One day on").click()
    await expect(page.locator(".phone-list")).to_contain_text("+8613812345678", timeout=60_000)
    assert await page.locator(".mobile-contact .patient").count() == 0  # whoever runs it reads no patient
    await expect(page.get_by_role("heading", level=2).first).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="2", exact=True).click()
    await expect(page.locator(".bubble.mine")).to_have_text(re.compile("^2"))
    messages = (await network.get(f"/patients/{patient}/messages")).json()["items"]
    assert messages[0]["direction"] == "in"

    coordinator = await browser.person("coordinator")
    await coordinator.goto("/phones")
    assert await coordinator.get_by_role("button", name="One day on").count() == 0
    await coordinator.locator(".phone-list a").first.click()
    assert "8613812345678" not in coordinator.url
    await coordinator.get_by_label("Text message").fill("<b>Tomorrow?</b> {{ 7 * 7 }}")
    await coordinator.keyboard.press("Enter")
    await expect(coordinator.locator(".bubble.mine").last).to_contain_text("<b>Tomorrow?</b> {{ 7 * 7 }}")
    await expect(coordinator.get_by_label("Text message")).to_have_value("")
    await expect(page.locator(".bubble.mine").last).to_contain_text("Tomorrow?")  # the other browser sees it by itself
    await seen(coordinator, "phones")
    await accessible(coordinator)
    await seen(page, "phones-clock")
    await expect(coordinator.get_by_role("link", name="Patient", exact=True)).to_have_attribute("href", f"/patients/{patient}")

    small = await browser.person("gateway", viewport=PHONE, language="zh-Hans", theme="dark")
    await small.goto("/phones")
    await fits(small)
    await small.locator(".phone-list a").first.click()
    await expect(small.locator(".mobile")).to_be_visible()
    await expect(small.locator(".phone-list")).to_be_hidden()
    await fits(small)
    await accessible(small)
    await seen(small, "phones-phone-zh")


async def test_time_stands_until_what_is_due_is_done_however_long_that_takes(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phones, "SETTLES", 0.0)  # nobody waits, and what is due is not done: the workers are away
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    await network.move_to(f"{day}T00:30:00Z")
    texts = await network.channel.messages()
    network.waker.away = True
    await network.http.get("/", params={"key": "administrator"})
    form = {"csrf": csrf_token("administrator"), "by": "day"}
    stood = None
    for said in ("time_stands", "time_stands"):
        answer = await network.http.post("/phones/clock", data=form)
        assert (answer.status_code, answer.cookies["cairn_said"]) == (303, said)
        assert stood in (None, stood := (await network.get("/clock", "administrator")).json()["now"])
    assert await network.channel.messages() == texts
    network.waker.away = False
    assert (await network.parts.keeping.wake_due()) > 0
    assert (await network.http.post("/phones/clock", data=form)).cookies["cairn_said"] == "time_moved"
    assert (await network.get("/clock", "administrator")).json()["now"] > stood


async def test_no_number_is_in_an_address_and_an_unknown_phone_is_not_there(network: Network) -> None:
    await network.enrol()
    await network.http.get("/", params={"key": "gateway"})
    assert (await network.http.get("/phones/0badc0de")).status_code == 404
    page = (await network.http.get("/phones")).text
    assert 'action="/phones' not in page  # nobody was texted, and the gateway moves no clock
    assert (await network.http.post("/phones/clock", data={"by": "day"})).status_code == 403
