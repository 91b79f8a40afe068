"""A coordinator finds the forecasts of a pathway again, who asked for them, and none that is about others' patients."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import delete, update

from activities.forecasting import hold
from api.forecaster import Forecaster
from api.models.forecasts import OutlookOut
from api.routes.forecasts import NO_ROOM
from pathways.engine.events import VisitCompleted
from records import behaviour, forecasts
from records.behaviour import measured
from records.callers import names_of
from records.database import DatabaseAway
from records.eventlog import EventLog
from records.forecasts import RUNNER_GONE, Forecasts
from records.lease import Lease
from records.patients import Patients
from records.scope import NETWORK, of_teams
from records.tables import Account, ApiKey, ForecastRow, LeaseRow
from tests.api.conftest import START, Network
from tests.api.small import SMALL, otherwise

ADDRESS = "/pathways/hypertension/forecasts"


async def _made(network: Network, teams: list[list[str] | None], **other: Any) -> list[str]:
    """A forecast for each of ``teams``, one after the other; their ids."""
    ids = [f"forecast-{n}" for n in range(len(teams))]
    of = {"pathway": "hypertension", "version": "f" * 16, "text": "", "by": "key-coordinator", "status": "done"} | other
    async with network.parts.database.begin() as session:
        for n, (id_, whose) in enumerate(zip(ids, teams, strict=True)):
            asked = {"sample": 5, "weeks": 2, "seed": 1, "teams": whose}
            session.add(ForecastRow(id=id_, at=START + timedelta(hours=n), asked=asked, **of))
    return ids


async def _listed(network: Network, key: str = "coordinator", **query: Any) -> tuple[list[str], str | None]:
    answer = await network.get(ADDRESS, key, **query)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]], answer.json()["next"]


async def test_forecasts_are_listed_newest_first_in_pages_with_who_asked_and_without_what_they_came_to(network: Network) -> None:
    ids = await _made(network, [None] * 5)
    await _made_elsewhere(network)
    found: list[str] = []
    page, after = await _listed(network, limit=2)
    while after is not None:
        found += page
        page, after = await _listed(network, limit=2, after=after)
    assert [*found, *page] == ids[::-1]
    (newest,) = (await network.get(ADDRESS, "approver", limit=1)).json()["items"]
    assert (newest["by"], newest["by_name"], newest["sample"], newest["weeks"]) == ("key-coordinator", "coordinator", 5, 2)
    assert "result" not in newest
    assert (await network.get(ADDRESS, "coordinator", after="x")).status_code == 422
    assert (await network.get(ADDRESS, "supervisor")).status_code == 403


async def _made_elsewhere(network: Network) -> None:
    async with network.parts.database.begin() as session:
        of = {"version": "f" * 16, "text": "", "by": "", "status": "done", "asked": {"teams": None}}
        session.add(ForecastRow(id="elsewhere", pathway="type2_diabetes", at=START, **of))


async def test_a_centres_coordinator_is_listed_only_what_is_about_their_own_patients(network: Network) -> None:
    ids = await _made(network, [["team-1"], None, ["team-1", "team-2"], ["team-1", "team-3"], ["team-3"]])
    centre = await network.post("/keys", {"name": "c", "role": "coordinator", "place": "centre-1"}, "administrator")
    own, after = await _listed(network, centre.json()["key"])
    assert (own, after) == ([ids[2], ids[0]], None)
    first, after = await _listed(network, centre.json()["key"], limit=1)
    rest, _ = await _listed(network, centre.json()["key"], limit=1, after=after)
    assert (first, rest) == ([ids[2]], [ids[0]])


async def test_a_page_looks_at_a_bounded_number_of_others_forecasts_and_goes_on_behind_them(
    network: Network, monkeypatch: Any
) -> None:
    """A network that forecasts every day does not make a centre's list slower: nothing of theirs is lost over it, either."""
    monkeypatch.setattr(forecasts, "LOOKED_AT", 2)
    ids = await _made(network, [["team-1"], None, None, None, ["team-1"], None, None])
    scope, pages, after = of_teams("coordinator", ["team-1"]), 0, None
    found: list[str] = []
    async with network.parts.database.reading() as session:
        while pages == 0 or after is not None:
            page = await Forecasts(session).page(scope, "hypertension", limit=50, after=after)
            found, pages, after = [*found, *(one.id for one in page.items)], pages + 1, page.next
        everybodys = await Forecasts(session).page(NETWORK, "hypertension", limit=50)
    assert (found, pages) == ([ids[4], ids[0]], 4)
    assert [one.id for one in everybodys.items] == ids[::-1]


