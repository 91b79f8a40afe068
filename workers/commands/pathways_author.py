"""``cairn pathways new``, ``schema``, ``draw``, ``export``: what somebody who writes a pathway asks for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pathways.drawing.calendar import calendar_strip
from pathways.drawing.map import pathway_map
from pathways.exchange.plan_definition import plan_definition
from pathways.language import Loaded, report
from pathways.language.catalogue import NoSuchDocument, named
from pathways.language.schema import schema
from pathways.language.starting import BadName, new_document
from workers.commands.languages import Language

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of printing.")]
Named = Annotated[str, typer.Argument(help="A shipped pathway's name, or a file.")]


def add_to(app: typer.Typer) -> None:
    """Add the author's commands."""
    app.command("new")(new)
    app.command("schema")(schema_)
    app.command("draw")(draw)
    app.command("export")(export)


def new(
    name: Annotated[str, typer.Argument(help="Small letters, digits and underscores, such as chronic_pain.")], out: Out = None
) -> None:
    """Begin a pathway: a commented document that passes the check as it stands."""
    try:
        text = new_document(name)
    except BadName as wrong:
        raise typer.BadParameter(str(wrong)) from None
    _give(text, out)


def schema_(out: Out = None) -> None:
    """The language's JSON Schema, with which an editor completes and checks."""
    _give(json.dumps(schema(), ensure_ascii=False, indent=1), out)


def draw(
    name: Named,
    calendar: Annotated[bool, typer.Option("--calendar", help="A year of each risk tag.")] = False,
    map_: Annotated[bool, typer.Option("--map", help="Services, tables, decisions, and what follows.")] = False,
    language: Language = "en",
    out: Out = None,
) -> None:
    """A pathway as a picture (SVG)."""
    if calendar == map_:
        raise typer.BadParameter("say which picture: --calendar or --map")
    pathway = _sound(name).pathway
    assert pathway is not None
    if calendar and not pathway.services:
        raise typer.BadParameter(f"{name} holds rules that are asked and no services: there is no year to draw; use --map")
    _give((calendar_strip if calendar else pathway_map)(pathway, language), out)


def export(name: Named, out: Out = None) -> None:
    """A pathway as a FHIR R4 PlanDefinition (JSON)."""
    loaded = _sound(name)
    assert loaded.pathway is not None
    _give(json.dumps(plan_definition(loaded.pathway), ensure_ascii=False, indent=1), out)


def _sound(name: str) -> Loaded:
    try:
        loaded = named(name)
    except NoSuchDocument as wrong:
        raise typer.BadParameter(str(wrong)) from None
    if loaded.pathway is None:
        print(report(loaded.problems), file=sys.stderr)
        raise typer.Exit(1)
    return loaded


def _give(text: str, out: Path | None) -> None:
    if out is None:
        print(text)
        return
    if out.exists():
        raise typer.BadParameter(f"{out} is there already; name another file, or remove it first")
    out.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
    print(f"written: {out}")
