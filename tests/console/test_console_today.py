"""A health manager's day in a browser: the list by keyboard, a follow-up in seconds, a call, a task put off, the end of the day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from playwright.async_api import Page, expect

from tests.api.conftest import EMERGENCY, START, Network
from tests.api.test_worklist import opened
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen

TODAY = START.date()
MOST_KEYS = 8  # for a follow-up at which all is well


async def some_work(network: Network) -> Mapping[str, str]:
    """People of team-1: one is red, one overdue with more to do besides, one is for today, and one can wait."""
    people = {}
    born_on = {"王秀英": "1960-05-01", "Zhang Wei": "1958-04-02", "Li Na": "1949-11-30", "Zhao Min": "1951-02-03"}
    for n, (name, born) in enumerate(born_on.items()):
        people[name] = await network.enrol(identifier=f"A-{n}", name=name, born=born, phone=f"+861381234567{n}")
    await network.post(f"/patients/{people['Zhang Wei']}/visits", {"readings": EMERGENCY})
    await opened(network, people["王秀英"], "call/late", due=TODAY - timedelta(days=9))
    await opened(network, people["Zhang Wei"], "call/red", due=TODAY)
    await opened(network, people["王秀英"], "call/ahead", due=TODAY + timedelta(days=3))
    await opened(network, people["Li Na"], "call/today", due=TODAY)
    await opened(network, people["Zhao Min"], "call/week", due=TODAY + timedelta(days=5))
    return people


async def names(page: Page) -> list[str]:
    return await page.locator("[data-line] [data-does=o]").all_inner_texts()


async def test_a_manager_works_down_the_day_by_keyboard(network: Network, browser: Browsing) -> None:
    people = await some_work(network)
    page = await browser.person("manager")
    await expect(page).to_have_url(f"{browser.url}/today")
    assert await names(page) == ["Zhang Wei", "王秀英", "Li Na"], "red, then overdue, then today's"
    assert await page.locator(".group").all_inner_texts() == ["Red", "Overdue", "For this day"]
    assert await page.locator(".counted a").all_inner_texts() == ["Red 1", "Overdue 1", "For this day 1", "Within a week 1"]
    await expect(page.locator("#what-is-left")).to_have_text("3 people to see to")
    await expect(page.locator("[data-line]", has_text="王秀英").locator(".also")).to_contain_text("due 6 Mar")
    await accessible(page)
    await seen(page, "today-list")
    for _ in range(4):
        await page.keyboard.press("j")
    await page.keyboard.press("Enter")  # behind the last line is the way to what can wait
    await expect(page).to_have_url(re.compile("only=later"))
    assert await names(page) == ["Zhao Min"]
    await accessible(page)
    await seen(page, "today-later")
    await page.get_by_role("link", name="Everybody of this day").click()
    await expect(page.locator("[data-line]")).to_have_count(3)
    await page.keyboard.press("?")
    await expect(page.locator("#keys")).to_be_visible()
    await accessible(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.get_by_role("link", name="王秀英")).to_be_focused()

    await page.keyboard.press("r")
    await expect(page).to_have_url(re.compile(f"/patients/{people['王秀英']}/visit"))
    await expect(page.get_by_label("systolic pressure")).to_be_focused()
    await page.keyboard.type("193")
    await page.keyboard.press("Enter")
    await expect(page.locator(".question").first).to_contain_text("193 is much more than 132 on 20 Feb. Is that right?")
    await expect(page.locator("#outcome")).to_contain_text("Refer now")
    await expect(page.locator("#outcome")).to_contain_text("row HTN-E")
    await accessible(page)
    await seen(page, "today-visit-refer")
    await page.keyboard.type("700")
    await page.keyboard.press("Shift+Tab")
    await expect(page.locator(".question.cannot")).to_contain_text("Only 30 to 200 mmHg can be true")
    await page.reload()
    await page.get_by_role("button", name="Throw it away").click()
    await page.get_by_label("systolic pressure").focus()

    keys = ("1", "2", "8", "Enter", "7", "8", "n", "Enter")
    assert len(keys) <= MOST_KEYS
    for key in keys[:-1]:
        await page.keyboard.press(key)
    await expect(page.locator("#outcome")).to_contain_text("Stays green, next visit")
    await seen(page, "today-visit-well")
    await page.keyboard.press(keys[-1])
    await expect(page).to_have_url(re.compile("saved="))
    await expect(page.locator(".notice")).to_contain_text("saved. Now green, next visit")
    await expect(page.locator("[data-line]:focus-within")).to_contain_text("Li Na")  # it goes on with the next line
    answer = (await network.get(f"/patients/{people['王秀英']}")).json()
    assert (answer["readings"]["sbp"]["value"], answer["readings"]["symptoms"]["value"]) == (128, [])
    await expect(page.locator(".tally")).to_contain_text("done today: 2 seen")

    await page.keyboard.press("c")
    dialog = page.locator("dialog[open]")
    await expect(dialog).to_contain_text("+8613812345672")
    await accessible(page)
    await dialog.get_by_label("Reached").check()
    await seen(page, "today-call")
    await dialog.get_by_label("No answer", exact=True).check()
    await dialog.get_by_label("No answer: try again").select_option("3")
    await dialog.get_by_role("button", name="Save the call").click()
    await expect(page.locator(".notice")).to_contain_text("Li Na")
    assert await names(page) == ["Zhang Wei", "王秀英"], "it is off today's list, and comes back in three days"

    await page.keyboard.press("p")
    await expect(page.get_by_label("Why").first).to_be_focused()
    await seen(page, "today-task")
    await accessible(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("d")
    await expect(page.get_by_role("button", name="Done")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("Done. It is off the list.")
    assert len(await names(page)) == 1


async def test_on_a_phone_in_chinese_a_day_without_work_says_what_comes_next(network: Network, browser: Browsing) -> None:
    patient = await network.enrol()
    page = await browser.person("manager", viewport=PHONE, language="zh-Hans")
    await expect(page.locator(".all-done")).to_be_visible()
    await fits(page)
    await accessible(page)
    await seen(page, "today-empty-phone-zh")
    await page.locator(".all-done a").first.click()
    await expect(page.locator("[data-line]")).to_contain_text("王秀英")
    await fits(page)
    await seen(page, "today-ahead-phone-zh")
    await page.locator("[data-does=r]").click()
    await expect(page).to_have_url(re.compile(f"/patients/{patient}/visit"))
    await page.locator("[name='r.sbp']").fill("182")
    await page.locator("[name='r.dbp']").fill("104")
    await expect(page.locator("#outcome .seen")).to_be_visible()
    await fits(page)
    await accessible(page)
    await seen(page, "today-visit-phone-zh")
    await page.goto(f"/patients/{patient}/call")
    await fits(page)
    await accessible(page)
    await seen(page, "today-call-phone-zh")


async def test_what_another_of_the_team_took_shows_without_asking(network: Network, browser: Browsing) -> None:
    people = await some_work(network)
    page = await browser.person("manager")
    await page.get_by_role("link", name="Li Na").focus()
    taken = await network.post(f"/tasks/{people['Li Na']}/claim", {"key": "call/today"}, "centre-manager")
    assert taken.status_code == 200
    await expect(page.locator(".taken")).to_contain_text("centre-manager has it")
    await expect(page.get_by_role("link", name="Li Na")).to_be_focused()
    await seen(page, "today-taken")
    await page.keyboard.press("t")
    await expect(page.get_by_role("button", name="Take it over")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("It is yours now")
    await expect(page.locator("[data-line]").filter(has_text="Li Na")).to_contain_text("You have it")
