"""What can be wrong with a pathway document, each with its place and its remedy.

PathwayError
├── Unreadable             not YAML, not UTF-8, too large, anchors, tabs
│   └── DuplicateKey
├── UnknownKey             a word that the language does not have
├── MissingKey
├── BadValue
│   └── BadDuration
├── UnknownName            refers to something that is not there
│   ├── UnknownMessage · UnknownReading · UnknownTable · UnknownDecision · UnknownService
│   ├── UnknownTag · UnknownRow · UnknownTask · UnknownChoice
│   └── UnknownVariable    in a message
├── UnknownUnit · DoubtfulUnit (warning)
├── ReservedName
├── BadExpression          a condition that CEL does not take
├── MissingLanguage
├── BadMessage             a text that Jinja2 does not take, or that asks for an answer nobody reads
├── OddMessage · LacksLanguage (warnings)
├── TellsTooMuch           a text that names a disease, a value, a medicine
├── TooLong                (warning) more SMS segments than one message should cost
├── DuplicateRow · NoIncompleteRow · MisplacedRow
├── NeverReached           a row that an earlier row always answers for
├── BadReminder · BadRange · Unexplained
├── BadScenario
└── NotUsed · NotTried     (warnings)

Rule 1: errors are collected, never raised at the first; the caller sees all of them, sorted by place.
Rule 2: the words are the coordinator's: no class names, no library's phrases.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a document; ``line`` and ``column`` count characters from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class PathwayError(Exception):
    """Something wrong at a place, and what would be right."""

    severity: ClassVar[Severity] = "error"

    def __init__(self, what: str, *, at: Location, remedy: str) -> None:
        super().__init__(what)
        self.what, self.at, self.remedy = what, at, remedy

    def __str__(self) -> str:
        return f"{self.at}: {self.what}; {self.remedy}"

    @property
    def name(self) -> str:
        """The kind of error, for tests and for editors."""
        return type(self).__name__


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy out of the names there are: the nearest one, or the list of all."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name[:80], names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return "there is none yet: define it first"
    shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
    return f"use one of: {shown}"


def in_order(problems: Iterable[PathwayError]) -> tuple[PathwayError, ...]:
    """Sorted by place, errors before warnings at one place, each said once."""
    once = {(p.at, p.severity, p.what, p.remedy): p for p in problems}
    return tuple(once[key] for key in sorted(once))


def report(problems: Sequence[PathwayError]) -> str:
    """What ``cairn pathways check`` prints: a line for each problem, then the count."""
    errors = sum(p.severity == "error" for p in problems)
    warnings = len(problems) - errors
    lines = [str(p) if p.severity == "error" else f"{p.at}: warning: {p.what}; {p.remedy}" for p in in_order(problems)]
    if not problems:
        return "no errors, no warnings"
    return "\n".join([*lines, f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"])


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"


class Unreadable(PathwayError):
    """The text is not a document that can be read at all."""


class DuplicateKey(Unreadable):
    """The same key twice in one mapping."""

    def __init__(self, key: str, *, at: Location, first: Location) -> None:
        super().__init__(f"{key!r} is written twice", at=at, remedy=f"keep one; the first is in line {first.line}")


class UnknownKey(PathwayError):
    """A key that the language does not have at this place."""

    def __init__(self, key: str, *, at: Location, known: Iterable[str]) -> None:
        super().__init__(f"unknown key {key!r}", at=at, remedy=did_you_mean(key, known))


class MissingKey(PathwayError):
    """A key that must be there is not."""

    def __init__(self, key: str, *, at: Location, example: str = "") -> None:
        hint = f"add it, for example {example}" if example else "add it"
        super().__init__(f"{key!r} is missing", at=at, remedy=hint)


class BadValue(PathwayError):
    """A value of the wrong kind."""


class BadDuration(BadValue):
    """A length of time that cannot be read."""


class UnknownName(PathwayError):
    """Refers to a name that the document does not define."""

    kind: ClassVar[str] = "name"

    def __init__(self, name: str, *, at: Location, known: Iterable[str]) -> None:
        super().__init__(f"no {self.kind} called {name!r}", at=at, remedy=did_you_mean(name, known))


class UnknownMessage(UnknownName):
    """A ``send`` or ``says`` names a message that the pathway does not define."""

    kind = "message"


class UnknownReading(UnknownName):
    """A reading or value that the pathway does not define."""

    kind = "reading or value"


class UnknownTable(UnknownName):
    """A table that the pathway does not define."""

    kind = "table"


class UnknownDecision(UnknownName):
    """A decision that the pathway does not define."""

    kind = "decision"


class UnknownService(UnknownName):
    """A service that the pathway does not define."""

    kind = "service"


class UnknownTag(UnknownName):
    """A risk tag that ``tags`` does not list."""

    kind = "tag"


class UnknownRow(UnknownName):
    """A row that no table has."""

    kind = "row"


class UnknownTask(UnknownName):
    """A kind of task that nothing in the pathway opens."""

    kind = "task"
    severity = "warning"


class UnknownChoice(UnknownName):
    """A choice that the reading does not offer."""

    kind = "choice"


class UnknownVariable(UnknownName):
    """A message uses a variable that nobody fills."""

    kind = "variable for a message"


class UnknownUnit(PathwayError):
    """A word that is no unit of measurement."""

    def __init__(self, name: str, *, at: Location, remedy: str) -> None:
        super().__init__(f"no unit called {name!r}", at=at, remedy=remedy)


class DoubtfulUnit(PathwayError):
    """A number without its unit, or in another than elsewhere."""

    severity = "warning"


class ReservedName(PathwayError):
    """A reading or value takes a name that the language itself uses, or one that is taken."""


class BadExpression(PathwayError):
    """A condition that cannot be read."""


class MissingLanguage(PathwayError):
    """A text lacks one of the document's languages."""

    def __init__(self, what: str, languages: Iterable[str], *, at: Location) -> None:
        listed = ", ".join(languages)
        super().__init__(f"{what} has no text in {listed}", at=at, remedy=f"add {listed}")


class LacksLanguage(PathwayError):
    """A message is not there in a language that other messages of the document are written in."""

    severity = "warning"


class BadMessage(PathwayError):
    """A message text that cannot be filled in, or that promises what nobody keeps."""


class OddMessage(PathwayError):
    """A message text that reads badly where it goes out."""

    severity = "warning"


class TellsTooMuch(PathwayError):
    """A message says something that a stranger who sees the phone must not read."""


class TooLong(PathwayError):
    """A message that costs more than it should."""

    severity = "warning"


class DuplicateRow(PathwayError):
    """Two rows with one name."""


class NoIncompleteRow(PathwayError):
    """A table that uses readings does not say what holds when they are missing."""


class MisplacedRow(PathwayError):
    """A row in a place where it cannot do its work."""


class NeverReached(PathwayError):
    """A row of which it is proven that an earlier row always answers first, or that it never holds."""


class BadReminder(PathwayError):
    """A reminder or escalation that comes at a senseless time."""


class BadRange(PathwayError):
    """A range or threshold that no measurement can meet."""


class Unexplained(PathwayError):
    """Something that the reader needs told is not told."""


class BadScenario(PathwayError):
    """A scenario that cannot be played."""


class NotUsed(PathwayError):
    """Defined, and nothing refers to it."""

    severity = "warning"


class NotTried(PathwayError):
    """A row that no scenario reaches."""

    severity = "warning"
