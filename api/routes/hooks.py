"""Webhooks of the providers that carry texts, signed by them.

Rule: what is not signed as it must be is refused before it is read; nothing in an answer tells whether a number is known here.
"""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from activities.channels.port import DeliveryReport, Heard, Malformed, NotSigned, Webhook
from api.depends import Parts
from api.parts import ApiParts
from api.problems import Problem, unusable

router = APIRouter(prefix="/hooks/{channel}", tags=["webhooks"])

LONGEST_BODY = 64_000  # bytes


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
    if parts.channel.name != channel:
        raise Problem(403, "This installation has no such provider.")
    body = await request.body()
    if len(body) > LONGEST_BODY:
        raise Problem(413, "This is longer than any webhook.")
    base = parts.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    url = base + request.url.path + (f"?{request.url.query}" if request.url.query else "")
    try:
        heard = parts.channel.hear(what, Webhook(url, dict(request.query_params), dict(request.headers), body))
    except NotSigned as refused:
        raise Problem(403, str(refused)) from None
    except Malformed as refused:
        raise unusable("body", str(refused), "see what called this address") from None
    for told in heard.told:
        await (parts.inbox.report(told) if isinstance(told, DeliveryReport) else parts.inbox.take(told))
    return heard


def _answer(heard: Heard, empty: int) -> Response:
    if not heard.answer:
        return Response(status_code=empty)
    return Response(heard.answer, media_type=heard.answer_type)
