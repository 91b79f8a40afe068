"""What does not go together in a condition: a number compared with a text, a measurement where a yes or no is wanted.

CEL itself cannot tell, since measured values are declared dynamic (a declared double refuses the literal ``180``): such a row would
compile and then never hold.
Rule: an error is raised only where both kinds are known for sure; what cannot be told is left to the scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pathways.engine.plan import Pathway
from pathways.language.document import Document, Steps
from pathways.language.errors import BadExpression
from pathways.language.tree import Call, Const, Items, Name, Node, Select, walk

Kind = Literal["number", "yes_no", "text", "list"]

_WORDS: Mapping[Kind, str] = {"number": "a number", "yes_no": "yes or no", "text": "a text", "list": "a list"}
_GIVEN: Mapping[str, Kind] = {"age": "number", "sex": "text", "tag": "text", "conditions": "list", "medicines": "list"}
_ORDER = {"_<_", "_<=_", "_>_", "_>=_"}
_EQUAL = {"_==_", "_!=_"}
_LOGIC = {"_&&_", "_||_", "!_"}
_ARITHMETIC = {"_-_", "_*_", "_/_", "-_"}
_ANSWERED_BY: Mapping[str, Kind] = {
    **dict.fromkeys(_ORDER | _EQUAL | _LOGIC | {"@in", "exists", "all"}, "yes_no"),
    **dict.fromkeys(_ARITHMETIC | {"size"}, "number"),
}


class Kinds:
    """The kinds of a pathway's readings and values, each value worked out from those before it."""

    def __init__(self, document: Document, pathway: Pathway, values: Mapping[str, Node]) -> None:
        self._document = document
        readings: dict[str, Kind] = {
            name: "number" if reading.kind == "number" else "yes_no" if reading.kind == "yes_no" else "list"
            for name, reading in pathway.readings.items()
        }
        self._known: dict[str, Kind] = {**_GIVEN, **readings}
        for name, node in values.items():
            kind = self.of(node)
            if kind is not None:
                self._known[name] = kind

    def of(self, node: Node) -> Kind | None:
        """What ``node`` comes to; None where that is not known for sure."""
        match node:
            case Const(value=bool()):
                return "yes_no"
            case Const(value=int() | float()):
                return "number"
            case Const(value=str()):
                return "text"
            case Name(name=name):
                return self._known.get(name)
            case Items():
                return "list"
            case Select(test=True):
                return "yes_no"
            case Call(function="_?_:_", args=(_, yes, no)):
                kind = self.of(yes)
                return kind if kind == self.of(no) else None
            case Call(function=function):
                return _ANSWERED_BY.get(function)
            case _:
                return None

    def check(self, steps: Steps, source: str, node: Node, *, condition: bool) -> Iterator[BadExpression]:
        """What does not go together in the expression at ``steps``. ``condition``: it has to come to a yes or no."""
        if condition:
            yield from self._yes_or_no(steps, source, node)
        for inner in walk(node):
            match inner:
                case Call(function=function, args=args) if function in _LOGIC:
                    for arg in args:
                        yield from self._yes_or_no(steps, source, arg)
                case Call(function="_?_:_", args=(asked, _, _)):
                    yield from self._yes_or_no(steps, source, asked)
                case Call(function=function, args=(left, right)) if function in _ORDER | _EQUAL:
                    yield from self._compared(steps, source, left, right)
                case _:
                    pass

    def _yes_or_no(self, steps: Steps, source: str, node: Node) -> Iterator[BadExpression]:
        kind = self.of(node)
        if kind in (None, "yes_no"):
            return
        what = f"{_called(node)} is {_WORDS[kind]}, and a condition wants yes or no"
        yield self._problem(steps, source, node, what, 'compare it with something, for example "sbp >= 140"')

    def _compared(self, steps: Steps, source: str, left: Node, right: Node) -> Iterator[BadExpression]:
        one, other = self.of(left), self.of(right)
        if one is None or other is None or one == other:
            return
        what = f"{_called(left)} is {_WORDS[one]}, {_called(right)} is {_WORDS[other]}; the two are never equal, greater or less"
        if {one, other} == {"list", "text"}:
            remedy = 'ask whether it is in the list, for example "dizziness" in symptoms'
        elif {one, other} == {"number", "text"}:
            remedy = "write a number without quotes"
        else:
            remedy = "compare a number with a number, a text with a text"
        at = left if isinstance(left, Name) else right
        yield self._problem(steps, source, at, what, remedy)

    def _problem(self, steps: Steps, source: str, node: Node, what: str, remedy: str) -> BadExpression:
        before = source[: node.offset]
        at = self._document.inside(steps, before.count("\n") + 1, node.offset - before.rfind("\n"))
        return BadExpression(what, at=at, remedy=remedy)


def _called(node: Node) -> str:
    match node:
        case Name(name=name):
            return repr(name)
        case Const(value=value):
            return f'"{value}"' if isinstance(value, str) else f"{value}"
        case _:
            return "one side" if not isinstance(node, Items) else "the list"
