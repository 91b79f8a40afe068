"""The second factor: a code of six digits that somebody's device makes anew every half minute, or one of ten kept on paper.

Rule 1: the secret is sealed, and shown while it is being set up only; of a recovery code only a keyed hash is kept.
Rule 2: a code opens once: the newest one's counter is kept, and a recovery code that was used is gone.
Rule 3: whoever checks a code counts what was wrong (``records.sign_ins``): six digits are guessed by those who may try often.

Source: RFC 6238 (TOTP), RFC 4226 (HOTP), with the defaults that every authenticator knows: SHA-1, six digits, 30 seconds.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyotp import HOTP, random_base32
from pyotp.utils import build_uri
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.clock import system_time
from records.tables import Account, SecondFactor
from records.vault import PersonVault, Vault

SECONDS = 30
DIGITS = 6
SLACK = 1  # counters that a device's clock may be ahead or behind
CODES = 10
SET_UP_WITHIN = timedelta(minutes=30)
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_PURPOSE = "second factors"


@dataclass(frozen=True)
class SecondFactors:
    """Second factors within one transaction. ``now``: the machine's time. Whoever checks or changes one holds its account."""

    session: AsyncSession
    vault: Vault
    now: Callable[[], datetime] = system_time

    async def of(self, account_id: str) -> SecondFactor | None:
        """What somebody has set up; or begun to, and not ``confirmed``."""
        return await self.session.get(SecondFactor, account_id, populate_existing=True)

    async def is_asked_for(self, account_id: str) -> bool:
        """Whether signing in takes a code."""
        row = await self.of(account_id)
        return row is not None and row.confirmed is not None

    async def begin(self, account_id: str) -> str:
        """A secret for somebody's device (base32); it is asked for once they have shown that the device knows it.

        The one that was begun a moment ago and not confirmed goes on, so that two clicks make one.
        """
        begun = await self.begun(account_id)
        if begun:
            return begun
        row = await self.of(account_id)
        secret = random_base32()
        if row is None:
            row = SecondFactor(account_id=account_id, last_counter=0, recovery=[])
            self.session.add(row)
        row.sealed, row.created, row.confirmed, row.recovery = self._keeper.seal(account_id, secret), self.now(), None, []
        return secret

    async def begun(self, account_id: str) -> str:
        """The secret that is being set up; "" where none is, or where it was begun long ago and may have been seen."""
        row = await self.of(account_id)
        if row is None or row.confirmed is not None or self.now() - row.created > SET_UP_WITHIN:
            return ""
        return str(self._keeper.open(account_id, row.sealed))

    async def confirm(self, account_id: str, code: str) -> list[str] | None:
        """Ask for it from now on, if the code is right: the recovery codes, which are shown this once."""
        row = await self.of(account_id) if await self.begun(account_id) else None
        if row is None or not self._is_of_the_device(row, _plain(code)):
            return None
        row.confirmed = self.now()
        return self._fresh_recovery(row)

    async def accepts(self, account_id: str, code: str) -> bool:
        """Whether the code opens; it does so once."""
        row, plain = await self.of(account_id), _plain(code)
        if row is None or row.confirmed is None:
            return False
        if len(plain) == DIGITS and plain.isdigit():
            return self._is_of_the_device(row, plain)
        hashed = self._hashed(account_id, plain)
        left = [one for one in row.recovery if not hmac.compare_digest(one, hashed)]
        found = len(left) < len(row.recovery)
        row.recovery = left
        return found

    async def renew_recovery(self, account_id: str) -> list[str]:
        """Ten other recovery codes; those before open nothing. Raises ValueError where nothing is set up."""
        row = await self.of(account_id)
        if row is None or row.confirmed is None:
            raise ValueError("no second factor is set up")
        return self._fresh_recovery(row)

    async def remove(self, account_id: str) -> bool:
        """Not asked for any more; whether it was."""
        row = await self.of(account_id)
        if row is not None:
            await self.session.delete(row)
        return row is not None and row.confirmed is not None

    def _is_of_the_device(self, row: SecondFactor, code: str) -> bool:
        made = HOTP(str(self._keeper.open(row.account_id, row.sealed)), digits=DIGITS)
        present = int(self.now().timestamp()) // SECONDS
        for counter in range(present - SLACK, present + SLACK + 1):
            if counter > row.last_counter and hmac.compare_digest(made.at(counter).encode(), code.encode()):
                row.last_counter = counter
                return True
        return False

    def _fresh_recovery(self, row: SecondFactor) -> list[str]:
        codes = ["".join(secrets.choice(LETTERS) for _ in range(10)) for _ in range(CODES)]
        row.recovery = [self._hashed(row.account_id, code) for code in codes]
        return [f"{code[:5]}-{code[5:]}" for code in codes]

    def _hashed(self, account_id: str, code: str) -> str:
        return hmac.digest(self.vault.derive("recovery codes"), f"{account_id}/{code}".encode(), "sha256").hex()

    @property
    def _keeper(self) -> PersonVault:
        return self.vault.keeper(_PURPOSE)


async def with_second_factor(session: AsyncSession, accounts: Sequence[str]) -> frozenset[str]:
    """Those of the accounts whose signing in takes a code."""
    asked = select(SecondFactor.account_id).where(SecondFactor.account_id.in_(accounts), SecondFactor.confirmed.is_not(None))
    return frozenset(await session.scalars(asked)) if accounts else frozenset()


def address_of(secret: str, account: Account, issuer: str = "Cairn") -> str:
    """What a device reads from the square: ``otpauth://totp/...``."""
    return str(build_uri(secret, account.login, issuer=issuer, digits=DIGITS, period=SECONDS))


def _plain(code: str) -> str:
    """As it is compared: people write blanks and dashes, and large letters."""
    return "".join(one for one in code.casefold() if one.isascii() and one.isalnum())[:40]
