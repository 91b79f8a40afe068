"""One turn: the state being worked on, the moment being worked at, and what comes of it.

Rule 1: only a turn writes to a state, and only to its own copy.
Rule 2: a key is made from names and numbers that are counted for life, so none is made twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

from pathways.engine import calendar
from pathways.engine.commands import CloseTask, Command, OpenTask, Reason
from pathways.engine.marks import OPENED
from pathways.engine.plan import Pathway, Plan, Service, TaskSpec
from pathways.engine.state import Course, Occurrence, State, Task, Waiting, changed

_T = TypeVar("_T")
Ahead = dict[Any, Any]
"""What was worked out of one patient's agenda, and what it rests on. It is never the truth: what it rests on is compared each
time, so that a caller who asks many times of one patient may keep it from step to step, and nobody has to.
"""


def times(marks: tuple[str, ...], mark: str) -> int:
    """How often ``mark`` was made: ``missed0`` once, ``missed0*3`` three times."""
    if mark in marks:
        return 1
    often = f"{mark}*"
    return next((int(made.removeprefix(often)) for made in marks if made.startswith(often)), 0)


def marked(marks: tuple[str, ...], mark: str) -> tuple[str, ...]:
    """``marks`` with ``mark`` made once more; what comes again for years still takes one place."""
    count = times(marks, mark) + 1
    others = tuple(made for made in marks if made.partition("*")[0] != mark)
    return (*others, mark if count == 1 else f"{mark}*{count}")


class Turn:
    """The working surface of one step. ``now``: the moment being worked at; ``present``: the moment of learning."""

    def __init__(
        self,
        plan: Plan,
        state: State,
        present: datetime,
        ahead: Ahead | None = None,
        *,
        looks: bool = False,
        imagined: bool = False,
    ) -> None:
        """``looks``: nothing will be written, so that no copy is needed. ``imagined``: see ``step``."""
        self.plan, self.state, self.present = plan, state if looks or imagined else state.copy(), present
        self.tells = not imagined
        self.now = present
        self.commands: list[Command] = []
        self.reasons: list[Reason] = []
        self.outbox: list[Waiting] = []
        self.known_ahead: Final[Ahead] = {} if ahead is None else ahead
        self._today = (present, "", date.min)

    # --- time
    @property
    def timezone(self) -> str:
        return self.state.person.timezone

    @property
    def today(self) -> date:
        """The patient's local day at ``now``."""
        now, zone, day = self._today
        if now is not self.now or zone is not self.state.person.timezone:  # asked dozens of times in a turn
            zone = self.state.person.timezone
            day = calendar.local_day(self.now, zone)
            self._today = (self.now, zone, day)
        return day

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
        return self.kept(("kinds", kinds), (self.plan, *self.state.courses), self._active_services, kinds)

    def _active_services(self, kinds: tuple[str, ...]) -> list[tuple[Pathway, Service]]:
        followed = [one for name in self.state.courses if (one := self.plan.pathways.get(name)) is not None]
        return [(one, service) for one in followed for service in one.services.values() if service.kind in kinds]

    @property
    def followed(self) -> tuple[object, ...]:
        """What the patient follows and how they stand in it: what is worked out of courses alone rests on this."""
        courses = self.state.courses
        return self.plan, *courses, *courses.values()

    @property
    def dues(self) -> tuple[object, ...]:
        """When each service is due: which go together, and which stands for which, rests on this."""
        courses = self.state.courses
        return self.plan, *courses, *[(name, one.due) for course in courses.values() for name, one in course.services.items()]

    def kept(self, name: object, rests_on: tuple[object, ...], work_out: Callable[..., _T], *given: object) -> _T:
        """What ``work_out`` gives, worked out anew only where something that it ``rests_on`` is not what it was before.

        ``given`` is what it is called with. Leaves of a state and of a plan are replaced, never changed: those which are the very
        same are not looked into.
        """
        known = self.known_ahead.get(name)
        if known is None or known[0] != rests_on:
            self.known_ahead[name] = known = (rests_on, work_out(*given))
        found: _T = known[1]
        return found

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

    @property
    def comes_first(self) -> bool:
        """Whether the patient has the worst of several tags on a pathway."""
        return any(
            (pathway := self.plan.pathways.get(name)) is not None and len(pathway.tags) > 1 and course.tag == pathway.tags[0]
            for name, course in self.state.courses.items()
        )

    @property
    def priority(self) -> int:
        """Whose texts go first where room or credit is short: 2 with the worst tag of a pathway, 3 with the next, 4 otherwise."""
        ranks = [
            pathway.tags.index(course.tag)
            for name, course in self.state.courses.items()
            if (pathway := self.plan.pathways.get(name)) is not None and len(pathway.tags) > 1 and course.tag in pathway.tags
        ]
        return min(2 + min(ranks, default=2), 4)

    # --- writing
    def emit(self, command: Command) -> None:
        self.commands.append(command)

    def because(self, code: str, **what: Any) -> None:
        """Put down why something was done or was not."""
        if not self.tells:
            return
        pathway = self.plan.pathways.get(what.get("pathway", ""))
        self.reasons.append(Reason(at=self.now, code=code, version=pathway.version if pathway else "", **what))

    def course(self, name: str, **changes: Any) -> Course:
        """Change a course."""
        self.state.courses[name] = changed(self.state.courses[name], **changes)
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
            self.set_occurrence(pathway, service, changed(occurrence, marks=marked(occurrence.marks, mark)))

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
                self.because("task_already_open", pathway=pathway, service=service, key=key, detail={"kind": spec.kind})
                if task.texts:
                    self.state.tasks[key] = changed(task, texts=())
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
        """Close the open tasks that fit every filter given; with none, all.

        A task that serves several fits where one of them does; the others get one of their own again.
        """
        for key, task in list(self.state.tasks.items()):
            if (kinds and task.kind not in kinds) or about not in (None, task.about):
                continue
            serves = task.serves or ((task.pathway, task.service),)
            rest = [name for name in serves if pathway not in (None, name[0]) or service not in (None, name[1])]
            if len(rest) == len(serves):
                continue
            del self.state.tasks[key]
            self.emit(CloseTask(key, why))
            for name in rest:
                occurrence = self.occurrence(*name)
                if occurrence is not None:
                    unopened = tuple(mark for mark in occurrence.marks if mark != OPENED)
                    self.set_occurrence(*name, changed(occurrence, marks=unopened))
