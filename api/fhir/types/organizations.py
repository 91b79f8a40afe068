"""Organization: the places of the network, and the care teams at them, which share one space of ids.

Rule: who sees which is what REST says: places beneath and above one's own, and the teams beneath it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import select

from api.fhir.coding import coding, concept, ours, reference, without_nothing
from api.fhir.kinds import Door, Param, Resource, meta
from api.fhir.of_network import OfNetwork
from api.fhir.of_patients import HL7
from records.places import Places
from records.tables import CareTeam, Organisation

TYPE = "http://terminology.hl7.org/CodeSystem/organization-type"
PLACE = "urn:cairn:place"


class Organizations(OfNetwork):
    """The type."""

    type = "Organization"
    reads: tuple[str, ...] = ("places.read",)
    params: Mapping[str, Param] = {
        "name": Param("string", "the beginning of the name", modifiers=("exact",), definition=f"{HL7}/Organization-name"),
        "identifier": Param("token", f"the id, of system {PLACE}", definition=f"{HL7}/Organization-identifier"),
        "type": Param("token", "prov or team; or our own kind of place", definition=f"{HL7}/Organization-type"),
        "partof": Param("reference", "the place above it", ("Organization",), definition=f"{HL7}/Organization-partof"),
        "active": Param("token", "always true", definition=f"{HL7}/Organization-active"),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "name": ("name",),
        "identifier": ("identifier",),
        "type": ("type",),
        "partof": ("partOf",),
        "active": ("active",),
    }
    order: str = "name"
    sorts: tuple[str, ...] = ("name", "_id", "_lastUpdated")
    includes: Mapping[str, str] = {"Organization:partof": "partOf"}

    async def seen(self, door: Door, ids: Collection[str] | None) -> list[Resource]:
        """Places and teams."""
        places = Places(door.session)
        seen, under = await places.seen_from(door.caller.place), await places.under(door.caller.place)
        query, teams = select(Organisation), select(CareTeam)
        if ids is not None:
            query, teams = query.where(Organisation.id.in_(sorted(ids))), teams.where(CareTeam.id.in_(sorted(ids)))
        if seen is not None:
            query = query.where(Organisation.id.in_(sorted(seen)))
        if not under.everywhere:
            teams = teams.where(CareTeam.id.in_(sorted(under.teams)))
        found = [_place(one) for one in await door.session.scalars(query)]
        return found + [_team(one) for one in await door.session.scalars(teams)]


def _place(place: Organisation) -> Resource:
    return without_nothing({
        "resourceType": "Organization",
        "id": place.id,
        "meta": meta(place.version, place.changed),
        "identifier": [{"system": PLACE, "value": place.id}],
        "active": True,
        "type": [concept(coding(TYPE, "prov", "Healthcare Provider"), ours("place-kind", place.kind))],
        "name": place.name or place.id,
        "telecom": _phone(place.phone),
        "address": [{"text": place.address}] if place.address else None,
        "partOf": reference("Organization", place.parent_id) if place.parent_id else None,
    })  # fmt: skip


def _team(team: CareTeam) -> Resource:
    return without_nothing({
        "resourceType": "Organization",
        "id": team.id,
        "meta": meta(team.version, team.changed),
        "identifier": [{"system": PLACE, "value": team.id}],
        "active": True,
        "type": [concept(coding(TYPE, "team", "Organizational team"), ours("place-kind", "care_team"))],
        "name": team.name or team.id,
        "telecom": _phone(team.on_call_phone),
        "partOf": reference("Organization", team.organisation_id),
    })  # fmt: skip


def _phone(number: str) -> list[Resource]:
    return [{"system": "phone", "value": number}] if number else []
