"""``cairn enrol``: people come in from what hospitals export and centres keep."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select

from activities.enrolment import Enrolment
from activities.housekeeping import Housekeeping
from activities.waking import Waker
from pathways.engine import calendar
from records.database import check_ready
from records.intake import Intake, Refused, read_path
from records.tables import CareTeam
from workers.commands.access import written_down
from workers.parts import Parts
from workers.settings import BadSetting, Settings
from workers.stack import embedded_address, set_up
from workers.temporal import connect

SHOWN_AT_ONCE = 100  # lines; whose records they tell of is written down first

SAID = {
    "enrolled": "enrolled",
    "already_enrolled": "enrolled already, nothing changed",
    "no_pathway": "not enrolled: no pathway is for this person",
    "died": "not enrolled: has died",
    "no_care_team": "not enrolled: there is no care team",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands about people."""
    app.command()(enrol)


def enrol(
    paths: Annotated[list[Path], typer.Argument(help="FHIR R4 Bundles (JSON, NDJSON), CSV rosters, or folders of them.")],
    quiet: Annotated[bool, typer.Option(help="Only what was not understood, and the counts.")] = False,
) -> None:
    """Enrol the people in FHIR bundles and rosters; a second run changes nothing."""
    refused = asyncio.run(_enrol(paths, quiet=quiet))
    raise typer.Exit(1 if refused else 0)


async def _enrol(paths: list[Path], *, quiet: bool) -> int:
    settings = Settings.read()
    parts = Parts.make(settings)
    try:
        if settings.temporal_address:
            await check_ready(parts.database)  # a network of its own: its places are set up by whoever runs it, never invented
        else:
            await set_up(parts)
        async with parts.database.reading() as session:
            today = calendar.local_day(await parts.clock.now(session), "UTC")
            if await session.scalar(select(CareTeam.id).limit(1)) is None:
                raise BadSetting("there is no care team to look after anybody; make one with: POST /api/v1/teams")
            if not await parts.plans.current(session):
                raise BadSetting("no pathway is published that anybody could follow; publish ours with: cairn pathways publish")
        counts: Counter[str] = Counter()
        held: list[str] = []
        async with written_down(parts, "patients.enrol") as so_far:
            for found in _all(paths, today):
                if isinstance(found, Refused):
                    counts["refused"] += 1
                    print(found, file=sys.stderr)
                    continue
                outcome = await parts.enrolments.enrol(found)
                counts[outcome.status] += 1
                held += told(outcome, quiet=quiet)
                if len(held) >= SHOWN_AT_ONCE:
                    await so_far()
                    print("\n".join(held), flush=True)
                    held.clear()
            await so_far()
            if held:
                print("\n".join(held), flush=True)
        await _wake(parts)
        print(", ".join(f"{status.replace('_', ' ')} {count}" for status, count in sorted(counts.items())) or "nobody found")
        return counts["refused"]
    finally:
        await parts.close()


def _all(paths: list[Path], today: object) -> Iterator[Intake | Refused]:
    for path in paths:
        if not path.exists():
            yield Refused(str(path), "", "there is no such file or folder", "check the path")
            continue
        yield from read_path(path, on=today)  # type: ignore[arg-type]


def told(outcome: Enrolment, *, quiet: bool = False) -> list[str]:
    """What became of one person, in lines."""
    lines = [f"{outcome.place}: {SAID[outcome.status]}" + (f" as {outcome.patient_id}" if outcome.patient_id else "")]
    if not quiet:
        lines += [f"  {'+' if match.matched else '-'} {match.pathway}: {match.why}" for match in outcome.matches]
        if outcome.tag:
            lines.append(f"  tag {outcome.tag}")
        if outcome.due:
            service, day = outcome.due[0]
            lines.append(f"  first due {service} on {day.isoformat()}; then " + _then(outcome))
    return lines + [f"  ? {note}" for note in outcome.notes]


def _then(outcome: Enrolment) -> str:
    return ", ".join(f"{service} {day.isoformat()}" for service, day in outcome.due[1:4]) or "nothing yet"


async def _wake(parts: Parts) -> None:
    """Start the workflows now where Temporal can be reached; otherwise the next start of the stack does."""
    settings = parts.settings
    address = settings.temporal_address or embedded_address(settings)
    try:
        if not address:
            raise TimeoutError
        client = await asyncio.wait_for(connect(address, settings.namespace, parts.vault), 3)
    except (RuntimeError, TimeoutError):
        print("Temporal does not run here now: they are stored, and their workflows start with the next: cairn up")
        return
    await Housekeeping(parts.database, parts.clock, Waker(client)).wake_due()
