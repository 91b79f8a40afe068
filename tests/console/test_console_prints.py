"""What is printed is whole on A4, and says whose it is."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.api.conftest import Network
from tests.console.browsing import Browsing
from tests.console.test_console_overview import counted, some_people

A4 = {"width": 718, "height": 1000}  # within margins of a centimetre
CUT = """() => [...document.querySelectorAll("main *:not(.hidden)")]
  .filter((one) => one.getClientRects().length && one.scrollWidth > one.clientWidth + 1)
  .filter((one) => getComputedStyle(one).overflowX !== "visible")
  .map((one) => one.className || one.tagName)"""


async def printed(page: Page) -> None:
    """As it comes out of the printer."""
    await page.set_viewport_size(A4)  # type: ignore[arg-type]
    await page.emulate_media(media="print")
    await expect(page.locator("header.top")).to_be_hidden()


async def test_a_printed_overview_loses_no_week_and_no_column(browser: Browsing, network: Network) -> None:
    await some_people(network)
    await counted(network)
    page = await browser.person("supervisor")
    await page.goto("/overview")
    await expect(page.get_by_role("heading", name="How we are doing")).to_be_visible()
    await printed(page)
    assert await page.evaluate(CUT) == []


async def test_a_printed_patient_has_their_name_and_the_whole_conversation(browser: Browsing, network: Network) -> None:
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    for clock in ("00:30", "02:30"):
        await network.move_to(f"{day}T{clock}:00Z")
    page = await browser.person("manager")
    await page.goto(f"/patients/{patient}")
    for part in ("ahead", "messages"):
        await page.locator(f"section#{part}").scroll_into_view_if_needed()
        await expect(page.locator(f"section#{part} a", has_text="Show")).to_have_count(0)
    await expect(page.locator(".bubble.mine").first).to_be_visible()
    await printed(page)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert [one for one in await page.evaluate(CUT) if one in ("talk", "scrolls", "card scrolls")] == []
    ink = await page.locator(".bubble.mine p").first.evaluate("one => getComputedStyle(one).color")
    assert ink == "rgb(0, 0, 0)", "white on a colour that is not printed is read by nobody"
