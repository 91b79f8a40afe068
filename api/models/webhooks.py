"""Webhooks: where the changes of a place are pushed to, and what became of each push."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Model, Moment, example, page_of
from api.models.places import Next

_HOOK = {"place": "hospital-1", "url": "https://hospital.example/cairn", "kinds": ["referral"]}
_STANDS = {
    "id": "c0ffee",
    **_HOOK,
    "status": "active",
    "reason": "",
    "waiting": 0,
    "failed": 0,
    "failing_since": None,
    "resting_until": None,
    "created": "2025-03-03T01:00:00Z",
    "version": 1,
}
_PUSH = {
    "n": 41,
    "kind": "referral",
    "request": "4be1a7",
    "change": 2,
    "stage": "received",
    "at": "2025-03-04T01:30:00Z",
    "status": "failed",
    "tries": 9,
    "last_try": "2025-03-11T01:31:00Z",
    "answer": 422,
    "reason": "refused",
}

Url = Annotated[str, Field(min_length=8, max_length=500, pattern=r"^\S+$")]
Kinds = Annotated[list[Literal["referral", "refill"]], Field(max_length=2, default_factory=list)]


class WebhookIn(Model, json_schema_extra=example(**_HOOK)):
    """A new webhook. ``kinds``: of change; empty for all. ``place`` may be left out by a place of its own."""

    url: Url
    place: Annotated[str | None, Field(max_length=40)] = None
    kinds: Kinds


class WebhookChange(Model, json_schema_extra=example(url=_HOOK["url"], kinds=["referral"], status="active")):
    """Everything that can be changed. ``status`` active also lets one that was failing or gone go on."""

    url: Url
    kinds: Kinds
    status: Literal["active", "paused"] = "active"


class WebhookOut(Model, json_schema_extra=example(**_STANDS)):
    """How it stands. ``status``: active, paused, failing (nothing was taken for a week), gone (it answered 410).

    ``waiting`` and ``failed``: pushes; ``reason`` and ``resting_until``: where the receiver takes nothing at the moment.
    """

    id: str
    place: str
    url: str
    kinds: list[str]
    status: Literal["active", "paused", "failing", "gone"]
    reason: str
    waiting: int
    failed: int
    failing_since: Moment | None
    resting_until: Moment | None
    created: Moment
    version: int


class NewWebhook(WebhookOut, json_schema_extra=example(**_STANDS, secret="whsec_...")):
    """``secret`` is shown this once: what pushes are signed with."""

    secret: str


class WebhookPage(Model, json_schema_extra=page_of(WebhookOut)):
    """Webhooks by id."""

    items: list[WebhookOut]
    next: Next


class SecretIn(Model, json_schema_extra=example(grace_hours=24)):
    """How long pushes are signed with the old secret, too."""

    grace_hours: Annotated[int, Field(ge=0, le=24 * 31)] = 24


class PushOut(Model, json_schema_extra=example(**_PUSH)):
    """What became of one change on its way. ``change``: the request's version; ``answer``: the last HTTP status."""

    n: int
    kind: Literal["referral", "refill"]
    request: str
    change: int
    stage: str
    at: Moment
    status: Literal["waiting", "taken", "failed"]
    tries: int
    last_try: Moment | None
    answer: int | None
    reason: str


class PushPage(Model, json_schema_extra=page_of(PushOut)):
    """Pushes by number."""

    items: list[PushOut]
    next: Next


class Again(Model, json_schema_extra=example(pushes=3)):
    """How many pushes go once more."""

    pushes: int
