"""Subscription: where a place has its requests told to a record system of its own (rest-hook).

Rule 1: a place subscribes to what it was asked, and to nothing else; the address is judged as a webhook's is.
Rule 2: headers that were given are kept sealed and shown to nobody.
Rule 3: what is pushed, tried again and given up goes the way of webhooks; what failed stands in ``/webhooks/{id}/pushes``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from sqlalchemy import delete

from activities.webhooks.reaching import NotAllowed, check
from api.editing import standing
from api.fhir import matching
from api.fhir.exchange import FHIR_JSON, JSON, Desk
from api.fhir.kinds import Door, Found, Interaction, Param, Query, Refused, Resource, meta
from api.fhir.making import Making
from api.fhir.notifying import KINDS, PATHS
from api.fhir.searching import read_search
from api.problems import changed_since, not_found
from records.intake.fhir import part, text
from records.pages import Page
from records.tables import Organisation, Webhook, WebhookDelivery
from records.webhooks import SUBSCRIPTION, Kept, Webhooks, sealed

STATUS = {"active": "active", "paused": "off", "failing": "error", "gone": "error"}
ASKED = frozenset({"hospital", "pharmacy"})
MOST_HEADERS, LONGEST_HEADER, MOST = 10, 1000, 500
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}: ?[\x21-\x7e][\x20-\x7e]*")
_OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent"})
_HL7 = "http://hl7.org/fhir/SearchParameter"


class Subscriptions:
    """The type, and its write side."""

    type = "Subscription"
    reads: tuple[str, ...] = ("webhooks.manage",)
    params: Mapping[str, Param] = {
        "status": Param("token", "active, off or error", modifiers=("not",), definition=f"{_HL7}/Subscription-status"),
        "url": Param("uri", "where to", definition=f"{_HL7}/Subscription-url"),
        "type": Param("token", "always rest-hook", definition=f"{_HL7}/Subscription-type"),
    }
    paths: Mapping[str, tuple[str, ...]] = {"status": ("status",), "url": ("channel.endpoint",), "type": ("channel.type",)}
    sorts: tuple[str, ...] = ("_id", "_lastUpdated")
    includes: Mapping[str, str] = {}
    interactions: frozenset[Interaction] = frozenset({"read", "search-type"})
    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {
        "create": ("webhooks.manage",),
        "update": ("webhooks.manage",),
        "delete": ("webhooks.manage",),
    }
    removable: frozenset[str] = frozenset({"error", "end", "contact"})

    async def one(self, door: Door, id_: str) -> Resource | None:
        """How it stands."""
        hook = await door.session.get(Webhook, id_)
        if hook is None or hook.kind != SUBSCRIPTION or not (await standing(door.session, door.caller)).covers(hook.place_id):
            return None
        return _shown(hook)

    async def search(self, door: Door, query: Query) -> Found:
        """Those of the caller's place and what is beneath it."""
        under = await standing(door.session, door.caller)
        places = None if under.everywhere else under.organisations
        page: Page[Webhook] = await Webhooks(door.session).page(places, limit=MOST, after=None, kind=SUBSCRIPTION)
        return matching.page([_shown(hook) for hook in page.items], query, self.params, self.paths, "_id")

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """Only how it stands now."""
        one = await self.one(door, id_)
        return [] if one is None else [one]

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Told of what changes from now on."""
        asked = _asked(desk, resource)
        async with desk.parts.database.begin() as session:
            remembered, repeated = await making.remembered(session)
            if remembered is not None and repeated:
                return remembered.event_id
            place = asked.place or desk.caller.place
            found, under = await session.get(Organisation, place), await standing(session, desk.caller)
            if found is None or not under.covers(place) or found.kind not in ASKED:
                told = "Whose requests? Send criteria with owner=Organization/id of a hospital or pharmacy of yours."
                raise Refused(422, "business-rule", told, ("Subscription.criteria",))
            now = await desk.parts.clock.now(session)
            webhooks = Webhooks(session)
            hook = await webhooks.subscribe(
                desk.parts.vault, place, asked.url, body=asked.body, headers=asked.headers or (), by=desk.caller.id, at=now
            )
            hook.status = asked.status
            await session.flush()
            await making.made(session, hook.id)
            if remembered is not None:
                remembered.event_id = hook.id
            return hook.id

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        """Everything may change but whose requests it is about; what waits goes to the new address."""
        asked = _asked(desk, after)
        async with desk.parts.database.begin() as session:
            hook = await session.get(Webhook, id_, with_for_update=True, populate_existing=True)
            if hook is None:
                raise not_found()
            if making.if_match is not None and making.if_match not in ("*", f'"{hook.version}"'):
                raise changed_since()
            if asked.place not in ("", hook.place_id):
                told = "Whose requests it is about stays: make another Subscription."
                raise Refused(422, "business-rule", told, ("Subscription.criteria",))
            changed = (await desk.parts.clock.now(session)).isoformat()
            hook.url, hook.body, hook.status = asked.url, asked.body | {"changed": changed}, asked.status
            hook.version += 1
            if asked.headers is not None:
                hook.sealed = sealed(desk.parts.vault, hook.id, Kept((), headers=asked.headers))
            hook.failures, hook.failing_since, hook.resting_until, hook.reason = 0, None, None, ""

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        """With all that waited for it."""
        async with desk.parts.database.begin() as session:
            hook = await session.get(Webhook, id_, with_for_update=True)
            if hook is not None:
                await session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == id_))
                await session.delete(hook)


class _Asked:
    """What a Subscription asks for. ``headers``: None where they stay as they are; ``place``: "" where it is the caller's own."""

    def __init__(self, url: str, place: str, status: str, headers: tuple[str, ...] | None, body: dict[str, Any]) -> None:
        self.url, self.place, self.status, self.headers, self.body = url, place, status, headers, body


