"""``cairn pathways``: what coordinators do with pathway definitions."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from pathways.language import library, report
from pathways.language.decide import CannotDecide, decide_file
from pathways.language.diagnostics import problems_of
from pathways.language.play import play_story
from records.database import check_ready
from workers.commands import pathways_author, pathways_forecast, pathways_rollout, pathways_versions
from workers.parts import Parts, publish_shipped
from workers.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Check, try and publish pathway definitions.")


def add_to(root: typer.Typer) -> None:
    """Add the group."""
    pathways_versions.add_to(app)
    pathways_author.add_to(app)
    pathways_rollout.add_to(app)
    pathways_forecast.add_to(app)
    root.add_typer(app, name="pathways")


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Pathway definitions (YAML).")]) -> None:
    """Check definitions and run the scenarios inside; everything wrong is said at once, with its place."""
    results = [_check(file) for file in files]
    raise typer.Exit(0 if all(results) else 1)


def _check(file: Path) -> bool:
    checked, problems = problems_of(file, file=str(file))
    if problems:
        print(report(problems))
    if checked.clean:
        print(f"{file}: good; version {checked.version}, {checked.scenarios} scenarios hold")
    return checked.clean


@app.command()
def decide(
    pathway: Annotated[str, typer.Argument(help="A shipped pathway's name, or a file.")],
    cases: Annotated[Path, typer.Option(help="A JSON file of cases, each with id and inputs.")],
) -> None:
    """Let a pathway's tables decide given cases; one JSON line each."""
    try:
        for line in decide_file(pathway, cases):
            print(line)
    except CannotDecide as wrong:
        print(wrong, file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def story(
    pathway: Annotated[str, typer.Argument(help="A shipped pathway's name, or a file.")],
    file: Annotated[Path, typer.Argument(help="Stories (YAML): a list of scenarios.")],
) -> None:
    """Play stories and print what patient, nurse and clinic experience, day by day."""
    raise typer.Exit(play_story(pathway, file))


@app.command("list")
def list_shipped() -> None:
    """The pathways that are shipped, with their versions."""
    for name, loaded in library().items():
        print(name, loaded.pathway.version if loaded.pathway else "has errors")


@app.command()
def publish() -> None:
    """Publish the shipped pathways of which no version is published; another version begins as a draft (docs/versions.md)."""
    published = asyncio.run(_publish(Settings.read()))
    print(f"published: {', '.join(published)}" if published else "each shipped pathway has a published version; nothing changed")


async def _publish(settings: Settings) -> list[str]:
    parts = Parts.make(settings)
    try:
        await check_ready(parts.database)
        async with parts.database.begin() as session:
            return await publish_shipped(session, at=await parts.clock.now(session), co_managed=settings.co_managed)
    finally:
        await parts.close()
