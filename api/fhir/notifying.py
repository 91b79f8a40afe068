"""What a FHIR subscription is told: the resource as it was at that change, or only that there is one.

Rule 1: a subscription is told what its place may read, and nothing else; whether a change is wanted is held against the resource
        itself, as a search would.
Rule 2: a resource that is sent is written down before it leaves, as one that is read is.
Source: HL7 FHIR R4, Subscription, rest-hook: an empty POST without a payload; with one, an update (PUT) at endpoint/Type/id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from activities.webhooks.pushing import ToSend
from api.fhir.kinds import Door, Kind, Resource
from api.fhir.matching import holds
from api.fhir.searching import read_search
from api.fhir.types.service_requests import ServiceRequests
from api.fhir.types.tasks import Tasks
from api.parts import ApiParts
from records.audit import Entry
from records.callers import Caller
from records.scope import of_places
from records.tables import Organisation, PlaceChange, Webhook

#: What may be subscribed to, and where each parameter looks in the resource.
KINDS: Mapping[str, Kind] = {"Task": Tasks(), "ServiceRequest": ServiceRequests()}
PATHS = {
    "_id": ("id",),
    "status": ("status",),
    "business-status": ("businessStatus",),
    "owner": ("owner",),
    "performer": ("performer",),
    "patient": ("for", "subject"),
    "subject": ("for", "subject"),
    "code": ("code",),
    "priority": ("priority",),
    "focus": ("focus",),
    "based-on": ("basedOn",),
}
ACTION = "subscription"  # of the audit log
ROLES = {"hospital": "clinic", "pharmacy": "pharmacy"}


@dataclass(frozen=True)
class Notifying:
    """Makes what is sent."""

    parts: ApiParts

    async def told(self, hook: Webhook, change: PlaceChange, headers: Sequence[str]) -> ToSend | None:
        """None where the subscription does not want this change, or there is nothing to see any more."""
        type_, _, criteria = str(hook.body["criteria"]).partition("?")
        if "end" in hook.body and change.at > datetime.fromisoformat(hook.body["end"]):
            return None
        if type_ == "ServiceRequest" and change.kind != "referral":
            return None
        resource = await self._as_it_was(hook, change, type_)
        if resource is None or not wanted(type_, criteria, resource, self.base):
            return None
        given = dict(one.partition(":")[::2] for one in headers)
        sent = {"User-Agent": "Cairn", **{name.strip(): value.strip() for name, value in given.items()}}
        payload = str(hook.body.get("payload", ""))
        if not payload:
            return ToSend("POST", hook.url, b"", sent)
        entry = Entry(hook.by, ACTION, hook.place_id, "referrals.read", resource["id"], (change.patient_id,), 200, hook.id)
        await self.parts.audit.write(entry)
        body = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
        media = {"Content-Type": f"{payload.partition(';')[0]}; charset=utf-8"}
        return ToSend("PUT", f"{hook.url.rstrip('/')}/{type_}/{resource['id']}", body, sent | media)

    @property
    def base(self) -> str:
        """The door's own address."""
        return f"{self.parts.public_url.rstrip('/')}/fhir"

    async def _as_it_was(self, hook: Webhook, change: PlaceChange, type_: str) -> Resource | None:
        async with self.parts.database.reading() as session:
            place = await session.get(Organisation, hook.place_id)
            role = ROLES.get(place.kind, "clinic") if place is not None else "clinic"
            caller = Caller(hook.by, "", role, hook.place_id, of_places(role, [hook.place_id]))
            door = Door(self.parts, session, caller, self.base)
            versions = await KINDS[type_].versions(door, change.request_id)
        return next((one for one in versions if one["meta"]["versionId"] == str(change.version)), None)


def wanted(type_: str, criteria: str, resource: Resource, base: str) -> bool:
    """Whether a resource is among those that the criteria find. Raises Refused 400 for criteria that cannot be meant."""
    kind = KINDS[type_]
    query = read_search(kind, parse_qsl(criteria, keep_blank_values=True), base=base).query
    return all(holds(resource, one, kind.params.get(one.name), PATHS[one.name]) for one in query.filters)
