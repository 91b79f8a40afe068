"""PlanDefinition: the published versions of the pathways, made from what is followed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from api.fhir import matching
from api.fhir.kinds import Door, Found, Interaction, Param, Query, Resource, meta, moment
from api.fhir.of_patients import HL7, READ_ONLY
from pathways.engine.plan import Pathway
from pathways.exchange.plan_definition import plan_definition
from records.tables import PathwayVersion


class PlanDefinitions:
    """The type."""

    type = "PlanDefinition"
    reads: tuple[str, ...] = ("pathways.read",)
    params: Mapping[str, Param] = {
        "url": Param("uri", "of the pathway, whichever version", definition=f"{HL7}/PlanDefinition-url"),
        "version": Param("token", "the hash of its text", definition=f"{HL7}/PlanDefinition-version"),
        "status": Param("token", "active or retired", definition=f"{HL7}/PlanDefinition-status"),
        "name": Param("string", "the beginning of its name", modifiers=("exact",), definition=f"{HL7}/PlanDefinition-name"),
        "title": Param("string", "the beginning of its title", modifiers=("exact",), definition=f"{HL7}/PlanDefinition-title"),
        "date": Param("date", "when it was published", definition=f"{HL7}/PlanDefinition-date"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "url": ("url",),
        "version": ("version",),
        "status": ("status",),
        "name": ("name",),
        "title": ("title",),
        "date": ("date",),
    }
    sorts: tuple[str, ...] = ("name", "date", "_id", "_lastUpdated")
    includes: Mapping[str, str] = {}
    interactions: frozenset[Interaction] = READ_ONLY

    async def one(self, door: Door, id_: str) -> Resource | None:
        """The version."""
        return (await self.many(door, [id_])).get(id_)

    async def many(self, door: Door, ids: Collection[str]) -> Mapping[str, Resource]:
        """Those of ``ids`` that there are, by id."""
        return {one["id"]: one for one in await self._all(door, ids) if one["id"] in ids}

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """A version never changes."""
        one = await self.one(door, id_)
        return [] if one is None else [one]

    async def search(self, door: Door, query: Query) -> Found:
        """Versions by name; there are some dozens. Raises BadCursor."""
        return matching.page(await self._all(door, matching.ids(query)), query, self.params, self.paths, "name")

    async def _all(self, door: Door, ids: Collection[str] | None) -> list[Resource]:
        """Of those that compile with the present Cairn; the others are read as text by REST."""
        known = select(PathwayVersion)
        beginnings = None if ids is None else {id_.rpartition("-")[2] for id_ in ids}
        rows = [
            row
            for row in await door.session.scalars(known)
            if beginnings is None or any(beginning and row.version.startswith(beginning) for beginning in beginnings)
        ]
        pathways = await door.parts.plans.versions(door.session, [row.version for row in rows])
        return [_shown(row, pathways[row.version]) for row in rows if row.version in pathways]


def canonical(pathway: str, version: str) -> str:
    """What a plan names as what it follows."""
    return f"urn:cairn:pathway:{pathway}|{version}"


def _shown(row: PathwayVersion, pathway: Pathway) -> Resource:
    made = plan_definition(pathway, status="active" if row.retired is None else "retired")
    changed = meta(1 if row.retired is None else 2, row.retired or row.published)
    return {"resourceType": made.pop("resourceType"), "id": made.pop("id"), "meta": changed, **made, "date": moment(row.published)}
