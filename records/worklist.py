"""The day's work of one care team: the visits that are expected, and the tasks that wait.

Rule: what it costs is the team's work; no query here reads beyond the team's own rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Generic, TypeVar

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.scope import Scope
from records.tables import CareTeam, Patient, TaskRow, VisitBooking
from records.tasks import RED_FIRST, ready

T = TypeVar("T")

ACTIVE = "active"
AHEAD = timedelta(days=7)  # a task is on the list so long before it is due

_NAMES = select(CareTeam.id, CareTeam.name).where(CareTeam.id.in_(bindparam("teams", expanding=True)))


@dataclass(frozen=True, slots=True)
class First(Generic[T]):
    """The first of what there is; ``more``: how many are behind them."""

    items: list[T]
    more: int


@dataclass(frozen=True)
class Worklist:
    """The worklist within one transaction."""

    session: AsyncSession

    async def visits(self, team: str, *, on: date, limit: int) -> First[Patient]:
        """Patients expected on ``on`` whose visit has not been done, red ones first."""
        expected = select(VisitBooking.patient_id).where(VisitBooking.care_team_id == team, VisitBooking.day == on)
        query = select(Patient).where(Patient.id.in_(expected), Patient.life == ACTIVE)
        return await self._first(query.order_by(RED_FIRST, Patient.id), limit)

    async def tasks(self, team: str, *, on: date, limit: int) -> First[TaskRow]:
        """Open tasks due up to a week later or put off until then: urgent first, red patients first, longest overdue first."""
        query = (
            select(TaskRow)
            .join(Patient, Patient.id == TaskRow.patient_id)
            .where(TaskRow.care_team_id == team, TaskRow.status == "open", ready(on, ahead=on + AHEAD))
            .order_by(TaskRow.urgent.desc(), RED_FIRST, TaskRow.due, TaskRow.patient_id, TaskRow.key)
        )
        return await self._first(query, limit)

    async def team(self, scope: Scope, team_id: str) -> CareTeam | None:
        """The team, if the caller may see it."""
        return await self.session.get(CareTeam, team_id) if scope.covers_team(team_id) else None

    async def teams(self, scope: Scope, *, limit: int | None = None) -> list[CareTeam]:
        """The teams whose work the caller may see, by id; the first ``limit`` where asked."""
        query = scope.of_teams(select(CareTeam), CareTeam.id).order_by(CareTeam.id)
        return list(await self.session.scalars(query if limit is None else query.limit(limit)))

    async def names(self, teams: Iterable[str]) -> dict[str, str]:
        """What these teams are called, by id."""
        wanted = sorted(set(teams))
        rows = (await self.session.execute(_NAMES, {"teams": wanted})).all() if wanted else []
        return {team: name for team, name in rows}

    async def _first(self, query: Select[T], limit: int) -> First[T]:
        found = list(await self.session.scalars(query.limit(limit + 1)))
        if len(found) <= limit:
            return First(found, 0)
        counted = select(func.count()).select_from(query.order_by(None).subquery())
        return First(found[:limit], ((await self.session.scalar(counted)) or limit) - limit)
