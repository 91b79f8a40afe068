"""Whom the changes of a place are pushed to, and how far each of them is.

Rule 1: of one request the changes go one after the other; whatever becomes of one request, the others go on.
Rule 2: nothing is thrown away because a receiver is away: what was not taken waits.
Rule 3: secrets are sealed; two hold while one is being replaced.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from records.feed import Feed
from records.pages import BIG_INTEGER, Page, behind, cursor, number_behind
from records.tables import PlaceChange, PlaceFeed, Webhook, WebhookDelivery
from records.vault import Vault

AT_ONCE = 500  # changes that become deliveries in one transaction
SECRET = "whsec"
SUBSCRIPTION = "subscription"  # the kind of a webhook that is a FHIR subscription


@dataclass(frozen=True, slots=True)
class Kept:
    """What is sealed of a webhook. ``secrets``: the newest first; each signs; the second ends at ``until`` (ISO 8601).

    ``headers``: of a FHIR subscription, ``Name: value`` as its owner gave them.
    """

    secrets: tuple[str, ...]
    until: str = ""
    headers: tuple[str, ...] = ()

    def holding(self, now: datetime) -> tuple[str, ...]:
        """Those that sign at ``now``."""
        ended = self.until and datetime.fromisoformat(self.until) <= now
        return self.secrets[:1] if ended else self.secrets


def new_secret() -> str:
    """A secret that nobody can guess; its beginning says to scanners what it is."""
    return f"{SECRET}_{secrets.token_urlsafe(32)}"


def sealed(vault: Vault, webhook_id: str, kept: Kept) -> bytes:
    """Under the installation's key."""
    body = {"secrets": list(kept.secrets), "until": kept.until, "headers": list(kept.headers)}
    return vault.keeper("webhooks").seal(webhook_id, body)


def kept_of(vault: Vault, hook: Webhook) -> Kept:
    """What is sealed of it."""
    body: dict[str, Any] = vault.keeper("webhooks").open(hook.id, hook.sealed)
    return Kept(tuple(body["secrets"]), body["until"], tuple(body.get("headers", ())))


