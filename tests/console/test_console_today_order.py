"""The day's list and its forms without a browser: the order, what a page costs, what is refused, and what happens once."""

from __future__ import annotations

import html as htmls
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest_asyncio
from sqlalchemy import update

from api.console.pages.today.day import AT_ONCE
from records.database import Database
from records.daylist import ASKED, GROUPS, VISITS, DayList, Filter, Line
from records.scope import of_teams
from records.tables import Patient, TaskRow, VisitBooking
from tests.api.conftest import EMERGENCY, START, WELL, Network, a_network
from tests.api.test_worklist import opened
from tests.kept import heard

TODAY = START.date()
DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="session")
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


async def _a_full_day(place: Network) -> tuple[dict[str, str], date]:
    """Somebody for each place of the order, by what they are called here, and the day: jobs of all kinds, one person with many."""
    people = {
        name: await place.enrol(identifier=f"A-{n}", name=name.title(), phone=f"+861381234560{n}")
        for n, name in enumerate(("urgent", "red", "late", "visit", "today", "later", "gone"))
    }
    on = date.fromisoformat((await place.get(f"/patients/{people['visit']}")).json()["visit_day"])
    await place.move_to(f"{on}T01:00:00Z")
    async with place.parts.database.begin() as session:
        await session.execute(update(TaskRow).values(status="done"))
        await session.execute(update(VisitBooking).where(VisitBooking.patient_id == people["late"]).values(day=on))
        not_expected = [of for name, of in people.items() if name not in ("visit", "late")]
        await session.execute(update(Patient).where(Patient.id.in_(not_expected)).values(life="paused"))
        await session.execute(update(Patient).where(Patient.id == people["red"]).values(tag="red"))
    for name, key, due, urgent in (
        ("today", "call", on, False),
        ("late", "old", on - 3 * DAY, False),
        ("late", "older", on - 9 * DAY, False),
        ("late", "in-a-week", on + 7 * DAY, False),
        ("late", "in-a-month", on + 30 * DAY, False),
        ("later", "tuesday", on + 5 * DAY, False),
        ("red", "red", on - DAY, False),
        ("red", "red-later", on + 2 * DAY, False),
        ("urgent", "urgent", on + DAY, True),
        ("gone", "put-off", on - DAY, False),
        ("today", "came-back", on + 2 * DAY, False),
    ):
        await opened(place, people[name], key, due=due, urgent=urgent)
    async with place.parts.database.begin() as session:
        for key, until in (("put-off", on + DAY), ("came-back", on)):
            await session.execute(update(TaskRow).where(TaskRow.key == key).values(postponed_to=until))
        await session.execute(update(TaskRow).where(TaskRow.key == "tuesday").values(kind="read_answer"))
    return people, on


async def test_a_person_is_one_line_where_their_most_pressing_job_belongs_and_what_can_wait_is_apart(place: Network) -> None:
    people, on = await _a_full_day(place)
    called = {of: name for name, of in people.items()}
    midnight = datetime.combine(on, time(), UTC)
    async with place.parts.database.reading() as session:
        days = DayList(session, "team-1", on)

        async def lines(chosen: Filter) -> list[tuple[str, str]]:
            return [(called[line.patient_id], line.group) for line in (await days.page(chosen, limit=50)).items]

        whole = [("urgent", "urgent"), ("red", "red"), ("late", "overdue"), ("visit", "today"), ("today", "today")]
        found = await lines(Filter())
        assert (found[:3], sorted(found[3:])) == (whole[:3], sorted(whole[3:])), "nobody twice, and nobody who can wait"
        met: list[Line] = []
        after = None
        for _ in whole:
            page = await days.page(Filter(), limit=1, after=after)
            met, after = [*met, *page.items], page.next
        assert ([(called[line.patient_id], line.group) for line in met], after) == (found, None), "no line is skipped or met twice"

        first = await days.first(Filter(), limit=2, since=midnight)
        assert [called[line.patient_id] for line in first.page.items] == ["urgent", "red"]
        assert first.counts.by_group == {"urgent": 1, "red": 1, "overdue": 1, "today": 2, "later": 1}
        assert (first.counts.now, first.counts.later, first.counts.visits, first.counts.asked) == (5, 1, 2, 1)
        for group in GROUPS:
            listed = await lines(Filter(only=group))
            assert len(listed) == first.counts.by_group[group], "a count opens its list"
        assert sorted(await lines(Filter(only=VISITS))) == [("late", "overdue"), ("visit", "today")]
        assert await lines(Filter(kinds=ASKED)) == [("later", "later")], "whoever wrote waits, whatever day it is due"
        assert await lines(Filter(role="doctor", caller="key-doctor")) == [], "calls of the health manager, and no visit"
        assert (await days.first(Filter(role="doctor", caller="key-doctor"), limit=2, since=midnight)).counts.now == 0

        held = await days.held(of_teams("health_manager", ["team-1"]), Filter(), (await days.page(Filter(), limit=50)).items)
        late = next(one for one in held if one.patient.id == people["late"])
        assert [(group, task.key) for group, task in late.tasks] == [
            ("overdue", "older"),
            ("overdue", "old"),
            ("later", "in-a-week"),
        ]
        assert late.line.due == on - 9 * DAY
        nobody = of_teams("health_manager", ["team-3"])
        assert await days.held(nobody, Filter(), (await days.page(Filter(), limit=50)).items) == []

    await _sign_in(place)
    shown = (await place.http.get("/today")).text
    titles = ("At once", "Red", "Overdue", "For this day")
    assert [shown.index(f"{title}</h3>") for title in titles] == sorted(shown.index(f"{title}</h3>") for title in titles)
    assert "5 people to see to" in shown
    assert "1 person can wait: due within a week" in shown
    line = shown.partition(f'id="line-{people["late"]}"')[2].partition('<li class="job')[0]
    assert line.index("9 days overdue") < line.index('<ul class="also"') < line.index("Follow-up (hypertension)")
    for key in ("older", "old", "in-a-week"):
        assert f"/today/tasks/{people['late']}?back=/today&key={key}" in line, "each is reachable"
    later = (await place.http.get("/today", params={"only": "later"})).text
    assert ("Later</a>" in later, "Red</a>" in later) == (True, False)
    assert "back=/today%3Fonly%3Dlater" in later, "saving leads back to the same list"
    assert (await place.http.get("/today", params={"team": "team-3"})).status_code == 404
    assert (await place.http.get("/today", params={"on": "1990-01-01"})).status_code == 422
    assert (await place.http.get("/today/rows", params={"after": "nonsense"})).status_code == 422


