"""Which channel carries a text now: the first of the person's order that can, or none yet, or none at all.

Rule: a channel that rests is waited for while the text is of use; one that is urgent goes another way at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

#: After a rest the first to come are those of priority 1; (from, over) in seconds.
SHARES = {1: (0.0, 1.0), 2: (1.0, 5.0), 3: (6.0, 24.0), 4: (30.0, 60.0)}

A_MOMENT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class By:
    """This channel, now."""

    channel: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not before ``until``: ``channel`` rests."""

    channel: str
    until: datetime


@dataclass(frozen=True, slots=True)
class NoneLeft:
    """No channel will carry it; ``reason`` is that of the last one."""

    reason: str


def choose(
    order: Sequence[str],
    *,
    closed: Mapping[str, str],
    resting: Mapping[str, datetime],
    urgent: bool,
    not_after: datetime | None,
) -> By | Wait | NoneLeft:
    """``closed``: channels that are closed for this text and why, the newest last; ``resting``: those that rest, until when."""
    left = [name for name in order if name not in closed]
    if not left:
        return NoneLeft(next((closed[name] for name in reversed(list(closed)) if name in order), "refused"))
    for name in left:
        until = resting.get(name)
        if until is None:
            return By(name)
        if not urgent and (not_after is None or until <= not_after):
            return Wait(name, until)
    soonest = min(left, key=lambda name: resting[name])
    return Wait(soonest, resting[soonest])


def share(priority: int, key: str) -> timedelta:
    """How long after a rest this text comes: red before green, and those of a priority spread, the same at each try."""
    begins, over = SHARES.get(priority, SHARES[4])
    spread = int.from_bytes(blake2b(key.encode(), digest_size=4).digest(), "big") / 2**32
    return timedelta(seconds=begins + over * spread)


def in_time(wait: timedelta, not_after: datetime | None, now: datetime) -> timedelta:
    """No longer than the text is of use: that it did not go out is said as soon as that is certain."""
    return wait if not_after is None else min(wait, max(not_after - now, timedelta()) + A_MOMENT)
