"""When does one condition hold only where others do? Answered soundly: a yes is a proof, a no says nothing.

Rule 1: conditions have three answers. A proof rests only on facts that the later condition itself must know to be true:
        those that its alternative mentions.
Rule 2: an optional number that was not taken is NaN, with which no comparison is true; ``!(x >= 5)`` is therefore not ``x < 5``.
Rule 3: the work is bounded; beyond the bound there is no proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pathways.language.tree import Call, Const, Items, Name, Node, Opaque, Select, walk

Alternative = Mapping[str, frozenset[object]]  # fact to the regions in which it may lie; all of them together
_OTHER = ("other", None)
_NAN = ("nan", None)
_COMPARE = {"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_"}
_MIRROR = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
_LARGEST = 200  # alternatives of one condition
_HEAVIEST = 1500  # parts of one condition
_DEEPEST = 150
_STEPS = 20_000
_MOST_CONSTANTS = 60  # of one fact in one table


class TooMuch(Exception):
    """The condition is too large to reason about."""


class Work:
    """How much may still be spent on one table."""

    def __init__(self, left: int = 300_000) -> None:
        self.left = left

    def spend(self, steps: int) -> None:
        """Raises TooMuch when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise TooMuch


class Values:
    """Derived values as trees, each with those that it uses put in."""

    def __init__(self, written: Mapping[str, Node]) -> None:
        self._trees: dict[str, Node] = {}
        self._weights: dict[str, int] = {}
        for name, node in written.items():
            try:
                whole = self.inlined(node)
            except TooMuch:
                continue  # a bare name from here on: nothing is known of it
            self._trees[name] = whole
            self._weights[name] = sum(1 for _ in walk(whole))

    def inlined(self, node: Node) -> Node:
        """``node`` with derived values replaced by what they are, and choices (``? :``) lifted out of comparisons."""
        return self._inlined(node, Work(_HEAVIEST), 0)

    def _inlined(self, node: Node, work: Work, depth: int) -> Node:
        work.spend(1 if depth < _DEEPEST else _HEAVIEST + 1)
        match node:
            case Name() if node.name in self._trees:
                work.spend(self._weights[node.name])
                return self._trees[node.name]
            case Select():
                return Select(self._inlined(node.operand, work, depth + 1), node.name, node.test)
            case Items():
                return Items(tuple(self._inlined(one, work, depth + 1) for one in node.items))
            case Call():
                args = tuple(self._inlined(one, work, depth + 1) for one in node.args)
                if node.function == "-_" and isinstance(args[0], Const) and isinstance(args[0].value, int | float):
                    return Const(-args[0].value)
                if node.function in _COMPARE:
                    return _lifted(node.function, args[0], args[1], work)
                return Call(node.function, args)
            case _:
                return node


def _lifted(function: str, left: Node, right: Node, work: Work) -> Node:
    work.spend(1)
    for one, other, sign in ((right, left, function), (left, right, _MIRROR[function])):
        if isinstance(one, Call) and one.function == "_?_:_":
            asked, yes, no = one.args
            return Call("_?_:_", (asked, _lifted(sign, other, yes, work), _lifted(sign, other, no, work)))
    return Call(function, (left, right))


