"""Published pathways: every version that ever was, and which one new enrolments follow.

Rule 1: a version is named by the hash of its text and never changes.
Rule 2: one version of a pathway is current; whoever changes which takes turns with everybody else who does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnExpressionArgument, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor, moment_in
from records.tables import Moment, PathwayVersion


@dataclass(frozen=True, slots=True)
class Version:
    """A published version without its text. ``published_by``: the id of the key or account; empty for the ones that we ship."""

    pathway: str
    version: str
    published: datetime
    published_by: str
    current: bool


@dataclass(frozen=True)
class PublishedPathways:
    """Published versions, in one transaction."""

    session: AsyncSession

    async def all_current(self) -> list[Version]:
        """The current version of each pathway, by name."""
        return await self._found(PathwayVersion.current)

    async def current(self, pathway: str) -> Version | None:
        """What new enrolments follow."""
        found = await self._found(PathwayVersion.pathway == pathway, PathwayVersion.current)
        return found[0] if found else None

    async def versions(self, pathway: str, *, limit: int, after: str | None = None) -> Page[Version]:
        """Every version of a pathway, newest first. Raises BadCursor."""
        place = tuple_(PathwayVersion.published, PathwayVersion.version)
        query = _WITHOUT_TEXT.where(PathwayVersion.pathway == pathway)
        query = query.order_by(PathwayVersion.published.desc(), PathwayVersion.version.desc()).limit(limit + 1)
        key = behind(after, 2)
        if key is not None:
            try:
                query = query.where(place < tuple_(literal(moment_in(key[0]), Moment()), literal(key[1])))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
        found = [Version(*row) for row in await self.session.execute(query)]
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].published.isoformat(), shown[-1].version) if len(found) > limit else None)

    async def one(self, pathway: str, version: str) -> PathwayVersion | None:
        """A version with its text."""
        row = await self.session.get(PathwayVersion, version)
        return row if row is not None and row.pathway == pathway else None

    async def take_turns(self, pathway: str) -> None:
        """Until this transaction ends nobody else changes which version of ``pathway`` is current."""
        if self.session.get_bind().dialect.name != "sqlite":  # which has one writer anyway
            await self.session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"pathway/{pathway}"))))

    async def publish(self, pathway: str, version: str, text: str, *, by: str, at: datetime) -> Version:
        """Keep a version, or the one that has this text already, and make it current; after ``take_turns``."""
        if await self.one(pathway, version) is None:
            new = PathwayVersion(version=version, pathway=pathway, text=text, published=at, published_by=by, current=False)
            self.session.add(new)
            await self.session.flush()
        return await self.make_current(pathway, version)

    async def make_current(self, pathway: str, version: str) -> Version:
        """New enrolments follow this version from now; after ``take_turns``. Raises LookupError."""
        of_pathway = update(PathwayVersion).where(PathwayVersion.pathway == pathway).execution_options(synchronize_session=False)
        await self.session.execute(of_pathway.where(PathwayVersion.current).values(current=False))
        await self.session.execute(of_pathway.where(PathwayVersion.version == version).values(current=True))
        now_current = await self.current(pathway)
        if now_current is None or now_current.version != version:
            raise LookupError("there is no such version")
        return now_current

    async def _found(self, *where: ColumnExpressionArgument[bool]) -> list[Version]:
        rows = await self.session.execute(_WITHOUT_TEXT.where(*where).order_by(PathwayVersion.pathway))
        return [Version(*row) for row in rows]


_WITHOUT_TEXT = select(
    PathwayVersion.pathway,
    PathwayVersion.version,
    PathwayVersion.published,
    PathwayVersion.published_by,
    PathwayVersion.current,
)
