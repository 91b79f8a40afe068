"""Webhooks: a place says where its changes are pushed to, sees what failed, and lets it go again.

Rule: a secret is shown once, when it is made.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from activities.webhooks.reaching import NotAllowed, check
from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing
from api.models.webhooks import (
    Again,
    NewWebhook,
    PushOut,
    PushPage,
    SecretIn,
    WebhookChange,
    WebhookIn,
    WebhookOut,
    WebhookPage,
)
from api.problems import Problem, not_found, unusable, unusable_where
from api.writing import Writes
from records.callers import Caller
from records.pages import BIG_INTEGER
from records.tables import Organisation, PlaceChange, Webhook, WebhookDelivery
from records.webhooks import SUBSCRIPTION, Kept, Webhooks, kept_of, new_secret, sealed

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

Manages = Annotated[Caller, may("webhooks.manage")]
HookId = Annotated[str, Path(max_length=40)]
MADE_BEFORE = "This request made the webhook {} before; a secret is shown once. Delete it and make another."
ASKED = frozenset({"hospital", "pharmacy"})
EITHER = ("webhook", SUBSCRIPTION)  # what became of pushes is shown of FHIR subscriptions, too, and they go again


@router.get("", summary="Webhooks")
async def list_webhooks(caller: Manages, session: Session, limit: Limit = 50, after: After = None) -> WebhookPage:
    """Those of the caller's place and what is beneath it."""
    under = await standing(session, caller)
    page = await Webhooks(session).page(None if under.everywhere else under.organisations, limit=limit, after=after)
    counts = await Webhooks(session).counts([hook.id for hook in page.items])
    return WebhookPage(items=[_shown(hook, counts.get(hook.id, {})) for hook in page.items], next=page.next)


@router.post("", summary="Have changes pushed", status_code=201)
async def add_webhook(caller: Manages, writing: Writes, body: WebhookIn, response: Response) -> NewWebhook:
    """What changes from now on is pushed to ``url``; what was before is in ``GET /referrals``."""
    with unusable_where("url", NotAllowed):
        check(body.url, writing.parts.webhook_hosts)
    async with writing.parts.database.begin() as session:
        under = await standing(session, caller)
        place = body.place or caller.place
        found = await session.get(Organisation, place)
        if found is None or not under.covers(place):
            raise not_found()
        if found.kind not in ASKED:
            raise unusable("place", "is asked for nothing", "name a hospital or a pharmacy")
        sent = await once(writing, session)
        if sent.made is not None:
            raise Problem(409, MADE_BEFORE.format(sent.made))
        now = await writing.parts.clock.now(session)
        hook, secret = await Webhooks(session).add(writing.parts.vault, place, body.url, wanted=body.kinds, by=caller.id, at=now)
        await session.flush()
        sent.note(hook.id)
        shown = _shown(hook, {})
    response.headers["ETag"] = etag(shown.version)
    return NewWebhook(**shown.model_dump(), secret=secret)


@router.get("/{webhook_id}", summary="One webhook")
async def read_webhook(caller: Manages, session: Session, webhook_id: HookId, response: Response) -> WebhookOut:
    """How it stands."""
    hook = await _theirs(session, caller, webhook_id)
    response.headers["ETag"] = etag(hook.version)
    return _shown(hook, (await Webhooks(session).counts([hook.id])).get(hook.id, {}))


@router.put("/{webhook_id}", summary="Change a webhook")
async def change_webhook(
    caller: Manages, writing: Writes, webhook_id: HookId, body: WebhookChange, response: Response
) -> WebhookOut:
    """Where to, what of, and whether at all. What waits goes to the new address at once."""
    with unusable_where("url", NotAllowed):
        check(body.url, writing.parts.webhook_hosts)
    async with writing.parts.database.begin() as session:
        hook = await _theirs(session, caller, webhook_id, held=True)
        as_read(writing.if_match, hook.version)
        hook.url, hook.wanted, hook.status, hook.version = body.url, sorted(set(body.kinds)), body.status, hook.version + 1
        hook.failures, hook.failing_since, hook.resting_until, hook.reason = 0, None, None, ""
        shown = _shown(hook, (await Webhooks(session).counts([hook.id])).get(hook.id, {}))
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.delete("/{webhook_id}", summary="Push no more", status_code=204)
async def delete_webhook(caller: Manages, writing: Writes, webhook_id: HookId) -> None:
    """With all that waited for it."""
    async with writing.parts.database.begin() as session:
        hook = await _theirs(session, caller, webhook_id, held=True)
        as_read(writing.if_match, hook.version, needed=False)
        await session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == hook.id))
        await session.delete(hook)


