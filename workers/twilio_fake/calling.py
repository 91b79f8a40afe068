"""Webhooks of the fake Twilio: forms, signed as Twilio signs them, told once more where nobody answered.

Source: https://www.twilio.com/docs/usage/security (signatures), .../docs/usage/webhooks/webhooks-connection-overrides.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import aiohttp

WAITS = 15.0  # seconds for an answer, as Twilio's
MOST_TRIES = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered; ``status`` 0: nobody did."""

    status: int
    text: str = ""

    @property
    def told(self) -> str:
        """As the list of webhooks keeps it."""
        return f"answered {self.status}" if self.status else "not answered"


def signature(secret: str, url: str, form: Mapping[str, str], *, modern: bool = False) -> str:
    """Base64 of the HMAC (SHA-1, or SHA-256 if ``modern``) of the address and of the form's names and values by name."""
    said = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(secret.encode(), said.encode(), hashlib.sha256 if modern else hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls webhooks of an account. ``shared_key``: name and secret that sign with SHA-256 in place of the ``token``."""

    http: aiohttp.ClientSession
    token: str
    shared_key: tuple[str, str] | None = None

    async def call(self, url: str, form: Mapping[str, str], token: str) -> Answer:
        """Post ``form``; ``token`` is the same for every try. A fragment such as ``#rc=3&rp=5xx`` says what is tried again."""
        address, _, fragment = url.partition("#")
        overrides = dict(parse_qsl(fragment))
        tries = 1 + min(int(overrides.get("rc", "1")) if overrides.get("rc", "1").isdigit() else 1, MOST_TRIES - 1)
        policy = overrides.get("rp", "ct").split(",")
        for _ in range(tries):
            answer, kind = await self._once(address, form, token)
            if kind == "" or not ({kind, "all"} & set(policy)):
                break
        return answer

    async def _once(self, url: str, form: Mapping[str, str], token: str) -> tuple[Answer, str]:
        try:
            async with self.http.post(
                url,
                data=dict(form),
                headers=self._headers(url, form, token),
                timeout=aiohttp.ClientTimeout(total=WAITS, connect=5),
                allow_redirects=False,
            ) as answer:
                text = await answer.text(errors="replace")
                kind = "" if answer.status < 400 else f"{answer.status // 100}xx"
                return Answer(answer.status, text), kind
        except aiohttp.ClientConnectorError:
            return Answer(0), "ct"
        except (aiohttp.ClientError, OSError, TimeoutError):
            return Answer(0), "rt"

    def _headers(self, url: str, form: Mapping[str, str], token: str) -> dict[str, str]:
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": token,
            "X-Home-Region": "us1",
        }
        if self.shared_key is None:
            return headers | {"X-Twilio-Signature": signature(self.token, _as_signed(url), form)}
        name, secret = self.shared_key
        return headers | {
            "X-Twilio-Signature": signature(secret, _as_signed(url), form, modern=True),
            "X-Twilio-Webhooks-Signature-Settings": f"key={name},algorithm=HMAC_SHA256",
        }


def _as_signed(url: str) -> str:
    """Twilio drops an https port and any password from the address before it signs."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port and parts.scheme != "https" else ""
    return parts._replace(netloc=host + port).geturl()
