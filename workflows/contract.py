"""The names and small data classes that workflows, activities and the API agree on.

Rule 1: keys, counts, delays and codes only: everything in here ends up in Temporal's history for years.
Rule 2: a field may be added with a default; none is renamed or removed while a history that holds it can be replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PATIENT = "Patient"
WAKE = "wake"
SETTLE = "settle"
STORY = "story"

TAKE_STEP = "take_step"
DELIVER = {"message": "deliver_message", "referral": "deliver_referral", "refill": "deliver_refill", "advice": "deliver_advice"}
GIVE_UP = "give_up_delivery"

ROLLOUT = "Rollout"
ROLL_ON = "roll_on"

PUSHING = "Pushing"
PUSH = "push_changes"

PATIENTS_QUEUE = "patients"
WEBHOOKS_QUEUE = "webhooks"
QUEUES = {"message": "messages", "referral": "referrals", "refill": "refills", "advice": "advice"}


def patient_workflow_id(patient: str) -> str:
    """``patient/<opaque id>``: the patient's workflow."""
    return f"patient/{patient}"


def rollout_workflow_id(rollout: str) -> str:
    """``rollout/<id>``: the workflow that moves patients to a version."""
    return f"rollout/{rollout}"


def push_workflow_id(webhook: str) -> str:
    """``push/<id>``: the workflow that pushes to a receiver."""
    return f"push/{webhook}"


@dataclass(frozen=True)
class Pace:
    """How a run keeps time.

    ``long_enough``: events of history after which it continues as new, so that a cold replay stays well under half a second;
    never fewer than a first step needs (some thirty). ``attempt_s``: seconds for one try of a delivery; ``longest_wait_s``:
    between two of them.
    """

    long_enough: int = 400
    attempt_s: float = 60.0
    longest_wait_s: float = 300.0


@dataclass(frozen=True)
class PatientStart:
    """What a run of the patient's workflow begins with."""

    patient: str
    next_step: int = 1
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class Step:
    """Take step ``number`` of ``patient``."""

    patient: str
    number: int


@dataclass(frozen=True)
class Handover:
    """A delivery that was planned. ``kind``: message, referral, refill, advice; ``urgent`` goes first.

    ``priority``: 1 to 5, the lowest goes first; 0 (in histories from before it): as ``urgent`` says.
    """

    key: str
    kind: str
    urgent: bool = False
    priority: int = 0


@dataclass(frozen=True)
class Taken:
    """What came of a step. ``due_in``: seconds until the next one is due, None when nothing lies ahead (or time is driven)."""

    next_step: int
    due_in: float | None = None
    handovers: list[Handover] = field(default_factory=list)
    summary: str = ""


@dataclass(frozen=True)
class Deliver:
    """Hand over the delivery ``key`` of ``patient``."""

    patient: str
    key: str
    kind: str


@dataclass(frozen=True)
class Delivered:
    """``learnt``: something was learnt that the patient's next step should know."""

    learnt: bool = False
    status: str = ""


@dataclass(frozen=True)
class RolloutPace:
    """How a rollout keeps time. ``long_enough``: events of history after which it continues as new; ``batch_s``: seconds for a
    batch; ``heartbeat_s``: of silence after which a batch is given to another worker.
    """

    long_enough: int = 200
    batch_s: float = 1800.0
    heartbeat_s: float = 15.0


@dataclass(frozen=True)
class RolloutStart:
    """What a run of a rollout's workflow begins with."""

    rollout: str
    pace: RolloutPace = field(default_factory=RolloutPace)


@dataclass(frozen=True)
class RollOn:
    """Do the next batch of ``rollout``."""

    rollout: str


@dataclass(frozen=True)
class RolledOn:
    """What came of a batch. ``over``: nothing is left to do. ``wait_s``: seconds until the next one, unless somebody wakes it."""

    over: bool = False
    wait_s: float = 0.0
    looked_at: int = 0
    summary: str = ""


@dataclass(frozen=True)
class Push:
    """Push what is due for ``webhook``."""

    webhook: str


@dataclass(frozen=True)
class Pushed:
    """What came of it. ``more``: time was up before everything that is due was pushed."""

    taken: int = 0
    more: bool = False
