"""A health manager's, a clinic's, a pharmacy's and a patient's day, each whole, in a browser on the embedded stack."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.async_api import Page, expect

from tests.api.conftest import EMERGENCY, WELL
from tests.console.browsing import PHONE, accessible, fits, seen
from tests.console.days import Days, days, presses, stack, tabs_to, types

__all__ = ["days", "stack"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


def told(day: date) -> str:
    """As the pages write a day, after its weekday where they write that."""
    return f"{day.day} {day:%b %Y}"


async def walks_to(page: Page, name: str) -> None:
    """With k up and j down the day's list, to the line of this person."""
    line = page.locator("[data-line]").filter(has_text=name).first
    await expect(line).to_be_visible()
    for key in "kkkkkkjjjjjjj":
        await page.keyboard.press(key)
        if await line.evaluate("one => one.contains(document.activeElement)"):
            return
    raise AssertionError(f"{name} is not on the list")


async def talks(phones: Page, name: str) -> None:
    """The phone of this person is on the page of phones."""
    await phones.goto("/phones")
    await phones.get_by_role("link", name=name).click()
    await expect(phones.get_by_role("heading", level=2, name=name)).to_be_visible()


async def texts(phones: Page, text: str) -> None:
    """The phone that is shown writes this."""
    await phones.get_by_label("Text message").fill(text)
    await phones.keyboard.press("Enter")
    await expect(phones.locator(".bubble.mine").last).to_contain_text(text)


async def test_a_health_manager_gets_through_the_day_without_touching_the_mouse(days: Days) -> None:
    begins = await days.monday()
    team = await days.team("Team of the day")
    await days.account("zhou", "Zhou Min", "health_manager", team)
    missed = {"last_visit": str(begins - timedelta(days=14)), "readings": {"sbp": 168, "dbp": 92}}
    called = await days.enrol("Wang Fang", team, **missed)
    await days.enrol("Zhang Wei", team, **missed)
    today = begins + timedelta(days=18)  # a Friday: by then both were missed long enough to be called
    await days.enrol("Chen Jie", team, last_visit=str(today - timedelta(days=90)), readings={"sbp": 132, "dbp": 82})

    # Three days before her visit a text comes; she answers it, and asks something in her own words.
    await days.until(today - timedelta(days=3))
    phones = await days.browser.person(days.keys["coordinator"], viewport=PHONE)
    await talks(phones, "Chen Jie")
    await expect(phones.locator(".bubble").last).to_contain_text("Reply 1 if you will come")
    await phones.get_by_role("button", name="1", exact=True).click()
    await expect(phones.locator(".bubble.mine")).to_have_text(re.compile("^1"))
    await texts(phones, "May I come at ten?")
    await days.until(today)

    page = await days.browser.person()
    await page.goto("/today")
    days.browser.forgive("401")
    await accessible(page)
    await days.signs_in(page, "zhou")
    await expect(page).to_have_url(re.compile("/today$"))
    await accessible(page)
    await seen(page, "day-today")

    # A call: she is reached, and will come the day after tomorrow.
    await walks_to(page, "Wang Fang")
    await page.keyboard.press("c")
    dialog = page.locator("dialog[open]")
    await expect(dialog.get_by_label("Reached")).to_be_focused()
    await page.keyboard.press("Space")
    await tabs_to(page, dialog.get_by_label("Visit day agreed"))
    agreed = today + timedelta(days=2)
    await page.keyboard.type(f"{agreed:%m%d%Y}")
    await accessible(page)
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".notice")).to_contain_text("Wang Fang")

    # A visit that is put off, because he is away.
    await walks_to(page, "Zhang Wei")
    await page.keyboard.press("p")
    await expect(dialog.get_by_label("Why").first).to_be_focused()
    await page.keyboard.type("The patient is")
    await expect(dialog.get_by_label("Why").first).to_have_value("patient_away")
    await tabs_to(page, dialog.get_by_role("button", name="Put off"))
    await accessible(page)
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text("Put off. It comes back on its day.")

    # Her text, read beside her record; then she is here.
    line = page.locator("[data-line]").filter(has_text="Chen Jie").first
    await expect(line).to_contain_text("will come")
    await walks_to(page, "Chen Jie")
    await page.keyboard.press("r")
    await expect(page.get_by_label("systolic pressure")).to_be_focused()
    await expect(page.locator(".talk")).to_contain_text("May I come at ten?")
    for key in ("1", "2", "8", "Enter", "7", "8", "n"):
        await page.keyboard.press(key)
    due = today + timedelta(days=90)
    await expect(page.locator("#outcome")).to_contain_text(re.compile(rf"Stays green, next visit \D*{told(due)}"))
    await accessible(page)
    await seen(page, "day-visit")
    await page.keyboard.press("Enter")
    await expect(page.locator(".notice")).to_contain_text(re.compile(rf"saved. Now green, next visit \D*{told(due)}"))

    # What is left is her question; and her page says when she is seen next.
    await walks_to(page, "Chen Jie")
    await page.keyboard.press("o")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Chen Jie")
    await expect(page.locator(".p-now")).to_contain_text(re.compile(rf"Next visit\D*{told(due)}"))
    await accessible(page)
    assert (await days.known(called))["visit_day"] == str(agreed)


