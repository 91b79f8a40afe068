"""What is known and planned for one patient: a fold over their events.

Rule 1: leaves are frozen and replaced, never changed; only ``Turn`` (see step.py) holds a copy that may be written to.
Rule 2: the state is plain data, so that the stored snapshot, the forecast and a test read the same thing.
Rule 3: ``SCHEMA`` goes up with every change of shape or meaning, and an older snapshot is refolded from the events;
        a new field whose default says what an older snapshot meant needs neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from pathways.engine.events import Known, Value

SCHEMA = 1

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
class Occurrence:
    """The next time a service is due. ``marks`` are the reminders and escalations of this occurrence already done."""

    n: int
    due: date
    earliest: date
    since: datetime  # reminders that would lie before it are not sent
    booked: date | None = None
    booking: str | None = None  # key of the BookVisit that was asked
    confirmed: bool = False
    last: date | None = None
    marks: tuple[str, ...] = ()

    @property
    def day(self) -> date:
        """The day the patient is expected."""
        return self.booked or self.due


@dataclass(frozen=True, slots=True)
class Course:
    """One patient on one pathway.

    ``previous``: the yes/no values of the last decided follow-up, of ``decided_on``; ``preceding``: those of the one before.
    ``begun``: what is known of a visit with readings missing, of ``begun_on``.
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


@dataclass(frozen=True, slots=True)
class Supply:
    """Medicine at home. ``ends``: the last day with medicine, carried forward over early fills."""

    key: str
    medicine: str
    pathway: str
    service: str
    ends: date
    since: datetime
    refill: str | None = None  # the open request
    stage: str = ""  # requested, received, ready, part, nowhere; none: nothing is asked for
    attempt: int = 0
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral that is not closed."""

    pathway: str
    service: str
    urgency: str
    row: str
    asked: datetime
    stage: (
        str  # to_confirm, requested, received, accepted, booked, attended, not_attended, more_asked, completed, sent_back, nowhere
    )
    stage_since: datetime
    confirm_by: datetime | None = None
    attempt: int = 0
    day: date | None = None
    checked: int = 0
    resumes: str = ""  # more_asked: the stage that the question interrupted
    inputs: Mapping[str, Value] = field(default_factory=dict)
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """An open task, as far as the engine must know it."""

    kind: str
    pathway: str = ""
    service: str = ""
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits for a decent hour."""

    at: datetime
    pathway: str
    template: str
    day: date | None = None
    about: str | None = None
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
    phone: bool = True
    carer: bool = False
    person: Person = field(default_factory=Person)
    courses: dict[str, Course] = field(default_factory=dict)
    readings: dict[str, Known] = field(default_factory=dict)
    supplies: dict[str, Supply] = field(default_factory=dict)
    referrals: dict[str, Referral] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    texted: tuple[date, ...] = ()  # days of routine messages within the last week
    numbers: dict[str, int] = field(default_factory=dict)  # how often each name was numbered: keys never repeat

    def copy(self) -> State:
        """A state of its own with the same frozen leaves."""
        return replace(
            self,
            courses=dict(self.courses),
            readings=dict(self.readings),
            supplies=dict(self.supplies),
            referrals=dict(self.referrals),
            tasks=dict(self.tasks),
            numbers=dict(self.numbers),
        )
