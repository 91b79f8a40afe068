"""Who has a draft open, and what they typed and have not saved.

Rule 1: what is typed is its author's alone until they save it: it is no edit, takes no approval back and is no deed.
Rule 2: a window that is not heard of any more is closed; what was typed in it stays, and is offered to its author.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import DraftWindow

HEARD = timedelta(seconds=100)  # browsers let a hidden window speak once in a minute
KEPT = timedelta(days=60)  # how long a text waits for its author
MOST = 8  # windows of one person on one draft


@dataclass(frozen=True, slots=True)
class Other:
    """Somebody's window. ``typing``: whether something stands there that is not saved."""

    by: str
    typing: bool


@dataclass(frozen=True)
class Windows:
    """The windows in which ``draft`` is open, in one transaction. ``now``: by the machine."""

    session: AsyncSession
    draft: str
    now: datetime

    async def open(self, by: str, window: str, *, edit: int, typed: str | None = None, at: datetime | None = None) -> None:
        """Here it is open, on top of ``edit``. ``typed``: what stands there and is not saved, since ``at``; None for no news."""
        row = await self._one(by, window)
        if row is None:
            await self._make_room(by)
            row = DraftWindow(draft_id=self.draft, by=by, window_id=window, edit=edit, seen=self.now)
            try:
                async with self.session.begin_nested():  # the same window may speak twice at once
                    self.session.add(row)
            except IntegrityError:
                return
        row.seen = self.now
        if typed is not None:
            row.edit, row.typed, row.kept = edit, typed, at

    async def close(self, by: str, window: str) -> None:
        """Nobody looks there any more; what was typed stays."""
        row = await self._one(by, window)
        if row is not None and row.typed is None:
            await self.session.delete(row)
        elif row is not None:
            row.seen = self.now - HEARD

    async def others(self, by: str, window: str) -> list[Other]:
        """Windows that are open besides this one."""
        typing = DraftWindow.typed.is_not(None)
        query = select(DraftWindow.by, DraftWindow.window_id, typing).where(
            DraftWindow.draft_id == self.draft, DraftWindow.seen > self.now - HEARD
        )
        rows = await self.session.execute(query.order_by(DraftWindow.by, DraftWindow.window_id))
        return [Other(who, bool(typed)) for who, id_, typed in rows if (who, id_) != (by, window)]

    async def typed(self, by: str, window: str | None = None) -> DraftWindow | None:
        """What this person typed last and did not save, there or in any window."""
        query = select(DraftWindow).where(DraftWindow.draft_id == self.draft, DraftWindow.by == by, DraftWindow.typed.is_not(None))
        if window is not None:
            query = query.where(DraftWindow.window_id == window)
        return (await self.session.scalars(query.order_by(DraftWindow.kept.desc()).limit(1))).first()

    async def forget(self, by: str, window: str) -> None:
        """What was typed there is saved, or thrown away."""
        row = await self._one(by, window)
        if row is not None:
            row.typed = row.kept = None

    async def _one(self, by: str, window: str) -> DraftWindow | None:
        return await self.session.get(DraftWindow, (self.draft, by, window))

    async def _make_room(self, by: str) -> None:
        """Windows of days ago go, texts of months ago, and the oldest of somebody who has many."""
        unwritten = and_(DraftWindow.typed.is_(None), DraftWindow.seen < self.now - timedelta(days=1))
        stale = and_(DraftWindow.draft_id == self.draft, or_(unwritten, DraftWindow.seen < self.now - KEPT))
        await self.session.execute(delete(DraftWindow).where(stale))
        mine = and_(DraftWindow.draft_id == self.draft, DraftWindow.by == by)
        latest = select(DraftWindow.window_id).where(mine).order_by(DraftWindow.typed.is_(None), DraftWindow.seen.desc())
        many = (await self.session.scalars(latest.offset(MOST - 1))).all()
        if many:
            await self.session.execute(delete(DraftWindow).where(mine, DraftWindow.window_id.in_(many)))
