"""The people behind a number of the overview, a page at a time, in the order in which somebody would go after them.

Rule 1: a list counts as the number does: the same words, the same days.
Rule 2: each list walks one index; nobody is opened but those who are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.figures import ACTIVE, AHEAD, FAILING, LATELY, follow_up_is, in_week, seen_is
from records.pages import BadCursor, Page, behind, cursor, moment_in
from records.scope import Scope
from records.tables import Delivery, Moment, Patient, ReferralRow, RefillRow, TaskRow

Where = tuple[Sequence[ColumnElement[bool]], Sequence[Any]]  # what holds, and in which order


@dataclass(frozen=True, slots=True)
class Counted:
    """One of those whom a number counts. ``since``: the day that matters there: due, last seen, asked; None where there is none."""

    patient: Patient
    since: date | None


class NoSuchNumber(ValueError):
    """There is no number of this name."""


@dataclass(frozen=True)
class PeopleBehind:
    """Lists of one transaction. ``today``: as the figures were counted by."""

    session: AsyncSession
    today: date

    async def page(self, scope: Scope, number: str, *, limit: int, after: str | None = None) -> Page[Counted]:
        """``number``: ``figure:code``, such as ``follow_up:lost``, ``tag:red`` or ``task:phone_call``.

        Raises NoSuchNumber, BadCursor.
        """
        figure, _, code = number.partition(":")
        if figure not in FIGURES or not code:
            raise NoSuchNumber(number)
        where, order = FIGURES[figure](code, self.today)
        table = order[0].class_
        query: Select[*tuple[Any, ...]] = select(Patient, *order).where(*where).order_by(*order).limit(limit + 1)
        if table is not Patient:
            query = query.select_from(table).join(Patient, Patient.id == table.patient_id)
        column = TaskRow.care_team_id if table is TaskRow else Patient.care_team_id
        query = scope.of_teams(query, column)
        beyond = behind(after, len(order))
        if beyond is not None:
            query = query.where(
                tuple_(*order)
                > tuple_(*(literal(_read(column, part), column.type) for column, part in zip(order, beyond, strict=True)))
            )
        found = (await self.session.execute(query)).all()
        shown = found[:limit]
        more = cursor(*map(_written, shown[-1][1:])) if len(found) > limit else None
        return Page([Counted(row[0], _day(row[1])) for row in shown], more)


def _people(*where: ColumnElement[bool], by: Sequence[Any] = (Patient.id,)) -> Where:
    return (Patient.life == ACTIVE, *where), by


def _follow_up(code: str, today: date) -> Where:
    return _people(follow_up_is(code, today), by=(Patient.id,) if code == "none" else (Patient.follow_up_due, Patient.id))


def _seen(code: str, today: date) -> Where:
    return _people(seen_is(code, today), by=(Patient.id,) if code == "never" else (Patient.last_visit, Patient.id))


def _ahead(code: str, today: date) -> Where:
    if not code.isdigit() or int(code) >= AHEAD:
        raise NoSuchNumber(code)
    return _people(in_week(int(code), today), by=(Patient.follow_up_due, Patient.id))


def _texts(code: str, today: date) -> Where:
    if code not in FAILING:
        raise NoSuchNumber(code)
    lately = Delivery.planned >= datetime.combine(today, time(), UTC) - LATELY
    return (and_(Delivery.kind == "message", FAILING[code]), lately), (Delivery.planned, Delivery.patient_id, Delivery.key)


#: What a figure's code means: the condition and the order of its list.
FIGURES: Mapping[str, Callable[[str, date], Where]] = {
    "life": lambda code, _: ((Patient.life == code,), (Patient.id,)),
    "tag": lambda code, _: _people(Patient.tag.is_(None) if code == "none" else Patient.tag == code),
    "reach": lambda code, _: ((Patient.life == ACTIVE, Patient.reach == code), (Patient.care_team_id, Patient.id)),
    "follow_up": _follow_up,
    "seen": _seen,
    "ahead": _ahead,
    "task": lambda code, _: ((TaskRow.status == "open", TaskRow.kind == code), (TaskRow.due, TaskRow.patient_id, TaskRow.key)),
    "overdue": lambda _, today: (
        (TaskRow.status == "open", TaskRow.due < today),
        (TaskRow.due, TaskRow.patient_id, TaskRow.key),
    ),
    "referral": lambda code, _: ((ReferralRow.stage == code,), (ReferralRow.asked, ReferralRow.id)),
    "refill": lambda code, _: ((RefillRow.stage == code,), (RefillRow.asked, RefillRow.id)),
    "texts": _texts,
}


def _read(column: Any, written: str) -> Any:
    try:
        if isinstance(column.type, Date):
            return date.fromisoformat(written)
        if isinstance(column.type, Moment):
            return moment_in(written)
    except ValueError:
        raise BadCursor from None
    return written


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _day(value: Any) -> date | None:
    return value.date() if isinstance(value, datetime) else value if isinstance(value, date) else None
