"""The day's list and its forms without a browser: the order, what a page costs, what is refused, and what happens once."""

from __future__ import annotations

import html as htmls
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import update

from records.database import Database
from records.daylist import DayList, Filter, Line
from records.tables import Patient, TaskRow
from tests.api.conftest import EMERGENCY, START, WELL, Network, a_network
from tests.api.test_worklist import opened
from tests.kept import heard

TODAY = START.date()
DAY = timedelta(days=1)


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def _sign_in(network: Network, key: str = "manager") -> None:
    network.http.cookies.clear()
    await network.http.get("/", params={"key": key})


def _hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(csrf|once|read|back|key)" value="([^"]*)">', page)
    return {name: htmls.unescape(value) for name, value in reversed(found)}


async def _send(network: Network, path: str, form: dict[str, object], *, once: str = "") -> httpx.Response:
    """The form of ``path`` as its page has it, filled in."""
    shown = await network.http.get(path)
    assert shown.status_code == 200, shown.text
    keys = _hidden(shown.text) | ({"once": once} if once else {})
    body = urlencode({**keys, **form}, doseq=True)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await network.http.post(path.partition("?")[0], content=body, headers=headers)


async def test_the_order_is_urgent_red_overdue_today_ahead_and_a_page_begins_where_the_last_one_ended(place: Network) -> None:
    green = await place.enrol()
    red = await place.enrol(identifier="A-2", phone="+8613812345679")
    visit = await place.enrol(identifier="A-3", phone="+8613812345680")
    day = (await place.get(f"/patients/{visit}")).json()["visit_day"]
    await place.move_to(f"{day}T01:00:00Z")
    on = START.date().fromisoformat(day)
    async with place.parts.database.begin() as session:
        await session.execute(update(TaskRow).values(status="done"))
        await session.execute(update(Patient).where(Patient.id == red).values(tag="red", life="paused"))
        await session.execute(update(Patient).where(Patient.id == green).values(life="paused"))
    for patient, key, due, urgent in (
        (green, "ahead", on + 5 * DAY, False),
        (green, "late", on - 3 * DAY, False),
        (green, "later", on - DAY, False),
        (red, "red", on + 2 * DAY, False),
        (green, "urgent", on + DAY, True),
    ):
        await opened(place, patient, key, due=due, urgent=urgent)
    async with place.parts.database.reading() as session:
        days = DayList(session, "team-1", on)
        whole = (await days.page(Filter(), limit=50)).items
        assert [(line.key, line.group) for line in whole] == [
            ("urgent", "urgent"), ("red", "red"), ("late", "overdue"), ("later", "overdue"), ("", "today"), ("ahead", "ahead"),
        ]  # fmt: skip
        met: list[Line] = []
        after = None
        for _ in whole:
            page = await days.page(Filter(), limit=1, after=after)
            met, after = [*met, *page.items], page.next
        assert (met, after) == (list(whole), None), "no line is skipped or met twice"
        counts = await days.counts(Filter())
        assert counts.by_group == {"urgent": 1, "red": 1, "overdue": 2, "today": 1, "ahead": 1}
        assert (counts.visits, counts.lines) == (1, 6)
        doctors = (await days.page(Filter(role="doctor", caller="key-doctor"), limit=50)).items
        assert doctors == [], "calls of the health manager, and no visit"
    await _sign_in(place)
    shown = (await place.http.get("/today")).text
    assert [shown.index(f">{title}") for title in ("Red", "Overdue", "For this day", "If there is time")] == sorted(
        shown.index(f">{title}") for title in ("Red", "Overdue", "For this day", "If there is time")
    )
    assert (await place.http.get("/today", params={"team": "team-3"})).status_code == 404
    assert (await place.http.get("/today", params={"on": "1990-01-01"})).status_code == 422
    assert (await place.http.get("/today/rows", params={"after": "nonsense"})).status_code == 422


async def test_a_long_day_comes_in_pages_that_open_what_they_show(network: Network) -> None:
    patient = await network.enrol()
    for n in range(60):
        await opened(network, patient, f"task/{n:02d}", due=TODAY)
    await _sign_in(network)
    asked: list[str] = []
    await network.http.get("/today")
    with heard(network.parts.database, asked):
        page = (await network.http.get("/today")).text
    assert page.count("data-line") == 12
    assert len([one for one in asked if one.startswith(("SELECT", "WITH"))]) <= 24, asked
    seen = set(re.findall(r'id="(line-[^"]+)"', page))
    while found := re.search(r'hx-get="([^"]+)"', page):
        page = (await network.http.get(htmls.unescape(found[1]))).text
        fresh = set(re.findall(r'id="(line-[^"]+)"', page))
        assert not fresh & seen
        seen |= fresh
    assert len(seen) == 60
    assert (await network.http.get("/today", params={"whole": "yes"})).text.count("data-line") == 60


async def test_a_visit_is_stored_once_and_what_cannot_be_true_comes_back_with_all_that_was_typed(network: Network) -> None:
    patient = await network.enrol(name="<script>alert(1)</script>")
    await _sign_in(network)
    path = f"/patients/{patient}/visit?back=/today%3Fshow%3Dteam"
    page = (await network.http.get(path)).text
    assert "<script>alert" not in page
    assert "All others: no" in page
    typed: dict[str, object] = {"r.sbp": "1280", "r.dbp": "78,5", "r.symptoms": "eye_pain", "r.adr": "yes", "done": "annual_exam"}
    refused = await _send(network, path, typed)
    assert refused.status_code == 422
    assert "Only 50 to 300 mmHg can be true" in refused.text
    for kept in ('value="1280"', 'value="78,5"', 'value="eye_pain" checked', 'value="yes" checked', 'value="annual_exam" checked'):
        assert kept in refused.text, kept
    assert (await _send(network, path, {})).status_code == 422, "nothing was filled in"
    well: dict[str, object] = {f"r.{name}": "no" for name, value in WELL.items() if value is False}
    well |= {"r.sbp": "128", "r.dbp": "78", "r.symptoms": "-none"}
    for _ in range(2):
        saved = await _send(network, path, well, once="the-same")
        assert (saved.status_code, saved.headers["location"]) == (303, f"/today?show=team&saved={patient}")
    events = (await network.get(f"/patients/{patient}/events")).json()["items"]
    (visit,) = [one for one in events if one["kind"] == "visit_completed"]
    assert visit["readings"] == {**WELL, "sbp": 128.0, "dbp": 78.0}
    changed = await _send(network, path, {**well, "r.sbp": "129"}, once="the-same")
    assert changed.status_code == 422
    assert "was saved already" in changed.text
    shown = (await network.http.get(f"/today?saved={patient}")).text
    assert "saved. Now green, next visit" in shown
    for elsewhere in ("https://evil.example/today", "//evil.example/today", "/patients/other", "/today/../admin"):
        assert (
            f'href="/patients/{patient}">Back'
            in (await network.http.get(f"/patients/{patient}/visit", params={"back": elsewhere})).text
        )
    await _sign_in(network, "other-manager")
    for there in (f"/patients/{patient}/visit", f"/patients/{patient}/call", f"/today/tasks/{patient}?key=x"):
        assert (await network.http.get(there)).status_code == 404


async def test_what_would_be_decided_is_said_before_it_is_saved(network: Network) -> None:
    patient = await network.enrol()
    await _sign_in(network)
    page = (await network.http.get(f"/patients/{patient}/visit")).text
    keys = urlencode({"csrf": _hidden(page)["csrf"]})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}

    async def foreseen(**readings: object) -> str:
        body = keys + "&" + urlencode({f"r.{name}": value for name, value in readings.items()}, doseq=True)
        answer = await network.http.post(f"/patients/{patient}/visit/foreseen", content=body, headers=headers)
        assert answer.status_code == 200
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())

    said = await foreseen(sbp=182, dbp=104)
    assert said.startswith("Refer now: hospital, 182/104")
    assert "row HTN-E1" in said
    assert "Becomes red (was green)" in said
    assert "Not decided yet Still missing: diastolic pressure" in await foreseen(sbp=128)
    assert "can be true" in await foreseen(sbp=999)
    assert "Nothing is stored" in await foreseen()
    assert [one["kind"] for one in (await network.get(f"/patients/{patient}/events")).json()["items"]] == ["enrolled"]


