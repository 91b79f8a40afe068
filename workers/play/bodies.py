"""What is measured: values that wander from the last one known towards how well somebody is, with setbacks and emergencies.

Rule 1: only what is asked for is measured, in the kinds that were asked; words are chosen from those offered.
Rule 2: a walk goes on from the last value the service shows, so that a restart changes nothing.
Values are in mm[Hg], mmol/L, /min, Cel, kg, %, mL/min/{1.73_m2} and mg/g.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workers.play.people import Character


@dataclass(frozen=True, slots=True)
class Course:
    """Where a value wanders: its goal by how well somebody is, its daily swing, a setback, an emergency."""

    good: float
    middling: float
    poor: float
    swing: float
    decimals: int = 0
    setback: float = 0.0
    emergency: float = 0.0
    group: str = ""


COURSES: Mapping[str, Course] = {
    "sbp": Course(127, 136, 147, 10, 0, 22, 188, "pressure"),
    "dbp": Course(77, 83, 89, 6, 0, 10, 0, "pressure"),
    "fpg": Course(6.0, 6.8, 7.7, 0.9, 1, 2.8, 17.4, "sugar"),
    "other_glucose": Course(7.6, 8.6, 10.5, 1.6, 1, 3.0, 0, "sugar"),
    "hba1c": Course(6.3, 6.9, 7.8, 0.4, 1),
    "heart_rate": Course(72, 76, 80, 8),
    "temperature": Course(36.6, 36.6, 36.6, 0.3, 1),
    "weight": Course(66, 70, 78, 3, 1),
    "bmi": Course(23, 25, 28, 1, 1),
    "waist_cm": Course(84, 88, 96, 2),
    "egfr": Course(88, 80, 66, 5),
    "acr": Course(12, 18, 40, 5, 1),
}
YES: Mapping[str, float] = {
    "adr": 0.015,
    "new_complication": 0.006,
    "worse_complication": 0.004,
    "other_disease_cannot_handle": 0.001,
}
SETBACK, EMERGENCY, SYMPTOM, FORGOTTEN = 0.1, 0.01, 0.008, 0.04
NOT_ALWAYS = frozenset({"other_glucose", "heart_rate", "weight"})
NEEDED = ("sbp", "dbp", "fpg")  # what a health manager may forget


@dataclass(frozen=True, slots=True)
class Asked:
    """A reading that is asked for: ``kind`` is number, yes_no, choices or list."""

    name: str
    kind: str
    choices: tuple[str, ...] = ()

    @classmethod
    def read(cls, item: str | Mapping[str, Any]) -> Asked:
        """From what the API shows: a name, or a name with its kind and choices."""
        if isinstance(item, str):
            kind = "number" if item in COURSES else "choices" if item == "symptoms" else "yes_no"
            return cls(item, kind)
        choices = tuple(str(word) for word in item.get("choices") or ())
        kind = str(item.get("kind") or ("choices" if choices else "number"))
        return cls(str(item["name"]), kind, choices)


@dataclass(frozen=True, slots=True)
class Body:
    """One person's body on a day. ``last`` are the values known; ``eased`` counts the treatments changed lately."""

    character: Character
    day: date
    last: Mapping[str, Any]
    eased: int = 0

    def measured(self, asked: Sequence[Asked], *, forgetting: bool = True) -> dict[str, Any]:
        """The readings asked for. With ``forgetting``, now and then one that was needed is left out."""
        found: dict[str, Any] = {}
        for one in asked:
            value = self._value(one)
            if value is not None:
                found[one.name] = value
        needed = [name for name in NEEDED if name in found]
        if forgetting and needed and self._chance(FORGOTTEN, "forgotten"):
            del found[self.character.dice.pick(needed, self.character.who, self.day, "which")]
        return found

    def number(self, name: str) -> float:
        """Today's value of a number that we know the course of."""
        course = COURSES[name]
        goal = {"good": course.good, "middling": course.middling, "poor": course.poor}[self.character.control]
        goal -= min(self.eased, 3) * course.swing / 3
        known = self.last.get(name)
        last = float(known) if isinstance(known, int | float) else goal
        group = course.group or name
        value = last + 0.65 * (goal - last) + course.swing * self.character.dice.swing(self.character.who, self.day, name)
        if course.emergency and self._chance(EMERGENCY, "emergency", name):
            value = course.emergency + course.swing * self.character.dice.share(self.character.who, self.day, name)
        elif course.setback and self._chance(SETBACK, "setback", group):
            value += course.setback
        return round(value, course.decimals)

    def home_text(self, pathways: Sequence[str]) -> str:
        """What is texted from home: a pressure, or a sugar where there is nothing else to measure."""
        if any("diabetes" in name for name in pathways) and (len(pathways) == 1 or self._chance(0.4, "sugar")):
            return f"GLU {self.number('other_glucose'):.1f}"
        return f"{self.number('sbp'):.0f}/{self.number('dbp'):.0f}"

    def _value(self, one: Asked) -> Any:
        if one.name in NOT_ALWAYS and not self._chance(0.4, one.name, "taken"):
            return None
        match one.kind:
            case "yes_no":
                return self._chance(YES.get(one.name, 0.0), one.name)
            case "choices":
                if one.choices and self._chance(SYMPTOM, one.name):
                    return [self.character.dice.pick(one.choices, self.character.who, self.day, one.name)]
                return []
            case "number" if one.name in COURSES:
                return self.number(one.name)
            case _:
                return self.last.get(one.name)  # not one that we know how to measure

    def _chance(self, likely: float, *about: object) -> bool:
        return self.character.dice.chance(likely, self.character.who, self.day, *about)
