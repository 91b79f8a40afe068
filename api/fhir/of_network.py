"""Types of which a network has some hundreds, none of them a patient's: places, people, pathways; a search looks at them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence

from api.fhir import matching
from api.fhir.kinds import Door, Found, Interaction, Param, Query, Resource
from api.fhir.of_patients import READ_ONLY


class OfNetwork(ABC):
    """``paths``: where each parameter looks; ``order``: the parameter by which a list is sorted unless told. A type gives
    ``seen``."""

    type: str
    reads: tuple[str, ...]
    params: Mapping[str, Param]
    paths: matching.Paths
    order: str
    sorts: tuple[str, ...] = ()
    includes: Mapping[str, str] = {}
    interactions: frozenset[Interaction] = READ_ONLY

    @abstractmethod
    async def seen(self, door: Door, ids: Collection[str] | None) -> list[Resource]:
        """All that the caller may see, in any order; of these ``ids`` where some are named (others may be among them)."""

    async def one(self, door: Door, id_: str) -> Resource | None:
        """The resource as it is now."""
        return (await self.many(door, [id_])).get(id_)

    async def many(self, door: Door, ids: Collection[str]) -> Mapping[str, Resource]:
        """Those of ``ids`` that the caller may see, by id."""
        return {one["id"]: one for one in await self.seen(door, ids) if one["id"] in ids}

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """Only what is now."""
        one = await self.one(door, id_)
        return [] if one is None else [one]

    async def search(self, door: Door, query: Query) -> Found:
        """Matches among all that the caller may see. Raises BadCursor."""
        return matching.page(await self.seen(door, matching.ids(query)), query, self.params, self.paths, self.order)
