"""From a document to what the engine runs: names and lengths of time become a ``Pathway``.

Rule 1: what is sound is compiled although something else is wrong, so that all errors come at once;
        a pathway with an error is never run.
Rule 2: the version is the hash of the text: the same text is the same pathway, everywhere and for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pathways.engine.conditions import Expression
from pathways.engine.plan import (
    AskSpec,
    ByTag,
    Decision,
    Escalation,
    Given,
    Pathway,
    Reading,
    ReferSpec,
    Reminder,
    Row,
    Service,
    Table,
    TaskSpec,
)
from pathways.language import durations
from pathways.language.document import Document, Value
from pathways.language.errors import PathwayError
from pathways.language.expressions import Conditions
from pathways.language.schema import check_shape

_URGENT = "urgent"


def compile_pathway(document: Document, version: str | None = None) -> tuple[Pathway, list[PathwayError]]:
    """The pathway of the sound parts of ``document``, and what is wrong with its shape and conditions.

    ``version`` is the first 16 hexadecimal digits of the SHA-256 of the text when not given.
    """
    data, problems = check_shape(document)
    pathway, more = compile_sound(document, data, version)
    return pathway, problems + more


def compile_sound(document: Document, data: Mapping[str, Value], version: str | None = None) -> tuple[Pathway, list[PathwayError]]:
    """The same for the well-shaped ``data`` that ``check_shape`` left of ``document``."""
    compiler = _Compiler(document, data)
    pathway = compiler.pathway(version or document.version)
    return pathway, compiler.conditions.problems


class _Compiler:
    """Compiles the well-shaped ``data``; names are taken from the document as written, to spare errors that only follow."""

    def __init__(self, document: Document, data: Mapping[str, Value]) -> None:
        self.data = data
        readings, values = written(document, "readings"), written(document, "values")
        self.conditions = Conditions(document, readings, values)
        self.readings = readings
        self.written_values = values

    def pathway(self, version: str) -> Pathway:
        """The compiled pathway; conditions that are wrong leave their row or service out."""
        data = self.data
        values = self._values()
        enrol = self.conditions.condition(data["enrol_when"], "enrol_when") if data.get("enrol_when") else None
        return Pathway(
            name=data.get("pathway") or "",
            version=version,
            title=_text(data.get("title")),
            basis=data.get("basis") or "",
            enrol_when=enrol or self.conditions.nobody(),
            tags=tuple(data.get("tags") or ()),
            readings=_frozen({name: reading(name, what) for name, what in _named(data, "readings")}),
            values=_frozen(values),
            decisions=_frozen({name: decision(name, what) for name, what in _named(data, "decisions")}),
            tables=_frozen({name: self._table(name, rows) for name, rows in _named(data, "tables")}),
            services=_frozen({name: self._service(name, what) for name, what in _named(data, "services")}),
            home_readings=data.get("home_readings"),
            urgent_messages=frozenset(name for name, texts in _named(data, "messages") if texts.get(_URGENT)),
        )

    def _values(self) -> dict[str, Expression]:
        sound = self.data.get("values") or {}
        values: dict[str, Expression] = {}
        for name in self.written_values:
            if name not in sound:
                self.conditions.add(name)
                continue
            compiled = self.conditions.value(name, sound[name])
            if compiled is not None:
                values[name] = compiled
        return values

    def _table(self, name: str, rows: list[Value]) -> Table:
        compiled: list[Row] = []
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                continue
            steps = ("tables", name, number)
            when = self.conditions.condition(row["when"], *steps, "when") if "when" in row else None
            if when is None and not row.get("incomplete"):
                continue
            compiled.append(
                Row(
                    id=row["row"],
                    decision=row["then"],
                    when=when,
                    incomplete=bool(row.get("incomplete")),
                    because=_text(row["because"]),
                    basis=row["basis"],
                    cites=row.get("cites"),
                    line=self.conditions.document.at(*steps).line,
                )
            )
        return Table(name, tuple(compiled), _frozen(self._gives(name)))

    def _gives(self, table: str) -> dict[str, Given]:
        compiled: dict[str, Given] = {}
        for name, what in ((self.data.get("gives") or {}).get(table) or {}).items():
            as_day = isinstance(what, dict)
            inner = ("days_after",) if as_day else ()
            value = self.conditions.output(what["days_after"] if as_day else what, "gives", table, name, *inner)
            if value is not None:
                compiled[name] = Given(value, as_day)
        return compiled

    def _service(self, name: str, what: Mapping[str, Any]) -> Service:
        when = self.conditions.condition(what["when"], "services", name, "when") if "when" in what else None
        at_enrolment = what.get("at_enrolment") or {}
        given: dict[str, Any] = {key: what[key] for key in ("by", "decide", "send", "to") if key in what}
        if "every" in what:
            given["every"] = by_tag(what["every"], durations.days)
        if "book" in what:
            given["early"] = by_tag(what["book"], durations.before)
        for key in ("first", "check_back"):
            if key in what:
                given[key] = durations.days(what[key])
        if "opens" in what:
            given["opens"] = durations.before(what["opens"])
        if "request" in what:
            given["request"] = durations.supply_left(what["request"])
        if "fresh" in at_enrolment:
            given["fresh"] = durations.days(at_enrolment["fresh"])
        return Service(
            name=name,
            kind=what["kind"],
            title=_text(what["title"]),
            when=when,
            collects=tuple(what.get("collects") or ()),
            at_enrolment=at_enrolment.get("decide"),
            remind=tuple(Reminder(durations.offset(r["when"]), r["send"]) for r in what.get("remind") or ()),
            if_missed=tuple(escalation(e) for e in what.get("if_missed") or ()),
            medicines=tuple(what.get("medicines") or ()),
            answer_within=_frozen({name: durations.span(long) for name, long in (what.get("answer_within") or {}).items()}),
            says=_frozen(dict(what.get("says") or {})),
            **given,
        )


def written(document: Document, section: str) -> dict[str, Value]:
    """A section's names as the author wrote them, ill-shaped ones too."""
    found = document.data.get(section)
    return {name: what if isinstance(what, dict | list) else {} for name, what in found.items()} if isinstance(found, dict) else {}


