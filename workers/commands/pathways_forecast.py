"""``cairn pathways forecast``: what a draft would do to the people who are enrolled, before it is published."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from activities.forecast_cautions import cautions
from activities.forecasting import SAMPLE, SMS_COST, WEEKS, CannotForecast, Forecasting, Wanted
from records.database import check_ready
from workers.parts import Parts
from workers.settings import Settings

WORDS = {
    "visits": "visits",
    "calls": "calls",
    "home_visits": "home visits",
    "screenings": "laboratory work, examinations",
    "referrals": "referrals",
    "refills": "refills asked for",
    "sms": "SMS",
    "segments": "SMS segments",
    "sms_cost": "SMS cost",
}
FEW = 10  # teams and people that are listed; --json has them all


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forecast)


def forecast(
    draft: Annotated[Path, typer.Argument(help="A pathway definition (YAML), as it would be published.")],
    sample: Annotated[int, typer.Option(min=1, help="How many patients are looked at, of all care teams.")] = SAMPLE,
    weeks: Annotated[int, typer.Option(min=1, max=104, help="How far ahead.")] = WEEKS,
    seed: Annotated[int, typer.Option(help="Of chance: the same seed gives the same forecast.")] = 1,
    sms_cost: Annotated[float, typer.Option(min=0, help="What one SMS segment costs.")] = SMS_COST,
    team: Annotated[list[str] | None, typer.Option(help="Only this care team; may be given again.")] = None,
    service: Annotated[
        list[str] | None, typer.Option("--replace", "--service", help="OLD=NEW: a service that another replaces; OLD= for none.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="OLD=NEW: a tag that another replaces.")] = None,
    processes: Annotated[int, typer.Option(min=0, max=64, help="How many compute; 0 for one without a process of its own.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Try a draft on the enrolled patients: work a week, SMS, who is seen sooner or later, which team has no room."""
    try:
        text = draft.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        print(f"{draft} cannot be read ({type(wrong).__name__}); check the path, and save it as UTF-8", file=sys.stderr)
        raise typer.Exit(1) from None
    teams = frozenset(team) if team else None
    wanted = Wanted(text, sample, weeks, seed, sms_cost, teams, _pairs(service), _pairs(tag))
    try:
        result = asyncio.run(_forecast(wanted, processes))
    except CannotForecast as refused:
        print(refused, file=sys.stderr)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps({**result, "cautions": cautions(result)}, ensure_ascii=False))
    else:
        show(result, Console())


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or ()]
    if any(not sign for _, sign, _ in pairs):
        raise typer.BadParameter("write it as OLD=NEW")
    return {old: new for old, _, new in pairs}


async def _forecast(wanted: Wanted, processes: int) -> dict[str, Any]:
    parts = Parts.make(Settings.read())
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    )
    try:
        await check_ready(parts.database)
        with bar:
            shown = bar.add_task("patients", total=None)

            async def tell(done: int, total: int) -> None:
                bar.update(shown, completed=done, total=total)

            forecasting = Forecasting(parts.database, parts.vault, parts.clock, parts.plans.contact, processes=processes)
            return await forecasting.run(wanted, tell)
    finally:
        await parts.close()


def show(result: Mapping[str, Any], console: Console) -> None:
    """The forecast in words and tables."""
    on = ", ".join(f"{n:,} on {version[:8]}" for version, n in result["against"].items())
    console.print(f"{result['pathway']}: draft {result['version'][:8]} beside what the enrolled are on ({on})")
    console.print(
        f"{result['weeks']} weeks from {result['since']}; {result['sampled']:,} patients looked at, standing for "
        f"{result['patients']:,}; seed {result['seed']}. Median of the batches, and their lowest and highest."
    )
    for caution in cautions(result):
        console.print(f"[bold]{caution}[/bold]")
    if result["left_out"]:
        console.print("not looked at: " + ", ".join(f"{n} {code.replace('_', ' ')}" for code, n in result["left_out"].items()))
    work = Table(title="work in that time")
    for heading in ("", "today's version", "the draft", "difference", "of it a week"):
        work.add_column(heading, justify="left" if not heading else "right")
    for name, words in WORDS.items():
        one = result["measures"][name]
        week = one["difference"]["median"] / result["weeks"]
        work.add_row(words, _range(one["present"]), _range(one["draft"]), _range(one["difference"], sign=True), f"{week:+,.1f}")
    console.print(work)
    _show_teams(result, console)
    _show_people(result, console)
    _show_behaviour(result, console)


