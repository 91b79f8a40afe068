"""A hospital's and a pharmacy's day in the browser: what cannot wait is on top, each step says what it does, nothing is lost."""

from __future__ import annotations

import re
from datetime import timedelta

from playwright.async_api import Page, expect
from sqlalchemy import inspect as sa_inspect
from sqlalchemy import select

from api.console.pages.inbox.listing import ON_A_PAGE
from records.patient_list import PatientList
from records.tables import ReferralRow
from tests.api.conftest import EMERGENCY, WELL, Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, legible_in_both, seen

NASTY = "<img src=x onerror=alert(1)>{{ 7 * 7 }}"


async def asked(network: Network, name: str, identifier: str, phone: str, *, emergency: bool = False) -> str:
    """A patient for whom hospital-1 was asked: the id of the referral."""
    patient = await network.enrol(name=name, identifier=identifier, phone=phone)
    readings = EMERGENCY if emergency else {**WELL, "adr_hard_to_control": True}
    await network.post(f"/patients/{patient}/visits", {"readings": readings})
    if emergency:
        (task,) = [
            one for one in (await network.get("/tasks", kind="confirm_referral")).json()["items"] if one["patient"]["id"] == patient
        ]
        await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    (row,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    return str(row["id"])


async def test_a_hospital_reads_why_the_patient_comes_in_words(network: Network) -> None:
    patient = await network.enrol()
    for day in ("04", "18"):  # not controlled twice running
        await network.move_to(f"2025-03-{day}T01:00:00Z")
        told = await network.post(f"/patients/{patient}/visits", {"readings": {**WELL, "sbp": 154}})
        assert told.status_code in (200, 201), told.text
    (row,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    await network.http.get("/?key=hospital-1")
    page = (await network.http.get(f"/inbox/referrals/{row['id']}")).text
    for written in ("mmHg", "not controlled the time before"):
        assert written in page, written
    assert "previous." not in page


async def test_a_place_finds_a_request_again_by_name_or_number_and_never_what_another_place_was_asked(
    browser: Browsing, network: Network
) -> None:
    mine = await asked(network, NASTY, "B-2", "+8613812345679")
    done = await asked(network, "Zhang Weiming", "C-3", "+8613812345670")
    answer = await network.post(f"/referrals/{done}/complete", {"report": "seen"}, "hospital-1")
    assert answer.status_code == 200, answer.text
    page = await browser.person("hospital-1")
    await expect(page.locator("li.request")).to_have_count(1)
    await page.get_by_label("Patient's name, or number of the request").fill("weim zhang")
    await page.keyboard.press("Enter")
    found = page.locator("li.request")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("Zhang Weiming")
    await expect(page.get_by_role("searchbox")).to_have_value("weim zhang")
    await accessible(page)
    await seen(page, "inbox-found")
    await found.get_by_role("link").click()
    await expect(page.locator(".head")).to_contain_text(f"Request {done[:8]}")

    await page.goto(f"/inbox/find?for={mine[:8].upper()}")
    await expect(found).to_contain_text(NASTY)
    await page.get_by_label("Patient's name, or number of the request").fill("Weiming 张")
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_text("Nothing was found.")).to_be_visible()
    await accessible(page)
    await page.get_by_role("link", name="The whole inbox").click()
    await expect(page).to_have_url(f"{browser.url}/inbox")
    await page.goto("/inbox/find?for=%20")
    await expect(page).to_have_url(f"{browser.url}/inbox")

    for key in ("hospital-2", "pharmacy-1"):  # another hospital, and one that was asked nothing
        other = {"Cookie": f"cairn_key={key}"}
        for sought in ("Zhang", done[:8], done):
            answer = await network.http.get("/inbox/find", params={"for": sought}, headers=other)
            assert (answer.status_code, "Zhang Weiming" in answer.text) == (200, False)
            foreign = await network.http.get("/inbox/find", params={"for": sought, "place": "hospital-1"}, headers=other)
            assert foreign.status_code == 404
    entries = (await network.get("/audit", "auditor", who="key-hospital-1")).json()["items"]
    assert any(one["action"] == "inbox.read" and one["patients"] for one in entries), "whose record is shown stands in the log"
    assert "weim" not in str(entries)
    phone = await browser.person("coordinator", viewport=PHONE, language="zh-Hant", theme="dark")
    await phone.goto("/inbox/find?for=zhang&place=hospital-1")
    await expect(phone.locator("li.request")).to_have_count(1)
    await fits(phone)
    await accessible(phone)


async def test_what_is_found_goes_on_behind_the_end_of_the_page(network: Network) -> None:
    first = await asked(network, "Li", "B-2", "+8613812345679")
    async with network.parts.database.begin() as session:
        row = (await session.scalars(select(ReferralRow).where(ReferralRow.id == first))).one()
        person = (await PatientList(session, network.parts.vault).vaults([row.patient_id]))[row.patient_id]
        body = person.open(f"referral/{row.key}", row.sealed)
        copied = {column.key: getattr(row, column.key) for column in sa_inspect(ReferralRow).columns}
        for n in range(ON_A_PAGE):
            own = {"id": f"{n:032x}", "key": f"copy/{n}", "asked": row.asked - timedelta(days=n + 1)}
            session.add(ReferralRow(**copied | own | {"sealed": person.seal(f"referral/copy/{n}", body)}))
    mine = {"Cookie": "cairn_key=hospital-1"}
    page = (await network.http.get("/inbox/find?for=li", headers=mine)).text
    assert page.count('<li class="request') == ON_A_PAGE
    onward = re.search(r'hx-get="(/inbox/find[^"]*)"', page)
    assert onward is not None
    rest = (await network.http.get(onward[1].replace("&amp;", "&"), headers={**mine, "HX-Request": "true"})).text
    assert (rest.count('<li class="request'), "<html" in rest) == (1, False)
    odd = await network.http.get("/inbox/find?for=li&after=x", headers=mine)
    assert (odd.status_code, "That was all." in odd.text) == (200, True)


async def test_a_hospitals_day_from_the_list_to_the_report(browser: Browsing, network: Network) -> None:
    routine = await asked(network, "李强", "B-2", "+8613812345679")
    await network.move_to("2025-03-03T05:00:00Z")
    urgent = await asked(network, NASTY, "C-3", "+8613812345670", emergency=True)
    page = await browser.person("hospital-1")
    await expect(page).to_have_url(f"{browser.url}/inbox")
    await expect(page).to_have_title(re.compile(r"^\(2\) Inbox"))
    lines = page.locator("li.request")
    await expect(lines.first).to_contain_text(NASTY)  # came last, and is an emergency
    await expect(lines.first).to_contain_text("Emergency")
    await expect(lines.nth(1)).to_contain_text("3 days left")
    await accessible(page)
    await seen(page, "inbox-list")

    await lines.first.get_by_role("link").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(NASTY)
    await expect(page.locator(".rq-figures")).to_contain_text("192")
    await expect(page.locator("main")).to_contain_text("Not kept here: ask the patient.")
    await legible_in_both(page)
    await seen(page, "inbox-referral")
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_role("status")).to_contain_text("texted where to go")
    await page.locator("summary", has_text="Ask the centre something").click()
    await page.get_by_label("What do you want to know?").fill(f"Which medicines? {NASTY}")
    await page.locator("details[open]").get_by_role("button").click()
    await expect(page.locator("#said")).to_contain_text(f"Which medicines? {NASTY}")

    # The centre answers on the same page, with its own steps.
    team = await browser.person("manager")
    await team.goto(f"/inbox/referrals/{urgent}")
    assert await team.get_by_role("button", name="Accept").count() == 0
    await accessible(team)
    await seen(team, "inbox-referral-team")
    await team.get_by_label("Your answer").fill("One tablet in the morning.")
    await team.get_by_role("button", name="Send the answer").click()
    await expect(team.locator("#said")).to_contain_text("One tablet in the morning.")

    # The hospital had not reloaded: what it typed is kept, and it is shown what came meanwhile.
    await page.locator("#f-book-day").fill("2025-03-05")
    await page.get_by_role("button", name="Book a day").click()
    changed = page.locator(".meanwhile")
    await expect(changed).to_contain_text("One tablet in the morning.")
    await expect(page.locator("#f-book-day")).to_have_value("2025-03-05")
    await accessible(page)
    await seen(page, "inbox-quicker")
    browser.forgive("422")
    await page.get_by_role("button", name="Book a day").click()
    await expect(page.locator("ol.rq-road")).to_contain_text("for Wed 5 Mar 2025")
    texts = [sms.text for sms in await network.channel.messages("+8613812345670")]
    assert "3月5日" in texts[-1]

    await network.move_to("2025-03-05T06:00:00Z")
    await page.reload()
    await page.get_by_role("button", name="Was here").click()
    await page.locator("summary", has_text="Send back to the centre").click()
    await page.get_by_label("What was found and done").last.fill("Seen and treated.")
    await page.get_by_label("What the centre should do").fill("Measure weekly.")
    there = page.locator("details[open]")
    await there.get_by_label("systolic pressure").fill("1480")
    await there.get_by_label("diastolic pressure").fill("86")
    await page.get_by_role("button", name="Send back to the centre").click()
    await expect(there.locator(".fault")).to_contain_text("between 50 and 300")
    await expect(page.get_by_label("What the centre should do")).to_have_value("Measure weekly.")
    await there.get_by_label("systolic pressure").fill("148")
    await accessible(page)
    await seen(page, "inbox-report")
    browser.forgive("422")
    await page.get_by_role("button", name="Send back to the centre").click()
    await expect(page.locator("#said")).to_contain_text("Measure weekly.")
    said = (await network.get(f"/referrals/{urgent}")).json()
    assert (said["stage"], said["report"], said["instructions"]) == ("sent_back", "Seen and treated.", "Measure weekly.")
    known = (await network.get(f"/patients/{said['patient']['id']}")).json()["readings"]
    assert (known["sbp"]["value"], known["dbp"]["value"]) == (148, 86)
    await expect(page.locator("main")).to_contain_text("is not shown to you any more")
    await seen(page, "inbox-done")
    assert (await network.get(f"/referrals/{routine}")).json()["stage"] == "requested"


