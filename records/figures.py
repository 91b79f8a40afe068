"""Counts by care team, made once in a while so that no page counts a city; a page adds up the teams it may see.

Rule: a count reads each table once and by its index; what is done and over is counted only as far back as it is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.tables import CareTeam, Delivery, EventRow, Figures, Patient, ReferralRow, RefillRow, TaskRow

ACTIVE = "active"
LATELY = timedelta(days=30)
DONE = ("visit_completed", "call_made", "answer_received", "dispensed")
HANGING = ("planned", "attempting", "unknown")


@dataclass(frozen=True)
class TeamFigures:
    """Makes the figures of every care team, within one transaction.

    A team's ``body`` holds mappings of code to count: patients_by_life, patients_by_tag and patients_by_reach (those in care),
    open_tasks (by kind), overdue_tasks (by kind), referrals and refills (by stage), messages (waiting or unknown, by status),
    done (events of the last thirty days, by kind).
    """

    session: AsyncSession
    now: datetime
    _found: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)), repr=False)

    async def make(self) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
        """Figures by care team, then by name, then by code."""
        for what, column in (("life", Patient.life), ("tag", Patient.tag), ("reach", Patient.reach)):
            query = select(Patient.care_team_id, column, func.count()).group_by(Patient.care_team_id, column)
            await self._add(f"patients_by_{what}", query if what == "life" else query.where(Patient.life == ACTIVE))
        tasks = select(TaskRow.care_team_id, TaskRow.kind, func.count()).where(TaskRow.status == "open")
        tasks = tasks.group_by(TaskRow.care_team_id, TaskRow.kind)
        await self._add("open_tasks", tasks)
        await self._add("overdue_tasks", tasks.where(TaskRow.due < self.now.date()))
        await self._add("referrals", _of_patients(ReferralRow.stage, ReferralRow.patient_id))
        await self._add("refills", _of_patients(RefillRow.stage, RefillRow.patient_id))
        hanging = _of_patients(Delivery.status, Delivery.patient_id)
        await self._add("messages", hanging.where(Delivery.kind == "message", Delivery.status.in_(HANGING)))
        done = _of_patients(EventRow.kind, EventRow.patient_id)
        await self._add("done", done.where(EventRow.kind.in_(DONE), EventRow.at >= self.now - LATELY))
        return self._found

    async def _add(self, name: str, query: Select[*tuple[Any, ...]]) -> None:
        for team, code, count in await self.session.execute(query):
            self._found[team][name][str(code or "none")] = count


def _of_patients(column: InstrumentedAttribute[str], patient: InstrumentedAttribute[str]) -> Select[*tuple[Any, ...]]:
    query = select(Patient.care_team_id, column, func.count()).join(Patient, Patient.id == patient)
    return query.group_by(Patient.care_team_id, column)


async def keep(session: AsyncSession, made: Mapping[str, Mapping[str, Mapping[str, int]]], *, now: datetime) -> int:
    """Replace every team's figures; answers how many teams there are."""
    teams = list(await session.scalars(select(CareTeam.id).order_by(CareTeam.id)))
    await session.execute(delete(Figures))
    if teams:
        await session.execute(insert(Figures), [{"place": team, "at": now, "body": made.get(team, {})} for team in teams])
    return len(teams)
