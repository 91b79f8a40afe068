"""A supervisor sees where people are being lost, and who they are."""

from __future__ import annotations

import csv
from datetime import date

import pytest
from playwright.async_api import expect
from sqlalchemy import select

from activities.looking_ahead import LookingAhead
from activities.standing import Standing
from api.console.pages.overview import harmless
from records.figures import TeamFigures, keep
from records.tables import Patient, WorkAhead
from records.tables.people import NEVER
from tests.api.conftest import EMERGENCY, WANG, WELL, Network
from tests.console.browsing import PHONE, Browsing, accessible, fits, legible_in_both, seen


async def counted(network: Network) -> None:
    """As housekeeping counts."""
    parts = network.parts
    await LookingAhead(parts.database, parts.vault, parts.plans, parts.clock).catch_up()
    async with parts.database.begin() as session:
        now = await parts.clock.now(session)
        await keep(session, await TeamFigures(session, now).make(), now=now)


async def some_people(network: Network) -> dict[str, str]:
    """Two who have not come for months, one of each centre; one seen today and red, one who is due soon; by what they are."""
    foreign = {
        **WANG,
        "identifier": "A-9",
        "name": "=cmd|calc",
        "phone": "+8613812345671",
        "care_team": "team-3",
        "last_visit": "2024-12-19",
    }
    answer = await network.post("/patients", foreign, "foreign-manager")
    people = {"foreign": answer.json()["patient_id"], "lost": await network.enrol(name="Lin Lost", last_visit="2024-12-20")}
    await network.move_to("2025-07-01T01:00:00Z")
    people["red"] = await network.enrol(identifier="A-2", name="Ren Red", phone="+8613812345679", last_visit="2025-06-20")
    people["well"] = await network.enrol(identifier="A-3", name="Wei Well", phone="+8613812345670", last_visit="2025-06-20")
    await network.post(f"/patients/{people['red']}/visits", {"readings": EMERGENCY})
    return people


async def test_where_somebody_stands_is_written_with_every_step_and_for_those_from_before(network: Network) -> None:
    patient = await network.enrol(last_visit="2024-06-01")
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    database = network.parts.database
    async with database.begin() as session:
        row = await session.get_one(Patient, patient)
        stood = (row.follow_up_due, row.last_visit)
        assert row.last_visit == date(2025, 3, 3)
        assert row.follow_up_due is not None
        row.follow_up_due, row.last_visit, row.standing = None, None, 0
    parts = network.parts
    standing = Standing(database, parts.vault, parts.plans, parts.clock)
    assert [await standing.catch_up(), await standing.catch_up()] == [1, 0]
    async with database.reading() as session:
        row = await session.get_one(Patient, patient)
        assert (row.follow_up_due, row.last_visit) == stood


async def test_one_record_that_does_not_open_keeps_nobody_else_from_being_counted(network: Network) -> None:
    spoilt, sound = await network.enrol(), await network.enrol(identifier="A-2", phone="+8613812345679")
    parts = network.parts
    async with parts.database.begin() as session:
        for patient in (spoilt, sound):
            (await session.get_one(Patient, patient)).standing = 0
        (await session.get_one(Patient, spoilt)).state = b"not what was sealed"
    standing = Standing(parts.database, parts.vault, parts.plans, parts.clock)
    assert [await standing.catch_up(), await standing.catch_up()] == [2, 0]
    async with parts.database.reading() as session:
        assert [(await session.get_one(Patient, one)).standing for one in (spoilt, sound)] == [-1, 1]


