"""Published pathways: every version that ever was, and which one new enrolments follow.

Rule 1: a version is named by the hash of its text and never changes.
Rule 2: one version of a pathway is current; whoever changes which takes turns with everybody else who does.
Rule 3: a version that patients are on, or are to be moved to, is not retired; nobody is put on one that is.
Rule 4: what changes here leaves its deed in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.state import ENDED
from records.database import take_turns
from records.deeds import Deeds
from records.pages import Page, cursor, moment_behind
from records.tables import Enrolment, Moment, PathwayVersion, Patient, Rollout, RolloutPatient

TO_BE_MOVED = ("waiting", "asked")
ON_THEIR_WAY = ("running", "paused")


class Retired(ValueError):
    """The version was retired: nobody is to be put on it any more."""


class StillFollowed(ValueError):
    """A version cannot be retired yet; the message says what holds it."""


@dataclass(frozen=True, slots=True)
class Version:
    """A published version without its text. ``published_by``: the id of the key or account; empty for the ones that we ship.

    ``approved_by``: the second person; empty where none was asked. ``retired``: since when nobody is put on it any more.
    """

    pathway: str
    version: str
    published: datetime
    published_by: str
    current: bool
    approved_by: str = ""
    why: str = ""
    retired: datetime | None = None


@dataclass(frozen=True)
class PublishedPathways:
    """Published versions, in one transaction."""

    session: AsyncSession

    async def all_current(self) -> list[Version]:
        """The current version of each pathway, by name."""
        return await self._found(_ALL_CURRENT)

    async def current(self, pathway: str) -> Version | None:
        """What new enrolments follow."""
        found = await self._found(_CURRENT, pathway=pathway)
        return found[0] if found else None

    async def versions(self, pathway: str, *, limit: int, after: str | None = None) -> Page[Version]:
        """Every version of a pathway, newest first. Raises BadCursor."""
        place = tuple_(PathwayVersion.published, PathwayVersion.version)
        query, last = _NEWEST_FIRST, moment_behind(after)
        if last is not None:
            query = query.where(place < tuple_(literal(last[0], Moment()), literal(last[1])))
        found = await self._found(query, pathway=pathway, limit=limit + 1)
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].published.isoformat(), shown[-1].version) if len(found) > limit else None)

    async def one(self, pathway: str, version: str) -> PathwayVersion | None:
        """A version with its text."""
        row = await self.session.get(PathwayVersion, version)
        return row if row is not None and row.pathway == pathway else None

    async def take_turns(self, pathway: str) -> None:
        """Until this transaction ends nobody else changes which version of ``pathway`` is current."""
        await take_turns(self.session, f"pathway/{pathway}")

    async def starting_with(self, pathway: str, beginning: str) -> list[str]:
        """The versions whose hash begins so; two at the most, for that is too many already."""
        found = select(PathwayVersion.version).where(
            PathwayVersion.pathway == pathway, PathwayVersion.version.startswith(beginning, autoescape=True)
        )
        return list(await self.session.scalars(found.order_by(PathwayVersion.version).limit(2)))

    async def publish(
        self,
        pathway: str,
        version: str,
        text: str,
        *,
        by: str,
        at: datetime,
        approved_by: str = "",
        why: str = "",
        about: str = "",
    ) -> Version:
        """Keep a version, or the one that has this text already, and make it current; after ``take_turns``. Raises Retired."""
        if await self.one(pathway, version) is None:
            new = PathwayVersion(
                version=version,
                pathway=pathway,
                text=text,
                published=at,
                published_by=by,
                approved_by=approved_by,
                why=why,
                current=False,
            )
            self.session.add(new)
            await self.session.flush()
        published = await self._follow(pathway, version)
        Deeds(self.session).add(pathway, "published", by=by, at=at, version=version, about=about, why=why)
        return published

    async def make_current(self, pathway: str, version: str, *, by: str, at: datetime, why: str = "", about: str = "") -> Version:
        """New enrolments follow this version again; after ``take_turns``. Raises LookupError, Retired."""
        current = await self._follow(pathway, version)
        Deeds(self.session).add(pathway, "made_current", by=by, at=at, version=version, about=about, why=why)
        return current

    async def retire(self, pathway: str, version: str, *, by: str, at: datetime, why: str) -> Version:
        """Nobody is put on it any more; after ``take_turns``. Its text stays. Raises LookupError, StillFollowed."""
        row = await self.one(pathway, version)
        if row is None:
            raise LookupError("there is no such version")
        if row.retired is None:
            await self._may_go(row)
            row.retired = at
            await self.session.flush()
            Deeds(self.session).add(pathway, "retired", by=by, at=at, version=version, why=why)
        return (await self._found(_ONE, version=version))[0]

    async def followers(self, pathway: str, version: str) -> int:
        """How many patients in care are on this version."""
        on_it = select(func.count()).select_from(Enrolment).join(Patient, Patient.id == Enrolment.patient_id)
        on_it = on_it.where(Enrolment.pathway == pathway, Enrolment.version == version, Patient.life.not_in(sorted(ENDED)))
        return await self.session.scalar(on_it) or 0

    async def _may_go(self, row: PathwayVersion) -> None:
        if row.current:
            raise StillFollowed("New enrolments follow this version. Make another one current first.")
        if patients := await self.followers(row.pathway, row.version):
            many = "1 patient is" if patients == 1 else f"{patients} patients are"
            raise StillFollowed(f"{many} on this version. Roll another one out to them first.")
        moving = select(Rollout.id).where(Rollout.pathway == row.pathway, Rollout.version == row.version)
        if await self.session.scalar(moving.where(Rollout.status.in_(ON_THEIR_WAY)).limit(1)):
            raise StillFollowed("A rollout moves patients to this version. Stop it, or roll it back, first.")
        waiting = moving.join(RolloutPatient, RolloutPatient.rollout_id == Rollout.id)
        if await self.session.scalar(waiting.where(RolloutPatient.status.in_(TO_BE_MOVED)).limit(1)):
            raise StillFollowed(
                "Patients wait for their next safe point to be moved to this version. Roll that rollout back first."
            )

    async def _follow(self, pathway: str, version: str) -> Version:
        row = await self.one(pathway, version)
        if row is None:
            raise LookupError("there is no such version")
        if row.retired is not None:
            raise Retired("this version was retired, nobody is put on it any more; choose another one")
        of_pathway = update(PathwayVersion).where(PathwayVersion.pathway == pathway).execution_options(synchronize_session=False)
        await self.session.execute(of_pathway.where(PathwayVersion.current).values(current=False))
        await self.session.execute(of_pathway.where(PathwayVersion.version == version).values(current=True))
        await self.session.refresh(row)
        return (await self._found(_ONE, version=version))[0]

    async def _found(self, query: Select[*tuple[Any, ...]], **given: object) -> list[Version]:
        return [Version(*row) for row in await self.session.execute(query, given)]


_WITHOUT_TEXT = select(
    PathwayVersion.pathway,
    PathwayVersion.version,
    PathwayVersion.published,
    PathwayVersion.published_by,
    PathwayVersion.current,
    PathwayVersion.approved_by,
    PathwayVersion.why,
    PathwayVersion.retired,
)
_ALL_CURRENT = _WITHOUT_TEXT.where(PathwayVersion.current).order_by(PathwayVersion.pathway)
_CURRENT = _WITHOUT_TEXT.where(PathwayVersion.pathway == bindparam("pathway"), PathwayVersion.current)
_ONE = _WITHOUT_TEXT.where(PathwayVersion.version == bindparam("version"))
_NEWEST_FIRST = (
    _WITHOUT_TEXT.where(PathwayVersion.pathway == bindparam("pathway"))
    .order_by(PathwayVersion.published.desc(), PathwayVersion.version.desc())
    .limit(bindparam("limit", type_=Integer))
)
