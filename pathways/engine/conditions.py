"""CEL conditions with three answers: true, false, and *not known*.

Rule 1: a missing reading never counts as false. It is left out of the activation, so CEL answers with an error, and CEL's own
        ``||`` and ``&&`` absorb that error exactly where the other side decides alone (Kleene logic).
Rule 2: an evaluation error can never pass for true. The binding returns errors as *values that are truthy*; they stop here.
Rule 3: no clock, no iteration without bound, no side effect: that is CEL's promise, and why conditions are not Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cel_expr_python import cel

Kind = Literal["number", "whole", "yes_no", "word", "words", "record", "any"]

#: ``number`` is declared dynamic: CEL refuses to compare a declared double with the literal ``180``.
_CEL_TYPES: Mapping[Kind, Any] = {
    "number": cel.Type.DYN,
    "whole": cel.Type.INT,
    "yes_no": cel.Type.BOOL,
    "word": cel.Type.STRING,
    "words": cel.Type.List(cel.Type.STRING),
    "record": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
    "any": cel.Type.DYN,
}

REMEMBERED = 64  # answers of one condition


class BadCondition(ValueError):
    """The text is not a CEL expression over the declared names. ``line`` and ``column`` count from 1 within the text."""

    def __init__(self, what: str, *, line: int, column: int) -> None:
        super().__init__(what)
        self.what, self.line, self.column = what, line, column


@dataclass(frozen=True, slots=True)
class NotKnown:
    """The value cannot be told. ``fault`` is set when nothing was missing and the expression itself failed."""

    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled expression; ``source`` is the text it came from."""

    source: str
    names: frozenset[str]
    checked: bytes = field(repr=False, compare=False)
    _compiled: Any = field(repr=False, compare=False)
    _answered: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def value(self, facts: Mapping[str, object]) -> object | NotKnown:
        """The value over ``facts`` (name to value; a name left out or None is missing), or ``NotKnown``."""
        known = {name: fact for name in self.names if (fact := facts.get(name)) is not None}
        asked = repr(known)  # in which 1, 1.0 and True are not the same, as they are not in CEL
        if asked in self._answered:  # most conditions ask for a word or two, and are asked again and again
            return self._answered[asked]
        value = self._worked_out(known)
        if not isinstance(value, list | dict):
            if len(self._answered) >= REMEMBERED:
                self._answered.clear()
            self._answered[asked] = value
        return value

    def _worked_out(self, known: dict[str, object]) -> object | NotKnown:
        answer = self._compiled.eval(data=known)
        value: object = answer.plain_value()
        if isinstance(value, str) and answer.type().name() == "ERROR":  # an error's plain value is its text
            missing = self.names - known.keys()
            return NotKnown(fault=None if missing else str(answer.value()))
        return value

    def holds(self, facts: Mapping[str, object]) -> bool | None:
        """True, False, or None when the facts at hand do not decide it."""
        value = self.value(facts)
        return value if isinstance(value, bool) else None


class Vocabulary:
    """The names that a pathway's expressions may use, with their kinds."""

    def __init__(self, names: Mapping[str, Kind]) -> None:
        self.names = dict(names)
        self._env = cel.NewEnv(variables={name: _CEL_TYPES[kind] for name, kind in names.items()})

    def and_also(self, names: Mapping[str, Kind]) -> Vocabulary:
        """These names and ``names``, which come first where both have one."""
        return Vocabulary({**self.names, **names})

    def compile(self, source: str) -> Expression:
        """Compile ``source``. Raises BadCondition with the place inside the text."""
        try:
            compiled = self._env.compile(source)
        except RuntimeError as refused:
            raise _explained(str(refused)) from None
        used = frozenset(name for name in _identifiers(source) if name in self.names)
        return Expression(source, used, bytes(compiled.serialize()), compiled)


def _identifiers(source: str) -> Sequence[str]:
    unquoted = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', '""', source)
    return re.findall(r"(?<![.\w])[A-Za-z_]\w*", unquoted)


def _explained(message: str) -> BadCondition:
    """Turn the compiler's text (``ERROR: <input>:1:8: what``) into a located error; the first error of several."""
    found = re.search(r"<input>:(\d+):(\d+): (.+)", message)
    if found is None:
        return BadCondition(message.splitlines()[0], line=1, column=1)
    what = re.sub(r"undeclared reference to '(\w+)' \(in container ''\)", r"unknown name '\1'", found[3])
    return BadCondition(what.removesuffix("."), line=int(found[1]), column=int(found[2]))
