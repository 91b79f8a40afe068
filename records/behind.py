"""The people behind a number of the overview, a page at a time, in the order in which somebody would go after them.

Rule 1: a list counts as the number does: the same words, the same days.
Rule 2: each list walks one index; nobody is opened but those who are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.figures import (
    ACTIVE,
    AHEAD,
    CLOSING,
    DONE,
    ENDS,
    FAILING,
    LATELY,
    LOAD_KINDS,
    LOAD_WEEKS,
    TAKEN_BACK,
    follow_up_is,
    in_week,
    load_in,
    seen_is,
)
from records.pages import BadCursor, Page, behind, cursor, moment_in
from records.patients import Outline
from records.scope import Scope
from records.tables import Delivery, EventRow, Moment, Patient, PersonKey, ReferralRow, RefillRow, TaskRow, WorkAhead
from records.traffic import ARRIVED, WAITING

LATE = timedelta(minutes=20)
"""So long what is due may wait before it is late, as for the dead-man switch."""

#: What is shown of each: the key, and the row but for its sealed state.
_SHOWN = (select(PersonKey.wrapped).where(PersonKey.patient_id == Patient.id).scalar_subquery(), *Outline.columns())
Where = tuple[Sequence[ColumnElement[bool]], Sequence[Any]]  # what holds, and in which order


@dataclass(frozen=True, slots=True)
class Counted:
    """One of those whom a number counts. ``since``: the day that matters there: due, last seen, asked; None where there is none.

    ``wrapped``: what opens their record, None for somebody who was forgotten.
    """

    patient: Outline
    wrapped: bytes | None
    since: date | None


class NoSuchNumber(ValueError):
    """There is no number of this name."""


@dataclass(frozen=True)
class PeopleBehind:
    """Lists of one transaction. ``counted``: when the figures were."""

    session: AsyncSession
    counted: datetime

    async def page(self, scope: Scope, number: str, *, limit: int, after: str | None = None) -> Page[Counted]:
        """``number``: ``figure:code``, such as ``follow_up:lost``, ``tag:red`` or ``task:phone_call``.

        Raises NoSuchNumber, BadCursor.
        """
        figure, _, code = number.partition(":")
        if figure not in FIGURES or not code:
            raise NoSuchNumber(number)
        where, order = FIGURES[figure](code, self.counted)
        table = order[0].class_
        query: Select[*tuple[Any, ...]] = select(*order, *_SHOWN).where(*where).order_by(*order).limit(limit + 1)
        if table is not Patient:
            query = query.select_from(table).join(Patient, Patient.id == table.patient_id)
        column = TaskRow.care_team_id if table is TaskRow else Patient.care_team_id
        query = scope.of_teams(query, column)
        if table is WorkAhead:  # the day's team finds them quickly; whose they are is the patient's own
            query = scope.of_teams(query, WorkAhead.care_team_id)
        beyond = behind(after, len(order))
        if beyond is not None:
            query = query.where(
                tuple_(*order)
                > tuple_(*(literal(_read(column, part), column.type) for column, part in zip(order, beyond, strict=True)))
            )
        found = (await self.session.execute(query)).all()
        shown = found[:limit]
        n = len(order)
        more = cursor(*map(_written, shown[-1][:n])) if len(found) > limit else None
        return Page([Counted(Outline(*row[n + 1 :]), row[n], _day(row[0])) for row in shown], more)


def _people(*where: ColumnElement[bool], by: Sequence[Any] = (Patient.id,)) -> Where:
    return (Patient.life == ACTIVE, *where), by


def _follow_up(code: str, at: datetime) -> Where:
    by = (Patient.id,) if code == "none" else (Patient.follow_up_due, Patient.id)
    return _people(follow_up_is(code, at.date()), by=by)


def _seen(code: str, at: datetime) -> Where:
    return _people(seen_is(code, at.date()), by=(Patient.id,) if code == "never" else (Patient.last_visit, Patient.id))


def _ahead(code: str, at: datetime) -> Where:
    return _people(in_week(_week(code, AHEAD), at.date()), by=(Patient.follow_up_due, Patient.id))


def _load(code: str, at: datetime) -> Where:
    kind, _, weeks = code.partition(".")
    first, _, last = weeks.partition("-")
    if kind not in LOAD_KINDS:
        raise NoSuchNumber(code)
    in_it = load_in(_week(first, LOAD_WEEKS), at.date(), until=_week(last or first, LOAD_WEEKS))
    return (WorkAhead.kind == kind, in_it), (WorkAhead.day, WorkAhead.patient_id)


def _week(code: str, weeks: int) -> int:
    if not code.isdecimal() or not code.isascii() or len(code) > 2 or int(code) >= weeks:
        raise NoSuchNumber(code)
    return int(code)


def _texts(code: str, at: datetime) -> Where:
    by = (Delivery.planned, Delivery.patient_id, Delivery.key)
    if code == "late":  # what the dead-man switch counts
        return (Delivery.kind == "message", Delivery.status.in_(WAITING), Delivery.planned <= at - LATE), by
    if code == "arrived":
        so: ColumnElement[bool] = and_(Delivery.status == "handed", Delivery.arrived.in_(ARRIVED))
    elif code in FAILING:
        so = FAILING[code]
    else:
        raise NoSuchNumber(code)
    return (Delivery.kind == "message", so, Delivery.planned >= _midnight(at.date()) - LATELY), by


def _done(code: str, at: datetime) -> Where:
    if code not in DONE:
        raise NoSuchNumber(code)
    lately = (EventRow.kind == code, EventRow.at >= at - LATELY)
    return lately, (EventRow.at, EventRow.patient_id, EventRow.event_id)


def _asked(code: str, at: datetime) -> Where:
    ends = ENDS.get(code)
    if code != "open" and ends is None:
        raise NoSuchNumber(code)
    others = [stage for stages in (*ENDS.values(), TAKEN_BACK) for stage in stages]
    stage = ReferralRow.stage.not_in(others) if ends is None else ReferralRow.stage.in_(ends)
    return (stage, ReferralRow.asked >= at - CLOSING), (ReferralRow.asked, ReferralRow.id)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


#: What a figure's code means, by when it was counted: the condition and the order of its list.
FIGURES: Mapping[str, Callable[[str, datetime], Where]] = {
    "life": lambda code, _: ((Patient.life == code,), (Patient.id,)),
    "tag": lambda code, _: _people(Patient.tag.is_(None) if code == "none" else Patient.tag == code),
    "reach": lambda code, _: ((Patient.life == ACTIVE, Patient.reach == code), (Patient.care_team_id, Patient.id)),
    "follow_up": _follow_up,
    "seen": _seen,
    "ahead": _ahead,
    "load": _load,
    "done": _done,
    "late": lambda _, at: ((Patient.next_due <= at - LATE,), (Patient.next_due, Patient.id)),
    "task": lambda code, _: ((TaskRow.status == "open", TaskRow.kind == code), (TaskRow.due, TaskRow.patient_id, TaskRow.key)),
    "overdue": lambda _, at: (
        (TaskRow.status == "open", TaskRow.due < at.date()),
        (TaskRow.due, TaskRow.patient_id, TaskRow.key),
    ),
    "referral": lambda code, _: ((ReferralRow.stage == code,), (ReferralRow.asked, ReferralRow.id)),
    "asked": _asked,
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
