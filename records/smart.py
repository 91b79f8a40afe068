"""Record systems that sign in by SMART Backend Services: who is registered, what they hold for five minutes.

Rule 1: a token says who, which scopes and until when; it is sealed by the installation's key, so none is kept and none can be made.
Rule 2: a token opens nothing once its client is revoked, or was changed since.
Rule 3: a signed assertion is taken once: of two that come at the same moment, one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from records.callers import Caller, Keys
from records.clock import system_time
from records.pages import Page, behind, cursor
from records.places import Subtree
from records.tables import SmartClient, UsedAssertion
from records.vault import Vault, WrongKey

TOKEN = "cairnsmart_"  # its beginning says to scanners, and to us, what it is
LASTS = timedelta(seconds=300)
LONGEST_TOKEN = 8000  # characters
_PURPOSE = "smart tokens"


@dataclass(frozen=True, slots=True)
class Granted:
    """What a token says. ``version``: of the client when it was given."""

    client_id: str
    version: int
    scopes: frozenset[str]
    expires: datetime


def new_token(vault: Vault, client: SmartClient, scopes: Iterable[str], *, now: datetime, lasts: timedelta = LASTS) -> str:
    """A token for ``client``, until ``now`` and ``lasts``."""
    told = {"c": client.id, "v": client.version, "s": sorted(scopes), "e": int((now + lasts).timestamp())}
    return TOKEN + base64.urlsafe_b64encode(vault.keeper(_PURPOSE).seal("token", told)).decode().rstrip("=")


def opened_token(vault: Vault, token: str) -> Granted | None:
    """What a token of ours says, also one that has ended; None for any other text."""
    if not token.startswith(TOKEN) or len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    text = token.removeprefix(TOKEN)
    try:
        told = vault.keeper(_PURPOSE).open("token", base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (WrongKey, binascii.Error, ValueError):
        return None
    return Granted(told["c"], told["v"], frozenset(told["s"]), datetime.fromtimestamp(told["e"], UTC))


async def used_before(session: AsyncSession, issuer: str, jti: str, expires: datetime) -> bool:
    """Whether ``issuer`` used ``jti`` before; if not, it has now. ``expires``: when it can no longer be used anyway."""
    row = UsedAssertion(issuer=_hashed(issuer), jti=_hashed(jti), expires=expires)
    try:
        async with session.begin_nested():  # another transaction may take the same one right now
            session.add(row)
    except IntegrityError:
        return True
    return False


async def forget_used(session: AsyncSession, now: datetime) -> None:
    """Forget what could not be used any more."""
    await session.execute(delete(UsedAssertion).where(UsedAssertion.expires < now - timedelta(hours=1)))


@dataclass(frozen=True)
class SmartClients:
    """Registered record systems of one transaction. ``now``: the machine's time."""

    session: AsyncSession
    now: Callable[[], datetime] = system_time

    async def caller(self, vault: Vault, token: str) -> Caller | None:
        """Who holds ``token``; None when it opens nothing."""
        granted = opened_token(vault, token)
        if granted is None or granted.expires <= self.now():
            return None
        row = await self.session.get(SmartClient, granted.client_id)
        if row is None or row.revoked is not None or row.version != granted.version:
            return None
        scope = await Keys(self.session).scope_of(row.role, row.place)
        return None if scope is None else Caller(row.id, row.name, row.role, row.place, scope, scopes=granted.scopes)

    def add(
        self, name: str, role: str, place: str, *, jwks: dict[str, Any] | None, jwks_url: str | None, scopes: Iterable[str]
    ) -> SmartClient:
        """Register one."""
        row = SmartClient(
            id=uuid4().hex,
            name=name,
            role=role,
            place=place,
            jwks=jwks,
            jwks_url=jwks_url,
            scopes=sorted(set(scopes)),
            created=self.now(),
            version=1,
        )
        self.session.add(row)
        return row

    async def registered(self, client_id: str) -> SmartClient | None:
        """The client of this id that was not revoked. The id is whatever somebody sent: one of ours is letters and digits."""
        ours = len(client_id) <= 40 and client_id.isascii() and client_id.isalnum()
        row = await self.session.get(SmartClient, client_id) if ours else None
        return row if row is not None and row.revoked is None else None

    async def page(self, under: Subtree, *, limit: int, after: str | None = None) -> Page[SmartClient]:
        """By id, of places that belong to ``under``, revoked ones too. Raises BadCursor."""
        query = select(SmartClient).order_by(SmartClient.id).limit(limit + 1)
        if not under.everywhere:
            query = query.where(SmartClient.place.in_(sorted(under.organisations | under.teams)))
        key = behind(after, 1)
        if key is not None:
            query = query.where(SmartClient.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def one(self, client_id: str, under: Subtree, *, held: bool = True) -> SmartClient | None:
        """Held against anybody else's change; one of a place outside ``under`` looks like a missing one."""
        row = await self.session.get(SmartClient, client_id, with_for_update=held or None, populate_existing=held)
        return row if row is not None and under.covers(row.place) else None

    def revoke(self, row: SmartClient) -> None:
        """It signs in no more, and its tokens open nothing; its row stays, so that the audit log has names."""
        row.revoked = row.revoked or self.now()
        row.version += 1


def _hashed(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
