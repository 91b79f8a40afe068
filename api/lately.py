"""Counts over a whole city that were made a moment ago, so that not every look at a page makes them again.

Rule: only what is large is kept, and only for a few seconds: in a small network every figure is of this moment.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
MOST_KEPT = 200


@dataclass
class Lately:
    """``kept_for``: seconds; ``fewest``: what counts fewer than these is not kept."""

    kept_for: float = 5.0
    fewest: int = 5000
    seconds: Callable[[], float] = time.monotonic
    _held: dict[Hashable, tuple[Any, float]] = field(default_factory=dict, repr=False)

    async def count(self, key: Hashable, make: Callable[[], Awaitable[T]], size: Callable[[T], int]) -> T:
        """What ``make`` counts, now or a moment ago; ``size``: over how many it is."""
        held = self._held.get(key)
        if held is not None and self.seconds() - held[1] < self.kept_for:
            found: T = held[0]
            return found
        made = await make()
        if size(made) >= self.fewest:
            if len(self._held) >= MOST_KEPT:
                self._held.clear()
            self._held[key] = (made, self.seconds())
        return made
