"""What follows from each answer of a channel: one table, and a safe default for what is not in it.

Law: nothing here sends. A refusal that is not in the table ends the text on that channel, and a person hears of it when no
     channel is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

LONGEST_REST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Rest:
    """How long a channel is left alone: after ``failures`` in a row for ``first``, then twice as long each time, up to ``most``."""

    failures: int
    first: timedelta
    most: timedelta

    def after(self, failures: int, wish: timedelta | None) -> timedelta | None:
        """The rest after so many failures in a row, None for none; a provider's ``wish`` is granted, up to an hour."""
        if failures < self.failures:
            return None
        doubled = min(self.first * 2.0 ** min(failures - self.failures, 20), self.most)
        return min(max(doubled, wish or timedelta()), LONGEST_REST)


@dataclass(frozen=True, slots=True)
class Consequence:
    """``ends``: this text does not go this way. ``elsewhere``: it may go another way. ``marks``: the number is not tried this way
    again. ``rests``: the channel is left alone. ``again``: how long this one text waits. ``alerts``: an operator has to act.
    """

    ends: bool = True
    elsewhere: bool = True
    marks: bool = False
    rests: Rest | None = None
    again: timedelta = timedelta()
    alerts: bool = False


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def _minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


CONSEQUENCES: dict[str, Consequence] = {
    # of the number: for good
    "opted_out": Consequence(elsewhere=False),  # a wish of the person's, whichever way it reached us; START takes it back
    "no_such_number": Consequence(marks=True),
    "landline": Consequence(marks=True),
    # of this text: not this way
    "unreachable": Consequence(),
    "filtered": Consequence(alerts=True),
    "refused": Consequence(),
    "no_template": Consequence(),
    "too_late": Consequence(elsewhere=False),
    # of the channel: not now
    "throttled": Consequence(ends=False, rests=Rest(3, _seconds(1), _minutes(2)), again=_seconds(1)),
    "their_fault": Consequence(ends=False, rests=Rest(2, _seconds(10), _minutes(10)), again=_seconds(5)),
    "our_fault": Consequence(ends=False, rests=Rest(3, _minutes(1), _minutes(15)), again=_minutes(1), alerts=True),
    "no_credit": Consequence(ends=False, rests=Rest(1, _minutes(5), _minutes(15)), again=_minutes(5), alerts=True),
    # nobody knows: never another way, never again before it is known
    "in_doubt": Consequence(ends=False, elsewhere=False, rests=Rest(5, _seconds(10), _minutes(5)), again=_seconds(5)),
}


def consequence(reason: str) -> Consequence:
    """What follows from ``reason``; of one that is not in the table, no more than that the text does not go this way."""
    return CONSEQUENCES.get(reason, Consequence())
