"""Referrals as the asked hospital sees them, and how they may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor
from records.scope import Scope
from records.tables import Moment, ReferralRow
from records.vault import PersonVault

_OPEN = frozenset({"requested", "received", "accepted", "booked"})

#: From which stages a referral may move to each stage.
MOVES: Mapping[str, frozenset[str]] = {
    "received": frozenset({"requested"}),
    "accepted": frozenset({"requested", "received"}),
    "refused": frozenset({"requested", "received", "accepted"}),
    "booked": _OPEN | {"not_attended"},
    "attended": _OPEN | {"not_attended"},
    "not_attended": frozenset({"accepted", "booked"}),
    "completed": _OPEN | {"attended"},
}


@dataclass(frozen=True)
class Referrals:
    """Referrals of one transaction."""

    session: AsyncSession

    async def page(self, scope: Scope, *, stage: str | None = None, limit: int, after: str | None = None) -> Page[ReferralRow]:
        """Referrals in the order in which they were asked for. Raises BadCursor."""
        query = select(ReferralRow).order_by(ReferralRow.asked, ReferralRow.id).limit(limit + 1)
        query = scope.of_requests(query, place=ReferralRow.place_id, patient=ReferralRow.patient_id)
        if stage is not None:
            query = query.where(ReferralRow.stage == stage)
        key = behind(after, 2)
        if key is not None:
            try:
                last = tuple_(literal(datetime.fromisoformat(key[0]), Moment()), literal(key[1]))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(tuple_(ReferralRow.asked, ReferralRow.id) > last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].asked.isoformat(), shown[-1].id) if len(found) > limit else None)

    async def one(self, scope: Scope, referral_id: str) -> ReferralRow | None:
        """The referral, if the caller may see it; one asked of another place looks like a missing one."""
        query = scope.of_requests(
            select(ReferralRow).where(ReferralRow.id == referral_id), place=ReferralRow.place_id, patient=ReferralRow.patient_id
        )
        return (await self.session.scalars(query)).first()


def told(person: PersonVault, row: ReferralRow) -> dict[str, Any]:
    """What the place was told: ``{pathway, row, inputs}``, and what it answered: ``{reason, report}``."""
    body: dict[str, Any] = person.open(f"referral/{row.key}", row.sealed)
    return body


def answer(person: PersonVault, row: ReferralRow, **said: str | None) -> None:
    """Keep what the place said, beside what it was told."""
    new = {name: text for name, text in said.items() if text}
    if new:
        row.sealed = person.seal(f"referral/{row.key}", {**told(person, row), **new})
