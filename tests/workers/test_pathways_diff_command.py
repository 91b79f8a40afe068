"""``cairn pathways diff``: files, shipped pathways and published versions, side by side in the words of care."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import typer
from typer.testing import CliRunner

from pathways.language.catalogue import LIBRARY
from records.database import Database
from records.drafts import version_of
from records.pathways import PublishedPathways
from tests.api.small import SMALL
from workers.commands import pathways_versions

AT = datetime(2025, 3, 3, tzinfo=UTC)


BASE = version_of(SMALL)
SOONER = SMALL.replace("red: 15 days", "red: 10 days")


def _diff(*arguments: str, home: Path) -> tuple[int, str]:
    app = typer.Typer()
    pathways_versions.add_to(app)
    ran = CliRunner().invoke(app, list(arguments), env={"CAIRN_HOME": str(home)})
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    return ran.exit_code, ran.output


def test_a_file_is_held_against_what_is_shipped_and_what_is_published_here(tmp_path: Path, fresh_sqlite: Path) -> None:
    sooner, other, broken = tmp_path / "sooner.yaml", tmp_path / "other.yaml", tmp_path / "broken.yaml"
    other.write_text((LIBRARY / "hypertension.yaml").read_text("utf-8").replace("{en: Hypertension,", "{en: Pressure,"))
    sooner.write_text(SOONER)
    broken.write_text("pathway: [")
    shutil.copy(fresh_sqlite, tmp_path / "cairn.db")
    asyncio.run(_publish(tmp_path, SMALL, SOONER))
    told = (0, "service follow_up\n  ~ red: every 15 days becomes every 10 days\n")
    assert _diff(f"hypertension@{BASE[:8]}", str(sooner), home=tmp_path) == told
    assert "title: en" in _diff("hypertension", str(other), home=tmp_path)[1]
    assert _diff(f"hypertension@{BASE[:6]}", "hypertension@current", home=tmp_path) == told
    code, output = _diff("hypertension@current", str(sooner), home=tmp_path)
    assert (code, output.startswith("nothing changes that patients")) == (0, True)
    chinese = _diff(f"hypertension@{BASE}", str(sooner), "--language", "zh-Hans", home=tmp_path)
    assert chinese == (0, "service follow_up\n  ~ 红：每15天一次改为每10天一次\n")
    for wrong, remedy in (
        ("hypertensoin", "use a file, one of"),
        (str(broken), "mend them first: cairn pathways check"),
        ("hypertension@ffff", "no version of hypertension here begins with 'ffff'; use one of: "),
        ("asthma@ffff", "no version of asthma here begins with 'ffff'; publish it first"),
    ):
        code, output = _diff(str(sooner), wrong, home=tmp_path)
        assert (code, remedy in output) == (1, True), output


async def _publish(home: Path, *texts: str) -> None:
    database = Database.open(f"sqlite+aiosqlite:///{home / 'cairn.db'}")
    async with database.begin() as session:
        for text in texts:
            await PublishedPathways(session).publish("hypertension", version_of(text), text, by="anna", at=AT)
    await database.close()
