"""Medicines that are taken together, and by this person: what the tables of the medication checks find.

Rule 1: every table is asked for itself; all that is found is told, the worst first.
Rule 2: what no row speaks of is no finding. What is not known is one only where a table's ``incomplete`` row says so.
Rule 3: a medicine that we do not know has no class; the tables still see its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pathways.engine.assess import Answer, assess, facts
from pathways.engine.events import Known, Readings, Value
from pathways.engine.plan import Decision, Pathway, Row
from pathways.engine.state import Person

_LEVELS = (1, 3, 4, 5, 7)  # signs of an ATC code that name a level
NOTHING = "none"
AGE_OF_EGFR = "egfr_age_days"


@dataclass(frozen=True, slots=True)
class Medicine:
    """A substance or a fixed combination by its ATC code. ``contains``: the substances of a combination.

    ``legal``: classes for which the law has rules of its own, such as antimicrobial.
    """

    name: str
    atc: str
    contains: tuple[str, ...] = ()
    legal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """One medicine as it is taken. ``dose``: milligrams a day. ``starting``: it is to be started now."""

    name: str
    dose: float | None = None
    starting: bool = False


@dataclass(frozen=True, slots=True)
class Checks:
    """The compiled tables and the medicines that they know. ``also``: other names of a medicine, in small letters.

    ``refills``: the tables on refills, which say what a finding means for a request; None: requests are not checked.
    ``substitutes``: by medicine, which others a pharmacy may propose in its place.
    """

    rules: Pathway
    medicines: Mapping[str, Medicine]
    also: Mapping[str, str] = field(default_factory=dict)
    refills: Pathway | None = None
    substitutes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def own_name(self, name: str) -> str:
        """The name under which the medicine is known, or the name as it was given."""
        plain = name.strip().lower()
        return plain if plain in self.medicines else self.also.get(plain, plain)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one table found. ``word``: the decision's name, such as ``block`` or ``warn``."""

    row: Row
    decision: Decision
    inputs: Mapping[str, Value]
    missing: tuple[str, ...]

    @property
    def word(self) -> str:
        return self.decision.name

    @property
    def name(self) -> str:
        """The row, and where it is about two of one class, which."""
        twice = self.inputs.get("twice")
        return f"{self.row.id}/{','.join(twice)}" if isinstance(twice, tuple) and twice else self.row.id


def findings(
    checks: Checks,
    taken: Iterable[Taken],
    person: Person,
    readings: Readings,
    *,
    on: date,
    given: Mapping[str, object] | None = None,
) -> tuple[Finding, ...]:
    """All that the tables find in ``taken`` for ``person`` with ``readings``; ``given`` overrides what conditions may ask."""
    names: list[str] = []
    substances: list[str] = []
    starting: list[str] = []
    doses: dict[str, float] = {}
    for one in taken:
        name = checks.own_name(one.name)
        parts = _substances(checks, name)
        names += [name, *parts]
        substances += parts
        starting += [name, *parts] if one.starting else []
        if one.dose is not None:
            doses[name] = doses.get(name, 0.0) + one.dose
    medicines = tuple(dict.fromkeys(names))
    asked: dict[str, object] = {
        "classes": sorted({code for name in medicines for code in _codes(checks, name)}),
        "twice": _twice(checks, substances),
        "starting": list(dict.fromkeys(starting)),
        "doses": doses,
        "known": sorted(name for name, value in readings.items() if value is not None),
        **(given or {}),
    }
    known = facts(checks.rules, person, None, readings, on=on, medicines=medicines, given=asked)
    answers = (assess(checks.rules, table, known) for table in checks.rules.tables.values())
    found = [finding for answer in answers if (finding := _finding(answer)) is not None]
    return tuple(sorted(found, key=lambda finding: _rank(checks.rules, finding.decision)))


def findings_about(
    checks: Checks, name: str, taken: Iterable[Taken], person: Person, readings: Readings, *, on: date
) -> tuple[Finding, ...]:
    """Of what the tables find in ``taken``, what would not be found without the medicine ``name``; the worst first."""
    own = checks.own_name(name)
    all_of_it = tuple(taken)
    others = [one for one in all_of_it if checks.own_name(one.name) != own]
    without = {finding.name for finding in findings(checks, others, person, readings, on=on)} if others else set()
    return tuple(one for one in findings(checks, all_of_it, person, readings, on=on) if one.name not in without)


def known_of(readings: Mapping[str, Known], on: date) -> dict[str, Value]:
    """The latest value of each reading, and how old the filtration rate is."""
    values = {name: reading.value for name, reading in readings.items()}
    if "egfr" in readings:
        values[AGE_OF_EGFR] = float(max(0, (on - readings["egfr"].on).days))
    return values


def _finding(answer: Answer) -> Finding | None:
    row, decision = answer.row, answer.decision
    if row is None or decision is None or decision.name == NOTHING or (row.incomplete and not answer.missing):
        return None
    return Finding(row, decision, answer.inputs, answer.missing)


def _substances(checks: Checks, name: str) -> tuple[str, ...]:
    medicine = checks.medicines.get(name)
    return medicine.contains if medicine is not None and medicine.contains else (name,)


def _codes(checks: Checks, name: str) -> set[str]:
    """The ATC code of a medicine at every level."""
    medicine = checks.medicines.get(name)
    return set() if medicine is None else {medicine.atc[:signs] for signs in _LEVELS if len(medicine.atc) >= signs}


def _twice(checks: Checks, substances: list[str]) -> list[str]:
    """The ATC codes that two of the substances taken share; the same substance in two packages shares all of its."""
    once: set[str] = set()
    twice: set[str] = set()
    for name in substances:
        codes = _codes(checks, name)
        twice |= codes & once
        once |= codes
    return sorted(twice)


def _rank(rules: Pathway, decision: Decision) -> int:
    return rules.tags.index(decision.tag) if decision.tag in rules.tags else len(rules.tags)
