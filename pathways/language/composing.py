"""Plain values, and where each stands, from the events of a YAML reader.

Rule: YAML 1.2 without what surprises a coordinator: no anchors, no tags, a date is text, ``no`` is text, a key is written once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import yaml
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

from pathways.language.document import Broken, Place, Steps, Value
from pathways.language.errors import DuplicateKey, Location, PathwayError, Unreadable

AnyEvent = Event | yaml.Event

DEEPEST = 24
_INTEGER = re.compile(r"[-+]?[0-9]{1,15}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


class Composer:
    """Turns the events of one document into plain values; ``problems`` says what may not stand in it."""

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
