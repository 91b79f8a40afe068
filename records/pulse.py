"""The pulse of a care team: a number that goes up whenever its worklist changes, so that whoever watches it need not read it.

Rule: it is touched in the transaction that changes the work, and last in it: teams are busy, and its row is held until the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import TeamPulse

#: The same words on both databases.
TOUCH = text(
    "INSERT INTO team_pulse (care_team_id, n) VALUES (:team, 1) ON CONFLICT (care_team_id) DO UPDATE SET n = team_pulse.n + 1"
)


async def touch(session: AsyncSession, *teams: str) -> None:
    """The worklists of these teams have changed. In one order for everybody, so that no two wait for each other."""
    for team in sorted(set(teams)):
        await session.execute(TOUCH, {"team": team})


@dataclass(frozen=True)
class Pulse:
    """Pulses within one transaction."""

    session: AsyncSession

    async def of(self, team: str) -> int:
        """The team's pulse; 0 where nothing has ever changed."""
        return (await self.of_all([team])).get(team, 0)

    async def of_all(self, teams: Iterable[str]) -> Mapping[str, int]:
        """The pulse of each of these teams, in one query; a team of which nothing has ever changed is left out."""
        query = select(TeamPulse.care_team_id, TeamPulse.n).where(TeamPulse.care_team_id.in_(sorted(set(teams))))
        return {team: n for team, n in await self.session.execute(query)}
