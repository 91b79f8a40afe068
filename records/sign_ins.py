"""Signing in with a name and a password, and with a second factor where one is set up; and what a sign-in is afterwards.

Rule 1: no lock is held while a password is compared: it is read, compared, and proven again under the account's lock.
Rule 2: ten failures within a quarter of an hour lock an account, whichever process they were sent to; a wrong code is one, too.
Rule 3: whatever was wrong looks alike, but for a source that has failed too often (``records.sign_in_limits``).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.accounts import NO_PASSWORD, SIGNED_IN_FOR, Accounts, Passwords, folded_login
from records.callers import Keys
from records.clock import system_time
from records.database import Database
from records.second_factor import SecondFactors
from records.sign_in_limits import SignInLimits
from records.tables import Account, ApiKey
from records.vault import Vault

ONLY_SETTING_UP = frozenset({"self.read", "self.change"})
STEPS_WITHIN = timedelta(minutes=5)
_PURPOSE = "half signed in"


class CodeNeeded(Exception):
    """The password is right, and a code is asked for besides. ``carried``: what the browser sends back with it, sealed."""

    def __init__(self, carried: bytes) -> None:
        super().__init__("a code is needed")
        self.carried = carried


@dataclass(frozen=True)
class SignIns:
    """Signing in, over several transactions. ``must_have_second``: roles that set up a second factor before anything else."""

    database: Database
    passwords: Passwords
    vault: Vault
    now: Callable[[], datetime] = system_time
    lasts: timedelta = SIGNED_IN_FOR
    must_have_second: frozenset[str] = frozenset()

    async def sign_in(
        self, login: str, password: str, *, code: str = "", source: str = "", device: str = ""
    ) -> tuple[str, ApiKey] | None:
        """A token and its row; None whatever was wrong. Raises CodeNeeded, TooManyTries."""
        stored, right = await self._compared(login, password, source)
        return await self._finish(login, stored, right=right, code=code, source=source, device=device)

    async def with_code(self, carried: bytes, code: str, *, source: str = "", device: str = "") -> tuple[str, ApiKey] | None:
        """The second step after CodeNeeded. Raises TooManyTries, and WrongKey for what we did not seal."""
        told = self.vault.keeper(_PURPOSE).open("step", carried)
        if told["until"] <= self.now().timestamp() or not code.strip():
            return None
        async with self.database.reading() as session:
            login = folded_login(str(told["login"]))
            stored = await session.scalar(select(Account.password_hash).where(Account.login == login))
            await self._limits(session).check(login, source)
        same = bool(stored) and hmac.compare_digest(_mark(stored or ""), str(told["mark"]))
        return await self._finish(str(told["login"]), stored, right=same, code=code, source=source, device=device)

    async def change_password(self, account_id: str, old: str, new_hash: str, *, besides: str, source: str = "") -> bool:
        """Take another password, if ``old`` is the present one; the token ``besides`` stays signed in. Raises TooManyTries."""
        account = await self._known(account_id, old, source)
        if account is None:
            return False
        async with self.database.begin() as session:
            held = await session.get_one(Account, account_id, with_for_update=True, populate_existing=True)
            if held.password_hash != account.password_hash:
                return False
            await Accounts(session, self.now).set_password(held, new_hash, besides=besides)
            return True

    async def knows_password(self, account_id: str, password: str, *, source: str = "") -> bool:
        """Whether it is theirs: asked again before what a stolen sign-in must not do. Raises TooManyTries."""
        return await self._known(account_id, password, source) is not None

    async def _known(self, account_id: str, password: str, source: str) -> Account | None:
        async with self.database.reading() as session:
            login = await session.scalar(select(Account.login).where(Account.id == account_id)) or ""
        stored, right = await self._compared(login, password, source)
        async with self.database.begin() as session:
            return await self._proven(session, login, stored, right=right, source=source)

    async def _finish(
        self, login: str, stored: str | None, *, right: bool, code: str, source: str, device: str
    ) -> tuple[str, ApiKey] | None:
        async with self.database.begin() as session:
            account = await self._proven(session, login, stored, right=right, source=source, clears=False)
            if account is None:
                return None
            second = SecondFactors(session, self.vault, self.now)
            asked = await second.is_asked_for(account.id)
            if asked and code.strip() and not await second.accepts(account.id, code):
                await self._failed(session, account, login, source)
                return None
            if not asked or code.strip():
                await self._clear(session, account)
                rights = ONLY_SETTING_UP if not asked and account.role in self.must_have_second else None
                keys = Keys(session, self.now)
                made = keys.add(
                    account.login,
                    account.role,
                    account.place,
                    rights=rights,
                    expires=self.now() + self.lasts,
                    account_id=account.id,
                )
                made[1].device = device[:60]
                return made
        until = (self.now() + STEPS_WITHIN).timestamp()
        told = {"login": login, "mark": _mark(stored or NO_PASSWORD), "until": until}
        raise CodeNeeded(self.vault.keeper(_PURPOSE).seal("step", told))

    async def _compared(self, login: str, password: str, source: str) -> tuple[str | None, bool]:
        async with self.database.reading() as session:
            await self._limits(session).check(folded_login(login), source)
            stored = await session.scalar(select(Account.password_hash).where(Account.login == folded_login(login)))
        return stored, await self.passwords.matches(stored, password)

    async def _proven(
        self, session: AsyncSession, login: str, stored: str | None, *, right: bool, source: str, clears: bool = True
    ) -> Account | None:
        accounts, limits, name = Accounts(session, self.now), self._limits(session), folded_login(login)
        account = await accounts.with_login(login)
        await limits.check(name, source)  # again, now that nobody else tries: many may have come at once
        if account is None or account.disabled:
            await limits.failed(name, source)
            return None
        if accounts.is_locked(account):
            await limits.failed(name, source, counts=False)
            return None
        if not right or account.password_hash != stored:
            await self._failed(session, account, login, source)
            return None
        if clears:
            await self._clear(session, account)
        return account

    async def _failed(self, session: AsyncSession, account: Account, login: str, source: str) -> None:
        Accounts(session, self.now).failed(account, await self._limits(session).failed(folded_login(login), source))

    async def _clear(self, session: AsyncSession, account: Account) -> None:
        account.failures, account.locked_until = 0, None
        await self._limits(session).forget(account.login)

    def _limits(self, session: AsyncSession) -> SignInLimits:
        return SignInLimits(session, self.vault.derive("sign-ins"), self.now)


def _mark(stored: str) -> str:
    """Says which password it was, and nothing of it."""
    return sha256(f"cairn password/{stored}".encode()).hexdigest()
