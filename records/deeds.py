"""Who did what to a pathway, when and why: only ever added to, in the transaction of the deed itself.

Rule 1: whatever changes a draft, a version or a rollout writes its deed in the same transaction, or neither is stored.
Rule 2: a deed speaks of pathways; it names nobody but the one who did it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BIG_INTEGER, Page, cursor, number_behind
from records.tables import PathwayDeed

Did = Literal[
    "drafted",
    "edited",
    "checked",
    "approval_asked",
    "approved",
    "sent_back",
    "discarded",
    "published",
    "made_current",
    "retired",
    "rollout_started",
    "rollout_paused",
    "rollout_resumed",
    "rollout_stopped",
    "rolled_back",
    "patient_decided",
]
WROTE: tuple[Did, ...] = ("drafted", "edited")


@dataclass(frozen=True)
class Deeds:
    """The deeds of pathways, in one transaction."""

    session: AsyncSession

    def add(
        self, pathway: str, did: Did, *, by: str, at: datetime, version: str = "", about: str = "", why: str = ""
    ) -> PathwayDeed:
        """Write down that ``by`` did it. ``about``: the draft's or rollout's id, where there is one."""
        deed = PathwayDeed(pathway=pathway, version=version, about=about, did=did, by=by, at=at, why=why)
        self.session.add(deed)
        return deed

    async def page(self, pathway: str, *, limit: int, after: str | None = None) -> Page[PathwayDeed]:
        """What was done to a pathway, the latest first. Raises BadCursor."""
        query = select(PathwayDeed).where(PathwayDeed.pathway == pathway).order_by(PathwayDeed.id.desc()).limit(limit + 1)
        last = number_behind(after, most=BIG_INTEGER)
        if last is not None:
            query = query.where(PathwayDeed.id < last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(str(shown[-1].id)) if len(found) > limit else None)

    async def last(self, pathway: str, about: str, *did: Did) -> PathwayDeed | None:
        """The latest deed of these kinds about a draft or a rollout."""
        deed = select(PathwayDeed).where(PathwayDeed.pathway == pathway, PathwayDeed.about == about, PathwayDeed.did.in_(did))
        return (await self.session.scalars(deed.order_by(PathwayDeed.id.desc()).limit(1))).first()

    async def last_writer(self, pathway: str, draft: str) -> str:
        """Who wrote the text of a draft last; empty for a draft that nobody wrote."""
        wrote = select(PathwayDeed.by).where(PathwayDeed.pathway == pathway, PathwayDeed.about == draft, PathwayDeed.did.in_(WROTE))
        return await self.session.scalar(wrote.order_by(PathwayDeed.id.desc()).limit(1)) or ""
