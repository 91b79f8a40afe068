"""``cairn pathways diff``: what a change of a pathway is, in the words of care."""

from __future__ import annotations

import asyncio
import sys
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from pathways.language import Loaded, load_published, report
from pathways.language.catalogue import LIBRARY
from pathways.language.differ import Difference, differences
from pathways.shipped import document_names
from records.database import check_ready
from records.pathways import PublishedPathways
from workers.commands.languages import Language
from workers.parts import Parts
from workers.settings import Settings

NOTHING = "nothing changes that patients or their care team would notice: comments, scenarios, or the order of things"
CURRENT = "current"
LATEST = 10  # versions that a refusal lists


class NotToCompare(ValueError):
    """One side of a comparison cannot be had; the message says what would be right."""


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)


def diff(
    old: Annotated[str, typer.Argument(help="A file, a shipped pathway's name, or NAME@VERSION (NAME@current) as published here.")],
    new: Annotated[str, typer.Argument(help="The same, as it is to be.")],
    language: Language = "en",
) -> None:
    """What changes for patients and their care team from OLD to NEW."""
    try:
        before, after = _side(old), _side(new)
    except NotToCompare as wrong:
        print(wrong, file=sys.stderr)
        raise typer.Exit(1) from None
    found = differences(before, after, language)
    for line in told(found):
        print(line)
    if not found:
        print(NOTHING)


def told(found: tuple[Difference, ...]) -> list[str]:
    """Lines for a terminal, under a heading for each thing that changes."""
    lines = []
    for (area, name), group in groupby(found, lambda one: (one.area, one.name)):
        lines.append(f"{area} {name}")
        lines += [f"  {'+-~'[('added', 'removed', 'changed').index(one.kind)]} {one.sentence}" for one in group]
    return lines


def _side(said: str) -> Loaded:
    """Raises NotToCompare."""
    name, at, version = said.partition("@")
    path = Path(said)
    if path.is_file():
        loaded = load_published(_text_of(path), file=said)
    elif at:
        loaded = load_published(asyncio.run(_published(Settings.read(), name, version)), file=said)
    elif said in document_names():
        loaded = load_published(_text_of(LIBRARY / f"{said}.yaml"), file=said)  # what is shipped was checked when it was built
    else:
        raise NotToCompare(
            f"{said} is no file and no shipped pathway; use a file, one of {', '.join(document_names())}, or NAME@VERSION"
        )
    if loaded.pathway is None:
        raise NotToCompare(f"{report(loaded.problems)}\n{said} has errors; mend them first: cairn pathways check")
    return loaded


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotToCompare(f"{path} cannot be read; use a UTF-8 file that this user may read") from None


async def _published(settings: Settings, name: str, version: str) -> str:
    parts = Parts.make(settings)
    try:
        await check_ready(parts.database)
        async with parts.database.reading() as session:
            published = PublishedPathways(session)
            current = await published.current(name) if version in ("", CURRENT) else None
            latest = (await published.versions(name, limit=LATEST)).items
            found = [current.version] if current else await published.starting_with(name, version) if version else []
            if len(found) == 1 and (row := await published.one(name, found[0])) is not None:
                return row.text
    finally:
        await parts.close()
    if found:
        raise NotToCompare(f"{version} is the beginning of several versions of {name}; write more of it")
    there = ", ".join(one.version[:8] for one in latest)
    remedy = f"use one of: {there}" if there else f"publish it first; what is shipped: {', '.join(document_names())}"
    raise NotToCompare(f"no version of {name} here begins with {version!r}; {remedy}")
