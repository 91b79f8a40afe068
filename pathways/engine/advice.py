"""Advice of outside services: asked for when a row says so, put down with its source, and looked at by a person.

Rule 1: nothing waits for advice, and none decides: without an answer the patient's care goes on as it would have.
Rule 2: what is a warning or worse is looked at by a person; what only informs stands in the timeline.
"""

from __future__ import annotations

from pathways.engine.commands import AskAdvice
from pathways.engine.events import AdviceFailed, AdviceGiven
from pathways.engine.plan import AskSpec, TaskSpec
from pathways.engine.turn import Turn

TO_BE_LOOKED_AT = frozenset({"warning", "critical"})


def ask(turn: Turn, spec: AskSpec, *, pathway: str, step: str, row: str) -> None:
    """Ask ``spec.service`` about this patient."""
    key = turn.key(f"advice/{spec.service}")
    turn.emit(AskAdvice(key, spec.service, pathway, step, spec.by, spec.within))
    turn.because("advice_asked", pathway=pathway, service=step, key=key, detail={"of": spec.service, "by_row": row})


def given(turn: Turn, event: AdviceGiven) -> None:
    """Put down what was said, and have a person look at what matters."""
    if not event.advice:
        turn.because("advice_silent", pathway=event.pathway, service=event.step, key=event.asked, detail={"of": event.service})
    for one in event.advice:
        turn.because(
            "advice_given",
            pathway=event.pathway,
            service=event.step,
            key=event.asked,
            because={"en": one.summary},
            cites=one.source,
            detail={"of": event.service, "indicator": one.indicator},
        )
    if any(one.indicator in TO_BE_LOOKED_AT for one in event.advice):
        spec = TaskSpec("look_at_advice", event.by, event.within)
        urgent = any(one.indicator == "critical" for one in event.advice)
        turn.open_task(spec, pathway=event.pathway, service=event.step, about=event.asked, urgent=urgent)


def failed(turn: Turn, event: AdviceFailed) -> None:
    """Care goes on without."""
    detail = {"of": event.service}
    turn.because(
        "advice_not_given", pathway=event.pathway, service=event.step, key=event.asked, held_back=event.reason, detail=detail
    )
