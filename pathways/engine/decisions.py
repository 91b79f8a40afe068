"""A table is asked, its answer put down, and carried out.

Rule 1: every answer leaves a reason with its row, what it read, what it missed, and what it cites.
Rule 2: carrying out never moves a tag or a due day: that is for the follow-up itself (reviews.py).
"""

from __future__ import annotations

from datetime import date

from pathways.engine import advice, contacts, referrals
from pathways.engine.assess import Answer, Output, assess, facts
from pathways.engine.events import Readings, Value
from pathways.engine.plan import Pathway, Service
from pathways.engine.state import Course
from pathways.engine.turn import Turn


def known(turn: Turn, pathway: Pathway, readings: Readings, on: date, course: Course | None = None) -> dict[str, object]:
    """What conditions may ask about this patient, with these readings."""
    course = course or turn.state.courses.get(pathway.name)
    return facts(pathway, turn.state.person, course, readings, on=on, medicines=tuple(turn.state.supplies))


def ask(turn: Turn, pathway: Pathway, table: str, readings: Readings, on: date) -> Answer:
    """What ``table`` says of ``readings``."""
    return assess(pathway, pathway.tables[table], known(turn, pathway, readings, on))


def ask_of_home(turn: Turn, pathway: Pathway, table: str, readings: Readings, on: date) -> Answer:
    """What ``table`` says of readings sent from home, of which each stands for itself."""
    course, medicines = turn.state.courses.get(pathway.name), tuple(turn.state.supplies)
    sent = facts(pathway, turn.state.person, course, readings, on=on, medicines=medicines, only_what_was_sent=True)
    return assess(pathway, pathway.tables[table], sent)


def latest(turn: Turn) -> dict[str, Value]:
    """The last known value of every reading."""
    return {name: reading.value for name, reading in turn.state.readings.items()}


def put_down(turn: Turn, code: str, pathway: Pathway, service: Service, answer: Answer) -> None:
    """Say which row answered, on what."""
    if not turn.tells:
        return
    row, decision = answer.row, answer.decision
    turn.because(
        code,
        pathway=pathway.name,
        service=service.name,
        row=row.id if row else "",
        decision=decision.name if decision else "",
        inputs=dict(answer.inputs),
        missing=answer.missing,
        because=dict(row.because) if row else {},
        cites=(row.cites or row.basis) if row else "",
        detail={name: words for name, value in answer.gives.items() if (words := _in_words(value))}
        | ({"tag": decision.tag} if decision is not None and decision.tag is not None else {}),
    )


def _in_words(value: Output) -> str:
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def carry_out(turn: Turn, pathway: Pathway, service: Service, answer: Answer) -> None:
    """Do what a row concluded, apart from tag and rhythm."""
    decision, row = answer.decision, answer.row
    if decision is None or row is None:
        return
    for spec in decision.open_tasks:
        turn.open_task(spec, pathway=pathway.name, service=service.name, urgent=decision.alert is not None, collects=answer.missing)
    if decision.refer is not None:
        referrals.refer(turn, pathway, decision.refer, row=row.id, inputs=answer.inputs)
    if decision.ask is not None:
        advice.ask(turn, decision.ask, pathway=pathway.name, step=service.name, row=row.id)
    if decision.alert is not None:
        contacts.alert(turn, decision.alert, pathway=pathway.name)
    if decision.send is not None:
        contacts.say(turn, pathway.name, decision.send)
