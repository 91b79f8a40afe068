"""What was done and found: visits, readings, screenings, calls, the work of the team, days, outside advice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pathways.engine.events.base import Event, Readings
from pathways.engine.plan import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCompleted(Event):
    """A face-to-face visit took place. It serves every follow-up the person has, and the services named in ``done``."""

    readings: Readings = field(default_factory=dict)
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingReceived(Event):
    """Readings without a visit. ``staff`` completes a visit whose readings were missing; ``home`` only informs."""

    readings: Readings
    source: Literal["home", "laboratory", "hospital", "staff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCompleted(Event):
    """A screening (laboratory, examination) was done."""

    service: str
    readings: Readings = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMade(Event):
    """Somebody called the patient. A call never counts as a visit. ``day``: the visit day agreed on the phone."""

    outcome: Literal["reached", "no_answer", "wrong_number", "refused"]
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClosed(Event):
    """Somebody finished a task. ``outcome`` is the task's own word (``done``, ``found``, ``not_found`` ...)."""

    task: str
    outcome: str = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPostponed(Event):
    """Somebody put a task off. It stays open and due as it was; ``reason`` is a code."""

    task: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandedOver(Event):
    """Somebody gave a task to another role of the care team."""

    task: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBooked(Event):
    """Records found a day with room for a ``BookVisit``."""

    booking: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClosed(Event):
    """The patient's place is closed on ``day``, on which a visit was booked. ``closure``: which one."""

    day: date
    closure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReached(Event):
    """Time has passed: everything due up to ``at`` is to be done."""


@dataclass(frozen=True, slots=True)
class Advised:
    """One thing that an outside service advises. ``indicator``: info, warning or critical; ``source``: as it calls itself."""

    indicator: str
    summary: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceGiven(Event):
    """What the outside service ``service`` said when it was ``asked`` (by key); nothing, where it has nothing to say."""

    asked: str
    service: str
    pathway: str
    step: str
    by: Role
    within: int = 0
    advice: tuple[Advised, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceFailed(Event):
    """No advice came in time. ``reason``: a code, such as too_slow."""

    asked: str
    service: str
    pathway: str
    step: str
    reason: str
