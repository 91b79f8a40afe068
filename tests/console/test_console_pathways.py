"""A coordinator reads a pathway, writes a draft beside what it would mean, and loses nothing to a colleague or a lost browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from api.console.forms import csrf_token
from records.figures import TeamFigures, keep
from tests.api.conftest import Network
from tests.api.serving import served
from tests.api.small import SMALL, InProcess
from tests.console.browsing import PHONE, Browsing, accessible, browsing, fits, legible_in_both, seen

WIDE = {"width": 1600, "height": 1000}


@pytest_asyncio.fixture(loop_scope="session")
async def desk(network: Network, chromium_of_all: Browser) -> AsyncIterator[Browsing]:
    """Browsers on the network; texts are checked in its process."""
    async with served(replace(network.parts, checker=InProcess())) as site, browsing(site.url, chromium_of_all) as it:
        yield it


async def drafted(network: Network, text: str = SMALL, name: str = "hypertension") -> str:
    """A draft of it, by the coordinator; its id."""
    sent: dict[str, Any] = {"content": text.encode(), "headers": {"Authorization": "Bearer coordinator"}}
    answer = await network.http.post(f"/api/v1/pathways/{name}/drafts", **sent)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def counted(network: Network) -> None:
    """As housekeeping does every few minutes."""
    async with network.parts.database.begin() as session:
        now = await network.parts.clock.now(session)
        await keep(session, await TeamFigures(session, now).make(), now=now)


async def settled(page: Page) -> None:
    """The last answer to what was typed is there."""
    await expect(page.locator("[data-workbench][data-ready='yes'][data-checked]:not([aria-busy])")).to_be_visible()


async def tab(page: Page, name: str) -> None:
    await page.get_by_role("navigation", name="What is shown").get_by_role("link", name=name).click()


async def typed(page: Page, line: str, text: str) -> None:
    """``text`` at the end of the line that holds ``line``."""
    await page.locator(".cm-line", has_text=line).first.click()
    await page.keyboard.press("End")
    await page.keyboard.type(text)


async def test_what_there_is_and_what_one_says_in_words_and_pictures(desk: Browsing, network: Network) -> None:
    await network.enrol()
    await counted(network)
    draft = await drafted(network)
    page = await desk.person("coordinator")
    await expect(page).to_have_url(f"{desk.url}/pathways")
    link = page.get_by_role("link", name="Draft of coordinator")
    await expect(link).to_have_attribute("href", f"/pathways/hypertension/drafts/{draft}")
    await expect(page.get_by_text("all on the version in force")).to_have_count(1)
    await accessible(page)
    await seen(page, "pathways-list")
    await page.get_by_role("link", name="Hypertension", exact=True).click()
    await expect(page.get_by_role("heading", name="Hypertension", level=1)).to_be_visible()
    await expect(page.get_by_role("img", name="visit on day 15, 30")).to_be_visible()
    await legible_in_both(page)
    await seen(page, "pathways-year")
    for name in ("Map", "Tables", "Messages", "Scenarios", "Text", "History"):
        await tab(page, name)
        await expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "true")
        if name == "Map":
            await expect(page.locator("[data-map] canvas").first).to_be_visible()
        await legible_in_both(page)
        await seen(page, f"pathways-{name.lower()}")
    reader = await desk.person("manager", viewport=PHONE, language="zh-Hans", theme="dark")
    await reader.goto("/pathways/hypertension?show=tables")
    await expect(reader.get_by_text("血压达到危急值").first).to_be_visible()
    await fits(reader)
    await seen(reader, "pathways-tables-phone-zh")
    await reader.goto("/pathways")
    await fits(reader)
    await seen(reader, "pathways-list-phone-zh")
    await expect(reader.locator("a[href='/pathways/new']")).to_have_count(0)


async def test_a_text_is_judged_as_it_is_typed_and_saved_by_a_key(desk: Browsing, network: Network) -> None:
    draft = await drafted(network)
    page = await desk.person("coordinator", viewport=WIDE)
    await page.goto(f"/pathways/hypertension/drafts/{draft}")
    await settled(page)
    await expect(page.get_by_text("No errors.")).to_be_visible()
    await legible_in_both(page)
    await seen(page, "pathways-editor")

    await typed(page, "decide: followup", "s")  # a table that there is not
    problem = page.locator("#problems .error")
    await expect(problem).to_contain_text("no table called 'followups'; did you mean 'followup'?")
    await expect(page.locator(".cm-lintRange-error")).to_have_count(1)
    await expect(page.locator("#state")).to_have_text("Not saved yet")
    await seen(page, "pathways-editor-error")
    await problem.get_by_role("button", name="line 19").click()
    await expect(page.locator(".cm-activeLine")).to_contain_text("decide: followups")
    await page.keyboard.press("End")
    await page.keyboard.press("Backspace")
    await expect(page.get_by_text("No errors.")).to_be_visible()

    await typed(page, "kind: follow_up", "")
    await page.keyboard.press("Enter")
    await page.keyboard.type("opens: ")
    await page.keyboard.press("Control+Space")
    await expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("10 days before")
    await page.keyboard.press("Escape")
    for _ in range(3):
        await page.keyboard.press("Control+z")
    await page.locator(".cm-line", has_text="HIGH: {").click()
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.type(", ")
    await page.keyboard.press("Control+Space")
    await expect(page.locator(".cm-tooltip-autocomplete")).to_contain_text("open_task")
    await seen(page, "pathways-completion")
    await page.keyboard.press("Escape")
    await page.keyboard.type("within: 9 days")
    await page.keyboard.press("Control+s")
    await expect(page.locator("#state")).to_have_text(re.compile("^Saved at"))
    await expect(page.locator("#standing .pill")).to_have_text("checked")
    kept = (await network.get(f"/drafts/{draft}", "coordinator")).json()
    assert "tag: red, within: 9 days}" in kept["text"]
    await page.keyboard.press("Escape")  # what is completed, if anything
    await page.keyboard.press("Escape")  # and out of the text by keyboard
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.matches('#problems button')")


async def test_a_table_is_edited_as_a_table_and_stays_what_its_author_wrote(desk: Browsing, network: Network) -> None:
    text = (await network.get("/pathways/hypertension", "coordinator")).text
    draft = await drafted(network, text)
    page = await desk.person("coordinator", viewport=WIDE)
    await page.goto(f"/pathways/hypertension/drafts/{draft}")
    await settled(page)
    await tab(page, "Tables")
    cell = page.get_by_role("textbox", name="HTN-E1: when")
    await cell.fill("sbp >= 185 || dbp >= 110")
    await cell.press("Enter")
    await settled(page)
    await expect(page.locator("#problems .error").first).to_be_visible()
    await page.get_by_role("combobox", name="HTN-A2: then").select_option("ROUTINE")
    await page.get_by_role("button", name="Add a row below HTN-E2").click()
    await expect(page.get_by_role("textbox", name="Name of row HTN-E2b")).to_be_visible()
    await accessible(page)
    await seen(page, "pathways-editor-table")
    await page.get_by_role("button", name="Whole width").click()
    await accessible(page)
    await seen(page, "pathways-editor-wide")
    await page.get_by_role("button", name="Whole width").click()
    await page.get_by_role("button", name="Delete row HTN-E2b").click()
    await expect(page.get_by_role("textbox", name="Name of row HTN-E2b")).to_have_count(0)
    await page.get_by_role("button", name="Move HTN-R2 up").click()
    await expect(page.locator("[data-table='followup'] tbody tr").nth(4).locator("textarea").first).to_have_value("HTN-R2")
    await tab(page, "Scenarios")
    await expect(page.get_by_text("scenario comes otherwise than expected").or_(page.get_by_text("come otherwise"))).to_be_visible()
    await expect(page.locator(".plays .red").first).to_contain_text("expected")
    await seen(page, "pathways-editor-scenarios")
    await tab(page, "Messages")
    await expect(page.locator(".sms").first).to_contain_text("1 SMS")
    await seen(page, "pathways-editor-messages")
    await tab(page, "Map")
    await expect(page.locator("[data-map] canvas").first).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#state")).to_have_text(re.compile("^Saved at"))
    kept = (await network.get(f"/drafts/{draft}", "coordinator")).json()["text"].split("\n")
    before = text.split("\n")
    assert set(kept) ^ set(before) == {"      when: sbp >= 185 || dbp >= 110"}
    assert len(kept) == len(before), "nothing else was touched"


async def test_what_comes_otherwise_or_cannot_be_written_is_said_in_the_readers_language_with_their_days(
    desk: Browsing, network: Network
) -> None:
    draft_id = await drafted(network, SMALL.replace("tag: red}}", "due: {follow_up: 2031-03-03}}}"))
    page = await desk.person("coordinator", language="zh-Hant")
    await page.goto(f"/pathways/hypertension/drafts/{draft_id}?show=scenarios")
    await settled(page)
    fault = page.locator(".plays .bad").first
    await expect(fault).to_contain_text(re.compile("follow_up 的到期日預期 2031年3月3日，實際 20[0-9]{2}年"))
    refused = await network.http.post(
        f"/pathways/hypertension/drafts/{draft_id}/table",
        data={"csrf": csrf_token("coordinator"), "text": SMALL, "table": "followup", "row": "0", "do": "up"},
        headers={"Cookie": "cairn_key=coordinator; cairn_language=es"},
    )
    assert refused.json() == {"refused": "La fila ya está en el extremo de su tabla."}


async def test_of_two_who_edit_one_draft_the_second_sees_both_texts_and_loses_none(desk: Browsing, network: Network) -> None:
    draft = await drafted(network)
    first, second = await desk.person("coordinator", viewport=WIDE), await desk.person("coordinator", viewport=WIDE)
    for page in (first, second):
        await page.goto(f"/pathways/hypertension/drafts/{draft}")
        await settled(page)
    await typed(first, "basis: product", " of the first")
    await first.keyboard.press("Control+s")
    await expect(first.locator("#state")).to_have_text(re.compile("^Saved at"))
    await typed(second, "HIGH: {", " # by the second")
    await second.keyboard.press("Control+s")
    await expect(second.get_by_role("heading", name="Two of you edited this draft")).to_be_visible()
    await expect(second.locator("#merge[data-ready]")).to_be_visible()
    await expect(second.locator(".cm-merge-a")).to_contain_text("basis: product of the first")
    await expect(second.locator(".cm-merge-b")).to_contain_text("# by the second")
    await accessible(second)
    await seen(second, "pathways-both")
    await second.get_by_role("button", name="Take this over from the left").first.click()
    await second.get_by_role("button", name="Save this text").click()
    await expect(second.get_by_text("Saved.", exact=True)).to_be_visible()
    kept = (await network.get(f"/drafts/{draft}", "coordinator")).json()["text"]
    assert "basis: product of the first\n" in kept
    assert "# by the second\n" in kept
    desk.forgive("412")


async def test_without_a_script_a_text_is_checked_saved_begun_and_discarded(desk: Browsing, network: Network) -> None:
    page = await desk.person("coordinator", java_script_enabled=False)
    await page.goto("/pathways/new")
    await page.get_by_label("Name of the pathway").fill("Chronic pain")
    await page.get_by_role("button", name="Begin the draft").click()
    await expect(page.get_by_role("alert")).to_contain_text("cannot name a pathway")
    await page.get_by_label("Name of the pathway").fill("chronic_pain")
    await page.get_by_role("button", name="Begin the draft").click()
    text = page.get_by_role("textbox", name="Text")
    await text.fill((await text.input_value()).replace("decide: followup\n", "decide: nowhere\n"))
    await page.get_by_role("button", name="Check").click()
    await expect(page.locator("#problems .error")).to_contain_text("no table called 'nowhere'")
    await text.fill((await text.input_value()).replace("decide: nowhere\n", "decide: followup\n"))
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#standing .pill")).to_have_text("checked")
    await page.get_by_role("link", name="Scenarios").click()
    await expect(page.get_by_text("All 3 scenarios hold")).to_be_visible()
    reader = await desk.person("approver", viewport=PHONE)
    await reader.goto(page.url)
    await settled(reader)
    await fits(reader)
    await seen(reader, "pathways-editor-phone")
    await expect(reader.get_by_role("button", name="Save")).to_have_count(0)
    await expect(reader.get_by_text("All 3 scenarios hold")).to_be_visible()
    await accessible(reader)
    await page.goto(page.url.split("?")[0] + "/discard")
    await page.get_by_role("button", name="Discard the draft").click()
    await expect(page.get_by_role("status").first).to_be_visible()
    desk.forgive("422")