async def test_a_call_with_what_was_agreed_and_told_finishes_its_task_and_no_answer_puts_it_off(network: Network) -> None:
    patient = await network.enrol()
    for key in ("first", "second"):
        await opened(network, patient, key, due=TODAY)
    async with network.parts.database.begin() as session:  # of a kind that no call closes by itself
        await session.execute(update(TaskRow).where(TaskRow.key == "first").values(kind="lifestyle_advice"))
    await _sign_in(network)
    path = f"/patients/{patient}/call?key=first&back=/today"
    day = (TODAY + 9 * DAY).isoformat()
    assert (await _send(network, path, {"outcome": "nonsense"})).status_code == 422
    told: dict[str, object] = {"outcome": "reached", "day": day, "r.sbp": "146", "r.dbp": "88", "finished": "yes"}
    body = urlencode({**_hidden((await network.http.get(path)).text), **told})
    for _ in range(2):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await network.http.post(f"/patients/{patient}/call", content=body, headers=headers)).status_code == 303
    kinds = [one["kind"] for one in (await network.get(f"/patients/{patient}/events")).json()["items"]]
    assert (kinds.count("call_made"), kinds.count("reading_received"), kinds.count("visit_completed")) == (1, 1, 0)
    assert (await network.get(f"/patients/{patient}")).json()["visit_day"] == day
    rows = {one["key"]: one for one in (await network.get("/tasks", status="any")).json()["items"]}
    assert (rows["first"]["status"], rows["second"]["status"]) == ("done", "open")
    again = await _send(network, f"/patients/{patient}/call?key=second&back=/today", {"outcome": "no_answer", "again": "3"})
    assert again.status_code == 303
    rows = {one["key"]: one for one in (await network.get("/tasks")).json()["items"]}
    assert rows["second"]["postponed_to"] == (TODAY + 3 * DAY).isoformat()


