"""A number or a choice on a page says what it means: its unit, its time, and whether there is anything to choose."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import delete

from api.showing.words import unit_shown
from records.tables import CareTeam
from tests.api.conftest import Network
from tests.console.test_console_gate import sends

DIABETES = {"sbp": 128, "dbp": 78, "fpg": 17.5, "symptoms": []}


async def _read(network: Network, path: str, key: str = "manager", **query: str) -> str:
    page = await network.http.get(path, params=query, headers={"Cookie": f"cairn_key={key}"})
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text))


async def test_a_hospital_reads_the_unit_of_every_figure_that_decided(network: Network) -> None:
    patient = await network.enrol(conditions=["type2_diabetes"])
    told = await network.post(f"/patients/{patient}/visits", {"readings": DIABETES})
    assert told.status_code in (200, 201), told.text
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    (row,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    assert "17.5 mmol/L" in await _read(network, f"/inbox/referrals/{row['id']}", "hospital-1")


async def test_what_does_not_happen_says_until_when(network: Network) -> None:
    patient = await network.enrol()
    assert "In the next twelve months the plan has" in await _read(network, f"/patients/{patient}/life/withdraw")
    paused = f"/patients/{patient}/life/pause"
    assert "In the next twelve months the plan has" in await _read(network, paused)
    shown = await sends(network, f"{paused}/preview", "manager", until="2025-06-02")
    assert "Until Mon 2 Jun 2025 the plan has" in shown.text


async def test_who_has_no_other_care_team_to_go_to_is_told_so(network: Network) -> None:
    patient = await network.enrol()
    assert "choose" in await _read(network, f"/patients/{patient}/team")
    async with network.parts.database.begin() as session:
        await session.execute(delete(CareTeam).where(CareTeam.id != "team-1"))
    page = await _read(network, f"/patients/{patient}/team")
    assert "The network has no other care team" in page
    assert "What it will do" not in page


async def test_the_overview_says_which_days_its_weeks_are(network: Network) -> None:
    page = await _read(network, "/overview", "supervisor")
    assert "the first from the day of the count, Mon 3 Mar 2025" in page
    assert page.count("from 3 Mar") == 1
    assert "on the day on which it falls due" in page
    assert "on the day on which it is booked" in page


@pytest.mark.parametrize(
    ("ucum", "shown"),
    [
        ("mm[Hg]", "mmHg"),
        ("mL/min/{1.73_m2}", "mL/min/1.73 m²"),
        ("kg/m2", "kg/m²"),
        ("Cel", "°C"),
        ("10*9/L", "10⁹/L"),
        ("{score}", ""),
        ("{count}", ""),
        ("1", ""),
        (None, ""),
        ("/min", "/min"),
    ],
)
def test_a_unit_is_written_as_people_write_it(ucum: str | None, shown: str) -> None:
    assert unit_shown(ucum) == shown
