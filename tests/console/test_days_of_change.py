"""A coordinator's whole change with a second person, and the days of those who look after the network, on the embedded stack."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect
from pyotp import TOTP

from tests.console.browsing import PHONE, accessible, fits, seen
from tests.console.days import Days, days, presses, stack, tabs_to, types
from workers.chores import Chores

__all__ = ["days", "stack"]
pytestmark = pytest.mark.asyncio(loop_scope="module")
WIDE = {"width": 1600, "height": 1000}
AT = "/pathways/type2_diabetes"


async def settled(page: Page) -> None:
    """The last answer to what was typed is there."""
    await expect(page.locator("[data-workbench][data-ready='yes'][data-checked]:not([aria-busy])")).to_be_visible()


async def tab(page: Page, name: str) -> None:
    """From within the text: Escape, then Tab, leaves it; the first Escape may only close what completes."""
    for _ in "12":
        await page.keyboard.press("Escape")
    await presses(page, page.get_by_role("navigation", name="What is shown").get_by_role("link", name=name))


async def finds(page: Page, text: str) -> None:
    """In the editor, by its own search: ``text`` is chosen, and what is typed next takes its place."""
    await tabs_to(page, page.locator(".cm-content"))
    await page.keyboard.press("Control+f")
    await expect(page.locator(".cm-search [name=search]")).to_be_focused()
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    await expect(page.locator(".cm-search")).to_have_count(0)


async def replaces(page: Page, old: str, new: str) -> None:
    """Wherever it stands in the text."""
    await tabs_to(page, page.locator(".cm-content"))
    await page.keyboard.press("Control+f")
    await types(page, page.locator(".cm-search [name=search]"), old)
    await types(page, page.locator(".cm-search input[name=replace]"), new)
    await presses(page, page.locator(".cm-search [name=replaceAll]"))
    await page.keyboard.press("Escape")
    await settled(page)


async def press(page: Page, name: str) -> None:
    await presses(page, page.get_by_role("button", name=name, exact=True))


async def follow_up(days: Days, patient: str) -> str:
    """The day by which they are to be seen."""
    (due,) = [one["due"] for one in (await days.known(patient))["services"] if one["service"] == "follow_up"]
    return str(due)


async def says_its_version(days: Days, page: Page, patient: str) -> None:
    """The patient's page says that they were moved, and to which version: the one in force."""
    (current,) = [one for one in (await days.call("GET", "/pathways"))["items"] if one["pathway"] == "type2_diabetes"]
    await page.goto(f"/patients/{patient}")
    await page.locator("#timeline").scroll_into_view_if_needed()
    await page.locator("#timeline").get_by_text("moved to another version").first.click()
    await expect(page.locator("#timeline")).to_contain_text(str(current["version"])[:8])


