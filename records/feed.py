"""What places are told, in order: every referral and refill request that comes to a place, moves, or is added to.

Polling, webhooks, FHIR subscriptions and histories all read this, so that they agree.

Rule 1: a change is told in the transaction that makes it; a place's numbers have no gaps and are seen in their order.
Rule 2: a request is told as it is then, sealed under its person's key; who forgets the person forgets all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import PlaceChange, PlaceFeed, ReferralRow, RefillRow
from records.vault import PersonVault

Request = ReferralRow | RefillRow


def fingerprint(row: Request) -> tuple[object, ...]:
    """Differs whenever the request has moved or something was added to it."""
    more = (row.day, row.reminded, row.abort_asked) if isinstance(row, ReferralRow) else ()
    return (row.stage, row.changed, row.sealed, *more)


def as_it_was(person: PersonVault, change: PlaceChange) -> Mapping[str, Any]:
    """The request at that version: ``{key, stage, asked, changed, by, day or runs_out, body}``, moments and days as ISO 8601."""
    kept: Mapping[str, Any] = person.open(_purpose(change.request_id, change.version), change.sealed)
    return kept


@dataclass(frozen=True)
class Feed:
    """The feeds of one transaction."""

    session: AsyncSession

    async def came(self, row: Request, person: PersonVault) -> None:
        """A request was put before its place: the first version."""
        self.session.add(row)
        row.version = 1
        await self._tell(row, person)

    async def moved(self, row: Request, person: PersonVault, *, by: str = "") -> None:
        """It moved, or something was added to it. ``by``: the key or account that did it; "" for Cairn by itself."""
        row.version += 1
        await self._tell(row, person, by=by)

    async def after(self, place: str, n: int, *, limit: int) -> Sequence[PlaceChange]:
        """What the place was told after number ``n``, at most ``limit``, in order."""
        told = select(PlaceChange).where(PlaceChange.place_id == place, PlaceChange.n > n).order_by(PlaceChange.n).limit(limit)
        return list(await self.session.scalars(told))

    async def reached(self, place: str) -> int:
        """The number of the last change that the place was told of; 0 for none."""
        return await self.session.scalar(select(func.coalesce(func.max(PlaceFeed.n), 0)).where(PlaceFeed.place_id == place)) or 0

    async def of(self, request_id: str) -> Sequence[PlaceChange]:
        """All versions of one request, the newest first."""
        versions = select(PlaceChange).where(PlaceChange.request_id == request_id).order_by(PlaceChange.version.desc())
        return list(await self.session.scalars(versions))

    async def _tell(self, row: Request, person: PersonVault, *, by: str = "") -> None:
        kind, place = ("referral", row.place_id) if isinstance(row, ReferralRow) else ("refill", row.pharmacy_id)
        kept = {
            "key": row.key,
            "stage": row.stage,
            "asked": row.asked.isoformat(),
            "changed": row.changed.isoformat(),
            "by": by,
            "body": person.open(f"{kind}/{row.key}", row.sealed),
        }
        if isinstance(row, ReferralRow):
            kept |= {"day": row.day.isoformat() if row.day else None, "urgency": row.urgency}
            moments = {"since": row.since or row.asked, "reminded": row.reminded, "abort_asked": row.abort_asked}
            kept |= {name: moment.isoformat() for name, moment in moments.items() if moment is not None}
        else:
            kept |= {"runs_out": row.runs_out.isoformat()}
        change = PlaceChange(
            place_id=place,
            n=await self._next(place),
            kind=kind,
            request_id=row.id,
            version=row.version,
            patient_id=row.patient_id,
            stage=row.stage,
            at=row.changed,
            sealed=person.seal(_purpose(row.id, row.version), kept),
        )
        self.session.add(change)

    async def _next(self, place: str) -> int:
        """The place's next number; its row is held until the transaction ends."""
        bump = update(PlaceFeed).where(PlaceFeed.place_id == place).values(n=PlaceFeed.n + 1).returning(PlaceFeed.n)
        bump = bump.execution_options(synchronize_session=False)
        n = await self.session.scalar(bump)
        if n is None:
            try:
                async with self.session.begin_nested():  # another request to this place may be the first right now
                    self.session.add(PlaceFeed(place_id=place, n=0))
            except IntegrityError:
                pass
            n = await self.session.scalar(bump)
        assert n is not None
        return int(n)


def _purpose(request_id: str, version: int) -> str:
    return f"change/{request_id}/{version}"
