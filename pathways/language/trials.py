"""Scenarios against the pathway that they try: names, kinds of readings, and rows that none of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pathways.engine.plan import Pathway, Reading
from pathways.language.compile import written
from pathways.language.document import Document, Steps
from pathways.language.errors import (
    BadScenario,
    NotTried,
    PathwayError,
    UnknownChoice,
    UnknownDecision,
    UnknownMessage,
    UnknownName,
    UnknownReading,
    UnknownRow,
    UnknownService,
    UnknownTag,
    UnknownTask,
)
from pathways.language.names import ASKED_FROM_OUTSIDE, is_only_asked
from pathways.language.scenarios import Done, Home, Lab, Scenario, Step, Taken, Visit

#: Tasks that the engine opens by itself, whatever the pathway.
# fmt: off
OWN_TASKS = frozenset({
    "phone_reminder", "search", "check_on_rest", "find_number", "on_call_not_told", "confirm_referral",
    "referral_not_attended", "place_referral", "chase_referral", "referral_check", "find_medicine",
    "refused_care", "find_another_day", "urgent_call", "read_answer", "referral_question", "read_report", "medication_review",
})
# fmt: on


class _Known:
    """All names of the pathways that a scenario may speak of."""

    def __init__(self, document: Document, pathways: Sequence[Pathway], messages: Iterable[str] | None) -> None:
        self.readings: dict[str, Reading | None] = dict.fromkeys(written(document, "readings"))
        self.readings |= {name: reading for pathway in pathways for name, reading in pathway.readings.items()}
        self.services = set(written(document, "services")).union(*(p.services for p in pathways))
        self.decisions = set(written(document, "decisions")).union(*(p.decisions for p in pathways))
        self.tags = {tag for pathway in pathways for tag in pathway.tags}
        self.rows = {row.id for pathway in pathways for table in pathway.tables.values() for row in table.rows}
        for rows in written(document, "tables").values():
            self.rows |= {str(row.get("row")) for row in rows if isinstance(row, dict)}
        self.messages = set(written(document, "messages")) if messages is None else set(messages)
        decided = (task for p in pathways for one in p.decisions.values() for task in one.open_tasks)
        missed = (m.open_task for p in pathways for s in p.services.values() for m in s.if_missed)
        self.tasks = {*OWN_TASKS, *self.services, *(t.kind for t in decided), *(t.kind for t in missed if t)}


def check_scenarios(
    document: Document,
    pathways: Pathway | Sequence[Pathway],
    scenarios: Sequence[Scenario],
    messages: Iterable[str] | None = None,
) -> Iterator[PathwayError]:
    """Names in ``scenarios`` that no pathway has. ``messages``: those there are, when ``document`` does not hold them."""
    known = _Known(document, [pathways] if isinstance(pathways, Pathway) else pathways, messages)
    named: dict[str, int] = {}
    for scenario in scenarios:
        here = scenario.place
        if scenario.name in named:
            what = f"two scenarios have this name; the first is in line {named[scenario.name]}"
            yield BadScenario(what, at=document.at(*here, "name"), remedy="name it for what is different")
        named.setdefault(scenario.name, document.at(*here, "name").line)
        patient = scenario.patient
        if patient.born > scenario.enrolled:
            at = document.at(*here, "patient", "born")
            yield BadScenario("the patient is enrolled before birth", at=at, remedy="correct the date")
        for service in patient.last_done:
            yield from _named(document, UnknownService, service, (*here, "patient", "last_done", service), known.services)
        for name, reading in patient.known.items():
            yield from _reading(document, name, reading.value, (*here, "patient", "known", name), known)
        for step in scenario.steps:
            yield from _step(document, step, known)


def _step(document: Document, step: Step, known: _Known) -> Iterator[PathwayError]:
    here, action, expect = step.place, step.action, step.expect
    if isinstance(action, Visit | Home | Lab):
        word = type(action).__name__.lower()
        inner = (*here, word, "readings") if isinstance(action, Lab) else (*here, word)
        for name, value in action.readings.given.items():
            yield from _reading(document, name, value, (*inner, name), known)
    if isinstance(action, Lab) and action.service is not None:
        yield from _named(document, UnknownService, action.service, (*here, "lab", "service"), known.services)
    if isinstance(action, Done):
        yield from _named(document, UnknownService, action.service, (*here, "done"), known.services)
    there = (*here, "expect")
    if expect.row is not None:
        yield from _named(document, UnknownRow, expect.row, (*there, "row"), known.rows)
    if expect.decision is not None:
        yield from _named(document, UnknownDecision, expect.decision, (*there, "decision"), known.decisions)
    if expect.tag is not None and known.tags:
        yield from _named(document, UnknownTag, expect.tag, (*there, "tag"), known.tags)
    for service in expect.due:
        yield from _named(document, UnknownService, service, (*there, "due", service), known.services)
    for number, message in enumerate(expect.sent):
        if known.messages:
            yield from _named(document, UnknownMessage, message, (*there, "sent", number), known.messages)
    for number, task in enumerate(expect.tasks):
        yield from _named(document, UnknownTask, task, (*there, "tasks", number), known.tasks)


def _named(document: Document, kind: type[UnknownName], name: str, steps: Steps, known: Iterable[str]) -> Iterator[PathwayError]:
    if name not in known:
        yield kind(name, at=document.at(*steps), known=known)


def _outside(value: float, reading: Reading) -> tuple[float, float] | None:
    """The plausible range where ``value`` lies without; one upside down is told at the reading."""
    low, high = reading.plausible or (value, value)
    return (low, high) if low < high and not low <= value <= high else None


def _reading(document: Document, name: str, value: Taken, steps: Steps, known: _Known) -> Iterator[PathwayError]:
    if name not in known.readings:
        yield UnknownReading(name, at=document.key(*steps), known=known.readings)
        return
    reading = known.readings[name]
    if reading is None:
        return
    fits: Mapping[str, bool] = {
        "number": isinstance(value, float) and not isinstance(value, bool),
        "yes_no": isinstance(value, bool),
        "choices": isinstance(value, tuple),
        "list": isinstance(value, tuple),
    }
    if not fits[reading.kind]:
        wanted = {"number": "a number", "yes_no": "true or false"}.get(reading.kind, "a list, which may be empty: []")
        yield BadScenario(f"{name!r} does not fit what is measured", at=document.at(*steps), remedy=f"write {wanted}")
    elif isinstance(value, float) and (outside := _outside(value, reading)):
        low, high = outside
        what = f"nobody could record {name} {value:g}: it lies between {low:g} and {high:g}"
        yield BadScenario(what, at=document.at(*steps), remedy="correct the number, or the plausible range")
    elif reading.kind == "choices" and isinstance(value, tuple):
        for number, word in enumerate(value):
            if word not in reading.choices:
                yield UnknownChoice(word, at=document.at(*steps, number), known=reading.choices)


def check_tried(document: Document, pathway: Pathway, scenarios: Sequence[Scenario]) -> Iterator[PathwayError]:
    """Rows that no scenario expects, but for tables that only people outside the pathway go through."""
    if is_only_asked(document):
        return
    reached = {step.expect.row for scenario in scenarios for step in scenario.steps}
    for name, rows in written(document, "tables").items():
        if ("tables", name) in ASKED_FROM_OUTSIDE:
            continue
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            row_id = row.get("row") if isinstance(row, dict) else None
            if isinstance(row_id, str) and row_id not in reached:
                at = document.at("tables", name, number, "row")
                yield NotTried(f"no scenario reaches row {row_id}", at=at, remedy="add one that expects it")
