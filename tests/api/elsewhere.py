"""Somebody else's server on the loopback, and their keys: what record systems and OpenID providers stand on in the tests."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast
from urllib.parse import parse_qsl
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.quiet import quietly

Answer = tuple[int, Any]


@dataclass
class Elsewhere:
    """``answers``: by path, what is answered, or what makes it of a form; ``asked``: every request, in order."""

    url: str = ""
    answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        form = dict(parse_qsl(body.decode()))
        self.asked.append((scope["path"], form, {name.decode(): value.decode() for name, value in scope["headers"]}))
        found = self.answers.get(scope["path"], (404, {}))
        status, said = found(form) if callable(found) else found
        text = said if isinstance(said, bytes) else json.dumps(said).encode()
        headers = [(b"content-type", b"application/json"), (b"location", b"/elsewhere")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def count(self, path: str) -> int:
        """How often it was asked for."""
        return sum(one == path for one, _, _ in self.asked)


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """At a port of its own."""
    it = Elsewhere()
    async with quietly(it) as server:
        it.url = server.url
        yield it


@dataclass(frozen=True)
class Pair:
    """A key pair of somebody's. ``alg``: what it signs by."""

    kid: str
    alg: str
    private: Any

    @property
    def public(self) -> dict[str, Any]:
        """Its public half, as in a JWKS."""
        of = {"R": jwt.algorithms.RSAAlgorithm, "E": jwt.algorithms.ECAlgorithm}[self.alg[0]]
        made = cast(dict[str, Any], of.to_jwk(self.private.public_key(), as_dict=True))
        return {**made, "kid": self.kid, "use": "sig", "alg": self.alg}

    @property
    def secret(self) -> dict[str, Any]:
        """Both halves: what nobody should ever send."""
        of = {"R": jwt.algorithms.RSAAlgorithm, "E": jwt.algorithms.ECAlgorithm}[self.alg[0]]
        return {**of.to_jwk(self.private, as_dict=True), "kid": self.kid, "use": "sig"}

    @property
    def pem(self) -> bytes:
        """The public half as a text: what an attacker would use as an HMAC secret."""
        return cast(bytes, self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def signed(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A JWT."""
        return jwt.encode(dict(claims), self.private, algorithm=self.alg, headers={"kid": self.kid, **header})


@cache
def pair(alg: str, name: str = "one") -> Pair:
    """Made once for all tests of a process: an RSA key takes a while."""
    if alg.startswith("R"):
        return Pair(f"{alg}-{name}", alg, rsa.generate_private_key(public_exponent=65537, key_size=2048))
    return Pair(f"{alg}-{name}", alg, ec.generate_private_key(ec.SECP384R1() if alg == "ES384" else ec.SECP256R1()))


def key_set(*pairs: Pair) -> dict[str, Any]:
    """Their public halves."""
    return {"keys": [one.public for one in pairs]}


def assertion_claims(client_id: str, audience: str, **other: Any) -> dict[str, Any]:
    """What a client says of itself; ``other``: None leaves a claim out."""
    now = int(time.time())
    said = {"iss": client_id, "sub": client_id, "aud": audience, "exp": now + 240, "iat": now, "jti": uuid4().hex, **other}
    return {name: value for name, value in said.items() if value is not None}
