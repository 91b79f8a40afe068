"""API keys: who may call, and whose records they may see.

Rule 1: only the hash of a key is kept; what is stored cannot be used to call.
Rule 2: a key's role and place say what its caller sees; the request says nothing about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncSession

from records.scope import Scope
from records.tables import ApiKey

WHOLE_NETWORK = "*"
OF_A_TEAM = frozenset({"health_manager", "doctor"})


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


@dataclass(frozen=True)
class Keys:
    """Keys of one transaction."""

    session: AsyncSession

    async def holder(self, key: str) -> KeyHolder | None:
        """Who holds ``key``; None when nobody does."""
        row = await self.session.get(ApiKey, hashed(key))
        return None if row is None else KeyHolder(row.name, row.role, row.place)
