"""Refill requests as the pharmacy and the care team see them: how they move, what is said about them, what the pharmacy lacks.

What is sealed beside a request, as far as it is there: ``medicine``; ``days`` asked for; ``check`` (go, warn, ask_pharmacist) and
``warnings``; ``word``, the pharmacist's; ``ready``, how often it was made ready; ``proposed`` and ``instead_of``, a substitute;
``reason`` of a refusal; ``handed``, what was handed out and how.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.commands import RequestRefill
from records.holds import supply_changed
from records.requests import Moves, Requests
from records.tables import RefillRow, Stock
from records.vault import PersonVault

#: Stages in which somebody still has the next word: the pharmacy, or the care team on a proposed substitute. ``part``: the rest of
#: what was asked for is to come.
OPEN = frozenset({"requested", "received", "ready", "part", "substitute_proposed"})
_UNBEGUN = OPEN - {"part"}
NEEDS_WORD = "ask_pharmacist"

#: From which stages a request may move to each stage. A request that is ``cancelled`` was taken back by us.
MOVES: Moves = {
    "received": frozenset({"requested"}),
    "ready": frozenset({"requested", "received", "part"}),
    "part": OPEN,
    "dispensed": OPEN,
    "substitute_proposed": frozenset({"requested", "received", "part"}),
    "out_of_stock": OPEN,
    "refused": _UNBEGUN,
}


def refills(session: AsyncSession) -> Requests[RefillRow]:
    """Refill requests of one transaction."""
    return Requests(session, RefillRow, RefillRow.pharmacy_id)


async def open_of(session: AsyncSession, patient_id: str) -> list[RefillRow]:
    """The requests of one patient that wait for a pharmacy."""
    waiting = select(RefillRow).where(RefillRow.patient_id == patient_id, RefillRow.stage.in_(OPEN))
    return list(await session.scalars(waiting))


def asks_for(command: RequestRefill) -> dict[str, Any]:
    """What is sealed beside a new request."""
    warnings = [{"row": one.row, "finding": one.word, "because": dict(one.because), "cites": one.cites} for one in command.warnings]
    return {"medicine": command.medicine, "days": command.days, "check": command.check, "warnings": warnings}


def asked_of(person: PersonVault, row: RefillRow) -> dict[str, Any]:
    """What the pharmacy was asked for, and what was said about it since."""
    body: dict[str, Any] = person.open(f"refill/{row.key}", row.sealed)
    return body


def medicine_of(person: PersonVault, row: RefillRow) -> str:
    """Which medicine is asked for."""
    return str(asked_of(person, row)["medicine"])


def keep(person: PersonVault, row: RefillRow, **said: Any) -> None:
    """Keep what is said about the request."""
    row.sealed = person.seal(f"refill/{row.key}", {**asked_of(person, row), **said})


def refuse(person: PersonVault, row: RefillRow, reason: str) -> None:
    """Keep why the pharmacy refused."""
    keep(person, row, reason=reason)


def awaits_word(person: PersonVault, row: RefillRow) -> bool:
    """Whether nothing may be handed out before the pharmacist has said a word to what the checks found."""
    asked = asked_of(person, row)
    return asked.get("check") == NEEDS_WORD and not asked.get("word")


async def lacks(session: AsyncSession, pharmacy: str, medicine: str, *, until: date | None, at: datetime) -> None:
    """The pharmacy says that it lacks ``medicine``; ``until``: its first day with it again, where it knows."""
    place = (pharmacy, medicine.strip().casefold()[:100])
    held = await session.get(Stock, place, with_for_update=True)
    if held is None:
        new = Stock(pharmacy_id=place[0], medicine=place[1], available=False, until=until, changed=at)
        try:
            async with session.begin_nested():  # another patient's request may say the same right now
                session.add(new)
        except IntegrityError:
            held = await session.get_one(Stock, place, with_for_update=True, populate_existing=True)
        else:
            await supply_changed(session, pharmacy)
            return
    held.available, held.until, held.changed, held.version = False, until, at, held.version + 1
    await supply_changed(session, pharmacy)
