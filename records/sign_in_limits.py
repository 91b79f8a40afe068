"""How often somebody may try to sign in: tries that failed in the last quarter of an hour, by login and by where they came from.

Rule 1: one source fails fewer times at one login than it takes to lock the account: nobody keeps others out from one place.
Rule 2: a source that has failed too often is not listened to, even with the right password, until its failures are old.
Rule 3: what is kept are keyed hashes, for as long as they count: a login may be somebody's mistyped password.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.clock import system_time
from records.tables import SignInFailure

COUNTED_FOR = timedelta(minutes=15)
MOST_AT_ONE_LOGIN = 5  # from one source
MOST_FROM_ONE_SOURCE = 50  # a clinic's people share one


class TooManyTries(RuntimeError):
    """This source has failed too often; ``seconds``: until it is listened to again, at the latest."""

    seconds = int(COUNTED_FOR.total_seconds())


@dataclass(frozen=True)
class SignInLimits:
    """Tries within one transaction. ``key``: of the hashes; an empty source is nobody's, and has no limit of its own."""

    session: AsyncSession
    key: bytes = field(repr=False)
    now: Callable[[], datetime] = system_time

    async def check(self, login: str, source: str) -> None:
        """Raises TooManyTries."""
        if not source:
            return
        since, where = self.now() - COUNTED_FOR, SignInFailure.source == self._of("source", source)
        lately = select(func.count()).select_from(SignInFailure).where(where, SignInFailure.at > since)
        here = lately.where(SignInFailure.login == self._of("login", login))
        if (await self.session.scalar(here) or 0) >= MOST_AT_ONE_LOGIN:
            raise TooManyTries
        if (await self.session.scalar(lately) or 0) >= MOST_FROM_ONE_SOURCE:
            raise TooManyTries

    async def failed(self, login: str, source: str, *, counts: bool = True) -> int:
        """One more has failed: how many at this login lately. ``counts``: against the login, unless it is locked already."""
        of_login = self._of("login" if counts else "locked login", login)
        self.session.add(SignInFailure(id=uuid4().hex, at=self.now(), login=of_login, source=self._of("source", source)))
        await self.session.execute(delete(SignInFailure).where(SignInFailure.at <= self.now() - COUNTED_FOR))
        lately = select(func.count()).select_from(SignInFailure)
        return await self.session.scalar(lately.where(SignInFailure.login == of_login)) or 0

    async def forget(self, login: str) -> None:
        """Somebody signed in, or has another password: what failed before does not count."""
        await self.session.execute(delete(SignInFailure).where(SignInFailure.login == self._of("login", login)))

    def _of(self, kind: str, text: str) -> bytes:
        return hmac.digest(self.key, f"{kind}/{text}".encode(errors="replace"), "sha256")[:16]


def source_of(address: str) -> str:
    """Where somebody calls from, as it is counted: an IPv4 address, or the /64 that one subscriber has of IPv6."""
    try:
        found = ipaddress.ip_address(address.strip().strip("[]").partition("%")[0])
    except ValueError:
        return address[:60]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False).network_address)
    return str(found)
