"""A search held against resources in memory: what a patient has is a few hundred of each type, and sealed.

Rule 1: a parameter looks at what the resource shows, so that what is found is what is seen.
Rule 2: the order is that of the parameters asked for, then of the id; a page begins behind the last resource of the one before,
        whether it is still there or not.

Source: HL7 FHIR R4 (4.0.1), Search: date prefixes, token forms, string beginnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, not_
from sqlalchemy.orm import InstrumentedAttribute

from api.fhir.kinds import Filter, Found, Param, Query, Ref, Resource, Span, Token, Value, unusable
from records.pages import behind, cursor
from records.vault import fold

Paths = Mapping[str, tuple[str, ...]]  # a search parameter, to where it looks in the resource: ``("component.code",)``

ALWAYS: Paths = {"_id": ("id",), "_lastUpdated": ("meta.lastUpdated",)}
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def page(resources: Iterable[Resource], query: Query, params: Mapping[str, Param], paths: Paths, order: str) -> Found:
    """The page of ``resources`` that the query asks for. ``order``: by which parameter, where none is asked for; "-" for the
    other way round. Raises BadCursor."""
    looks = {**ALWAYS, **paths}
    left = [one for one in resources if matches(one, query, params, paths)]
    sort = query.sort or ((order.lstrip("-"), order.startswith("-")),)

    def key(resource: Resource) -> list[str]:
        return [*(_sortable(resource, params, name, looks[name]) for name, _ in sort), str(resource["id"])]

    backwards = [*(descending for _, descending in sort), False]
    last = behind(query.after, len(backwards))
    if last is not None:
        left = [one for one in left if _is_behind(key(one), last, backwards)]
    for n in reversed(range(len(backwards))):
        left.sort(key=_part(key, n), reverse=backwards[n])
    shown = left[: query.count]
    more = len(left) > len(shown) and bool(shown)
    total = len(left) if last is None else None
    return Found(shown, cursor(*key(shown[-1])) if more else None, total)


def matches(resource: Resource, query: Query, params: Mapping[str, Param], paths: Paths) -> bool:
    """Whether all the filters that have a place to look hold; those that have none were answered by the database."""
    looks = {**ALWAYS, **paths}
    return all(holds(resource, one, params.get(one.name), looks[one.name]) for one in query.filters if one.name in looks)


def holds(resource: Resource, asked: Filter, param: Param | None, where: Sequence[str]) -> bool:
    """Whether any value of the filter is found at one of these places."""
    found = [value for path in where for value in at(resource, path)]
    if asked.modifier == "missing":
        return (not found) == (text_of(asked.values[0]) == "true")
    exact = asked.modifier == "exact" or (param is not None and param.type == "uri")
    any_of = any(_is(value, wanted, exact) for value in found for wanted in asked.values)
    return any_of != (asked.modifier == "not")


def at(value: Any, path: str) -> Iterator[Any]:
    """Everything at a dotted path, through lists."""
    name, _, rest = path.partition(".")
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Mapping) and name in one:
            inner = one[name]
            if rest:
                yield from at(inner, rest)
            else:
                yield from inner if isinstance(inner, list) else [inner]


def text_of(value: Value) -> str:
    """A value as it was written, where its type does not matter."""
    match value:
        case Token():
            return value.code
        case Ref():
            return f"{value.type}/{value.id}" if value.type else value.id
        case Span():
            return value.low.isoformat()
    return value


def ids(query: Query, name: str = "_id") -> set[str] | None:
    """The ids that a query names by this parameter; None where it names none."""
    named: set[str] | None = None
    for one in query.of(name):
        if one.modifier:
            continue
        here = {value.id if isinstance(value, Ref) else text_of(value) for value in one.values}
        named = here if named is None else named & here
    return named


def patients(query: Query, *names: str) -> set[str] | None:
    """The patients whom a query names by one of these parameters; None where it names nobody."""
    named: set[str] | None = None
    for one in (one for name in names for one in query.of(name) if not one.modifier):
        here = {ref.id for ref in one.values if isinstance(ref, Ref) and ref.type in ("", "Patient")}
        here |= {text.removeprefix("Patient/") for text in one.values if isinstance(text, str)}
        named = here if named is None else named & here
    return named


def moments(column: InstrumentedAttribute[datetime], asked: Filter) -> ColumnElement[bool]:
    """A filter by a moment, for the database."""
    ways = [_moment(column, span) for span in asked.values if isinstance(span, Span)]
    if not ways:
        raise unusable(asked.name, "is no date", "write it as 2025-03-04 or 2025-03-04T02:10:00Z")
    any_of = ways[0]
    for way in ways[1:]:
        any_of = any_of | way
    return any_of


def _moment(column: InstrumentedAttribute[datetime], span: Span) -> ColumnElement[bool]:
    match span.prefix:
        case "gt" | "sa":
            return column >= span.high
        case "ge":
            return column >= span.low
        case "lt" | "eb":
            return column < span.low
        case "le":
            return column < span.high
        case "ne":
            return not_(and_(column >= span.low, column < span.high))
    return and_(column >= span.low, column < span.high)


def _is(value: Any, wanted: Value, exact: bool) -> bool:
    match wanted:
        case Token():
            return any(_is_token(system, code, wanted) for system, code in _tokens(value))
        case Ref():
            return _is_ref(value, wanted)
        case Span():
            return _is_within(*_span(value), wanted)
    if not isinstance(value, str):
        return any(_is(inner, wanted, exact) for inner in value.values() if isinstance(inner, str | list)) if value else False
    return value == wanted if exact else fold(value).startswith(fold(wanted))


def _tokens(value: Any) -> Iterator[tuple[str | None, str]]:
    """System and code of whatever a token may be; None where the element itself says which system it is."""
    if isinstance(value, bool):
        yield None, str(value).lower()
    elif not isinstance(value, Mapping):
        yield None, str(value)
    elif "coding" in value or "text" in value:
        yield from ((one.get("system", ""), one.get("code", "")) for one in value.get("coding", ()))
    elif "code" in value:
        yield value.get("system", ""), value["code"]
    elif "value" in value:  # an Identifier or a ContactPoint
        yield value.get("system", ""), str(value["value"])


def _is_token(system: str | None, code: str, wanted: Token) -> bool:
    if wanted.code and wanted.code != code:
        return False
    return wanted.system is None or (wanted.system == system if system is not None else bool(wanted.system))


def _is_ref(value: Any, wanted: Ref) -> bool:
    if isinstance(value, str):  # a canonical, with or without its version
        written = text_of(wanted)
        return written in (value, value.partition("|")[0])
    named = str(value.get("reference", "")).partition("/_history/")[0]
    type_, _, id_ = named.rpartition("/")
    return id_ == wanted.id and wanted.type in ("", type_)


def _span(value: Any) -> tuple[datetime, datetime]:
    """From when up to when, without it, something is."""
    if isinstance(value, Mapping):
        low = _span(value["start"])[0] if "start" in value else FIRST
        return low, _span(value["end"])[1] if "end" in value else LAST
    written = str(value)
    if len(written) == len("2025-03-04"):
        day = datetime.combine(date.fromisoformat(written), time(), UTC)
        return day, day + timedelta(days=1)
    moment = datetime.fromisoformat(written).astimezone(UTC)
    return moment, moment + timedelta(milliseconds=1)


def _is_within(low: datetime, high: datetime, asked: Span) -> bool:
    inside = asked.low <= low and high <= asked.high
    match asked.prefix:
        case "ne":
            return not inside
        case "gt":
            return high > asked.high
        case "ge":
            return inside or high > asked.high
        case "lt":
            return low < asked.low
        case "le":
            return inside or low < asked.low
        case "sa":
            return low >= asked.high
        case "eb":
            return high <= asked.low
        case "ap":
            return low < asked.high and high > asked.low
    return inside


def _sortable(resource: Resource, params: Mapping[str, Param], name: str, where: Sequence[str]) -> str:
    value = next((value for path in where for value in at(resource, path)), None)
    if value is None:
        return ""
    if name == "_lastUpdated" or (name in params and params[name].type == "date"):
        return _span(value)[0].isoformat()
    return next((code for _, code in _tokens(value)), "")


def _is_behind(key: Sequence[str], last: Sequence[str], backwards: Sequence[bool]) -> bool:
    for mine, theirs, descending in zip(key, last, backwards, strict=True):
        if mine != theirs:
            return (mine < theirs) if descending else (mine > theirs)
    return False


def _part(key: Callable[[Resource], list[str]], n: int) -> Callable[[Resource], str]:
    return lambda resource: key(resource)[n]