def by_tag(written: str | Mapping[str, str], parse: Any) -> ByTag:
    """One length of time, or one for each tag."""
    if isinstance(written, str):
        return ByTag(always=parse(written))
    return ByTag(_frozen({tag: parse(long) for tag, long in written.items()}))


def reading(name: str, what: Mapping[str, Any]) -> Reading:
    """A reading; a number unless it says otherwise."""
    low_high = what.get("plausible")
    return Reading(
        name=name,
        kind="choices" if "choices" in what else "yes_no" if "yes_no" in what else "list" if "list" in what else "number",
        unit=what.get("unit"),
        loinc=tuple(what.get("loinc") or ()),
        plausible=(float(low_high[0]), float(low_high[1])) if low_high else None,
        choices=tuple(what.get("choices") or ()),
        optional=bool(what.get("optional")),
        label=_text(what.get("label")),
        also_in=_frozen({unit: float(times) for unit, times in (what.get("also_in") or {}).items()}),
    )


def decision(name: str, what: Mapping[str, Any]) -> Decision:
    """A decision; ``within: 6 months`` keeps the months for display."""
    opened = what.get("open_task") or []
    refer = what.get("refer")
    return Decision(
        name=name,
        title=_text(what["title"]),
        tag=what.get("tag"),
        within=durations.days(what["within"]) if "within" in what else None,
        refer=_refer(refer) if refer else None,
        open_tasks=tuple(task(one) for one in (opened if isinstance(opened, list) else [opened])),
        send=what.get("send"),
        alert=what.get("alert"),
        months=durations.months(what["within"]) if "within" in what else None,
        advise=_frozen({one["medicine"]: one["do"] for one in what.get("advise") or ()}),
        ask=_asks(what["ask"]) if "ask" in what else None,
    )


def task(what: Mapping[str, Any]) -> TaskSpec:
    """A task; due at once when it does not say within how long."""
    return TaskSpec(what["kind"], what["by"], durations.days(what["within"]) if "within" in what else 0)


def escalation(what: Mapping[str, Any]) -> Escalation:
    """What happens after a day was missed."""
    return Escalation(
        after=by_tag(what["after"], durations.days),
        open_task=task(what["open_task"]) if "open_task" in what else None,
        send=what.get("send"),
        mark=what.get("mark"),
        again=durations.days(what["again"]) if "again" in what else None,
    )


def _asks(what: Mapping[str, Any]) -> AskSpec:
    return AskSpec(what["service"], what.get("by", "doctor"), durations.days(what["within"]) if "within" in what else 0)


def _refer(what: Mapping[str, Any]) -> ReferSpec:
    spec = ReferSpec(what["service"], what["urgency"], what.get("confirm"))
    if "confirm_within" not in what:
        return spec
    return ReferSpec(spec.service, spec.urgency, spec.confirm, durations.span(what["confirm_within"]))


def _named(data: Mapping[str, Value], section: str) -> list[tuple[str, Any]]:
    return list((data.get(section) or {}).items())


def _text(texts: Mapping[str, str] | None) -> Mapping[str, str]:
    return _frozen(dict(texts or {}))


def _frozen(mapping: dict[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(mapping)
