"""PlanDefinition: the published versions of the pathways, made from what is followed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from api.fhir.kinds import Door, Param, Resource, meta, moment
from api.fhir.of_network import OfNetwork
from api.fhir.of_patients import HL7
from pathways.engine.plan import Pathway
from pathways.exchange.plan_definition import plan_definition
from records.tables import PathwayVersion


class PlanDefinitions(OfNetwork):
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
    order: str = "name"
    sorts: tuple[str, ...] = ("name", "date", "_id", "_lastUpdated")

    async def seen(self, door: Door, ids: Collection[str] | None) -> list[Resource]:
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
