"""Who calls: API keys and the tokens of people who signed in, by hash.

Rule 1: only the hash of a key is kept; what is stored cannot be used to call.
Rule 2: a key's role, place and rights say what its caller may do; the request says nothing about it.
Rule 3: an expired or revoked key, and a disabled account's token, open nothing. Their rows stay, so that the audit log has names.
"""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import func, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.clock import system_time
from records.pages import Page, behind, cursor
from records.places import EVERYWHERE, Places, Subtree
from records.scope import Scope, of_places, of_teams
from records.tables import Account, ApiKey, HookClient, SmartClient

OF_A_PLACE = frozenset({"clinic", "pharmacy"})  # they see what their place was asked, and no patient besides
KEPT_FOR = 5.0  # seconds
MOST_KEPT = 5000
USED_LATELY = timedelta(hours=1)
IDLE = timedelta(minutes=60)  # a sign-in that nobody used for so long has ended


@dataclass(frozen=True, slots=True)
class Caller:
    """``id``: of the key or, for a person, of the account; ``rights``: None for all of the role's, or some of them.

    ``scopes``: SMART scopes of a record system that signed in by a token: it uses /fhir, and nothing besides; None for all others.
    """

    id: str
    name: str
    role: str
    place: str
    scope: Scope
    rights: frozenset[str] | None = None
    key_id: str = ""
    scopes: frozenset[str] | None = None


def hashed(key: str) -> str:
    """What is stored of an API key."""
    return sha256(key.encode()).hexdigest()


def new_secret(kind: str = "cairn") -> str:
    """A key nobody can guess; its beginning says to scanners what it is."""
    return f"{kind}_{secrets.token_urlsafe(32)}"


async def names_of(session: AsyncSession, ids: Iterable[str]) -> dict[str, str]:
    """By id of a key or an account: what it is called. Whoever has no name, or was never one of ours, is left out."""
    asked = sorted({id_ for id_ in ids if id_})
    found: dict[str, str] = {}
    for table in (ApiKey, Account, SmartClient, HookClient) if asked else ():
        for id_, name in await session.execute(select(table.id, table.name).where(table.id.in_(asked), table.name != "")):
            found[id_] = name
    return found


async def called(session: AsyncSession, written: str, under: Subtree, *, limit: int) -> list[tuple[str, str, str]]:
    """Id, name and role of people and tools' keys of places that belong to ``under``: by login, or by what stands in their name."""
    folded = unicodedata.normalize("NFKC", written).strip().casefold()
    shown = func.coalesce(func.nullif(Account.name, ""), Account.login)
    is_called = (Account.login == folded) | func.lower(Account.name).contains(folded, autoescape=True)
    people = select(Account.id, shown.label("called"), Account.role).where(is_called)
    keys = select(ApiKey.id, ApiKey.name.label("called"), ApiKey.role)
    keys = keys.where(ApiKey.account_id.is_(None), func.lower(ApiKey.name).contains(folded, autoescape=True))
    if not under.everywhere:
        theirs = sorted(under.organisations | under.teams)
        people, keys = people.where(Account.place.in_(theirs)), keys.where(ApiKey.place.in_(theirs))
    either = union_all(people, keys).subquery()
    found = await session.execute(select(*either.c).order_by(either.c.called, either.c.id).limit(limit))
    return [(id_, name, role) for id_, name, role in found]


@dataclass
class KeyRing:
    """Keys that were shown a moment ago, so that not every request asks the database; a withdrawn key ends within ``KEPT_FOR``."""

    kept_for: float = KEPT_FOR
    seconds: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[Caller, float]] = field(default_factory=dict)

    def caller(self, key: str) -> Caller | None:
        """Who showed this key a moment ago."""
        found = self._held.get(hashed(key))
        return found[0] if found is not None and self.seconds() - found[1] < self.kept_for else None

    def keep(self, key: str, caller: Caller) -> None:
        """Remember who holds it; a few thousand keys are kept at the most."""
        if len(self._held) > MOST_KEPT:
            self._held.clear()
        self._held[hashed(key)] = (caller, self.seconds())

    def forget(self) -> None:
        """Ask the database again for everybody: a key or a place has changed in this process."""
        self._held.clear()