async def test_what_comes_while_the_list_is_open_is_said_politely(browser: Browsing, network: Network) -> None:
    page = await browser.person("hospital-1", viewport=PHONE, language="zh-Hans")
    await expect(page.locator(".nothing")).to_be_visible()
    await accessible(page)
    await asked(network, "李强", "B-2", "+8613812345679")
    await page.evaluate("document.body.dispatchEvent(new Event('heard'))")
    await expect(page.locator("li.request")).to_contain_text("李强")
    await expect(page.locator("#news")).not_to_be_empty()
    await expect(page).to_have_title(re.compile(r"^\(1\)"))
    await fits(page)
    await accessible(page)
    await seen(page, "inbox-phone-zh")
    await page.locator("li.request a").click()
    await expect(page.locator("ol.rq-road")).to_be_visible()
    await fits(page)
    await accessible(page)
    await seen(page, "inbox-referral-phone-zh")
    await calls_off(browser, page)


async def calls_off(browser: Browsing, place: Page) -> None:
    """The care team does not need it any more; the place that still looks at it cannot accept what is not there."""
    team = await browser.person("doctor")
    await team.goto(place.url)
    await team.locator("summary", has_text="Call it off").click()
    await team.get_by_label("Why it is not needed any more").fill("Better again")
    await team.get_by_role("button", name="Call it off").click()
    await expect(team.get_by_role("status")).to_contain_text("Called off")
    await place.locator(".rq-step.first button").click()
    await expect(place.locator(".meanwhile")).to_contain_text("Better again")
    browser.forgive("422")


async def test_whoever_has_read_on_keeps_what_they_see_when_something_comes(browser: Browsing, network: Network) -> None:
    for n in range(ON_A_PAGE + 2):
        await asked(network, f"王{n}", f"W-{n}", f"+86138123457{n:02d}")
    page = await browser.person("hospital-1")
    lines = page.locator("li.request")
    await page.locator("li.more").scroll_into_view_if_needed()
    await expect(lines).to_have_count(ON_A_PAGE + 2)
    await asked(network, "李强", "B-2", "+8613812345679")
    async with page.expect_response(lambda answer: "seen=" in answer.url) as drawn:
        await page.evaluate("document.body.dispatchEvent(new Event('heard'))")
    assert (await (await drawn.value).text()).count('<li class="request') == ON_A_PAGE + 2
    await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")  # whoever reads on sees the rest
    await expect(lines).to_have_count(ON_A_PAGE + 3)
    await expect(page.locator("li.request", has_text="李强")).to_be_visible()
