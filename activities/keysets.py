"""Public keys of others (JWKS), given inline or fetched: which of them signed a token.

Rule 1: a key is used for the one algorithm that it is for: a token chooses among keys, never what a key means.
Rule 2: an address to fetch from is one that was registered; nothing in a token says where to look (no ``jku``, no ``x5u``).
Rule 3: what is fetched is kept for minutes; a key that is unknown has it fetched anew, once a minute at the most; where it cannot
        be fetched, what was known goes on for an hour.
Rule 4: whoever shows a private key has lost it: none of theirs is used.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt

from activities.webhooks.reaching import Reaching, Unreached

LARGEST = 256 * 1024  # bytes of a document
MOST_KEYS = 50
WITHIN = 5.0  # seconds
SHORTEST_RSA, LONGEST_RSA = 2048, 8192  # bits
NOT_FETCHED = f"the keys could not be fetched ({{}}); see that their address answers us with JSON within {WITHIN:g} seconds"
#: What a key must be for an algorithm: its type, and its curve where it has one.
FOR: Mapping[str, tuple[str, str]] = {
    "RS256": ("RSA", ""),
    "RS384": ("RSA", ""),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
}
TOLD = {("RSA", ""): f"RSA of {SHORTEST_RSA} bits or more", ("EC", "P-256"): "EC, P-256", ("EC", "P-384"): "EC, P-384"}
KID = re.compile(r"[ -~]{1,200}")
KEPT = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")  # of a key
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

Document = dict[str, Any]


class NoKey(ValueError):
    """No key fits; the text says why and what would be right, and may be shown to whoever sent the token."""


class BadKeySet(ValueError):
    """A key set that cannot be used; the text says what is wrong and what would be right."""


@dataclass
class _Held:
    """``looked``: when it was last tried, whatever came of it; ``fault``: why there is none yet."""

    document: Document
    fetched: float
    looked: float
    fault: str = ""


@dataclass
class KeySets:
    """``within``: hosts inside our own network, or without TLS, that may be asked. ``seconds``: a clock that only goes forward."""

    within: tuple[str, ...] = ()
    seconds: Callable[[], float] = time.monotonic
    kept_for: float = 600.0
    again_after: float = 60.0
    at_the_longest: float = 3600.0
    after_a_fault: float = 5.0
    _held: dict[str, _Held] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _http: httpx.AsyncClient | None = None

    async def key(self, *, jwks: Document | None, jwks_url: str | None, kid: str | None, alg: str) -> jwt.PyJWK:
        """The key called ``kid`` that ``alg`` is checked with; without ``kid`` the only one that fits. Raises NoKey."""
        if jwks is not None:
            return _fitting(jwks, kid, alg)
        if jwks_url is None:
            raise NoKey("no keys are registered; register jwks or jwks_url")
        document = await self.document(jwks_url)
        try:
            return _fitting(document, kid, alg)
        except NoKey:
            fresh = await self.document(jwks_url, than=document)
            if fresh is document:
                raise
            return _fitting(fresh, kid, alg)

    async def document(self, url: str, *, than: Document | None = None) -> Document:
        """What is at ``url``; another one ``than`` that, if there is one and it was not looked for a moment ago. Raises NoKey."""
        async with self._locks.setdefault(url, asyncio.Lock()):
            now, held = self.seconds(), self._held.get(url)
            if held is not None and held.fault:
                if now - held.looked < self.after_a_fault:
                    raise NoKey(NOT_FETCHED.format(held.fault))
                held = None
            if held is not None:
                known = now - held.fetched < self.kept_for and held.document is not than
                if known or now - held.looked < self.again_after:
                    return held.document
                held.looked = now
            try:
                found = await self._fetched(url)
            except Unreached as fault:
                if held is not None and now - held.fetched < self.at_the_longest:
                    return held.document
                self._held[url] = _Held({}, now, self.seconds(), str(fault))
                raise NoKey(NOT_FETCHED.format(fault)) from None
            self._held[url] = _Held(found, now, now)
            return found

    async def asked(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One request to such an address. Raises Unreached."""
        reaching = Reaching(self._client(), self.within, WITHIN)
        return await reaching.ask(method, url, body=body, headers=headers, most=LARGEST)

    async def _fetched(self, url: str) -> Document:
        status, body = await self.asked("GET", url, headers={"Accept": "application/json"})
        if status != 200:
            raise Unreached(f"status {status}")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            raise Unreached("no JSON") from None
        if not isinstance(document, dict):
            raise Unreached("no JSON object")
        return document

    def _client(self) -> httpx.AsyncClient:
        if self._http is None:  # no connection outlives its answer, so that nothing is left open when the process ends
            limits = httpx.Limits(max_connections=50, max_keepalive_connections=0)
            self._http = httpx.AsyncClient(timeout=WITHIN, trust_env=False, limits=limits)
        return self._http


def checked(jwks: Document, algs: Sequence[str] = ("RS384", "ES384")) -> Document:
    """A key set as it is kept: at least one key for one of ``algs``, none that is secret, nothing else. Raises BadKeySet."""
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not keys or not all(isinstance(one, dict) for one in keys):
        raise BadKeySet('holds no keys; send {"keys": [...]} as RFC 7517 has it')
    if len(keys) > MOST_KEYS:
        raise BadKeySet(f"holds more than {MOST_KEYS} keys; send those in use")
    if any(PRIVATE & set(one) for one in keys):
        raise BadKeySet("holds a private key, which nobody but you may have; make a new pair, and send the public half only")
    usable = [one for one in keys if any(_usable(one, alg) for alg in algs)]
    if not usable:
        told = ", ".join(f"{alg} ({TOLD[FOR[alg]]})" for alg in algs)
        raise BadKeySet(f'holds no public key for signatures by any of {told}; add one, with "kty", "kid" and "use": "sig"')
    names = [one.get("kid") for one in usable]
    if any(not isinstance(name, str) or not KID.fullmatch(name) for name in names) or len(set(map(str, names))) != len(names):
        raise BadKeySet('has a key without a "kid" of its own; give each another one, of 1 to 200 letters and digits')
    return {"keys": [{name: one[name] for name in KEPT if name in one} for one in usable]}


def _fitting(document: Document, kid: str | None, alg: str) -> jwt.PyJWK:
    keys = document.get("keys")
    usable: Sequence[Document] = [one for one in keys if isinstance(one, dict)][:MOST_KEYS] if isinstance(keys, list) else []
    if any(PRIVATE & set(one) for one in usable):
        raise NoKey("the key set holds a private key, so none of it is used; make new keys, and publish their public halves only")
    named = [one for one in usable if kid is None or one.get("kid") == kid]
    found = [made for one in named if (made := _usable(one, alg)) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        raise NoKey(f"more than one key for {alg} fits; name one by its kid")
    raise NoKey(f"no key for {alg} is called that; publish it, or sign with one that is published")


def _usable(one: Document, alg: str) -> jwt.PyJWK | None:
    """The key, where it is one for ``alg``."""
    kty, curve = FOR[alg]
    if one.get("kty") != kty or (curve and one.get("crv") != curve) or one.get("alg") not in (None, alg):
        return None
    if one.get("use") not in (None, "sig") or (one.get("key_ops") not in (None, ["verify"])):
        return None
    try:
        made = jwt.PyJWK(one, algorithm=alg)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        return None
    return made if kty != "RSA" or SHORTEST_RSA <= made.key.key_size <= LONGEST_RSA else None
