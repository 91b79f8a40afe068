"""Requests to Twilio by its SDK: each made once, with time limits, and its failures told apart.

Rule: the SDK's logger, its exceptions and their causes carry phone numbers; none of them leaves this module.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException  # type: ignore[import-untyped]
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]

from activities.channels import twilio_codes
from activities.channels.port import ChannelError, InDoubt, TryLater


class _TimedSession:
    """An aiohttp session that keeps its time limits: the SDK asks with ``timeout=None``, which would lift them."""

    def __init__(self, limits: aiohttp.ClientTimeout) -> None:
        self._limits = limits
        self._session = aiohttp.ClientSession()

    async def request(self, **asked: Any) -> aiohttp.ClientResponse:
        return await self._session.request(**(asked | {"timeout": self._limits}))

    async def close(self) -> None:
        await self._session.close()


class OneRequest(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK ships no types
    """The SDK's HTTP client with one timed session (its own ``timeout`` argument is never applied). Seconds."""

    def __init__(self, connect: float, answer: float) -> None:
        # A detached logger: the SDK writes query strings, and so phone numbers, at INFO.
        super().__init__(pool_connections=False, logger=logging.Logger("twilio.unheard", logging.CRITICAL))
        self.session = _TimedSession(
            aiohttp.ClientTimeout(
                total=connect + 2 * answer,
                connect=connect,
                sock_read=answer,
            )
        )

    async def request(self, *given: Any, auth: tuple[str, str] | None = None, **named: Any) -> Response:
        if auth is not None:  # the SDK would use aiohttp's BasicAuth, which is deprecated and warns
            signed_in = {"Authorization": aiohttp.encode_basic_auth(*auth)}
            named["headers"] = {**(named.get("headers") or {}), **signed_in}
        response = await super().request(*given, **named)
        if response.status_code == 429:  # the SDK's own exception would lose the Retry-After header
            seconds = number((response.headers or {}).get("Retry-After"))
            raise TryLater("throttled", after=timedelta(seconds=seconds) if seconds is not None else None)
        return response


def told_apart(failure: Exception) -> ChannelError:
    """What the SDK or its HTTP library raised, as one of ours; no cause goes with it, for causes carry phone numbers."""
    match failure:
        case ChannelError():
            return failure
        case TwilioRestException() | TwilioServiceException():
            # Where the body was not Twilio's JSON the SDK puts the HTTP status in place of a code.
            code = number(failure.code)
            return twilio_codes.error(failure.status, code if code != failure.status else None)
        case TwilioException(args=(_, Response() as response)):  # how the SDK reports a refused list
            return twilio_codes.error(response.status_code, None)
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return TryLater("no connection to the provider")
        case asyncio.TimeoutError():
            return InDoubt("the provider did not answer in time")
        case aiohttp.ClientError() | OSError():
            return InDoubt("the connection broke before the answer")
        case _:
            return InDoubt(f"the answer could not be read ({type(failure).__name__})")


def number(value: object) -> int | None:
    """A whole number as Twilio writes it, or None."""
    text = str(value).strip() if value is not None else ""
    return int(text) if text.isascii() and text.isdigit() else None
