"""Pushing the changes of a place to one receiver, until nothing is due.

Rule 1: a receiver that takes nothing is left alone, longer each time, and asked with one push; once it takes one, all goes.
Rule 2: a push that it refuses holds up its own request only, is tried for a week, and then stands in the list of what failed.
Rule 3: the same change has the same id however often it goes: whoever keeps the ids takes each once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from temporalio import activity

from activities.seeing import Seeing
from activities.signing import DELIVERY, SIGNATURE, signature
from activities.webhooks.reaching import Answer, Reaching
from records.clock import Clock, system_time
from records.database import Database
from records.tables import PlaceChange, Webhook
from records.vault import Vault
from records.webhooks import SUBSCRIPTION, Kept, Webhooks, kept_of
from workflows.contract import PUSH, Push, Pushed

LANES = 8  # pushes at once to one receiver
GIVEN_UP_AFTER = timedelta(days=7)
#: After so many failures in a row; the last holds for all that follow.
RESTS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600, 3 * 3600))
REFUSED_AGAIN = tuple(timedelta(seconds=s) for s in (60, 600, 3600, 6 * 3600, 24 * 3600))
FOR_AT_MOST = 30.0  # seconds in one go; the rest is another go's


def after_failures(waits: Sequence[timedelta], failures: int) -> timedelta:
    """How long to wait after so many failures in a row (1 or more)."""
    return waits[min(failures, len(waits)) - 1]


def body_of(change: PlaceChange, public_url: str) -> bytes:
    """What is pushed: ids and codes, nothing of the person."""
    path = "referrals" if change.kind == "referral" else "refills"
    told = {
        "id": f"{change.place_id}/{change.n}",
        "n": change.n,
        "place": change.place_id,
        "kind": change.kind,
        "request": change.request_id,
        "version": change.version,
        "stage": change.stage,
        "at": change.at.isoformat(),
        "href": f"{public_url}/api/v1/{path}/{change.request_id}",
    }
    return json.dumps(told, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class ToSend:
    """One request to a receiver."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str]


class Subscribing(Protocol):
    """How FHIR subscriptions are told."""

    async def told(self, hook: Webhook, change: PlaceChange, headers: Sequence[str]) -> ToSend | None:
        """What is sent of a change; None where the subscription does not want it. ``headers``: as its owner gave them."""
        ...


@dataclass(frozen=True)
class PushActivities:
    """``public_url``: where receivers find us; empty for a path alone. ``subscriptions``: without it, theirs wait."""

    database: Database
    vault: Vault
    clock: Clock
    reaching: Reaching
    public_url: str = ""
    seeing: Seeing = field(default_factory=Seeing)
    subscriptions: Subscribing | None = None

    @activity.defn(name=PUSH)
    async def push(self, asked: Push) -> Pushed:
        """Push what is due, for some seconds at most."""
        until = asyncio.get_running_loop().time() + FOR_AT_MOST
        taken = 0
        while asyncio.get_running_loop().time() < until:
            if activity.in_activity():
                activity.heartbeat()
            done = await self.round(asked.webhook)
            if done is None:
                return Pushed(taken, more=False)
            taken += done
        return Pushed(taken, more=True)

    async def round(self, webhook_id: str) -> int | None:
        """Push once whatever may go now; says how many were taken, None where nothing was to be done."""
        async with self.database.begin() as session:
            now = await self.clock.now(session)
            hook = await session.get(Webhook, webhook_id, with_for_update=True)
            if hook is None or hook.status != "active" or (hook.resting_until is not None and hook.resting_until > now):
                return None
            if hook.kind == SUBSCRIPTION and self.subscriptions is None:
                return None
            webhooks = Webhooks(session)
            looked = await webhooks.fan_out(hook, now=now)
            await session.flush()
            due = await webhooks.due(hook, now, limit=1 if hook.failures else 200)
            kept = kept_of(self.vault, hook)
        if not due:
            return 0 if looked else None
        answers = await self._all(hook, kept, now, due)
        async with self.database.begin() as session:
            return await self._note(Webhooks(session), webhook_id, answers, now)

    async def _all(self, hook: Webhook, kept: Kept, now: datetime, due: Sequence[PlaceChange]) -> list[tuple[PlaceChange, Answer]]:
        """The answers, in order; once the receiver turns out to be away nothing more is begun."""
        lanes, away = asyncio.Semaphore(LANES), asyncio.Event()

        async def one(change: PlaceChange) -> tuple[PlaceChange, Answer] | None:
            async with lanes:
                if away.is_set():
                    return None
                sent = await self._to_send(hook, kept, now, change)
                if sent is None:
                    return change, Answer("taken", reason="not_wanted")
                answer = await self.reaching.post(sent.url, sent.body, sent.headers, method=sent.method)
                if answer.outcome in ("away", "gone"):
                    away.set()
                return change, answer

        return [answered for answered in await asyncio.gather(*map(one, due)) if answered is not None]

    async def _to_send(self, hook: Webhook, kept: Kept, now: datetime, change: PlaceChange) -> ToSend | None:
        if hook.kind == SUBSCRIPTION and self.subscriptions is not None:
            return await self.subscriptions.told(hook, change, kept.headers)
        body = body_of(change, self.public_url)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Cairn",
            DELIVERY: f"{change.place_id}/{change.n}",
            SIGNATURE: signature(kept.holding(now), body, at=system_time()),
        }
        return ToSend("POST", hook.url, body, headers)

    async def _note(self, webhooks: Webhooks, webhook_id: str, answers: Sequence[tuple[PlaceChange, Answer]], now: datetime) -> int:
        hook = await webhooks.session.get(Webhook, webhook_id, with_for_update=True)
        if hook is None:
            return 0
        taken = 0
        for change, answer in answers:
            delivery = await webhooks.delivery(webhook_id, change.n)
            if delivery is None:
                continue
            delivery.tries, delivery.last_try, delivery.answer, delivery.reason = (
                delivery.tries + 1,
                now,
                answer.status,
                answer.reason,
            )
            if answer.outcome == "taken":
                delivery.status, taken = "taken", taken + 1
            elif answer.outcome == "refused":
                delivery.next_try = now + after_failures(REFUSED_AGAIN, delivery.tries)
                if now - change.at >= GIVEN_UP_AFTER:
                    delivery.status = "failed"
        self._how_it_is(hook, [answer for _, answer in answers], now)
        return taken

    def _how_it_is(self, hook: Webhook, answers: Sequence[Answer], now: datetime) -> None:
        """Whether the receiver as a whole takes anything."""
        down = next((answer for answer in answers if answer.outcome in ("away", "gone")), None)
        if down is None:
            hook.failures, hook.failing_since, hook.resting_until, hook.reason = 0, None, None, ""
            return
        hook.failures, hook.reason = hook.failures + 1, down.reason
        hook.failing_since = hook.failing_since or now
        hook.resting_until = now + after_failures(RESTS, hook.failures)
        if down.outcome == "gone":
            hook.status = "gone"
        elif now - hook.failing_since >= GIVEN_UP_AFTER:
            hook.status = "failing"
        if hook.status != "active" or hook.failures == len(RESTS):
            self.seeing.log.warning("webhook_not_reached", place=hook.place_id, state=hook.status, reason=hook.reason)
