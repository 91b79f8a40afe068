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
    FromClause,
    Integer,
    Select,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from records.fixed import code, number
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
    (TaskRow.urgent, number(0)), (_READY_ON > _ON, number(LATER)), (Patient.tag == code("red"), number(1)),
    (TaskRow.due < _ON, number(2)), else_=number(3),
)  # fmt: skip
_OPEN = and_(
    TaskRow.care_team_id == _TEAM,
    TaskRow.status == code("open"),
    # Up to ``ahead`` days before it is due; what was put off comes on its day.
    or_(TaskRow.postponed_to.is_(None) & (TaskRow.due <= _AHEAD), TaskRow.postponed_to <= _ON),
)

_OVERDUE = Patient.follow_up_due < _ON
_RANK_OF_VISIT = case((Patient.tag == code("red"), number(1)), (_OVERDUE, number(2)), else_=number(3))

_SINCE, _LIMIT = bindparam("since", type_=Moment()), bindparam("limit", type_=Integer())
_SEEN = and_(Patient.care_team_id == _TEAM, Patient.life == code(ACTIVE), Patient.last_visit == _ON)
_FINISHED = and_(TaskRow.care_team_id == _TEAM, TaskRow.changed >= _SINCE, TaskRow.status == code("done"), TaskRow.closed >= _SINCE)
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
        return TaskRow.kind.in_([code(kind) for kind in sorted(kinds)])
    if not role:
        return true()
    return (TaskRow.by == bindparam("role", type_=String())) | (TaskRow.claimed_by == bindparam("caller", type_=String()))


def _visits() -> Select[Any]:
    return (
        select(
            Patient.id.label("patient_id"), _RANK_OF_VISIT.label("rank"),
            RED_FIRST.label("tag"), case((_OVERDUE, Patient.follow_up_due), else_=_ON).label("due"),
            number(1).label("visit"), number(0).label("asked"),
        )
        .join(VisitBooking, VisitBooking.patient_id == Patient.id)
        .where(VisitBooking.care_team_id == _TEAM, VisitBooking.day == _ON, Patient.life == code(ACTIVE))
    )  # fmt: skip


def _tasks(role: bool, kinds: tuple[str, ...]) -> Select[Any]:
    """Every open task: those that are of another list have no rank, and only say who waits for an answer."""
    wanted = _wanted(role, kinds)
    return (
        select(
            TaskRow.patient_id, case((wanted, _RANK), else_=null()).label("rank"), RED_FIRST.label("tag"),
            case((wanted, TaskRow.due), else_=null()).label("due"), number(0).label("visit"),
            case((TaskRow.kind.in_([code(one) for one in ASKED]), number(1)), else_=number(0)).label("asked"),
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


_FOLLOWS = (
    select(func.aggregate_strings(Enrolment.pathway + " " + Enrolment.version, ","))
    .where(Enrolment.patient_id == Patient.id)
    .scalar_subquery()
)
#: Of somebody: the wrapped key, what they follow, and their row.
WHO = (PersonKey.wrapped, _FOLLOWS, *Stated.columns())
PEOPLE = (
    select(*WHO)
    .select_from(Patient)
    .outerjoin(PersonKey, PersonKey.patient_id == Patient.id)
    .where(Patient.id.in_(_IDS))
)  # fmt: skip


def _lines(asked: Asked, *, behind_another: bool = False) -> Subquery:
    person = _persons(asked.role, asked.kinds, asked.visits)
    order = (person.c.rank, person.c.tag, person.c.due, person.c.patient_id)
    query = select(*order, person.c.visit).order_by(*order).limit(_LIMIT)
    query = query.where(person.c.rank.in_([number(rank) for rank in asked.ranks]))
    if asked.expected:
        query = query.where(person.c.visit == number(1))
    if behind_another:
        last = (bindparam("rank_", type_=Integer()), bindparam("tag_", type_=Integer()))
        query = query.where(tuple_(*order) > tuple_(*last, bindparam("due_", type_=Date()), bindparam("id_", type_=String())))
    return query.subquery("line")


def _told(line: Subquery, beside: FromClause | None = None) -> Select[Any]:
    """The lines in order, each with who it is; ``beside``: what stands beside each of them, and alone where there is none."""
    stands: FromClause = line if beside is None else beside.outerjoin(line, true())
    who = stands.outerjoin(Patient, Patient.id == line.c.patient_id).outerjoin(PersonKey, PersonKey.patient_id == Patient.id)
    columns = line.c if beside is None else (*beside.c, *line.c)
    return select(*columns, *WHO).select_from(who).order_by(*list(line.c)[:4])


@cache
def lines(asked: Asked, *, behind_another: bool = False) -> Select[Any]:
    """People in order; ``behind_another`` binds the last line of the page before (``rank_``, ``tag_``, ``due_``, ``id_``)."""
    return _told(_lines(asked, behind_another=behind_another))


@cache
def beginning(asked: Asked) -> Select[Any]:
    """The counts beside each of the first lines, or alone."""
    person = _persons(asked.role, asked.kinds, asked.visits)
    ranks = [
        func.sum(case((person.c.rank == number(rank), number(1)), else_=number(0))).label(group)
        for rank, group in enumerate(GROUPS)
    ]
    seen, finished = select(func.count()).where(_SEEN), select(func.count()).where(_FINISHED)
    total = select(
        *ranks, func.sum(person.c.visit).label("visits"), func.sum(person.c.asked).label("asked"),
        seen.scalar_subquery().label("seen"), finished.scalar_subquery().label("finished"),
    ).subquery("total")  # fmt: skip
    return _told(_lines(asked), total)


@cache
def tasks_of(asked: Asked) -> Select[Any]:
    """The tasks of these people (``ids``), each with its rank, most pressing first."""
    rank = _RANK.label("rank")
    waiting = select(rank, *Brief.columns()).select_from(TaskRow).outerjoin(Patient, _WHOSE)
    waiting = waiting.where(TaskRow.patient_id.in_(_IDS), _OPEN)
    return waiting.where(_wanted(asked.role, asked.kinds)).order_by(rank, TaskRow.due, TaskRow.key)
