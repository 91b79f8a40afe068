"""One turn: the state being worked on, the moment being worked at, and what comes of it.

Rule 1: only a turn writes to a state, and only to its own copy.
Rule 2: a key is made from names and numbers that are counted for life, so none is made twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from pathways.engine import calendar
from pathways.engine.commands import CloseTask, Command, OpenTask, Reason
from pathways.engine.plan import Pathway, Plan, Service, TaskSpec
from pathways.engine.state import Course, Occurrence, State, Task, Waiting


def times(marks: tuple[str, ...], mark: str) -> int:
    """How often ``mark`` was made: ``missed0`` once, ``missed0*3`` three times."""
    if mark in marks:
        return 1
    for made in marks:
        name, _, count = made.partition("*")
        if name == mark:
            return int(count or 1)
    return 0


def marked(marks: tuple[str, ...], mark: str) -> tuple[str, ...]:
    """``marks`` with ``mark`` made once more; what comes again for years still takes one place."""
    count = times(marks, mark) + 1
    others = tuple(made for made in marks if made.partition("*")[0] != mark)
    return (*others, mark if count == 1 else f"{mark}*{count}")


class Turn:
    """The working surface of one step. ``now``: the moment being worked at; ``present``: the moment of learning."""

    def __init__(self, plan: Plan, state: State, present: datetime) -> None:
        self.plan, self.state, self.present = plan, state.copy(), present
        self.now = present
        self.commands: list[Command] = []
        self.reasons: list[Reason] = []
        self.outbox: list[Waiting] = []
        self.known_ahead: dict[
            tuple[str, str], tuple[Any, Any]
        ] = {}  # the agenda's own: a service's next item and what it rests on

    # --- time
    @property
    def timezone(self) -> str:
        return self.state.person.timezone

    @property
    def today(self) -> date:
        """The patient's local day at ``now``."""
        return calendar.local_day(self.now, self.timezone)

    # --- names
    def number(self, name: str) -> int:
        """1, 2, 3 ...: how often ``name`` was numbered in this patient's life."""
        self.state.numbers[name] = self.state.numbers.get(name, 0) + 1
        return self.state.numbers[name]

    def key(self, name: str) -> str:
        """``name#7``: a key never made before."""
        return f"{name}#{self.number(name)}"

    # --- plan
    def pathway(self, name: str) -> Pathway | None:
        return self.plan.pathways.get(name)

    def active_services(self, *kinds: str) -> list[tuple[Pathway, Service]]:
        """Services of the pathways that the patient is on, in the plan's order."""
        return [
            (pathway, service)
            for name in self.state.courses
            if (pathway := self.plan.pathways.get(name)) is not None
            for service in pathway.services.values()
            if service.kind in kinds
        ]

    @property
    def worst_tag(self) -> str | None:
        """The worst tag over all pathways: it sets the rhythm."""
        best: tuple[int, str] | None = None
        for name, course in self.state.courses.items():
            pathway = self.plan.pathways.get(name)
            if pathway is None or course.tag is None or course.tag not in pathway.tags:
                continue
            rank = (pathway.tags.index(course.tag), course.tag)
            best = rank if best is None else min(best, rank)
        return best[1] if best else None

    # --- writing
    def emit(self, command: Command) -> None:
        self.commands.append(command)

    def because(self, code: str, **what: Any) -> None:
        """Put down why something was done or was not."""
        pathway = self.plan.pathways.get(what.get("pathway", ""))
        self.reasons.append(Reason(at=self.now, code=code, version=pathway.version if pathway else "", **what))

    def course(self, name: str, **changes: Any) -> Course:
        """Change a course."""
        self.state.courses[name] = replace(self.state.courses[name], **changes)
        return self.state.courses[name]

    def occurrence(self, pathway: str, service: str) -> Occurrence | None:
        course = self.state.courses.get(pathway)
        return course.services.get(service) if course else None

    def set_occurrence(self, pathway: str, service: str, occurrence: Occurrence) -> None:
        course = self.state.courses[pathway]
        self.course(pathway, services={**course.services, service: occurrence})

    def mark(self, pathway: str, service: str, mark: str) -> None:
        """This reminder or escalation of the occurrence is done, once more."""
        occurrence = self.occurrence(pathway, service)
        if occurrence is not None:
            self.set_occurrence(pathway, service, replace(occurrence, marks=marked(occurrence.marks, mark)))

    # --- tasks
    def open_task(
        self,
        spec: TaskSpec,
        *,
        pathway: str = "",
        service: str = "",
        about: str | None = None,
        urgent: bool = False,
        due: date | None = None,
        collects: tuple[str, ...] = (),
    ) -> str:
        """Open a task, or name the one that is open for the same thing: work is never doubled."""
        for key, task in self.state.tasks.items():
            if (task.kind, task.service, task.about) == (spec.kind, service, about):
                self.because("task_already_open", pathway=pathway, service=service, key=key)
                return key
        key = self.key(f"task/{spec.kind}")
        self.state.tasks[key] = Task(spec.kind, pathway, service, about)
        due = due or self.today + timedelta(days=spec.within)
        self.emit(OpenTask(key, spec.kind, spec.by, due, pathway, service, urgent, about, collects))
        self.because("task_opened", pathway=pathway, service=service, key=key, detail={"kind": spec.kind, "by": spec.by})
        return key

    def close_tasks(
        self,
        why: str,
        *,
        kinds: tuple[str, ...] = (),
        service: str | None = None,
        about: str | None = None,
        pathway: str | None = None,
    ) -> None:
        """Close the open tasks that fit every filter given; with none, all."""
        for key, task in list(self.state.tasks.items()):
            if kinds and task.kind not in kinds:
                continue
            if any(
                wanted not in (None, is_) for wanted, is_ in ((service, task.service), (about, task.about), (pathway, task.pathway))
            ):
                continue
            del self.state.tasks[key]
            self.emit(CloseTask(key, why))