def _show_teams(result: Mapping[str, Any], console: Console) -> None:
    over = [team for team in result["teams"] if any(team["over_capacity"].values())]
    over.sort(key=lambda team: (-len(team["over_capacity"]["draft"]), team["team"]))
    if not over:
        console.print("every care team has room for its visits, today and under the draft")
    for team in over[:FEW]:
        weeks = {world: team["over_capacity"][world] for world in ("present", "draft")}
        worst = max(weeks["draft"] or weeks["present"], key=lambda week: week["over"])
        console.print(
            f"care team {team['team']}: more visits than room in {len(weeks['draft'])} weeks under the draft, in "
            f"{len(weeks['present'])} today; most in the week of {worst['week']}: {worst['visits']} visits, "
            f"room for {worst['room']}"
        )
    if len(over) > FEW:
        console.print(f"and {len(over) - FEW} care teams more; --json lists them")
    work = Table(title="a care team's work")
    for heading in ("care team", "patients", "visits", "calls", "home visits", "SMS"):
        work.add_column(heading, justify="left" if heading == "care team" else "right")
    busiest = sorted(result["teams"], key=lambda team: (-abs(team["measures"]["visits"]["difference"]["median"]), team["team"]))
    for team in busiest[:FEW]:
        cells = [_change(team["measures"][name]) for name in ("visits", "calls", "home_visits", "sms")]
        work.add_row(team["team"], f"{team['patients']:,}", *cells)
    console.print(work)
    if len(busiest) > FEW:
        console.print(f"and {len(busiest) - FEW} care teams of which less changes; --json lists them")


def _show_people(result: Mapping[str, Any], console: Console) -> None:
    contacts, tags, fits = result["contacts"], result["tags"], result["fits"]
    for which in ("sooner", "later"):
        if contacts[which]["patients"]:
            console.print(
                f"next contact {which}: {contacts[which]['patients']:,} patients, by {_range(contacts[which]['days'])} days"
            )
    console.print(f"next contact as before: {contacts['as_before']['patients']:,} patients")
    for one in contacts["people"][:FEW]:
        console.print(f"  {one['patient']}  {one['days']:+d} days: {one['present']} becomes {one['draft']}")
    for when, words in (("at_once", "at once"), ("at_the_end", "at the end of that time")):
        moves = ", ".join(f"{one['patients']:,} {one['present'] or 'no tag'} to {one['draft'] or 'no tag'}" for one in tags[when])
        console.print(f"another tag {words}: {moves or 'nobody'}")
    told = ", ".join(f"{n:,} {'need a person' if fit == 'needs_person' else fit}" for fit, n in fits["patients"].items())
    console.print(f"moving them: {told}")
    if fits["why"]:
        console.print("a person is needed for: " + ", ".join(f"{n} {code.replace('_', ' ')}" for code, n in fits["why"].items()))
    if "service_gone_while_due" in fits["why"] or "tag_gone" in fits["why"]:
        console.print("where one was renamed, say so: --replace OLD=NEW, --tag OLD=NEW (OLD= where it ends on purpose)")


def _show_behaviour(result: Mapping[str, Any], console: Console) -> None:
    table = Table(title="how people are taken to behave")
    for heading in ("", "value", "unit", "source"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for one in result["behaviour"]:
        source = f"{one['source']}, n = {one['n']:,}" if one["n"] else one["source"]
        table.add_row(one["says"], f"{one['value']:.3g}", one["unit"], source)
    console.print(table)


def _range(one: Mapping[str, float], *, sign: bool = False) -> str:
    plus = "+" if sign else ""
    return f"{one['median']:{plus},.0f} ({one['low']:{plus},.0f} to {one['high']:{plus},.0f})"


def _change(one: Mapping[str, Mapping[str, float]]) -> str:
    return f"{one['present']['median']:,.0f} {one['difference']['median']:+,.0f}"
