"""API keys: who may call, and whose records they may see.

Rule 1: only the hash of a key is kept; what is stored cannot be used to call.
Rule 2: a key's role and place say what its caller sees; the request says nothing about it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncSession

from records.scope import Scope
from records.tables import ApiKey

WHOLE_NETWORK = "*"
OF_A_TEAM = frozenset({"health_manager", "doctor"})
KEPT_FOR = 5.0  # seconds
MOST_KEPT = 5000


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who holds a key: ``name`` is the key's own, for a log; ``place`` a care team, an organisation or ``*``."""

    name: str
    role: str
    place: str

    @property
    def scope(self) -> Scope:
        """What this caller may see."""
        if self.place == WHOLE_NETWORK:
            return Scope(self.role)
        if self.role in OF_A_TEAM:
            return Scope(self.role, team=self.place)
        return Scope(self.role, place=self.place)


def hashed(key: str) -> str:
    """What is stored of an API key."""
    return sha256(key.encode()).hexdigest()


@dataclass
class KeyRing:
    """Keys that were shown a moment ago, so that not every request asks the database; a withdrawn key ends within ``KEPT_FOR``."""

    kept_for: float = KEPT_FOR
    seconds: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[KeyHolder, float]] = field(default_factory=dict)

    def holder(self, key: str) -> KeyHolder | None:
        """Who showed this key a moment ago."""
        found = self._held.get(hashed(key))
        return found[0] if found is not None and self.seconds() - found[1] < self.kept_for else None

    def keep(self, key: str, holder: KeyHolder) -> None:
        """Remember who holds it; a few thousand keys are kept at the most."""
        if len(self._held) > MOST_KEPT:
            self._held.clear()
        self._held[hashed(key)] = (holder, self.seconds())


@dataclass(frozen=True)
class Keys:
    """Keys of one transaction."""

    session: AsyncSession

    async def holder(self, key: str) -> KeyHolder | None:
        """Who holds ``key``; None when nobody does."""
        row = await self.session.get(ApiKey, hashed(key))
        return None if row is None else KeyHolder(row.name, row.role, row.place)
