"""Asking a pharmacy for a medicine, once the checks of medicines have seen it.

Rule 1: nothing is asked for before the checks; what they hold is a doctor's to decide (held.py), with the row and its source.
Rule 2: the patient is told that it takes longer; on the timeline stands why.
"""

from __future__ import annotations

from datetime import timedelta

from pathways.engine import contacts, refill_checks
from pathways.engine.commands import RequestRefill
from pathways.engine.holding import MEDICINE_DELAYED
from pathways.engine.plan import Pathway, Service, TaskSpec
from pathways.engine.refill_checks import Checked
from pathways.engine.state import Supply, changed
from pathways.engine.turn import Turn

HELD = "held"
HELD_TASK = TaskSpec("refill_held", "doctor", 1)
#: Stages in which a request is with a pharmacy, or waits for a word about it.
OPEN = frozenset({"requested", "received", "ready", "part", "substitute_proposed"})


def service_for(turn: Turn, medicine: str) -> tuple[Pathway, Service] | None:
    """The pathway that keeps the patient supplied with ``medicine``; of several, the one that asks for it earliest."""
    keepers = [(pathway, service) for pathway, service in turn.active_services("refill") if medicine in service.medicines]
    return max(keepers, key=lambda keeper: keeper[1].request, default=None)


def request(turn: Turn, pathway: Pathway, service: Service, supply: Supply, *, rest: bool = False) -> None:
    """Have it checked, and ask a pharmacy; the next one when an earlier one could not. ``rest``: a part was handed out."""
    checked = refill_checks.check(turn, supply)
    if checked.verdict == "hold":
        _hold(turn, pathway, service, supply, checked)
        return
    key = supply.refill or turn.key("refill")
    attempt = supply.attempt + 1
    turn.state.supplies[supply.medicine] = changed(supply, refill=key, stage="requested", attempt=attempt)
    runs_out = supply.ends + timedelta(days=1)
    days = None if rest else refill_checks.days_to_ask(turn, pathway, supply)
    told = (days, checked.verdict, checked.warnings)
    turn.emit(RequestRefill(f"{key}/{attempt}", key, supply.medicine, attempt, pathway.name, runs_out, *told))
    found = checked.found[0] if checked.warnings else None
    turn.because(
        "refill_requested" if found is None else f"refill_requested_{checked.verdict}",
        pathway=pathway.name,
        service=service.name,
        key=f"{key}/{attempt}",
        row=found.row.id if found is not None else "",
        because=dict(found.row.because) if found is not None else {},
        cites=(found.row.cites or found.row.basis) if found is not None else "",
        detail={"medicine": supply.medicine, "ends": supply.ends.isoformat()},
    )


def _hold(turn: Turn, pathway: Pathway, service: Service, supply: Supply, checked: Checked) -> None:
    """The request is not made; who decides on it is told why."""
    finding = checked.holding
    turn.state.supplies[supply.medicine] = changed(supply, stage=HELD, refill=None, attempt=0)
    wanted = next(iter(finding.decision.open_tasks), HELD_TASK) if finding is not None else HELD_TASK
    spec = TaskSpec(HELD_TASK.kind, wanted.by, wanted.within)
    key = turn.open_task(spec, pathway=pathway.name, service=service.name, about=supply.key)
    turn.because(
        "refill_held",
        pathway=pathway.name,
        service=service.name,
        key=key,
        held_back="checks",
        row=finding.row.id if finding is not None else "",
        decision=finding.word if finding is not None else "",
        because=dict(finding.row.because) if finding is not None else {},
        cites=(finding.row.cites or finding.row.basis) if finding is not None else "",
        detail={"medicine": supply.medicine, "ends": supply.ends.isoformat()},
    )
    contacts.say(turn, "", MEDICINE_DELAYED, about=supply.key, kind="refills")
