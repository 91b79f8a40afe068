"""What every event is, and the values that events carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

Value = float | bool | str | tuple[str, ...]  # a number in the reading's unit, yes or no, or chosen words
Readings = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Known:
    """A reading known from before: its value and the day it was taken."""

    value: Value
    on: date


@dataclass(frozen=True, slots=True)
class Fill:
    """Medicine handed out: ``days`` of supply from ``on``."""

    medicine: str
    on: date
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``at``: when it happened; ``learnt``: when we were told (both aware, UTC)."""

    id: str
    at: datetime
    learnt: datetime
