"""A document as it was read: plain values, and where each of them is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pathways.language.errors import Location, PathwayError

Value = Any  # str, int, float, bool, None, list of Value, dict of str to Value
Steps = tuple[str | int, ...]  # ("services", "follow_up", "remind", 0, "send")


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
