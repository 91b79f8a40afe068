"""A provider with an HTTP interface of its own, described by a file: what most national SMS vendors are.

Rule 1: one call of ``send`` is one request: no redirect, and no second one but to a gateway that takes an attempt once only.
Rule 2: a request that left and was not answered so that the file understands it is InDoubt, never sent again blindly.
Rule 3: a vendor's answer may repeat the number and the text, so nothing of it gets into an exception but its code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

import aiohttp
from yarl import URL

from activities.channels import gateway_hooks
from activities.channels.gateway_answers import Answered, fits, national, stamped, told, whole_number
from activities.channels.gateway_check import remarks
from activities.channels.gateway_file import Asking, GatewayFile, Reading
from activities.channels.gateway_text import build, fill, found_at, kept_id, pointed
from activities.channels.port import (
    CannotTell,
    ChannelError,
    Finding,
    Found,
    Heard,
    InDoubt,
    Misconfigured,
    NotFound,
    OutgoingSms,
    Receipt,
    Status,
    TryLater,
    Undeliverable,
    Webhook,
)

UNLIMITED = timedelta(days=1)  # what {valid_minutes} says of a message without a last moment
WAITS_ITSELF = 2.0  # seconds: a longer wait for the gateway's rate is the sender's to plan
LARGEST_ANSWER = 1_000_000  # bytes


class Pace:
    """At most ``rate`` turns a second; ``monotonic`` is a clock in seconds."""

    def __init__(self, rate: float | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._between = 1 / rate if rate else 0.0
        self._monotonic = monotonic
        self._next = 0.0

    def wait(self) -> float:
        """Seconds until this one's turn. Raises TryLater where that is too long; then the turn is not taken."""
        now = self._monotonic()
        turn = max(self._next, now)
        if turn - now > WAITS_ITSELF:
            raise TryLater("throttled", after=timedelta(seconds=turn - now))
        self._next = turn + self._between
        return turn - now


