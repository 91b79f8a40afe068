"""A draft is tried on the enrolled people through the API."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from rich.console import Console
from sqlalchemy import delete, select, update
from typer.testing import CliRunner

from activities.forecasting import Forecasting, Wanted, make
from api.checker import Checked, Checker, check
from api.forecaster import Forecaster
from api.models.forecasts import ForecastOut, OutlookOut
from pathways.engine.events import CallMade, Died, Dispensed, Fill, VisitBooked, VisitCompleted
from pathways.forecast.sample import Sampled
from pathways.language import library
from records.behaviour import measured
from records.database import Database
from records.forecasts import RUNNER_GONE, Population
from records.tables import EventRow, ForecastRow, LeaseRow, Patient, PersonKey
from tests.activities.installation import START, Installation
from tests.api.conftest import Network
from workers.commands.pathways_forecast import add_to, show

command = typer.Typer()
add_to(command)
ADDRESS = "/pathways/hypertension/forecasts"


def denser() -> str:
    """Hypertension with green visits every month and a half."""
    shipped = library()["hypertension"].document
    assert shipped is not None
    text = shipped.text.replace("green: 90 days}", "green: 45 days}", 1).replace("    within: 90 days\n", "    within: 45 days\n")
    assert text != shipped.text
    return text


async def ask(network: Network, text: str, key: str = "coordinator", address: str = ADDRESS, **query: Any) -> httpx.Response:
    return await network.http.post(
        f"/api/v1{address}", content=text.encode(), params=query, headers={"Authorization": f"Bearer {key}"}
    )


async def people(network: Network, n: int, **person: Any) -> list[str]:
    return [await network.enrol(identifier=f"F-{n}", phone=f"+86138123400{n:02}", **person) for n in range(n)]


@cache
def checked(text: str) -> Checked:
    return check(text)


class CheckedOnce(Checker):
    """Checks in this process, each text once."""

    async def check(self, text: str) -> Checked:
        return checked(text)


@pytest.fixture
async def network(network: Network) -> Network:
    object.__setattr__(network.parts, "checker", CheckedOnce())
    return network


@pytest.fixture
async def idle(network: Network) -> AsyncIterator[Network]:
    """Whoever makes forecasts ends at once without a word."""
    object.__setattr__(network.parts, "forecaster", Forecaster(command=(sys.executable, "-c", "pass")))
    yield network
    await network.parts.forecaster.settled()


async def test_a_draft_is_tried_on_the_enrolled_and_changes_nobody(network: Network, tmp_path: Path) -> None:
    ids = await people(network, 2)
    asked = await ask(network, denser(), weeks=8, seed=7)
    assert asked.status_code == 202, asked.text
    begun = asked.json()
    assert asked.headers["location"] == f"/api/v1{ADDRESS}/{begun['id']}"
    await network.parts.forecaster.settled()

    seen = ForecastOut.model_validate((await network.get(f"{ADDRESS}/{begun['id']}", "coordinator")).json())
    assert (seen.status, seen.problem, seen.done, seen.total) == ("done", "", 2, 2)
    result = seen.result
    assert result is not None
    assert (result.patients, result.sampled, result.weeks, result.seed) == (2, 2, 8, 7)
    assert list(result.against.values()) == [2]
    assert result.measures["visits"].difference.median > 0
    assert [team.team for team in result.teams] == ["team-1"]
    assert result.contacts.sooner.sampled == 2
    assert {one.patient for one in result.contacts.people} <= set(ids)
    assert result.fits.patients == {"clean": 2}
    assert {one.name for one in result.behaviour} >= {"on_the_day", "answers_call", "improves"}
    async with network.parts.database.reading() as session:
        kinds = set(await session.scalars(select(EventRow.kind)))
    assert kinds == {"enrolled", "visit_booked"}

    # The command says the same: the same people, the same seed.
    draft = tmp_path / "draft.yaml"
    draft.write_text(denser(), encoding="utf-8")
    environment = {
        "CAIRN_HOME": str(tmp_path),
        "CAIRN_DATABASE_URL": network.parts.database.engine.url.render_as_string(hide_password=False),
        "CAIRN_MASTER_KEY": b64encode(network.parts.vault.master).decode(),
    }
    asked_again = [str(draft), "--weeks", "8", "--seed", "7", "--json"]
    said = await asyncio.to_thread(CliRunner().invoke, command, asked_again, env=environment)
    assert said.exit_code == 0, said.output
    assert OutlookOut.model_validate(json.loads(said.stdout)) == result
    console = Console(file=StringIO(), width=200)
    show(json.loads(said.stdout), console)
    told = console.file.getvalue()
    assert "Few people: " in " ".join(told.split())
    assert any("not how much" in one for one in result.cautions)
    assert "next contact sooner: 2 patients" in told
    assert "moving them: 2 clean" in told
    assert "calls that are answered" in told


async def test_a_forecast_shows_no_team_that_is_not_the_callers(idle: Network) -> None:
    everybodys = (await ask(idle, denser())).json()["id"]
    async with idle.parts.database.begin() as session:
        row = await session.get_one(ForecastRow, everybodys)
        theirs = ForecastRow(
            **{name: getattr(row, name) for name in ("pathway", "version", "text", "by", "at", "status", "done", "total")}
        )
        theirs.id, theirs.asked = "theirs", {**row.asked, "teams": ["team-3"]}
        session.add(theirs)
    centre = await idle.post("/keys", {"name": "c", "role": "coordinator", "place": "centre-1"}, "administrator")
    key = centre.json()["key"]
    assert (await idle.get(f"{ADDRESS}/{everybodys}", key)).status_code == 404
    assert (await idle.get(f"{ADDRESS}/theirs", key)).status_code == 404
    assert (await idle.get(f"{ADDRESS}/theirs", "coordinator")).status_code == 200
    assert (await idle.get(f"/pathways/type2_diabetes/forecasts/{everybodys}", "coordinator")).status_code == 404
    assert (await idle.get(f"{ADDRESS}/{everybodys}", "manager")).status_code == 403
    await idle.parts.forecaster.settled()
    own = (await ask(idle, denser(), key)).json()["id"]
    async with idle.parts.database.reading() as session:
        assert (await session.get_one(ForecastRow, own)).asked["teams"] == ["team-1", "team-2"]


async def test_a_forecast_whose_maker_has_ended_is_failed_with_a_remedy(idle: Network) -> None:
    begun = (await ask(idle, denser())).json()["id"]
    await idle.parts.forecaster.settled()
    seen = (await idle.get(f"{ADDRESS}/{begun}", "coordinator")).json()
    assert (seen["status"], seen["problem"]) == ("failed", RUNNER_GONE)


async def test_a_forecast_that_outlived_nobody_is_found_out_after_a_restart(idle: Network) -> None:
    begun = (await ask(idle, denser())).json()["id"]
    await idle.parts.forecaster.settled()
    async with idle.parts.database.begin() as session:
        await session.execute(update(ForecastRow).values(status="running", problem="", ended=None))
    held = (await idle.get(f"{ADDRESS}/{begun}", "coordinator")).json()
    assert held["status"] == "running", "its lease is still held: it may be computing"
    async with idle.parts.database.begin() as session:
        await session.execute(delete(LeaseRow))
    gone = (await idle.get(f"{ADDRESS}/{begun}", "coordinator")).json()
    assert (gone["status"], gone["problem"]) == ("failed", RUNNER_GONE)


async def test_no_more_are_made_at_once_than_the_machine_bears(idle: Network) -> None:
    asked = [await ask(idle, denser()) for _ in range(2)]
    await idle.parts.forecaster.settled()
    async with idle.parts.database.begin() as session:  # as if both were still computing
        await session.execute(update(ForecastRow).values(status="running"))
    assert [one.status_code for one in asked] == [202, 202]
    assert (await ask(idle, denser())).status_code == 503


async def test_a_draft_with_errors_is_refused_with_their_places(idle: Network) -> None:
    refused = await ask(idle, denser().replace("send: visit_soon", "send: visit_son", 1))
    assert refused.status_code == 422
    assert "visit_soon" in refused.json()["errors"][0]["remedy"]
    shipped = library()["hypertension"].document
    assert shipped is not None
    other = await ask(idle, shipped.text, address="/pathways/type2_diabetes/forecasts")
    assert other.status_code == 422
    assert (await ask(idle, "")).status_code == 422
    assert (await ask(idle, "", draft="nobodys")).status_code == 404


async def test_a_draft_that_is_kept_is_tried_by_its_id(idle: Network) -> None:
    kept = await idle.http.post(
        "/api/v1/pathways/hypertension/drafts",
        content=denser().encode(),
        params={"why": "denser visits"},
        headers={"Authorization": "Bearer coordinator"},
    )
    assert kept.status_code == 201, kept.text
    asked = await ask(idle, "", draft=kept.json()["id"])
    assert asked.status_code == 202, asked.text
    async with idle.parts.database.reading() as session:
        assert (await session.get_one(ForecastRow, asked.json()["id"])).text == denser()


async def test_on_nobody_a_draft_is_not_tried(idle: Network) -> None:
    begun = (await ask(idle, denser())).json()["id"]
    await idle.parts.forecaster.settled()
    async with idle.parts.database.begin() as session:
        await session.execute(update(ForecastRow).values(status="waiting", problem="", ended=None))
    await make(idle.parts.database, idle.parts.vault, begun)
    seen = (await idle.get(f"{ADDRESS}/{begun}", "coordinator")).json()
    assert seen["status"] == "failed"
    assert "nobody is enrolled on hypertension" in seen["problem"]


async def test_patients_are_read_as_they_stand_with_what_no_step_has_taken_yet(database: Database) -> None:
    """On both databases: a snapshot, one of an older shape, and an event that is still to be taken."""
    world = Installation(database)
    patient = await world.begin()
    await world.step(1)

    async def read() -> list[Sampled]:
        async with database.reading() as session:
            population = Population(session, world.vault)
            (team,) = await population.teams("hypertension", START.date(), START.date())
            return await population.sampled(team.patients)

    (one,) = await read()
    assert (one.id, one.log, one.untaken) == (patient, (), ())
    async with database.begin() as session:
        await session.execute(update(Patient).values(state_schema=0))
    (one,) = await read()
    assert len(one.log) >= 1
    result = await Forecasting(database, world.vault, world.clock, processes=0).run(Wanted(denser(), weeks=4))
    assert (result["patients"], result["sampled"], result["left_out"]) == (1, 1, {})
    await world.tell(lambda now: Died(id="died", at=now, learnt=now))
    (one,) = await read()
    assert len(one.untaken) == 1
    async with database.begin() as session:
        await session.execute(delete(PersonKey))
    assert await read() == [], "who was forgotten is opened by nobody"


async def test_how_people_behave_is_counted_from_own_records(database: Database) -> None:
    world = Installation(database)
    await world.begin()
    await world.step(1)
    events: list[Any] = [
        lambda now: VisitBooked(id=f"b{now}", at=now, learnt=now, booking="visit#9", day=now.date() + timedelta(days=1)),
        lambda now: VisitCompleted(id=f"v{now}", at=now, learnt=now),
        lambda now: CallMade(id=f"n{now}", at=now, learnt=now, outcome="no_answer"),
        lambda now: CallMade(id=f"c{now}", at=now, learnt=now, outcome="reached"),
        lambda now: VisitCompleted(id=f"w{now}", at=now, learnt=now),
        lambda now: Dispensed(id=f"d{now}", at=now, learnt=now, fill=Fill("amlodipine", now.date(), 28)),
    ]
    for event in events:
        world.now += timedelta(days=3)  # the booked visit is two days late; the call brings the patient within three
        await world.tell(event)
    async with database.reading() as session:
        found = await measured(session, world.vault, now=world.now)
        assert await measured(session, world.vault, now=world.now + timedelta(days=800)) == {}
    assert found == {
        "on_the_day": (0.0, 2),
        "late": (0.5, 2),
        "latest_days": (2, 1),
        "answers_call": (0.5, 2),
        "comes_when_called": (1.0, 1),
        "supply_days": (28, 1),
    }
