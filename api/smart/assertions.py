"""A record system proves who it is: a JWT that its private key has signed, taken once (private_key_jwt).

Rule 1: RS384 and ES384, and the registered keys; what a token says of its own algorithm or of where its keys are changes neither.
Rule 2: a token is for our token endpoint, lasts five minutes at the most, and is taken once.
Rule 3: a refusal says what would be right, and quotes nothing that was sent.

Source: SMART App Launch 2.2.0, "Client Authentication: Asymmetric"; RFC 7523; RFC 6749, 5.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
from jwt.types import Options

from activities.keysets import KeySets, NoKey
from records.clock import system_time
from records.database import Database
from records.smart import SmartClients, used_before
from records.tables import SmartClient

ALGORITHMS = ("RS384", "ES384")
LONGEST = timedelta(minutes=5)
REQUIRED = ["iss", "sub", "aud", "exp", "jti"]
#: Times are held against our own clock.
OURS: Options = {"require": REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
CLOCKS_DIFFER = timedelta(seconds=60)
LONGEST_JTI = 255
LARGEST = 16 * 1024  # characters

Error = Literal[
    "invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type", "unauthorized_client", "temporarily_unavailable"
]


class Refused(Exception):
    """An OAuth error: its code, and a description that says the remedy."""

    def __init__(self, error: Error, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error, self.status = error, status
        self.description = "".join(one if " " <= one <= "~" and one not in '"\\' else "'" for one in description)


@dataclass(frozen=True, slots=True)
class Proven:
    """A client whose assertion was signed by a key of its own, and is not used yet."""

    client_id: str
    version: int
    jti: str
    expires: datetime

    async def take(self, clients: SmartClients) -> SmartClient:
        """The client, once for each assertion. Raises Refused."""
        row = await clients.registered(self.client_id)
        if row is None or row.version != self.version:
            raise Refused("invalid_client", "this client was changed a moment ago; sign another assertion, and ask again", 401)
        if await used_before(clients.session, self.client_id, self.jti, self.expires + CLOCKS_DIFFER):
            raise Refused("invalid_client", "an assertion with this jti was used before; make another jti for each request", 401)
        return row


@dataclass(frozen=True)
class Assertions:
    """Checks assertions. ``now``: the machine's time."""

    database: Database
    keysets: KeySets
    now: Callable[[], datetime] = system_time

    async def proven(self, assertion: str, *, audience: str, client_id: str | None = None) -> Proven:
        """Who signed it. No transaction is open while keys are fetched. Raises Refused."""
        header, claims = _read(assertion)
        alg, kid, said = header.get("alg"), header.get("kid"), claims.get("iss")
        if alg not in ALGORITHMS:
            raise _not_proven(f"the assertion's alg is none of ours; sign with {' or '.join(ALGORITHMS)}")
        if not isinstance(kid, str) or not kid:
            raise _not_proven("the assertion's header names no kid; name the key of your key set that signed it")
        if not isinstance(said, str) or said != claims.get("sub") or client_id not in (None, said):
            raise _not_proven("iss and sub are not the same client_id; put your client_id, as registered, in both")
        async with self.database.reading() as session:
            client = await SmartClients(session).registered(said)
        if client is None:
            raise _not_proven("no client of this id is registered here, or it was revoked; ask an administrator of Cairn")
        if "jku" in header and header["jku"] != client.jwks_url:
            raise _not_proven("jku is not the registered jwks_url; leave it out, or have the address registered")
        try:
            key = await self.keysets.key(jwks=client.jwks, jwks_url=client.jwks_url, kid=kid, alg=alg)
        except NoKey as none:
            raise _not_proven(str(none)) from None
        proven = self._checked(assertion, key, alg, said, audience)
        return Proven(client.id, client.version, *proven)

    def _checked(self, assertion: str, key: jwt.PyJWK, alg: str, said: str, audience: str) -> tuple[str, datetime]:
        """The jti, and when it ends."""
        try:
            claims = jwt.decode(
                assertion,
                key,
                algorithms=[alg],
                options=OURS,
                audience=audience,
                issuer=said,
                subject=said,
            )
            ends = [datetime.fromtimestamp(float(claims[one]), UTC) if one in claims else None for one in ("exp", "nbf", "iat")]
        except jwt.InvalidAudienceError:
            raise _not_proven(f"aud is not this token endpoint; use {audience}") from None
        except jwt.MissingRequiredClaimError as missing:
            raise _not_proven(f"the claim {missing.claim} is missing; send iss, sub, aud, exp and jti") from None
        except jwt.InvalidSignatureError:
            raise _not_proven("the signature does not fit the key of this kid; sign with its private half") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError):
            raise _not_proven("the assertion holds a claim that cannot be read; see RFC 7523, section 3") from None
        now, (expires, *begins) = self.now(), ends
        if expires is None or expires <= now:
            raise _not_proven("the assertion has expired; make one for each request, and see that your clock is right")
        if expires > now + LONGEST + CLOCKS_DIFFER:
            raise _not_proven("exp lies more than five minutes ahead; make it a few minutes, and see that your clock is right")
        if any(one is not None and one > now + CLOCKS_DIFFER for one in begins):
            raise _not_proven("iat or nbf lies ahead; see that your clock is right")
        jti = claims["jti"]
        if not jti or len(jti) > LONGEST_JTI:
            raise _not_proven(f"jti is empty or longer than {LONGEST_JTI} characters; use a random one, such as a UUID")
        return jti, expires


def _read(assertion: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims as they are said, nothing of it proven. Raises Refused."""
    try:
        if len(assertion) > LARGEST:
            raise ValueError
        header = jwt.get_unverified_header(assertion)
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise _not_proven(
            "client_assertion is no signed JWT; see SMART Backend Services, Client Authentication: Asymmetric"
        ) from None
    return header, claims


def _not_proven(description: str) -> Refused:
    return Refused("invalid_client", description, 401)
