"""One request to somebody that we know nothing good of: bounded in time and size, never redirected, never to an address within.

Rule: a name is looked up once, and the connection goes to the address that was judged: a name that changes its address in between
leads nowhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import httpx

WITHIN = 10.0  # seconds for the whole of it
Outcome = Literal["taken", "refused", "away", "gone"]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(ValueError):
    """An address that nothing is pushed to; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``taken``; ``refused``: it takes others, not this; ``away``: it takes nothing now; ``gone``: it wants nothing any more."""

    outcome: Outcome
    status: int | None = None
    reason: str = ""


class Unreached(RuntimeError):
    """Nothing that could be used was answered; the text is a code, such as too_slow."""


@dataclass(frozen=True)
class Reaching:
    """``within``: patterns of host names that may be inside our own network, or be spoken to without TLS."""

    http: httpx.AsyncClient
    within: tuple[str, ...] = ()
    seconds: float = WITHIN

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST") -> Answer:
        """Never raises for what the receiver does."""
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._sent(method, url, body, headers)
                await answer.aclose()  # what it says beside its status is not ours to read
                return judged(answer.status_code)
        except (NotAllowed, TimeoutError, httpx.HTTPError, httpx.StreamError, OSError) as fault:
            return Answer("away", reason=_why(fault))

    async def ask(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None, most: int
    ) -> tuple[int, bytes]:
        """The status and what was answered, ``most`` bytes at the most. Raises Unreached."""
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._sent(method, url, body, {**(headers or {}), "Accept-Encoding": "identity"})
                try:
                    return answer.status_code, await _read(answer, most)
                finally:
                    await answer.aclose()
        except (NotAllowed, TimeoutError, httpx.HTTPError, httpx.StreamError, OSError) as fault:
            raise Unreached(_why(fault)) from None

    async def _sent(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        to = check(url, self.within)
        address = await self._address(to.host, to.port or (443 if to.scheme == "https" else 80))
        sent = {**headers, "Host": to.netloc.decode("ascii")}
        request = self.http.build_request(
            method, to.copy_with(host=address), content=body, headers=sent, extensions={"sni_hostname": to.host}
        )
        return await self.http.send(request, stream=True, follow_redirects=False)

    async def _address(self, host: str, port: int) -> str:
        literal = _literal(host)
        if literal is not None:
            return str(literal)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        _judge(host, addresses, self.within)
        return str(addresses[0])


def check(url: str, within: Collection[str] = ()) -> httpx.URL:
    """The address, as far as can be told without looking it up; ``within`` as ``Reaching`` has it. Raises NotAllowed."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise NotAllowed("is no address; write https://host/path") from None
    if parsed.scheme not in ("https", "http") or not parsed.host:
        raise NotAllowed("is no address of the web; write https://host/path")
    if parsed.userinfo:
        raise NotAllowed("holds a name or a password; leave them out: the signature is what proves us")
    if parsed.scheme == "http" and not _known(parsed.host, within):
        raise NotAllowed("is not encrypted; write https://, or have the operator add the host to CAIRN_WEBHOOK_HOSTS")
    if (address := _literal(parsed.host)) is not None:
        _judge(parsed.host, [address], within)
    return parsed


def judged(status: int) -> Answer:
    """What an HTTP status says of the receiver."""
    if 200 <= status < 300:
        return Answer("taken", status)
    if status == 410:
        return Answer("gone", status, "gone")
    if status in (400, 409, 413, 415, 422):
        return Answer("refused", status, "refused")
    return Answer("away", status, "throttled" if status == 429 else "redirected" if 300 <= status < 400 else "error")


async def _read(answer: httpx.Response, most: int) -> bytes:
    """What comes, as it comes: something small that unfolds into something large is not unfolded. Raises Unreached."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Unreached("packed")
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > most:
            raise Unreached("too_long")
    return bytes(body)


def _why(fault: Exception) -> str:
    if isinstance(fault, NotAllowed):
        return "not_allowed"
    if isinstance(fault, TimeoutError):
        return "too_slow"
    return "no_tls" if "SSL" in str(fault) or "certificate" in str(fault) else "no_connection"


def _literal(host: str) -> _Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _judge(host: str, addresses: Iterable[_Address], within: Collection[str]) -> None:
    if not _known(host, within) and not all(address.is_global for address in addresses):
        raise NotAllowed("leads into our own network; have the operator add the host to CAIRN_WEBHOOK_HOSTS")


def _known(host: str, within: Collection[str]) -> bool:
    return any(fnmatchcase(host.lower(), pattern) for pattern in within)
