"""Who calls a hook: a record system by a token that it signed for this one call, or anybody by an API key.

Rule 1: the key that a token is checked with comes from its registered issuer, never from the token; nothing is believed before.
Rule 2: a token is for one service, for minutes, and once.
Rule 3: a client asks as the role and from the place that it was registered with; the token says nothing of that.

Source: CDS Hooks 2.0, "Trusting CDS Clients"; it forbids ``none`` and every symmetric algorithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from fastapi import Depends, Request

from activities.keysets import NoKey
from api.depends import Allowed, caller_of
from api.parts import ApiParts
from api.problems import Problem
from records.callers import Caller, Keys
from records.clock import system_time
from records.hooks import HookClients
from records.smart import used_before

ALGORITHMS = ("RS384", "ES384", "RS256", "ES256")
CLOCKS_DIFFER = timedelta(seconds=60)
LIVES = timedelta(hours=1)  # at the most; minutes are enough
LONGEST = 16 * 1024  # signs of a token
ROOT = "/cds-services"


@dataclass(frozen=True)
class Calls(Allowed):
    """Lets callers in who have this right, by a signed token or by an API key."""

    async def who(self, request: Request, parts: ApiParts) -> Caller:
        shown = self.shown(request)
        if shown is None or shown.count(".") != 2:  # no key of ours holds a dot
            return await caller_of(parts, shown)
        return await signed(parts, shown, _audiences(request, parts))


def calls(right: str) -> Any:
    """What a hook's ``caller`` depends on."""
    return Depends(Calls(right, looks=True))


async def signed(parts: ApiParts, token: str, audiences: list[str]) -> Caller:
    """Who signed this token for one of ``audiences``. Raises Problem 401, which says what would be right."""
    header, issuer = _read(token)
    async with parts.database.reading() as session:
        client = await HookClients(session).of_issuer(issuer)
        scope = await Keys(session).scope_of(client.role, client.place) if client is not None else None
    if client is None or scope is None:
        raise _refused("its issuer is not registered here; ask the administrator to register it")
    try:
        key = await parts.keysets.key(jwks=client.jwks, jwks_url=client.jwks_url, kid=header["kid"], alg=header["alg"])
        claims = jwt.decode(
            token, key, algorithms=[header["alg"]], audience=audiences, issuer=issuer, leeway=CLOCKS_DIFFER,
            options={"require": ["iss", "aud", "exp", "iat", "jti"]},
        )  # fmt: skip
    except NoKey as none:
        raise _refused(str(none)) from None
    except jwt.PyJWTError as wrong:
        raise _refused(_why(wrong, audiences)) from None
    jti, expires = claims["jti"], _moment(claims["exp"])
    if not isinstance(jti, str) or not 0 < len(jti) <= 500:
        raise _refused("its jti is no text of 1 to 500 signs; give each token one of its own")
    if expires is None or expires - system_time() > LIVES + CLOCKS_DIFFER:
        raise _refused("it lives longer than an hour; let it live for five minutes")
    async with parts.database.begin() as session:
        if await used_before(session, f"hooks:{issuer}", jti, expires + CLOCKS_DIFFER):
            raise _refused("it was used before; sign a new one, with another jti, for each call")
    return Caller(client.id, client.name, client.role, client.place, scope)


def _read(token: str) -> tuple[dict[str, Any], str]:
    """The header and the issuer of a token, of which nothing is believed yet. Raises Problem 401."""
    try:
        header = jwt.get_unverified_header(token) if len(token) <= LONGEST else {}
        issuer = jwt.decode(token, options={"verify_signature": False}).get("iss") if header else None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _refused("it is no token that can be read; send a signed JWT") from None
    if header.get("alg") not in ALGORITHMS:
        raise _refused(f"it is not signed by an algorithm that is taken here; use one of: {', '.join(ALGORITHMS)}")
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        raise _refused("its header has no kid; name the key that signed it")
    if not isinstance(issuer, str) or not issuer.isascii() or not 0 < len(issuer) <= 300:
        raise _refused("it has no iss; give the issuer that is registered here")
    return header, issuer


def _why(wrong: jwt.PyJWTError, audiences: list[str]) -> str:
    match wrong:
        case jwt.ExpiredSignatureError():
            return "it has expired; sign a new one for each call"
        case jwt.InvalidAudienceError():
            return f"its aud is not this service; use {audiences[0]}"
        case jwt.MissingRequiredClaimError():
            return "it lacks one of iss, aud, exp, iat, jti; give them all"
        case jwt.ImmatureSignatureError() | jwt.InvalidIssuedAtError():
            return "it was issued in the future; set your clock"
        case jwt.InvalidSignatureError():
            return "its signature does not fit the registered key; sign it with the key that its kid names"
        case _:
            return "it is not as RFC 7519 has it; see docs/cds-hooks.md"


def _refused(why: str) -> Problem:
    return Problem(401, f"The token is not taken: {why}.")


def _moment(stamp: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(stamp), UTC) if isinstance(stamp, int | float | str) else None
    except (ValueError, OverflowError, OSError):
        return None


def _audiences(request: Request, parts: ApiParts) -> list[str]:
    """The service as its callers know it; feedback may be meant for the service or for its own address."""
    base = parts.public_url.rstrip("/") or f"{request.url.scheme}://{request.url.netloc}"
    path = request.url.path.rstrip("/")
    return list(dict.fromkeys([base + path, base + path.removesuffix("/feedback")]))
