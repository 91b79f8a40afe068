"""What a patient's plan asks for at a follow-up: each field with its last value, what can be true, and what is asked about.

Rule 1: what cannot be true is refused, by the limits of ``api.believing``; what is only surprising is asked about, and saved.
Rule 2: what was not asked or measured is left out: nothing is taken for "no" that nobody said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from api.console.desk import N_
from api.console.forms import Form
from api.problems import Fault, Problem
from api.showing.patients import at_follow_up
from api.showing.words import in_language, texts, unit_shown, word
from pathways.engine.events import Known
from pathways.engine.plan import Plan, Reading

PREFIX = "r."
NONE = "-none"  # of several choices: none of them
#: A change is asked about from this share of the last value on, and from this share of what can be true.
OF_LAST, OF_POSSIBLE = 0.3, 0.08
BELOW = {"dbp": "sbp"}  # a reading that lies below another; the two are easily written the wrong way round
#: As people ask, whatever order the pathways name them in.
ORDER = {"number": 0, "choices": 1, "yes_no": 2}

Say = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Field:
    """One reading as it is asked for. ``last`` and ``on``: what is known; ``low`` and ``high``: what can be true.

    ``ask_below`` and ``ask_above``: from where on a number is asked about. ``typed``: what the form holds.
    """

    name: str
    kind: str
    label: str
    unit: str = ""
    optional: bool = False
    choices: tuple[str, ...] = ()
    last: Any = None
    on: date | None = None
    low: float | None = None
    high: float | None = None
    ask_below: float | None = None
    ask_above: float | None = None
    below: str = ""
    step: str = "1"
    typed: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return PREFIX + self.name


def asked_of(plan: Plan, known: Mapping[str, Known], language: str, *, numbers_only: bool = False) -> list[Field]:
    """What the follow-ups of the plan collect, each once, numbers first. A list (of pressures, say) is not asked for here."""
    found: dict[str, Field] = {}
    for pathway, name in at_follow_up(plan):
        reading = pathway.readings.get(name) or Reading(name, "number")
        if reading.kind not in ORDER or (numbers_only and reading.kind != "number"):
            continue
        field = _field(reading, known.get(name), language)
        found[name] = _both(found[name], field) if name in found else field
    placed = list(found.values())
    return sorted(placed, key=lambda field: (field.optional, ORDER[field.kind], placed.index(field)))


def filled(fields: Sequence[Field], form: Form) -> list[Field]:
    """The fields with what was typed."""
    return [replace(field, typed=form.texts(field.id)) for field in fields]


def readings_in(fields: Sequence[Field], form: Form, say: Say) -> dict[str, Any]:
    """What the form tells. Raises Problem 422 that names every field that cannot be used."""
    told: dict[str, Any] = {}
    faults: list[Fault] = []
    for field in fields:
        given = form.texts(field.id)
        if not given:
            continue
        match field.kind:
            case "yes_no":
                told[field.name] = given[0] == "yes"
            case "choices":
                told[field.name] = [one for one in given if one != NONE]
            case _:
                try:
                    number = Form({field.id: given}).number(field.id)
                except Problem:
                    faults.append(Fault(field.id, say(N_("This is not a number.")), ""))
                    continue
                if number is not None and (wrong := _impossible(field, number, say)):
                    faults.append(Fault(field.id, wrong, ""))
                told[field.name] = number
    if faults:
        raise Problem(422, faults[0].reason, faults=faults)
    return told


def _impossible(field: Field, number: float, say: Say) -> str:
    if field.low is None or field.high is None or field.low <= number <= field.high:
        return ""
    return impossible(field, say)


def impossible(field: Field, say: Say) -> str:
    """What is said of a number that cannot be true."""
    limits = {"low": f"{field.low:g}", "high": f"{field.high:g}", "unit": field.unit}
    return (say(N_("Only %(low)s to %(high)s %(unit)s can be true. Measure again, or correct it.")) % limits).replace("  ", " ")


def at_form(problem: Problem, say: Say) -> Problem:
    """What the API refuses, at the form's own field and in its words."""
    named = []
    for fault in problem.faults:
        if fault.field == "Idempotency-Key":
            again = N_("This form was saved already, with other contents. Look at the patient's page before you save it again.")
            fault = Fault("", say(again), "")
        named.append(replace(fault, field=fault.field.replace("body.readings.", PREFIX)))
    return Problem(problem.status, problem.detail, faults=named)


def label_of(label: Mapping[str, str], name: str, language: str) -> str:
    """What a reading is called: in the reader's own language where anybody has it, else in the nearest of its pathway."""
    if language in label:
        return label[language]
    worded: Mapping[str, str] = texts()["words"].get(name) or {}
    if language in worded:
        return worded[language]
    return in_language(label, language) or word("words", name, language)


def _field(reading: Reading, known: Known | None, language: str) -> Field:
    low, high = reading.plausible or (None, None)
    field = Field(
        reading.name,
        reading.kind,
        label_of(reading.label, reading.name, language),
        unit_shown(reading.unit),
        reading.optional,
        reading.choices,
        known.value if known is not None else None,
        known.on if known is not None else None,
        low,
        high,
        below=BELOW.get(reading.name, ""),
        step="0.1" if high is not None and low is not None and high - low <= 60 else "1",
    )
    if reading.kind != "number" or not isinstance(field.last, int | float) or isinstance(field.last, bool):
        return field
    change = abs(field.last) * OF_LAST
    if low is not None and high is not None:
        change = max(change, (high - low) * OF_POSSIBLE)
    return replace(field, ask_below=round(field.last - change, 2), ask_above=round(field.last + change, 2))


def _both(one: Field, other: Field) -> Field:
    """A reading that two pathways take: whichever lets it pass decides, and it is asked for where either does."""
    limits = [field for field in (one, other) if field.low is not None and field.high is not None]
    if len(limits) < 2:
        return replace(one, low=None, high=None, optional=one.optional and other.optional)
    low, high = min(f.low for f in limits if f.low is not None), max(f.high for f in limits if f.high is not None)
    choices = tuple(dict.fromkeys((*one.choices, *other.choices)))
    return replace(one, low=low, high=high, optional=one.optional and other.optional, choices=choices)
