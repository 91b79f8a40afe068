"""Readings as curves: what was measured when, in groups that are read together, with the band that the patient's plan aims at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from api.showing.targets import Target, targets
from api.showing.words import in_language, unit_shown, word
from pathways.engine.calendar import local_day
from pathways.engine.events import AnswerReceived, AnyEvent, Enrolled, ReadingReceived, ServiceCompleted, Value, VisitCompleted
from pathways.engine.plan import Plan, Reading
from pathways.engine.state import Person

#: Read together in one picture, in this order; every other number has a picture of its own.
TOGETHER: tuple[tuple[str, ...], ...] = (
    ("sbp", "dbp"),
    ("fpg", "other_glucose"),
    ("hba1c",),
    ("weight",),
    ("bmi",),
    ("egfr",),
    ("acr",),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One value. ``source``: visit, service, home, laboratory, hospital, staff, enrolled, sms; ``event``: id of what told it."""

    on: date
    value: float
    source: str
    event: str


@dataclass(frozen=True, slots=True)
class Curve:
    """One reading over time, oldest first."""

    name: str
    label: str
    unit: str
    points: tuple[Point, ...]
    target: Target | None


@dataclass(frozen=True, slots=True)
class Picture:
    """Curves that are read together."""

    curves: tuple[Curve, ...]

    @property
    def name(self) -> str:
        return self.curves[0].name

    @property
    def days(self) -> list[tuple[date, list[Point | None]]]:
        """Newest first: of each day, the last value of each curve."""
        by_day: dict[date, dict[str, Point]] = {}
        for curve in self.curves:
            for point in curve.points:
                by_day.setdefault(point.on, {})[curve.name] = point
        return [(on, [found.get(curve.name) for curve in self.curves]) for on, found in sorted(by_day.items(), reverse=True)]

    @property
    def values(self) -> list[list[float | None]]:
        """Of each curve, oldest first, by the days of all."""
        days = self.days[::-1]
        return [[None if (point := points[n]) is None else point.value for _, points in days] for n in range(len(self.curves))]

    @property
    def bands(self) -> list[dict[str, object]]:
        """What each curve's plan aims at."""
        return [{"low": one.low, "high": one.high, "aim": one.is_aim} if (one := curve.target) else {} for curve in self.curves]


def pictures(told: Iterable[AnyEvent], plan: Plan, person: Person, today: date, language: str) -> list[Picture]:
    """All numbers that were measured. ``told``: the events that tell them, corrected."""
    points: dict[str, list[Point]] = {}
    for event in told:
        for name, on, value in _values(event, person.timezone):
            if not isinstance(value, bool) and isinstance(value, int | float):
                points.setdefault(name, []).append(Point(on, float(value), _source(event), event.id))
    known: dict[str, Reading] = {name: one for pathway in plan.pathways.values() for name, one in pathway.readings.items()}
    grouped = {name for group in TOGETHER for name in group}
    groups = [*TOGETHER, *((name,) for name in sorted(points) if name not in grouped)]
    aims = targets(plan, person, frozenset(points), today)
    found: list[Picture] = []
    for group in groups:
        curves = tuple(_curve(name, points[name], known.get(name), aims.get(name), language) for name in group if name in points)
        if curves:
            found.append(Picture(curves))
    return found


def _curve(name: str, points: Sequence[Point], reading: Reading | None, target: Target | None, language: str) -> Curve:
    label = (in_language(reading.label, language) if reading else "") or word("words", name, language)
    ordered = tuple(sorted(points, key=lambda point: point.on))
    return Curve(name, label, unit_shown(reading.unit if reading else None), ordered, target)


def _values(event: AnyEvent, zone: str) -> Iterable[tuple[str, date, Value]]:
    match event:
        case Enrolled():
            yield from ((name, known.on, known.value) for name, known in event.readings.items())
        case VisitCompleted() | ReadingReceived() | ServiceCompleted() | AnswerReceived():
            at: datetime = min(event.at, event.learnt)
            yield from ((name, local_day(at, zone), value) for name, value in event.readings.items())
        case _:
            return


def _source(event: AnyEvent) -> str:
    match event:
        case ReadingReceived():
            return event.source
        case AnswerReceived():
            return "sms"
        case Enrolled():
            return "enrolled"
        case ServiceCompleted():
            return "service"
        case _:
            return "visit"
