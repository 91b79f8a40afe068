"""Rows that can never decide, and constants in conditions that nothing can equal.

Rule 1: an error is raised only for what is proven, whatever readings are missing; what cannot be proven is left to the scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pathways.engine.conditions import Expression
from pathways.engine.plan import Pathway
from pathways.language.compile import written
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import BadRange, Location, NeverReached, PathwayError, UnknownChoice, UnknownReading, UnknownTag
from pathways.language.kinds import Kinds
from pathways.language.logic import Alternative, Facts, TooMuch, Values, comparison, covered
from pathways.language.tree import Call, Const, Name, Node, Select, tree, walk


@dataclass(frozen=True, slots=True)
class _Judged:
    """A row, where it is, and when it holds; ``holds`` is None when that is too much to tell."""

    id: str
    source: str
    at: Location
    holds: list[Alternative] | None


def check_rows(document: Document, data: Mapping[str, Value], pathway: Pathway) -> Iterator[PathwayError]:
    """Rows that are never reached, and constants that make no sense."""
    values = Values({name: tree(expression) for name, expression in pathway.values.items()})
    required = frozenset({"age", *(name for name, reading in pathway.readings.items() if not reading.optional)})
    kinds = Kinds(document, pathway, {name: tree(expression) for name, expression in pathway.values.items()})
    for steps, expression in _expressions(data, pathway):
        yield from _constants(document, data, pathway, steps, expression)
        condition = steps[-1] in {"when", "enrol_when"}
        yield from kinds.check(steps, expression.source, tree(expression), condition=condition)
    for name, table in pathway.tables.items():
        places = {(row["row"], document.at("tables", name, n).line): n for n, row in _rows(data, name)}
        conditions: list[tuple[str, str, Location, Node | None]] = []
        for row in table.rows:
            if row.when is not None:
                at = document.at("tables", name, places.get((row.id, row.line), 0), "row")
                conditions.append((row.id, row.when.source, at, _inlined(values, row.when)))
        certain = frozenset({"age"}) if name == pathway.home_readings else required  # from home, any reading may not be sent
        facts = Facts([node for *_, node in conditions if node is not None], certain)
        judged = [_Judged(row_id, source, at, _alternatives(facts, node)) for row_id, source, at, node in conditions]
        for number, row_judged in enumerate(judged):
            problem = _never(row_judged, judged[:number])
            if problem is not None:
                yield problem


def _never(row: _Judged, earlier: list[_Judged]) -> NeverReached | None:
    if row.holds is None:
        same = next((one for one in earlier if one.source == row.source), None)
        return _duplicate(row, same) if same else None
    if not row.holds:
        return NeverReached(f"row {row.id} never holds", at=row.at, remedy="correct its condition, or remove it")
    known = [(one, one.holds) for one in earlier if one.holds]
    for one, holds in known:
        if any(not alternative for alternative in holds):
            what = f"row {row.id} is never reached: {one.id} above always holds"
            return NeverReached(what, at=row.at, remedy=f"put it above {one.id}, or remove it")
        if one.source == row.source:
            return _duplicate(row, one)
        if covered(row.holds, holds):
            what = f"row {row.id} is never reached: whenever it holds, {one.id} above holds too"
            return NeverReached(what, at=row.at, remedy=f"put it above {one.id}, or remove it")
    if covered(row.holds, [alternative for _, holds in known for alternative in holds]):
        what = f"row {row.id} is never reached: whenever it holds, one of the rows above holds"
        return NeverReached(what, at=row.at, remedy="put it further up, or remove it")
    return None


def _duplicate(row: _Judged, one: _Judged) -> NeverReached:
    what = f"row {row.id} is never reached: it has the condition of {one.id} in line {one.at.line}"
    return NeverReached(what, at=row.at, remedy="correct its condition, or remove it")


def _inlined(values: Values, expression: Expression) -> Node | None:
    try:
        return values.inlined(tree(expression))
    except (TooMuch, RecursionError):
        return None


def _alternatives(facts: Facts, node: Node | None) -> list[Alternative] | None:
    try:
        return facts.alternatives(node) if node is not None else None
    except (TooMuch, RecursionError):
        return None


def _rows(data: Mapping[str, Value], table: str) -> list[tuple[int, Value]]:
    return [(n, row) for n, row in enumerate(data["tables"][table]) if isinstance(row, dict)]


def _expressions(data: Mapping[str, Value], pathway: Pathway) -> Iterator[tuple[Steps, Expression]]:
    """Every compiled condition with its place."""
    yield ("enrol_when",), pathway.enrol_when
    for name, expression in pathway.values.items():
        yield ("values", name), expression
    for name, service in pathway.services.items():
        if service.when is not None:
            yield ("services", name, "when"), service.when
    for name, table in pathway.tables.items():
        sources = {row.when.source: row.when for row in table.rows if row.when is not None}
        for number, row in _rows(data, name):
            if row.get("when") in sources:
                yield ("tables", name, number, "when"), sources[row["when"]]
    for name, table in pathway.tables.items():
        for given_name, given in table.gives.items():
            yield ("gives", name, given_name, *(("days_after",) if given.as_day else ())), given.value


def _constants(
    document: Document, data: Mapping[str, Value], pathway: Pathway, steps: Steps, expression: Expression
) -> Iterator[PathwayError]:
    known_values, known_readings = written(document, "values"), written(document, "readings")
    for node in walk(tree(expression)):
        match node:
            case Select(operand=Name(name="previous"), name=asked) if asked not in known_values:
                at = document.inside(steps, *_line_column(expression.source, node.offset))
                if asked in known_readings:
                    what = f"previous.{asked} is a reading; of the visit before only values are kept"
                    yield BadRange(what, at=at, remedy="give it a name under values")
                else:
                    yield UnknownReading(asked, at=at, known=known_values)
            case Call(function="@in", args=(Const(value=str() as word, offset=offset), Name(name=name))):
                reading = pathway.readings.get(name)
                if reading is not None and reading.choices and word not in reading.choices:
                    at = document.inside(steps, *_line_column(expression.source, offset))
                    yield UnknownChoice(word, at=at, known=reading.choices)
            case Call():
                found = comparison(node)
                if found is not None:
                    at = document.inside(steps, *_line_column(expression.source, node.offset))
                    yield from _compared(pathway, *found, at)
            case _:
                pass


def _compared(pathway: Pathway, fact: str, sign: str, constant: object, at: Location) -> Iterator[PathwayError]:
    if fact == "tag" and pathway.tags:
        for word in constant if isinstance(constant, tuple) else (constant,):
            if word is not None and word not in pathway.tags:
                yield UnknownTag(str(word), at=at, known=pathway.tags)
    reading = pathway.readings.get(fact)
    if reading is None or reading.plausible is None or isinstance(constant, bool):
        return
    low, high = reading.plausible
    if low >= high:
        return  # the range itself is wrong, and said to be
    if isinstance(constant, int | float) and not low <= constant <= high:
        what = f"{fact} is compared with {constant}, but lies between {low:g} and {high:g}"
        yield BadRange(what, at=at, remedy="correct the number, or the plausible range")


def _line_column(source: str, offset: int) -> tuple[int, int]:
    before = source[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")