async def test_a_list_does_not_show_one_as_running_whose_maker_has_gone(network: Network) -> None:
    await _made(network, [None], status="running")
    async with network.parts.database.begin() as session:
        await session.execute(delete(LeaseRow))
    (gone,) = (await network.get(ADDRESS, "coordinator")).json()["items"]
    assert (gone["status"], gone["problem"]) == ("failed", RUNNER_GONE)


async def test_names_are_of_keys_and_of_people_and_nobody_is_given_one_that_is_not_theirs(network: Network) -> None:
    made = {"password_hash": "x", "role": "coordinator", "place": "*", "created": START}
    async with network.parts.database.begin() as session:
        session.add(Account(id="li", login="li", name="Li Na", **made))
        session.add(Account(id="wang", login="wang", name="", **made))
        session.add(ApiKey(hash="h", id="sign-in", name="", role="coordinator", place="*", account_id="li", created=START))
    async with network.parts.database.reading() as session:
        assert await names_of(session, ["li", "wang", "sign-in", "key-approver", "", "nobody"]) == {
            "li": "Li Na",
            "key-approver": "approver",
        }
        assert await names_of(session, [""]) == {}


async def test_an_approver_reads_what_would_come_of_a_draft_and_no_patients_id(network: Network) -> None:
    """Who may read no patient is shown counts: not whose tag moves, nor who needs a person."""
    example: dict[str, Any] = json.loads(json.dumps(OutlookOut.model_config["json_schema_extra"]))["examples"][0]
    (id_,) = await _made(network, [None])
    tagged = [{"patient": "9f0c1d2e", "present": "green", "draft": "yellow"}]
    result = {**example, "tags": {**example["tags"], "people": tagged}, "fits": {**example["fits"], "people": ["9f0c1d2e"]}}
    async with network.parts.database.begin() as session:
        await session.execute(update(ForecastRow).values(result=result))
    limited = {"name": "l", "role": "coordinator", "place": "*", "rights": ["forecasts.run"]}
    key = (await network.post("/keys", limited, "administrator")).json()["key"]
    for who in ("approver", key):
        seen = await network.get(f"{ADDRESS}/{id_}", who)
        assert "9f0c1d2e" not in seen.text
        assert seen.json()["result"]["contacts"]["sooner"] == result["contacts"]["sooner"]
    whole = (await network.get(f"{ADDRESS}/{id_}", "coordinator")).json()["result"]
    assert (whole["tags"], whole["fits"], whole["contacts"]) == (result["tags"], result["fits"], result["contacts"])


async def test_how_people_behave_is_read_from_the_latest_visits_however_many_a_city_has_in_a_year(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [await network.enrol(identifier=f"L-{n}", phone=f"+86138123411{n:02}") for n in range(3)]
    monkeypatch.setattr(behaviour, "VISITS_EACH", 2)
    async with network.parts.database.begin() as session:
        for n, patient in enumerate([0, 1, 1, 2, 2]):
            held = await Patients(session, network.parts.vault).held(people[patient])
            assert held is not None
            at = START + timedelta(hours=n)
            await EventLog(session, held.patient, held.person).append(VisitCompleted(id=f"v{n}", at=at, learnt=at))
    now = START + timedelta(days=1)
    async with network.parts.database.reading() as session:
        everybody = await measured(session, network.parts.vault, now=now)
        two = await measured(session, network.parts.vault, now=now, patients=2)
    assert everybody["on_the_day"][1] == 3
    assert two["on_the_day"][1] == 2, "the two who were seen last"


async def test_a_machine_without_room_for_a_forecast_says_so_and_keeps_no_place_for_it(network: Network) -> None:
    async with otherwise(network) as small:
        object.__setattr__(small.parts, "forecaster", Forecaster(most=1, command=("/nothing/is/here",)))
        for _ in range(2):
            asked = await small.http.post(f"/api/v1{ADDRESS}", content=SMALL, headers={"Authorization": "Bearer coordinator"})
            assert (asked.status_code, asked.json()["detail"]) == (503, NO_ROOM)
        listed = (await small.get(ADDRESS, "coordinator")).json()["items"]
    assert [(one["status"], one["problem"]) for one in listed] == [("failed", NO_ROOM)] * 2


async def test_a_database_that_is_away_for_a_moment_does_not_lose_a_forecast_that_is_being_made() -> None:
    renewed = asyncio.Event()

    class Flickering:
        lasts, answers = timedelta(0), iter([True, DatabaseAway("away"), True])

        async def take(self) -> bool:
            answer = next(self.answers, None)
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                renewed.set()
            return True

    holding = asyncio.create_task(hold(cast(Lease, Flickering())))
    async with asyncio.timeout(10):
        await renewed.wait()
    assert not holding.done()
    holding.cancel()
