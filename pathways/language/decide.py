"""Deciding written cases: inputs by name in, one answer per case out, by the same tables and engine that look after patients.

Rule 1: of a case only ``id`` and ``inputs`` are read; whatever else stands in it (an expected answer, say) is never looked at.
Rule 2: ``null``, or not being there, means missing, and what is missing never counts as false.
Rule 3: a case that cannot be decided as it is written is told, with its place, and the others go on.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pathways.engine.assess import Answer, assess, facts
from pathways.engine.plan import Pathway, Reading, Service, Table
from pathways.engine.state import Course, Person
from pathways.language.catalogue import LIBRARY, Loaded, load
from pathways.language.errors import did_you_mean, report

Complain = Callable[[str], None]
Case = Any  # what a JSON file may hold

_SEXES: Mapping[str, str] = {"m": "male", "f": "female", "male": "male", "female": "female", "other": "other", "unknown": "unknown"}
_PREVIOUS = ("prev_followup_", "prev_")  # the longer first
_PERSON = ("age", "sex", "conditions", "medicines", "tag")
_UNUSED = frozenset({"visit_date"})  # known, and no condition asks for it
_ANY_DAY = date(2025, 1, 1)  # ages come as inputs, so that no day matters


class CannotDecide(Exception):
    """No case can be decided at all: the pathway or the file of cases cannot be used. The text says why and what to do."""


class _Refused(ValueError):
    """A case that cannot be decided as it is written; says which input, what is wrong, what would be right."""


def decide_file(pathway_name_or_path: str | Path, cases_path: str | Path, complain: Complain | None = None) -> Iterator[str]:
    """One line of JSON for each case of a file, in its order.

    ``pathway_name_or_path``: a pathway of the library by name, or a file. ``complain`` is told of everything that was left out, one
    sentence each; without it they go to stderr. Raises CannotDecide where nothing can be decided.
    """
    tell = complain or _to_stderr
    loaded = _loaded(pathway_name_or_path)
    name = Path(cases_path).name
    try:
        cases = json.loads(Path(cases_path).read_text("utf-8-sig"))
    except OSError as refused:
        raise CannotDecide(f"{cases_path}: no cases to read: {refused.strerror}; check the name of the file") from None
    except UnicodeDecodeError:
        raise CannotDecide(f"{name}: the text is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as bad:
        raise CannotDecide(f"{name}:{bad.lineno}:{bad.colno}: this is not JSON ({bad.msg}); mend it here or just before") from None
    except RecursionError:
        raise CannotDecide(f"{name}: this is nested too deeply; write the cases as one list") from None
    for answer in decide(loaded, cases, complain=lambda what: tell(f"{name}: {what}")):
        yield json.dumps(answer, ensure_ascii=False)


def decide(loaded: Loaded | Pathway, cases: Case, *, complain: Complain | None = None) -> Iterator[dict[str, object]]:
    """``{"id", "row", "decision", "tag", "interval_days", "referral"}`` for each case.

    ``cases``: a list of cases, or lists of them by section; a section named like a table goes through that table, any other
    through the table of the follow-up. ``tag`` is None where the answer leaves the tag as it is, ``interval_days`` (the shorter
    of the decision's own and the tag's) where it sets no day. Raises CannotDecide where nothing can be decided.
    """
    tell = complain or _to_stderr
    if isinstance(loaded, Loaded):
        if loaded.pathway is None:
            raise CannotDecide(f"the pathway has errors:\n{report(loaded.errors)}")
        loaded = loaded.pathway
    if not isinstance(cases, Mapping | list):
        raise CannotDecide('these are no cases; write a list of {"id": ..., "inputs": {...}}, or such lists by section')
    strangers: set[str] = set()
    sections: Mapping[str, Case] = cases if isinstance(cases, Mapping) else {"": cases}
    for section, listed in sections.items():
        if not isinstance(listed, list):
            continue
        desk = _Desk.at(loaded, section, tell, strangers)
        for number, case in enumerate(listed, start=1):
            try:
                yield desk.answer(case, number)
            except _Refused as refused:
                tell(str(refused))


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where the cases of one section are decided."""

    pathway: Pathway
    section: str
    table: Table
    service: Service | None
    tell: Complain
    strangers: set[str] = field(repr=False)  # inputs already told to be unknown

    @classmethod
    def at(cls, pathway: Pathway, section: str, tell: Complain, strangers: set[str]) -> _Desk:
        follow_up = next((s for s in pathway.services.values() if s.kind == "follow_up" and s.decide in pathway.tables), None)
        if section in pathway.tables:
            name = section
        elif follow_up is not None and follow_up.decide is not None:
            name = follow_up.decide
        else:
            raise CannotDecide(f"{pathway.name} has no follow-up that decides; name a section after one of its tables")
        service = next((s for s in pathway.services.values() if s.decide == name), None)
        return cls(pathway, section, pathway.tables[name], service, tell, strangers)

    def answer(self, case: Case, number: int) -> dict[str, object]:
        place = f"{self.section} case {number}".strip()
        if not isinstance(case, Mapping) or type(case.get("id")) not in (str, int):
            raise _Refused(f'{place}: a case needs an "id"; write {{"id": "C1", "inputs": {{...}}}}')
        if not isinstance(case.get("inputs"), Mapping):
            raise _Refused(f'{place} ({case["id"]}): "inputs" are missing; write {{"id": "C1", "inputs": {{"age": 50, ...}}}}')
        known = self._known(case["inputs"], f"{place} ({case['id']})")
        return {"id": case["id"], **self._told(assess(self.pathway, self.table, known))}

    def _told(self, answer: Answer) -> dict[str, object]:
        row, decision = answer.row, answer.decision
        if row is None or decision is None:
            return {"row": None, "decision": None, "tag": None, "interval_days": None, "referral": None}
        days = [] if decision.within is None or row.incomplete else [decision.within]
        if decision.tag is not None and self.service is not None and not row.incomplete:
            days.append(self.service.every.on(decision.tag))
        return {
            "row": row.id,
            "decision": decision.name,
            "tag": None if row.incomplete else decision.tag,
            "interval_days": min(days, default=None),
            "referral": decision.refer.urgency if decision.refer else None,
        }

    def _known(self, inputs: Mapping[str, Case], place: str) -> dict[str, object]:
        """Everything that conditions may ask, out of a case's inputs."""
        given: dict[str, object] = {}
        previous: dict[str, bool] = {}
        for name, written in inputs.items():
            before = self._previous(name)
            if before is not None:
                if written is not None:
                    previous[before] = _yes_no(name, written, place)
            elif self._knows(name):
                given[name] = None if written is None else self._taken(name, written, place)
            elif name not in _UNUSED and name not in self.strangers:
                self.strangers.add(name)
                remedy = did_you_mean(name, self._names())
                self.tell(f"{place}: {self.pathway.name} has no input {name!r}, it was not used; {remedy}")
        if "conditions" in given and given["conditions"] is None:
            derived = (name for name, value in self.pathway.values.items() if "conditions" in value.names)
            given |= {name: None for name in derived if name not in given}
        course = Course(self.pathway.version, previous=previous)
        known = facts(self.pathway, Person(), course, {}, on=_ANY_DAY, given=given)
        for name in ("conditions", "medicines"):
            if name in given and given[name] is None:
                del known[name]
        return known

    def _previous(self, name: str) -> str | None:
        """The value whose state at the previous follow-up the input ``name`` tells."""
        for prefix in _PREVIOUS:
            if name not in self.pathway.readings and name.startswith(prefix) and name.removeprefix(prefix) in self.pathway.values:
                return name.removeprefix(prefix)
        return None

    def _knows(self, name: str) -> bool:
        return name in self.pathway.readings or name in self.pathway.values or name in _PERSON

    def _names(self) -> list[str]:
        values = self.pathway.values
        return [*self.pathway.readings, *values, *(f"prev_{value}" for value in values), *_PERSON]

    def _taken(self, name: str, written: Case, place: str) -> object:
        """The value as the engine takes it. Raises _Refused when it is of another kind."""
        reading = self.pathway.readings.get(name)
        if reading is not None:
            return self._reading(reading, written, place)
        match name:
            case "age":
                return _number(name, written, place)
            case "sex":
                return _SEXES[_word(name, written, place, _SEXES)]
            case "tag":
                return _word(name, written, place, self.pathway.tags)
            case "conditions" | "medicines":
                return _words(name, written, place)
        return self._value(name, written, place)

    def _value(self, name: str, written: Case, place: str) -> object:
        """A value that the case gives instead of having it worked out."""
        match self.pathway.values[name]._compiled.return_type().name():
            case "BOOL":
                return _yes_no(name, written, place)
            case "INT" | "DOUBLE":
                return _number(name, written, place)
        if not isinstance(written, bool | int | float | str):
            raise _wrong(name, written, place, "a value", "write a word, a number, true or false")
        return written

    def _reading(self, reading: Reading, written: Case, place: str) -> object:
        match reading.kind:
            case "yes_no":
                return _yes_no(reading.name, written, place)
            case "choices":
                return [_word(reading.name, one, place, reading.choices) for one in _words(reading.name, written, place)]
            case "list":
                return _series(reading.name, written, place)
        number = _number(reading.name, written, place)
        if reading.plausible is not None and not reading.plausible[0] <= number <= reading.plausible[1]:
            low, high = reading.plausible
            self.tell(f"{place}: {reading.name} {written} can hardly be true ({low:g} to {high:g}), it was decided on as written")
        return number


