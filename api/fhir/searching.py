"""Reading the parameters of a search: what is asked for, in the shape that a type takes.

Rule 1: what is not declared is refused, naming what is; with ``Prefer: handling=lenient`` it is left out, as the self link says.
Rule 2: a value that cannot be meant is refused, never read as something near it; it is not quoted back.

Source: HL7 FHIR R4 (4.0.1), Search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from api.fhir.kinds import Counted, Filter, Kind, Param, Query, Ref, Refused, Span, Token, Value, unusable

MOST, USUAL = 500, 50  # matches of a page
#: Of every type.
COMMON: Mapping[str, Param] = {
    "_id": Param("token", "the id", definition="http://hl7.org/fhir/SearchParameter/Resource-id"),
    "_lastUpdated": Param("date", "when it last changed", definition="http://hl7.org/fhir/SearchParameter/Resource-lastUpdated"),
}
#: Of the answer, not of what is looked for. ``_cursor`` is ours, of next links; ``_totalMethod`` is sent by fhirpy when it counts.
OF_THE_ANSWER = (
    "_count", "_sort", "_include", "_include:iterate", "_revinclude", "_revinclude:iterate", "_total", "_elements", "_summary",
    "_cursor", "_format", "_pretty", "_totalMethod",
)  # fmt: skip
PREFIXES = frozenset({"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"})
MOST_VALUES = 500
_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<part>\.\d{1,9})?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_COMMA, _BAR = re.compile(r"(?<!\\),"), re.compile(r"(?<!\\)\|")

Summary = Literal["", "count", "data"]


@dataclass(frozen=True, slots=True)
class Search:
    """A search, and how it is to be answered. ``used``: the parameters that were heeded, for the links."""

    query: Query
    includes: tuple[tuple[str, bool], ...] = ()  # "Task:patient", and whether included resources are looked at, too
    revincludes: tuple[tuple[str, bool], ...] = ()
    elements: tuple[str, ...] = ()
    summary: Summary = ""
    used: tuple[tuple[str, str], ...] = ()


def read_search(
    kind: Kind,
    params: Iterable[tuple[str, str]],
    *,
    base: str,
    lenient: bool = False,
    includes: Iterable[str] = (),
    revincludes: Iterable[str] = (),
) -> Search:
    """The search of ``kind`` that ``params`` ask for. ``includes``, ``revincludes``: names that may be asked for.

    Raises Refused 400.
    """
    reading = _Reading(kind, base, lenient, tuple(includes), tuple(revincludes))
    for name, value in params:
        reading.takes(name, value)
    return reading.done()


class _Reading:
    def __init__(self, kind: Kind, base: str, lenient: bool, includes: tuple[str, ...], revincludes: tuple[str, ...]) -> None:
        self.kind, self.base, self.lenient = kind, base, lenient
        self.known: Mapping[str, Param] = {**COMMON, **kind.params}
        self.may_include, self.may_revinclude = includes, revincludes
        self.filters: list[Filter] = []
        self.sort: list[tuple[str, bool]] = []
        self.count, self.after, self.total, self.summary = USUAL, "", "", ""
        self.elements: list[str] = []
        self.includes: list[tuple[str, bool]] = []
        self.revincludes: list[tuple[str, bool]] = []
        self.used: list[tuple[str, str]] = []

    def takes(self, name: str, value: str) -> None:
        """One parameter. Raises Refused 400."""
        if name in ("_format", "_pretty", "_totalMethod"):
            return
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise unusable(_shown(name), "holds a letter that no text has", "write it in UTF-8")
        if not value:
            return  # R4: an empty value says nothing
        try:
            if name.startswith("_") and name.partition(":")[0] not in COMMON:
                self._of_the_answer(name, value)
            else:
                self._filter(name, value)
        except _Unknown as unknown:
            if not self.lenient:
                raise Refused(400, "not-supported", str(unknown), (unknown.name,)) from None
            return
        if name != "_cursor":
            self.used.append((name, value))

    def done(self) -> Search:
        summary: Summary = "count" if self.summary == "count" or self.count == 0 else "data" if self.summary == "data" else ""
        counted: Counted = "none" if self.total == "none" else "bounded"
        if self.total == "accurate" or summary == "count":
            counted = "exact"
        count = 1 if summary == "count" else min(self.count, MOST)
        query = Query(tuple(self.filters), tuple(self.sort), count, self.after or None, counted)
        return Search(query, tuple(self.includes), tuple(self.revincludes), tuple(self.elements), summary, tuple(self.used))

    def _of_the_answer(self, name: str, value: str) -> None:
        match name:
            case "_count":
                if not (value.isascii() and value.isdecimal() and len(value) < 8):
                    raise unusable("_count", "is no number", f"give how many you want on a page, up to {MOST}")
                self.count = int(value)
            case "_cursor":
                self.after = value
            case "_total":
                self.total = _one_of("_total", value, ("none", "estimate", "accurate"))
            case "_summary":
                self.summary = _one_of("_summary", value, ("false", "count", "data"))
            case "_elements":
                self.elements += [one.strip() for one in value.split(",") if one.strip()]
            case "_sort":
                self._sorted(value)
            case "_include" | "_include:iterate":
                self._included(name, value, self.may_include, self.includes)
            case "_revinclude" | "_revinclude:iterate":
                self._included(name, value, self.may_revinclude, self.revincludes)
            case _:
                raise _Unknown(name, self._what_is_known(name))

    def _sorted(self, value: str) -> None:
        for one in value.split(","):
            name = one.strip().removeprefix("-")
            if name not in self.kind.sorts:
                raise _Unknown("_sort", f"{self.kind.type} is sorted by one of: {', '.join(self.kind.sorts) or 'nothing'}.")
            self.sort.append((name, one.strip().startswith("-")))

    def _included(self, asked: str, value: str, may: tuple[str, ...], into: list[tuple[str, bool]]) -> None:
        wanted = ":".join(value.split(":")[:2])
        found = [one for one in may if one == wanted or value == "*" or (wanted.endswith(":*") and one.startswith(wanted[:-1]))]
        if not found:
            of = asked.partition(":")[0]
            raise _Unknown(of, f"{of} takes one of: {', '.join(may) or 'nothing here'}.")
        target = value.split(":")[2] if value.count(":") == 2 else ""
        into += [(one if not target else f"{one}:{target}", asked.endswith(":iterate")) for one in found]

    def _filter(self, written: str, value: str) -> None:
        name, _, modifier = written.partition(":")
        param = self.known.get(name)
        if param is None or "." in written:
            raise _Unknown(written, self._what_is_known(written))
        of_type = param.type == "reference" and modifier in param.targets
        if modifier and not of_type and modifier not in param.modifiers:
            can = ", ".join([*param.modifiers, *(param.targets if param.type == "reference" else ())]) or "none"
            raise _Unknown(written, f"{name} takes these modifiers: {can}.")
        if modifier == "missing":
            values: tuple[Value, ...] = (_one_of(written, value, ("true", "false")),)
        else:
            parts = _COMMA.split(value)
            if len(parts) > MOST_VALUES:
                raise unusable(name, "has too many values", f"ask for {MOST_VALUES} at once, and then for the others")
            target = modifier if of_type else ""
            values = tuple(self._value(name, param, one, target) for one in parts)
        self.filters.append(Filter(name, "" if of_type else modifier, values))

    def _value(self, name: str, param: Param, written: str, target: str) -> Value:
        if name == "_id":
            return written
        match param.type:
            case "token":
                return _token(written)
            case "date":
                return span(name, written)
            case "reference":
                return self._reference(name, param, written, target)
        return _plain(written)

    def _reference(self, name: str, param: Param, written: str, target: str) -> Ref:
        if written.startswith("urn:") and "PlanDefinition" in param.targets:
            return Ref("", written)  # a canonical: its URL, which is no address of this server
        inside = written.removeprefix(f"{self.base}/")
        type_, slash, id_ = inside.rpartition("/")
        if not slash:
            type_ = target or (param.targets[0] if len(param.targets) == 1 else "")
        if not _ID.fullmatch(id_):
            raise unusable(
                name, "is no reference of this server", f"write it as {param.targets[0] if param.targets else 'Type'}/id"
            )
        if type_ and type_ not in param.targets:
            raise unusable(name, "refers to another type", f"it may refer to: {', '.join(param.targets)}")
        return Ref(type_, id_)

    def _what_is_known(self, name: str) -> str:
        known = ", ".join(sorted(self.known))
        also = ", ".join(one for one in OF_THE_ANSWER if ":" not in one and one not in ("_cursor", "_pretty", "_totalMethod"))
        asked = f"{self.kind.type} is not searched by {_shown(name)!r}"
        return f"{asked}. It is searched by: {known}; and the answer is shaped by: {also}."


class _Unknown(Exception):
    """A parameter, a modifier or an include that is not declared."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = _shown(name)


