"""One person on several pathways: a test that two of them ask for is drawn once; a visit that two share stays when one is left.

Rule 1: a screening that shares a reading, or its name, with one of another pathway that falls due shortly before is led by it:
        one task, one set of reminders, the union of the readings.
Rule 2: each keeps its own due day and rhythm: what is done moves both on, what is done in part leaves the other due, with a task.
Rule 3: what was merged is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from pathways.engine import marks
from pathways.engine.commands import CloseTask
from pathways.engine.events import Readings
from pathways.engine.plan import Pathway, Service, TaskSpec
from pathways.engine.state import Occurrence
from pathways.engine.turn import Turn

Name = tuple[str, str]  # pathway and service


def led(turn: Turn) -> dict[Name, Name]:
    """The screenings that are done with another one, each with the one that leads it: the first to fall due."""
    if len(turn.state.courses) < 2:
        return {}
    dues = sorted(
        (occurrence.due, index, pathway.name, service)
        for index, (pathway, service) in enumerate(turn.active_services("screening"))
        if (occurrence := turn.occurrence(pathway.name, service.name)) is not None
    )
    if len(dues) < 2:
        return {}
    leaders: list[tuple[str, Service]] = []
    found: dict[Name, Name] = {}
    for due, _, pathway_name, service in dues:
        for leads, leader in leaders:
            first = turn.state.courses[leads].services[leader.name].due
            near = due <= first + timedelta(days=turn.plan.merge_visits_within)
            if leads != pathway_name and near and shares(leader, service):
                found[pathway_name, service.name] = (leads, leader.name)
                break
        else:
            leaders.append((pathway_name, service))
    return found


def shares(one: Service, other: Service) -> bool:
    """Whether what is done for one is, at least in part, done for the other."""
    return one.name == other.name or not set(one.collects).isdisjoint(other.collects)


def open_together(turn: Turn, pathway: Pathway, service: Service) -> None:
    """Open the one task of a screening and of all that are done with it."""
    leads = led(turn)
    leader = leads.get((pathway.name, service.name), (pathway.name, service.name))
    group = [leader, *(name for name, by in leads.items() if by == leader)]
    for name in group:
        occurrence = turn.occurrence(*name)
        if occurrence is not None and marks.OPENED not in occurrence.marks:
            turn.mark(*name, marks.OPENED)
    serves = _joined(turn, leader, group)
    if not serves:
        return
    first = turn.state.courses[leader[0]].services[leader[1]]
    spec = TaskSpec(leader[1], turn.plan.pathways[leader[0]].services[leader[1]].by, 0)
    key = turn.open_task(spec, service=leader[1], pathway=leader[0], due=first.due, collects=_collects(turn, serves))
    if len(serves) > 1:
        turn.state.tasks[key] = replace(turn.state.tasks[key], serves=tuple(serves))
    _say(turn, key, leader, (name for name in serves if name != leader))


def _say(turn: Turn, key: str, leader: Name, others: Iterable[Name]) -> None:
    for pathway, service in others:
        with_ = {"with": leader[1], "of": leader[0]}
        turn.because("merged_with", pathway=pathway, service=service, key=key, held_back="drawn_once", detail=with_)


def _joined(turn: Turn, leader: Name, group: list[Name]) -> list[Name]:
    """All that the task to be opened serves, once the open ones for the same are closed; none where one of them does already."""
    serves = list(group)
    for key, task in list(turn.state.tasks.items()):
        has = task.serves or ((task.pathway, task.service),)
        if task.kind != task.service or (set(has).isdisjoint(serves) and task.service != leader[1]):
            continue
        both = list(dict.fromkeys((*serves, *(name for name in has if turn.occurrence(*name) is not None))))
        if set(_collects(turn, both)) == set(_collects(turn, (name for name in has if name in both))):
            turn.because("task_already_open", pathway=leader[0], service=leader[1], key=key, detail={"kind": task.kind})
            if set(both) != set(has):
                turn.state.tasks[key] = replace(task, serves=tuple(both))
                _say(turn, key, (task.pathway, task.service), (name for name in serves if name not in has))
            return []
        serves = both
        del turn.state.tasks[key]
        turn.emit(CloseTask(key, "merged"))
    return serves


def _collects(turn: Turn, serves: Iterable[Name]) -> tuple[str, ...]:
    """The union of what they collect, in order."""
    services = (turn.plan.pathways[pathway].services[service] for pathway, service in serves)
    return tuple(dict.fromkeys(reading for service in services for reading in service.collects))


def done_together(turn: Turn, name: str, readings: Readings, serves: tuple[Name, ...]) -> list[tuple[Pathway, Service, Occurrence]]:
    """The screenings that are done when ``name`` is: on every pathway that has it, and those that were drawn with it.

    ``serves``: those of the task that was closed, all of which are done. Otherwise another one is done with it where the readings
    hold all that it collects; without readings, where it asks for nothing more, or one task was open for both.
    """
    leads = led(turn)
    there = {
        (pathway.name, service.name): (pathway, service, occurrence)
        for pathway, service in turn.active_services("screening", "message")
        if (occurrence := turn.occurrence(pathway.name, service.name)) is not None
    }
    named = [key for key in there if key[1] == name]
    groups = {leads.get(key, key) for key in named}
    taken = set(_collects(turn, named))
    together = {key for task in turn.state.tasks.values() if not set(task.serves).isdisjoint(named) for key in task.serves}
    done = [*named, *(key for key in serves if key in there and key not in named)]
    for key, (pathway, service, _) in there.items():
        if key in done or leads.get(key, key) not in groups or service.kind != "screening":
            continue
        lacking = tuple(reading for reading in service.collects if reading not in readings)
        if not lacking or (not readings and (key in together or set(service.collects) <= taken)):
            done.append(key)
        else:
            turn.because("still_lacks", pathway=pathway.name, service=service.name, held_back="readings_missing", missing=lacking)
    return [there[key] for key in done]


def left(turn: Turn, pathway: str) -> None:
    """A pathway was left: what it shared with others stays whole for them. Called once its course is gone."""
    for task in list(turn.state.tasks.values()):
        if any(name == pathway for name, _ in task.serves):
            turn.close_tasks("left_pathway", pathway=pathway, service=task.service, kinds=(task.kind,))


def keep_visit(turn: Turn, gone: Occurrence) -> bool:
    """Hand the day that is kept for a follow-up that is gone to another one that was to be done with it. False: there is none."""
    if gone.booking is None:
        return False
    near = timedelta(days=turn.plan.merge_visits_within)
    for pathway, service in turn.active_services("follow_up"):
        occurrence = turn.occurrence(pathway.name, service.name)
        if occurrence is None or occurrence.booking is not None or not gone.due <= occurrence.due <= gone.due + near:
            continue
        reminded = tuple(
            mark for mark in gone.marks if mark.startswith((marks.REMINDED, marks.SKIPPED)) and mark not in occurrence.marks
        )
        kept = replace(
            occurrence, booking=gone.booking, booked=gone.booked, confirmed=gone.confirmed, marks=(*occurrence.marks, *reminded)
        )
        turn.set_occurrence(pathway.name, service.name, kept)
        day = {"day": gone.day.isoformat()}
        turn.because("visit_kept", pathway=pathway.name, service=service.name, key=gone.booking, detail=day)
        return True
    return False
