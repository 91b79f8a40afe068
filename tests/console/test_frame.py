"""The frame of every page: who sees what, in which language, by keyboard and on a phone."""

from __future__ import annotations

from playwright.async_api import expect

from tests.console.browsing import PHONE, Browsing, accessible, fits, seen

NARROW = {"width": 320, "height": 640}  # a small phone, and what WCAG asks for (1.4.10)


async def test_everybody_lands_where_their_day_begins_and_sees_only_their_pages(browser: Browsing) -> None:
    for key, path, pages in (
        ("manager", "/today", ["Today", "Patients", "Pathways"]),
        ("supervisor", "/overview", ["Pathways", "Overview"]),
    ):
        page = await browser.person(key)
        await expect(page).to_have_url(f"{browser.url}{path}")
        assert await page.locator("nav.pages a").all_inner_texts() == pages
        await accessible(page)
        await seen(page, f"frame-{key}")


async def test_on_a_phone_every_page_is_in_reach_without_a_swipe(browser: Browsing) -> None:
    page = await browser.person("coordinator", language="es", theme="dark")
    await expect(page.locator("html")).to_have_attribute("lang", "es")
    bar, more = page.locator("nav.pages"), page.locator("nav.pages summary")
    for viewport in (PHONE, NARROW):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        await fits(page)
        shown = await bar.locator(":scope > a:visible, summary").all()
        assert len(shown) == 5
        for entry in shown:
            box = await entry.bounding_box()
            assert box is not None
            assert box["x"] >= 0, "nothing is cut off to the left"
            assert box["x"] + box["width"] <= viewport["width"], "nor to the right"
            assert min(box["width"], box["height"]) >= 44
            assert await entry.evaluate("one => one.scrollWidth <= one.clientWidth"), await entry.inner_text()
    await more.focus()
    await page.keyboard.press("Enter")
    await accessible(page)
    await seen(page, "frame-more")
    rest = bar.locator("details a")
    await expect(rest.last).to_be_in_viewport(ratio=1)
    reached = [await one.get_attribute("href") for one in await bar.locator("a:visible").all()]
    assert reached == ["/today", "/patients", "/inbox", "/pathways", "/overview", "/admin", "/phones"]
    await page.keyboard.press("Escape")
    await expect(more).to_be_focused()
    await expect(rest.first).to_be_hidden()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{browser.url}/overview")
    await expect(rest.first).to_have_attribute("aria-current", "page")
    await fits(page)
