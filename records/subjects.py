"""Accounts as an OpenID provider knows them: an issuer, and its name for somebody.

Rule 1: a name of an issuer is one account's; an account may have several.
Rule 2: an e-mail that equals a login links itself at most once for an issuer: a login is given to somebody else one day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.accounts import SIGNED_IN_FOR, Accounts
from records.callers import Keys
from records.clock import system_time
from records.tables import Account, AccountSubject, ApiKey


@dataclass(frozen=True)
class Subjects:
    """Links of one transaction. ``now``: the machine's time."""

    session: AsyncSession
    now: Callable[[], datetime] = system_time

    async def account(self, issuer: str, subject: str) -> Account | None:
        """Whose name this is."""
        link = await self.session.get(AccountSubject, (issuer, subject))
        return None if link is None else await self.session.get_one(Account, link.account_id)

    async def of(self, account_id: str) -> Sequence[AccountSubject]:
        """Every link of an account, the oldest first."""
        query = select(AccountSubject).where(AccountSubject.account_id == account_id)
        return list(
            await self.session.scalars(query.order_by(AccountSubject.created, AccountSubject.issuer, AccountSubject.subject))
        )

    async def link(self, account_id: str, issuer: str, subject: str) -> AccountSubject:
        """The account is called so there, from now on."""
        row = AccountSubject(issuer=issuer, subject=subject, account_id=account_id, created=self.now())
        self.session.add(row)
        await self.session.flush()
        return row

    async def link_by_email(self, issuer: str, subject: str, email: str) -> Account | None:
        """Link the account whose login this e-mail is, unless it has a link to this issuer already."""
        account = await Accounts(self.session).with_login(email)
        if account is None or account.disabled or any(link.issuer == issuer for link in await self.of(account.id)):
            return None
        await self.link(account.id, issuer, subject)
        return account

    async def unlink(self, row: AccountSubject) -> None:
        """Nobody signs in by this any more, and whoever is signed in with the account is so no more."""
        await self.session.delete(row)
        await Keys(self.session, self.now).end_sign_ins(row.account_id)

    def sign_in(self, account: Account) -> tuple[str, ApiKey]:
        """A token that is sent as a key, and its row."""
        expires = self.now() + SIGNED_IN_FOR
        return Keys(self.session, self.now).add(account.login, account.role, account.place, expires=expires, account_id=account.id)
