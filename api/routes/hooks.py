"""Webhooks of the providers that carry texts, signed by them.

Rule 1: what is not signed as it must be is refused before it is read; nothing in an answer tells whether a number or a message
        is known here.
Rule 2: a webhook may come twice, late and out of order, and be played back by a stranger: it changes nothing the second time.
"""

from __future__ import annotations

import re
from typing import Literal

from fastapi import APIRouter, Request, Response

from activities.channels.port import DeliveryReport, Heard, Malformed, NotSigned, Webhook
from api.depends import Parts
from api.parts import ApiParts
from api.problems import Problem, unusable

router = APIRouter(prefix="/hooks/{channel}", tags=["webhooks"])

LONGEST_BODY = 64 * 1024  # bytes
#: What providers call their messages, and we our tries.
ID = re.compile(r"[A-Za-z0-9._:@+/=|-]{1,80}")


@router.post(
    "/inbound",
    summary="A text came in",
    response_class=Response,
    responses={200: {"content": {"text/xml": {"example": "<Response></Response>"}}}},
)
async def inbound(request: Request, parts: Parts, channel: str) -> Response:
    """Stored for everybody whose phone it came from."""
    return _answer(await _heard(request, parts, channel, "inbound"), 200)


@router.post("/status", summary="What became of a text", status_code=204)
async def status(request: Request, parts: Parts, channel: str) -> Response:
    """A text that did not arrive becomes an event of its patient."""
    return _answer(await _heard(request, parts, channel, "status"), 204)


async def _heard(request: Request, parts: ApiParts, channel: str, what: Literal["inbound", "status"]) -> Heard:
    if channel not in parts.channels:
        raise Problem(403, "This installation has no such provider.")
    webhook = Webhook(_as_called(request, parts), dict(request.query_params), dict(request.headers), await _body(request))
    try:
        heard = parts.channels[channel].hear(what, webhook)
    except NotSigned as refused:
        raise Problem(403, str(refused)) from None
    except Malformed as refused:
        raise _odd(str(refused)) from None
    for told in heard.told:
        if not ID.fullmatch(told.provider_id):
            raise _odd("the id of the message is no id")
    for told in heard.told:
        if not isinstance(told, DeliveryReport):
            taken = await parts.inbox.take(told)
            parts.seeing.metrics.texts_received.labels(channel, "yes" if taken.patients else "no").inc()
        elif told.attempt is None or ID.fullmatch(told.attempt):
            await parts.reports.take(told, channel=channel)
    return heard


async def _body(request: Request) -> bytes:
    """Read once, and no further than a webhook goes. Raises Problem 413."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_BODY:
            raise Problem(413, "This is longer than any webhook.")
    return bytes(body)


def _as_called(request: Request, parts: ApiParts) -> str:
    """The address as the provider called and signed it: ours as it is known outside, whatever a proxy made of it."""
    base = parts.public_url.rstrip("/")
    if not base:
        scheme, host = request.url.scheme, request.url.netloc
        if parts.trust_forwarded:  # the nearest proxy, which is ours, writes last
            scheme = _last(request.headers.get("x-forwarded-proto")) or scheme
            host = _last(request.headers.get("x-forwarded-host")) or host
        base = f"{scheme}://{host}"
    return base + request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _last(header: str | None) -> str:
    return (header or "").rpartition(",")[2].strip()


def _odd(why: str) -> Problem:
    return unusable("body", why, "see what called this address")


def _answer(heard: Heard, empty: int) -> Response:
    if not heard.answer:
        return Response(status_code=empty)
    return Response(heard.answer, media_type=heard.answer_type)
