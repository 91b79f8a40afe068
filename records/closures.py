"""Days on which a place is closed; what is beneath a closed place is closed with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.holds import supply_changed
from records.pages import Page, behind, cursor
from records.places import Subtree
from records.tables import Closure


@dataclass(frozen=True)
class Closures:
    """Closures of one transaction."""

    session: AsyncSession

    async def page(
        self, seen: frozenset[str] | None, *, place: str | None, since: date | None, limit: int, after: str | None
    ) -> Page[Closure]:
        """Closures of places that are seen (None: all), by id. ``since``: those that end on that day or later. Raises BadCursor."""
        query = select(Closure).order_by(Closure.id).limit(limit + 1)
        if seen is not None:
            query = query.where(Closure.organisation_id.in_(sorted(seen)))
        if place is not None:
            query = query.where(Closure.organisation_id == place)
        if since is not None:
            query = query.where(Closure.last >= since)
        key = behind(after, 1)
        if key is not None:
            query = query.where(Closure.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def one(self, closure_id: str, under: Subtree) -> Closure | None:
        """The closure, held against anybody else's change; one of a place outside ``under`` looks like a missing one."""
        closure = await self.session.get(Closure, closure_id, with_for_update=True, populate_existing=True)
        return closure if closure is not None and under.covers(closure.organisation_id) else None

    async def add(self, place: str, first: date, last: date, reason: str) -> Closure:
        """The place is closed from ``first`` to ``last``, both inclusive."""
        closure = Closure(id=uuid4().hex, organisation_id=place, first=first, last=last, reason=reason, version=1)
        self.session.add(closure)
        await supply_changed(self.session, place)
        return closure