@dataclass(frozen=True)
class Keys:
    """Keys of one transaction. ``now``: the machine's time; ``idle``: after so long without a request a sign-in has ended."""

    session: AsyncSession
    now: Callable[[], datetime] = system_time
    idle: timedelta = IDLE

    async def caller(self, key: str) -> Caller | None:
        """Who holds ``key``; None when it opens nothing."""
        row = await self.session.get(ApiKey, hashed(key))
        if row is None or not self.opens(row):
            return None
        who, name, role, place = row.id, row.name, row.role, row.place
        if row.account_id is not None:
            account = await self.session.get_one(Account, row.account_id)
            if account.disabled:
                return None
            who, name, role, place = account.id, account.name or account.login, account.role, account.place
        scope = await self.scope_of(role, place)
        rights = None if row.rights is None else frozenset(row.rights)
        return None if scope is None else Caller(who, name, role, place, scope, rights, row.id)

    async def used(self, key: str) -> bool:
        """Whether it is time to write down that ``key`` was used."""
        row = await self.session.get(ApiKey, hashed(key))
        if row is None:
            return False
        often = USED_LATELY if row.account_id is None else self.idle / 20
        return row.last_used is None or self.now() - row.last_used > often

    async def write_used(self, key: str) -> None:
        """Write down that ``key`` was used now."""
        row = await self.session.get(ApiKey, hashed(key))
        if row is not None:
            row.last_used = self.now()

    def add(
        self,
        name: str,
        role: str,
        place: str,
        *,
        rights: frozenset[str] | None = None,
        expires: datetime | None = None,
        account_id: str | None = None,
    ) -> tuple[str, ApiKey]:
        """Make a key: the key itself, which is shown this once, and its row."""
        key = new_secret("cairn" if account_id is None else "cairnsession")
        row = ApiKey(
            hash=hashed(key),
            id=uuid4().hex[:16],
            name=name,
            role=role,
            place=place,
            rights=None if rights is None else sorted(rights),
            account_id=account_id,
            created=self.now(),
            expires=expires,
        )
        self.session.add(row)
        return key, row

    async def page(self, under: Subtree, *, limit: int, after: str | None = None) -> Page[ApiKey]:
        """Keys of tools by id, of places that belong to ``under``; the tokens of people who signed in are not among them."""
        query = select(ApiKey).where(ApiKey.account_id.is_(None)).order_by(ApiKey.id).limit(limit + 1)
        if not under.everywhere:
            query = query.where(ApiKey.place.in_(sorted(under.organisations | under.teams)))
        key = behind(after, 1)
        if key is not None:
            query = query.where(ApiKey.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def one(self, key_id: str, under: Subtree) -> ApiKey | None:
        """A tool's key, held against anybody else's change; a key of a place outside ``under`` looks like a missing one."""
        query = select(ApiKey).where(ApiKey.id == key_id, ApiKey.account_id.is_(None)).with_for_update()
        row = (await self.session.scalars(query)).first()
        return row if row is not None and under.covers(row.place) else None

    async def hash_of(self, key_id: str) -> str:
        """Under which a key or a token is stored. Raises NoResultFound."""
        return (await self.session.scalars(select(ApiKey.hash).where(ApiKey.id == key_id))).one()

    def opens(self, row: ApiKey) -> bool:
        """Whether the key still opens anything."""
        now = self.now()
        if row.account_id is not None and (row.last_used or row.created) + self.idle <= now:
            return False
        return row.revoked is None and (row.expires is None or row.expires > now)

    def rotate(self, old: ApiKey, *, grace: timedelta, lasts: timedelta | None = None) -> tuple[str, ApiKey]:
        """Make a key that does what ``old`` does, which ends after ``grace``. ``lasts``: as long as the old one was made for,
        unless told.
        """
        now = self.now()
        if lasts is None and old.expires is not None:
            lasts = old.expires - old.created
        rights = None if old.rights is None else frozenset(old.rights)
        made = self.add(old.name, old.role, old.place, rights=rights, expires=None if lasts is None else now + lasts)
        old.expires = now + grace if old.expires is None else min(old.expires, now + grace)
        return made

    def revoke(self, row: ApiKey) -> None:
        """The key opens nothing from now on; its row stays."""
        row.revoked = row.revoked or self.now()

    async def end_sign_in(self, key: str) -> None:
        """Whoever signed in with an account and got ``key`` is signed out; a tool's key stays as it is."""
        row = await self.session.get(ApiKey, hashed(key))
        if row is not None and row.account_id is not None:
            self.revoke(row)

    async def sign_ins(self, account_id: str) -> list[ApiKey]:
        """Where somebody is signed in now, the newest first."""
        query = select(ApiKey).where(ApiKey.account_id == account_id, ApiKey.revoked.is_(None)).order_by(ApiKey.created.desc())
        return [row for row in await self.session.scalars(query.limit(100)) if self.opens(row)]

    async def of_account(self, key: str) -> ApiKey | None:
        """Somebody's sign-in, whether or not it still opens anything; None for a tool's key, and for one that never was."""
        row = await self.session.get(ApiKey, hashed(key))
        return row if row is not None and row.account_id is not None else None

    async def end_sign_ins(self, account_id: str, *, besides: str = "") -> None:
        """Everybody who is signed in with this account is signed out. ``besides``: the id of a token that stays."""
        tokens = update(ApiKey).where(ApiKey.account_id == account_id, ApiKey.revoked.is_(None), ApiKey.id != besides)
        await self.session.execute(tokens.values(revoked=self.now()))

    async def scope_of(self, role: str, place: str) -> Scope | None:
        """What ``role`` sees from ``place``; None where there is no such place."""
        if place == EVERYWHERE:
            return Scope(role, frozenset(), None) if role in OF_A_PLACE else Scope(role)
        beneath = await Places(self.session).beneath(place)
        if beneath is None:
            return None
        if role in OF_A_PLACE:
            return of_places(role, beneath.organisations)
        return Scope(role) if beneath.whole else of_teams(role, beneath.teams)
