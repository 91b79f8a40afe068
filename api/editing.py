"""Making and editing what is no patient's: places, teams, keys, accounts, closures.

Rule 1: whoever edits names the version they read (If-Match), so that nobody overwrites what they have not seen.
Rule 2: nobody makes, changes or hands out anything beyond the place where they stand; what lies beyond looks like a missing one.
Rule 3: a request that was sent twice with one Idempotency-Key makes one thing.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.problems import Problem, changed_since, unread
from api.writing import Writing
from records.callers import Caller
from records.places import Places, Subtree
from records.tables import Idempotency


def etag(version: int) -> str:
    """The ETag of a row that counts its edits."""
    return f'"{version}"'


def as_read(if_match: str | None, version: int, *, needed: bool = True) -> None:
    """Raises Problem 428 where the caller did not say what they had read, 412 where it has changed since."""
    if if_match is None:
        if needed:
            raise unread()
        return
    if if_match.strip() != "*" and etag(version) not in {tag.strip().removeprefix("W/") for tag in if_match.split(",")}:
        raise changed_since()


async def standing(session: AsyncSession, caller: Caller) -> Subtree:
    """The place where the caller stands, with everything beneath it."""
    return await Places(session).under(caller.place)


@dataclass(frozen=True)
class Once:
    """``made``: the id of what came of the same request before, if it was sent before."""

    remembered: Idempotency | None
    made: str | None = None

    def note(self, made: str) -> None:
        """Remember what came of this request."""
        if self.remembered is not None:
            self.remembered.event_id = made


async def once(writing: Writing, session: AsyncSession) -> Once:
    """Whether this request was carried out before. Raises Problem 422."""
    remembered, repeated = await writing.remembered(session)
    return Once(remembered, remembered.event_id if remembered is not None and repeated else None)


async def stored(session: AsyncSession, otherwise: str) -> None:
    """Send what was changed to the database. Raises Problem 409, saying ``otherwise``, where somebody else was quicker."""
    try:
        await session.flush()
    except IntegrityError:
        raise Problem(409, otherwise) from None
