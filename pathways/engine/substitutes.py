"""A pharmacy that lacks a medicine proposes another in its place, and a doctor decides.

Rule 1: nothing is handed out in place of a medicine before a doctor has said so; what the checks find of it is told with it.
Rule 2: approved, the request goes on with it and the patient takes it from then on; refused, the next pharmacy is asked.
"""

from __future__ import annotations

from pathways.engine import asking, refill_checks
from pathways.engine.commands import CancelRefill
from pathways.engine.plan import Pathway, Service, TaskSpec
from pathways.engine.state import Supply, changed
from pathways.engine.turn import Turn

PROPOSED = "substitute_proposed"
TASK = "approve_substitute"
_DECIDES = TaskSpec(TASK, "doctor", 1)


def propose(turn: Turn, pathway: Pathway, service: Service, supply: Supply, substitute: str) -> None:
    """The pharmacy proposed ``substitute``: a doctor is asked, with what the checks find of it."""
    named = {"pathway": pathway.name, "service": service.name, "key": supply.refill or ""}
    turn.state.supplies[supply.medicine] = changed(supply, stage=PROPOSED, proposed=substitute)
    detail = {"medicine": supply.medicine, "substitute": substitute}
    turn.because("refill_substitute_proposed", **named, detail=detail)
    checked = refill_checks.check(turn, supply, instead=substitute)
    for one in checked.warnings:
        told = {"finding": one.word, "medicines": substitute}
        row = {"row": one.row, "decision": one.word, "because": one.because, "cites": one.cites}
        turn.because("medicine_finding", **named, **row, detail=told)
    turn.open_task(_DECIDES, pathway=pathway.name, service=service.name, about=supply.refill)


def decided(turn: Turn, key: str, *, approved: bool) -> None:
    """A doctor decided on what is proposed for the request ``key``."""
    supply = next((one for one in turn.state.supplies.values() if one.refill == key), None)
    found = asking.service_for(turn, supply.medicine) if supply is not None else None
    if supply is None or found is None or supply.stage != PROPOSED:
        turn.because("too_late", key=key, held_back="refill_closed", detail={"stage": PROPOSED})
        return
    turn.close_tasks("decided", kinds=(TASK,), about=key)
    named = {"pathway": found[0].name, "service": found[1].name, "key": key}
    detail = {"medicine": supply.medicine, "substitute": supply.proposed}
    keeps = asking.service_for(turn, supply.proposed)
    if approved and keeps is not None:
        turn.because("refill_substitute_approved", **named, detail=detail)
        _take_its_place(turn, *keeps, supply)
        return
    held_back = "no_refill_service" if approved else ""
    turn.because("refill_substitute_refused", **named, held_back=held_back, detail=detail)
    turn.state.supplies[supply.medicine] = supply = changed(supply, stage="out_of_stock", proposed="")
    asking.request(turn, *found, supply)


def not_decided(turn: Turn, key: str) -> None:
    """The task was closed, and nothing was decided: the pharmacy still waits for a word."""
    supply = next((one for one in turn.state.supplies.values() if one.refill == key), None)
    if supply is not None and supply.stage == PROPOSED:
        turn.open_task(_DECIDES, pathway=supply.pathway, service=supply.service, about=key)


def _take_its_place(turn: Turn, pathway: Pathway, service: Service, supply: Supply) -> None:
    """The request goes on with what was proposed; what is left of the old medicine lasts as long as it did."""
    old, new, supplies = supply.medicine, supply.proposed, turn.state.supplies
    allowed = refill_checks.check(turn, supply, instead=new).names
    on = {"refill": supply.refill, "stage": "received", "attempt": supply.attempt, "pathway": pathway.name, "service": service.name}
    del supplies[old]
    known = supplies.get(new)
    if known is not None and known.refill is None:  # they take it already: what is handed out is added to it
        turn.close_tasks("substituted", about=supply.key)
        supplies[new] = changed(known, **on, instead_of=known.instead_of or (old if old != new else ""))
    elif known is None:
        instead_of = supply.instead_of or old if old != new else supply.instead_of
        fills = supply.fills if old == new else ()
        taken = tuple(dict.fromkeys((*supply.allowed, *allowed)))
        supplies[new] = changed(supply, **on, medicine=new, proposed="", instead_of=instead_of, fills=fills, allowed=taken)
    else:  # asked for by a request of its own: this one is not needed beside it
        turn.close_tasks("substituted", about=supply.key)
        turn.emit(CancelRefill(f"{supply.refill}/cancel", supply.refill or "", "substituted"))
