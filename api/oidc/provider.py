"""An OpenID provider: where it signs people in, and who its word says somebody is.

Rule 1: a code is worth nothing without the verifier that began (PKCE), and an ID token without the nonce that began.
Rule 2: an ID token is for us, of this issuer, signed by a key that the issuer publishes, and fresh; all of it, each time.
Rule 3: what goes wrong is told to a person by what they can do, and to the log by a code; nothing that was sent is quoted.

Source: OpenID Connect Core 1.0, 3.1; Discovery 1.0, 4; RFC 7636; RFC 9207.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt
from jwt.types import Options

from activities.keysets import FOR, Document, KeySets, NoKey
from activities.webhooks.reaching import Unreached
from records.clock import system_time

CLOCKS_DIFFER = timedelta(seconds=60)
OLDEST = timedelta(minutes=10)  # an ID token that was made before is not of this sign-in
LONGEST_SUBJECT = 255
TIMES_ARE_OURS: Options = {
    "require": ["iss", "sub", "aud", "exp", "iat"],
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}
AGAIN = "Go back to the sign-in page and try again; if this stays so, tell whoever runs Cairn."


@dataclass(frozen=True, slots=True)
class OpenIdProvider:
    """What the operator has set. ``name``: on the button; ``link_by_email``: a verified e-mail that is a login links itself."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    name: str = ""
    link_by_email: bool = False

    @property
    def called(self) -> str:
        """As people read it."""
        return self.name or urlsplit(self.issuer).hostname or self.issuer


class NotSignedIn(Exception):
    """Somebody is not signed in. ``code``: for the log; the text is for the person."""

    def __init__(self, code: str, text: str = AGAIN, status: int = 400) -> None:
        super().__init__(text)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Begun:
    """What the browser carries, sealed, while it is at the provider."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def fresh(cls) -> Begun:
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider signed in. ``email``: where the provider has verified it."""

    issuer: str
    subject: str
    email: str | None


@dataclass(frozen=True)
class OpenId:
    """Talks to the provider. ``now``: the machine's time."""

    provider: OpenIdProvider
    keysets: KeySets
    now: Callable[[], datetime] = system_time

    async def address(self, begun: Begun, redirect_uri: str) -> str:
        """Where the browser goes to sign in. Raises NotSignedIn."""
        challenge = base64.urlsafe_b64encode(sha256(begun.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email" if self.provider.link_by_email else "openid",
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = _text(await self._discovered(), "authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def came_from_here(self, iss: str | None) -> None:
        """Raises NotSignedIn where an answer names another issuer, or should name ours and does not (RFC 9207)."""
        says = (await self._discovered()).get("authorization_response_iss_parameter_supported") is True
        if iss != self.provider.issuer and (iss is not None or says):
            raise NotSignedIn("other_issuer")

    async def person(self, code: str, begun: Begun, redirect_uri: str) -> Person:
        """Who signed in. Raises NotSignedIn."""
        found = await self._discovered()
        token = await self._id_token(found, code, begun, redirect_uri)
        claims = await self._claims(found, token)
        if claims.get("nonce") != begun.nonce:
            raise NotSignedIn("wrong_nonce")
        subject = claims["sub"]
        if not 0 < len(subject) <= LONGEST_SUBJECT or not (subject.isascii() and subject.isprintable()):
            raise NotSignedIn("odd_subject")
        email = claims.get("email")
        verified = isinstance(email, str) and claims.get("email_verified") is True
        return Person(self.provider.issuer, subject, email if verified else None)

    async def _discovered(self) -> Document:
        """What the provider says of itself."""
        try:
            found = await self.keysets.document(f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        except NoKey:
            raise _away("no_discovery") from None
        if found.get("issuer") != self.provider.issuer:
            raise _away("another_issuer_discovered")  # exactly as it is set, a slash at its end included
        return found

    async def _id_token(self, found: Document, code: str, begun: Begun, redirect_uri: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": begun.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        ours, secret = self.provider.client_id, self.provider.client_secret
        known = found.get("token_endpoint_auth_methods_supported")
        if secret and (not isinstance(known, list) or "client_secret_basic" in known):
            pair = f"{quote_plus(ours)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        else:
            form |= {"client_id": ours} | ({"client_secret": secret} if secret else {})
        try:
            status, body = await self.keysets.asked(
                "POST", _text(found, "token_endpoint"), body=urlencode(form).encode(), headers=headers
            )
        except Unreached:
            raise _away("token_endpoint_away") from None
        if status >= 500:
            raise _away("token_endpoint_away")
        try:
            answer = json.loads(body) if status == 200 else None
        except (ValueError, RecursionError):
            answer = None
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise NotSignedIn("code_refused")
        return token

    async def _claims(self, found: Document, token: str) -> Mapping[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            alg, kid = str(header.get("alg")), header.get("kid")
            if alg not in FOR:
                raise NotSignedIn("alg_not_taken")
            key = await self.keysets.key(jwks=None, jwks_url=_text(found, "jwks_uri"), kid=kid, alg=alg)
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[alg],
                options=TIMES_ARE_OURS,
                issuer=self.provider.issuer,
                audience=self.provider.client_id,
            )
            expires, made = (datetime.fromtimestamp(float(claims[one]), UTC) for one in ("exp", "iat"))
        except NoKey:
            raise NotSignedIn("no_key") from None
        except jwt.PyJWTError as wrong:
            raise NotSignedIn(f"id_token_{type(wrong).__name__}") from None
        except (ValueError, TypeError, OverflowError, OSError, RecursionError):
            raise NotSignedIn("odd_id_token") from None
        now = self.now()
        if expires <= now - CLOCKS_DIFFER or not now - OLDEST <= made <= now + CLOCKS_DIFFER:
            raise NotSignedIn("id_token_not_fresh", "Your sign-in took too long, or a clock is wrong. " + AGAIN)
        aud, azp = claims["aud"], claims.get("azp")
        if azp not in (None, self.provider.client_id) or (isinstance(aud, list) and len(aud) > 1 and azp is None):
            raise NotSignedIn("for_another_client")
        return claims


def _text(found: Document, name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise _away(f"no_{name}")
    return value


def _away(code: str) -> NotSignedIn:
    text = "Your sign-in service cannot be reached just now. Try again in a moment, or tell whoever runs Cairn."
    return NotSignedIn(code, text, 503)
