"""The supervisor's numbers are those that housekeeping counted, added up over the teams that the supervisor sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from records.database import Database
from records.figures import TeamFigures, keep
from tests.api.conftest import EMERGENCY, WELL, Network, a_network


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def _counted(network: Network) -> None:
    parts = network.parts
    async with parts.database.begin() as session:
        now = await parts.clock.now(session)
        await keep(session, await TeamFigures(session, now).make(), now=now)


async def test_the_supervisor_sees_what_was_counted_of_the_teams_and_when(place: Network) -> None:
    assert (await place.get("/overview", "supervisor")).json()["as_of"] is None
    patient = await place.enrol()
    await place.enrol(identifier="A-2", phone="+8613812345679", care_team="team-1")
    moved = await place.enrol(identifier="A-3", phone="+8613812345670")
    await place.post(f"/patients/{moved}/move", {"care_team": "team-3"}, "coordinator")
    await place.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    await _counted(place)
    await place.post(f"/patients/{moved}/visits", {"readings": WELL}, "foreign-manager")
    numbers = (await place.get("/overview", "supervisor")).json()
    assert numbers["patients_by_tag"] == {"green": 2, "red": 1}
    assert (numbers["visits_done"], numbers["teams"]) == (1, 3), "as it was when it was counted"
    assert numbers["as_of"] == "2025-03-03T01:00:00Z"
    assert numbers["open_tasks"]["confirm_referral"] == 1
    third = (await place.get("/overview", "supervisor", team="team-3")).json()
    assert (third["patients_by_life"], third["teams"]) == ({"active": 1}, 1)
    assert (await place.get("/overview", "supervisor", team="team-9")).status_code == 404
    await _counted(place)
    assert (await place.get("/overview", "supervisor")).json()["visits_done"] == 2