async def test_a_hospital_takes_an_emergency_in_asks_books_and_reports_and_passes_another_on(days: Days) -> None:
    """The hospital does so without touching the mouse."""
    begins = await days.monday()
    team = await days.team("Team of the referrals")
    manager = await days.key("health_manager", team)
    urgent, routine = await days.enrol("Sun Min", team), await days.enrol("Li Qiang", team)
    await days.call("POST", f"/patients/{urgent}/visits", {"readings": EMERGENCY}, key=manager)
    await days.call("POST", f"/patients/{routine}/visits", {"readings": {**WELL, "adr_hard_to_control": True}}, key=manager)
    await days.settled()

    # A doctor confirms the emergency from the day's list.
    doctor = await days.browser.person(await days.key("doctor", team), viewport=PHONE)
    await doctor.goto("/today")
    line = doctor.locator("[data-line]").filter(has_text="Sun Min")
    await expect(line).to_contain_text("Approve or decline the referral")
    await accessible(doctor)
    await line.locator("[data-does=p]").click()
    await doctor.get_by_role("button", name="Approve").click()
    await expect(doctor.locator(".notice")).to_be_visible()
    await days.settled()

    # The hospital comes from a link that it was sent.
    first = await days.browser.person()
    await first.goto(f"/?key={days.keys['clinic']['hospital-1']}&to=/inbox")
    await expect(first.locator("li.request").first).to_contain_text("Sun Min")
    await expect(first.locator("li.request").first).to_contain_text("Emergency")
    await accessible(first)
    await presses(first, first.locator("li.request").first.get_by_role("link"))
    await expect(first.locator(".rq-figures")).to_contain_text("192/112")
    await presses(first, first.get_by_role("button", name="Accept"))
    await expect(first.get_by_role("status")).to_contain_text("texted where to go")
    await presses(first, first.locator("summary", has_text="Ask the centre something"))
    await types(first, first.get_by_label("What do you want to know?"), "Which medicines?")
    await presses(first, first.locator("details[open]").get_by_role("button"))
    await expect(first.locator("#said")).to_contain_text("Which medicines?")
    await accessible(first)

    asked = await days.browser.person(manager)
    await asked.goto("/inbox")
    await asked.get_by_role("link", name="Sun Min").click()
    await asked.get_by_label("Your answer").fill("None so far.")
    await asked.get_by_role("button", name="Send the answer").click()
    await expect(asked.locator("#said")).to_contain_text("None so far.")
    await accessible(asked)

    await first.reload()
    await expect(first.locator("#said")).to_contain_text("None so far.")
    booked = begins + timedelta(days=1)
    await types(first, first.locator("#f-book-day"), f"{booked:%m%d%Y}")
    await presses(first, first.get_by_role("button", name="Book a day"))
    await expect(first.locator("ol.rq-road")).to_contain_text(re.compile(rf"for \D*{told(booked)}"))
    phones = await days.browser.person(days.keys["coordinator"], viewport=PHONE)
    await talks(phones, "Sun Min")
    await expect(phones.locator("#talk")).to_contain_text("District Hospital")

    # What it cannot take goes on to the next place, which finds it in its inbox.
    await first.goto("/inbox")
    await presses(first, first.get_by_role("link", name="Li Qiang"))
    await presses(first, first.locator("summary", has_text="Something else"))
    await presses(first, first.locator("summary", has_text="Refuse"))
    await types(first, first.get_by_label("Reason"), "No bed this week")
    await presses(first, first.get_by_role("button", name="Refuse"))
    await expect(first.get_by_role("status")).to_contain_text("The next place is asked")
    await days.settled()
    second = await days.browser.person(days.keys["clinic"]["hospital-2"], viewport=PHONE)
    await expect(second.locator("li.request")).to_contain_text("Li Qiang")
    await fits(second)
    await accessible(second)

    await days.until(booked)
    await first.goto("/inbox?heap=booked")
    await presses(first, first.get_by_role("link", name="Sun Min"))
    await presses(first, first.get_by_role("button", name="Was here"))
    await expect(first.get_by_role("status")).to_contain_text("the patient was here")
    await presses(first, first.locator("summary", has_text="Send back to the centre"))
    there = first.locator("details[open]")
    await types(first, there.get_by_label("What was found and done"), "Seen and treated.")
    await types(first, there.get_by_label("What the centre should do"), "Measure weekly.")
    await types(first, there.get_by_label("systolic pressure"), "148")
    await types(first, there.get_by_label("diastolic pressure"), "86")
    await presses(first, first.get_by_role("button", name="Send back to the centre"))
    await expect(first.locator("#said")).to_contain_text("Measure weekly.")
    await accessible(first)
    await days.settled()

    # The centre finds the instructions among its tasks, the readings with the patient, and why all of it was.
    await asked.goto("/today")
    await asked.get_by_role("link", name=re.compile("can wait")).click()
    await expect(asked.locator("[data-line]").filter(has_text="Sun Min")).to_contain_text("Read the hospital's instructions")
    await accessible(asked)
    await asked.goto(f"/patients/{urgent}")
    for part, says in (("readings", "148/86"), ("referrals", "District Hospital"), ("timeline", "accepted the referral")):
        await asked.locator(f"#{part}").scroll_into_view_if_needed()
        await expect(asked.locator(f"#{part}")).to_contain_text(says)
    await accessible(asked)
    await seen(asked, "day-referred")


