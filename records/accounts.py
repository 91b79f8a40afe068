"""People who sign in with a name and a password.

Rule 1: only an argon2id hash of a password is kept; it is worked out in a thread, a few at a time, never in the event loop.
Rule 2: a wrong password, an unknown name, a locked and a disabled account look alike and take alike.

Signing in itself is in ``records.sign_ins``.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.callers import Keys
from records.clock import system_time
from records.pages import Page, behind, cursor
from records.places import Subtree
from records.tables import Account

T = TypeVar("T")
SHORTEST, LONGEST = 12, 200
NO_PASSWORD = ""  # of an account whose person signs in elsewhere: nothing matches it
MOST_FAILURES = 10
LOCKED_FOR = timedelta(minutes=15)
SIGNED_IN_FOR = timedelta(hours=12)


class WeakPassword(ValueError):
    """A password that is not taken; the message says what would be."""


class Crowded(RuntimeError):
    """Too many passwords wait to be compared: anybody may try to sign in, and nobody may keep the others out by it for long."""


@dataclass(frozen=True)
class Passwords:
    """Hashes passwords and compares them. ``at_once`` bounds the memory: argon2id takes 64 MiB for each; ``most_waiting`` bounds
    how long anybody waits. Everything here raises Crowded.
    """

    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    at_once: int = 2
    most_waiting: int = 64
    _threads: ThreadPoolExecutor = field(init=False, repr=False)
    _nobodys: list[str] = field(default_factory=list, repr=False)
    _waiting: list[None] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_threads", ThreadPoolExecutor(self.at_once, thread_name_prefix="passwords"))

    async def hashed(self, password: str) -> str:
        """What is stored of a password."""
        return await self._in_a_thread(lambda: self.hasher.hash(_normal(password)))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; for nobody's (None), and of an account without (empty), it never is, and takes as long."""
        return await self._in_a_thread(lambda: self._matches(stored, password))

    def _matches(self, stored: str | None, password: str) -> bool:
        if not stored and not self._nobodys:
            self._nobodys.append(self.hasher.hash(uuid4().hex))
        try:
            return self.hasher.verify(stored or self._nobodys[0], _normal(password)) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_a_thread(self, work: Callable[[], T]) -> T:
        if len(self._waiting) >= self.most_waiting:
            raise Crowded
        self._waiting.append(None)
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        done.add_done_callback(lambda _: self._waiting.pop())  # not before its turn is over, though its caller went home
        return await asyncio.shield(done)


def checked(password: str, *, login: str) -> str:
    """The password, if it may be one. Raises WeakPassword."""
    plain = _normal(password)
    if len(plain) < SHORTEST:
        raise WeakPassword(f"has fewer than {SHORTEST} characters; take a few words that nobody would guess")
    if len(plain) > LONGEST:
        raise WeakPassword(f"has more than {LONGEST} characters; take a shorter one")
    name = folded_login(login)
    if plain.casefold() in (name, name[::-1]) or len(set(plain)) < 4 or plain.casefold().replace(name, "") == "":
        raise WeakPassword("is the login again, or the same few characters; take a few words that nobody would guess")
    return password


def folded_login(login: str) -> str:
    """A login as it is compared."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


@dataclass(frozen=True)
class Accounts:
    """Accounts of one transaction. ``now``: the machine's time."""

    session: AsyncSession
    now: Callable[[], datetime] = system_time

    def add(self, login: str, password_hash: str, *, name: str, role: str, place: str) -> Account:
        """A new account."""
        account = Account(
            id=uuid4().hex[:16],
            login=folded_login(login),
            name=name,
            password_hash=password_hash,
            role=role,
            place=place,
            created=self.now(),
            disabled=False,
            failures=0,
            version=1,
        )
        self.session.add(account)
        return account

    async def with_login(self, login: str) -> Account | None:
        """The account of this login, held against anybody else's change."""
        query = select(Account).where(Account.login == folded_login(login)).with_for_update()
        return (await self.session.scalars(query.execution_options(populate_existing=True))).first()

    async def one(self, account_id: str, under: Subtree) -> Account | None:
        """The account, held against anybody else's change; one of a place outside ``under`` looks like a missing one."""
        account = await self.session.get(Account, account_id, with_for_update=True, populate_existing=True)
        return account if account is not None and under.covers(account.place) else None

    async def page(self, under: Subtree, *, limit: int, after: str | None = None) -> Page[Account]:
        """Accounts by id, of places that belong to ``under``. Raises BadCursor."""
        query = select(Account).order_by(Account.id).limit(limit + 1)
        if not under.everywhere:
            query = query.where(Account.place.in_(sorted(under.organisations | under.teams)))
        key = behind(after, 1)
        if key is not None:
            query = query.where(Account.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def by_login(self, under: Subtree, *, beginning: str = "", limit: int, after: str | None = None) -> Page[Account]:
        """Accounts by login, of places that belong to ``under``. ``beginning``: of the login. Raises BadCursor."""
        query = select(Account).order_by(Account.login).limit(limit + 1)
        if not under.everywhere:
            query = query.where(Account.place.in_(sorted(under.organisations | under.teams)))
        if beginning.strip():
            query = query.where(Account.login.startswith(folded_login(beginning), autoescape=True))
        key = behind(after, 1)
        if key is not None:
            query = query.where(Account.login > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].login) if len(found) > limit else None)

    def is_locked(self, account: Account) -> bool:
        """Whether too many tries have failed a short while ago."""
        return account.locked_until is not None and account.locked_until > self.now()

    def failed(self, account: Account, lately: int) -> None:
        """One more try has failed, of so many ``lately``."""
        account.failures, account.locked_until = lately, None
        if lately >= MOST_FAILURES:
            account.locked_until = self.now() + LOCKED_FOR

    async def set_password(self, account: Account, password_hash: str, *, besides: str = "") -> None:
        """Another password: whoever is signed in with the old one is signed out, except the token ``besides``."""
        account.password_hash, account.failures, account.locked_until = password_hash, 0, None
        account.version += 1
        await Keys(self.session, self.now).end_sign_ins(account.id, besides=besides)
