"""Chance that can be drawn again: the same seed and the same words always fall the same way.

Rule 1: no hidden state; a draw depends on what it is about, not on what was drawn before it.
Rule 2: what a draw is about never names a version, so that a patient meets the same luck whatever pathway they follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Luck:
    """Draws for one ``seed`` about one patient ``who``."""

    seed: int
    who: str

    def share(self, *about: object) -> float:
        """A number from 0 up to, not including, 1."""
        words = f"{self.seed}/{self.who}/{about}"
        return int.from_bytes(blake2b(words.encode(), digest_size=7).digest(), "big") / 2**56

    def between(self, low: int, high: int, *about: object) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self.share(*about) * (high - low + 1))

    def swing(self, *about: object) -> float:
        """From -1 to 1, mostly near 0: standard deviation 0.41."""
        return self.share(*about, 1) + self.share(*about, 2) - 1
