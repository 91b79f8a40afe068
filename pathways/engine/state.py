"""What is known and planned for one patient: a fold over their events.

Rule 1: leaves are frozen and replaced, never changed; only ``Turn`` (see step.py) holds a copy that may be written to.
Rule 2: the state is plain data, so that the stored snapshot, the forecast and a test read the same thing.
Rule 3: ``SCHEMA`` goes up with every change of shape or meaning, and an older snapshot is refolded from the events;
        a new field whose default says what an older snapshot meant needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Literal, TypeVar

from pathways.engine.events import Fill, Known, TextKind, Value

SCHEMA = 2

Life = Literal["not_enrolled", "active", "paused", "in_hospital", "moved_away", "withdrawn", "died"]
ENDED: frozenset[str] = frozenset({"moved_away", "withdrawn", "died"})


@dataclass(frozen=True, slots=True)
class Person:
    """What conditions may ask about the person."""

    born: date | None = None
    sex: str = "unknown"
    conditions: tuple[str, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Left:
    """The due day under a version that was left, the service it was of, the day of leaving it, and the worst tag of that day."""

    due: date
    on: date
    service: str
    tag: str = ""


@dataclass(frozen=True)
class Occurrence:
    """The next time a service is due. ``marks`` are the reminders and escalations of this occurrence already done.

    ``counted_from``: the day from which the rhythm was counted; ``within``: the number of days that ``row`` gave, or a plan.
    ``left``: how it stood under versions that were left, by version, so that going back finds it.
    """

    n: int
    due: date
    earliest: date
    since: datetime  # reminders that would lie before it are not sent
    booked: date | None = None
    booking: str | None = None  # key of the BookVisit that was asked
    confirmed: bool = False
    last: date | None = None
    marks: tuple[str, ...] = ()
    counted_from: date | None = None
    within: int | None = None
    row: str = ""
    left: Mapping[str, Left] = field(default_factory=dict)

    @property
    def day(self) -> date:
        """The day the patient is expected."""
        return self.booked or self.due


@dataclass(frozen=True)
class Course:
    """One patient on one pathway.

    ``previous``: the yes/no values of the last decided follow-up, of ``decided_on``; ``preceding``: those of the one before.
    ``begun``: what is known of a visit with readings missing, of ``begun_on``.
    ``coming``: the version that takes over at the next safe point, with what replaces what in it.
    ``set_aside``: what the version does not have: never dropped, and back with a version that has it.
    ``tags``: by version that was left, the tag there and the one it became.
    """

    version: str
    tag: str | None = None
    row: str = ""
    services: Mapping[str, Occurrence] = field(default_factory=dict)
    previous: Mapping[str, bool] = field(default_factory=dict)
    preceding: Mapping[str, bool] = field(default_factory=dict)
    decided_on: date | None = None
    begun: Mapping[str, Value] = field(default_factory=dict)
    begun_on: date | None = None
    advice: Mapping[str, str] = field(default_factory=dict)  # by medicine, what the last decided follow-up wants done
    coming: str = ""
    coming_services: Mapping[str, str] = field(default_factory=dict)
    coming_tags: Mapping[str, str] = field(default_factory=dict)
    coming_rollout: str = ""
    set_aside: Mapping[str, Occurrence] = field(default_factory=dict)
    tags: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Supply:
    """Medicine at home. ``ends``: the last day with medicine, carried forward over early fills.

    ``fills``: what was handed out in the last year or so, oldest first; ``days``: of the last request, its parts together.
    ``allowed``: findings of the checks that a doctor has allowed it in spite of. ``proposed``: what a pharmacy wants to hand out
    in its place; ``instead_of``: the medicine in whose place this one came.
    """

    key: str
    medicine: str
    pathway: str
    service: str
    ends: date
    since: datetime
    refill: str | None = None  # the open request
    stage: str = ""  # held, requested, received, ready, part, substitute_proposed, nowhere; none: nothing is asked for
    attempt: int = 0
    marks: tuple[str, ...] = ()
    fills: tuple[Fill, ...] = ()
    days: int = 0
    allowed: tuple[str, ...] = ()
    proposed: str = ""
    instead_of: str = ""


@dataclass(frozen=True)
class Referral:
    """A referral that is not closed. Beside what its place says it is ``completed``, ``sent_back`` or ``nowhere``.

    ``attempt``: how many places were asked; ``held_by``: of which of them the word counts, where it is not the last (0: it is).
    ``entered``: while the place waits for our reply, when it came to the stage that its question interrupted.
    """

    pathway: str
    service: str
    urgency: str
    row: str
    asked: datetime
    stage: str  # to_confirm, requested, received, more_asked, accepted, booked, not_attended, attended, in_progress, abort_asked
    stage_since: datetime
    confirm_by: datetime | None = None
    attempt: int = 0
    day: date | None = None
    checked: int = 0
    resumes: str = ""  # more_asked, abort_asked: the stage that this interrupted
    inputs: Mapping[str, Value] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    held_by: int = 0
    entered: datetime | None = None


@dataclass(frozen=True)
class Task:
    """An open task, as far as the engine must know it. ``serves``: where it is done for several, (pathway, service) of each.

    ``texts``: keys of the texts that may not have arrived, where it is open for these and nothing else (calls.py).
    """

    kind: str
    pathway: str = ""
    service: str = ""
    about: str | None = None
    serves: tuple[tuple[str, str], ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A message that waits for a decent hour. ``until``: from then on it is of no use; None: not known, by an older engine.

    ``kind``: which the patient may refuse; None: ``about`` says it. ``held``: the hold that keeps it, if one does.
    """

    at: datetime
    pathway: str
    template: str
    day: date | None = None
    about: str | None = None
    key: str = ""
    until: datetime | None = None
    kind: TextKind | None = None
    held: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a message planned today says, until ``not_after``: it may not have gone out, and can be retracted.

    ``until`` and ``kind`` as of what waits: until then it is said again where it did not go out.
    """

    key: str
    pathway: str
    template: str
    not_after: datetime
    day: date | None = None
    about: str | None = None
    until: datetime | None = None
    kind: TextKind | None = None


@dataclass(frozen=True)
class NewNumber:
    """A number that was given and is not confirmed. ``given``: the event's id; ``key``: of the text that asks.

    ``ask_at``: when it is asked; ``until``: how long an answer is waited for. None: done, and a person calls.
    """

    who: Literal["patient", "carer"]
    given: str
    ask_at: datetime | None = None
    until: datetime | None = None
    key: str = ""


@dataclass(slots=True)
class State:
    """Everything the engine knows of one patient. ``clock``: all that was due up to here has been done."""

    patient: str
    schema: int = SCHEMA
    clock: datetime | None = None
    life: Life = "not_enrolled"
    life_since: datetime | None = None
    life_until: date | None = None
    life_checks: int = 0
    reach: Literal["reachable", "unreachable"] = "reachable"
    reach_since: datetime | None = None
    searches: int = 0
    opted_out: bool = False
    agreed: bool = False  # to be texted, in so many words
    refused: tuple[TextKind, ...] = ()  # kinds of text that the patient does not want
    phone: bool = True
    carer: bool = False
    person: Person = field(default_factory=Person)
    courses: dict[str, Course] = field(default_factory=dict)
    readings: dict[str, Known] = field(default_factory=dict)
    supplies: dict[str, Supply] = field(default_factory=dict)
    referrals: dict[str, Referral] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    told: tuple[Told, ...] = ()  # what was planned and may not have gone out yet
    new_numbers: tuple[NewNumber, ...] = ()  # given, and not confirmed yet
    holds_told: tuple[str, ...] = ()  # holds that the patient was told of
    rebooking: tuple[str, date] | None = None  # a booking in place of a day that fell to a closure: what is found is told
    medicine_findings: tuple[str, ...] = ()  # what the checks of medicines last found, by row
    texted: tuple[date, ...] = ()  # days of routine messages within the last week
    numbers: dict[str, int] = field(default_factory=dict)  # how often each name was numbered: keys never repeat

    @property
    def versions(self) -> frozenset[str]:
        """The versions that the patient is on, and those that take over at their next safe point."""
        return frozenset({v for course in self.courses.values() for v in (course.version, course.coming) if v})

    def copy(self) -> State:
        """A state of its own with the same frozen leaves."""
        other = State(*_values(self))  # once a step: ``replace`` takes ten times as long
        other.courses, other.readings, other.supplies = dict(self.courses), dict(self.readings), dict(self.supplies)
        other.referrals, other.tasks, other.numbers = dict(self.referrals), dict(self.tasks), dict(self.numbers)
        return other


_values = attrgetter(*(one.name for one in fields(State)))
_Leaf = TypeVar("_Leaf")


def changed(leaf: _Leaf, **changes: Any) -> _Leaf:
    """``leaf`` with ``changes``: as ``dataclasses.replace``, in a fifth of its time, for it is done several times a step.

    Only for what has no slots, and nothing to do once it is made. Raises KeyError for a field that there is not.
    """
    before = leaf.__dict__
    values = {**before, **changes}
    if len(values) > len(before):
        raise KeyError(*(changes.keys() - before.keys()))
    new: _Leaf = object.__new__(type(leaf))
    object.__setattr__(new, "__dict__", values)
    return new