async def test_every_number_names_the_people_whom_it_counts(network: Network) -> None:
    people = await some_people(network)
    await counted(network)
    numbers = (await network.get("/overview", "supervisor")).json()
    figures = [("follow_up", code, count) for code, count in numbers["follow_up"].items()]
    figures += [("seen", code, count) for code, count in numbers["seen"].items()]
    figures += [("tag", code, count) for code, count in numbers["patients_by_tag"].items()]
    figures += [("life", code, count) for code, count in numbers["patients_by_life"].items()]
    figures += [("task", code, count) for code, count in numbers["open_tasks"].items()]
    figures += [("referral", code, count) for code, count in numbers["referrals"].items()]
    figures += [("refill", code, count) for code, count in numbers["refills"].items()]
    figures += [("ahead", str(week), count) for week, count in enumerate(numbers["ahead"])]
    figures += [("overdue", "tasks", numbers["overdue_tasks"])]
    figures += [("done", kind, numbers[name]) for kind, name in (("visit_completed", "visits_done"), ("call_made", "calls_made"))]
    figures += [("asked", how, count) for how, count in numbers["referrals_asked"].items()]
    figures += [("load", f"{kind}.{week}", n) for kind, weeks in numbers["load"].items() for week, n in enumerate(weeks)]
    figures += [("load", "visit.0-3", sum(numbers["load"]["visit"][:4]))]
    assert numbers["follow_up"]["lost"] == 2
    assert (numbers["visits_done"], sum(numbers["load"]["visit"]) > 4, len(numbers["room"])) == (1, True, 12)
    for figure, code, count in figures:
        listed: list[str] = []
        after = None
        while True:
            query = {"of": f"{figure}:{code}", "limit": 1} | ({"after": after} if after else {})
            page = (await network.get("/overview/people", "supervisor", **query)).json()
            listed += [one["patient"] for one in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert len(listed) == count, (figure, code)
        assert set(listed) <= set(people.values())
    of_team = (await network.get("/overview/people", "supervisor", of="follow_up:lost", team="team-1")).json()
    assert [one["name"] for one in of_team["items"]] == ["Lin Lost"]
    for of, status in (("load:visit.12", 422), ("load:rest.1", 422), ("done:died", 422), ("asked:x", 422), ("load:visit.1-x", 422)):
        assert (await network.get("/overview/people", "supervisor", of=of)).status_code == status, of
    for of, status in (("follow_up", 422), ("nothing:at_all", 422), ("ahead:99", 422), ("texts:handed", 422)):
        assert (await network.get("/overview/people", "supervisor", of=of)).status_code == status, of
    assert (await network.get("/overview/people", "supervisor", of="tag:red", after="x")).status_code == 422
    assert (await network.get("/overview/people", "manager", of="tag:red")).status_code == 403


async def test_what_is_foreseen_follows_whoever_takes_a_step_and_ends_with_their_care(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    parts = network.parts
    looking = LookingAhead(parts.database, parts.vault, parts.plans, parts.clock)

    async def foreseen() -> list[tuple[str, str]]:
        async with parts.database.reading() as session:
            rows = await session.execute(select(WorkAhead.kind, WorkAhead.care_team_id).order_by(WorkAhead.day))
            return [(kind, team) for kind, team in rows]

    assert [await looking.catch_up(), await looking.catch_up()] == [1, 0]
    calm = await foreseen()
    assert ("visit", "team-1") in calm
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    await network.post(f"/patients/{patient}/move", {"care_team": "team-3"}, "coordinator")
    assert [await looking.catch_up(), await looking.catch_up()] == [1, 0]
    red = await foreseen()
    assert len(red) > len(calm), "somebody red is seen more often"
    assert {team for _, team in red} == {"team-3"}
    await network.post(f"/patients/{patient}/withdraw", {}, "coordinator")
    await looking.catch_up()
    assert await foreseen() == []
    async with parts.database.begin() as session:
        row = await session.get_one(Patient, patient)
        row.life, row.looked_ahead, row.state = "active", NEVER, b"not what was sealed"
    assert [await looking.catch_up(), await looking.catch_up()] == [1, 0], "who does not open keeps nobody waiting"


async def test_the_shares_are_of_whom_they_say(network: Network) -> None:
    await some_people(network)
    await counted(network)
    page = (await network.get("/overview/teams", "supervisor")).json()
    first, _, third = page["items"]
    assert (first["team"], first["numbers"]["shares"]["on_time"]) == ("team-1", round(2 / 3, 4))
    assert third["numbers"]["shares"] == {"covered": 1.0, "on_time": 0.0, "controlled": 1.0, "closed": None, "arrived": None}


async def test_a_supervisor_goes_from_a_number_to_the_people_and_takes_the_list_along(network: Network, browser: Browsing) -> None:
    await some_people(network)
    await counted(network)
    page = await browser.person("supervisor")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    await legible_in_both(page)
    await seen(page, "overview")
    await page.locator(".stat.red a").click()
    await expect(page.get_by_role("heading", name="Lost to follow-up")).to_be_visible()
    await expect(page.locator("tbody tr").first).to_contain_text("=cmd|calc")
    assert await page.locator("tbody a[href^='/patients/']").count() == 0, "a supervisor reads no record"
    await accessible(page)
    await seen(page, "overview-people")
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="CSV").click()
    path = await (await downloading.value).path()
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert [row[1] for row in rows] == ["name", "'=cmd|calc", "Lin Lost"]
    phone = await browser.person("supervisor", viewport=PHONE, language="zh-Hans", theme="dark")
    await fits(phone)
    await accessible(phone)
    await seen(phone, "overview-phone-zh")
    coordinator = await browser.person("coordinator")
    await coordinator.goto("/overview/people?of=follow_up%3Alost")
    await expect(coordinator.get_by_role("link", name="Lin Lost")).to_be_visible()


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"])
def test_no_cell_of_a_file_runs_as_a_formula(cell: str) -> None:
    assert harmless(cell) == "'" + cell
