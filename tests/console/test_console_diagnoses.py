"""A diagnosis comes later: what it begins is shown first, and nothing that goes on ends in silence."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.api.conftest import Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen
from tests.console.test_console_gate import sends


async def test_a_later_diagnosis_shows_which_pathway_it_begins_and_then_begins_it(network: Network, browser: Browsing) -> None:
    patient = await network.enrol()
    page = await browser.person("manager")
    await page.goto(f"/patients/{patient}")
    await page.get_by_text("More", exact=True).click()
    await page.get_by_role("link", name="Diagnoses").click()
    await expect(page.get_by_label("hypertension", exact=True)).to_be_checked()
    await page.get_by_label("type 2 diabetes", exact=True).press("Space")
    would = page.locator("#would")
    await expect(would).to_contain_text("begins:")
    await expect(would).to_contain_text("due")
    await accessible(page)
    await seen(page, "patients-diagnoses")
    assert (await network.get(f"/patients/{patient}")).json()["pathways"] == ["hypertension"], "looking changes nothing"
    await page.get_by_role("button", name="Save").press("Enter")
    await expect(page.get_by_text("The plan below is the new one")).to_be_visible()
    assert (await network.get(f"/patients/{patient}")).json()["pathways"] == ["hypertension", "type2_diabetes"]
    phone = await browser.person("manager", viewport=PHONE, language="zh-Hans", theme="dark")
    await phone.goto(f"/patients/{patient}/conditions")
    await fits(phone)


async def test_a_pathway_ends_only_where_it_is_said_and_of_two_who_say_something_one_reads_again(network: Network) -> None:
    patient = await network.enrol()
    path = f"/patients/{patient}/conditions"
    mine = {"Cookie": "cairn_key=manager"}
    shown = (await network.http.get(path, headers=mine)).text
    (read,) = re.findall(r'name="read" value="([^"]*)"', shown)
    without = {"condition": "ckd", "which": "fitting", "pathway": "hypertension"}
    seen_first = await sends(network, f"{path}/preview", "manager", **without)
    assert "goes on although it is not for them any more" in seen_first.text
    ends = await sends(network, f"{path}/preview", "manager", condition="hypertension", which="chosen", pathway="type2_diabetes")
    assert [word in ends.text for word in ("begins:", "ends:", "alarm")] == [True, True, False]
    odd = await sends(network, path, "manager", condition="<b>gout", which="fitting")
    assert (odd.status_code, "&lt;b&gt;gout" in odd.text or "has no word here" in odd.text) == (422, True)
    said = {"condition": "hypertension", "which": "chosen", "pathway": "type2_diabetes", "read": read.replace("&#34;", '"')}
    assert (await sends(network, path, "manager", **said, once="a")).status_code == 303
    assert (await sends(network, path, "manager", **said, once="a")).status_code == 303, "sent twice, told once"
    assert (await network.get(f"/patients/{patient}")).json()["pathways"] == ["type2_diabetes"]
    stale = await sends(network, path, "manager", **{**said, "pathway": "hypertension"}, once="b")
    assert (stale.status_code, "changed since you read it" in stale.text) == (422, True)
    assert (await sends(network, path, "foreign-manager", **said, once="c")).status_code == 404
    assert (await sends(network, path, "supervisor", **said, once="d")).status_code == 403
