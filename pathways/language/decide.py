"""Deciding written cases: inputs by name in, one answer per case out, by the same tables and engine that look after patients.

Rule 1: of a case only ``id`` and ``inputs`` are read; whatever else stands in it (an expected answer, say) is never looked at.
Rule 2: ``null``, or not being there, means missing, and what is missing never counts as false.
Rule 3: a case that cannot be decided as it is written is told, with its place, and the others go on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from pathways.engine.assess import DAY, Answer, assess, facts
from pathways.engine.plan import Pathway, Reading, Service, Table
from pathways.engine.state import Course, Person
from pathways.language.asked import ASKED
from pathways.language.catalogue import Loaded, NoSuchDocument, named
from pathways.language.errors import did_you_mean, report
from pathways.language.inputs import Case, Refused, day, number, series, word, words, wrong, yes_no

Complain = Callable[[str], None]

_SEXES: Mapping[str, str] = {"m": "male", "f": "female", "male": "male", "female": "female", "other": "other", "unknown": "unknown"}
_PREVIOUS = ("prev_followup_", "prev_")  # the longer first
_PERSON = ("age", "sex", "conditions", "medicines", "tag")
_DAYS = ("visit_date", "sample_date")  # from which days are counted
_UNIT = "_unit"  # acr_unit: the unit in which the case has acr
_ANY_DAY = date(2025, 1, 1)  # ages come as inputs, so that no day matters


class CannotDecide(Exception):
    """No case can be decided at all: the pathway or the file of cases cannot be used. The text says why and what to do."""


def decide_file(pathway_name_or_path: str | Path, cases_path: str | Path, complain: Complain | None = None) -> Iterator[str]:
    """One line of JSON for each case of a file, in its order.

    ``pathway_name_or_path``: a pathway of the library by name, or a file. ``complain`` is told of everything that was left out, one
    sentence each; without it they go to stderr. Raises CannotDecide where nothing can be decided.
    """
    tell = complain or _to_stderr
    try:
        loaded = named(pathway_name_or_path)
    except NoSuchDocument as missing:
        raise CannotDecide(str(missing)) from None
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
    """``{"id", "row", "decision", "tag", "interval_days", "referral", ...}`` for each case, and what its table gives.

    ``cases``: a list of cases, or lists of them by section; a section named like a table goes through that table, any other
    through the table of the follow-up. ``tag`` is None where the answer leaves the tag as it is, ``interval_days`` (the shorter
    of the decision's own and the tag's) where it sets no day. ``due_on_or_before`` is counted from the
    case's ``visit_date`` or ``sample_date``. Raises CannotDecide where nothing can be decided.
    """
    tell = complain or _to_stderr
    if isinstance(loaded, Loaded):
        if loaded.pathway is None:
            raise CannotDecide(f"the pathway has errors:\n{report(loaded.errors)}")
        loaded = loaded.pathway
    if not isinstance(cases, Mapping | list):
        raise CannotDecide('these are no cases; write a list of {"id": ..., "inputs": {...}}, or such lists by section')
    if loaded.name in ASKED:
        yield from ASKED[loaded.name](loaded, cases, tell)
        return
    strangers: set[str] = set()
    sections: Mapping[str, Case] = cases if isinstance(cases, Mapping) else {"": cases}
    for section, listed in sections.items():
        if not isinstance(listed, list):
            continue
        desk = _Desk.at(loaded, section, tell, strangers)
        for count, case in enumerate(listed, start=1):
            try:
                yield desk.answer(case, count)
            except Refused as refused:
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

    def answer(self, case: Case, count: int) -> dict[str, object]:
        place = f"{self.section} case {count}".strip()
        if not isinstance(case, Mapping) or type(case.get("id")) not in (str, int):
            raise Refused(f'{place}: a case needs an "id"; write {{"id": "C1", "inputs": {{...}}}}')
        if not isinstance(case.get("inputs"), Mapping):
            raise Refused(f'{place} ({case["id"]}): "inputs" are missing; write {{"id": "C1", "inputs": {{"age": 50, ...}}}}')
        place = f"{place} ({case['id']})"
        on = self._day(case["inputs"], place)
        known = self._known(case["inputs"], place)
        known[DAY] = on
        return {"id": case["id"], **self._told(assess(self.pathway, self.table, known), on)}

    def _told(self, answer: Answer, on: date | None) -> dict[str, object]:
        row, decision = answer.row, answer.decision
        days: list[int] = []
        if row is not None and decision is not None and not row.incomplete:
            days += [] if decision.within is None else [decision.within]
            days += [self.service.every.on(decision.tag)] if decision.tag is not None and self.service is not None else []
        interval = min(days, default=None)
        refer = decision.refer if decision is not None else None
        given = {name: answer.gives.get(name) for name in self.table.gives}
        return {
            "row": row.id if row else None,
            "decision": decision.name if decision else None,
            "tag": decision.tag if row and decision and not row.incomplete else None,
            "interval_days": interval,
            "referral": refer.urgency if refer else None,
            "due_on_or_before": (on + timedelta(days=interval)).isoformat() if on is not None and interval is not None else None,
            "referral_followup_within_days": self.pathway.services[refer.service].check_back if refer else None,
            **{name: value.isoformat() if isinstance(value, date) else value for name, value in given.items()},
        }

    def _day(self, inputs: Mapping[str, Case], place: str) -> date | None:
        """The day of the visit or the sample, if the case tells it."""
        given = (name for name in _DAYS if not self._knows(name) and inputs.get(name) is not None)
        return next((day(name, inputs[name], place) for name in given), None)

    def _known(self, inputs: Mapping[str, Case], place: str) -> dict[str, object]:
        """Everything that conditions may ask, out of a case's inputs."""
        given: dict[str, object] = {}
        previous: dict[str, bool] = {}
        for name, written in inputs.items():
            before = self._previous(name)
            if before is not None:
                if written is not None:
                    previous[before] = yes_no(name, written, place)
            elif self._knows(name):
                given[name] = None if written is None else self._taken(name, self._in_our_unit(name, inputs, place), place)
            elif name not in _DAYS and name.removesuffix(_UNIT) not in self.pathway.readings and name not in self.strangers:
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

    def _in_our_unit(self, name: str, inputs: Mapping[str, Case], place: str) -> Case:
        """What is written for ``name``, by the unit that stands beside it."""
        reading, unit, written = self.pathway.readings.get(name), inputs.get(name + _UNIT), inputs[name]
        if reading is None or unit is None or unit == reading.unit or name + _UNIT in self.pathway.readings:
            return written
        units = {unit: unit for unit in (reading.unit, *reading.also_in) if unit is not None}
        return number(name, written, place) * reading.also_in[word(name + _UNIT, unit, place, units)]

    def _names(self) -> list[str]:
        values = self.pathway.values
        return [*self.pathway.readings, *values, *(f"prev_{value}" for value in values), *_PERSON]

    def _taken(self, name: str, written: Case, place: str) -> object:
        """The value as the engine takes it. Raises Refused when it is of another kind."""
        reading = self.pathway.readings.get(name)
        if reading is not None:
            return self._reading(reading, written, place)
        match name:
            case "age":
                return number(name, written, place)
            case "sex":
                return _SEXES[word(name, written, place, _SEXES)]
            case "tag":
                return word(name, written, place, self.pathway.tags)
            case "conditions" | "medicines":
                return words(name, written, place)
        return self._value(name, written, place)

    def _value(self, name: str, written: Case, place: str) -> object:
        """A value that the case gives instead of having it worked out."""
        match self.pathway.values[name]._compiled.return_type().name():
            case "BOOL":
                return yes_no(name, written, place)
            case "INT" | "DOUBLE":
                return number(name, written, place)
        if not isinstance(written, bool | int | float | str):
            raise wrong(name, written, place, "a value", "write a word, a number, true or false")
        return written

    def _reading(self, reading: Reading, written: Case, place: str) -> object:
        match reading.kind:
            case "yes_no":
                return yes_no(reading.name, written, place)
            case "choices":
                return [word(reading.name, one, place, reading.choices) for one in words(reading.name, written, place)]
            case "list":
                return series(reading.name, written, place)
        value = number(reading.name, written, place)
        if reading.plausible is not None and not reading.plausible[0] <= value <= reading.plausible[1]:
            low, high = reading.plausible
            self.tell(f"{place}: {reading.name} {written} can hardly be true ({low:g} to {high:g}), it was decided on as written")
        return value


def _to_stderr(what: str) -> None:
    print(what, file=sys.stderr)
