"""Refill requests as the pharmacy and the care team see them: how they move, and what the pharmacy lacks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from records.holds import supply_changed
from records.requests import Moves, Requests
from records.tables import RefillRow, Stock
from records.vault import PersonVault

#: Stages in which the pharmacy still has the next word. ``part``: the rest of what was asked for is to come.
OPEN = frozenset({"requested", "received", "ready", "part"})
_UNBEGUN = OPEN - {"part"}

#: From which stages a request may move to each stage. A request that is ``cancelled`` was taken back by us.
MOVES: Moves = {
    "received": frozenset({"requested"}),
    "ready": frozenset({"requested", "received", "part"}),
    "part": OPEN,
    "dispensed": OPEN,
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


def asked_of(person: PersonVault, row: RefillRow) -> dict[str, Any]:
    """What the pharmacy was asked for, and why it refused: ``{medicine, reason?}``."""
    body: dict[str, Any] = person.open(f"refill/{row.key}", row.sealed)
    return body


def medicine_of(person: PersonVault, row: RefillRow) -> str:
    """Which medicine is asked for."""
    return str(asked_of(person, row)["medicine"])


def refuse(person: PersonVault, row: RefillRow, reason: str) -> None:
    """Keep why the pharmacy refused."""
    row.sealed = person.seal(f"refill/{row.key}", {**asked_of(person, row), "reason": reason})


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
