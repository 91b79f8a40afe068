"""Somebody who writes a pathway is told at the terminal what cannot be drawn, written over or said, and what can."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from workers.commands import pathways_author, pathways_versions, patients_why


def _said(*words: str) -> tuple[int, str]:
    app = typer.Typer()
    pathways_author.add_to(app)
    pathways_versions.add_to(app)
    patients_why.add_to(app)
    ran = CliRunner().invoke(app, list(words), env={"COLUMNS": "400", "TERM": "dumb"})
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    return ran.exit_code, " ".join(ran.output.split())


def test_rules_that_are_only_asked_have_no_year_to_draw(tmp_path: Path) -> None:
    code, output = _said("draw", "medication_checks", "--calendar")
    assert (code, "there is no year to draw; use --map" in output) == (2, True), output
    drawn = tmp_path / "map.svg"
    assert _said("draw", "medication_checks", "--map", "-o", str(drawn))[0] == 0
    assert drawn.read_text("utf-8").startswith("<?xml")


def test_what_is_there_already_is_never_written_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    assert _said("new", "asthma", "-o", str(mine))[0] == 0
    code, output = _said("new", "asthma", "-o", str(mine))
    assert (code, "is there already" in output) == (2, True), output


@pytest.mark.parametrize(
    "words", [("draw", "copd", "--map"), ("diff", "copd", "copd"), ("patients", "why", "somebody")], ids=["draw", "diff", "why"]
)
def test_a_language_that_we_do_not_speak_is_refused_and_not_answered_in_english(words: tuple[str, ...]) -> None:
    code, output = _said(*words, "--language", "fr")
    assert (code, "there are no words in 'fr'; use one of: en, zh-Hans" in output) == (2, True), output


def test_an_author_reads_every_text_as_the_patient_will_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    code, output = _said("messages", "hypertension", "--language", "es-MX")
    assert code == 0, output
    assert "visit_today es 1 SMS, GSM-7" in output
    assert "le esperamos hoy. Si no puede venir, responda 2, por favor. Si no desea SMS: ALTO." in output
    assert output.count(" SMS, GSM-7 ") == 9

    mine = tmp_path / "mine.yaml"
    mine.write_text("pathway: mine\nmessages:\n  odd: {en: 'your insulin is HERE. Reply 3.'}\n  worse: {en: '{{ day'}\n", "utf-8")
    code, output = _said("messages", str(mine), "--language", "en")
    assert code == 0, output
    for said in ("error: the word 'insulin' tells", "error: the text asks for the answer '3'", "warning: 'HERE' is shouting"):
        assert said in output
    assert "worse en cannot be put into words" in output

    assert "on_call_alert" in _said("messages", "network", "--long")[1]
    assert _said("messages", "nothing")[0] == 2
