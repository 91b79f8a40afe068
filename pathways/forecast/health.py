"""What would be measured of a patient in the months ahead.

Rule 1: health goes its own way by month: seeing a patient more often shows it sooner and does not change it.
Rule 2: it starts from what was last measured of this patient; where nothing was, from somebody else's last value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median

from pathways.engine.events import Known, Value
from pathways.engine.plan import Pathway, Reading
from pathways.forecast.behaviour import Behaviour
from pathways.forecast.luck import Luck

STEP = 0.2  # of the way between a patient's level and the middle


@dataclass(frozen=True, slots=True)
class Everybody:
    """Last values of all patients, and what the pathways' own scenarios hold where no patient has any."""

    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    middles: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, known: Iterable[Mapping[str, Known]], told: Mapping[str, Sequence[float]]) -> Everybody:
        """``told``: the numbers of scenarios by reading."""
        found: dict[str, list[float]] = {}
        for readings in known:
            for name, one in readings.items():
                if isinstance(one.value, float | int) and not isinstance(one.value, bool):
                    found.setdefault(name, []).append(float(one.value))
        for name, values in told.items():
            found.setdefault(name, [median(values)])
        return cls(found, {name: median(values) for name, values in found.items()})


def numbers_told(readings: Iterable[Mapping[str, Value]]) -> dict[str, list[float]]:
    """The numbers in readings that scenarios hold, by name."""
    told: dict[str, list[float]] = {}
    for one in readings:
        for name, value in one.items():
            if isinstance(value, float | int) and not isinstance(value, bool):
                told.setdefault(name, []).append(float(value))
    return told


@dataclass(slots=True)
class Health:
    """One patient's health from ``since`` on; the same under every version."""

    luck: Luck
    behaviour: Behaviour
    everybody: Everybody
    known: Mapping[str, Known]
    since: date
    _levels: dict[str, list[float]] = field(default_factory=dict)

    def measured(self, pathway: Pathway, names: Iterable[str], on: date) -> dict[str, Value]:
        """What is found of these readings on a day; nothing where neither the patient nor anybody else has a value."""
        found: dict[str, Value] = {}
        for name in names:
            reading = pathway.readings.get(name)
            value = None if reading is None else self._value(reading, on)
            if value is not None:
                found[name] = value
        return found

    def _value(self, reading: Reading, on: date) -> Value | None:
        months = max(0, (on - self.since).days) // 30
        if reading.kind == "number":
            return self._number(reading, months, on)
        if reading.kind == "yes_no":
            return self.luck.share(reading.name, months) < self.behaviour.finding
        if reading.kind == "choices" and reading.choices:
            seldom = self.luck.share(reading.name, on.toordinal()) < self.behaviour.danger_sign
            return (reading.choices[self.luck.between(0, len(reading.choices) - 1, reading.name, "which")],) if seldom else ()
        return None

    def _number(self, reading: Reading, months: int, on: date) -> float | None:
        level = self._level(reading.name, months)
        if level is None:
            return None
        value = level * (1 + 2 * self.behaviour.spread * self.luck.swing(reading.name, on.toordinal() // 7))
        if reading.plausible is not None:
            low, high = reading.plausible
            value = min(max(value, low), high)
        return round(value, 1)

    def _level(self, name: str, months: int) -> float | None:
        levels = self._levels.get(name)
        if levels is None:
            begin = self._begins(name)
            if begin is None:
                return None
            levels = self._levels[name] = [begin]
        while len(levels) <= months:
            before, drawn = levels[-1], self.luck.share(name, "month", len(levels))
            away = self.everybody.middles.get(name, before) - before
            if drawn < self.behaviour.improves:
                before += STEP * away
            elif drawn < self.behaviour.improves + self.behaviour.worsens:
                before -= STEP * away
            levels.append(before)
        return levels[months]

    def _begins(self, name: str) -> float | None:
        own = self.known.get(name)
        if own is not None and isinstance(own.value, float | int) and not isinstance(own.value, bool):
            return float(own.value)
        others = self.everybody.numbers.get(name)
        return others[self.luck.between(0, len(others) - 1, name, "as somebody else")] if others else None
