"""A YAML document that remembers where everything in it was written.

Rule 1: any text gives either a document or located errors; nothing raises out of here but ``Broken``.
Rule 2: YAML 1.2 without what surprises a coordinator: no anchors, no tags, a date is text, ``no`` is text, a key is written once.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from pathways.language.errors import DuplicateKey, Location, PathwayError, Unreadable

Value = Any  # str, int, float, bool, None, list of Value, dict of str to Value
Steps = tuple[str | int, ...]  # ("services", "follow_up", "remind", 0, "send")

AnyEvent = Event | yaml.Event

LARGEST_BYTES = 1_000_000
DEEPEST = 24

_WORDS: Mapping[str, tuple[str, str]] = {
    "mapping values are not allowed here": (
        'a ": " stands inside a text, or the line is indented wrongly',
        "put the text in quotes, or mend the indentation",
    ),
    "cannot start any token": ("a tab or a sign that cannot stand here", "indent with spaces; put the text in quotes"),
    "while scanning a quoted scalar": ("a quotation mark is opened and not closed", "close it"),
    "expected ',' or '}'": ("a { is opened and not closed", "close it with } or put a comma between the entries"),
    "expected ',' or ']'": ("a [ is opened and not closed", "close it with ] or put a comma between the entries"),
    "expected <block end>": ("the line does not line up with those above", "indent it like its neighbours"),
    "could not find expected ':'": ("a key without its colon", 'write "key: value", the colon in half width and a space behind it'),
    "duplicate": ("a directive is given twice", "remove the lines that start with %"),
}


class Broken(Exception):
    """The text cannot be read; ``problems`` says where and why."""

    def __init__(self, *problems: PathwayError) -> None:
        super().__init__(problems[0].what)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, where its key stands, and how it is written."""

    value: Location
    key: Location
    style: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """``data`` holds plain values; ``places`` tells where each was written."""

    file: str
    text: str
    data: dict[str, Value]
    places: Mapping[Steps, Place]

    def at(self, *steps: str | int) -> Location:
        """Where the value is; for a value that is not there, where its parent is."""
        return self._place(steps).value

    def key(self, *steps: str | int) -> Location:
        """Where the key of the value is."""
        return self._place(steps).key

    def inside(self, steps: Steps, line: int, column: int) -> Location:
        """The place of ``line`` and ``column`` (from 1) within a text value; its start when that cannot be told."""
        place = self._place(steps)
        start, written = place.value, self.text.split("\n")
        if place.style in {"|", ">"}:
            number = start.line + line
            shown = written[number - 1] if place.style == "|" and number <= len(written) else ""
            indent = len(shown) - len(shown.lstrip(" "))
            return Location(start.file, number, indent + column) if shown else start
        if line > 1:
            return start
        return Location(start.file, start.line, start.column + column - 1 + (place.style in {"'", '"'}))

    @property
    def version(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def _place(self, steps: Steps) -> Place:
        while steps and steps not in self.places:
            steps = steps[:-1]
        return self.places.get(steps) or Place(Location(self.file, 1, 1), Location(self.file, 1, 1))


def read_text(path: Path, *, file: str) -> str:
    """The text of a file. Raises Broken when it cannot be read or is not UTF-8."""
    start = Location(file, 1, 1)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise Broken(_too_large(start))
        raw = path.read_bytes()
    except OSError as refused:
        reason = refused.strerror or "it cannot be read"
        raise Broken(Unreadable(f"no file to read: {reason}", at=start, remedy="check the name of the file")) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        good = raw[: bad.start].decode("utf-8-sig", "replace")
        at = Location(file, good.count("\n") + 1, len(good) - good.rfind("\n"))
        raise Broken(Unreadable("the text is not UTF-8", at=at, remedy="save the file as UTF-8")) from None


def shipped(path: Path) -> Value:
    """What a YAML file of ours holds. Raises Broken."""
    return read(read_text(path, file=path.name), file=path.name).data


def read(text: str, *, file: str) -> Document:
    """The document in ``text``. Raises Broken with every error that keeps it from being read."""
    start = Location(file, 1, 1)
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    if len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        raise Broken(_too_large(start))
    return quickly(text, file) or explaining(text, file)


def explaining(text: str, file: str) -> Document:
    """As ``read``, of a text whose lines end in ``\\n``. Raises Broken."""
    composer = _Composer(file)
    try:
        data = composer.document(YAML(typ="safe", pure=True).parse(text))
    except ReaderError as bad:
        before = text[: bad.position]
        at = Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Broken(Unreadable("a sign that no text may hold", at=at, remedy="delete it and type it again")) from None
    except MarkedYAMLError as bad:
        raise Broken(*composer.problems, _explained(bad, file)) from None
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, RecursionError, AssertionError) as bad:
        what = f"this is not YAML ({type(bad).__name__})"
        raise Broken(*composer.problems, Unreadable(what, at=composer.last, remedy="compare with a pathway that works")) from None
    if composer.problems:
        raise Broken(*composer.problems)
    if not isinstance(data, dict | list):
        start = Location(file, 1, 1)
        raise Broken(Unreadable("the document is empty or a single text", at=start, remedy='start with "pathway: name"'))
    return Document(file, text, data if isinstance(data, dict) else {"": data}, composer.places)


