"""What the filters of a search mean in a table: conditions, or plainly yes or no.

Rule: a condition that nothing can meet is ``False`` and asks no database; one that all meet is ``True``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, not_, or_
from sqlalchemy.orm import InstrumentedAttribute

from api.fhir.kinds import Ref, Span, Token, Value
from records.tables import Moment

Meant = ColumnElement[bool] | bool
DAY = timedelta(days=1)


def either(meant: Iterable[Meant]) -> Meant:
    """Any of them."""
    asked = list(meant)
    if any(one is True for one in asked):
        return True
    conditions = [one for one in asked if not isinstance(one, bool)]
    return or_(*conditions) if conditions else False


def other(meant: Meant) -> Meant:
    """Anything but that."""
    return not meant if isinstance(meant, bool) else not_(meant)


def is_code(value: Value, system: str, code: str) -> bool:
    """Whether a token means this code."""
    if not isinstance(value, Token):
        return False
    return value.system in (None, system) and value.code in ("", code)


def named(value: Value, *types: str) -> str | None:
    """The id that a reference to one of ``types`` means; None where it means something else."""
    return value.id if isinstance(value, Ref) and value.type in ("", *types) else None


def at(column: InstrumentedAttribute[datetime], value: Value) -> Meant:
    """A moment of ours is as long as a moment is: it lies within a span, before, or after."""
    if not isinstance(value, Span):
        return False
    low, high = literal(value.low, Moment()), literal(value.high, Moment())
    match value.prefix:
        case "ne":
            return or_(column < low, column >= high)
        case "gt" | "sa":
            return column >= high
        case "lt" | "eb":
            return column < low
        case "ge":
            return column >= low
        case "le":
            return column < high
    return and_(column >= low, column < high)


def on(column: Any, value: Value) -> Meant:
    """A day of ours is a day long; days are held against days as they are written."""
    if not isinstance(value, Span):
        return False
    low, high = value.low.date(), _up(value.high)
    match value.prefix:
        case "ne":
            return and_(column.is_not(None), or_(column < low, column >= high))
        case "gt" | "sa":
            return and_(column.is_not(None), column >= high)
        case "lt" | "eb":
            return and_(column.is_not(None), column < low)
        case "ge":
            return and_(column.is_not(None), column >= low)
        case "le":
            return and_(column.is_not(None), column < high)
    return and_(column >= low, column < high)


def _up(moment: datetime) -> date:
    """The first day that does not begin before ``moment``."""
    day = moment.date()
    return day if moment.time() == datetime.min.time() else day + DAY
