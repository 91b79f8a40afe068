"""The frame of every page: who sees what, in which language, by keyboard and on a phone."""

from __future__ import annotations

from playwright.async_api import expect

from tests.console.browsing import PHONE, Browsing, accessible, fits, seen


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


async def test_the_frame_on_a_phone_in_the_dark_in_spanish(browser: Browsing) -> None:
    page = await browser.person("manager", viewport=PHONE, language="es", theme="dark")
    await expect(page.locator("html")).to_have_attribute("lang", "es")
    await fits(page)
    await accessible(page)