def quickly(text: str, file: str) -> Document | None:
    """A sound document read by libyaml, some thirty times as fast; None: whatever is wrong is for the reader that explains.

    Raises Broken for what is nested too deeply, over which the other reader would brood for seconds.

    Tabs, signs that YAML 1.1 (libyaml) takes for the end of a line and 1.2 does not are left to the other reader too, and so is a
    value that is left out, of which the two say different places.
    """
    if _READ_OTHERWISE.search(text):
        return None
    composer = _Composer(file)
    try:
        # One event at a time: endless nesting is refused before libyaml has read it, which takes the square of its depth.
        data = composer.document(_nothing_left_out(yaml.parse(text, Loader=yaml.CSafeLoader)))
    except (yaml.YAMLError, _LeftOut, UnicodeError):
        return None
    return Document(file, text, data, composer.places) if isinstance(data, dict) and not composer.problems else None


class _LeftOut(Exception):
    """A value is left out."""


def _nothing_left_out(events: Iterable[yaml.Event]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and not event.value and not event.style:
            raise _LeftOut
        yield event


def _too_large(at: Location) -> Unreadable:
    return Unreadable("the document is larger than 1 MB", at=at, remedy="split it into several pathways")


def _explained(bad: MarkedYAMLError, file: str) -> Unreadable:
    mark = bad.problem_mark or bad.context_mark
    at = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)
    said = f"{bad.context or ''} {bad.problem or ''}"
    if "cannot start any token" in said and "'\\t'" in said:
        return Unreadable("a tab stands where the line is indented", at=at, remedy="indent with spaces")
    for phrase, (what, remedy) in _WORDS.items():
        if phrase in said:
            begun = bad.context_mark if "opened and not closed" in what else None
            if begun is not None and begun.line + 1 != at.line:
                what = f"{what}; it was opened in line {begun.line + 1}"
            return Unreadable(what, at=at, remedy=remedy)
    return Unreadable(f"this is not YAML: {(bad.problem or 'it breaks off')[:120]}", at=at, remedy="mend it here or just above")


class _Composer:
    """Turns events into plain values, noting places."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.places: dict[Steps, Place] = {}
        self.problems: list[PathwayError] = []
        self.last = Location(file, 1, 1)

    def document(self, events: Iterator[AnyEvent]) -> Value:
        data: Value = None
        documents = 0
        for event in events:
            if not isinstance(event, DocumentStartEvent | yaml.DocumentStartEvent):
                continue
            documents += 1
            if documents > 1:
                self._refuse(self._at(event), "a second document starts here", "keep one pathway in a file: remove ---")
                break
            first = next(events)
            data = self._value(first, events, (), self._at(first))
        return data

    def _value(self, event: AnyEvent, events: Iterator[AnyEvent], steps: Steps, key: Location) -> Value:
        at = self.last = self._at(event)
        self._plain(event, at)
        self.places[steps] = Place(at, key, getattr(event, "style", None) or "")
        if len(steps) > DEEPEST:
            raise Broken(*self.problems, Unreadable("nested too deeply", at=at, remedy="a pathway needs no such depth"))
        match event:
            case ScalarEvent() | yaml.ScalarEvent():
                return _scalar(event)
            case SequenceStartEvent() | yaml.SequenceStartEvent():
                items: list[Value] = []
                while not isinstance(inner := next(events), SequenceEndEvent | yaml.SequenceEndEvent):
                    items.append(self._value(inner, events, (*steps, len(items)), self._at(inner)))
                return items
            case MappingStartEvent() | yaml.MappingStartEvent():
                return self._mapping(events, steps)
            case _:
                return None

    def _mapping(self, events: Iterator[AnyEvent], steps: Steps) -> dict[str, Value]:
        mapping: dict[str, Value] = {}
        while not isinstance(inner := next(events), MappingEndEvent | yaml.MappingEndEvent):
            at = self._at(inner)
            if isinstance(inner, ScalarEvent | yaml.ScalarEvent):
                name = str(inner.value)
                self._plain(inner, at)
            else:
                name = f"?{len(mapping)}"
                self._refuse(at, "a list or mapping stands where a key should", "write a word, a colon and the value")
                self._value(inner, events, (*steps, name), at)
            if name in mapping:
                self.problems.append(DuplicateKey(name, at=at, first=self.places[*steps, name].key))
                self._value(next(events), events, (*steps, f"{name} (again)"), at)
            else:
                mapping[name] = None
                mapping[name] = self._value(next(events), events, (*steps, name), at)
        return mapping

    def _plain(self, event: AnyEvent, at: Location) -> None:
        if isinstance(event, AliasEvent | yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(at, "anchors (& and *) are not used here", "write it out; put a text that starts so in quotes")
        tag = getattr(event, "ctag", None) or getattr(event, "tag", None)
        if tag is not None and str(tag) not in {"None", "!"}:
            self._refuse(at, "tags (!) are not used here", "remove it; put a text or condition that starts so in quotes")

    def _refuse(self, at: Location, what: str, remedy: str) -> None:
        self.problems.append(Unreadable(what, at=at, remedy=remedy))

    def _at(self, event: AnyEvent) -> Location:
        mark = event.start_mark
        return Location(self.file, mark.line + 1, mark.column + 1) if mark else self.last


_READ_OTHERWISE = re.compile(r"[\t\x85\u2028\u2029\ufeff]")
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def _scalar(event: ScalarEvent | yaml.ScalarEvent) -> Value:
    """The value by YAML 1.2's core schema; quoted scalars are text."""
    text = str(event.value)
    if event.style in {"'", '"', "|", ">"}:
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE", "false", "False", "FALSE"}:
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if len(text) < 40 and _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text
