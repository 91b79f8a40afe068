"""Running an installation from the browser: what is dangerous says so first, what is secret is shown once, and nobody reaches
beyond their own place."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from playwright.async_api import expect

from api.console.pages.admin.actions import ACTIONS
from api.rights import RIGHTS
from records.audit import WITNESS
from tests.api.conftest import EMERGENCY, Network
from tests.api.test_keys_and_accounts import sign_in
from tests.api.test_network_places import a_key
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen
from tests.console.test_console_gate import sends

PAGES = (
    "",
    "/places",
    "/places/network",
    "/people",
    "/keys",
    "/connections",
    "/connections/smart/new",
    "/connections/hooks/new",
    "/connections/pushes/new",
    "/stock",
    "/channels",
    "/closures",
    "/holidays?year=2025",
    "/limits",
    "/clock",
)


async def test_an_administrator_adds_a_person_who_signs_in_and_is_closed_out_again(network: Network, browser: Browsing) -> None:
    page = await browser.person("administrator")
    await expect(page).to_have_url(f"{browser.url}/admin")
    await page.get_by_role("link", name="People").click()
    await page.get_by_role("link", name="Add a person").click()
    await page.get_by_label("Login").fill("li.na")
    await page.get_by_label("Name").fill("<b>Li Na</b>")
    await page.get_by_label("Role").select_option("doctor")
    await page.get_by_label("Place or care team").fill("hospital-1")
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.locator("#faults")).to_be_visible()
    await accessible(page)
    browser.forgive("422")
    await page.get_by_label("Place or care team").fill("team-1")
    await seen(page, "admin-asked")
    await page.get_by_role("button", name="Make the account").click()
    await expect(page.locator("#secret")).to_be_visible()
    await accessible(page)
    await seen(page, "admin-secret")
    password = await page.locator("#secret").inner_text()
    assert (await sign_in(network, "li.na", password)).status_code == 201
    await page.get_by_role("link", name="I have kept it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("<b>Li Na</b>")
    await accessible(page)
    await seen(page, "admin-person")
    await page.get_by_role("link", name="Close", exact=True).click()
    await expect(page.get_by_text("They are signed out at once")).to_be_visible()
    await accessible(page)
    await seen(page, "admin-danger")
    await page.get_by_role("button", name="Close the account").click()
    await expect(page.get_by_role("main").get_by_text("closed", exact=True)).to_be_visible()
    assert (await sign_in(network, "li.na", password)).status_code == 401
    await page.get_by_role("link", name="Open again").click()
    await page.get_by_role("button", name="Open the account again").click()
    await expect(page.get_by_role("link", name="Close", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Make another").click()
    await page.get_by_role("button", name="Make another password").click()
    other = await page.locator("#secret").inner_text()
    assert (await sign_in(network, "li.na", other)).status_code == 201


async def test_every_page_of_administration_can_be_read_by_everybody(network: Network, browser: Browsing) -> None:
    await network.post("/closures", {"place": "centre-1", "first": "2025-03-10", "last": "2025-03-12"}, "administrator")
    await network.post("/holidays/CN", {"country": "CN", "years": [2025]}, "administrator")
    page = await browser.person("administrator")
    for path in PAGES:
        await page.goto(f"/admin{path}")
        await accessible(page)
        await seen(page, f"admin-{re.sub(r'[^a-z]+', '-', path).strip('-') or 'health'}")


async def test_an_auditor_finds_who_opened_a_record_and_that_the_log_holds(network: Network, browser: Browsing) -> None:
    patient = await network.enrol()
    await network.get(f"/patients/{patient}", "doctor")
    page = await browser.person("auditor")
    await expect(page).to_have_url(f"{browser.url}/admin/audit")
    await page.get_by_label("Patient's name or record number").fill(patient)
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_role("cell", name="enrolled somebody patients.enrol")).to_be_visible()
    await accessible(page)
    await seen(page, "admin-audit")
    await page.get_by_role("button", name="Verify").click()
    await expect(page.get_by_text("The log holds")).to_be_visible()
    await fits(page)


async def test_an_auditor_asks_by_name_by_record_number_and_by_what_was_done(network: Network, browser: Browsing) -> None:
    first = await network.enrol(name="Li Ming", identifier="B-2", phone="+8613812345679")
    second = await network.enrol(name="Li Mingyue", identifier="C-3", phone="+8613812345670")
    await network.get(f"/patients/{first}", "doctor")
    made = {"login": "li.na", "name": "李娜", "role": "doctor", "place": "team-1", "password": "a few words that nobody guesses"}
    assert (await network.post("/accounts", made, "administrator")).status_code == 201
    page = await browser.person("auditor", language="zh-Hans")
    patient, who = page.get_by_label("患者姓名或档案号"), page.get_by_label("操作者")
    entries = page.locator("tbody tr")

    async def finds(**filled: str) -> None:
        await page.goto(f"/admin/audit?{urlencode(filled)}")

    await patient.fill("li ming")
    await page.get_by_role("button", name="查找").click()
    await expect(page.get_by_role("heading", name="指的是谁的档案？")).to_be_visible()
    await accessible(page)
    await seen(page, "admin-audit-choice")
    await page.get_by_role("link", name="Li Mingyue").click()
    await expect(patient).to_have_value(second)
    await expect(entries).not_to_have_count(0)
    await finds(patient="B-2", who="doctor")
    await expect(entries).to_have_count(1)
    await expect(entries).to_contain_text("查看患者")
    await expect(who).to_have_value("doctor")
    await finds(patient="B-2", action="patients.enrol")
    await expect(entries.first).to_contain_text("登记患者")
    await expect(entries.filter(has_text="查看患者")).to_have_count(0)
    await page.get_by_label("操作", exact=True).select_option("更改患者档案")
    await page.get_by_role("button", name="查找").click()
    await expect(page.get_by_text("请核对姓名或编号和日期")).to_be_visible()
    await finds(who="李娜")
    await expect(page.locator("datalist option[value='李娜']")).to_have_count(1)
    await finds(who="key-manager")
    await expect(entries.first).to_contain_text("manager")
    await finds(who="o")
    await expect(page.get_by_role("heading", name="指的是谁？")).to_be_visible()
    await finds(patient="Nobody Knows")
    await expect(page.get_by_text("请核对姓名或编号和日期")).to_be_visible()
    phone = await browser.person("auditor", viewport=PHONE, language="es", theme="dark")
    await phone.goto("/admin/audit?patient=li")
    await fits(phone)
    await accessible(phone)


def test_every_right_is_told_as_a_deed() -> None:
    assert set(ACTIONS) == {*RIGHTS, WITNESS}


async def test_a_place_and_its_team_are_made_changed_and_only_an_empty_one_is_deleted(network: Network) -> None:
    key = "administrator"
    made = await sends(
        network, "/admin/places/new?kind=centre&parent=network", key, name="New <i>Centre</i>", parent="network", once="1"
    )
    assert made.status_code == 303, made.text
    path = made.headers["location"]
    shown = await network.http.get(path, headers={"Cookie": f"cairn_key={key}"})
    assert "New &lt;i&gt;Centre&lt;/i&gt;" in shown.text
    again = await sends(
        network, "/admin/places/new?kind=centre&parent=network", key, name="New <i>Centre</i>", parent="network", once="1"
    )
    assert again.headers["location"] == path, "sent twice, made once"
    place = path.rpartition("/")[2]
    changed = await sends(network, f"{path}/change", key, name="North Centre", parent="network", read='"1"')
    assert changed.status_code == 303
    late = await sends(network, f"{path}/change", key, name="South Centre", parent="network", read='"1"')
    assert (late.status_code, "South Centre" in late.text) == (422, True)
    team = {"name": "Night team", "organisation": place, "capacity": "10", "timezone": "Asia/Shanghai", "emergency_number": "120"}
    wrong = await sends(network, "/admin/teams/new", key, **{**team, "timezone": "Asia/Nowhere"})
    assert (wrong.status_code, 'id="e-timezone"' in wrong.text) == (422, True)
    assert (await sends(network, "/admin/teams/new", key, **team)).status_code == 303
    stays = await sends(network, f"{path}/delete", key)
    assert (stays.status_code, "still hangs on the place" in stays.text) == (409, True)
    hospital = await sends(network, "/admin/places/new?kind=hospital&parent=network", key, name="Empty", parent="network")
    gone = await sends(network, f"{hospital.headers['location']}/delete", key)
    assert gone.headers["location"] == "/admin/places/network"


async def test_a_key_is_shown_once_replaced_and_taken_back(network: Network) -> None:
    admin = "administrator"
    form = {"name": "a tool", "role": "clinic", "place": "hospital-1", "expires_in_days": "30"}
    shown = await sends(network, "/admin/keys/new", admin, **form)
    (key,) = re.findall(r'id="secret">(cairn_[^<]+)<', shown.text)
    assert (await network.get("/referrals", key)).status_code == 200
    listed = await network.http.get("/admin/keys", headers={"Cookie": f"cairn_key={admin}"})
    assert key not in listed.text
    rows = {row["name"]: row["id"] for row in (await network.get("/keys", admin)).json()["items"]}
    before = await network.http.get(f"/admin/keys/{rows['a tool']}/revoke", headers={"Cookie": f"cairn_key={admin}"})
    assert "stops working within seconds" in before.text
    replaced = await sends(network, f"/admin/keys/{rows['a tool']}/replace", admin, grace_hours="0")
    (fresh,) = re.findall(r'id="secret">(cairn_[^<]+)<', replaced.text)
    assert (await network.get("/referrals", key)).status_code == 401
    assert (await sends(network, f"/admin/keys/{rows['a tool']}/replace", admin, grace_hours="0")).status_code == 409
    found = [
        row["id"]
        for row in (await network.get("/keys", admin)).json()["items"]
        if row["name"] == "a tool" and row["id"] != rows["a tool"]
    ]
    assert (await sends(network, f"/admin/keys/{found[0]}/revoke", admin)).status_code == 303
    assert (await network.get("/referrals", fresh)).status_code == 401


async def test_closing_a_place_says_first_what_it_moves(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    form = {"place": "centre-1", "first": day, "last": day, "reason": "rebuilding"}
    shown = await sends(network, "/admin/closures/new", "coordinator", **form)
    assert (shown.status_code, "One booked visit gets another day." in shown.text) == (200, True)
    assert (await network.get("/closures", "coordinator")).json()["items"] == []
    assert (await sends(network, "/admin/closures/new", "coordinator", **form, sure="yes")).status_code == 303
    (closure,) = (await network.get("/closures", "coordinator")).json()["items"]
    assert (await sends(network, f"/admin/closures/{closure['id']}/open", "coordinator")).status_code == 303
    assert (await network.get("/closures", "coordinator")).json()["items"] == []


async def test_limits_holidays_and_the_clock_are_changed_where_they_may_be(network: Network) -> None:
    page = await network.http.get("/admin/limits", headers={"Cookie": "cairn_key=coordinator"})
    fields = {name: value for name, value in re.findall(r'name="([\w.]+)" value="([^"]*)"', page.text) if "." in name}
    changed = {**fields, "within.emergency.requested": "2 hours", "read": '"0"'}
    assert (await sends(network, "/admin/limits?network=network", "coordinator", **changed)).status_code == 303
    kept = (await network.get("/places/network/referral-limits", "coordinator")).json()
    assert (list(kept["written"]), kept["limits"]["emergency"]["requested"]["within"]) == (["emergency"], "2 hours")
    odd = {**changed, "within.emergency.requested": "soon", "read": '"1"'}
    refused = await sends(network, "/admin/limits?network=network", "coordinator", **odd)
    assert (refused.status_code, 'value="soon"' in refused.text) == (422, True)
    day = {"calendar": "CN", "day": "2025-10-01", "what": "holiday", "name": "National Day"}
    assert (await sends(network, "/admin/holidays/day", "coordinator", **day)).status_code == 303
    mine = {"Cookie": "cairn_key=coordinator"}
    before = await network.http.get("/admin/holidays/remove?calendar=CN&day=2025-10-01", headers=mine)
    assert "It is a working day again" in before.text
    assert "0 visits are booked on it" in before.text
    assert (await network.http.get("/admin/holidays/remove?calendar=CN&day=2025-10-02", headers=mine)).status_code == 404
    assert (await sends(network, "/admin/holidays/day", "coordinator", **{**day, "what": "none"})).status_code == 303
    assert (
        await sends(network, "/admin/holidays/take-over", "coordinator", calendar="CN", country="cn", year="2025")
    ).status_code == 303
    assert (
        await sends(network, "/admin/holidays/take-over", "coordinator", calendar="CN", country="XX", year="2025")
    ).status_code == 422
    assert (await sends(network, "/admin/clock", "administrator", to="2025-03-03T02:00")).status_code == 303
    assert (await sends(network, "/admin/clock", "administrator", to="2025-03-03T01:00")).status_code == 422
    assert (await network.get("/clock", "administrator")).json()["now"] == "2025-03-03T02:00:00Z"


@pytest.mark.parametrize("role", ["manager", "doctor", "hospital-1", "pharmacy-1", "supervisor", "gateway", "approver"])
async def test_who_does_not_run_the_installation_sees_none_of_it(network: Network, role: str) -> None:
    mine = {"Cookie": f"cairn_key={role}"}
    for path in (*(f"/admin{path}" for path in PAGES), "/admin/audit"):
        if path == "/admin/channels" and role == "supervisor":
            continue  # what texts cost is theirs to see
        assert (await network.http.get(path, headers=mine)).status_code == 403, path
    assert 'href="/admin' not in (await network.http.get("/me", headers=mine)).text


async def test_an_administrator_of_a_centre_stays_within_it(network: Network) -> None:
    key = await a_key(network, "centre-admin", "administrator", "centre-1")
    mine = {"Cookie": f"cairn_key={key}"}
    assert (await network.http.get("/admin/places", headers=mine)).headers["location"] == "/admin/places/centre-1"
    for path in ("/admin/places/centre-2", "/admin/teams/team-3", "/admin/keys/key-foreign-manager/revoke"):
        assert (await network.http.get(path, headers=mine)).status_code == 404, path
    assert (await sends(network, "/admin/keys/key-foreign-manager/revoke", key)).status_code == 404
    beyond = {"login": "li", "name": "Li", "role": "coordinator", "place": "*"}
    assert (await sends(network, "/admin/people/new", key, **beyond)).status_code == 403