class GatewayChannel:
    """A ``Channel`` over the gateway that ``file`` describes. ``options``: what its ``${...}`` stand for."""

    def __init__(
        self,
        name: str,
        file: GatewayFile,
        options: Mapping[str, str],
        *,
        now: Callable[[], Awaitable[datetime]],
        pace: Pace | None = None,
    ) -> None:
        self.name = name
        self._file, self._options, self._now = file, options, now
        self._pace = pace or Pace(file.rate)
        self._http: aiohttp.ClientSession | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What works and might surprise, for the operator who checks the settings."""
        return remarks(self._file)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def send(self, sms: OutgoingSms) -> Receipt:
        """Hand over ``sms`` once. Raises Undeliverable, TryLater, InDoubt, Misconfigured."""
        now = await self._now()
        if sms.not_after is not None and sms.not_after - now < timedelta(seconds=1):
            raise Undeliverable("too_late")
        await asyncio.sleep(self._pace.wait())
        values = self._values(sms, now)
        try:
            return await self._handed_over(sms, values)
        except InDoubt as doubt:
            if not self._file.send.idempotent:
                raise
            with suppress(ChannelError):  # only a receipt settles it: a refusal now may be of the repetition
                return await self._handed_over(sms, values)
            raise doubt from None

    async def _handed_over(self, sms: OutgoingSms, values: Mapping[str, str]) -> Receipt:
        reading = self._file.send.answer
        answered = await self._asked(self._file.send.request, values, reading)
        accepted, where = answered.http in reading.taken.http, reading.taken.where
        if accepted and fits(answered.told, where, self._options):
            provider_id = pointed(answered.told, reading.id) if reading.id else sms.attempt
            if not provider_id:
                raise InDoubt("the gateway took it and gave it no id")
            return Receipt(kept_id(provider_id), "accepted", whole_number(pointed(answered.told, reading.segments)))
        code = pointed(answered.told, reading.code)
        if accepted and code is None and any(pointed(answered.told, pointer) is None for pointer in where):
            raise InDoubt("the answer is not as the gateway's file says")
        raise self._refusal(answered, code)

    async def find(self, sms: OutgoingSms) -> Finding:
        """Ask the gateway, where it can be asked. Raises Undeliverable where it lost the text since, TryLater, Misconfigured."""
        now, find = await self._now(), self._file.find
        if find is None:
            return CannotTell("the gateway cannot be asked about a text")
        values = self._values(sms, now)
        try:
            answered = await self._asked(find.request, values, find.answer)
        except InDoubt:  # nothing was sent here: a question may be asked again
            raise TryLater("no answer") from None
        if answered.told is None:
            raise self._question_refused(answered)
        reading = find.answer
        items = found_at(answered.told, reading.items) if reading.items else [answered.told]
        fitting = [item for item in items if fits(item, reading.found, self._options, values)] if isinstance(items, list) else []
        if len(fitting) == 1:
            provider_id, word = pointed(fitting[0], reading.id) or sms.attempt, pointed(fitting[0], reading.status)
            if self._status(word) in ("failed", "undelivered"):
                raise Undeliverable(gateway_hooks.lost(self._file, word or "")[0])
            return Found(Receipt(kept_id(provider_id), self._status(word)))
        if fitting:
            return CannotTell(f"the gateway knows {len(fitting)} of this attempt")
        if reading.not_found and fits(answered.told, reading.not_found, self._options, values):
            return self._absent(sms, now)
        if answered.http >= 400:
            raise self._question_refused(answered)
        return self._absent(sms, now) if reading.absent == "not_taken" else CannotTell("the gateway does not list it")

    def hear(self, what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
        """A webhook of the gateway. Raises NotSigned, Malformed."""
        return gateway_hooks.hear(self._file, self._options, what, webhook)

    def _absent(self, sms: OutgoingSms, now: datetime) -> Finding:
        """It is not there: certain only when the gateway had the time to write it down."""
        assert self._file.find is not None
        wait = timedelta(seconds=self._file.find.answer.settled_after)
        if sms.attempted_at is None:
            return CannotTell("the time of the attempt is not known")
        if now - sms.attempted_at < wait:
            raise TryLater("too early to tell", after=sms.attempted_at + wait - now)
        return NotFound()

    def _status(self, word: str | None) -> Status:
        return self._file.statuses.get(word or "", "accepted")

    def _refusal(self, answered: Answered, code: str | None) -> ChannelError:
        """What a request that was not taken means."""
        meaning = self._file.errors.get(code) if code is not None else None
        number = whole_number(code)
        match meaning:
            case "throttled" | "their_fault":
                return TryLater("throttled" if meaning == "throttled" else "the gateway is away", after=answered.after)
            case "our_fault" | "no_credit":
                usual = "fill up the account" if meaning == "no_credit" else f"the gateway refuses us: look up its code {code}"
                return Misconfigured(self._file.remedies.get(code or "", usual), code=number, fault=meaning)
            case "in_doubt":
                return InDoubt("the gateway does not know")
            case None:
                return self._by_http(answered, number)
            case _:
                return Undeliverable(meaning, code=number)

    def _by_http(self, answered: Answered, code: int | None) -> ChannelError:
        if answered.http in (408, 429):
            return TryLater("throttled" if answered.http == 429 else "the gateway is slow", after=answered.after)
        if answered.http == 402:
            return Misconfigured("fill up the account", code=code, fault="no_credit")
        if answered.http in (401, 403):
            return Misconfigured("the gateway refuses us: check the account and its password", code=code)
        if answered.http in (301, 307, 308, 404, 405):  # another address or method is wanted: nothing was done at this one
            return Misconfigured("the gateway takes nothing at this address: check url and method", code=code)
        if answered.http >= 500 or 300 <= answered.http < 400 or (answered.told is None and answered.http < 400):
            return InDoubt(f"the gateway answered {answered.http}")
        return (
            Undeliverable("refused", code=code) if self._file.otherwise == "refused" else InDoubt("a code that is not in the table")
        )

    def _question_refused(self, answered: Answered) -> ChannelError:
        refused = self._by_http(answered, None)
        return refused if isinstance(refused, TryLater | Misconfigured) else TryLater("no answer")

    def _values(self, sms: OutgoingSms, now: datetime) -> dict[str, str]:
        left = int(min(sms.not_after - now, UNLIMITED).total_seconds()) if sms.not_after else int(UNLIMITED.total_seconds())
        return {
            "to": sms.to,
            "to_plain": sms.to.removeprefix("+"),
            "to_national": national(sms.to),
            "text": sms.text,
            "attempt": sms.attempt,
            "sender": fill(self._file.sender, {}, self._options),
            "timestamp": stamped(now, self._file.timestamp.written, self._file.timestamp.timezone),
            "valid_seconds": str(left),
            "valid_minutes": str(max(1, left // 60)),
        }

    async def _asked(self, asking: Asking, values: Mapping[str, str], reading: Reading) -> Answered:
        try:
            built = build(asking, values, self._options)
        except UnicodeEncodeError:
            raise Undeliverable("refused") from None
        try:
            async with self._session().request(
                built.method, URL(built.url, encoded=True), headers=built.headers, data=built.body, allow_redirects=False
            ) as response:
                body = bytearray()
                async for part in response.content.iter_chunked(65_536):
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise InDoubt("the answer is endless")
                after = whole_number(response.headers.get("Retry-After"))
                return Answered(response.status, told(bytes(body), reading), None if after is None else timedelta(seconds=after))
        except Exception as failure:
            raise _told_apart(failure) from None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:  # made on first use: aiohttp wants a running loop
            answer, connect = self._file.answer_timeout, self._file.connect_timeout
            limits = aiohttp.ClientTimeout(total=connect + 2 * answer, connect=connect, sock_read=answer)
            self._http = aiohttp.ClientSession(timeout=limits)
        return self._http


def _told_apart(failure: Exception) -> ChannelError:
    match failure:
        case ChannelError():
            return failure
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return TryLater("no connection to the provider")
        case asyncio.TimeoutError():
            return InDoubt("the provider did not answer in time")
        case aiohttp.ClientError() | OSError():
            return InDoubt("the connection broke before the answer")
        case _:
            return InDoubt(f"the answer could not be read ({type(failure).__name__})")