@router.post("/{webhook_id}/secret", summary="Replace the secret", status_code=201)
async def replace_secret(caller: Manages, writing: Writes, webhook_id: HookId, body: SecretIn | None = None) -> NewWebhook:
    """A new one, shown this once; the old one signs beside it until the grace is over."""
    asked = body or SecretIn()
    async with writing.parts.database.begin() as session:
        hook = await _theirs(session, caller, webhook_id, held=True)
        sent = await once(writing, session)
        if sent.made is not None:
            raise Problem(409, MADE_BEFORE.format(sent.made))
        now = await writing.parts.clock.now(session)
        old = kept_of(writing.parts.vault, hook).holding(now)[:1]
        secret, until = new_secret(), now + timedelta(hours=asked.grace_hours)
        hook.sealed = sealed(writing.parts.vault, hook.id, Kept((secret, *old), until.isoformat()))
        hook.version += 1
        sent.note(hook.id)
        shown = _shown(hook, (await Webhooks(session).counts([hook.id])).get(hook.id, {}))
    return NewWebhook(**shown.model_dump(), secret=secret)


@router.get("/{webhook_id}/pushes", summary="What became of each push")
async def list_pushes(
    caller: Manages,
    session: Session,
    webhook_id: HookId,
    status: Annotated[Literal["waiting", "taken", "failed"] | None, Query()] = None,
    limit: Limit = 50,
    after: After = None,
) -> PushPage:
    """By number; ``status=failed`` are those that the receiver refused for a week."""
    hook = await _theirs(session, caller, webhook_id, kinds=EITHER)
    page = await Webhooks(session).deliveries(hook, status=status, limit=limit, after=after)
    return PushPage(items=[_push(delivery, change) for delivery, change in page.items], next=page.next)


@router.post("/{webhook_id}/again", summary="Push again")
async def push_again(
    caller: Manages,
    writing: Writes,
    webhook_id: HookId,
    n: Annotated[int | None, Query(ge=1, le=BIG_INTEGER, description="one push; without it, all that failed")] = None,
) -> Again:
    """With the same id as before."""
    async with writing.parts.database.begin() as session:
        hook = await _theirs(session, caller, webhook_id, held=True, kinds=EITHER)
        pushes = await Webhooks(session).again(hook.id, await writing.parts.clock.now(session), n=n)
        if n is not None and not pushes:
            raise not_found()
    return Again(pushes=pushes)


async def _theirs(
    session: AsyncSession, caller: Caller, webhook_id: str, *, held: bool = False, kinds: tuple[str, ...] = ("webhook",)
) -> Webhook:
    hook = await session.get(Webhook, webhook_id, with_for_update=held or None)
    if hook is None or hook.kind not in kinds or not (await standing(session, caller)).covers(hook.place_id):
        raise not_found()
    return hook


def _shown(hook: Webhook, counts: dict[str, int]) -> WebhookOut:
    return WebhookOut.model_validate(
        {
            "id": hook.id,
            "place": hook.place_id,
            "url": hook.url,
            "kinds": hook.wanted,
            "status": hook.status,
            "reason": hook.reason,
            "waiting": counts.get("waiting", 0),
            "failed": counts.get("failed", 0),
            "failing_since": hook.failing_since,
            "resting_until": hook.resting_until,
            "created": hook.created,
            "version": hook.version,
        }
    )


def _push(delivery: WebhookDelivery, change: PlaceChange) -> PushOut:
    return PushOut.model_validate(
        {
            "n": delivery.n,
            "kind": change.kind,
            "request": change.request_id,
            "change": change.version,
            "stage": change.stage,
            "at": change.at,
            "status": delivery.status,
            "tries": delivery.tries,
            "last_try": delivery.last_try,
            "answer": delivery.answer,
            "reason": delivery.reason,
        }
    )
