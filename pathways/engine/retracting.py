"""Taking back what was to be said or done for a day that is no longer the day, or in words that a new version does not have.

Rule 1: what has gone out stays said; a text that may not have gone out is retracted by its key, and its marks are kept by its day.
Rule 2: whatever is not sent is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from pathways.engine import marks
from pathways.engine.commands import RetractMessage
from pathways.engine.plan import Pathway, Service
from pathways.engine.turn import Turn, times


def said_by(pathway: Pathway) -> frozenset[str]:
    """The templates that a pathway may send."""
    said = {decision.send for decision in pathway.decisions.values()} | set(pathway.urgent_messages)
    for service in pathway.services.values():
        said |= {service.send, *service.says.values(), *_texts(service)}
    return frozenset(name for name in said if name is not None)


def _texts(service: Service) -> set[str]:
    return {one.send for one in service.remind} | {one.send for one in service.if_missed if one.send is not None}


def without_words(turn: Turn, pathway: Pathway) -> None:
    """Texts that wait for a decent hour, and that ``pathway`` has no words for any more, are not sent."""
    said, stays = said_by(pathway), []
    for waiting in turn.state.waiting:
        if waiting.pathway != pathway.name or waiting.template in said:
            stays.append(waiting)
            continue
        detail = {"template": waiting.template}
        turn.because("not_sent", pathway=pathway.name, key=waiting.key, held_back="template_gone", detail=detail)
    turn.state.waiting = tuple(stays)


def retract(turn: Turn, pathway: str, service: Service, day: date) -> None:
    """What was to be said about ``day`` for ``service``, and may not have gone out, is taken back."""
    texts = _texts(service)

    def about_it(of: str, template: str, on: date | None, about: str | None) -> bool:
        return (of, on, about) == (pathway, day, None) and template in texts

    for waiting in turn.state.waiting:
        if about_it(waiting.pathway, waiting.template, waiting.day, waiting.about):
            detail = {"template": waiting.template}
            turn.because("not_sent", pathway=pathway, key=waiting.key, held_back="due_moved", detail=detail)
    turn.state.waiting = tuple(w for w in turn.state.waiting if not about_it(w.pathway, w.template, w.day, w.about))
    unsent = [told for told in turn.state.told if told.not_after >= turn.now]
    gone = [told for told in unsent if about_it(told.pathway, told.template, told.day, told.about)]
    turn.state.told = tuple(t for t in turn.state.told if not about_it(t.pathway, t.template, t.day, t.about))
    for key in dict.fromkeys(told.key for told in gone):
        parts = tuple((told.pathway, told.template) for told in gone if told.key == key)
        stays = any(told.key == key for told in turn.state.told)
        turn.emit(RetractMessage(key, "due_moved", parts if stays else ()))
        turn.because("message_retracted", pathway=pathway, key=key, detail={"template": ", ".join(one for _, one in parts)})


def open_kinds(turn: Turn, pathway: str, service: str) -> set[str]:
    """The kinds of the tasks that are open for a service."""
    return {task.kind for task in turn.state.tasks.values() if (task.pathway, task.service) == (pathway, service)}


def to_be_done_again(kinds: Iterable[str], service: Service | None, made: tuple[str, ...]) -> tuple[str, ...]:
    """``made`` without the escalations whose task is among ``kinds``: it is closed now, and opened again if the day comes back.

    One that said something besides is marked as told: what comes again is its work alone.
    """
    escalations, open_ = service.if_missed if service is not None else (), set(kinds)
    again = {
        mark: one.send is not None
        for mark, one in zip(marks.of_escalations(escalations), escalations, strict=True)
        if one.open_task is not None and one.open_task.kind in open_
    }
    stays = tuple(mark for mark in made if mark.partition("*")[0] not in again)
    told = (marks.skipped(mark) for mark in again if again[mark] and times(made, mark))
    return (*stays, *(mark for mark in told if mark not in stays))


def renamed(turn: Turn, pathway: str, service: str, to: str) -> None:
    """Open tasks are now for the service ``to``."""
    was, is_ = (pathway, service), (pathway, to)
    for key, task in list(turn.state.tasks.items()):
        serves = tuple(is_ if name == was else name for name in task.serves)
        turn.state.tasks[key] = replace(task, service=to if (task.pathway, task.service) == was else task.service, serves=serves)
