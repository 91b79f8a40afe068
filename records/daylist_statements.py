"""What the day's list asks the database (``records.daylist``).

Rule: a statement is made once for each kind of list, as making one costs as much as asking it; what changes is bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    Date,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from records.patients import Stated
from records.tables import Enrolment, Moment, Patient, PersonKey, TaskRow, VisitBooking
from records.tasks import RED_FIRST, Brief
from records.worklist import ACTIVE

GROUPS = ("urgent", "red", "overdue", "today", "later")
LATER = len(GROUPS) - 1
#: Tasks that somebody who wrote, or sent a reading, waits for.
ASKED = ("read_answer", "call_about_reading", "urgent_call", "new_number_danger", "ask_about_pause")

_ON, _AHEAD = bindparam("on", type_=Date()), bindparam("ahead", type_=Date())
_TEAM, _IDS = bindparam("team", type_=String()), bindparam("ids", type_=String(), expanding=True)
_READY_ON = func.coalesce(TaskRow.postponed_to, TaskRow.due)
#: A task of somebody who is another team's is not lost by it.
_WHOSE = and_(Patient.id == TaskRow.patient_id, Patient.care_team_id == _TEAM)
_RANK = case(
    (TaskRow.urgent, 0), (_READY_ON > _ON, LATER), (Patient.tag == "red", 1), (TaskRow.due < _ON, 2), else_=3
)  # fmt: skip
_OPEN = and_(
    TaskRow.care_team_id == _TEAM,
    TaskRow.status == "open",
    # Up to ``ahead`` days before it is due; what was put off comes on its day.
    or_(TaskRow.postponed_to.is_(None) & (TaskRow.due <= _AHEAD), TaskRow.postponed_to <= _ON),
)

_SINCE, _LIMIT = bindparam("since", type_=Moment()), bindparam("limit", type_=Integer())
_SEEN = and_(Patient.care_team_id == _TEAM, Patient.life == ACTIVE, Patient.last_visit == _ON)
_FINISHED = and_(TaskRow.care_team_id == _TEAM, TaskRow.changed >= _SINCE, TaskRow.status == "done", TaskRow.closed >= _SINCE)
SEEN = select(Patient.id).where(_SEEN).order_by(Patient.id).limit(_LIMIT)
FINISHED = (
    select(TaskRow)
    .where(_FINISHED, TaskRow.closed < bindparam("until", type_=Moment()))
    .order_by(TaskRow.changed, TaskRow.patient_id, TaskRow.key)
    .limit(_LIMIT)
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A kind of list. ``role``: only a role's tasks and what the caller has taken; ``kinds``: only these, unless empty.

    ``visits``: with who is expected; ``ranks``: which groups, by their place; ``expected``: nobody else.
    """

    role: bool
    kinds: tuple[str, ...]
    visits: bool
    ranks: tuple[int, ...]
    expected: bool


def _wanted(role: bool, kinds: tuple[str, ...]) -> Any:
    """The condition that a task is of the list."""
    if kinds:
        return TaskRow.kind.in_(sorted(kinds))
    if not role:
        return true()
    return (TaskRow.by == bindparam("role", type_=String())) | (TaskRow.claimed_by == bindparam("caller", type_=String()))


def _visits() -> Select[Any]:
    overdue = Patient.follow_up_due < _ON
    return (
        select(
            Patient.id.label("patient_id"), case((Patient.tag == "red", 1), (overdue, 2), else_=3).label("rank"),
            RED_FIRST.label("tag"), case((overdue, Patient.follow_up_due), else_=_ON).label("due"),
            literal(1).label("visit"), literal(0).label("asked"),
        )
        .join(VisitBooking, VisitBooking.patient_id == Patient.id)
        .where(VisitBooking.care_team_id == _TEAM, VisitBooking.day == _ON, Patient.life == ACTIVE)
    )  # fmt: skip


