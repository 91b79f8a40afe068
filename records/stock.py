"""What a pharmacy lacks or has: the last word holds, and it is not asked for what it lacks until that day has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.holds import supply_changed
from records.pages import Page, behind, cursor
from records.places import folded
from records.tables import Organisation, Stock


@dataclass(frozen=True)
class Stocks:
    """Stock of one transaction."""

    session: AsyncSession

    async def page(
        self,
        pharmacies: frozenset[str] | None,
        networks: frozenset[str] | None,
        *,
        pharmacy: str | None = None,
        medicine: str | None = None,
        limit: int,
        after: str | None,
    ) -> Page[Stock]:
        """What pharmacies said, by pharmacy and medicine; None: every one. Raises BadCursor."""
        query = select(Stock).order_by(Stock.pharmacy_id, Stock.medicine).limit(limit + 1)
        if pharmacies is not None:
            query = query.where(Stock.pharmacy_id.in_(sorted(pharmacies)))
        if networks is not None:
            query = query.join(Organisation, Organisation.id == Stock.pharmacy_id)
            query = query.where(Organisation.network_id.in_(sorted(networks)))
        if pharmacy is not None:
            query = query.where(Stock.pharmacy_id == pharmacy)
        if medicine is not None:
            query = query.where(Stock.medicine == folded(medicine))
        key = behind(after, 2)
        if key is not None:
            query = query.where(tuple_(Stock.pharmacy_id, Stock.medicine) > tuple_(literal(key[0]), literal(key[1])))
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].pharmacy_id, shown[-1].medicine) if len(found) > limit else None)

    async def say(self, pharmacy: str, medicine: str, *, available: bool, until: date | None, at: datetime) -> Stock:
        """The pharmacy has the medicine, or lacks it (until a day, where it knows)."""
        name = folded(medicine)
        row = await self.session.get(Stock, (pharmacy, name), with_for_update=True, populate_existing=True)
        if row is None:
            row = Stock(pharmacy_id=pharmacy, medicine=name, available=available, until=until, changed=at, version=1)
            self.session.add(row)
            if not available:
                await supply_changed(self.session, pharmacy)
            return row
        if (row.available, row.until) != (available, until):
            row.available, row.until, row.version = available, until, row.version + 1
            await supply_changed(self.session, pharmacy)
        row.changed = at
        return row

    async def of(self, pharmacy: str, medicine: str) -> Stock:
        """What the pharmacy said of the medicine. Raises NoResultFound."""
        return await self.session.get_one(Stock, (pharmacy, folded(medicine)))
