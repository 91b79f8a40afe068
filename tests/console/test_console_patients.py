"""A person's page, and what is done with a person: found, understood, told, enrolled."""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page, expect

from tests.api.conftest import EMERGENCY, WANG, WELL, Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, legible_in_both, seen


async def a_story(network: Network) -> str:
    """Somebody with a year behind them: tags that changed, readings, fills, a gap, texts and a referral."""
    patient = await network.enrol()
    path = f"/patients/{patient}"
    for day, told in (
        ("2025-03-17", {**WELL, "sbp": 152, "dbp": 94}),
        ("2025-04-01", {**WELL, "sbp": 148, "dbp": 92}),
        ("2025-04-15", {**WELL, "sbp": 138, "dbp": 86}),
        ("2025-07-11", WELL),
        ("2025-10-08", {**WELL, "sbp": 134, "dbp": 84}),
    ):
        await network.move_to(f"{day}T02:00:00Z")
        answer = await network.post(f"{path}/visits", {"readings": told})
        assert answer.status_code == 200, answer.text
        await network.post(f"{path}/dispenses", {"medicine": "amlodipine", "days": 30})
    await network.post("/sandbox/replies", {"from": WANG["phone"], "text": "138/85"}, "gateway")
    await network.move_to("2025-10-20T02:00:00Z")
    await network.post(f"{path}/visits", {"readings": EMERGENCY})
    return patient


async def opened(page: Page, part: str) -> None:
    """Scroll to a part and wait until it has come."""
    await page.locator(f"#{part}").scroll_into_view_if_needed()
    await expect(page.locator(f"#{part}[aria-busy]")).to_have_count(0)


PARTS = ("tags", "ahead", "readings", "medicines", "referrals", "messages", "timeline")


async def test_a_persons_page_shows_what_is_open_now_and_why_everything_came(network: Network, browser: Browsing) -> None:
    await a_story(network)
    page = await browser.person("manager")
    await page.goto("/patients")
    await expect(page.locator("#people")).to_contain_text("王秀英")
    await accessible(page)
    await seen(page, "patients-list")
    await page.locator("#f-search").fill("王")
    await page.keyboard.press("Enter")
    await page.get_by_role("link", name="王秀英").click()
    await expect(page.locator(".p-now")).to_contain_text("Approve or decline the referral: critical pressure")
    for part in PARTS:
        await opened(page, part)
    await expect(page.locator("#readings canvas").first).to_be_visible()
    await expect(page.locator("#readings")).to_contain_text("< 150")
    await expect(page.locator("#tags .tagband rect")).not_to_have_count(1)
    await page.locator("#timeline summary").filter(has_text="Emergency referral by row").first.click()
    await expect(page.locator("#timeline details[open]")).to_contain_text("HTN-E1")
    await expect(page.locator("#timeline details[open]")).to_contain_text("The visit of 20 Oct 2025 was recorded, by manager")
    await page.locator("#timeline details[open]").get_by_role("link", name="How it stands now").click()
    await expect(page.locator("#timeline details[open] .answer")).to_be_visible()
    await legible_in_both(page)
    await page.evaluate("scrollTo(0, 0)")
    await seen(page, "patients-person")


async def test_a_persons_page_on_a_phone_in_the_dark_in_chinese(network: Network, browser: Browsing) -> None:
    patient = await a_story(network)
    page = await browser.person("manager", viewport=PHONE, language="zh-Hans", theme="dark")
    await page.goto(f"/patients/{patient}")
    for part in PARTS:
        await opened(page, part)
    await fits(page)
    await accessible(page)
    await page.evaluate("scrollTo(0, 0)")
    await seen(page, "patients-phone")
    await page.goto("/patients")
    await fits(page)
    await seen(page, "patients-list-phone")


