"""Whatever is written outlives a lost connection and a sign-in that ended: it is sent when both are back, and stored once."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Page, Response, expect

from tests.api.conftest import START, Network
from tests.api.test_keys_and_accounts import GOOD, an_account
from tests.api.test_worklist import opened
from tests.console.browsing import Browsing
from tests.console.test_console_gate import ended, signs_in
from tests.console.test_console_inbox import asked
from tests.console.test_console_pathways import WIDE, desk, drafted, settled, typed
from tests.console.test_console_pharmacy import DUE

__all__ = ["desk"]

NOTE = "comes back from her daughter's"
KEPT = "Object.keys(sessionStorage).filter((key) => key.startsWith('kept '))"


@dataclass(frozen=True)
class Written:
    """A form that somebody of ``role`` writes at ``place``.

    ``begins``: what there is before, and the form's address; ``writes``: fills it in; ``sends``: the button; ``found``: what was
    stored of it.
    """

    role: str
    place: str
    begins: Callable[[Network], Awaitable[tuple[str, str]]]
    writes: Callable[[Page], Awaitable[None]]
    sends: str
    found: Callable[[Network, str], Awaitable[list[Any]]]


async def _told(network: Network, patient: str, kind: str) -> list[dict[str, Any]]:
    items = (await network.get(f"/patients/{patient}/events", limit=100)).json()["items"]
    return [one for one in items if one["kind"] == kind]


async def _to_visit(network: Network) -> tuple[str, str]:
    patient = await network.enrol()
    return patient, f"/patients/{patient}/visit"


async def _writes_a_visit(page: Page) -> None:
    await page.get_by_label("systolic pressure").fill("128")
    await page.get_by_label("diastolic pressure").fill("78")


async def _visits(network: Network, patient: str) -> list[Any]:
    return [one["readings"]["sbp"] == 128 for one in await _told(network, patient, "visit_completed")]


async def _to_call(network: Network) -> tuple[str, str]:
    patient = await network.enrol()
    await opened(network, patient, "call/today", due=START.date())
    return patient, f"/patients/{patient}/call"


async def _writes_a_call(page: Page) -> None:
    await page.get_by_label("Reached", exact=True).check()
    await page.get_by_label("Visit day agreed").fill("2025-03-10")


async def _calls(network: Network, patient: str) -> list[Any]:
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    return [day == "2025-03-10" for _ in await _told(network, patient, "call_made")]


async def _to_put_off(network: Network) -> tuple[str, str]:
    patient = await network.enrol()
    await opened(network, patient, "call/today", due=START.date())
    return patient, f"/today/tasks/{patient}?key=call/today"


async def _puts_off(page: Page) -> None:
    await page.locator("form.later").get_by_label("Note").fill(NOTE)


async def _put_off(network: Network, patient: str) -> list[Any]:
    mine = {"Authorization": "Bearer manager"}
    task = await network.http.get(f"/api/v1/tasks/{patient}?key=call/today", headers=mine)
    return [move["note"] == NOTE for move in task.json()["history"]]


async def _to_report(network: Network) -> tuple[str, str]:
    referral = await asked(network, "Sun Min", "B-2", "+8613812345679", emergency=True)
    for step in ("accept", "attended"):
        answer = await network.post(f"/referrals/{referral}/{step}", {}, "hospital-1")
        assert answer.status_code == 200, answer.text
    return referral, f"/inbox/referrals/{referral}"


async def _reports(page: Page) -> None:
    await page.get_by_label("What was found and done, and the plan").fill("Seen and treated.")


async def _reported(network: Network, referral: str) -> list[Any]:
    thread = (await network.get(f"/referrals/{referral}", "hospital-1")).json()["thread"]
    return [one["text"] == "Seen and treated." for one in thread if one["kind"] == "report"]


async def _to_refill(network: Network) -> tuple[str, str]:
    await network.enrol()
    await network.move_to(DUE)
    (refill,) = (await network.get("/refills", "pharmacy-1")).json()["items"]
    return str(refill["id"]), f"/inbox/refills/{refill['id']}"


async def _dispenses(page: Page) -> None:
    await page.locator("summary", has_text="Hand it out").click()
    await page.get_by_label("For how long").fill("10")


async def _dispensed(network: Network, refill: str) -> list[Any]:
    return [one["days"] == 10 for one in (await network.get(f"/refills/{refill}", "pharmacy-1")).json()["handed"]]


async def _to_enrol(network: Network) -> tuple[str, str]:
    return "N-1", "/patients/new"


async def _enrols(page: Page) -> None:
    for label, text in (("Record number", "N-1"), ("Name", "He Ping"), ("Born", "1961-05-01")):
        await page.locator("#enrol").get_by_label(label, exact=True).fill(text)
    async with page.expect_response(_means_hypertension):  # what it will mean is asked at each change: the last has come
        await page.get_by_label("hypertension").check()


def _means_hypertension(answer: Response) -> bool:
    return answer.url.endswith("/patients/new/preview") and "hypertension" in (answer.request.post_data or "")


async def _enrolled(network: Network, name: str) -> list[Any]:
    return [one["name"] == "He Ping" for one in (await network.get("/patients", search="He Ping")).json()["items"]]


FORMS = {
    "a visit": Written("health_manager", "team-1", _to_visit, _writes_a_visit, "Save the visit", _visits),
    "a call": Written("health_manager", "team-1", _to_call, _writes_a_call, "Save the call", _calls),
    "a task put off": Written("health_manager", "team-1", _to_put_off, _puts_off, "Put off", _put_off),
    "a referral's report": Written("clinic", "hospital-1", _to_report, _reports, "Report and finish", _reported),
    "a refill": Written("pharmacy", "pharmacy-1", _to_refill, _dispenses, "Hand it out", _dispensed),
    "an enrolment": Written("health_manager", "team-1", _to_enrol, _enrols, "Enrol", _enrolled),
}


async def ends_sign_in(network: Network, page: Page) -> None:
    (cookie,) = [one for one in await page.context.cookies() if one["name"] == "cairn_key"]
    await ended(network, cookie["value"])


async def signs_in_again(page: Page) -> None:
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Login").fill("zhou")
    await dialog.get_by_label("Password").fill(GOOD)
    await dialog.get_by_role("button", name="Sign in and go on").click()


@pytest.mark.parametrize("which", FORMS)
async def test_it_waits_for_the_connection_and_for_the_sign_in_and_is_stored_once(
    which: str, network: Network, browser: Browsing
) -> None:
    form = FORMS[which]
    whose, path = await form.begins(network)
    await an_account(network, role=form.role, place=form.place)
    page = await browser.person()
    await page.goto(path)
    browser.forgive("401")
    await signs_in(page)
    await form.writes(page)
    await page.context.set_offline(True)
    await page.get_by_role("button", name=form.sends).last.click()
    await expect(page.locator(".kept-waits")).to_contain_text("there is no connection")
    await ends_sign_in(network, page)
    written = await page.evaluate(KEPT)
    await page.context.set_offline(False)
    await expect(page.get_by_role("dialog")).to_contain_text("You were signed out")
    assert (len(written), await page.evaluate(KEPT)) == (1, written)
    await signs_in_again(page)
    await expect(page.locator("main > .notice").first).to_be_visible()
    assert await form.found(network, whose) == [True]
    assert await page.evaluate(KEPT) == []
    browser.forgive("ERR_INTERNET_DISCONNECTED")


async def test_a_draft_goes_on_where_it_was_after_a_sign_in_that_ended(network: Network, desk: Browsing) -> None:
    await an_account(network, role="coordinator", place="*")
    draft = await drafted(network)
    page = await desk.person(viewport=WIDE)
    await page.goto(f"/pathways/hypertension/drafts/{draft}")
    desk.forgive("401")
    await signs_in(page)
    await settled(page)
    await page.route("**/here", lambda route: route.abort())
    await typed(page, "basis: product", " of ours")
    await ends_sign_in(network, page)
    await page.keyboard.press("Control+s")
    await expect(page.get_by_role("dialog")).to_contain_text("You were signed out")
    await signs_in_again(page)
    await expect(page.locator("#state")).to_have_text(re.compile("^Saved at"))
    assert "basis: product of ours\n" in (await network.get(f"/drafts/{draft}", "coordinator")).json()["text"]
