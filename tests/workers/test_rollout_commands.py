"""``cairn pathways rollout``: an operator sees what would come, begins, holds up and takes back; what cannot be is one sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from spine.people import somebody
from typer.testing import CliRunner

from pathways.language import library
from records.database import migrate
from records.tables import PathwayVersion
from workers.commands.pathways_rollout import app
from workers.network import set_up_network
from workers.parts import Parts, publish_shipped
from workers.settings import Settings

TOLD = CliRunner()
SHIPPED = library()["hypertension"]
assert SHIPPED.document is not None
assert SHIPPED.pathway is not None
TEXT = f"{SHIPPED.document.text}\n# another\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An installation with one patient, and another version; answers its beginning."""
    monkeypatch.setenv("CAIRN_HOME", str(tmp_path))

    async def set_up() -> None:
        parts = Parts.make(Settings.read())
        await migrate(parts.database)
        async with parts.database.begin() as session:
            now = await parts.clock.now(session)
            await set_up_network(session)
            await publish_shipped(session, at=now)
            version = PathwayVersion(version="f0" * 8, pathway="hypertension", text=TEXT, published=now, current=False)
            session.add(version)
        await parts.enrolments.enrol(somebody(1))
        await parts.close()

    asyncio.run(set_up())
    return "f0f0"


def said(*words: str) -> tuple[int, str]:
    result = TOLD.invoke(app, words)
    return result.exit_code, result.output


def test_a_rollout_is_previewed_begun_paused_taken_back_and_listed(home: str) -> None:
    code, preview = said("preview", "hypertension", home)
    assert (code, "1 patients are on other versions; 1 of them were looked at" in preview) == (0, True), preview
    code, begun = said("start", "hypertension", home, "--why", "as agreed", "--policy", "now")
    assert code == 0, begun
    assert "Temporal does not run here now" in begun
    rollout = next(line for line in begun.splitlines() if " to f0f0" in line).split()[0]
    assert "looked at 0, not yet 1" in said("show", rollout)[1]
    assert ": paused" in said("pause", rollout, "--why", "wait")[1]
    code, refused = said("pause", rollout, "--why", "wait")
    assert (code, "This rollout is paused" in refused) == (1, True)
    assert ": running" in said("resume", rollout, "--why", "on")[1]
    assert said("back", rollout, "--why", "no")[0] == 0
    assert f"takes {rollout} back" in said("list")[1]
    assert said("stop", rollout, "--why", "no")[0] == 1


def test_what_is_not_there_is_said_with_what_to_look_at(home: str) -> None:
    code, unknown = said("start", "hypertension", "0000", "--why", "because")
    assert (code, "no published version begins so; published, the latest first:" in unknown) == (1, True), unknown
    assert "f0f0f0f0 (" in unknown
    assert f"{SHIPPED.pathway.version[:8]} (" in unknown
    assert "nothing of that name is published; see: cairn pathways list" in said("preview", "asthma", "0000")[1]
    assert "use one of: new_only, safe_point, now" in said("start", "hypertension", home, "--why", "so", "--policy", "soon")[1]
    assert "write OLD=NEW" in said("preview", "hypertension", home, "--replace", "exam")[1]
    assert "is in no version that patients are on" in said("preview", "hypertension", home, "--replace", "exam=x")[1]
    assert "There is no such rollout" in said("show", "nothing")[1]