async def test_what_a_pause_will_do_is_shown_before_it_is_saved_and_the_wrong_reading_is_put_right(
    network: Network, browser: Browsing
) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": {**WELL, "sbp": 193}})
    page = await browser.person("manager")
    await page.goto(f"/patients/{patient}")
    await opened(page, "readings")
    await page.locator("#readings summary").first.click()
    await page.locator("#readings").get_by_role("link", name=re.compile("Put right.*3 Mar")).click()
    await page.get_by_label("systolic pressure").fill("133")
    await page.get_by_label("systolic pressure").blur()
    await expect(page.locator("#would")).to_contain_text("red → green")
    await accessible(page)
    await seen(page, "patients-correct")
    await page.get_by_role("button", name="Put it right").click()
    await expect(page.locator(".notice")).to_contain_text("Put right")
    assert (await network.get(f"/patients/{patient}")).json()["tag"] == "green"

    await page.locator(".p-deeds summary").click()
    await seen(page, "patients-deeds")
    await page.get_by_role("link", name="Pause: travelling").click()
    await page.get_by_label("Last day of the pause").fill("2025-04-20")
    await expect(page.locator("#would")).to_contain_text("Care rests until 20 Apr 2025")
    await expect(page.locator("#would")).to_contain_text("2 refills")  # what falls into it
    await accessible(page)
    await seen(page, "patients-pause")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".p-now")).to_contain_text("until Sun 20 Apr 2025")
    assert (await network.get(f"/patients/{patient}")).json()["life"] == "paused"
    await page.get_by_role("link", name="Care goes on").first.click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".notice")).to_contain_text("Saved")

    await page.goto(f"/patients/{patient}/consent")
    await page.get_by_label("No texts: somebody calls instead").check()
    await expect(page.locator("#would")).to_contain_text("STOP")
    await accessible(page)
    await seen(page, "patients-consent")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".p-facts")).to_contain_text("wants none")

    await page.goto(f"/patients/{patient}/number")
    await page.get_by_label("Number", exact=True).fill("138 0000 1111")
    await seen(page, "patients-number")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("main")).to_contain_text("+8613800001111")
    await accessible(page)
    await page.get_by_role("button", name="It is theirs").click()
    await expect(page.locator(".p-facts")).to_contain_text("+8613800001111")


async def test_somebody_is_enrolled_by_keyboard_after_its_meaning_was_shown(network: Network, browser: Browsing) -> None:
    page = await browser.person("manager")
    await page.goto("/patients")
    await page.locator(".head").get_by_role("link", name="Enrol somebody").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Record number").focus()
    for typed in ("A-7", "Tab", "Li Ming", "Tab", "05011956"):
        await (page.keyboard.press(typed) if typed == "Tab" else page.keyboard.type(typed))
    await page.get_by_label("hypertension").press("Space")
    await expect(page.locator("#meaning")).to_contain_text("Hypertension")
    await expect(page.locator("#meaning")).to_contain_text("First due")
    await accessible(page)
    await seen(page, "patients-new")
    await page.get_by_label("Systolic pressure").fill("999")
    await page.get_by_role("button", name="Enrol", exact=True).press("Enter")
    await expect(page).to_have_url(re.compile("/patients/[0-9a-f]{32}$"))
    await expect(page.locator("h1")).to_contain_text("Li Ming")
    await page.goto("/patients?search=A-7")
    await page.get_by_role("link", name="Li Ming").click()
    await page.goto(page.url + "/summary?language=es")
    await accessible(page)
    await seen(page, "patients-summary")
    await page.goto("/patients/new")
    await fits(page)


async def _form(network: Network, path: str, **fields: Any) -> Any:
    """Send a page's form as a browser without a script does."""
    page = (await network.http.get(path)).text
    keys = dict(re.findall(r'name="(csrf|once|read)" value="([^"]*)"', page.replace("&#34;", "")))
    read = re.search(r'name="read" value="([^"]*)"', page)
    sent = {**keys, **({"read": read.group(1).replace("&#34;", '"')} if read else {}), **fields}
    return await network.http.post(path, data=sent)


