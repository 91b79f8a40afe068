"""What is wrong with a document: one answer for the command, the API and the console.

Rule 1: the document's own scenarios are played; what they do not meet is an error like any other.
Rule 2: a document has a version, and may be published, only where nothing is wrong; warnings do not keep it from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pathways.language.catalogue import Loaded, load
from pathways.language.errors import PathwayError, in_order
from pathways.language.play import Played, otherwise, played_scenarios


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something wrong, or (``severity`` warning) to be thought about. ``line`` and ``column`` count from 1."""

    line: int
    column: int
    severity: str
    kind: str
    what: str
    remedy: str

    @classmethod
    def of(cls, problem: PathwayError) -> Diagnostic:
        """The problem without its file, which whoever asked knows."""
        return cls(problem.at.line, problem.at.column, problem.severity, problem.name, problem.what, problem.remedy)


@dataclass(frozen=True, slots=True)
class Checked:
    """``pathway`` and ``version`` are None where the document has an error; ``scenarios``: how many were played and hold.

    ``outline``: what a page shows of it beside its text (``pathways.drawing.outline``), where somebody asked for it.
    """

    pathway: str | None
    version: str | None
    diagnostics: tuple[Diagnostic, ...]
    scenarios: int = 0
    outline: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def clean(self) -> bool:
        """Whether it may be published; warnings do not keep it from that."""
        return self.pathway is not None


@dataclass(frozen=True, slots=True)
class Examined:
    """The answer, with what it was made of. ``problems`` name the document's file."""

    checked: Checked
    problems: tuple[PathwayError, ...]
    loaded: Loaded
    played: tuple[Played, ...]


def examined(document: Path | str, *, file: str) -> Examined:
    """Load the document and play its scenarios. A Path is read, a str is the text. Never raises on content."""
    loaded = load(document, file=file)
    played = played_scenarios(loaded)
    unmet = otherwise(loaded, played)
    problems = in_order([*loaded.problems, *unmet])
    found = tuple(map(Diagnostic.of, problems))
    if loaded.pathway is None or unmet:
        checked = Checked(None, None, found)
    else:
        checked = Checked(loaded.pathway.name, loaded.pathway.version, found, len(loaded.scenarios))
    return Examined(checked, problems, loaded, tuple(played))


def problems_of(document: Path | str, *, file: str) -> tuple[Checked, tuple[PathwayError, ...]]:
    """The answer, and the problems themselves, which name ``file``. A Path is read, a str is the text. Never raises on content."""
    found = examined(document, file=file)
    return found.checked, found.problems


def check(text: str) -> Checked:
    """Everything wrong with a document's text, at once and in order of place."""
    return examined(text, file="document").checked
