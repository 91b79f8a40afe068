"""Which pathways a patient follows: published versions, compiled once per process and kept.

A published version never changes, so that what is compiled from it may be kept for as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.plan import ContactRules, Pathway, Plan
from pathways.language import Loaded, load_published
from pathways.language.medicines import shipped_checks
from pathways.language.wording import Wording, shipped_frames
from records.tables import Enrolment, PathwayVersion


class UnknownVersion(LookupError):
    """A patient is pinned to a version whose text is not there, or no longer compiles."""


@dataclass
class Plans:
    """``loaded``: compiled versions by hash; may be handed in warm."""

    contact: ContactRules = field(default_factory=ContactRules)
    loaded: dict[str, Loaded] = field(default_factory=dict)

    async def of(self, session: AsyncSession, patient_id: str, *, also: Iterable[str] = ()) -> tuple[Plan, Wording]:
        """The plan that this patient is pinned to, and the wording that goes with it.

        ``also``: versions that they come from or may move to; one that is not there any more is left out.
        """
        rows = await session.execute(
            select(Enrolment.pathway, Enrolment.version).where(Enrolment.patient_id == patient_id).order_by(Enrolment.pathway)
        )
        return await self.made_of(session, [(name, version) for name, version in rows], also=also)

    async def made_of(
        self, session: AsyncSession, versions: Iterable[tuple[str, str]], *, also: Iterable[str] = ()
    ) -> tuple[Plan, Wording]:
        """The plan of these pathways at these versions, and its wording. Raises UnknownVersion."""
        pathways: dict[str, Pathway] = {}
        wording = Wording({}, shipped_frames())
        for name, version in versions:
            loaded = await self._version(session, version)
            if loaded.pathway is None:
                raise UnknownVersion(f"version {version} of {name} does not compile with this engine; run: cairn pathways check")
            pathways[name] = loaded.pathway
            wording = wording | loaded.wording
        followed = {pathway.version for pathway in pathways.values()}
        others = await self.versions(session, (version for version in also if version not in followed))
        return Plan(pathways, contact=self.contact, versions=others, checks=shipped_checks()), wording

    async def versions(self, session: AsyncSession, versions: Iterable[str]) -> dict[str, Pathway]:
        """Those of ``versions`` that are there and compile, by version."""
        found: dict[str, Pathway] = {}
        for version in dict.fromkeys(versions):
            try:
                loaded = await self._version(session, version)
            except UnknownVersion:
                continue
            if loaded.pathway is not None:
                found[version] = loaded.pathway
        return found

    async def current(self, session: AsyncSession) -> dict[str, Pathway]:
        """The current version of every published pathway: what new enrolments follow."""
        found: dict[str, Pathway] = {}
        rows = await session.execute(
            select(PathwayVersion.pathway, PathwayVersion.version).where(PathwayVersion.current).order_by(PathwayVersion.pathway)
        )
        for name, version in rows:
            loaded = await self._version(session, version)
            if loaded.pathway is not None:
                found[name] = loaded.pathway
        return found

    async def _version(self, session: AsyncSession, version: str) -> Loaded:
        if version not in self.loaded:
            row = await session.get(PathwayVersion, version)
            if row is None:
                raise UnknownVersion(f"version {version} is not in this database; bring the row back from a backup")
            self.loaded[version] = load_published(row.text, file=f"{row.pathway}@{version[:8]}")
        return self.loaded[version]