async def test_a_pharmacy_hands_out_a_part_and_what_another_lacks_a_doctor_replaces(days: Days) -> None:
    """The first pharmacy does so without touching the mouse."""
    begins = await days.monday()
    team = await days.team("Team of the medicines")
    takes = {"name": "amlodipine", "last_fill": str(begins - timedelta(days=11)), "days_supply": 30}
    collects = await days.enrol("Zhao Lei", team, medicines=[takes])
    replaced = await days.enrol("Qian Yun", team, medicines=[takes])
    await days.until(begins + timedelta(days=13))
    phones = await days.browser.person(days.keys["coordinator"], viewport=PHONE)

    page = await days.browser.person(days.keys["pharmacy"]["pharmacy-1"])
    await expect(page.locator("li.request")).to_have_count(2)
    await expect(page.locator("li.request").first).to_contain_text("6 days of medicine left")
    await accessible(page)
    await presses(page, page.get_by_role("link", name="Zhao Lei"))
    await presses(page, page.get_by_role("button", name="It is ready"))
    await expect(page.get_by_role("status")).to_contain_text("texted a code")
    await talks(phones, "Zhao Lei")
    await types(page, page.get_by_label("For how long"), "10")
    await presses(page, page.get_by_label("Only a part now"), key="Space")
    await types(page, page.get_by_label("Code of six digits"), await code_on(phones))
    await accessible(page)
    await presses(page, page.get_by_role("button", name="Hand it out"))
    await expect(page.get_by_role("status")).to_contain_text("the rest is still asked of you")
    await presses(page, page.get_by_role("button", name="Hand it out"))
    await expect(page.get_by_role("status")).to_contain_text("The next one is asked for before it ends")

    # What it has not got goes to the next pharmacy; that one has something like it, and asks the doctor.
    await page.goto("/inbox")
    await presses(page, page.get_by_role("link", name="Qian Yun"))
    await presses(page, page.locator("summary", has_text="Out of stock"))
    await presses(page, page.locator("details[open]").get_by_role("button", name="Out of stock"))
    await expect(page.get_by_role("status")).to_contain_text("The next pharmacy is asked")
    await page.goto("/inbox/stock")
    await expect(page.locator("li.rq-stock")).to_contain_text("amlodipine")
    await accessible(page)
    await days.settled()
    other = await days.browser.person(days.keys["pharmacy"]["pharmacy-2"], viewport=PHONE)
    await other.get_by_role("link", name="Qian Yun").click()
    await other.locator("summary", has_text="Propose another medicine").click()
    await other.get_by_label("Medicine that you have").fill("felodipine")
    await other.get_by_role("button", name="Propose another medicine").click()
    await expect(other.get_by_role("status")).to_contain_text("A doctor of the centre decides")
    await fits(other)
    await days.settled()
    doctor = await days.browser.person(await days.key("doctor", team), viewport=PHONE)
    await doctor.goto("/inbox?heap=substitutes")
    await doctor.get_by_role("link", name="Qian Yun").click()
    await expect(doctor.locator("main")).to_contain_text("felodipine")
    await accessible(doctor)
    await doctor.get_by_role("button", name="Approve", exact=True).click()
    await expect(doctor.get_by_role("status")).to_contain_text("The pharmacy goes on with it")
    await days.settled()
    await other.reload()
    await other.get_by_role("button", name="It is ready").click()
    await expect(other.get_by_role("status")).to_contain_text("texted a code")
    await talks(phones, "Qian Yun")
    await other.get_by_label("Code of six digits").fill(await code_on(phones))
    await other.get_by_role("button", name="Hand it out").click()
    await expect(other.get_by_role("status")).to_contain_text("The next one is asked for before it ends")
    await accessible(other)
    await days.settled()
    for patient, takes_now in ((collects, "amlodipine"), (replaced, "felodipine")):
        (supply,) = (await days.known(patient))["supplies"]
        assert supply["medicine"] == takes_now


