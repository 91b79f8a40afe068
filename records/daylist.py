"""A care team's day as one list of people: who is expected, and for whom tasks wait, in the order that matters, no record opened.

Rule 1: a person is one line; their most pressing job (a visit or a task) gives its place: urgent, then red patients, then what is
        overdue, then what is for this day; within each the worst tag and the earliest day first.
Rule 2: what nobody need do before a later day is ``later``: it is listed apart, and is not counted for this day.
Rule 3: a page begins behind the last line of the one before; the first brings the counts along, from the same reading of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.daylist_statements import ASKED, FINISHED, GROUPS, LATER, PEOPLE, SEEN, WHO, Asked, beginning, lines, tasks_of
from records.pages import BadCursor, Page, behind, cursor, number_in
from records.patients import Stated
from records.scope import Scope
from records.tables import TaskRow, VisitBooking
from records.tasks import Brief
from records.worklist import AHEAD

__all__ = ["ASKED", "GROUPS", "LATER", "VISITS", "Counts", "DayList", "Done", "Filter", "First", "Held", "Line", "Tally"]

_TOLD = 5 + len(WHO)  # columns
VISITS = "visits"  # of a list: only people who are expected
SEES_PATIENTS = ("health_manager", "coordinator")  # whose the visits are


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody for whom something is to be done. ``group``: of ``GROUPS``; ``due``: the earliest day; ``visit``: if expected.

    ``wrapped``: the person's key, None where they were forgotten; ``pinned``: pathways and their versions.
    """

    patient: Stated
    group: str
    due: date
    visit: bool
    wrapped: bytes | None
    pinned: Sequence[tuple[str, str]]

    @property
    def patient_id(self) -> str:
        return self.patient.id


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs: of a role (with what ``caller`` has taken), or of these kinds of tasks; all of the team's unless given.

    ``only``: one of ``GROUPS``, or ``VISITS``; else all that is for the day.
    """

    role: str = ""
    caller: str = ""
    kinds: tuple[str, ...] = ()
    only: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """What the list holds. Whoever waits for an answer waits, whatever day it is due."""
        if self.only in GROUPS:
            return (self.only,)
        return GROUPS if self.kinds else GROUPS[:LATER]

    @property
    def asked(self) -> Asked:
        """By which statement the list is read."""
        visits = not self.kinds and (not self.role or self.role in SEES_PATIENTS)
        ranks = tuple(GROUPS.index(group) for group in self.groups)
        return Asked(bool(self.role), self.kinds, visits, ranks, self.only == VISITS)


@dataclass(frozen=True, slots=True)
class Counts:
    """People of a list by group; ``visits``: of them, who is expected; ``asked``: of the whole team, who wrote and waits."""

    by_group: dict[str, int] = field(default_factory=dict)
    visits: int = 0
    asked: int = 0

    @property
    def later(self) -> int:
        return self.by_group.get(GROUPS[LATER], 0)

    @property
    def now(self) -> int:
        """For the day itself."""
        return sum(self.by_group.values()) - self.later


@dataclass(frozen=True, slots=True)
class Tally:
    """How much a team has done on a day: patients seen, tasks finished."""

    visits: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Done:
    """What was done for somebody on a day. ``wrapped``: the person's key, None where they were forgotten."""

    patient: Stated
    wrapped: bytes | None
    seen: bool
    tasks: Sequence[TaskRow]


@dataclass(frozen=True, slots=True)
class First:
    """The beginning of a list, and what there is of all."""

    page: Page[Line]
    counts: Counts
    done: Tally


@dataclass(frozen=True, slots=True)
class Held:
    """A line with its tasks, most pressing first, each with its group."""

    line: Line
    tasks: Sequence[tuple[str, Brief]]

    @property
    def patient(self) -> Stated:
        return self.line.patient