async def test_of_two_who_edit_a_task_the_second_is_told_and_what_is_a_doctors_stays_a_doctors(network: Network) -> None:
    patient = await network.enrol()
    await opened(network, patient, "call", due=TODAY)
    await _sign_in(network)
    path = f"/today/tasks/{patient}?key=call"
    page = (await network.http.get(path)).text
    keys, headers = _hidden(page), {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await network.post(f"/tasks/{patient}/claim", {"key": "call"}, "centre-manager")).status_code == 200
    body = urlencode({**keys, "reason": "no_time", "until": (TODAY + DAY).isoformat(), "note": "after the <b>feast</b>"})
    second = await network.http.post(f"/today/tasks/{patient}/later", content=body, headers=headers)
    assert second.status_code == 422
    assert "changed since you read it" in second.text
    assert "centre-manager has it" in second.text
    assert "after the &lt;b&gt;feast" in second.text, "what was typed is still there"
    body = urlencode({**_hidden(second.text), "reason": "no_time", "until": (TODAY + DAY).isoformat(), "note": "x" * 501})
    assert "500 characters" in (await network.http.post(f"/today/tasks/{patient}/later", content=body, headers=headers)).text
    body = urlencode({**_hidden(second.text), "to": "doctor", "why": "clinical_question"})
    handed = await network.http.post(f"/today/tasks/{patient}/hand-over", content=body, headers=headers)
    assert (handed.status_code, handed.headers["location"]) == (303, f"/patients/{patient}")
    assert "A clinical question" in (await network.http.get(path)).text, "its history says who did what, and why"
    assert (await network.http.post(f"/today/tasks/{patient}/eat", content=body, headers=headers)).status_code == 404

    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", "doctor", kind="confirm_referral")).json()["items"]
    confirm = f"/today/tasks/{patient}?{urlencode({'key': task['key']})}"
    assert "Approve" not in (await network.http.get(confirm)).text.partition("</h1>")[2]
    await _sign_in(network, "doctor")
    page = (await network.http.get(confirm)).text
    assert ("Approve" in page, "Decline" in page, "is not put off" in page) == (True, True, True)
    body = urlencode({**_hidden(page), "outcome": "approved"})
    assert (await network.http.post(f"/today/tasks/{patient}/done", content=body, headers=headers)).status_code == 303