@dataclass(frozen=True)
class Webhooks:
    """Webhooks of one transaction."""

    session: AsyncSession

    async def add(self, vault: Vault, place: str, url: str, *, wanted: Iterable[str], by: str, at: datetime) -> tuple[Webhook, str]:
        """A new one, that is told what changes from now on; and its secret, which is not shown again."""
        secret, id_ = new_secret(), uuid4().hex
        hook = Webhook(
            id=id_,
            place_id=place,
            kind="webhook",
            url=url,
            wanted=sorted(set(wanted)),
            body={},
            status="active",
            reached=await Feed(self.session).reached(place),
            created=at,
            by=by,
            sealed=sealed(vault, id_, Kept((secret,))),
        )
        self.session.add(hook)
        return hook, secret

    async def subscribe(
        self, vault: Vault, place: str, url: str, *, body: dict[str, Any], headers: Iterable[str], by: str, at: datetime
    ) -> Webhook:
        """A FHIR subscription, that is told what changes from now on."""
        id_ = uuid4().hex
        hook = Webhook(
            id=id_,
            place_id=place,
            kind=SUBSCRIPTION,
            url=url,
            wanted=[],
            body=body,
            status="active",
            reached=await Feed(self.session).reached(place),
            created=at,
            by=by,
            sealed=sealed(vault, id_, Kept((), headers=tuple(headers))),
        )
        self.session.add(hook)
        return hook

    async def page(self, places: Collection[str] | None, *, limit: int, after: str | None, kind: str = "webhook") -> Page[Webhook]:
        """By id; None for all places. Raises BadCursor."""
        query = select(Webhook).where(Webhook.kind == kind).order_by(Webhook.id).limit(limit + 1)
        if places is not None:
            query = query.where(Webhook.place_id.in_(sorted(places)))
        key = behind(after, 1)
        if key is not None:
            query = query.where(Webhook.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def one(self, webhook_id: str) -> Webhook | None:
        """Held against anybody else's change."""
        return await self.session.get(Webhook, webhook_id, with_for_update=True)

    async def with_work(self, now: datetime, *, limit: int = 500) -> Sequence[str]:
        """Those that have something to push at ``now`` and are not resting."""
        waits = exists().where(
            WebhookDelivery.webhook_id == Webhook.id, WebhookDelivery.status == "waiting", WebhookDelivery.next_try <= now
        )
        behind_feed = exists().where(PlaceFeed.place_id == Webhook.place_id, PlaceFeed.n > Webhook.reached)
        awake = or_(Webhook.resting_until.is_(None), Webhook.resting_until <= now)
        query = select(Webhook.id).where(Webhook.status == "active", awake, or_(behind_feed, waits)).limit(limit)
        return list(await self.session.scalars(query))

    async def fan_out(self, hook: Webhook, *, now: datetime) -> int:
        """Make deliveries of what has changed; says how many changes were looked at."""
        news = await Feed(self.session).after(hook.place_id, hook.reached, limit=AT_ONCE)
        for change in news:
            hook.reached = change.n
            if not hook.wanted or change.kind in hook.wanted:
                self.session.add(
                    WebhookDelivery(webhook_id=hook.id, n=change.n, request_id=change.request_id, status="waiting", next_try=now)
                )
        return len(news)

    async def due(self, hook: Webhook, now: datetime, *, limit: int) -> Sequence[PlaceChange]:
        """What may go now, in order: of each request the earliest that waits."""
        earlier = aliased(WebhookDelivery)
        blocked = exists().where(
            earlier.webhook_id == WebhookDelivery.webhook_id,
            earlier.request_id == WebhookDelivery.request_id,
            earlier.n < WebhookDelivery.n,
            earlier.status == "waiting",
        )
        query = (
            select(PlaceChange)
            .join(WebhookDelivery, WebhookDelivery.n == PlaceChange.n)
            .where(PlaceChange.place_id == hook.place_id, *_waiting(hook.id), WebhookDelivery.next_try <= now, ~blocked)
            .order_by(WebhookDelivery.n)
            .limit(limit)
        )
        return list(await self.session.scalars(query))

    async def delivery(self, hook_id: str, n: int) -> WebhookDelivery | None:
        """One delivery, held against anybody else's change."""
        return await self.session.get(WebhookDelivery, (hook_id, n), with_for_update=True)

    async def again(self, hook_id: str, now: datetime, *, n: int | None = None) -> int:
        """Let what failed (or one delivery, whatever became of it) go once more; says how many."""
        which = WebhookDelivery.status == "failed" if n is None else WebhookDelivery.n == n
        waits = update(WebhookDelivery).where(WebhookDelivery.webhook_id == hook_id, which)
        done = await self.session.execute(waits.values(status="waiting", next_try=now, tries=0, reason=""))
        return int(getattr(done, "rowcount", 0))

    async def counts(self, hook_ids: Collection[str]) -> dict[str, dict[str, int]]:
        """By webhook: how many wait, and how many failed."""
        query = (
            select(WebhookDelivery.webhook_id, WebhookDelivery.status, func.count())
            .where(WebhookDelivery.webhook_id.in_(sorted(hook_ids)), WebhookDelivery.status.in_(("waiting", "failed")))
            .group_by(WebhookDelivery.webhook_id, WebhookDelivery.status)
        )
        found: dict[str, dict[str, int]] = {}
        for hook, status, count in await self.session.execute(query):
            found.setdefault(hook, {})[status] = count
        return found

    async def deliveries(
        self, hook: Webhook, *, status: str | None, limit: int, after: str | None
    ) -> Page[tuple[WebhookDelivery, PlaceChange]]:
        """What was to go, by number. Raises BadCursor."""
        query = (
            select(WebhookDelivery, PlaceChange)
            .join(PlaceChange, PlaceChange.n == WebhookDelivery.n)
            .where(WebhookDelivery.webhook_id == hook.id, PlaceChange.place_id == hook.place_id)
            .order_by(WebhookDelivery.n)
            .limit(limit + 1)
        )
        if status is not None:
            query = query.where(WebhookDelivery.status == status)
        last = number_behind(after, most=BIG_INTEGER)
        if last is not None:
            query = query.where(WebhookDelivery.n > last)
        found = [(delivery, change) for delivery, change in await self.session.execute(query)]
        shown = found[:limit]
        return Page(shown, cursor(str(shown[-1][0].n)) if len(found) > limit else None)


def _waiting(hook_id: str) -> tuple[ColumnElement[bool], ...]:
    return WebhookDelivery.webhook_id == hook_id, WebhookDelivery.status == "waiting"