@dataclass(frozen=True)
class DayList:
    """One team's list for one day, within one transaction."""

    session: AsyncSession
    team: str
    on: date

    async def first(self, chosen: Filter, *, limit: int, since: datetime) -> First:
        """The first lines and all the counts. ``since``: when the day began."""
        rows = (
            await self.session.execute(beginning(chosen.asked), self._given(chosen) | {"limit": limit + 1, "since": since})
        ).all()
        one = rows[0]
        by_group = {group: int(count) for group, count in zip(GROUPS, one[: len(GROUPS)], strict=True) if count}
        counts = Counts(by_group, int(one.visits or 0), int(one.asked or 0))
        return First(_page([row for row in rows if row.patient_id is not None], limit), counts, Tally(one.seen, one.finished))

    async def page(self, chosen: Filter, *, limit: int, after: str | None = None) -> Page[Line]:
        """Lines in order. Raises BadCursor."""
        given = self._given(chosen) | {"limit": limit + 1}
        last = behind(after, 4)
        if last is not None:
            try:
                place = {"rank_": number_in(last[0]), "tag_": number_in(last[1]), "due_": date.fromisoformat(last[2])}
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            given |= place | {"id_": last[3]}
        asked = lines(chosen.asked, behind_another=last is not None)
        return _page((await self.session.execute(asked, given)).all(), limit)

    async def held(self, scope: Scope, chosen: Filter, lines: Sequence[Line]) -> list[Held]:
        """The lines with what is to be done for each, in their order; whom the caller may not see is left out."""
        seen = [line for line in lines if scope.covers_team(line.patient.care_team_id)]
        if not seen:
            return []
        ids = {"ids": sorted(line.patient_id for line in seen)}
        tasks: dict[str, list[tuple[str, Brief]]] = {}
        for rank, *task in await self.session.execute(tasks_of(chosen.asked), self._given(chosen) | ids):
            tasks.setdefault(task[0], []).append((GROUPS[rank], Brief(*task)))
        return [Held(line, tasks.get(line.patient_id, ())) for line in seen]

    async def finished(self, scope: Scope, *, since: datetime, limit: int) -> list[Done]:
        """Who was seen on the day, and whose tasks were finished in the 24 hours from ``since``: the first ``limit`` of each."""
        given = {"team": self.team, "on": self.on, "since": since, "until": since + timedelta(days=1), "limit": limit}
        seen = set(await self.session.scalars(SEEN, given))
        tasks: dict[str, list[TaskRow]] = {}
        for task in await self.session.scalars(FINISHED, given):
            tasks.setdefault(task.patient_id, []).append(task)
        if not seen and not tasks:
            return []
        rows = await self.session.execute(PEOPLE, {"ids": sorted(seen | tasks.keys())})
        people = [(Stated(*row), wrapped) for wrapped, _, *row in rows]
        return [
            Done(one, wrapped, one.id in seen, tasks.get(one.id, ()))
            for one, wrapped in people
            if scope.covers_team(one.care_team_id)
        ]

    async def following(self) -> tuple[date, int] | None:
        """The next day on which somebody is expected, and how many are."""
        booked = select(VisitBooking.day, func.count()).where(VisitBooking.care_team_id == self.team, VisitBooking.day > self.on)
        row = (await self.session.execute(booked.group_by(VisitBooking.day).order_by(VisitBooking.day).limit(1))).first()
        return None if row is None else (row[0], row[1])

    def _given(self, chosen: Filter) -> dict[str, Any]:
        given = {"team": self.team, "on": self.on, "ahead": self.on + AHEAD}
        return given | ({"role": chosen.role, "caller": chosen.caller} if chosen.role else {})


def _pinned(written: str | None) -> list[tuple[str, str]]:
    """``hypertension 5f0c...,diabetes 77ab...`` as pathways with their versions, by name."""
    return sorted((pathway, version) for one in (written or "").split(",") if one for pathway, version in [one.split(" ")])


def _page(rows: Sequence[Any], limit: int) -> Page[Line]:
    """Of rows that end with a line and who it is."""
    shown = [_line(*row[-_TOLD:]) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(shown, None)
    end = rows[limit - 1]
    return Page(shown, cursor(str(end.rank), str(end.tag), end.due.isoformat(), end.patient_id))


def _line(rank: int, _: int, due: date, __: str, visit: int, wrapped: bytes | None, follows: str | None, *patient: Any) -> Line:
    return Line(Stated(*patient), GROUPS[rank], due, bool(visit), wrapped, _pinned(follows))
