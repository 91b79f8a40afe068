"""Which pathways a patient follows, and by which rules they are texted: published versions, compiled once per process and kept.

Rule 1: a published version never changes, so that what is compiled from it may be kept for as long as the process lives.
Rule 2: rules of contact, limits of referrals, and holds, do change: they are kept under the counts of their edits, which every
        reading of a plan reads.
Rule 3: holds are for what is done now: whoever only looks ahead names no day and gets none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.holding import Supply, holds_for, supply_of
from pathways.engine.limits import Limits
from pathways.engine.plan import ContactRules, Pathway, Plan
from pathways.language import Loaded, load_published
from pathways.language.limits import shipped_limits
from pathways.language.medicines import shipped_checks
from pathways.language.wording import Wording, shipped_frames
from records.contact_rules import NetworkRules
from records.following import Followed, followed
from records.referral_limits import NetworkLimits
from records.tables import PathwayVersion
from records.vault import PersonVault


class UnknownVersion(LookupError):
    """A patient is pinned to a version whose text is not there, or no longer compiles."""


@dataclass(repr=False)  # whole pathways: megabytes of text
class Plans:
    """``contact``: the rules of a network that wrote none down; ``loaded``: compiled versions by hash, may be handed in warm."""

    contact: ContactRules = field(default_factory=ContactRules)
    loaded: dict[str, Loaded] = field(default_factory=dict)
    _rules: dict[str, tuple[object, ContactRules]] = field(default_factory=dict)  # by organisation, with what they rest on
    _limits: dict[str, tuple[object, Limits]] = field(default_factory=dict)  # by network, likewise
    _supply: dict[str, tuple[object, Supply]] = field(default_factory=dict)  # by network, likewise

    async def of(
        self,
        session: AsyncSession,
        patient_id: str,
        *,
        also: Iterable[str] = (),
        on: date | None = None,
        person: PersonVault | None = None,
        errands: bool = True,
        known: Followed | None = None,
    ) -> tuple[Plan, Wording]:
        """The plan that this patient is pinned to, and the wording that goes with it.

        ``also``: versions that they come from or may move to; one that is not there any more is left out. ``on``: the day (UTC)
        for which holds are wanted, with ``person`` to read medicines by, and whether refills or referrals may be open; None: no
        holds. ``known``: what they follow, where it was read already.
        """
        follows = known or await followed(session, patient_id)
        if follows is None:
            return await self.made_of(session, (), also=also)
        contact = await self._contact(session, follows.place, follows.contact)
        plan, wording = await self.made_of(session, follows.pinned, also=also, contact=contact)
        if follows.limits is not None:
            plan = replace(plan, limits=await self.limits(session, follows.network, follows.limits))
        if on is None or follows.supply is None:
            return plan, wording
        supply = await self.supply(session, follows.network, follows.supply, on)
        if supply.by_place:
            above = [follows.place, follows.parent]
            holds = await holds_for(session, supply, above, follows.network, patient_id, person, errands=errands)
            plan = replace(plan, holds=holds)
        return plan, wording

    async def supply(self, session: AsyncSession, network: str, edits: int, on: date) -> Supply:
        """What the network has of holds, closures and lacking medicines, read anew where ``edits`` have gone up."""
        kept = self._supply.get(network)
        if kept is None or kept[0] != (edits, on):
            self._supply[network] = kept = ((edits, on), await supply_of(session, network, on))
        return kept[1]

    async def limits(self, session: AsyncSession, network: str, edits: int | None) -> Limits:
        """How long the network's referrals may stand at a stage, read anew where ``edits`` have gone up; None: as shipped."""
        if edits is None:
            return shipped_limits()
        kept = self._limits.get(network)
        if kept is None or kept[0] != edits:
            self._limits[network] = kept = (edits, await NetworkLimits(session).of(network))
        return kept[1]

    async def _contact(self, session: AsyncSession, organisation: str, edits: Sequence[object]) -> ContactRules:
        """The rules by which patients of an organisation's teams are texted, read anew where ``edits`` have gone up."""
        if edits[0] is None:
            return self.contact
        kept = self._rules.get(organisation)
        if kept is None or kept[0] != edits:
            self._rules[organisation] = kept = (edits, await NetworkRules(session).of(organisation, base=self.contact))
        return kept[1]

    async def made_of(
        self,
        session: AsyncSession,
        versions: Iterable[tuple[str, str]],
        *,
        also: Iterable[str] = (),
        contact: ContactRules | None = None,
    ) -> tuple[Plan, Wording]:
        """The plan of these pathways at these versions, and its wording; by ``contact`` if given. Raises UnknownVersion."""
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
        contact = contact or self.contact
        return Plan(pathways, contact, versions=others, checks=shipped_checks(), limits=shipped_limits()), wording

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
