"""What has happened to a patient: past tense, with the moment it happened and the moment it was learnt.

Rule 1: an event is a fact; it is stored before anything is decided on it, and never changed.
Rule 2: ``id`` is the same however often the same fact is reported.
Rule 3: no name, address or phone number: an event holds what the engine decides on, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from pathways.engine.plan import Role

TextKind = Literal["reminders", "referrals", "refills"]
Addressee = Literal["patient", "carer", "on_call", "new_patient", "new_carer"]
"""To whom a text goes; ``new_``: to a number that was given as theirs and is not confirmed yet."""

Value = float | bool | str | tuple[str, ...]  # a number in the reading's unit, yes or no, or chosen words
Readings = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Known:
    """A reading known from before: its value and the day it was taken."""

    value: Value
    on: date


@dataclass(frozen=True, slots=True)
class Fill:
    """Medicine handed out: ``days`` of supply from ``on``."""

    medicine: str
    on: date
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``at``: when it happened; ``learnt``: when we were told (both aware, UTC)."""

    id: str
    at: datetime
    learnt: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled(Event):
    """A person joins with what is known of their past. ``texts``: whether they agreed to be texted; None: nobody asked."""

    pathways: tuple[str, ...]
    born: date | None = None
    sex: str = "unknown"
    conditions: tuple[str, ...] = ()
    timezone: str = "UTC"
    phone: bool = True
    carer: bool = False
    tag: str | None = None
    last_visit: date | None = None
    readings: Mapping[str, Known] = field(default_factory=dict)
    done: Mapping[str, date] = field(default_factory=dict)  # service name to the day it was last done
    fills: tuple[Fill, ...] = ()
    texts: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwaysChanged(Event):
    """The pathways that the patient is on from now."""

    pathways: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMoved(Event):
    """A rollout moves the patient from one version of a pathway to another.

    ``services``: a service of the old version to the one that replaces it, "" where it ends on purpose; ``tags`` likewise.
    ``policy``: ``now``, or ``safe_point`` (the version takes over when the next follow-up is done).
    """

    pathway: str
    came_from: str
    to: str
    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Literal["now", "safe_point"] = "now"
    rollout: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Event):
    """What an earlier event said was wrong. ``readings``: the right values of those that were; ``void``: it never happened.

    ``why``: a code, for who reads the log.
    """

    corrects: str
    readings: Readings = field(default_factory=dict)
    void: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged(Event):
    """Something about the person is now different; None leaves it as it was."""

    conditions: tuple[str, ...] | None = None
    timezone: str | None = None
    phone: bool | None = None
    carer: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCompleted(Event):
    """A face-to-face visit took place. It serves every follow-up the person has, and the services named in ``done``."""

    readings: Readings = field(default_factory=dict)
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingReceived(Event):
    """Readings without a visit. ``staff`` completes a visit whose readings were missing; ``home`` only informs."""

    readings: Readings
    source: Literal["home", "laboratory", "hospital", "staff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCompleted(Event):
    """A screening (laboratory, examination) was done."""

    service: str
    readings: Readings = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMade(Event):
    """Somebody called the patient. A call never counts as a visit. ``day``: the visit day agreed on the phone."""

    outcome: Literal["reached", "no_answer", "wrong_number", "refused"]
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClosed(Event):
    """Somebody finished a task. ``outcome`` is the task's own word (``done``, ``found``, ``not_found`` ...)."""

    task: str
    outcome: str = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPostponed(Event):
    """Somebody put a task off. It stays open and due as it was; ``reason`` is a code."""

    task: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandedOver(Event):
    """Somebody gave a task to another role of the care team."""

    task: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralDecided(Event):
    """A clinician confirmed, or declined, a referral that waited for them."""

    referral: str
    approved: bool


ReferralStage = Literal[
    "received",
    "accepted",
    "refused",
    "booked",
    "attended",
    "not_attended",
    "completed",
    "nowhere",
    "more_asked",
    "more_given",
    "sent_back",
    "in_progress",
    "placed",
    "cancelled",
    "abort_asked",
    "aborted",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralMoved(Event):
    """The place that was asked answered. ``nowhere``: no place is left that could be asked.

    ``more_asked``: it wants to know more first; ``more_given``: we told it. ``sent_back``: back to us, with instructions.
    ``placed``: another place than the one before has it now. ``cancelled``: we took it back; ``abort_asked``: we asked the place to
    stop what it has begun; ``aborted``: it did. ``attempt``: which of the places that were asked (0: the one that was asked last).
    """

    referral: str
    stage: ReferralStage
    day: date | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefillMoved(Event):
    """The pharmacy answered. ``nowhere``: no other pharmacy is left that could be asked; ``cleared``: the pharmacist has looked at
    what the checks found, and it may be handed out; ``substitute_proposed``: it lacks the medicine and proposes ``substitute``.
    """

    refill: str
    stage: Literal["received", "ready", "out_of_stock", "refused", "nowhere", "cleared", "substitute_proposed"]
    substitute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubstituteDecided(Event):
    """A doctor decided on what a pharmacy proposed in place of a medicine."""

    refill: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispensed(Event):
    """Medicine was handed to the patient. ``part``: the rest of what was asked for is still to come."""

    fill: Fill
    part: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReceived(Event):
    """The patient answered a message; already read, never guessed. ``unclear``: a value was meant and cannot be: ask again.

    ``whose``: several patients have this phone; ask for whom it was. ``help``: they want to know who texts them, and a person
    reads it too. ``by``: who has the phone it came from.
    """

    kind: Literal["confirm", "another_day", "stop", "start", "reading", "unclear", "danger", "text", "whose", "help"]
    readings: Readings = field(default_factory=dict)
    by: Literal["patient", "carer"] = "patient"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsChosen(Event):
    """Which kinds of text the patient does not want; what is about their safety is no kind to be refused but by *STOP*."""

    refused: tuple[TextKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberGiven(Event):
    """A new number was given as the patient's or their carer's; nothing personal goes there before it is confirmed."""

    who: Literal["patient", "carer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberAnswered(Event):
    """Somebody wrote from a number that is not confirmed: not what was asked for, or words of danger."""

    who: Literal["patient", "carer"]
    kind: Literal["unclear", "danger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSettled(Event):
    """What became of a new number. ``refused``: whoever has it said no; ``withdrawn``: by staff, or another was given;
    ``not_confirmed``: too many answers were wrong.
    """

    who: Literal["patient", "carer"]
    how: Literal["confirmed", "refused", "withdrawn", "not_confirmed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFailed(Event):
    """A message did not arrive this way. ``elsewhere``: another channel is left, and it may be tried there."""

    key: str
    reason: str
    to: Addressee = "patient"
    elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArrived(Event):
    """A message of which a person was told that it may not have arrived did. ``begun``: somebody works on the call already."""

    key: str
    to: Addressee = "patient"
    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitBooked(Event):
    """Records found a day with room for a ``BookVisit``."""

    booking: str
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClosed(Event):
    """The patient's place is closed on ``day``, on which a visit was booked. ``closure``: which one."""

    day: date
    closure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReached(Event):
    """Time has passed: everything due up to ``at`` is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospitalised(Event):
    """In hospital: contacts rest until the discharge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discharged(Event):
    """Back from hospital."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """Care rests on the patient's wish, until ``until`` or until resumed."""

    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """Care goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedAway(Event):
    """Left the network's area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    """Does not want to be followed any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Died(Event):
    """Has died."""


@dataclass(frozen=True, slots=True)
class Advised:
    """One thing that an outside service advises. ``indicator``: info, warning or critical; ``source``: as it calls itself."""

    indicator: str
    summary: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceGiven(Event):
    """What the outside service ``service`` said when it was ``asked`` (by key); nothing, where it has nothing to say."""

    asked: str
    service: str
    pathway: str
    step: str
    by: Role
    within: int = 0
    advice: tuple[Advised, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceFailed(Event):
    """No advice came in time. ``reason``: a code, such as too_slow."""

    asked: str
    service: str
    pathway: str
    step: str
    reason: str


AnyEvent = (
    Enrolled
    | PathwaysChanged
    | VersionMoved
    | Corrected
    | PersonChanged
    | VisitCompleted
    | ReadingReceived
    | ServiceCompleted
    | CallMade
    | TaskClosed
    | TaskPostponed
    | TaskHandedOver
    | ReferralDecided
    | ReferralMoved
    | RefillMoved
    | SubstituteDecided
    | Dispensed
    | AnswerReceived
    | TextsChosen
    | NumberGiven
    | NumberAnswered
    | NumberSettled
    | MessageFailed
    | MessageArrived
    | AdviceGiven
    | AdviceFailed
    | VisitBooked
    | DayClosed
    | DueReached
    | Hospitalised
    | Discharged
    | Paused
    | Resumed
    | MovedAway
    | Withdrawn
    | Died
)
