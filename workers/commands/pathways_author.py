"""``cairn pathways new``, ``schema``, ``messages``, ``draw``, ``export``: what somebody who writes a pathway asks for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from activities.rendering import network_wording
from pathways.drawing.calendar import calendar_strip
from pathways.drawing.map import pathway_map
from pathways.exchange.plan_definition import plan_definition
from pathways.language import Loaded, report
from pathways.language.catalogue import NoSuchDocument, named
from pathways.language.previewing import preview
from pathways.language.privacy import Forbidden, forbidden_for, forbidden_words
from pathways.language.schema import schema
from pathways.language.starting import BadName, new_document
from pathways.language.wording import NotPlain, NoWording, Wording, shipped_frames
from workers.commands.languages import Language

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of printing.")]
Named = Annotated[str, typer.Argument(help="A shipped pathway's name, or a file.")]


def add_to(app: typer.Typer) -> None:
    """Add the author's commands."""
    app.command("new")(new)
    app.command("schema")(schema_)
    app.command("messages")(messages)
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


def messages(
    name: Annotated[str, typer.Argument(help="A shipped pathway's name, a file, or: network.")],
    language: Annotated[str, typer.Option(help="A reader's language tag, such as es-MX; all of ours where none is given.")] = "",
    long: Annotated[bool, typer.Option("--long", help="With long names in it.")] = False,
) -> None:
    """Every text as a sample patient gets it: how many SMS, in which encoding, units used and left, and what is wrong."""
    wording, forbidden = _texts(name)
    for message in wording.messages.get(name, {}):
        print(message)
        for tag in [language] if language else wording.frames.languages:
            try:
                shown = preview(wording, forbidden, [(name, message)], tag, long=long)
            except (NoWording, NotPlain) as refused:
                print(f"  {tag:8} cannot be put into words: {refused}")
                continue
            print(f"  {shown.language:8} {shown.segments} SMS, {shown.encoding} {shown.units}, {shown.left} left  {shown.text}")
            for finding in shown.findings:
                print(f"  {'':8} {finding.severity}: {finding.what}; {finding.remedy}")


def _texts(name: str) -> tuple[Wording, Forbidden]:
    """The texts of a document under ``name``, and what they must not say."""
    frames = shipped_frames()
    if name == "network":
        return Wording({name: network_wording().messages[""]}, frames), Forbidden(forbidden_words(frames))
    try:
        loaded = named(name)
    except NoSuchDocument as wrong:
        raise typer.BadParameter(str(wrong)) from None
    if loaded.document is None:
        print(report(loaded.problems), file=sys.stderr)
        raise typer.Exit(1)
    texts = next(iter(loaded.wording.messages.values()), {})
    return Wording({name: texts}, frames), forbidden_for(loaded.document, frames)


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
