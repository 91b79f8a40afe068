"""What an operator reads when something stands in the way: one clear sentence, and what to do."""

from __future__ import annotations

import asyncio
import socket
from datetime import date
from pathlib import Path

import pytest

from records.database import Database, migrate
from tests.workers.typed import cairn
from workers.command import HOMES, app_for
from workers.sample import make_community


def test_a_port_that_is_taken_is_said_in_one_sentence_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = cairn(tmp_path, "up", CAIRN_API_PORT=str(port))
    assert refused.returncode == 1
    assert refused.stderr.strip() == f"Port {port} for the API is taken; choose another with CAIRN_API_PORT={port + 1}"


def test_an_older_database_is_not_touched_and_the_way_to_upgrade_it_is_said(tmp_path: Path) -> None:
    async def behind() -> None:
        database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'cairn.db'}")
        await migrate(database)
        async with database.begin() as session:
            connection = await session.connection()
            await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        await database.close()

    asyncio.run(behind())
    refused = cairn(tmp_path, "enrol", str(tmp_path))
    assert refused.returncode == 1
    assert "9999" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_setting_that_cannot_be_used_is_said_without_a_traceback(tmp_path: Path) -> None:
    refused = cairn(tmp_path, "up", CAIRN_CHANNEL="pigeon")
    assert (refused.returncode, refused.stderr.strip()) == (1, "CAIRN_CHANNEL is 'pigeon'; use sandbox or twilio")


def test_a_network_of_its_own_gets_no_invented_places_and_enrolling_says_what_is_missing_first(tmp_path: Path) -> None:
    cluster = {"CAIRN_TEMPORAL_ADDRESS": "127.0.0.1:1"}
    assert "cairn db upgrade" in cairn(tmp_path, "enrol", str(tmp_path), **cluster).stderr
    assert cairn(tmp_path, "db", "upgrade").returncode == 0
    refused = cairn(tmp_path, "enrol", str(tmp_path), **cluster)
    assert (refused.returncode, "POST /api/v1/teams" in refused.stderr) == (1, True)
    assert "hypertension" in cairn(tmp_path, "pathways", "publish").stdout
    assert "nothing changed" in cairn(tmp_path, "pathways", "publish").stdout


def test_a_roster_that_names_a_care_team_nobody_knows_says_who_looks_after_the_person_meanwhile(tmp_path: Path) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("identifier,name,born,conditions,care_team\nR1,Li Na,1960-05-05,hypertension,Team Nowhere\n")
    told = cairn(tmp_path / "home", "enrol", str(roster))
    assert "looked after by team-1" in told.stdout


@pytest.mark.timeout(120)
def test_a_second_enrolment_of_the_same_people_changes_nothing_and_a_bad_row_stops_nobody(tmp_path: Path) -> None:
    community = make_community(tmp_path / "people", patients=6, seed=3, on=date(2026, 3, 2))
    first = cairn(tmp_path / "home", "enrol", str(community.folder))
    second = cairn(tmp_path / "home", "enrol", str(community.folder))
    assert "enrolled 6" in first.stdout.splitlines()[-1]
    assert "refused" in first.stdout.splitlines()[-1]
    assert first.returncode == 1, "something was refused, and a script should notice"
    assert "tag " in first.stdout
    assert "first due " in first.stdout
    assert "already enrolled 7" in second.stdout.splitlines()[-1]
    assert not any(line.startswith("enrolled") for line in second.stdout.splitlines())


@pytest.mark.parametrize("home", HOMES)
def test_every_command_is_found_in_the_module_that_is_said_to_hold_it(home: str) -> None:
    app = app_for(HOMES[home][:1])
    commands = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert {*commands, *(group.name for group in app.registered_groups)} == set(HOMES[home])
