"""Tasks: what people of a care team are asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, case, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor
from records.scope import Scope
from records.tables import Patient, TaskRow

RED_FIRST = case({"red": 0, "yellow": 1, "green": 2}, value=Patient.tag, else_=1)


@dataclass(frozen=True)
class Tasks:
    """Tasks of one transaction."""

    session: AsyncSession

    async def page(
        self,
        scope: Scope,
        *,
        status: str | None = "open",
        kind: str | None = None,
        by: str | None = None,
        limit: int,
        after: str | None = None,
    ) -> Page[TaskRow]:
        """Tasks by the day they are due. Raises BadCursor."""
        query = _seen_by(scope, select(TaskRow)).order_by(TaskRow.due, TaskRow.patient_id, TaskRow.key).limit(limit + 1)
        for column, wanted in ((TaskRow.status, status), (TaskRow.kind, kind), (TaskRow.by, by)):
            if wanted is not None:
                query = query.where(column == wanted)
        key = behind(after, 3)
        if key is not None:
            try:
                last = tuple_(literal(date.fromisoformat(key[0])), literal(key[1]), literal(key[2]))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(tuple_(TaskRow.due, TaskRow.patient_id, TaskRow.key) > last)
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].due.isoformat(), shown[-1].patient_id, shown[-1].key) if len(found) > limit else None)

    async def due(self, scope: Scope, *, team: str | None, until: date, limit: int) -> list[TaskRow]:
        """Open tasks due up to ``until``: urgent first, red patients first, longest overdue first."""
        query = (
            _seen_by(scope, select(TaskRow))
            .join(Patient, Patient.id == TaskRow.patient_id)
            .where(TaskRow.status == "open", TaskRow.due <= until)
            .order_by(TaskRow.urgent.desc(), RED_FIRST, TaskRow.due, TaskRow.patient_id, TaskRow.key)
            .limit(limit)
        )
        if team is not None:
            query = query.where(TaskRow.care_team_id == team)
        return list(await self.session.scalars(query))

    async def of(self, patient_id: str) -> Sequence[TaskRow]:
        """The open tasks of one patient, by the day they are due."""
        open_ = select(TaskRow).where(TaskRow.patient_id == patient_id, TaskRow.status == "open")
        return list(await self.session.scalars(open_.order_by(TaskRow.due, TaskRow.key)))

    async def one(self, scope: Scope, patient_id: str, key: str) -> TaskRow | None:
        """The task, if the caller may see it."""
        task = await self.session.get(TaskRow, (patient_id, key))
        return task if task is not None and scope.covers_team(task.care_team_id) else None

    async def hand_to(self, team: str, *, patient_id: str) -> None:
        """The open tasks of a patient who has moved are the new team's."""
        of_patient = update(TaskRow).where(TaskRow.patient_id == patient_id, TaskRow.status == "open")
        await self.session.execute(of_patient.values(care_team_id=team))


def finish(task: TaskRow, outcome: str, *, at: datetime) -> None:
    """Somebody did it."""
    task.status, task.outcome, task.closed = "done", outcome, at


def _seen_by(scope: Scope, query: Select[TaskRow]) -> Select[TaskRow]:
    return scope.of_teams(query, TaskRow.care_team_id)
