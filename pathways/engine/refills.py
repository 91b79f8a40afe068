"""Medicine at home: asked for before it ends, chased when it is not handed out.

Rule 1: an early fill starts when the earlier supply ends, so that days are not lost.
Rule 2: keys are numbers: the name of a medicine tells a diagnosis, and keys travel further than care does.
Rule 3: a request that one pharmacy cannot meet goes to the next, and a gap is always somebody's task.
Rule 4: a part handed out is supply like any other, and its request stays open for the rest; no second one is made beside it.
Rule 5: nothing is asked for before the checks of medicines have seen it; what they hold is a doctor's to decide (held.py).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

from pathways.engine import contacts, substitutes
from pathways.engine.asking import HELD, OPEN, request, service_for
from pathways.engine.at_home import LAPSED_AFTER
from pathways.engine.commands import CancelRefill
from pathways.engine.events import Fill
from pathways.engine.marks import of_escalations
from pathways.engine.plan import Pathway, Service, TaskSpec
from pathways.engine.state import Supply, changed
from pathways.engine.turn import Turn, marked

LONGEST_SUPPLY = 400  # days; more in one hand-out is a slip of the pen

KEPT_FOR = timedelta(days=400)  # fills, for as long as they are counted

Stage = Literal["received", "ready", "out_of_stock", "refused", "nowhere", "cleared", "substitute_proposed"]


def supply_ends(before: date | None, fill: Fill) -> date:
    """The last day with medicine after a fill: an early fill is added to what is left."""
    start = fill.on if before is None else max(fill.on, before + timedelta(days=1))
    return start + timedelta(days=fill.days - 1)


def filled(turn: Turn, fill: Fill, *, part: bool = False) -> None:
    """Medicine was handed out; with ``part``, an open request waits on for the rest."""
    found = service_for(turn, fill.medicine)
    if found is None:
        turn.because("fill_noted", detail={"medicine": fill.medicine}, held_back="no_refill_service")
        return
    if not 0 < fill.days <= LONGEST_SUPPLY:
        turn.because("fill_noted", detail={"medicine": fill.medicine, "days": str(fill.days)}, held_back="days_out_of_range")
        return
    pathway, service = found
    fill = replace(fill, on=min(fill.on, turn.today))
    before = turn.state.supplies.get(fill.medicine)
    ends = supply_ends(before.ends if before else None, fill)
    told = {"medicine": fill.medicine, "ends": ends.isoformat()}
    rest = before if part and before is not None and before.refill is not None else None
    for about in (before.key, None if rest else before.refill) if before else ():
        if about is not None:
            turn.close_tasks("dispensed", about=about)
    supply = Supply(turn.key("supply"), fill.medicine, pathway.name, service.name, ends, since=turn.now)
    supply = _with_history(turn, supply, before, fill)
    if rest is not None:
        if rest.stage == substitutes.PROPOSED:
            turn.close_tasks("dispensed", kinds=(substitutes.TASK,), about=rest.refill)
        turn.state.supplies[fill.medicine] = changed(supply, refill=rest.refill, stage="part", attempt=rest.attempt)
        turn.because("dispensed_part", pathway=pathway.name, service=service.name, key=rest.refill or "", detail=told)
        return
    turn.state.supplies[fill.medicine] = supply
    for other, rule in turn.active_services("refill"):
        if fill.medicine in rule.medicines and rule.request != service.request:
            over = {"days": str(service.request), "over": other.name, "over_days": str(rule.request)}
            turn.because("refill_rule_set_by", pathway=pathway.name, service=service.name, detail=over)
    turn.because("dispensed", pathway=pathway.name, service=service.name, detail=told)


def _with_history(turn: Turn, supply: Supply, before: Supply | None, fill: Fill) -> Supply:
    """``supply`` with what was handed out before, and what else goes on with it."""
    if before is None:
        return changed(supply, fills=(fill,), days=fill.days)
    horizon = turn.today - KEPT_FOR
    kept = tuple(one for one in before.fills if one.on >= horizon)
    days = fill.days + (before.days if before.stage == "part" else 0)
    fills = tuple(sorted((*kept, fill), key=lambda one: one.on))
    return changed(supply, fills=fills, days=days, allowed=before.allowed, instead_of=before.instead_of)


def taken_over(turn: Turn, fills: tuple[Fill, ...]) -> None:
    """What a person has at home when they join."""
    ends: dict[str, date] = {}
    for fill in sorted(fills, key=lambda fill: fill.on):
        ends[fill.medicine] = max(
            ends.get(fill.medicine, fill.on), fill.on + timedelta(days=min(max(fill.days, 0), LONGEST_SUPPLY))
        )
    for fill in sorted(fills, key=lambda fill: fill.on):
        if ends[fill.medicine] < turn.today - LAPSED_AFTER:
            turn.because("fill_noted", detail={"medicine": fill.medicine}, held_back="lapsed_long_ago")
        else:
            filled(turn, fill)


def hand_over(turn: Turn, medicine: str, why: str) -> None:
    """A pathway was left: another that keeps the same medicine goes on with it, or it is forgotten."""
    found = service_for(turn, medicine)
    if found is None:
        forget(turn, medicine, why)
        return
    supply = turn.state.supplies[medicine]
    turn.state.supplies[medicine] = changed(supply, pathway=found[0].name, service=found[1].name)


def keys(turn: Turn) -> set[str]:
    """What tasks about medicine at home are about: supplies, and requests that are open."""
    return {key for supply in turn.state.supplies.values() for key in (supply.key, supply.refill) if key is not None}


def request_on(service: Service, supply: Supply) -> date:
    """The day the refill is asked for: so many days before the first day without."""
    return supply.ends + timedelta(days=1 - service.request)


def moved(turn: Turn, key: str, stage: Stage, substitute: str = "") -> None:
    """The pharmacy answered."""
    supply = next((s for s in turn.state.supplies.values() if s.refill == key), None)
    found = service_for(turn, supply.medicine) if supply else None
    if supply is None or found is None:
        turn.because("too_late", key=key, held_back="refill_closed", detail={"stage": stage})
        return
    pathway, service = found
    named: dict[str, str] = {"pathway": pathway.name, "service": service.name, "key": key}
    if stage == supply.stage:
        turn.because("too_late", **named, held_back="already_told", detail={"stage": stage})
        return
    if stage == "cleared":
        turn.because("refill_cleared", **named, detail={"medicine": supply.medicine})
        stage = "received"
        if supply.stage != "requested":
            return
    elif stage == "substitute_proposed":
        substitutes.propose(turn, pathway, service, supply, substitute)
        return
    else:
        turn.because(f"refill_{stage}", **named, detail={"medicine": supply.medicine})
    was_part = supply.stage == "part"
    if supply.stage == substitutes.PROPOSED:  # it is not waited for any more
        turn.close_tasks("answered", kinds=(substitutes.TASK,), about=key)
    turn.state.supplies[supply.medicine] = supply = changed(supply, stage=stage, proposed="")
    if stage in ("out_of_stock", "refused"):
        request(turn, pathway, service, supply, rest=was_part)
    elif stage == "nowhere":
        turn.open_task(TaskSpec("find_medicine", "pharmacist", 1), pathway=pathway.name, service=service.name, about=key)
    elif stage == "ready" and "ready" in service.says:
        contacts.say(turn, pathway.name, service.says["ready"], about=key, kind="refills")


def missed(turn: Turn, pathway: Pathway, service: Service, supply: Supply, index: int) -> None:
    """The supply ended and nothing was handed out."""
    escalation = service.if_missed[index]
    turn.state.supplies[supply.medicine] = changed(supply, marks=marked(supply.marks, of_escalations(service.if_missed)[index]))
    told = {"medicine": supply.medicine, "ends": supply.ends.isoformat()}
    turn.because("refill_missed", pathway=pathway.name, service=service.name, detail=told)
    if escalation.open_task is not None:
        turn.open_task(escalation.open_task, pathway=pathway.name, service=service.name, about=supply.key)
    if escalation.send is not None and supply.stage == HELD:  # nobody is sent for what a doctor has still to decide on
        turn.because("not_sent", pathway=pathway.name, held_back="checks", detail={"template": escalation.send})
    elif escalation.send is not None:
        contacts.say(turn, pathway.name, escalation.send, about=supply.refill, kind="refills")


def forget(turn: Turn, medicine: str, why: str) -> None:
    """The medicine is not ours to look after any more."""
    supply = turn.state.supplies.pop(medicine)
    for about in (supply.key, supply.refill):
        if about is not None:
            turn.close_tasks(why, about=about)
    if supply.refill is not None and supply.stage in OPEN:
        turn.emit(CancelRefill(f"{supply.refill}/cancel", supply.refill, why))
