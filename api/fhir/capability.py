"""What the door can do, as a CapabilityStatement: made of the types themselves, so that it says no more and no less.

Source: HL7 FHIR R4 (4.0.1), CapabilityStatement; SMART App Launch, the ``oauth-uris`` extension.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.fhir.chaining import is_chained
from api.fhir.exchange import FHIR_JSON, JSON, JSON_PATCH, MERGE_PATCH, Writes
from api.fhir.including import includes_of, revincludes_of
from api.fhir.kinds import Kind, Resource
from api.fhir.searching import COMMON

OAUTH = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
SECURITY = "http://terminology.hl7.org/CodeSystem/restful-security-service"
#: The day on which what is said here last changed.
SINCE = "2026-11-22"
CHAINED = "; leads on to what a Patient is searched by, as in patient.family, one step"
_WRITTEN = {"create": ("create",), "update": ("update", "patch"), "delete": ("delete",)}
_ORDER = ("read", "vread", "update", "patch", "delete", "history-instance", "create", "search-type")


def statement(base: str, kinds: Mapping[str, Kind], writes: Mapping[str, Writes]) -> Resource:
    """The statement of the door at ``base``."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "cairn",
        "url": f"{base}/metadata",
        "name": "Cairn",
        "title": "Cairn: chronic care",
        "status": "active",
        "date": SINCE,
        "kind": "instance",
        "description": "Referrals, refills and the work of care teams, for record systems.",
        "software": {"name": "Cairn"},
        "implementation": {"description": "Cairn", "url": base},
        "fhirVersion": "4.0.1",
        "format": [FHIR_JSON, JSON, "json"],
        "patchFormat": [JSON_PATCH, MERGE_PATCH],
        "rest": [
            {
                "mode": "server",
                "security": _security(base),
                "resource": [_resource(kinds, kinds[name], writes.get(name)) for name in sorted(kinds)],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def interactions(kind: Kind, writes: Writes | None) -> list[str]:
    """What may be done with a type, in the order of R4."""
    can = set[str](kind.interactions) | {one for name in (writes.writes if writes is not None else ()) for one in _WRITTEN[name]}
    return [one for one in _ORDER if one in can]


def _resource(kinds: Mapping[str, Kind], kind: Kind, writes: Writes | None) -> Resource:
    can = interactions(kind, writes)
    made: Resource = {
        "type": kind.type,
        "interaction": [{"code": one} for one in can],
        "versioning": "versioned-update" if "update" in can else "versioned" if "vread" in can else "no-version",
        "readHistory": "vread" in can,
        "updateCreate": False,
        "conditionalCreate": "create" in can,
        "conditionalRead": "not-match",
        "conditionalUpdate": "update" in can,
        "conditionalDelete": "not-supported",
        "searchInclude": includes_of(kinds, kind.type),
        "searchRevInclude": revincludes_of(kinds, kind.type),
    }
    if "search-type" in can:
        known = {**COMMON, **kind.params}
        made["searchParam"] = [
            {
                "name": name,
                "definition": known[name].definition or f"http://hl7.org/fhir/SearchParameter/{kind.type}-{name}",
                "type": known[name].type,
                "documentation": known[name].documentation + (CHAINED if is_chained(known[name]) else ""),
            }
            for name in sorted(known)
        ]
    return {name: value for name, value in made.items() if value not in ([], "")}


def _security(base: str) -> Resource:
    token = f"{base.removesuffix('/fhir')}/auth/token"
    return {
        "extension": [{"url": OAUTH, "extension": [{"url": "token", "valueUri": token}]}],
        "cors": False,
        "service": [{"coding": [{"system": SECURITY, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}]}],
        "description": "SMART Backend Services, or an API key of a place as a bearer token.",
    }
