"""A coordinator's own tests: one patient, what happens to them step by step, and what is expected after each step.

Rule 1: these are data; ``telling`` reads them from a document, ``play`` runs them through the engine.
Rule 2: every step knows its day (``on``, or ``day`` days after enrolment, or the day of the step before) and its place in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import Literal

from pathways.engine.plan import Reading
from pathways.language.document import Steps

Taken = float | bool | str | tuple[str, ...]
LifeWord = Literal["died", "hospitalised", "discharged", "paused", "resumed", "moved_away", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings as written. ``rest_normal``: every other yes/no is no and every other choice empty."""

    given: Mapping[str, Taken]
    rest_normal: bool = False

    def complete(self, known: Mapping[str, Reading]) -> dict[str, Taken]:
        """The readings with ``rest: normal`` spelt out for the pathway's readings ``known``."""
        readings = dict(self.given)
        if self.rest_normal:
            for name, reading in known.items():
                if reading.kind != "number" and name not in readings:
                    readings[name] = False if reading.kind == "yes_no" else ()
        return readings


@dataclass(frozen=True, slots=True)
class Visit:
    """A face-to-face visit."""

    readings: Readings


@dataclass(frozen=True, slots=True)
class Home:
    """Readings sent from home."""

    readings: Readings


@dataclass(frozen=True, slots=True)
class Lab:
    """A laboratory result; ``service`` names the screening that it completes, if any."""

    readings: Readings
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call to the patient."""

    outcome: Literal["reached", "no_answer", "wrong_number", "refused"]


@dataclass(frozen=True, slots=True)
class Done:
    """A screening was done."""

    service: str


@dataclass(frozen=True, slots=True)
class Dispensed:
    """Medicine was handed out, ``days`` of supply; with ``part``, the rest is still to come."""

    medicine: str
    days: int
    part: bool = False


@dataclass(frozen=True, slots=True)
class StockOut:
    """The pharmacy has run out."""

    medicine: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the patient texts back."""

    text: str


@dataclass(frozen=True, slots=True)
class ReferralNews:
    """What becomes of the open referral; ``day`` for a booking. Our own words are ``more_given`` (the place was answered),
    ``cancelled`` and ``abort_asked`` (it was called off); ``placed``: another place has it now.
    """

    stage: Literal[
        "accepted",
        "refused",
        "booked",
        "attended",
        "not_attended",
        "completed",
        "more_asked",
        "more_given",
        "sent_back",
        "in_progress",
        "placed",
        "cancelled",
        "abort_asked",
        "aborted",
    ]
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A clinician says yes or no to the referral that waits for it."""

    yes: bool


@dataclass(frozen=True, slots=True)
class Postponed:
    """The open task of kind ``task`` is put off."""

    task: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class HandedOver:
    """The open task of kind ``task`` is given to another role."""

    task: str
    to: str


@dataclass(frozen=True, slots=True)
class LifeChange:
    """Life as it is."""

    what: LifeWord


@dataclass(frozen=True, slots=True)
class Nothing:
    """Time passes."""


Action = (
    Visit
    | Home
    | Lab
    | Call
    | Done
    | Dispensed
    | StockOut
    | Answer
    | ReferralNews
    | Confirmed
    | Postponed
    | HandedOver
    | LifeChange
    | Nothing
)


@dataclass(frozen=True, slots=True)
class Expect:
    """What must be true after a step; only what is named in ``given`` is compared, None there means "none"."""

    given: frozenset[str] = frozenset()
    row: str | None = None
    decision: str | None = None
    tag: str | None = None
    due: Mapping[str, date | None] = field(default_factory=dict)
    sent: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    status: str | None = None
    reach: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens; ``at`` is local time, None for the middle of the working day."""

    on: date
    action: Action
    expect: Expect
    place: Steps
    at: time | None = None


@dataclass(frozen=True, slots=True)
class Medicine:
    """Medicine that the patient takes: the last fill of ``days_supply`` days."""

    name: str
    days_supply: int
    last_fill: date


@dataclass(frozen=True, slots=True)
class KnownReading:
    """A reading known at enrolment."""

    value: Taken
    on: date


@dataclass(frozen=True, slots=True)
class Patient:
    """Who the scenario is about; no name, since nobody is meant."""

    born: date
    sex: str
    conditions: tuple[str, ...]
    timezone: str = "Asia/Shanghai"
    language: str = "en"
    medicines: tuple[Medicine, ...] = ()
    last_done: Mapping[str, date] = field(default_factory=dict)
    known: Mapping[str, KnownReading] = field(default_factory=dict)
    carer: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One story with its expectations."""

    name: str
    patient: Patient
    enrolled: date
    steps: tuple[Step, ...]
    place: Steps
