"""Chance that can be drawn again: the same seed and the same words always fall the same way.

Rule 1: no hidden state; a draw depends on what it is about, not on what was drawn before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Dice:
    """Draws for one ``seed``; ``about`` says what is drawn for: who, what, which day."""

    seed: int

    def share(self, *about: object) -> float:
        """A number from 0 up to, not including, 1."""
        words = "/".join(str(word) for word in (self.seed, *about))
        return int.from_bytes(blake2b(words.encode(), digest_size=7).digest(), "big") / 2**56

    def chance(self, likely: float, *about: object) -> bool:
        """True in ``likely`` (0 to 1) of all cases."""
        return self.share("chance", *about) < likely

    def between(self, low: int, high: int, *about: object) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.share("between", *about) * (high - low + 1))

    def pick(self, options: Sequence[_T], *about: object) -> _T:
        """One of ``options``."""
        return options[self.between(0, len(options) - 1, "pick", *about)]

    def weighted(self, options: Sequence[tuple[_T, float]], *about: object) -> _T:
        """One of ``options``, each with its weight."""
        left = self.share("weighted", *about) * sum(weight for _, weight in options)
        for option, weight in options:
            left -= weight
            if left < 0:
                return option
        return options[-1][0]

    def swing(self, *about: object) -> float:
        """From -1 to 1, mostly near 0."""
        return self.share("swing", 1, *about) + self.share("swing", 2, *about) - 1