class Facts:
    """The facts that a set of conditions asks about, and the regions into which their constants cut each.

    ``certain``: facts that are numbers whenever they are known, never NaN.
    """

    def __init__(self, conditions: Sequence[Node], certain: frozenset[str] = frozenset()) -> None:
        self._numbers: dict[str, list[float]] = {}
        self._words: dict[str, set[object]] = {}
        for condition in conditions:
            self._collect(condition)
        self._numbers = {key: sorted(set(found)) for key, found in self._numbers.items()}
        self._work = Work()
        self._certain = certain
        crowded = {key for key, cuts in self._numbers.items() if len(cuts) > _MOST_CONSTANTS}
        self._mixed = (self._numbers.keys() & self._words.keys()) | crowded

    def alternatives(self, node: Node, holds: bool = True) -> list[Alternative]:
        """The condition (or its being false) as alternatives of which one must be true. Raises TooMuch."""
        self._work.spend(1)
        match node:
            case Const(value=bool() as value):
                return [{}] if value is holds else []
            case Call(function="!_", args=(inner,)):
                return self.alternatives(inner, not holds)
            case Call(function="_&&_" | "_||_" as sign, args=(left, right)):
                parts = self.alternatives(left, holds), self.alternatives(right, holds)
                return self._both(*parts) if (sign == "_&&_") is holds else self._either(*parts)
            case Call(function="_?_:_", args=(asked, yes, no)):
                first = self._both(self.alternatives(asked), self.alternatives(yes, holds))
                return self._either(first, self._both(self.alternatives(asked, False), self.alternatives(no, holds)))
            case _:
                return self._atom(node, holds)

    def _atom(self, node: Node, holds: bool) -> list[Alternative]:
        found = comparison(node)
        if found is None or found[0] in self._mixed:
            return [{f"? {text(node)}": frozenset({holds})}]
        key, sign, constant = found
        regions, every = self._regions(key, sign, constant)
        if sign == "is":
            return [{key: frozenset({holds})}]
        kept = regions if holds else every - regions
        return [{key: kept}] if kept else []

    def _regions(self, key: str, sign: str, constant: object) -> tuple[frozenset[object], frozenset[object]]:
        if key in self._words:
            every: frozenset[object] = frozenset({_OTHER, *self._words[key]})
            chosen = constant if isinstance(constant, tuple) and sign == "@in" else (constant,)
            same = frozenset(chosen)
            return (every - same if sign == "_!=_" else same), every
        cuts = self._numbers[key]
        self._work.spend(len(cuts))
        points = range(2 * len(cuts) + 1)  # even: open stretch, odd: the constant itself
        assert isinstance(constant, int | float)
        middle = 2 * cuts.index(constant) + 1
        match sign:
            case "_<_":
                kept = set(points[:middle])
            case "_<=_":
                kept = set(points[: middle + 1])
            case "_>_":
                kept = set(points[middle + 1 :])
            case "_>=_":
                kept = set(points[middle:])
            case "_==_":
                kept = {middle}
            case _:
                kept = set(points) - {middle}
        beyond = set() if key in self._certain or key.startswith("size(") else {_NAN}
        return frozenset(kept | beyond if sign == "_!=_" else kept), frozenset(beyond.union(points))

    def _both(self, left: list[Alternative], right: list[Alternative]) -> list[Alternative]:
        if len(left) * len(right) > _LARGEST:
            raise TooMuch
        self._work.spend(len(left) * len(right))
        joined = [_joined(one, other) for one in left for other in right]
        return [one for one in joined if one is not None]

    def _either(self, left: list[Alternative], right: list[Alternative]) -> list[Alternative]:
        if len(left) + len(right) > _LARGEST:
            raise TooMuch
        self._work.spend(len(left) + len(right))
        return [*left, *(one for one in right if one not in left)]

    def _collect(self, node: Node) -> None:
        found = comparison(node)
        if found is not None:
            key, sign, constant = found
            if sign != "is" and isinstance(constant, int | float) and not isinstance(constant, bool):
                self._numbers.setdefault(key, []).append(constant)
            else:
                words = constant if isinstance(constant, tuple) else (constant,)
                yes_no = (True, False) if isinstance(constant, bool) else ()
                self._words.setdefault(key, set()).update((*words, *yes_no))
        elif isinstance(node, Call):
            for one in node.args:
                self._collect(one)


def comparison(node: Node) -> tuple[str, str, object] | None:
    """``fact, sign, constant`` when ``node`` compares one fact with constants; a bare name is ``is true``."""
    match node:
        case Name() | Select(test=False):
            return text(node), "is", True
        case Call(function="@in", args=(term, Items(items=items))) if not isinstance(term, Const):
            words = tuple(one.value for one in items if isinstance(one, Const) and isinstance(one.value, str))
            return (text(term), "@in", words) if words and len(words) == len(items) else None
        case Call(function=sign, args=(Const(), Const())) if sign in _COMPARE:
            return None
        case Call(function=sign, args=(term, Const(value=value))) if sign in _COMPARE:
            return _compared(term, sign, value)
        case Call(function=sign, args=(Const(value=value), term)) if sign in _COMPARE:
            return _compared(term, _MIRROR[sign], value)
        case _:
            return None


def _compared(term: Node, sign: str, value: object) -> tuple[str, str, object] | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (number and value == value) or (not number and sign in {"_==_", "_!=_"}):
        return text(term), sign, value
    return None


def text(node: Node) -> str:
    """A text that only equal expressions share."""
    match node:
        case Const():
            return f"{type(node.value).__name__}:{node.value!r}"
        case Name():
            return node.name
        case Select():
            return f"{text(node.operand)}.{node.name}{'?' if node.test else ''}"
        case Call():
            return f"{node.function}({', '.join(map(text, node.args))})"
        case Items():
            return f"[{', '.join(map(text, node.items))}]"
        case Opaque():
            return f"<{node.raw.hex()}>"


def _joined(one: Alternative, other: Alternative) -> Alternative | None:
    together = dict(one)
    for key, regions in other.items():
        together[key] = together[key] & regions if key in together else regions
        if not together[key]:
            return None
    return together


def covered(later: Sequence[Alternative], earlier: Sequence[Alternative]) -> bool:
    """Whether, whenever one of ``later`` is true, one of ``earlier`` is known to be true."""
    budget = [_STEPS]
    return all(_covered(one, earlier, budget) for one in later)


def _covered(one: Alternative, earlier: Sequence[Alternative], budget: list[int]) -> bool:
    budget[0] -= len(earlier) + 40
    if budget[0] < 0:
        return False
    usable = [e for e in earlier if e.keys() <= one.keys() and all(one[key] & e[key] for key in e)]
    for candidate in usable:
        outside = [key for key in candidate if not one[key] <= candidate[key]]
        if not outside:
            return True
    for candidate in usable:
        key = next(key for key in candidate if not one[key] <= candidate[key])
        within = {**one, key: one[key] & candidate[key]}
        without = {**one, key: one[key] - candidate[key]}
        return _covered(within, usable, budget) and _covered(without, usable, budget)
    return False
