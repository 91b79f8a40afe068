"""The supervisor's numbers are those that housekeeping counted, added up over the teams that the supervisor sees."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from api.overviewing import of_all_and_each
from api.parts import ApiParts
from records.clock import Clock
from records.database import Database
from records.figures import TeamFigures, keep
from records.scope import NETWORK
from records.tables import CareTeam, Organisation
from tests.api.conftest import EMERGENCY, WELL, Network, a_network
from tests.kept import heard


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


async def test_numbers_are_added_up_once_for_all_readers_until_housekeeping_counts_again(database: Database) -> None:
    teams = [f"team-{n}" for n in range(3)]
    async with database.begin() as session:
        session.add(Organisation(id="centre", kind="centre", name="Centre", network_id="centre"))
        await session.flush()
        session.add_all(CareTeam(id=team, organisation_id="centre", name=team.title(), capacity=9) for team in teams)
    parts = cast(ApiParts, SimpleNamespace(clock=Clock()))
    asked: list[str] = []

    async def seen() -> tuple[int, list[tuple[str, int]], int]:
        """People in care, each team's, and how many statements that took."""
        asked.clear()
        with heard(database, asked):
            async with database.reading() as session:
                together, each = await of_all_and_each(session, parts, NETWORK, limit=2, after=None)
        lives = [(one.team, one.numbers.patients_by_life["active"]) for one in each.items]
        return together.patients_by_life["active"], lives, len([one for one in asked if "figures" in one])

    for n, on_time in enumerate(((3, 1, 2), (1, 3, 2)), 1):
        made = {
            team: {"patients_by_life": {"active": n}, "follow_up": {"on_time": good, "lost": 3 - good}}
            for team, good in zip(teams, on_time, strict=True)
        }
        async with database.begin() as session:
            await keep(session, made, now=datetime(2025, 3, n, tzinfo=UTC))
        behind = [(teams[on_time.index(good)], n) for good in (1, 2)]
        assert await seen() == (3 * n, behind, 2), "what was counted, those furthest behind first"
        assert await seen() == (3 * n, behind, 1), "the next reader only asks whether it still holds"


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
