"""Decision tables: the first row that holds decides, and what cannot be known never counts as false.

Rule 1: a row that is true whatever the missing values hold decides, unless an earlier row that cannot be told
        would conclude something else.
Rule 2: otherwise the table's own ``incomplete`` row answers.
Rule 3: every answer carries what it read and what it missed.
Rule 4: what a table gives beside its decision is told too; what of it cannot be told is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from pathways.engine.calendar import age_on
from pathways.engine.conditions import Expression, NotKnown
from pathways.engine.events import Readings, Value
from pathways.engine.plan import Decision, Pathway, Reading, Row, Table
from pathways.engine.state import Course, Person

DAY = "the day"  # among the facts, under what no condition can name: the day of the visit
Output = str | bool | int | float | date | list[str | bool | int | float]
_FURTHEST = 36_500  # days that may be counted on from a visit
_SAYS_NOTHING: Mapping[str, object] = {"number": math.nan, "yes_no": False, "choices": [], "list": []}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a table says. ``decision`` is None only where a table without an ``incomplete`` row could not tell."""

    row: Row | None
    decision: Decision | None
    inputs: Mapping[str, Value]
    missing: tuple[str, ...] = ()
    gives: Mapping[str, Output] = field(default_factory=dict)


def facts(
    pathway: Pathway,
    person: Person,
    course: Course | None,
    readings: Readings,
    *,
    on: date,
    medicines: tuple[str, ...] = (),
    given: Mapping[str, object] | None = None,
    only_what_was_sent: bool = False,
) -> dict[str, object]:
    """Everything a condition may ask, by name; a missing one is left out.

    An optional reading that was not taken says nothing: a number becomes NaN (no comparison with it is true),
    yes or no becomes no, choices become none. ``only_what_was_sent`` takes every reading for optional: a text from home
    holds one value or two, and what was not sent must not hold back what was. ``given`` overrides any name, derived values too.
    """
    known: dict[str, object] = {DAY: on, "conditions": list(person.conditions), "medicines": list(medicines), "sex": person.sex}
    if person.born is not None:
        known["age"] = age_on(person.born, on)
    if course is not None and course.tag is not None:
        known["tag"] = course.tag
    for name, reading in pathway.readings.items():
        value = readings.get(name)
        if value is not None:
            known[name] = _own_words(reading, value) if isinstance(value, tuple) else value
        elif reading.optional or only_what_was_sent:
            known[name] = _SAYS_NOTHING[reading.kind]
    previous = course.previous if course is not None else {}
    known["previous"] = {name: previous.get(name) for name in pathway.values}
    overrides = given or {}
    known |= {name: value for name, value in overrides.items() if value is not None}
    for name, expression in pathway.values.items():
        if name not in overrides:
            value_or_not = expression.value(known)
            if not isinstance(value_or_not, NotKnown):
                known[name] = value_or_not
    return known


def _own_words(reading: Reading, words: tuple[str, ...]) -> list[str]:
    """One visit serves several pathways: a danger sign that only another pathway lists is that pathway's to act on."""
    return [word for word in words if word in reading.choices or not reading.choices]


def assess(pathway: Pathway, table: Table, known: Mapping[str, object]) -> Answer:
    """Let ``table`` decide over ``known`` facts, and tell what it gives."""
    answer = _first_that_holds(pathway, table, known)
    return replace(answer, gives=_given(table, answer, known)) if table.gives else answer


def _first_that_holds(pathway: Pathway, table: Table, known: Mapping[str, object]) -> Answer:
    untold: list[Row] = []
    for row in table.rows:
        if row.when is None:
            continue
        held = row.when.holds(known)
        if held and all(earlier.decision == row.decision for earlier in untold):
            return Answer(row, pathway.decisions[row.decision], _read(pathway, row.when, known))
        if held:
            break
        if held is None:
            untold.append(row)
    missing = tuple(sorted(set().union(*(_missing(pathway, row.when, known) for row in untold if row.when))))
    for row in table.rows:
        if row.incomplete:
            return Answer(row, pathway.decisions[row.decision], {}, missing)
    return Answer(None, None, {}, missing)


def _given(table: Table, answer: Answer, known: Mapping[str, object]) -> dict[str, Output]:
    """What ``table`` gives, without what cannot be told. It may ask for the answer itself: ``row``, ``decision``, ``missing``."""
    facts_and_answer = {
        **known,
        "row": answer.row.id if answer.row else "",
        "decision": answer.decision.name if answer.decision else "",
        "missing": list(answer.missing),
    }
    told: dict[str, Output] = {}
    for name, given in table.gives.items():
        value = given.value.value(facts_and_answer)
        output = _day(value, known.get(DAY)) if given.as_day else _output(value)
        if output is not None:
            told[name] = output
    return told


def _output(value: object) -> Output | None:
    match value:
        case bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case list() if all(isinstance(one, bool | str | int | float) for one in value):
            return value
    return None


def _day(days: object, on: object) -> date | None:
    """So many whole days after ``on``; None when either is not known."""
    counts = isinstance(days, int | float) and not isinstance(days, bool) and abs(days) <= _FURTHEST
    return on + timedelta(days=int(days)) if counts and isinstance(on, date) and isinstance(days, int | float) else None


def yes_no_values(pathway: Pathway, known: Mapping[str, object]) -> dict[str, bool]:
    """The derived yes/no values, which the next follow-up may ask for as ``previous``."""
    return {name: value for name in pathway.values if isinstance(value := known.get(name), bool)}


def _names(pathway: Pathway, expression: Expression) -> frozenset[str]:
    """The names that an expression rests on, through derived values."""
    derived = [pathway.values[name] for name in expression.names if name in pathway.values]
    return expression.names.union(*(_names(pathway, value) for value in derived))


def _read(pathway: Pathway, expression: Expression, known: Mapping[str, object]) -> dict[str, Value]:
    read: dict[str, Value] = {}
    for name in sorted(_names(pathway, expression)):
        value = known.get(name)
        if name in {"previous", "medicines"} or value is None or (isinstance(value, float) and math.isnan(value)):
            continue
        if (fact := plain(value)) is not None:
            read[name] = fact
    if "previous" in expression.names:
        previous = known.get("previous")
        if isinstance(previous, Mapping):
            read |= {f"previous.{name}": value for name, value in previous.items() if isinstance(value, bool)}
    return read


def _missing(pathway: Pathway, expression: Expression, known: Mapping[str, object]) -> set[str]:
    return set(_names(pathway, expression) - known.keys() - pathway.values.keys())


def plain(value: object) -> Value | None:
    """A fact as an event may carry it."""
    if isinstance(value, list | tuple):
        return tuple(str(item) for item in value)
    return value if isinstance(value, bool | str) else float(value) if isinstance(value, int | float) else None