def span(name: str, written: str) -> Span:
    """A date of a search. Without a zone it is UTC's, and so is a day. Raises Refused 400."""
    prefix = written[:2] if written[:2] in PREFIXES else "eq"
    text = written[2:] if written[:2] in PREFIXES else written
    found = _DATE.fullmatch(text.replace(" ", "+"))  # a plus that nobody has encoded
    if found is None:
        raise unusable(
            name, "is no date", "write it as 2025, 2025-03, 2025-03-03 or 2025-03-03T09:00:00Z, with a prefix such as ge"
        )
    try:
        return Span(prefix, *_ends(found))
    except (ValueError, OverflowError):
        raise unusable(name, "is a date that no calendar has", "write one such as 2025-03-03") from None


def _ends(found: re.Match[str]) -> tuple[datetime, datetime]:
    part = {name: int(value) for name in ("year", "month", "day", "hour", "minute", "second") if (value := found[name])}
    low = datetime(part["year"], part.get("month", 1), part.get("day", 1), tzinfo=UTC)
    if found["hour"] is None:
        if found["day"] is not None:
            return low, low + timedelta(days=1)
        return low, _next_year(low) if found["month"] is None else _next_month(low)
    digits = (found["part"] or ".")[1:]
    low = low.replace(hour=part["hour"], minute=part["minute"], second=part.get("second", 0))
    low = low.replace(microsecond=int(digits[:6].ljust(6, "0")))
    if found["zone"] not in (None, "Z"):
        away = timedelta(hours=int(found["zone"][1:3]), minutes=int(found["zone"][4:6]))
        low = low - away if found["zone"][0] == "+" else low + away
    if found["second"] is None:
        return low, low + timedelta(minutes=1)
    return low, low + (timedelta(microseconds=10 ** max(0, 6 - len(digits))) if digits else timedelta(seconds=1))


def _next_month(low: datetime) -> datetime:
    return low.replace(year=low.year + low.month // 12, month=low.month % 12 + 1)


def _next_year(low: datetime) -> datetime:
    return low.replace(year=low.year + 1)


def _token(written: str) -> Token:
    parts = _BAR.split(written, maxsplit=1)
    if len(parts) == 1:
        return Token(None, _plain(written))
    return Token(_plain(parts[0]), _plain(parts[1]))


def _plain(written: str) -> str:
    """Without the strokes that keep a comma, a bar or a dollar from being read."""
    return re.sub(r"\\([,|$\\])", r"\1", written)


def _one_of(name: str, value: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise unusable(name, "is none of the words it takes", f"use one of: {', '.join(words)}")
    return value


def _shown(name: str) -> str:
    """A name that the caller made up is shown only where it looks like one."""
    return name if re.fullmatch(r"[A-Za-z0-9_:.-]{1,60}", name, re.ASCII) else "that"
