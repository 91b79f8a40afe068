"""Whoever follows the README word by word gets what it says."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from records.intake import Refused, read_path
from workers.commands import pathways

ROOT = Path(__file__).parents[2]
COMMANDS = re.findall(
    r"^\$ cairn (pathways (?:check|decide|story) .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_the_readme_shows_how_pathways_are_tried() -> None:
    assert [command.split()[1] for command in COMMANDS] == ["check", "decide", "story"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_pathway_is_tried_as_the_readme_has_it(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    app = typer.Typer()
    pathways.add_to(app)
    ran = CliRunner().invoke(app, command.split(), env={"COLUMNS": "200", "TERM": "dumb"})
    assert ran.exit_code == 0, ran.output
    if command.startswith("pathways decide"):
        assert [json.loads(line)["row"] for line in ran.output.splitlines()] == ["HTN-E1", "HTN-X1", "HTN-C1"]


def test_everybody_in_the_roster_of_the_readme_is_understood() -> None:
    people = list(read_path(ROOT / "docs" / "examples" / "roster.csv", on=date(2025, 3, 3)))
    assert [type(one) for one in people if isinstance(one, Refused)] == []
    assert len(people) == 3
