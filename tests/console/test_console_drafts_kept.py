"""Nothing that a coordinator types is lost, and two who write in one draft know of each other before one writes over the other."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import select

from records.callers import hashed
from records.clock import system_time
from records.tables import ApiKey, DraftWindow
from records.windows import HEARD, MOST, Windows
from tests.api.conftest import START, Network
from tests.console.browsing import Browsing, accessible, seen
from tests.console.test_console_pathways import WIDE, desk, drafted, settled, typed

__all__ = ["desk"]


async def colleague(network: Network) -> str:
    """Another coordinator; their key."""
    key = ApiKey(id="li", hash=hashed("li-hua"), name="Li Hua", role="coordinator", place="*", created=START)
    async with network.parts.database.begin() as session:
        session.add(key)
    return "li-hua"


async def opened(page: Page, draft: str) -> None:
    await page.goto(f"/pathways/hypertension/drafts/{draft}")
    await settled(page)


async def looks_again(page: Page) -> None:
    """As somebody does who comes back to the window."""
    await page.evaluate("window.dispatchEvent(new Event('focus'))")


async def test_what_was_typed_is_there_after_a_reload_and_after_a_connection_that_was_lost(
    desk: Browsing, network: Network
) -> None:
    draft = await drafted(network)
    page = await desk.person("coordinator", viewport=WIDE)
    await opened(page, draft)
    state, offer = page.locator("#state"), page.locator("#offer")
    await typed(page, "basis: product", " of ours")
    await expect(state).to_contain_text("Not saved yet; kept for you at")
    await page.reload()
    await settled(page)
    await expect(offer).to_contain_text("You typed something here and did not save it.")
    await accessible(page)
    await seen(page, "pathways-offer")
    await offer.get_by_role("link", name="Go on with it").click()
    await settled(page)
    await expect(page.locator(".cm-content")).to_contain_text("basis: product of ours")
    await expect(state).to_have_text("Not saved yet")
    await page.keyboard.press("Control+s")
    await expect(state).to_have_text(re.compile("^Saved at"))
    await page.reload()
    await settled(page)
    await expect(offer).to_have_count(0)

    # No connection: it stays in the window, is offered after a reload, and what was to be saved is saved when it is back.
    await page.route("**/here", lambda route: route.abort())
    await typed(page, "basis: product of ours", ", too")
    await expect(state).to_contain_text("No connection; kept in this window at")
    page.on("dialog", lambda dialog: dialog.accept())
    await page.reload()
    await settled(page)
    await page.get_by_role("button", name="Bring it back").click()
    await expect(page.locator(".cm-content")).to_contain_text("basis: product of ours, too")
    await page.route("**/drafts/*", lambda route: route.abort())
    await page.keyboard.press("Control+s")
    await expect(state).to_contain_text("is saved as soon as the connection is back")
    assert ", too" not in (await network.get(f"/drafts/{draft}", "coordinator")).json()["text"]
    await page.unroute_all()
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await expect(state).to_have_text(re.compile("^Saved at"))
    assert "basis: product of ours, too\n" in (await network.get(f"/drafts/{draft}", "coordinator")).json()["text"]
    desk.forgive("ERR_FAILED")


async def test_an_approved_draft_stays_approved_while_somebody_types_and_their_text_outlives_it(
    desk: Browsing, network: Network
) -> None:
    draft = await drafted(network)
    await network.post(f"/drafts/{draft}/check", key="coordinator")
    page = await desk.person("coordinator", viewport=WIDE)
    await opened(page, draft)
    await typed(page, "basis: product", " of ours")
    await expect(page.locator("#state")).to_contain_text("kept for you")
    approved = await network.post(f"/drafts/{draft}/approve", {"why": ""}, "approver", If_Match='"1"')
    assert (approved.status_code, approved.json()["status"]) == (200, "approved")
    published = await network.post(f"/drafts/{draft}/publish", {"why": ""}, "coordinator", If_Match='"1"')
    assert published.status_code == 200, published.text
    await page.reload()
    await expect(page.locator("#offer")).to_contain_text("before this draft was closed")
    await page.get_by_role("button", name="Begin a new draft with it").click()
    await expect(page).not_to_have_url(re.compile(draft))
    await settled(page)
    await expect(page.locator(".cm-content")).to_contain_text("basis: product of ours")


async def test_two_in_one_draft_see_each_other_and_hear_of_a_newer_text_before_they_write_over_it(
    desk: Browsing, network: Network
) -> None:
    draft = await drafted(network)
    first, second = await desk.person("coordinator", viewport=WIDE), await desk.person(await colleague(network), viewport=WIDE)
    await opened(first, draft)
    await expect(first.locator("#others")).to_have_text("")
    await opened(second, draft)
    await expect(second.locator("#others")).to_have_text("coordinator has this draft open, too.")
    await looks_again(first)
    await expect(first.locator("#others")).to_have_text("Li Hua has this draft open, too.")
    await accessible(first)

    # Whoever has typed nothing sees the newer text at once.
    await typed(first, "basis: product", " of the first")
    await first.keyboard.press("Control+s")
    await expect(first.locator("#state")).to_have_text(re.compile("^Saved at"))
    await looks_again(second)
    await expect(second.locator("#state")).to_have_text("coordinator saved this draft; you see their text now.")
    await expect(second.locator(".cm-content")).to_contain_text("basis: product of the first")

    # Whoever has is told before they save, and loses nothing of either.
    await typed(second, "HIGH: {", " # by the second")
    await expect(second.locator("#state")).to_contain_text("kept for you")
    await typed(first, "basis: product of the first", " again")
    await expect(first.locator("#others")).to_have_text("Li Hua is writing in this draft, too.")
    await seen(first, "pathways-others")
    await first.keyboard.press("Control+s")
    await expect(first.locator("#state")).to_have_text(re.compile("^Saved at"))
    await looks_again(second)
    await expect(second.locator("#newer")).to_contain_text("coordinator has saved another text since you opened this draft.")
    await accessible(second)
    await seen(second, "pathways-newer")
    await second.locator("#newer button").click()
    await expect(second.get_by_role("heading", name="Two of you edited this draft")).to_be_visible()
    await expect(second.locator("#merge[data-ready]")).to_be_visible()
    await second.goto(f"/pathways/hypertension/drafts/{draft}")  # they leave it, and come back to it
    await second.get_by_role("link", name="See both texts").click()
    await second.get_by_role("button", name="Take this over from the left").first.click()
    await second.get_by_role("button", name="Save this text").click()
    await expect(second.get_by_text("Saved.", exact=True)).to_be_visible()
    await expect(second.locator("#offer")).to_have_count(0)
    kept = (await network.get(f"/drafts/{draft}", "coordinator")).json()["text"]
    assert "basis: product of the first again\n" in kept
    assert "# by the second\n" in kept

    # Whoever leaves is not here any more; who is thrown out by nobody may throw their own text away.
    await second.goto("/pathways")
    await looks_again(first)
    await expect(first.locator("#others")).to_have_text("")
    await expect(first.locator(".cm-content")).to_contain_text("# by the second")
    desk.forgive("412")


async def test_what_somebody_typed_is_theirs_alone_and_goes_when_they_throw_it_away(network: Network) -> None:
    draft = await drafted(network)
    here = f"/pathways/hypertension/drafts/{draft}"
    await colleague(network)

    async def page(key: str, path: str = "") -> str:
        network.http.cookies.clear()
        await network.http.get(f"/?key={key}")
        return (await network.http.get(here + path)).text

    async def says(key: str, **form: str) -> tuple[int, str]:
        csrf = re.search(r'name="csrf" value="([^"]+)"', await page(key))
        answer = await network.http.post(f"{here}/here", data={"csrf": csrf[1] if csrf else "", "read": '"1"', **form})
        return answer.status_code, answer.text

    assert (await says("coordinator", do="typed", text="secret: yes", window="w1"))[0] == 200
    assert "secret" not in await page("coordinator")
    assert "secret: yes" in await page("coordinator", "?typed=w1")
    for path in ("", "?typed=w1"):
        assert "secret" not in (theirs := await page("li-hua", path))
        assert 'id="offer"' not in theirs
    assert (await says("manager", do="typed", text="x", window="w1"))[0] == 403
    assert (await says("coordinator", do="typed", text="x", window=""))[0] == 422
    assert (await says("coordinator", do="typed", text="x", window="w1", read='"99999999999"'))[0] == 200
    assert 'id="offer"' in await page("coordinator")
    assert (await says("coordinator", do="forget", window="w1"))[0] == 303
    assert 'id="offer"' not in await page("coordinator")
    assert (await network.get(f"/drafts/{draft}", "coordinator")).json()["edit"] == 1, "typing is no edit"

    # Of many windows the latest are kept, written ones first; one that is not heard of any more is closed.
    now = system_time()
    async with network.parts.database.begin() as session:
        for number in range(MOST + 3):
            at = now - timedelta(seconds=MOST + 3 - number)
            typed_ = "typed" if number == 0 else None
            await Windows(session, draft, at).open("li", f"w{number}", edit=1, typed=typed_, at=at)
        kept = set(await session.scalars(select(DraftWindow.window_id).where(DraftWindow.by == "li")))
        assert len(kept) == MOST
        assert {"w0", f"w{MOST + 2}"} <= kept
        windows = Windows(session, draft, now)
        assert len(await windows.others("key-coordinator", "w1")) == MOST
        await windows.close("li", "w0")
        assert len(await windows.others("key-coordinator", "w1")) == MOST - 1
        later = Windows(session, draft, now + HEARD)
        assert await later.others("key-coordinator", "w1") == []
        mine = await later.typed("li")
        assert mine is not None
        assert mine.typed == "typed"
