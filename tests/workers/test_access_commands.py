"""What an operator types about who may call, who signs in, and whether the audit log is whole."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from records.database import Database
from tests.workers.typed import cairn
from workers.sample import make_community


async def _spoil(home: Path) -> None:
    database = Database.open(f"sqlite+aiosqlite:///{home / 'cairn.db'}")
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TRIGGER audit_no_update"))
        await connection.execute(text("UPDATE audit SET who = 'nobody'"))
    await database.close()


async def _handed_out(home: Path) -> list[tuple[str, str]]:
    database = Database.open(f"sqlite+aiosqlite:///{home / 'cairn.db'}")
    async with database.reading() as session:
        of_access = "SELECT action, record FROM audit WHERE role = 'operator' AND action LIKE '%.manage' ORDER BY at"
        found = [(row[0], row[1]) for row in await session.execute(text(of_access))]
    await database.close()
    return found


@pytest.mark.timeout(120)
def test_an_operator_hands_out_keys_and_accounts_and_looks_after_the_audit_log(tmp_path: Path) -> None:
    people = make_community(tmp_path / "people", patients=6, seed=3, on=date(2026, 3, 2))
    home = tmp_path / "home"
    assert "enrolled" in cairn(home, "enrol", str(people.folder)).stdout

    made = json.loads(cairn(home, "keys", "add", "inbox", "--role", "clinic", "--place", "hospital-1").stdout)
    turned = json.loads(cairn(home, "keys", "rotate", made["id"], "--grace-hours", "0").stdout)
    assert made["key"] != turned["key"]
    assert "is revoked" in cairn(home, "keys", "revoke", turned["id"]).stdout
    listed = cairn(home, "keys", "list").stdout
    assert "expired" in listed
    assert "revoked" in listed
    assert made["key"] not in listed
    wrong = cairn(home, "keys", "add", "inbox", "--role", "clinic", "--place", "pharmacy-1")
    assert (wrong.returncode, len(wrong.stderr.strip().splitlines())) == (1, 1)

    account = ("accounts", "add", "zhou", "--role", "doctor", "--place", "team-1")
    weak = cairn(home, *account, typed="short\n")
    assert (weak.returncode, "fewer than 12" in weak.stderr) == (1, True)
    assert json.loads(cairn(home, *account, typed="four words nobody guesses\n").stdout)["login"] == "zhou"
    assert "another password" in cairn(home, "accounts", "password", "zhou", typed="five words that nobody guesses\n").stdout
    assert cairn(home, "accounts", "disable", "zhou").returncode == 0
    assert "disabled" in cairn(home, "accounts", "list").stdout

    handed_out = asyncio.run(_handed_out(home))
    assert [record.split()[1:] for _, record in handed_out[:2]] == [["clinic", "hospital-1"]] * 2
    assert [action for action, _ in handed_out] == ["keys.manage"] * 3 + ["accounts.manage"] * 3

    whole = cairn(home, "audit", "verify")
    assert (whole.returncode, "it is whole" in whole.stdout) == (0, True)
    assert not whole.stdout.startswith("0 entries"), "enrolling is written down"
    asyncio.run(_spoil(home))
    found = cairn(home, "audit", "verify", "--since", "2020-01-01")
    assert found.returncode == 1
    assert "was changed after it was written" in found.stderr
