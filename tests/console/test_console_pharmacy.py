"""A pharmacy's day in the browser, and the doctor's decision on another medicine."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.api.conftest import WANG, Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, seen

DUE = "2025-03-16T02:00:00Z"  # six days before the medicine ends


async def test_a_refill_is_made_ready_and_handed_out_for_the_code_in_two_parts(browser: Browsing, network: Network) -> None:
    await network.enrol(name="<script>alert(1)</script>")
    await network.move_to(DUE)
    page = await browser.person("pharmacy-1")
    await expect(page).to_have_title(re.compile(r"^\(1\)"))
    await expect(page.locator("li.request")).to_contain_text("6 days of medicine left")
    await accessible(page)
    await seen(page, "inbox-refills")
    await page.locator("li.request a").click()
    await accessible(page)
    await seen(page, "inbox-refill")
    await page.get_by_role("button", name="It is ready").click()
    await expect(page.get_by_role("status")).to_contain_text("texted a code")
    texts = [sms.text for sms in await network.channel.messages(str(WANG["phone"]))]
    code = re.search(r"\d{3} \d{3}", texts[-1])
    assert code is not None
    assert code[0] not in await page.content()  # the pharmacy learns it from the patient only

    await page.get_by_label("For how long").fill("10")
    await page.get_by_label("Only a part now").check()
    wrong = f"{(int(code[0].replace(' ', '')) + 1) % 1_000_000:06d}"
    await page.get_by_label("Code of six digits").fill(wrong)
    await page.get_by_role("button", name="Hand it out").click()
    await expect(page.locator("#e-code")).to_contain_text("4 tries are left today")
    await expect(page.get_by_label("For how long")).to_have_value("10")
    await expect(page.get_by_label("Only a part now")).to_be_checked()
    await accessible(page)
    await seen(page, "inbox-refill-wrong-code")
    browser.forgive("422")
    await page.get_by_label("Code of six digits").fill(code[0])
    await page.get_by_role("button", name="Hand it out").click()
    await expect(page.get_by_role("status")).to_contain_text("the rest is still asked of you")
    await expect(page.get_by_label("For how long")).to_have_value("20")
    await page.get_by_role("button", name="Hand it out").click()
    await expect(page.get_by_role("button", name="Hand it out")).to_have_count(0)
    await expect(page.locator("ol.rq-road li").last).to_contain_text(re.compile("dispensed|handed out", re.I))
    await seen(page, "inbox-refill-done")
    await page.goto("/inbox/find?for=%3Cscript%3E")
    await expect(page.locator("li.request")).to_contain_text("<script>alert(1)</script>")
    await accessible(page)
    await page.goto("/inbox")

    await page.get_by_role("link", name="Inbox").first.click()
    await page.get_by_role("link", name="Stock").click()
    await page.get_by_label("Medicine").fill("Amlodipine")
    await page.get_by_label("First day with it again").fill("2025-03-20")
    await page.get_by_role("button", name="It is lacking").click()
    await expect(page.locator("li.rq-stock")).to_contain_text("amlodipine")
    await accessible(page)
    await seen(page, "inbox-stock")
    await page.get_by_role("button", name="It is there again").click()
    await expect(page.locator("main")).to_contain_text("Nothing is lacking.")
    await page.get_by_role("link", name="Closed days").click()
    await page.get_by_label("First day").fill("2025-04-04")
    await page.get_by_label("Last day").fill("2025-04-01")
    await page.get_by_role("button", name="Close on these days").click()
    await expect(page.locator(".fault")).to_be_visible()
    browser.forgive("422")
    await page.get_by_label("Last day").fill("2025-04-06")
    await page.get_by_label("Reason").fill("Stock-taking")
    await page.get_by_role("button", name="Close on these days").click()
    await expect(page.locator("li.rq-stock")).to_contain_text("Stock-taking")
    await accessible(page)
    await seen(page, "inbox-closures")
    await page.get_by_role("button", name="Open again").click()
    await expect(page.locator("main")).to_contain_text("Open every day.")


async def test_what_the_pharmacy_lacks_is_proposed_and_a_doctor_decides_on_a_phone(browser: Browsing, network: Network) -> None:
    patient = await network.enrol()
    await network.move_to(DUE)
    page = await browser.person("pharmacy-1", viewport=PHONE)
    await page.locator("li.request a").click()
    await fits(page)
    await page.locator("summary", has_text="Propose another medicine").click()
    await page.get_by_label("Medicine that you have").fill("warfarin")
    await page.get_by_role("button", name="Propose another medicine").click()
    await expect(page.locator("#e-medicine")).to_contain_text("felodipine")
    browser.forgive("422")
    await page.get_by_label("Medicine that you have").fill("felodipine")
    await page.get_by_role("button", name="Propose another medicine").click()
    await expect(page.get_by_role("status")).to_contain_text("A doctor of the centre decides")

    doctor = await browser.person("doctor", viewport=PHONE)
    await doctor.goto("/inbox?heap=substitutes")
    await expect(doctor.locator("li.request")).to_contain_text("felodipine")
    await accessible(doctor)
    await seen(doctor, "inbox-doctor")
    await doctor.locator("li.request a").click()
    await fits(doctor)
    await accessible(doctor)
    await seen(doctor, "inbox-decide")
    manager = await network.http.get("/", params={"key": "manager"})
    assert manager.status_code == 303
    refill = doctor.url.rpartition("/")[2]
    assert "Do not approve" not in (await network.http.get(f"/inbox/refills/{refill}")).text  # not theirs to decide
    await doctor.get_by_role("button", name="Approve", exact=True).click()
    await expect(doctor.get_by_role("status")).to_contain_text("Approved")
    (supply,) = (await network.get(f"/patients/{patient}")).json()["supplies"]
    assert (supply["medicine"], supply["instead_of"]) == ("felodipine", "amlodipine")


async def test_a_place_reads_only_its_own_and_a_form_of_nobodys_is_refused(network: Network) -> None:
    await network.enrol()
    await network.move_to(DUE)
    (refill,) = (await network.get("/refills", "pharmacy-1")).json()["items"]
    address = f"/inbox/refills/{refill['id']}"
    await network.http.get("/", params={"key": "pharmacy-2"})
    assert (await network.http.get(address)).status_code == 404
    assert (await network.http.get("/inbox", params={"place": "pharmacy-1"})).status_code == 404
    await network.http.get("/", params={"key": "pharmacy-1"})
    assert (await network.http.post(f"{address}/answer", data={"what": "ready"})).status_code == 403
    for odd in ("", "x", "bnVsbA", "WyJ4Il0", "WyIxIiwgIngiLCAieSJd"):
        assert (await network.http.get("/inbox", params={"heap": odd, "after": odd, "seen": odd})).status_code == 200
    mark = re.search(r"seen=(\d+\.\d+)", (await network.http.get("/inbox")).text)
    assert mark is not None
    quiet = await network.http.get("/inbox", params={"heap": "new", "seen": mark[1]}, headers={"HX-Request": "true"})
    assert quiet.status_code == 204
    await network.http.get("/", params={"key": "supervisor"})
    assert (await network.http.get("/inbox")).status_code == 403
    await network.http.get("/", params={"key": "coordinator"})
    shown = (await network.http.get("/inbox", params={"place": "pharmacy-1"})).text
    assert str(refill["id"]) in shown