def _asked(desk: Desk, resource: Resource) -> _Asked:
    """Raises Refused 422."""
    channel = part(resource, "channel")
    if text(channel.get("type")) != "rest-hook":
        raise _no("Subscription.channel.type", "Only rest-hook is offered: give an endpoint, or poll Task?_lastUpdated=gt...")
    url = text(channel.get("endpoint"))
    try:
        check(url, desk.parts.webhook_hosts)
    except NotAllowed as wrong:
        raise _no("Subscription.channel.endpoint", f"The endpoint {wrong}.") from None
    if len(url) > 400:
        raise _no("Subscription.channel.endpoint", "The endpoint is longer than 400 characters.")
    payload = text(channel.get("payload"))
    if payload.partition(";")[0].strip() not in ("", FHIR_JSON, JSON):
        raise _no("Subscription.channel.payload", f"A payload is {FHIR_JSON}, or none for an empty notification.")
    end = text(resource.get("end"))
    body = {"criteria": text(resource.get("criteria")), "payload": payload, "reason": text(resource.get("reason"))[:500]}
    status = "paused" if text(resource.get("status")) == "off" else "active"
    headers = _headers(channel) if "header" in channel else None
    return _Asked(url, _place(desk, body["criteria"]), status, headers, body | ({"end": end} if end else {}))


def _place(desk: Desk, criteria: str) -> str:
    """The place that the criteria name, "" for none. Raises Refused 422 for criteria that cannot be held against a change."""
    type_, _, query = criteria.partition("?")
    where = "Subscription.criteria"
    if type_ not in KINDS:
        raise _no(where, f"Only {' and '.join(KINDS)} may be subscribed to: send criteria such as Task?status=requested.")
    try:
        search = read_search(KINDS[type_], parse_qsl(query, keep_blank_values=True), base=desk.base)
    except Refused as refused:
        raise Refused(422, "invalid", f"These criteria cannot be meant. {refused.text}", (where,)) from None
    unknown = sorted({one.name for one in search.query.filters} - PATHS.keys())
    if unknown or search.includes or search.revincludes:
        raise _no(where, f"Criteria are made of: {', '.join(PATHS)}.")
    owners = {getattr(value, "id", "") for one in search.query.of("owner") if not one.modifier for value in one.values}
    if len(owners) > 1:
        raise _no(where, "Criteria name one owner.")
    return next(iter(owners), "")


def _headers(channel: Mapping[str, Any]) -> tuple[str, ...]:
    where = "Subscription.channel.header"
    given = channel.get("header")
    lines = tuple(str(one) for one in given) if isinstance(given, list) else ()
    if len(lines) > MOST_HEADERS or any(len(one) > LONGEST_HEADER or not _HEADER.fullmatch(one) for one in lines):
        raise _no(where, f"At most {MOST_HEADERS} headers are sent, each written as Name: value.")
    if any(one.partition(":")[0].lower() in _OURS for one in lines):
        raise _no(where, f"These headers are ours to set: {', '.join(sorted(_OURS))}.")
    return lines


def _no(where: str, why: str) -> Refused:
    return Refused(422, "business-rule", why, (where,))


def _shown(hook: Webhook) -> Resource:
    at = datetime.fromisoformat(hook.body["changed"]) if "changed" in hook.body else hook.created
    channel = {"type": "rest-hook", "endpoint": hook.url}
    made: Resource = {
        "resourceType": "Subscription",
        "id": hook.id,
        "meta": meta(hook.version, at),
        "status": STATUS.get(hook.status, "error"),
        "reason": hook.body.get("reason") or "to be told of requests",
        "criteria": hook.body["criteria"],
        "channel": channel | ({"payload": hook.body["payload"]} if hook.body.get("payload") else {}),
    }
    if hook.body.get("end"):
        made["end"] = hook.body["end"]
    if made["status"] == "error":
        made["error"] = f"{hook.reason or hook.status}: put it right, and send status requested to go on."
    return made
