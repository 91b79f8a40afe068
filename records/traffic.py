"""Messages counted by the hour in which they were due, by channel and care team.

Rule 1: an hour is counted whole and written over, so that counting twice changes nothing.
Rule 2: whoever compares hours reads these rows, never the deliveries.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import Attempt, Delivery, EventRow, Patient, Traffic

HOUR = timedelta(hours=1)
WAITING = ("planned", "attempting")
ARRIVED, LOST = ("delivered", "read"), ("undelivered", "failed")
COUNTED = ("due", "waiting", "handed", "unknown", "failed", "dropped", "arrived", "lost")
Counts = Mapping[str, int]  # by the words of COUNTED


def hour_of(moment: datetime) -> datetime:
    """The hour that ``moment`` lies in, by its beginning, UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class TrafficCounts:
    """Traffic of one transaction."""

    session: AsyncSession

    async def count(self, hour: datetime) -> int:
        """Count the messages that were due in this hour, and keep it; answers how many."""
        found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        query = (
            select(Delivery.channel, Patient.care_team_id, Delivery.status, Delivery.arrived, func.count())
            .join(Patient, Patient.id == Delivery.patient_id)
            .where(Delivery.kind == "message", Delivery.planned >= hour, Delivery.planned < hour + HOUR)
            .group_by(Delivery.channel, Patient.care_team_id, Delivery.status, Delivery.arrived)
        )
        for channel, team, status, arrived, many in await self.session.execute(query):
            counts = found[channel, team]
            counts["due"] += many
            counts["waiting" if status in WAITING else status] += many
            if arrived in ARRIVED + LOST:
                counts["arrived" if arrived in ARRIVED else "lost"] += many
        await self.session.execute(delete(Traffic).where(Traffic.hour == hour))
        rows = [
            {"hour": hour, "channel": channel, "care_team_id": team, **{what: counts[what] for what in COUNTED}}
            for (channel, team), counts in found.items()
        ]
        if rows:
            await self.session.execute(insert(Traffic), rows)
        return sum(counts["due"] for counts in found.values())

    async def by_team(self, hours: Collection[datetime], teams: Collection[str]) -> dict[str, int]:
        """How many messages of these hours were due, by care team; one that had none is left out."""
        query = select(Traffic.care_team_id, func.sum(Traffic.due)).where(Traffic.hour.in_(sorted(hours)))
        query = query.where(Traffic.care_team_id.in_(sorted(teams))).group_by(Traffic.care_team_id)
        return {team: int(due) for team, due in await self.session.execute(query)}

    async def by_channel(self, since: datetime, until: datetime) -> dict[str, Counts]:
        """What was counted from one hour to before another, by channel."""
        sums = [func.sum(getattr(Traffic, what)) for what in COUNTED]
        query = select(Traffic.channel, *sums).where(Traffic.hour >= since, Traffic.hour < until).group_by(Traffic.channel)
        return {row[0]: dict(zip(COUNTED, map(int, row[1:]), strict=True)) for row in await self.session.execute(query)}

    async def begun(self) -> datetime | None:
        """The first hour of which something is kept."""
        first: datetime | None = await self.session.scalar(select(func.min(Traffic.hour)))
        return first

    async def newest(self) -> datetime | None:
        """The last hour of which something is kept."""
        last: datetime | None = await self.session.scalar(select(func.max(Traffic.hour)))
        return last

    async def first_due(self, since: datetime, until: datetime) -> datetime | None:
        """When the first message was due from one moment to before another, counted or not."""
        query = select(func.min(Delivery.planned))
        query = query.where(Delivery.kind == "message", Delivery.planned >= since, Delivery.planned < until)
        first: datetime | None = await self.session.scalar(query)
        return first

    async def taken(self, since: datetime, until: datetime) -> dict[str, Counts]:
        """Of the tries between two moments that a provider took, by channel: how many (``handed``), ``arrived``, ``lost``.

        A text that went another way afterwards is counted for the way that lost it, too.
        """
        query = select(Attempt.channel, Attempt.status, Attempt.arrived, func.count()).where(
            Attempt.status.in_(("taken", "refused")), Attempt.at >= since, Attempt.at < until
        )
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for channel, status, arrived, many in await self.session.execute(
            query.group_by(Attempt.channel, Attempt.status, Attempt.arrived)
        ):
            if status == "taken" or arrived in LOST:  # else it was refused at the door
                found[channel]["handed"] += many
                found[channel]["arrived"] += many * (arrived in ARRIVED)
                found[channel]["lost"] += many * (arrived in LOST)
        return {channel: counts for channel, counts in found.items()}

    async def answers(self, since: datetime, until: datetime) -> int:
        """How many texts came in from patients."""
        query = select(func.count()).select_from(EventRow)
        query = query.where(EventRow.kind == "answer_received", EventRow.at >= since, EventRow.at < until)
        return (await self.session.scalar(query)) or 0