def _tasks(role: bool, kinds: tuple[str, ...]) -> Select[Any]:
    """Every open task: those that are of another list have no rank, and only say who waits for an answer."""
    wanted = _wanted(role, kinds)
    return (
        select(
            TaskRow.patient_id, case((wanted, _RANK), else_=null()), RED_FIRST, case((wanted, TaskRow.due), else_=null()),
            literal(0), case((TaskRow.kind.in_(ASKED), 1), else_=0),
        )
        .select_from(TaskRow)
        .outerjoin(Patient, _WHOSE)
        .where(_OPEN)
    )  # fmt: skip


@cache
def _persons(role: bool, kinds: tuple[str, ...], visits: bool) -> CTE:
    jobs = (union_all(_visits(), _tasks(role, kinds)) if visits else _tasks(role, kinds).subquery().select()).subquery("job")
    patient_id, rank, tag, due, visit, asked = jobs.c
    return (
        select(
            patient_id.label("patient_id"), func.min(rank).label("rank"), func.min(tag).label("tag"),
            func.min(due, type_=Date()).label("due"), func.max(visit).label("visit"), func.max(asked).label("asked"),
        )
        .group_by(patient_id)
        .cte("person")
    )  # fmt: skip


@cache
def lines(asked: Asked, *, behind_another: bool = False) -> Select[Any]:
    """People in order; ``behind_another`` binds the last line of the page before (``rank_``, ``tag_``, ``due_``, ``id_``)."""
    person = _persons(asked.role, asked.kinds, asked.visits)
    order = (person.c.rank, person.c.tag, person.c.due, person.c.patient_id)
    query = select(*order, person.c.visit).order_by(*order).limit(_LIMIT)
    query = query.where(person.c.rank.in_(asked.ranks))
    if asked.expected:
        query = query.where(person.c.visit == 1)
    if behind_another:
        last = (bindparam("rank_", type_=Integer()), bindparam("tag_", type_=Integer()))
        query = query.where(tuple_(*order) > tuple_(*last, bindparam("due_", type_=Date()), bindparam("id_", type_=String())))
    return query


@cache
def beginning(asked: Asked) -> Select[Any]:
    """The counts beside each of the first lines, or alone."""
    person = _persons(asked.role, asked.kinds, asked.visits)
    ranks = [func.sum(case((person.c.rank == rank, 1), else_=0)).label(group) for rank, group in enumerate(GROUPS)]
    seen, finished = select(func.count()).where(_SEEN), select(func.count()).where(_FINISHED)
    total = select(
        *ranks, func.sum(person.c.visit).label("visits"), func.sum(person.c.asked).label("asked"),
        seen.scalar_subquery().label("seen"), finished.scalar_subquery().label("finished"),
    ).subquery("total")  # fmt: skip
    line = lines(asked).subquery("line")
    return select(*total.c, *line.c).select_from(total.outerjoin(line, true())).order_by(*list(line.c)[:4])


@cache
def tasks_of(asked: Asked) -> Select[Any]:
    """The tasks of these people (``ids``), each with its rank, most pressing first."""
    rank = _RANK.label("rank")
    waiting = select(rank, *Brief.columns()).select_from(TaskRow).outerjoin(Patient, _WHOSE)
    waiting = waiting.where(TaskRow.patient_id.in_(_IDS), _OPEN)
    return waiting.where(_wanted(asked.role, asked.kinds)).order_by(rank, TaskRow.due, TaskRow.key)


_FOLLOWS = (
    select(func.aggregate_strings(Enrolment.pathway + " " + Enrolment.version, ","))
    .where(Enrolment.patient_id == Patient.id)
    .scalar_subquery()
)
PEOPLE = (
    select(PersonKey.wrapped, _FOLLOWS, *Stated.columns())
    .select_from(Patient)
    .outerjoin(PersonKey, PersonKey.patient_id == Patient.id)
    .where(Patient.id.in_(_IDS))
)  # fmt: skip
