"""What texts cost: those that a provider took, by day, channel and care team.

Rule 1: a day is counted whole and written over, so that counting twice changes nothing.
Rule 2: a text that a provider took is billed, whatever became of it later; one that it refused is not.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import String, cast, delete, func, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import Page, behind, cursor
from records.scope import Scope
from records.tables import Attempt, Patient, Usage

TAKEN = ("taken", "refused")  # those refused later, after they were taken, have the provider's id
By = Literal["day", "month"]
LENGTH = {"day": 10, "month": 7}  # of 2025-03-03


@dataclass(frozen=True, slots=True)
class Used:
    """Of a day or month (``2025-03``): ``cost`` in millionths of ``currency``; no currency: no price is known."""

    of: str
    channel: str
    care_team: str
    currency: str
    texts: int
    segments: int
    cost: int


@dataclass(frozen=True)
class UsageCounts:
    """Usage of one transaction."""

    session: AsyncSession

    async def count(self, days: Collection[date]) -> int:
        """Count what was sent on these days (UTC), and keep it; answers how many texts."""
        return sum([await self._count(day) for day in sorted(days)])

    async def _count(self, day: date) -> int:
        begins = datetime.combine(day, time(), UTC)
        query = (
            select(
                Attempt.channel,
                Patient.care_team_id,
                Attempt.currency,
                func.count(),
                func.coalesce(func.sum(Attempt.segments), 0),
                func.coalesce(func.sum(Attempt.cost), 0),
            )
            .join(Patient, Patient.id == Attempt.patient_id)
            .where(Attempt.status.in_(TAKEN), Attempt.at >= begins, Attempt.at < begins + timedelta(days=1))
            .where(Attempt.provider_id.is_not(None))
            .group_by(Attempt.channel, Patient.care_team_id, Attempt.currency)
        )
        names = ("channel", "care_team_id", "currency", "texts", "segments", "cost")
        found: list[tuple[Any, ...]] = [tuple(row) for row in await self.session.execute(query)]
        rows = [{"day": day, **dict(zip(names, row, strict=True))} for row in found]
        await self.session.execute(delete(Usage).where(Usage.day == day))
        if rows:
            await self.session.execute(insert(Usage), rows)
        return sum(row[3] for row in found)

    async def page(
        self, scope: Scope, first: date, last: date, *, by: By, team: str | None = None, limit: int, after: str | None = None
    ) -> Page[Used]:
        """Of ``first`` to ``last``, both inclusive, in the order of days, teams and channels. Raises BadCursor."""
        of = func.substr(cast(Usage.day, String), 1, LENGTH[by])
        key = (of, Usage.care_team_id, Usage.channel, Usage.currency)
        sums = (func.sum(Usage.texts), func.sum(Usage.segments), func.sum(Usage.cost))
        query = scope.of_teams(select(*key, *sums), Usage.care_team_id).where(Usage.day >= first, Usage.day <= last)
        if team is not None:
            query = query.where(Usage.care_team_id == team)
        if (seen := behind(after, len(key))) is not None:
            query = query.where(tuple_(*key) > tuple_(*map(literal, seen)))
        found = list(await self.session.execute(query.group_by(*key).order_by(*key).limit(limit + 1)))
        shown = [
            Used(of, channel, care_team, currency, int(texts), int(segments), int(cost))
            for of, care_team, channel, currency, texts, segments, cost in found[:limit]
        ]
        end = found[limit - 1][: len(key)] if len(found) > limit else None
        return Page(shown, cursor(*map(str, end)) if end is not None else None)
