"""How long a referral may stand at each stage before somebody is reminded, and before it is taken further: as data.

Rule 1: what the network wrote down comes first, then the pathway's own ``answer_within``, then what is shipped.
Rule 2: an urgency that a pathway calls by another name is as ``urgent`` or, failing that, as ``routine`` as it sounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

URGENCIES = ("emergency", "urgent", "routine")
#: Where somebody's silence has a limit. ``more_asked``: ours, to what the place asked; ``abort_asked``: the place's, whom we asked
#: to stop; ``sent_back``: ours, to see to a patient who is back. ``booked`` counts from the booked day.
STAGES = (
    *("requested", "received", "more_asked", "accepted", "booked"),
    *("attended", "in_progress", "abort_asked", "sent_back"),
)
ASKING = frozenset({"requested", "received"})  # where a pathway may say its own time, and the next place is asked


@dataclass(frozen=True, slots=True)
class Span:
    """Silence is accepted for ``within``; ``remind``: so long after its beginning the place is reminded; None: it is not."""

    within: timedelta
    remind: timedelta | None = None


NO_DATA = Span(timedelta(days=3))  # a plan that was handed no limits


@dataclass(frozen=True, slots=True)
class Limits:
    """By urgency and stage. ``written``: those that the network itself wrote down."""

    spans: Mapping[str, Mapping[str, Span]] = field(default_factory=dict)
    written: frozenset[tuple[str, str]] = frozenset()

    def of(self, urgency: str, stage: str, stated: timedelta | None = None) -> Span:
        """The limit of a stage; ``stated``: what the pathway says of it."""
        span = self.known(urgency, stage) or NO_DATA
        if stated is None or stage not in ASKING or (kind_of(urgency), stage) in self.written:
            return span
        remind = None if span.remind is None else min(span.remind, stated / 2)
        return Span(stated, remind)

    def known(self, urgency: str, stage: str) -> Span | None:
        """What the data says of a stage, if it says anything."""
        return self.spans.get(kind_of(urgency), {}).get(stage)


NO_LIMITS = Limits()


def kind_of(urgency: str) -> str:
    """Which row of the table a pathway's urgency goes by: ``routine_up`` is ``routine``."""
    return next((name for name in URGENCIES if urgency == name or urgency.startswith(f"{name}_")), "routine")
