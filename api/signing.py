"""Who signs in, from where and on what; and that it is written down, done or refused."""

from __future__ import annotations

import re

from fastapi import Request
from sqlalchemy import select

from api.parts import ApiParts
from api.trail import trail_of
from records.accounts import folded_login
from records.callers import Caller
from records.sign_in_limits import source_of
from records.sign_ins import SignIns
from records.tables import Account

SIGN_IN = "auth.sign_in"
UNKNOWN = "unknown"  # a login that is nobody's is not written down: it may be a password
_MACHINES = (
    ("iPad", "iPad"),
    ("iPhone", "iPhone"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("MicroMessenger", "WeChat"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)


def sign_ins(parts: ApiParts) -> SignIns:
    """How people sign in here."""
    return SignIns(parts.database, parts.passwords, parts.vault, must_have_second=parts.must_have_second)


def source_in(request: Request, parts: ApiParts) -> str:
    """Where a request comes from. The nearest proxy, where it is ours, writes last."""
    forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    if parts.trust_forwarded and forwarded:
        return source_of(forwarded)
    return source_of(request.client.host) if request.client is not None else ""


def device_in(request: Request) -> str:
    """On what somebody signs in, in two words: ``Chrome, Windows``."""
    agent = request.headers.get("user-agent", "")
    found = [next((name for mark, name in known if mark in agent), "") for known in (_BROWSERS, _MACHINES)]
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "", agent.partition("/")[0])[:40]
    return ", ".join(filter(None, found)) or plain


async def done(request: Request, caller: Caller, how: str = "") -> None:
    """Somebody signed in; the answer leaves once it is written down. Raises NotWrittenDown."""
    trail = trail_of(request)
    await trail.begins(request, caller, SIGN_IN, looks=True)
    trail.record = f"{caller.id} {how}".strip()


async def refused(request: Request, parts: ApiParts, login: str) -> None:
    """Somebody was not let in; it is written down with the answer's status."""
    async with parts.database.reading() as session:
        account = await session.scalar(select(Account.id).where(Account.login == folded_login(login)))
    trail = trail_of(request)
    trail.right, trail.record = SIGN_IN, account or UNKNOWN
