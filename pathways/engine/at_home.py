"""What medicines a patient has at home, and so takes.

Rule: a medicine whose supply ended long ago is not taken any more.
"""

from __future__ import annotations

from datetime import timedelta

from pathways.engine import events
from pathways.engine.events import AnyEvent
from pathways.engine.medication import Taken
from pathways.engine.turn import Turn

LAPSED_AFTER = timedelta(days=90)  # a supply that ended so long ago is not ours to go on with


def taken_by(turn: Turn, event: AnyEvent | None = None) -> list[Taken]:
    """What is at home, and what ``event`` hands out just now though no pathway looks after it."""
    since = turn.today - LAPSED_AFTER
    names = [supply.medicine for supply in turn.state.supplies.values() if supply.ends >= since]
    if isinstance(event, events.Dispensed) and event.fill.on + timedelta(days=max(0, event.fill.days)) >= since:
        names.append(event.fill.medicine)
    return [Taken(name) for name in dict.fromkeys(names)]
