"""The day's visits of a care team, and the counts a supervisor looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.scope import Scope
from records.tables import CareTeam, Delivery, EventRow, Patient, ReferralRow, RefillRow, TaskRow, VisitBooking
from records.tasks import RED_FIRST

ACTIVE = "active"


@dataclass(frozen=True)
class Worklist:
    """The worklist within one transaction."""

    session: AsyncSession

    async def visits(self, scope: Scope, *, team: str | None, on: date, limit: int) -> list[Patient]:
        """Patients expected on ``on`` whose visit has not been done, red ones first."""
        expected = scope.of_teams(select(VisitBooking.patient_id).where(VisitBooking.day == on), VisitBooking.care_team_id)
        if team is not None:
            expected = expected.where(VisitBooking.care_team_id == team)
        query = select(Patient).where(Patient.id.in_(expected), Patient.life == ACTIVE).order_by(RED_FIRST, Patient.id)
        return list(await self.session.scalars(query.limit(limit)))

    async def team(self, scope: Scope, team_id: str) -> CareTeam | None:
        """The team, if the caller may see it."""
        return await self.session.get(CareTeam, team_id) if scope.covers_team(team_id) else None

    async def teams(self, scope: Scope) -> list[CareTeam]:
        """The teams whose work the caller may see."""
        return list(await self.session.scalars(scope.of_teams(select(CareTeam), CareTeam.id).order_by(CareTeam.id)))


@dataclass(frozen=True)
class Counts:
    """Counts over the whole network, within one transaction."""

    session: AsyncSession

    async def patients_by(self, column: InstrumentedAttribute[Any]) -> dict[str, int]:
        """Patients by tag, life or reach; tag and reach of those in care only."""
        query = select(column, func.count()).select_from(Patient).group_by(column)
        return await self._counted(query if column is Patient.life else query.where(Patient.life == ACTIVE))

    async def open_tasks(self) -> dict[str, int]:
        """Open tasks by kind."""
        return await self._counted(select(TaskRow.kind, func.count()).where(TaskRow.status == "open").group_by(TaskRow.kind))

    async def overdue_tasks(self, *, on: date) -> int:
        """Open tasks due before ``on``."""
        late = select(func.count()).select_from(TaskRow).where(TaskRow.status == "open", TaskRow.due < on)
        return (await self.session.scalar(late)) or 0

    async def referrals(self) -> dict[str, int]:
        """Referrals by stage."""
        return await self._counted(select(ReferralRow.stage, func.count()).group_by(ReferralRow.stage))

    async def refills(self) -> dict[str, int]:
        """Refill requests by stage."""
        return await self._counted(select(RefillRow.stage, func.count()).group_by(RefillRow.stage))

    async def messages(self) -> dict[str, int]:
        """Messages to patients by what became of them."""
        sent = select(Delivery.status, func.count()).where(Delivery.kind == "message").group_by(Delivery.status)
        return await self._counted(sent)

    async def events(self, kind: str, *, since: Any) -> int:
        """How often something happened from the moment ``since`` on."""
        query = select(func.count()).select_from(EventRow).where(EventRow.kind == kind, EventRow.at >= since)
        return (await self.session.scalar(query)) or 0

    async def _counted(self, query: Any) -> dict[str, int]:
        return {str(name or "none"): count for name, count in await self.session.execute(query)}
