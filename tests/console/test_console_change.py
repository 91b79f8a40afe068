"""A coordinator's whole change: seen in words, tried on the enrolled, approved by a colleague, rolled out, decided, taken back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from playwright.async_api import Page, expect

from activities.forecasting import lease_of
from activities.rollouts import RolloutActivities
from pathways.language import library
from records.tables import ForecastRow
from tests.api.conftest import START, WELL, Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, legible_in_both, seen
from workflows.contract import RollOn

SHIPPED = library()["hypertension"].document
assert SHIPPED is not None
TEXT = SHIPPED.text
#: Green people are seen twice as often, which the pathway's own scenarios do not expect.
DENSER = TEXT.replace("green: 90 days}", "green: 45 days}", 1).replace("    within: 90 days\n", "    within: 45 days\n")
#: A check has another name, yellow people are seen sooner, a reminder comes earlier and is worded otherwise.
MENDED = (
    TEXT.replace("  annual_exam:", "  yearly_check:")
    .replace("yellow: 30 days, green", "yellow: 20 days, green", 1)
    .replace("- {when: 3 days before, send: visit_soon}", "- {when: 5 days before, send: visit_soon}", 1)
    .replace("we expect you today. If you", "we expect you today, as agreed. If you", 1)
)
AT = "/pathways/hypertension"


async def draft(network: Network, text: str) -> str:
    answer = await network.http.post(
        f"/api/v1{AT}/drafts", params={"why": "ten days"}, content=text.encode(), headers={"Authorization": "Bearer coordinator"}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def edit(network: Network, draft_id: str, text: str) -> None:
    headers = {"Authorization": "Bearer coordinator", "If-Match": "*"}
    answer = await network.http.put(f"/api/v1/drafts/{draft_id}", content=text.encode(), headers=headers)
    assert answer.status_code == 200, answer.text


async def people(network: Network) -> list[str]:
    first = ("王秀英", "李建国", "<b>张伟</b>")
    return [await network.enrol(identifier=f"C-{n}", name=name, phone=f"+86138123400{n:02}") for n, name in enumerate(first)]


async def roll(network: Network, rollout: str, *, batches: int = 99) -> None:
    """What the rollout's workflow does: so many batches, until it is over or waits."""
    parts = network.parts
    rolls = RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, network.waker)
    for _ in range(batches):
        rolled = await rolls.roll_on(RollOn(rollout))
        if rolled.over or rolled.summary in ("paused", "sms_limit"):
            return


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def test_a_change_from_the_first_look_to_taking_it_back(browser: Browsing, network: Network) -> None:
    ids = await people(network)
    draft_id = await draft(network, DENSER)
    page = await browser.person("coordinator")

    # What it changes, in words of care, with the two texts beneath.
    await page.goto(f"{AT}/compare?to={draft_id}")
    await expect(page.get_by_text("green: every 90 days becomes every 45 days")).to_be_visible()
    await page.get_by_text("The two texts side by side").first.click()
    await expect(page.locator("del.cmp-line").first).to_contain_text("90 days")
    await expect(page.locator("ins.cmp-line").first).to_contain_text("45 days")
    assert await page.locator("details.cmp-same").count() > 0
    await legible_in_both(page)
    await seen(page, "change-compare")

    # What it would do: asked for, made, read.
    await page.get_by_role("link", name="What would it do to people?").click()
    await accessible(page)
    await seen(page, "change-ask")
    await page.get_by_label("How far ahead").select_option("13")
    await press(page, "Begin")
    await expect(page.locator(".says")).to_contain_text("3 people get their next contact sooner", timeout=60_000)
    await expect(page.locator("#curve canvas")).to_be_visible()
    await page.get_by_role("button", name="Texts").click()
    await page.locator("#people").scroll_into_view_if_needed()
    moved = page.locator("#moved")
    await expect(moved.get_by_role("link", name="<b>张伟</b>")).to_have_attribute("href", f"/patients/{ids[2]}")
    await moved.get_by_role("link", name="Need a decision").click()
    await expect(moved).to_contain_text("Nobody.")
    await moved.get_by_role("link", name="Next contact sooner").click()
    await page.evaluate("window.scrollTo(0, 0)")
    await legible_in_both(page)
    await seen(page, "change-forecast")

    # Its own scenarios do not hold: it is written otherwise, and then nothing stands in the way but a second person.
    await page.goto(f"{AT}/drafts/{draft_id}/publish")
    await expect(page.get_by_text("a controlled patient stays on quarterly visits")).to_be_visible()
    await legible_in_both(page)
    await seen(page, "change-publish-wrong")
    await edit(network, draft_id, MENDED)
    await page.reload()
    await press(page, "Check it")
    await expect(page.locator(".notice")).to_contain_text("Checked")
    await page.get_by_label("A note to them").fill("The county asks for it.")
    await press(page, "Ask for approval")
    await expect(page.locator("blockquote")).to_have_text("The county asks for it.")
    assert await page.get_by_role("button", name="Approve").count() == 0
    await seen(page, "change-publish-asked")

    second = await browser.person("approver")
    await second.goto(f"{AT}/drafts/{draft_id}/publish")
    await expect(second.get_by_text("4 changes in words of care")).to_be_visible()
    await legible_in_both(second)
    await seen(second, "change-approve")
    await second.get_by_label("What is to be written otherwise").fill("Say why to the teams.")
    await press(second, "Send back")
    await expect(second.locator(".notice")).to_contain_text("Sent back")
    await page.reload()
    await expect(page.locator("blockquote")).to_have_text("Say why to the teams.")
    await press(page, "Check it")
    await expect(page.locator(".notice")).to_contain_text("Checked")
    await second.reload()
    await press(second, "Approve")
    await expect(second.locator(".notice")).to_contain_text("Approved")
    await expect(second.get_by_text("Two people answer for this text: coordinator wrote it, approver approved it.")).to_be_visible()
    await expect(second.get_by_role("button", name="Publish")).to_be_visible()
    await page.reload()
    await press(page, "Publish")
    await expect(page.get_by_text("3 enrolled patients are on other versions")).to_be_visible()
    await seen(page, "change-published")

    # Rolled out to whoever is enrolled; who has the check that is gone needs a decision.
    await page.get_by_role("link", name="Roll it out").click()
    await page.get_by_label("At once").check()
    await press(page, "Look")
    await expect(page.locator("#found")).to_contain_text("3 need a decision")
    await accessible(page)
    await seen(page, "change-plan")
    await page.get_by_label("Why").fill("As agreed on Monday")
    await press(page, "Begin the rollout")
    await expect(page).to_have_url(re.compile("/rollouts/[0-9a-f]{32}$"))
    rollout = page.url.rsplit("/", 1)[1]
    await page.get_by_role("link", name="Pause").click()
    await expect(page.get_by_text("3 patients are still ahead")).to_be_visible()
    await seen(page, "change-act")
    await page.get_by_label("Why").fill("x")
    await press(page, "Pause the rollout")
    await expect(page.locator("#faults")).to_contain_text("Say why, in a few words.")
    await page.get_by_label("Why").fill("the line is down")
    browser.forgive("422")
    await press(page, "Pause the rollout")
    await expect(page.get_by_text("paused", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Go on").click()
    await page.get_by_label("Why").fill("it is up again")
    await press(page, "Go on with the rollout")
    await expect(page.get_by_text("going on", exact=True)).to_be_visible()
    await roll(network, rollout)
    await expect(page.get_by_text("3 people need a decision")).to_be_visible()  # the page reads itself anew
    await accessible(page)
    await seen(page, "change-rollout")

    await page.get_by_role("link", name="Decide").click()
    first = page.locator(".person").first
    await first.locator("summary").click()
    await first.get_by_label("Move to the new version").check()
    await first.get_by_label(re.compile("In its place comes")).select_option("yearly_check")
    await first.get_by_label("Why").select_option("replaced")
    await accessible(page)
    await seen(page, "change-people")
    await press(page, "Save the decision")
    await expect(page.locator(".notice")).to_contain_text("this patient moves")
    await expect(page.locator(".person")).to_have_count(2)
    first = page.locator(".person").first
    await first.locator("summary").click()
    await first.get_by_label("Stay on their version").check()
    await first.get_by_label("Why").select_option("patient_wishes")
    await first.get_by_role("button", name="Save the decision").click()
    await expect(page.locator(".person")).to_have_count(1)
    first = page.locator(".person").first
    await first.locator("summary").click()
    await first.get_by_label("Move to the new version").check()
    await first.get_by_label("Why").select_option("clinician_decided")
    await first.get_by_role("button", name="Save the decision").click()
    await expect(page.locator("#faults")).to_contain_text("Still to be decided")
    browser.forgive("422")
    await first.get_by_label(re.compile("is not in the new version")).check()
    await first.get_by_role("button", name="Save the decision").click()
    await expect(page.get_by_text("Nobody is left")).to_be_visible()

    # And all of it back.
    parts = network.parts
    await RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, network.waker).keep()  # as housekeeping does
    await page.goto(f"{AT}/rollouts/{rollout}/back")
    await expect(page.get_by_text("2 patients whom it moved return")).to_be_visible()
    await page.get_by_label("Why").fill("too many calls")
    await press(page, "Take the rollout back")
    await expect(page).to_have_url(re.compile("/rollouts/[0-9a-f]{32}$"))
    await roll(network, page.url.rsplit("/", 1)[1])
    await expect(page.get_by_text("done", exact=True)).to_be_visible()
    await expect(page.locator(".versions")).to_contain_text("3")
    await seen(page, "change-back")
    back = page.url
    await page.goto(f"/patients/{sorted(ids)[0]}/timeline")  # the first of the list, who was moved
    moved = page.locator(".p-line").filter(has_text="Hypertension moved back to the version before: coordinator took")
    await moved.locator("summary").click()
    await expect(moved).to_contain_text("too many calls")
    await accessible(page)
    await moved.get_by_role("link", name="What became of it").click()
    await expect(page).to_have_url(back)
    for one in ids:
        assert (await network.post(f"/patients/{one}/visits", {"readings": WELL})).status_code in (200, 201)


async def test_a_forecast_that_is_being_made_is_watched_left_and_stopped(browser: Browsing, network: Network) -> None:
    row: dict[str, Any] = {"pathway": "hypertension", "version": "0", "text": TEXT, "by": "key-coordinator", "at": START}
    asked: dict[str, Any] = {"sample": 2000, "weeks": 52, "seed": 1, "sms_cost": 0.05, "teams": None, "services": {}, "tags": {}}
    await lease_of(network.parts.database, "made").take()
    async with network.parts.database.begin() as session:
        session.add(ForecastRow(id="made", asked=asked, status="running", done=412, total=2000, **row))
        late = {**row, "at": START - timedelta(days=1)}
        session.add(ForecastRow(id="lost", asked=asked, status="failed", done=1, total=2, problem="The machine was full.", **late))
    page = await browser.person("coordinator", viewport=PHONE, language="en", theme="dark")
    await page.goto(f"{AT}/forecasts")
    await fits(page)
    await accessible(page)
    await seen(page, "change-forecasts")
    await page.locator("tbody a").first.click()
    await expect(page.get_by_text("412 of 2,000 people followed")).to_be_visible()
    async with network.parts.database.begin() as session:
        (await session.get_one(ForecastRow, "made")).done = 900
    await expect(page.get_by_text("900 of 2,000 people followed")).to_be_visible()
    await fits(page)
    await accessible(page)
    await seen(page, "change-progress")
    await press(page, "Stop it")
    await expect(page.get_by_text("It was stopped before it was done.")).to_be_visible()


async def test_on_a_phone_and_in_chinese_each_page_of_a_change_fits(browser: Browsing, network: Network) -> None:
    await people(network)
    draft_id = await draft(network, MENDED)
    page = await browser.person("coordinator", viewport=PHONE, language="zh-Hans")
    for path, name in (
        (f"{AT}/compare?to={draft_id}", "compare"),
        (f"{AT}/drafts/{draft_id}/forecast", "ask"),
        (f"{AT}/drafts/{draft_id}/publish", "publish"),
        (f"{AT}/rollouts/new", "plan"),
        (f"{AT}/take-back", "take-back"),
        (f"{AT}/rollouts", "rollouts"),
    ):
        await page.goto(path)
        await fits(page)
        await accessible(page)
        await seen(page, f"change-phone-{name}")


async def test_who_may_not_change_a_pathway_sees_no_button_and_is_refused(network: Network) -> None:
    draft_id = await draft(network, MENDED)
    checked = await network.post(f"/drafts/{draft_id}/check", key="coordinator")
    assert checked.json()["clean"], checked.text
    publish = f"{AT}/drafts/{draft_id}/publish"
    for key, buttons in (
        ("coordinator", {"ask-approval"}),
        ("approver", {"approve", "send-back"}),
        ("supervisor", set[str]()),
        ("manager", set[str]()),
    ):
        network.http.cookies.clear()
        await network.http.get(f"/?key={key}")
        text = (await network.http.get(publish)).text
        assert set(re.findall(r'action="[^"]*/drafts/[^"]*/([a-z-]+)"', text)) == buttons, key
        csrf = re.search(r'name="csrf" value="([^"]+)"', text)
        sent = {"csrf": csrf[1] if csrf else "", "read": '"1"', "why": "because of this", "note": ""}
        refused = {
            act: (await network.http.post(f"{AT}/drafts/{draft_id}/{act}", data=sent)).status_code
            for act in ("publish", "approve")
            if act not in buttons
        }
        assert set(refused.values()) <= {403, 422}, (key, refused)
        looked = await network.http.get(f"{AT}/rollouts")
        assert looked.status_code == (403 if key == "manager" else 200), key
        assert ("rollouts/new" in looked.text) == (key == "coordinator")