async def test_a_patient_reads_answers_stops_and_begins_again(days: Days) -> None:
    begins = await days.monday()
    team = await days.team("Team of the texts")
    due = begins + timedelta(days=7)
    patient = await days.enrol("Zhou Hong", team, last_visit=str(due - timedelta(days=90)), readings={"sbp": 132, "dbp": 82})
    await days.until(due - timedelta(days=3))
    phone = await days.browser.person(days.keys["coordinator"], viewport=PHONE, theme="dark")
    await talks(phone, "Zhou Hong")
    assert days.phone_of("Zhou Hong").lstrip("+") not in phone.url
    await expect(phone.locator(".bubble").last).to_contain_text(f"{due:%B} {due.day}")
    got = phone.locator(".bubble:not(.mine)")
    await expect(got).to_have_count(1)
    await texts(phone, "STOP")
    await fits(phone)
    await accessible(phone)
    await days.settled()
    page = await days.browser.person(await days.key("health_manager", team))
    await page.goto(f"/patients/{patient}")
    await expect(page.locator(".p-facts")).to_contain_text("wants none: is called instead")
    await accessible(page)

    # Her day comes without a text. Then she thinks better of it, and what she measures at home is answered at once.
    await days.until(due)
    await talks(phone, "Zhou Hong")
    await expect(got).to_have_count(1)
    await texts(phone, "START")
    await days.settled()
    await page.reload()
    await expect(page.locator(".p-facts")).to_contain_text("agreed")
    await phone.get_by_role("button", name="192/112").click()
    await expect(phone.locator(".bubble").last).to_contain_text("if you feel unwell now")
    await seen(phone, "day-phone")
    await days.settled()
    await page.goto("/today?show=team")
    await expect(page.locator("[data-line]").first).to_contain_text("Zhou Hong")
    await accessible(page)


async def code_on(phones: Page) -> str:
    """The six digits of the last text."""
    found = re.search(r"\d{3} \d{3}", await phones.locator(".bubble:not(.mine)").last.inner_text())
    assert found is not None
    return found[0]
