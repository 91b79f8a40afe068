"""Two pathways that want different things of one patient: which one wins, or that nobody but a clinician can tell.

Rule 1: which of two rules sets the rhythm is said, with the row of each; the shorter interval wins, then the worse tag.
Rule 2: what is wanted differently for a medicine is done for neither: a doctor is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pathways.engine.plan import TaskSpec
from pathways.engine.turn import Turn

#: What does not go together for one medicine; whatever is named once only goes with everything else.
AGAINST: Mapping[str, frozenset[str]] = {
    "start": frozenset({"lower", "stop"}),
    "continue": frozenset({"stop"}),
    "raise": frozenset({"lower", "stop"}),
    "lower": frozenset({"start", "raise", "stop"}),
    "stop": frozenset({"start", "continue", "raise", "lower"}),
}
ASKS_A_DOCTOR = TaskSpec("adjust_medicine", "doctor", 1)
CONFLICTING = TaskSpec("conflicting_advice", "doctor", 1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What one pathway would have by itself: its follow-up again in ``days``, by ``row`` under ``tag``."""

    days: int
    rank: int
    pathway: str
    service: str
    row: str
    tag: str


def wishes(turn: Turn) -> list[Wish]:
    """What each pathway of the patient would have by itself, the one that sets the rhythm first."""
    found = []
    for pathway, service in turn.active_services("follow_up"):
        course, occurrence = turn.state.courses[pathway.name], turn.occurrence(pathway.name, service.name)
        if occurrence is None:
            continue
        rhythm = service.every.on(course.tag)
        days = rhythm if occurrence.within is None else min(rhythm, occurrence.within)
        rank = pathway.tags.index(course.tag) if course.tag in pathway.tags else len(pathway.tags)
        found.append(Wish(days, rank, pathway.name, service.name, course.row, course.tag or ""))
    return sorted(found, key=lambda wish: (wish.days, wish.rank))


def say_who_sets_the_rhythm(turn: Turn) -> None:
    """Put down which row's interval holds where the pathways want different ones."""
    first, *others = wishes(turn) or (None,)
    if first is None:
        return
    for other in others:
        if other.pathway == first.pathway or (other.days, other.tag) == (first.days, first.tag):
            continue
        detail = {
            "row": first.row,
            "days": str(first.days),
            "tag": first.tag,
            "over": other.pathway,
            "over_row": other.row,
            "over_days": str(other.days),
            "over_tag": other.tag,
        }
        turn.because("rhythm_set_by", pathway=first.pathway, service=first.service, detail=detail)


def take_advice(turn: Turn, decided: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    """Follow-ups were decided: what each (pathway, service) wants done with medicines is a doctor's to do.

    Where another pathway wants the contrary, the doctor is asked which holds, in place of that. Advice to go on as before asks for
    nothing. A task is about the number of the supply where there is one, never about the medicine's name.
    """
    before = {pathway: dict(turn.state.courses[pathway].advice) for pathway, _ in decided}
    for (pathway, _), advice in decided.items():
        turn.course(pathway, advice=dict(advice))
    for (pathway, service), advice in decided.items():
        for medicine, do in advice.items():
            _take(turn, pathway, service, medicine, do, known=before[pathway].get(medicine) == do)


def take_advice_besides(turn: Turn, pathway: str, service: str, advice: Mapping[str, str]) -> None:
    """Something else than a follow-up decided (a screening, a reading from home): its advice stands beside the last follow-up's."""
    before = turn.state.courses[pathway].advice
    if advice:
        turn.course(pathway, advice={**before, **advice})
    for medicine, do in advice.items():
        _take(turn, pathway, service, medicine, do, known=before.get(medicine) == do)


def _take(turn: Turn, pathway: str, service: str, medicine: str, do: str, *, known: bool) -> None:
    supply = turn.state.supplies.get(medicine)
    about = supply.key if supply is not None else None
    told = {"row": turn.state.courses[pathway].row, "medicine": medicine, "do": do}
    contrary = [name for name, course in turn.state.courses.items() if course.advice.get(medicine) in AGAINST[do]]
    for name in contrary:
        other = turn.state.courses[name]
        told |= {"over": name, "over_row": other.row, "over_do": other.advice[medicine]}
        turn.because("advice_conflicts", pathway=pathway, service=service, held_back="conflicting_advice", detail=dict(told))
    if contrary:
        if about is not None:
            turn.close_tasks("conflicting_advice", kinds=(ASKS_A_DOCTOR.kind,), service="", about=about)
        turn.open_task(CONFLICTING, pathway=pathway, about=about)
        return
    turn.because("advised", pathway=pathway, service=service, detail=told)
    if do != "continue" and not known:
        turn.open_task(ASKS_A_DOCTOR, pathway=pathway, about=about)
