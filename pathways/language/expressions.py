"""Conditions of a document: compiled over its vocabulary, every error at its place in the file.

Rule 1: a value may use only values written before it, so that no definition goes round in a circle.
Rule 2: where CEL can tell the type, a condition must be a yes or no.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pathways.engine.conditions import BadCondition, Expression, Kind, Vocabulary
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import BadExpression, Location, PathwayError, ReservedName, UnknownReading

#: What every condition may ask about, beside the document's own readings and values.
GIVEN: Mapping[str, Kind] = {
    "age": "any",
    "sex": "any",
    "conditions": "words",
    "tag": "any",
    "previous": "record",
    "medicines": "words",
}
#: What the values that a table gives may ask about besides: its answer.
OF_THE_ANSWER: Mapping[str, Kind] = {"row": "word", "decision": "word", "missing": "words"}
# fmt: off
_CEL_WORDS = frozenset({
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import",
    "let", "loop", "package", "namespace", "return", "var", "void", "while", "size", "has", "all", "exists",
    "exists_one", "map", "filter", "matches", "contains", "startsWith", "endsWith", "int", "uint", "double",
    "string", "bool", "bytes", "list", "type", "dyn", "duration", "timestamp",
})
# fmt: on
_DEEPEST = 40


class Conditions:
    """Compiles the conditions of one document, collecting what is wrong with them."""

    def __init__(self, document: Document, readings: Mapping[str, Value], values: Iterable[str]) -> None:
        self.document = document
        self.problems: list[PathwayError] = []
        self._kinds: dict[str, Kind] = dict(GIVEN)
        self.all_names = {*readings, *values, *GIVEN}
        for name, reading in readings.items():
            if self._free(name, ("readings", name)):
                number = not any(key in (reading or {}) for key in ("choices", "yes_no", "list"))
                self._kinds[name] = "number" if number else "any"
        self._vocabulary = self._vocabulary_now()

    def value(self, name: str, source: str) -> Expression | None:
        """A derived value, which later conditions may use under its name."""
        steps = ("values", name)
        if not self._free(name, steps):
            return None
        compiled = self._compile(source, steps)
        self.add(name)
        return compiled

    def add(self, name: str) -> None:
        """Let later conditions use ``name`` although nothing is known of it."""
        self._kinds[name] = "any"
        self._vocabulary = self._vocabulary_now()

    def condition(self, source: str, *steps: str | int) -> Expression | None:
        """A condition that must be yes or no; None when it is wrong."""
        compiled = self._compile(source, steps)
        if compiled is not None:
            kind = compiled._compiled.return_type().name()
            if kind not in {"BOOL", "DYN"}:
                remedy = 'compare it with something, for example "sbp >= 140"'
                what = f"a condition is answered by yes or no, this gives {_KINDS.get(kind, kind.lower())}"
                self.problems.append(BadExpression(what, at=self.document.at(*steps), remedy=remedy))
                return None
        return compiled

    def output(self, source: str, *steps: str | int) -> Expression | None:
        """A value that a table gives, which may ask for the table's answer too; None when it is wrong."""
        return self._compile(source, steps, self._vocabulary.and_also(OF_THE_ANSWER))

    def nobody(self) -> Expression:
        """The condition that nobody meets."""
        return self._vocabulary.compile("false")

    def _compile(self, source: str, steps: Steps, vocabulary: Vocabulary | None = None) -> Expression | None:
        if _depth(source) > _DEEPEST:
            at = self.document.at(*steps)
            self.problems.append(BadExpression("brackets are nested too deeply", at=at, remedy="name a part under values"))
            return None
        try:
            return (vocabulary or self._vocabulary).compile(source)
        except BadCondition as bad:
            self.problems.append(self._explained(bad, steps))
            return None
        except (RuntimeError, ValueError, TypeError):
            at = self.document.at(*steps)
            self.problems.append(BadExpression("this is not a condition", at=at, remedy=_EXAMPLE))
            return None

    def _explained(self, bad: BadCondition, steps: Steps) -> PathwayError:
        at = self.document.inside(steps, bad.line, bad.column)
        unknown = re.fullmatch(r"unknown name '(\w+)'", bad.what)
        if unknown and unknown[1] in self.all_names:
            return self._too_early(unknown[1], steps, at)
        if unknown:
            return UnknownReading(unknown[1], at=at, known=self._kinds)
        what, remedy = _in_words(bad.what)
        return BadExpression(what, at=at, remedy=remedy)

    def _too_early(self, name: str, steps: Steps, at: Location) -> BadExpression:
        """A value that is not worked out yet: written further down, or needing the one that asks for it."""
        own = str(steps[1]) if steps[0] == "values" else ""
        if own and own in self._needed_by(name):
            what = f"{name!r} needs itself" if name == own else f"{own!r} and {name!r} go round in a circle: each needs the other"
            return BadExpression(what, at=at, remedy="work one of them out from readings alone")
        what = f"{name!r} is used before it is worked out"
        return BadExpression(what, at=at, remedy=f"write {name!r} further up under values")

    def _needed_by(self, name: str) -> set[str]:
        """``name`` and all that it is worked out from, however far."""
        values = self.document.data.get("values")
        found, left = {name}, [name]
        while left and isinstance(values, dict):
            new = set(re.findall(r"[A-Za-z_]\w*", str(values.get(left.pop(), "")))) & values.keys() - found
            found |= new
            left += new
        return found

    def _free(self, name: str, steps: Steps) -> bool:
        at = self.document.key(*steps)
        if name in _CEL_WORDS or name in GIVEN:
            self.problems.append(ReservedName(f"{name!r} is a word of the language", at=at, remedy="choose another name"))
            return False
        if steps[0] == "values" and name in self._kinds:
            self.problems.append(ReservedName(f"{name!r} is a reading already", at=at, remedy="choose another name"))
            return False
        return True

    def _vocabulary_now(self) -> Vocabulary:
        return Vocabulary(self._kinds)