async def test_without_a_script_everything_saves_and_what_is_refused_keeps_what_was_typed(network: Network) -> None:
    patient = await network.enrol(name="<img src=x onerror=alert(1)>")
    await network.http.get("/?key=manager")
    path = f"/patients/{patient}"
    for part in ("", *(f"/{one}" for one in PARTS), "/why?service=follow_up", "/summary", "/corrections", "/team"):
        page = await network.http.get(path + part)
        assert page.status_code == 200, part
        assert "<img" not in page.text
        assert 'type="module"' in page.text
    past = await _form(network, f"{path}/life/pause", until="2025-01-01")
    assert (past.status_code, "2025-01-01" in past.text, "is past" in past.text) == (422, True, True)
    await network.post(f"{path}/hospitalised")
    stale = await _form(network, f"{path}/life/discharged", read='"0.team-1"')
    assert stale.status_code == 422
    assert "changed since you read it" in stale.text
    assert (await _form(network, f"{path}/life/discharged")).status_code == 303
    nothing = await _form(network, "/patients/new", identifier="A-1", name="x")
    assert (nothing.status_code, "Write the day on which they were born" in nothing.text) == (422, True)
    assert 'value="A-1"' in nothing.text
    again = await _form(network, "/patients/new", identifier="A-1", name="Wang", born="1960-05-01", condition="hypertension")
    assert again.headers["location"] == path  # known already: here they are
    unfit = await _form(network, "/patients/new", identifier="A-9", name="Wang", born="1960-05-01", phone="138 1234 5678")
    assert "No pathway fits" in unfit.text
    moved = await _form(network, f"{path}/team", care_team="team-2")
    assert (moved.status_code, moved.headers["location"]) == (303, "/patients")
    assert (await network.http.get(path)).status_code == 404
    await network.http.get("/?key=other-manager")
    assert (await network.http.get(path)).status_code == 200
    await network.http.get("/?key=supervisor")
    assert (await network.http.get(path)).status_code == 403
    assert "patients/new" not in (await network.http.get("/me")).text


async def test_of_what_was_told_each_screening_and_each_medicine_says_which_it_was(network: Network) -> None:
    patient = await network.enrol(conditions=["hypertension", "type2_diabetes"], readings={"sbp": 132, "dbp": 82, "fpg": 6.1})
    for service in ("foot_screening", "eye_screening"):
        assert (await network.post(f"/patients/{patient}/services", {"service": service})).status_code in (200, 201)
    handed = {"medicine": "amlodipine", "days": 30}
    assert (await network.post(f"/patients/{patient}/dispenses", handed)).status_code in (200, 201)
    await network.http.get("/?key=manager")
    page = (await network.http.get(f"/patients/{patient}/corrections")).text
    for named in ("Foot check", "Eye check", "medicine handed out: amlodipine"):
        assert named in page, "or the wrong one is put right"


async def test_people_are_found_by_number_and_narrowed_by_how_they_stand(network: Network) -> None:
    first = await network.enrol()
    second = await network.enrol(identifier="B-22", name="Li Ming", phone="+8613900000000", conditions=["type2_diabetes"])
    await network.post(f"/patients/{second}/hospitalised")
    await network.http.get("/?key=centre-manager")
    for query, found in (
        ("", {first, second}),
        ("search=b-22", {second}),
        ("search=13900000000", {second}),
        ("search=Li+Ming", {second}),
        ("life=in_hospital", {second}),
        ("pathway=hypertension", {first}),
        ("team=team-2", set()),
        ("reach=unreachable", set()),
        ("tag=red", set()),
    ):
        page = (await network.http.get(f"/patients?{query}")).text
        assert set(re.findall(r'href="/patients/([0-9a-f]{32})"', page)) == found, query
    assert (await network.http.get("/patients?after=x")).status_code == 422
