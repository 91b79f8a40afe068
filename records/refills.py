"""Refill requests as the pharmacy sees them, and how they may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor
from records.scope import Scope
from records.tables import Moment, RefillRow
from records.vault import PersonVault

_OPEN = frozenset({"requested", "received", "ready"})

#: From which stages a request may move to each stage.
MOVES: Mapping[str, frozenset[str]] = {
    "received": frozenset({"requested"}),
    "ready": frozenset({"requested", "received"}),
    "out_of_stock": _OPEN,
    "refused": _OPEN,
    "dispensed": _OPEN,
}


@dataclass(frozen=True)
class Refills:
    """Refill requests of one transaction."""

    session: AsyncSession

    async def page(self, scope: Scope, *, stage: str | None = None, limit: int, after: str | None = None) -> Page[RefillRow]:
        """Requests in the order in which they were asked for. Raises BadCursor."""
        query = select(RefillRow).order_by(RefillRow.asked, RefillRow.id).limit(limit + 1)
        query = scope.of_requests(query, place=RefillRow.pharmacy_id, patient=RefillRow.patient_id)
        if stage is not None:
            query = query.where(RefillRow.stage == stage)
        key = behind(after, 2)
        if key is not None:
            try:
                last = tuple_(literal(datetime.fromisoformat(key[0]), Moment()), literal(key[1]))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(tuple_(RefillRow.asked, RefillRow.id) > last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].asked.isoformat(), shown[-1].id) if len(found) > limit else None)

    async def one(self, scope: Scope, refill_id: str) -> RefillRow | None:
        """The request, if the caller may see it; one asked of another pharmacy looks like a missing one."""
        query = scope.of_requests(
            select(RefillRow).where(RefillRow.id == refill_id), place=RefillRow.pharmacy_id, patient=RefillRow.patient_id
        )
        return (await self.session.scalars(query)).first()

    async def open_of(self, patient_id: str) -> list[RefillRow]:
        """The requests of one patient that wait for a pharmacy."""
        waiting = select(RefillRow).where(RefillRow.patient_id == patient_id, RefillRow.stage.in_(_OPEN))
        return list(await self.session.scalars(waiting))


def medicine_of(person: PersonVault, row: RefillRow) -> str:
    """Which medicine is asked for."""
    return str(person.open(f"refill/{row.key}", row.sealed)["medicine"])
