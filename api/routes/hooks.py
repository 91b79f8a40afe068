"""Webhooks of the SMS provider, signed by it.

Rule: what is not signed as it must be is refused before it is read; nothing in an answer tells whether a number is known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from activities.channels.port import DeliveryReport, InboundSms
from api.depends import Parts
from api.parts import ApiParts
from api.problems import Problem, unusable

router = APIRouter(prefix="/hooks/twilio", tags=["webhooks"])

LONGEST_BODY = 64_000  # bytes
NOTHING_TO_SAY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


class _Signed(Protocol):
    """A channel whose provider signs what it sends."""

    def verify(self, url: str, params: Mapping[str, str], signature: str, *, signature_settings: str | None = None) -> bool: ...
    def parse_inbound(self, params: Mapping[str, str]) -> InboundSms: ...
    def parse_status(self, params: Mapping[str, str]) -> DeliveryReport: ...


@router.post(
    "/inbound",
    summary="An SMS came in (Twilio)",
    response_class=Response,
    responses={200: {"content": {"text/xml": {"example": NOTHING_TO_SAY}}}},
)
async def inbound(request: Request, parts: Parts) -> Response:
    """Stored for everybody whose phone it came from."""
    channel, form = await _verified(request, parts)
    try:
        sms = channel.parse_inbound(form)
    except ValueError as refused:
        raise _malformed(refused) from None
    await parts.inbox.take(sms)
    return Response(NOTHING_TO_SAY, media_type="text/xml")


@router.post("/status", summary="What became of an SMS (Twilio)", status_code=204)
async def status(request: Request, parts: Parts) -> Response:
    """A text that did not arrive becomes an event of its patient."""
    channel, form = await _verified(request, parts)
    try:
        report = channel.parse_status({**dict(request.query_params), **form})
    except ValueError as refused:
        raise _malformed(refused) from None
    await parts.inbox.report(report)
    return Response(status_code=204)


async def _verified(request: Request, parts: ApiParts) -> tuple[_Signed, dict[str, str]]:
    if parts.channel.name != "twilio":
        raise Problem(403, "This installation has no such provider.")
    body = await request.body()
    if len(body) > LONGEST_BODY:
        raise Problem(413, "This is longer than any webhook.")
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        form = {}
    channel = cast(_Signed, parts.channel)
    base = parts.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    url = base + request.url.path + (f"?{request.url.query}" if request.url.query else "")
    signature = request.headers.get("x-twilio-signature", "")
    settings = request.headers.get("x-twilio-webhooks-signature-settings")
    if not channel.verify(url, form, signature, signature_settings=settings):
        raise Problem(403, "The signature is not the provider's; check CAIRN_PUBLIC_URL and the auth token.")
    return channel, form


def _malformed(refused: ValueError) -> Problem:
    return unusable("body", str(refused), "see what called this address")
