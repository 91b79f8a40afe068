"""A care team's day as one list: visits that are expected and tasks that wait, in the order that matters, without opening a record.

Rule 1: the lines are the worklist's own (``records.worklist``); only their order is one: urgent, then red patients, then what is
        overdue, then what is for this day, then what may be done ahead; within each the worst tag and the earliest day first.
Rule 2: a page begins behind the last line of the one before, so that it costs what it shows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, Select, String, case, func, literal, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import BadCursor, Page, behind, cursor, number_in
from records.scope import Scope
from records.tables import Patient, TaskRow, VisitBooking
from records.tasks import RED_FIRST, ready
from records.worklist import ACTIVE, AHEAD

GROUPS = ("urgent", "red", "overdue", "today", "ahead")
#: Tasks that somebody who wrote, or sent a reading, waits for.
ASKED = ("read_answer", "call_about_reading", "urgent_call", "new_number_danger", "ask_about_pause")
SEES_PATIENTS = ("health_manager", "coordinator")  # whose the visits are


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list: a visit (without ``key``) or a task. ``group``: of ``GROUPS``; ``due``: of a visit its day, or before."""

    patient_id: str
    key: str
    group: str
    due: date

    @property
    def is_visit(self) -> bool:
        return not self.key


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines: of a role (with what ``caller`` has taken), or of these kinds of tasks; all of the team's unless given."""

    role: str = ""
    caller: str = ""
    kinds: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines of a list by group; ``visits`` among them; ``asked``: of the whole team, who wrote and waits."""

    by_group: dict[str, int] = field(default_factory=dict)
    visits: int = 0
    asked: int = 0

    @property
    def lines(self) -> int:
        return sum(self.by_group.values())


@dataclass(frozen=True, slots=True)
class Done:
    """What a team has done on a day: patients seen, tasks finished."""

    visits: int
    tasks: int


@dataclass(frozen=True)
class DayList:
    """One team's list for one day, within one transaction."""

    session: AsyncSession
    team: str
    on: date

    async def page(self, chosen: Filter, *, limit: int, after: str | None = None) -> Page[Line]:
        """Lines in order. Raises BadCursor."""
        lines = self._lines(chosen).subquery()
        order = (lines.c.rank, lines.c.tag, lines.c.due, lines.c.patient_id, lines.c.key)
        query = select(*order).order_by(*order).limit(limit + 1)
        last = behind(after, 5)
        if last is not None:
            try:
                place = (number_in(last[0]), number_in(last[1]), literal(date.fromisoformat(last[2]), Date()), last[3], last[4])
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(tuple_(*order) > tuple_(*place))
        found = list(await self.session.execute(query))
        shown = [Line(row.patient_id, row.key, GROUPS[row.rank], row.due) for row in found[:limit]]
        if len(found) <= limit:
            return Page(shown, None)
        end = found[limit - 1]
        return Page(shown, cursor(str(end.rank), str(end.tag), end.due.isoformat(), end.patient_id, end.key))

    async def counts(self, chosen: Filter) -> Counts:
        """How many lines there are."""
        lines = self._lines(chosen).subquery()
        is_visit = func.sum(case((lines.c.key == "", 1), else_=0))
        rows = await self.session.execute(select(lines.c.rank, func.count(), is_visit).group_by(lines.c.rank))
        found = {GROUPS[rank]: (count, int(visits)) for rank, count, visits in rows}
        waits = self._tasks(Filter(kinds=ASKED)).subquery()
        asked = await self.session.scalar(select(func.count()).select_from(waits)) or 0
        by_group = {group: found[group][0] for group in GROUPS if group in found}
        return Counts(by_group, sum(visits for _, visits in found.values()), asked)

    async def done(self, since: datetime) -> Done:
        """What was done on the day, which began at ``since``: patients of the team seen on it, and its tasks finished."""
        seen = select(func.count()).where(Patient.care_team_id == self.team, Patient.life == ACTIVE, Patient.last_visit == self.on)
        finished = select(func.count()).where(
            TaskRow.care_team_id == self.team, TaskRow.changed >= since, TaskRow.status == "done", TaskRow.closed >= since
        )
        return Done(await self.session.scalar(seen) or 0, await self.session.scalar(finished) or 0)

    async def following(self) -> tuple[date, int] | None:
        """The next day on which somebody is expected, and how many are."""
        booked = select(VisitBooking.day, func.count()).where(VisitBooking.care_team_id == self.team, VisitBooking.day > self.on)
        row = (await self.session.execute(booked.group_by(VisitBooking.day).order_by(VisitBooking.day).limit(1))).first()
        return None if row is None else (row[0], row[1])

    def _lines(self, chosen: Filter) -> Any:
        if chosen.kinds or (chosen.role and chosen.role not in SEES_PATIENTS):
            return self._tasks(chosen)
        return union_all(self._visits(), self._tasks(chosen))

    def _visits(self) -> Select[Any]:
        expected = select(VisitBooking.patient_id).where(VisitBooking.care_team_id == self.team, VisitBooking.day == self.on)
        due = case((Patient.follow_up_due < self.on, Patient.follow_up_due), else_=literal(self.on, Date()))
        rank = case((Patient.tag == "red", 1), (Patient.follow_up_due < self.on, 2), else_=3)
        line = select(
            Patient.id.label("patient_id"), literal("", String()).label("key"), rank.label("rank"), RED_FIRST.label("tag"),
            due.label("due"),
        )  # fmt: skip
        return line.where(Patient.id.in_(expected), Patient.life == ACTIVE)

    def _tasks(self, chosen: Filter) -> Select[Any]:
        rank = case(
            (TaskRow.urgent, 0), (Patient.tag == "red", 1), (TaskRow.due < self.on, 2), (TaskRow.due == self.on, 3), else_=4
        )
        line = select(
            TaskRow.patient_id.label("patient_id"), TaskRow.key.label("key"), rank.label("rank"), RED_FIRST.label("tag"),
            TaskRow.due.label("due"),
        )  # fmt: skip
        query = line.join(Patient, Patient.id == TaskRow.patient_id).where(
            TaskRow.care_team_id == self.team, TaskRow.status == "open", ready(self.on, ahead=self.on + AHEAD)
        )
        if chosen.kinds:
            query = query.where(TaskRow.kind.in_(sorted(chosen.kinds)))
        if chosen.role:
            query = query.where((TaskRow.by == chosen.role) | (TaskRow.claimed_by == chosen.caller))
        return query


async def rows_of(
    session: AsyncSession, scope: Scope, lines: Collection[Line]
) -> tuple[dict[str, Patient], dict[tuple[str, str], TaskRow]]:
    """The patients and the tasks of these lines that the caller may see, in two queries."""
    ids = sorted({line.patient_id for line in lines})
    keys = {(line.patient_id, line.key) for line in lines if not line.is_visit}
    people = scope.of_teams(select(Patient).where(Patient.id.in_(ids)), Patient.care_team_id)
    patients = {patient.id: patient for patient in await session.scalars(people)}
    tasks: dict[tuple[str, str], TaskRow] = {}
    if keys:
        # Not by pairs: SQLite reads the whole table for them. A key is somebody else's but rarely, and is left out here.
        named = TaskRow.patient_id.in_(ids) & TaskRow.key.in_(sorted({key for _, key in keys}))
        found = await session.scalars(scope.of_teams(select(TaskRow).where(named), TaskRow.care_team_id))
        tasks = {(task.patient_id, task.key): task for task in found if (task.patient_id, task.key) in keys}
    return patients, tasks