_EXAMPLE = 'write for example "sbp >= 180 || dbp >= 110"'
_KINDS: Mapping[str, str] = {"INT": "a number", "DOUBLE": "a number", "STRING": "a text", "LIST": "a list", "MAP": "a record"}
#: What is written in other places, and what it is called here.
_INSTEAD: Mapping[str, str] = {
    "or": "write ||",
    "and": "write &&",
    "|": "write ||",
    "&": "write &&",
    "not": "write ! before it",
    "=": "write == to ask whether two are the same",
    "is": "write == to ask whether two are the same",
    "\u2260": "write !=",
    "\u2265": "write >=",
    "\u2264": "write <=",
    "\uff1e": "write >",
    "\uff1c": "write <",
    "=>": "write >=",
    "=<": "write <=",
    "between": 'write both ends: "sbp >= 140 && sbp < 160"',
    ",": "write a decimal point: 5.6; join conditions with && or ||",
}
_SIGNS: Mapping[str, str] = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_&&_": "&&", "_||_": "||", "!_": "!", "@in": "in"}


def _depth(source: str) -> int:
    deepest = depth = 0
    for sign in source:
        depth += (sign in "([{") - (sign in ")]}")
        deepest = max(deepest, depth)
    return max(deepest, source.count("!!"), source.count("?") if source.count("?") > _DEEPEST else 0)


def _in_words(said: str) -> tuple[str, str]:
    overload = re.match(r"found no matching overload for '([^']+)' applied to '\((.*)\)'", said)
    if overload:
        sign = _SIGNS.get(overload[1], overload[1].strip("_"))
        if overload[2].startswith("bool, ") and sign in {"<", "<=", ">", ">="}:
            return f"{sign!r} follows upon another comparison", 'write each by itself: "140 <= sbp && sbp < 180"'
        return (
            f"{sign!r} does not go with {overload[2].replace(', ', ' and ')}",
            'ask whether it is in the list: "asthma" in conditions'
            if "list(" in overload[2]
            else "compare a number with a number, a text with a text",
        )
    written = re.search(r"(?:error at: |input )'([^']+)'", said)
    instead = _INSTEAD.get(written[1].strip().lower()) if written else None
    if written and instead:
        return f"{written[1].strip()!r} has no meaning in a condition", instead
    if "token recognition error" in said:
        sign = said.rpartition(": ")[2]
        return f"{sign} has no meaning in a condition", "put a text in double quotes; write signs in half width"
    if "input '<EOF>'" in said or ("<EOF>" in said and written is None):
        return "the condition breaks off", f"complete it; {_EXAMPLE}"
    if "Syntax error" in said:
        return f"{written[1][:40]!r} is not expected here" if written else "this is not a condition", _EXAMPLE
    return said.split(" (in container")[0], _EXAMPLE