async def test_a_long_day_comes_in_pages_that_open_whom_they_show(network: Network) -> None:
    patients = [await network.enrol(identifier=f"A-{n}", phone=f"+86138123456{n:02d}") for n in range(27)]
    for patient in patients:
        for n in range(2):
            await opened(network, patient, f"task/{n}", due=TODAY)
    await _sign_in(network)
    asked: list[str] = []
    await network.http.get("/today")
    with heard(network.parts.database, asked):
        page = (await network.http.get("/today")).text
    assert page.count("data-line") == AT_ONCE
    assert len([one for one in asked if one.startswith(("SELECT", "WITH"))]) <= 6, asked
    seen = set(re.findall(r'id="(line-[^"]+)"', page))
    while found := re.search(r'hx-get="([^"]+)"', page):
        page = (await network.http.get(htmls.unescape(found[1]))).text
        fresh = set(re.findall(r'id="(line-[^"]+)"', page))
        assert not fresh & seen
        seen |= fresh
    assert seen == {f"line-{patient}" for patient in patients}
    assert (await network.http.get("/today", params={"whole": "yes"})).text.count("data-line") == 27


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


async def test_one_call_settles_what_it_was_about_and_no_answer_puts_all_of_it_off(network: Network) -> None:
    patient = await network.enrol()
    for key, kind in (
        ("first", "find_number"),
        ("second", "find_another_day"),
        ("third", "chase_referral"),
        ("visit", "home_visit"),
    ):
        await opened(network, patient, key, due=TODAY)
        async with network.parts.database.begin() as session:  # of kinds that no call closes by itself
            await session.execute(update(TaskRow).where(TaskRow.key == key).values(kind=kind))
    await _sign_in(network)
    path = f"/patients/{patient}/call?key=first&back=/today"
    day = (TODAY + 9 * DAY).isoformat()
    page = (await network.http.get(path)).text
    assert re.findall(r'name="finished" value="([a-z]+)"( checked)?', page) == [
        ("first", " checked"),
        ("second", ""),
        ("third", ""),
    ]
    assert (await _send(network, path, {"outcome": "nonsense", "finished": "second"})).text.count(" checked>") == 1
    told: dict[str, object] = {"outcome": "reached", "day": day, "r.sbp": "146", "r.dbp": "88", "finished": ["first", "second"]}
    body = urlencode({**_hidden(page), **told}, doseq=True)
    for _ in range(2):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await network.http.post(f"/patients/{patient}/call", content=body, headers=headers)).status_code == 303
    kinds = [one["kind"] for one in (await network.get(f"/patients/{patient}/events")).json()["items"]]
    assert (kinds.count("call_made"), kinds.count("reading_received"), kinds.count("visit_completed")) == (1, 1, 0)
    assert (await network.get(f"/patients/{patient}")).json()["visit_day"] == day
    rows = {one["key"]: one["status"] for one in (await network.get("/tasks", status="any")).json()["items"]}
    assert rows == {"first": "done", "second": "done", "third": "open", "visit": "open"}
    done = (await network.http.get("/today/done")).text
    assert ("王秀英" in done, "Agree another day" in done, '"chip">seen' in done) == (True, True, False)
    await opened(network, patient, "fourth", due=TODAY)
    again = await _send(network, f"/patients/{patient}/call?key=fourth&back=/today", {"outcome": "no_answer", "again": "3"})
    assert again.status_code == 303
    put_off = {one["key"]: one["postponed_to"] for one in (await network.get("/tasks")).json()["items"]}
    in_three_days = (TODAY + 3 * DAY).isoformat()
    assert put_off == {"third": in_three_days, "fourth": in_three_days, "visit": None}, "a visit does not need a telephone"


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


async def test_an_examination_begins_with_recording_it_and_not_with_a_look_at_its_task(place: Network) -> None:
    patient = await place.enrol()
    await opened(place, patient, "eyes", due=TODAY - DAY)
    async with place.parts.database.begin() as session:
        of_it = update(TaskRow).where(TaskRow.patient_id == patient)
        await session.execute(of_it.values(kind="eye_screening", service="eye_screening", pathway="type2_diabetes"))
        await session.execute(update(Patient).where(Patient.id == patient).values(life="paused"))
    await _sign_in(place)
    page = (await place.http.get("/today?show=team")).text
    line = page[page.index(f'id="line-{patient}"') :]
    assert "Eye check" in line
    assert re.findall(r'<a class="button small" href="/patients/[^/]+/(\w+)', line)[:1] == ["visit"]
