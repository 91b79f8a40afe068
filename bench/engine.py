"""Engine steps a second, over a year of a red patient on every pathway that we ship.

``python -m bench.engine`` prints one line; a visit every fortnight, its texts, its timers; no database, no network.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from pathways.engine import State, events, next_due, step
from pathways.engine.commands import BookVisit
from pathways.engine.events import AnyEvent
from pathways.engine.plan import Plan
from pathways.engine.turn import Ahead
from pathways.language.catalogue import library
from pathways.shipped import pathway_names

BEGIN = datetime(2025, 1, 6, 8, tzinfo=UTC)
HIGH: dict[str, events.Value] = {"sbp": 152.0, "dbp": 96.0, "symptoms": ()}


def year(plan: Plan) -> int:
    """Lead the year; the number of steps taken, each with the question when the next one is due.

    What was worked out of the agenda is kept from the step to that question, as ``take_step`` does, and no longer.
    """
    state, now, steps, known = State("bench"), BEGIN, 0, Ahead()

    def take(event: AnyEvent) -> None:
        nonlocal state, steps
        outcome = step(plan, state, event, known)
        state, steps = outcome.state, steps + 1
        for command in outcome.commands:
            if isinstance(command, BookVisit):
                take(events.VisitBooked(id=f"e{steps}", at=now, learnt=now, booking=command.key, day=command.latest))

    conditions = ("hypertension", "type2_diabetes")
    readings = HIGH | {name: False for p in plan.pathways.values() for name, one in p.readings.items() if one.kind == "yes_no"}
    take(events.Enrolled(id="e", at=now, learnt=now, pathways=tuple(plan.pathways), conditions=conditions, tag="red"))
    visit = BEGIN + timedelta(days=15)
    while now < BEGIN + timedelta(days=365):
        due = next_due(plan, state, known)
        known = Ahead()
        now = min(due or visit, visit)
        if now == visit:
            take(events.VisitCompleted(id=f"e{steps}", at=now, learnt=now, readings=readings))
            visit += timedelta(days=15)
        else:
            take(events.DueReached(id=f"e{steps}", at=now, learnt=now))
    return steps


def main() -> None:
    for names in (("hypertension", "type2_diabetes"), pathway_names()):
        plan = Plan({name: pathway for name in names if (pathway := library()[name].pathway) is not None})
        year(plan)  # warm
        begin, steps = time.process_time(), 0
        while time.process_time() - begin < 2:
            steps += year(plan)
        rate = steps / (time.process_time() - begin)
        on = " and ".join(names) if len(names) < 3 else f"all {len(names)} pathways"
        print(f"engine: {rate:,.0f} steps a CPU second (a year of a red patient on {on})")


if __name__ == "__main__":
    main()
