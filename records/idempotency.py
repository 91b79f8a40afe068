"""Requests that were sent twice: a caller's key is remembered with what it was used for, in the transaction it was used in."""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from records.clock import system_time
from records.tables import Idempotency


class UsedForSomethingElse(ValueError):
    """The key was used before, for another request."""


async def request(session: AsyncSession, caller: str, key: str, fingerprint: str) -> tuple[Idempotency, bool]:
    """What is remembered of this request, and whether it was carried out before. Raises UsedForSomethingElse."""
    place = (caller, sha256(key.encode()).hexdigest())
    known = await session.get(Idempotency, place)
    if known is None:
        fresh = Idempotency(caller=place[0], key=place[1], fingerprint=fingerprint, at=system_time(), event_id="")
        try:
            async with session.begin_nested():  # the same key may be at work in another transaction right now
                session.add(fresh)
        except IntegrityError:
            known = await session.get_one(Idempotency, place, populate_existing=True)
        else:
            return fresh, False
    if known.fingerprint != fingerprint:
        raise UsedForSomethingElse
    return known, True


async def known(session: AsyncSession, caller: str, key: str, fingerprint: str) -> Idempotency | None:
    """What is remembered of this request, without remembering it. Raises UsedForSomethingElse."""
    found = await session.get(Idempotency, (caller, sha256(key.encode()).hexdigest()))
    if found is not None and found.fingerprint != fingerprint:
        raise UsedForSomethingElse
    return found
