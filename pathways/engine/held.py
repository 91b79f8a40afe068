"""A refill that the checks of medicines hold: a doctor decides, and what is learnt meanwhile may settle it.

Rule 1: what is held is somebody's task, with the row and its source, and the patient is told that it takes longer.
Rule 2: it goes on by itself as soon as the checks hold it no longer; a task closed without a decision comes again.
"""

from __future__ import annotations

from datetime import timedelta

from pathways.engine import asking, refill_checks, refills
from pathways.engine.asking import HELD, HELD_TASK
from pathways.engine.events import AnyEvent
from pathways.engine.medicine_review import TELLING
from pathways.engine.state import Supply, changed
from pathways.engine.turn import Turn

TASK = HELD_TASK.kind
AGAIN_AFTER = timedelta(days=3)


def look_again(turn: Turn, event: AnyEvent | None = None) -> None:
    """What is held goes on where ``event`` has brought what lets it; None: look whatever has come."""
    if turn.state.life != "active" or not (event is None or isinstance(event, TELLING)):
        return
    for supply in [one for one in turn.state.supplies.values() if one.stage == HELD]:
        found = asking.service_for(turn, supply.medicine)
        if found is not None and refill_checks.check(turn, supply).verdict != "hold":
            turn.close_tasks("no_longer_so", kinds=(TASK,), about=supply.key)
            _let_go(turn, supply)


def decided(turn: Turn, about: str, outcome: str) -> None:
    """The task was closed: ``go_on`` asks for it in spite of what was found, ``stopped`` ends it, anything else decides nothing."""
    supply = next((one for one in turn.state.supplies.values() if one.key == about), None)
    found = asking.service_for(turn, supply.medicine) if supply is not None else None
    if supply is None or found is None:
        return
    if outcome == "stopped":
        refills.forget(turn, supply.medicine, "stopped")
        return
    if supply.stage != HELD:
        return
    checked = refill_checks.check(turn, supply)
    named = {"pathway": found[0].name, "service": found[1].name, "key": supply.key}
    if outcome == "go_on":
        allowed = tuple(dict.fromkeys((*supply.allowed, *checked.names)))
        turn.because("refill_allowed", **named, detail={"medicine": supply.medicine, "rows": ", ".join(checked.names)})
        _let_go(turn, changed(supply, allowed=allowed))
    elif checked.verdict == "hold":
        turn.because("refill_still_held", **named, held_back="checks", detail={"medicine": supply.medicine})
        due = turn.today + AGAIN_AFTER
        turn.open_task(HELD_TASK, pathway=found[0].name, service=found[1].name, about=supply.key, due=due)
    else:
        _let_go(turn, supply)


def _let_go(turn: Turn, supply: Supply) -> None:
    """It is asked for by the agenda, as soon as care goes on and its day has come."""
    turn.state.supplies[supply.medicine] = changed(supply, stage="")
