"""What somebody writes is not lost: without a connection, when an answer never comes, after a reload; and it is stored once."""

from __future__ import annotations

import re

from playwright.async_api import Page, Route, expect

from tests.api.conftest import Network
from tests.console.browsing import Browsing, accessible, seen

KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('kept '))"


async def _visits(network: Network, patient: str) -> list[float]:
    """The systolic pressures that visits were recorded with."""
    told = (await network.get(f"/patients/{patient}/events")).json()["items"]
    return [one["readings"]["sbp"] for one in told if one["kind"] == "visit_completed"]


async def _write(page: Page, patient: str, sbp: str = "128") -> None:
    await page.goto(f"/patients/{patient}/visit")
    await page.get_by_label("systolic pressure").fill(sbp)
    await page.get_by_label("diastolic pressure").fill("78")
    await page.keyboard.press("n")
    await expect(page.locator("#save")).to_be_focused()


async def test_a_visit_written_without_a_connection_is_sent_when_it_is_back(network: Network, browser: Browsing) -> None:
    patient = await network.enrol()
    page = await browser.person("manager")
    await _write(page, patient)
    await expect(page.locator("#outcome")).to_contain_text("Stays green")
    await page.context.set_offline(True)
    await expect(page.locator("#offline")).to_be_visible()
    await page.get_by_role("button", name="Save the visit").click()
    await expect(page.locator(".kept-waits")).to_contain_text("there is no connection")
    await expect(page.get_by_label("systolic pressure")).to_have_value("128")
    await accessible(page)
    await seen(page, "today-kept-waits")
    assert await _visits(network, patient) == []
    await page.context.set_offline(False)
    await expect(page).to_have_url(f"{browser.url}/patients/{patient}")
    assert await _visits(network, patient) == [128]
    assert await page.evaluate(KEPT) == []
    browser.forgive("ERR_INTERNET_DISCONNECTED")


async def test_a_visit_whose_answer_was_lost_is_stored_once(network: Network, browser: Browsing) -> None:
    patient = await network.enrol()
    page = await browser.person("manager")
    sent = 0

    async def loses_the_first_answer(route: Route) -> None:
        nonlocal sent
        if route.request.method != "POST":
            await route.continue_()
            return
        sent += 1
        if sent == 1:
            await route.fetch()
            await route.abort("connectionreset")
        else:
            await route.continue_()

    await page.route(re.compile("/visit$"), loses_the_first_answer)
    await _write(page, patient)
    await page.keyboard.press("Enter")
    await expect(page.locator(".kept-waits")).to_be_visible()
    assert await _visits(network, patient) == [128], "it had arrived"
    await page.get_by_role("button", name="Try now").click()
    await expect(page).to_have_url(f"{browser.url}/patients/{patient}")
    assert (await _visits(network, patient), sent) == ([128], 2)
    browser.forgive("ERR_CONNECTION_RESET")


async def test_what_was_typed_is_offered_after_a_reload_and_to_nobody_else(network: Network, browser: Browsing) -> None:
    patient = await network.enrol()
    page = await browser.person("manager")
    await _write(page, patient, sbp="700")
    await page.reload()
    offer = page.locator(".kept-offer")
    await expect(offer).to_contain_text("What you typed here before is still there")
    await accessible(page)
    await seen(page, "today-kept-offer")
    await offer.get_by_role("button", name="Bring it back").click()
    await expect(page.get_by_label("systolic pressure")).to_have_value("700")
    assert await page.locator("input[type=radio][value=no]:checked").count() > 3
    await page.get_by_role("button", name="Save the visit").click()
    await expect(page.locator("#faults")).to_contain_text("Only 50 to 300 mmHg can be true")
    await expect(page.get_by_label("systolic pressure")).to_have_value("700")
    await expect(page.locator(".kept-offer")).to_have_count(0)  # it is on the page already
    await accessible(page)
    await seen(page, "today-visit-refused")
    await page.get_by_label("diastolic pressure").fill("79")
    assert len(await page.evaluate(KEPT)) == 1
    await page.locator("details.menu summary").click()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("button", name="Sign in").or_(page.get_by_label("Key")).first).to_be_visible()
    assert await page.evaluate(KEPT) == []
    assert await _visits(network, patient) == []
    browser.forgive("422")
    browser.said[:] = [one for one in browser.said if "Clear-Site-Data" not in one]  # signing out may say so
