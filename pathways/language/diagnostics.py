"""What is wrong with a document: one answer for the command, the API and the console.

Rule 1: the document's own scenarios are played; what they do not meet is an error like any other.
Rule 2: a document has a version, and may be published, only where nothing is wrong; warnings do not keep it from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pathways.language.catalogue import load
from pathways.language.errors import PathwayError, in_order
from pathways.language.play import run_scenarios


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
    """``pathway`` and ``version`` are None where the document has an error; ``scenarios``: how many were played and hold."""

    pathway: str | None
    version: str | None
    diagnostics: tuple[Diagnostic, ...]
    scenarios: int = 0

    @property
    def clean(self) -> bool:
        """Whether it may be published; warnings do not keep it from that."""
        return self.pathway is not None


def problems_of(document: Path | str, *, file: str) -> tuple[Checked, tuple[PathwayError, ...]]:
    """The answer, and the problems themselves, which name ``file``. A Path is read, a str is the text. Never raises on content."""
    loaded = load(document, file=file)
    unmet = run_scenarios(loaded)
    problems = in_order([*loaded.problems, *unmet])
    found = tuple(map(Diagnostic.of, problems))
    if loaded.pathway is None or unmet:
        return Checked(None, None, found), problems
    return Checked(loaded.pathway.name, loaded.pathway.version, found, len(loaded.scenarios)), problems


def check(text: str) -> Checked:
    """Everything wrong with a document's text, at once and in order of place."""
    return problems_of(text, file="document")[0]