async def test_a_coordinator_changes_a_pathway_from_the_first_key_to_taking_it_back(days: Days) -> None:
    """Without touching the mouse; so does whoever answers for it, too."""
    begins = await days.monday()
    team = await days.team("Team of the change")
    seen_last = {
        "conditions": ["type2_diabetes"],
        "last_visit": str(begins - timedelta(days=7)),
        "readings": {"fpg": 6.1, "sbp": 128, "dbp": 78},
    }
    people = {name: await days.enrol(name, team, **seen_last) for name in ("He Ping", "Guo Jing")}
    before = [await follow_up(days, one) for one in people.values()]
    assert before == [str(begins + timedelta(days=83))] * 2, "ninety days after they were seen"
    await days.account("hua", "Hua Li", "coordinator", "*")
    await days.account("qin", "Qin Yu", "approver", "*")

    page = await days.browser.person(viewport=WIDE)
    await page.goto("/pathways")
    days.browser.forgive("401")
    await days.signs_in(page, "hua")
    await presses(page, page.get_by_role("link", name="Type 2 diabetes", exact=True))
    await expect(page.locator("main")).to_contain_text("in force")
    await accessible(page)
    await press(page, "Edit as a draft")
    await settled(page)
    await accessible(page)

    # Whoever is well is to come every sixty days. A slip is said at once, where it is, and mended.
    await finds(page, "green: 90 days")
    await page.keyboard.type("green: 60 dys")
    await expect(page.locator("#problems .error")).to_contain_text("'60 dys' is not a length of time; write 60 days")
    await expect(page.locator(".cm-lintRange-error").first).to_be_visible()
    await seen(page, "day-editor")
    for _ in "ys":
        await page.keyboard.press("Backspace")
    await page.keyboard.type("ays")

    # The pathway's own scenarios expect the old days; they are written anew, and hold again.
    await tab(page, "Scenarios")
    await expect(page.locator(".plays .red").first).to_contain_text("expected 8 Jun 2025, found 9 May 2025")
    await accessible(page)
    for old, new in (("2025-06-08", "2025-05-09"), ("2025-05-21", "2025-04-21")):
        await replaces(page, old, new)
    await expect(page.get_by_text(re.compile(r"All \d+ scenarios hold"))).to_be_visible()

    # A row of a table is changed in the table.
    await tab(page, "Tables")
    fever = page.get_by_role("textbox", name="DM-E6: when")
    await presses(page, fever, key="Control+a")
    await page.keyboard.type("temperature > 38.8")
    await page.keyboard.press("Enter")
    await settled(page)
    await expect(page.get_by_text("No errors.")).to_be_visible()
    await accessible(page)
    await page.keyboard.press("Control+s")
    await expect(page.locator("#standing .pill")).to_have_text("checked")

    # What it changes, in words; whom it would move.
    steps = page.get_by_role("navigation", name="Steps of a change")
    await presses(page, steps.get_by_role("link", name="Compare"))
    await expect(page.get_by_text("green: every 90 days becomes every 60 days")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("38.8")
    await accessible(page)
    await presses(page, steps.get_by_role("link", name="Forecast"))
    await types(page, page.get_by_label("How far ahead"), "three")
    await expect(page.get_by_label("How far ahead")).to_have_value("13")
    await press(page, "Begin")
    await expect(page.locator(".says")).to_contain_text("2 people get their next contact sooner", timeout=60_000)
    await page.locator("#people").scroll_into_view_if_needed()
    await expect(page.locator("#moved").get_by_role("link", name="He Ping")).to_be_visible()
    await accessible(page)
    await seen(page, "day-forecast")

    # A second person answers for it, too.
    await presses(page, steps.get_by_role("link", name="Publish"))
    await types(page, page.get_by_label("A note to them"), "Whoever is well comes too seldom.")
    await press(page, "Ask for approval")
    await expect(page.locator("blockquote")).to_have_text("Whoever is well comes too seldom.")
    assert await page.get_by_role("button", name="Approve").count() == 0
    second = await days.browser.person(viewport=PHONE)
    await second.goto(page.url)
    days.browser.forgive("401")
    await days.signs_in(second, "qin")
    await expect(second.get_by_text("2 changes in words of care")).to_be_visible()
    await fits(second)
    await accessible(second)
    await press(second, "Approve")
    await expect(second.locator(".notice")).to_contain_text("Approved")
    await press(second, "Publish")
    await expect(second.get_by_text("2 enrolled patients are on other versions")).to_be_visible()

    # Who is enrolled is moved, and the page says when it is done.
    await page.reload()
    await presses(page, page.get_by_role("link", name="Roll it out"))
    await presses(page, page.get_by_role("radio", checked=True), key="ArrowDown")
    await expect(page.get_by_label("At once")).to_be_checked()
    await press(page, "Look")
    await expect(page.locator("#found")).to_contain_text("2")
    await types(page, page.get_by_label("Why"), "As agreed on Monday")
    await accessible(page)
    planned = page.url
    await press(page, "Begin the rollout")
    await expect(page).not_to_have_url(planned)
    await expect(page.get_by_text("done", exact=True)).to_be_visible()
    await expect(page.locator(".stat.green")).to_contain_text("2")
    await accessible(page)
    rollout = page.url
    assert [await follow_up(days, one) for one in people.values()] == [str(begins + timedelta(days=53))] * 2
    await says_its_version(days, page, people["He Ping"])

    # Too many calls come of it: everybody returns.
    await page.goto(rollout)
    await presses(page, page.get_by_role("link", name="Take it back"))
    await expect(page.get_by_text("2 patients whom it moved return")).to_be_visible()
    await accessible(page)
    await types(page, page.get_by_label("Why"), "too many calls")
    planned = page.url
    await press(page, "Take the rollout back")
    await expect(page).not_to_have_url(planned)
    await expect(page.get_by_text("done", exact=True)).to_be_visible()
    await accessible(page)
    await days.settled()
    assert [await follow_up(days, one) for one in people.values()] == before
    await says_its_version(days, page, people["He Ping"])


async def test_somebody_new_is_let_in_and_accounted_for_and_who_is_lost_is_found(days: Days) -> None:
    begins = await days.monday()
    team = await days.team("Team of the office")
    patient = await days.enrol("Tang Li", team, last_visit=str(begins - timedelta(days=7)), readings={"sbp": 132, "dbp": 82})
    await days.enrol("Lin Lost", team, last_visit=str(begins - timedelta(days=200)))
    await days.until(begins + timedelta(days=84))
    for login, name, role, place in (
        ("ma", "Ma Jun", "administrator", "*"),
        ("song", "Song Lei", "supervisor", "network"),
        ("kong", "Kong Yi", "auditor", "*"),
    ):
        await days.account(login, name, role, place)

    # The administrator looks how all is doing, lets somebody new in, gives a tool a key, and puts a holiday.
    office = await days.browser.person()
    await office.goto("/admin")
    days.browser.forgive("401")
    await days.signs_in(office, "ma")
    await expect(office.locator(".stats")).to_contain_text("answers")
    await expect(office.locator("main")).to_contain_text("since")
    await accessible(office)
    await seen(office, "day-health")
    await office.get_by_role("link", name="People", exact=True).click()
    await office.get_by_role("link", name="Add a person").click()
    await office.get_by_label("Login").fill("li.na")
    await office.get_by_label("Name").fill("Li Na")
    await office.get_by_label("Role").select_option("health_manager")
    await office.get_by_label("Place or care team").fill(team)
    await accessible(office)
    await press(office, "Make the account")
    first = await office.locator("#secret").inner_text()
    await office.get_by_role("link", name="I have kept it").click()
    await expect(office.get_by_role("heading", level=1)).to_have_text("Li Na")
    of_li_na = office.url
    await office.goto("/admin/keys/new")
    await office.get_by_label("What it is for").fill("The ward's screen")
    await office.get_by_label("Role").select_option("clinic")
    await office.get_by_label("Place or care team").fill("hospital-2")
    await press(office, "Make the key")
    screen = await days.browser.person(await office.locator("#secret").inner_text())
    await expect(screen).to_have_url(re.compile("/inbox$"))
    await screen.close()
    await office.goto("/admin/keys")
    await office.get_by_role("link", name="Take back The ward's screen").click()
    await press(office, "Take it back")
    await expect(office.get_by_role("row", name="The ward's screen")).to_contain_text("taken back")
    await accessible(office)
    await office.get_by_role("link", name="Holidays").click()
    await office.get_by_label("Day", exact=True).fill(f"{begins.year}-12-30")
    await office.get_by_label("Name").fill("Founders' day")
    await press(office, "Save")
    await expect(office.get_by_role("listitem").filter(has_text="Founders' day")).to_contain_text("30 Dec")
    await accessible(office)

    # Li Na comes in with what she was told, sets up a second factor, and is asked for it from then on.
    page = await days.browser.person()
    await page.goto("/me")
    days.browser.forgive("401")
    await days.signs_in(page, "li.na", first)
    await page.get_by_role("link", name="Set it up").click()
    await press(page, "Set it up")
    await expect(page.locator(".square svg")).to_be_visible()
    await accessible(page)
    device = TOTP((await page.locator(".secret").text_content() or "").replace(" ", ""))
    await page.get_by_label("Code").fill(device.now())
    await press(page, "Turn it on")
    await expect(page.locator(".recovery code")).to_have_count(10)
    await page.get_by_role("link", name="I have kept them").click()
    await signs_out(page)
    await days.signs_in(page, "li.na", first)
    await expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    await page.keyboard.type(device.at(datetime.now(UTC) + timedelta(seconds=30)))
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/today$"))
    await page.keyboard.press("/")
    await page.keyboard.type("Tang")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="Tang Li").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Tang Li")

    # Her phone is gone: the administrator, who knows her, resets it, and her password alone lets her in.
    await office.goto(of_li_na)
    await office.get_by_role("link", name="Reset", exact=False).first.click()
    await expect(office.get_by_role("button", name="Reset the second factor")).to_be_visible()
    await accessible(office)
    await press(office, "Reset the second factor")
    await expect(office.get_by_role("main")).to_contain_text("off")
    await page.goto("/me")
    days.browser.forgive("401")
    await days.signs_in(page, "li.na", first)
    await expect(page).to_have_url(re.compile("/me$"))

    # A supervisor goes from a number to whom it stands for, takes the list along, and prints it.
    await Chores.of(days.stack.parts, days.stack.client).figures()  # as housekeeping does every few minutes
    desk = await days.browser.person()
    await desk.goto("/overview")
    days.browser.forgive("401")
    await days.signs_in(desk, "song")
    await expect(desk.get_by_role("heading", name="How we are doing")).to_be_visible()
    await accessible(desk)
    await desk.get_by_role("link", name="Team of the office").click()
    await expect(desk.get_by_role("heading", name="Team of the office", level=1)).to_be_visible()
    await desk.locator(".stat.red a").click()
    await expect(desk.get_by_role("heading", name="Lost to follow-up")).to_be_visible()
    await expect(desk.locator("tbody tr")).to_contain_text(["Lin Lost"])
    await accessible(desk)
    async with desk.expect_download() as downloading:
        await desk.get_by_role("link", name="CSV").click()
    path = await (await downloading.value).path()
    assert [row[1] for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines())] == ["name", "Lin Lost"]
    await desk.emulate_media(media="print")
    await expect(desk.locator("header.top")).to_be_hidden()
    await expect(desk.locator("tbody tr")).to_contain_text(["Lin Lost"])

    # An auditor finds who of them opened whose record, and that nobody has touched the log.
    audit = await days.browser.person()
    await audit.goto("/admin/audit")
    days.browser.forgive("401")
    await days.signs_in(audit, "kong")
    await audit.get_by_label("Patient's name or record number").fill(patient)
    await press(audit, "Find")
    await expect(audit.get_by_role("row").filter(has_text="Li Na").first).to_contain_text("patients.read")
    await accessible(audit)
    await press(audit, "Verify")
    await expect(audit.get_by_text("The log holds")).to_be_visible()
    await seen(audit, "day-audit")


async def signs_out(page: Page) -> None:
    """By the menu."""
    await page.locator("details.menu summary").first.click()
    await press(page, "Sign out")
    await expect(page.get_by_text("You are signed out.")).to_be_visible()
    await page.get_by_label("Login").focus()
