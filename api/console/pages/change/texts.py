"""Two texts side by side, line by line, with what stayed folded away between what did not.

Rule: nothing is left out: what is folded opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import zip_longest

AROUND = 3  # lines shown beside what changed
QUADRATIC = 3000  # lines; beyond it, lines that are there again and again are not looked at one by one


@dataclass(frozen=True, slots=True)
class Line:
    """``number`` counts from 1."""

    number: int
    text: str


Row = tuple[Line | None, Line | None]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of (before, after). ``same``: nothing changed in them; ``folded``: they are shown when somebody wants them."""

    rows: tuple[Row, ...]
    same: bool
    folded: bool = False


@lru_cache(maxsize=32)
def side_by_side(old: str, new: str) -> tuple[Chunk, ...]:
    """The texts aligned."""
    before, after = _lines(old), _lines(new)
    matcher = SequenceMatcher(
        None, [one.text for one in before], [one.text for one in after], autojunk=len(before) + len(after) > QUADRATIC
    )
    chunks: list[Chunk] = []
    steps = matcher.get_opcodes()
    for n, (did, a0, a1, b0, b1) in enumerate(steps):
        rows = tuple(zip_longest(before[a0:a1], after[b0:b1]))
        if did != "equal":
            chunks.append(Chunk(rows, same=False))
        else:
            chunks += _folded(rows, first=n == 0, last=n == len(steps) - 1)
    return tuple(chunks)


def _lines(text: str) -> Sequence[Line]:
    return [Line(n, line) for n, line in enumerate(text.splitlines(), 1)]


def _folded(rows: tuple[Row, ...], *, first: bool, last: bool) -> Iterator[Chunk]:
    head, tail = 0 if first else AROUND, 0 if last else AROUND
    if len(rows) <= head + tail + 1:
        yield Chunk(rows, same=True)
        return
    parts = [(rows[:head], False), (rows[head : len(rows) - tail], True), (rows[len(rows) - tail :], False)]
    yield from (Chunk(part, same=True, folded=folded) for part, folded in parts if part)
