"""``cairn pathways rollout``: roll a version out to enrolled patients, watch it, hold it up, take it back.

Rule: the database is changed first, with a deed by the operator; where Temporal is away, housekeeping starts the workflow later.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import UnknownVersion
from activities.previews import Previews
from activities.rolling import BadMapping, CannotRoll, Rolling
from activities.rollouts import RolloutDoor
from activities.waking import NotWoken
from records.database import check_ready
from records.pathways import PublishedPathways, Retired
from records.rollouts import Rollouts, Wanted
from records.scope import NETWORK
from records.tables import Rollout
from workers.commands.access import OPERATOR
from workers.parts import Parts
from workers.settings import Settings
from workers.stack import embedded_address
from workers.temporal import connect

app = typer.Typer(no_args_is_help=True, help="Move enrolled patients to a version of their pathway, and back.")

POLICIES = ("new_only", "safe_point", "now")
CONNECTS_WITHIN = 3.0
LATEST = 10  # versions that a refusal lists

Pathway = Annotated[str, typer.Argument(help="The pathway's name.")]
Version = Annotated[str, typer.Argument(help="The published version, by its first digits.")]
Id = Annotated[str, typer.Argument(help="The rollout's id.")]
Why = Annotated[str, typer.Option(help="Why; kept in the pathway's deeds.")]
Policy = Annotated[str, typer.Option(help="new_only, safe_point (when the next follow-up is done) or now.")]
Services = Annotated[
    list[str] | None, typer.Option("--replace", help="A service that replaces another: OLD=NEW; OLD= where it ends.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag that replaces another: OLD=NEW.")]
Limit = Annotated[int | None, typer.Option(min=0, help="The most SMS that a day's moves may cause; no limit unless given.")]


def add_to(pathways: typer.Typer) -> None:
    """Add the group below ``cairn pathways``."""
    pathways.add_typer(app, name="rollout")


@app.command()
def preview(
    pathway: Pathway,
    version: Version,
    policy: Policy = "safe_point",
    replace: Services = None,
    tag: Tags = None,
    sample: Annotated[int, typer.Option(min=1, help="How many patients are looked at.")] = 500,
) -> None:
    """What a rollout would find: how patients fit, what keeps them, texts it would cause. Nothing is changed."""
    asyncio.run(_preview(pathway, version, policy, _pairs(replace), _pairs(tag), sample))


async def _preview(
    pathway: str, version: str, policy: str, services: Mapping[str, str], tags: Mapping[str, str], sample: int
) -> None:
    async with _ready() as parts:
        async with parts.database.reading() as session:
            wanted = Wanted(pathway, await _meant(session, pathway, version), _policy(policy), services, tags)
            await Rolling(session, parts.plans, OPERATOR, await parts.clock.now(session)).check_mapping(wanted)
        found = await Previews(parts.database, parts.vault, parts.plans, parts.clock).of(wanted, NETWORK, sample=sample)
        print(f"{found.enrolled} patients are on other versions; {found.looked_at} of them were looked at")
        _print_counts("fit", found.fits)
        _print_counts("needs a person because of", found.codes)
        if {"service_gone_while_due", "tag_gone"} & set(found.codes):
            print("  where one was renamed, say so: --replace OLD=NEW, --tag OLD=NEW (OLD= where it ends on purpose)")
        print(f"texts of the following week that the moves would cause: {found.sms}")


@app.command()
def start(
    pathway: Pathway,
    version: Version,
    why: Why,
    policy: Policy = "safe_point",
    replace: Services = None,
    tag: Tags = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Patients at a time.")] = 50,
    pause: Annotated[int, typer.Option(min=0, max=86400, help="Seconds between two batches.")] = 60,
    sms_per_day: Limit = None,
) -> None:
    """Move enrolled patients to a version, in batches; it becomes current for new enrolments."""
    services, tags = _pairs(replace), _pairs(tag)

    async def begin(parts: Parts, session: AsyncSession, rolling: Rolling) -> Rollout:
        meant = await _meant(session, pathway, version)
        wanted = Wanted(pathway, meant, _policy(policy), services, tags, batch=batch, pause_s=pause, sms_per_day=sms_per_day)
        return await rolling.start(wanted, why=why)

    asyncio.run(_done(begin))


@app.command()
def pause(rollout: Id, why: Why) -> None:
    """Nobody more is told to move, until it is resumed."""
    asyncio.run(_done(_on(rollout, lambda rolling, found: rolling.pause(found, why=why))))


@app.command()
def resume(rollout: Id, why: Why) -> None:
    """On from where it was paused."""
    asyncio.run(_done(_on(rollout, lambda rolling, found: rolling.resume(found, why=why))))


@app.command()
def stop(rollout: Id, why: Why) -> None:
    """For good; who has moved stays where they are."""
    asyncio.run(_done(_on(rollout, lambda rolling, found: rolling.stop(found, why=why))))


@app.command()
def back(
    rollout: Id,
    why: Why,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Patients at a time.")] = 200,
    pause: Annotated[int, typer.Option(min=0, max=86400, help="Seconds between two batches.")] = 0,
    sms_per_day: Limit = None,
) -> None:
    """Take a rollout back: everybody it moved who has not moved on since is returned."""

    async def begin(parts: Parts, session: AsyncSession, rolling: Rolling) -> Rollout:
        return await rolling.back(rollout, why=why, batch=batch, pause_s=pause, sms_per_day=sms_per_day)

    asyncio.run(_done(begin, also=rollout))


@app.command()
def show(rollout: Id) -> None:
    """How far a rollout has come."""
    asyncio.run(_show(rollout))


@app.command("list")
def list_rollouts(pathway: Annotated[str | None, typer.Option(help="Only of this pathway.")] = None) -> None:
    """Rollouts, the latest first."""
    asyncio.run(_list(pathway))


async def _list(pathway: str | None) -> None:
    async with _ready() as parts, parts.database.reading() as session:
        for rollout in (await Rollouts(session).page(pathway=pathway, status=None, limit=50, after=None)).items:
            back = f", takes {rollout.undoes} back" if rollout.undoes else ""
            when = f"{rollout.started:%Y-%m-%d %H:%M} UTC"
            print(f"{rollout.id} {rollout.pathway} to {rollout.version}: {rollout.status}, {rollout.policy}{back}; {when}")


async def _show(rollout_id: str) -> None:
    async with _ready() as parts:
        await _print_progress(parts, rollout_id)


async def _done(begin: Callable[[Parts, AsyncSession, Rolling], Awaitable[Rollout]], *, also: str = "") -> None:
    """Change the database, tell the workflows, and print how it stands."""
    async with _ready() as parts:
        async with parts.database.begin() as session:
            rolling = Rolling(session, parts.plans, OPERATOR, await parts.clock.now(session))
            made = (await begin(parts, session, rolling)).id
        await _tell(parts, [one for one in (also, made) if one])
        await _print_progress(parts, made)


def _on(
    rollout_id: str, change: Callable[[Rolling, Rollout], Awaitable[None]]
) -> Callable[[Parts, AsyncSession, Rolling], Awaitable[Rollout]]:
    async def begin(parts: Parts, session: AsyncSession, rolling: Rolling) -> Rollout:
        rollout = await Rollouts(session).one(rollout_id, held=True)
        if rollout is None:
            raise CannotRoll("There is no such rollout; see: cairn pathways rollout list")
        await change(rolling, rollout)
        return rollout

    return begin


async def _tell(parts: Parts, rollouts: Sequence[str]) -> None:
    settings = parts.settings
    address = settings.temporal_address or embedded_address(settings)
    try:
        if not address:
            raise TimeoutError
        client = await asyncio.wait_for(connect(address, settings.namespace, parts.vault), CONNECTS_WITHIN)
        for rollout in rollouts:
            await RolloutDoor(client).wake(rollout)
    except (RuntimeError, TimeoutError, NotWoken):
        print("Temporal does not run here now: it is stored, and housekeeping starts it later")


async def _print_progress(parts: Parts, rollout_id: str) -> None:
    async with parts.database.reading() as session:
        rollouts = Rollouts(session)
        rollout = await rollouts.one(rollout_id)
        if rollout is None:
            raise CannotRoll("There is no such rollout; see: cairn pathways rollout list")
        counts, ahead = await rollouts.counts(rollout_id), await rollouts.ahead(rollout)
    held = f" (held: {rollout.held})" if rollout.held else ""
    print(f"{rollout.id} {rollout.pathway} to {rollout.version}: {rollout.status}{held}")
    print(f"looked at {counts.looked_at}, not yet {ahead}, texts caused {counts.sms}")
    _print_counts("fit", counts.fits)
    _print_counts("status", counts.statuses)
    _print_counts("left because of", counts.codes)


def _print_counts(what: str, counts: Mapping[str, int]) -> None:
    if counts:
        print(f"{what}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))


def _policy(policy: str) -> str:
    if policy not in POLICIES:
        raise CannotRoll(f"There is no policy {policy!r}; use one of: {', '.join(POLICIES)}")
    return policy


def _pairs(said: Sequence[str] | None) -> dict[str, str]:
    pairs = {}
    for one in said or ():
        old, equals, new = one.partition("=")
        if not equals or not old:
            print(f"{one!r} does not say what replaces what; write OLD=NEW, or OLD= where it ends", file=sys.stderr)
            raise typer.Exit(2)
        pairs[old] = new
    return pairs


async def _meant(session: AsyncSession, pathway: str, beginning: str) -> str:
    published = PublishedPathways(session)
    found = await published.starting_with(pathway, beginning)
    if len(found) != 1:
        many = "more than one published version begins so" if found else "no published version begins so"
        latest = (await published.versions(pathway, limit=LATEST)).items
        there = ", ".join(f"{one.version[:8]} ({one.published:%Y-%m-%d}{', current' if one.current else ''})" for one in latest)
        remedy = f"published, the latest first: {there}" if there else "nothing of that name is published; see: cairn pathways list"
        raise CannotRoll(f"{pathway}@{beginning}: {many}; {remedy}")
    return found[0]


@asynccontextmanager
async def _ready() -> AsyncIterator[Parts]:
    parts = Parts.make(Settings.read())
    try:
        await check_ready(parts.database)
        yield parts
    except (BadMapping, CannotRoll, Retired, UnknownVersion, LookupError) as refused:
        print(refused, file=sys.stderr)
        if isinstance(refused, BadMapping):
            for _, _, remedy in refused.faults:
                print(f"  {remedy}", file=sys.stderr)
        raise typer.Exit(1) from None
    finally:
        await parts.close()