def _number(name: str, written: Case, place: str) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float) or not _is_finite(written):
        raise _wrong(name, written, place, "a number", "write for example 128, or null when it is missing")
    return float(written)


def _yes_no(name: str, written: Case, place: str) -> bool:
    if not isinstance(written, bool):
        raise _wrong(name, written, place, "yes or no", "write true, false, or null when it is missing")
    return written


def _words(name: str, written: Case, place: str) -> list[str]:
    if not isinstance(written, list) or not all(isinstance(one, str) for one in written):
        raise _wrong(name, written, place, "a list of words", 'write for example ["one", "two"], or [] when there is none')
    return written


def _word(name: str, written: Case, place: str, known: Sequence[str] | Mapping[str, str]) -> str:
    if not isinstance(written, str) or written not in known:
        raise _wrong(name, written, place, "a word it may have", did_you_mean(str(written), known))
    return written


def _series(name: str, written: Case, place: str) -> list[object]:
    """Numbers, or lists of numbers, in the order of time; a number within it may be missing."""
    if not isinstance(written, list):
        raise _wrong(name, written, place, "a list of measurements", "write for example [[142, 85], [138, 84]]")
    return [
        [None if inner is None else _number(name, inner, place) for inner in one]
        if isinstance(one, list)
        else None
        if one is None
        else _number(name, one, place)
        for one in written
    ]


def _is_finite(number: int | float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _wrong(name: str, written: Case, place: str, kind: str, remedy: str) -> _Refused:
    shown = json.dumps(written, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return _Refused(f"{place}: {name} is {shown}, not {kind}; {remedy}")


def _loaded(name_or_path: str | Path) -> Loaded:
    shipped = LIBRARY / f"{name_or_path}.yaml"
    shipped_names = sorted(path.stem for path in LIBRARY.glob("*.yaml") if path.stem != "wording")
    if str(name_or_path) in shipped_names:
        return load(shipped, file=shipped.name)
    path = Path(name_or_path)
    if not path.is_file():
        raise CannotDecide(f"no pathway and no file called {str(name_or_path)!r}; {did_you_mean(str(name_or_path), shipped_names)}")
    return load(path, file=str(name_or_path))


def _to_stderr(what: str) -> None:
    print(what, file=sys.stderr)
