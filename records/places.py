"""The organisation tree: network, centres, stations, hospitals, pharmacies, and the care teams at them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import CareTeam, Organisation

KINDS = ("network", "centre", "station", "hospital", "pharmacy")
DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Subtree:
    """A place and everything beneath it. ``whole``: there is nothing beside it."""

    organisations: frozenset[str]
    teams: frozenset[str]
    whole: bool = False


@dataclass(frozen=True)
class Places:
    """Places of one transaction."""

    session: AsyncSession

    async def beneath(self, place: str) -> Subtree | None:
        """What a caller who stands at ``place`` (a team or an organisation) stands over; None where there is no such place."""
        organisation = await self.session.get(Organisation, place)
        if organisation is None:
            team = await self.session.get(CareTeam, place)
            return None if team is None else Subtree(frozenset(), frozenset({team.id}))
        found = await self._descendants(place)
        teams = await self.session.scalars(select(CareTeam.id).where(CareTeam.organisation_id.in_(sorted(found))))
        return Subtree(frozenset(found), frozenset(teams), whole=organisation.parent_id is None and await self._only_root(place))

    async def path(self, organisation_id: str) -> Sequence[Organisation]:
        """The organisation and everything above it, nearest first."""
        path: list[Organisation] = []
        at: str | None = organisation_id
        while at is not None and len(path) < DEEPEST:
            organisation = await self.session.get_one(Organisation, at)
            path.append(organisation)
            at = organisation.parent_id
        return path

    async def _descendants(self, place: str) -> list[str]:
        tree = select(Organisation.id).where(Organisation.id == place).cte(recursive=True)
        tree = tree.union(select(Organisation.id).join(tree, Organisation.parent_id == tree.c.id))
        return list(await self.session.scalars(select(tree.c.id)))

    async def _only_root(self, root: str) -> bool:
        other = select(Organisation.id).where(Organisation.parent_id.is_(None), Organisation.id != root).limit(1)
        return (await self.session.scalars(other)).first() is None
