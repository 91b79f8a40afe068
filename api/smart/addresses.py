"""Our own address, as those outside know it: what tokens made for us must name.

Rule: whoever calls cannot choose it. Without CAIRN_PUBLIC_URL, and no proxy of ours that says so, only the loopback is believed:
a token made for somebody else's server would open ours to whoever sends it here with that server's name.
"""

from __future__ import annotations

from fastapi import Request

from api.parts import ApiParts

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NO_ADDRESS = "this installation does not know its own address; have the operator set CAIRN_PUBLIC_URL"


class NoAddress(RuntimeError):
    """We cannot tell what we are called outside."""


def base_of(request: Request, parts: ApiParts) -> str:
    """Scheme and host, without a slash at the end. Raises NoAddress."""
    if parts.public_url:
        return parts.public_url.rstrip("/")
    scheme, host = request.url.scheme, request.url.netloc
    if parts.trust_forwarded and "x-forwarded-host" in request.headers:  # the nearest proxy, which is ours, writes last
        scheme = _last(request.headers.get("x-forwarded-proto")) or scheme
        return f"{scheme}://{_last(request.headers['x-forwarded-host'])}"
    if (request.url.hostname or "") in LOOPBACK:
        return f"{scheme}://{host}"
    raise NoAddress(NO_ADDRESS)


def _last(header: str | None) -> str:
    return (header or "").rpartition(",")[2].strip()
