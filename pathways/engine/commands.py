"""What is to be done: imperatives, each with a key that is the same however often the step is taken again.

Rule 1: the engine decides that and why; it never learns how a command is carried out.
Rule 2: no key is ever emitted twice in a patient's life; ``CloseTask``, ``ReleaseVisit`` and ``RetractMessage`` name what they
        undo by its own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pathways.engine.events import Addressee, Value
from pathways.engine.plan import Role

Recipient = Addressee


@dataclass(frozen=True, slots=True)
class Part:
    """One body of a message: which template of which pathway, with what it speaks of. ``about`` names a referral or refill.

    ``version``: of the pathway by whose words it is told, so that a text planned before a move is told as it was meant.
    """

    pathway: str
    template: str
    day: date | None = None
    about: str | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Text somebody now. Several parts make one message. After ``not_after`` it is of no use and is dropped.

    ``priority``, where room or credit is short: 1 safety, 2 the worst tag, 3 the next, 4 the others.
    """

    key: str
    to: Recipient
    parts: tuple[Part, ...]
    not_after: datetime
    urgent: bool = False
    priority: int = 3


@dataclass(frozen=True, slots=True)
class RetractMessage:
    """What ``SendMessage`` with this key says is right no longer: where it has not gone out, it does not. ``why`` is a code.

    ``parts``: only these templates of these pathways are taken out, as (pathway, template); none: the whole message.
    """

    key: str
    why: str
    parts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SendAgain:
    """What ``SendMessage`` with this key says did not arrive one way: hand it over once more, another way."""

    key: str
    urgent: bool = False
    priority: int = 3


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Ask a person of the care team. ``due``: the last day, in the patient's time zone."""

    key: str
    kind: str
    by: Role
    due: date
    pathway: str = ""
    service: str = ""
    urgent: bool = False
    about: str | None = None
    collects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseTask:
    """The task is no longer needed; ``why`` is a code."""

    key: str
    why: str


@dataclass(frozen=True, slots=True)
class BookVisit:
    """Find a working day with room between ``earliest`` and ``latest``; answered with ``VisitBooked``.

    ``first``: the patient has the worst tag of a pathway, and comes first where room is short.
    """

    key: str
    pathway: str
    service: str
    earliest: date
    latest: date
    tag: str | None
    first: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseVisit:
    """The booked day is free again."""

    key: str


@dataclass(frozen=True, slots=True)
class RequestReferral:
    """Ask a place to see the patient. ``attempt`` 1 is the first place in the network's order, 2 the next.

    ``instead_of``: the request (by key) that nobody answered: it is taken back once there is another place, and only where it is
    still unanswered then.
    """

    key: str
    referral: str
    to: str
    urgency: str
    attempt: int
    pathway: str
    row: str
    inputs: Mapping[str, Value] = field(default_factory=dict)
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class RemindPlace:
    """Remind the place of the ``request`` (by key), at which it has stood without a word since ``since``."""

    key: str
    referral: str
    request: str
    since: datetime


@dataclass(frozen=True, slots=True)
class CancelReferral:
    """The place need not see the patient any more. One that has begun is asked to stop; by ``why`` ``abort_unanswered`` it was
    asked, has not said a word, and is taken to have stopped.
    """

    key: str
    referral: str
    why: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What a check found about a medicine, for the pharmacy: the row, its decision, why by language, and the source."""

    row: str
    word: str
    because: Mapping[str, str] = field(default_factory=dict)
    cites: str = ""


@dataclass(frozen=True, slots=True)
class RequestRefill:
    """Ask a pharmacy to prepare ``medicine``. ``runs_out``: the first day without.

    ``days``: for how many it is asked for, None: not known. ``check``: go, warn, or ask_pharmacist (nothing is handed out
    before the pharmacist has said a word to ``warnings``).
    """

    key: str
    refill: str
    medicine: str
    attempt: int
    pathway: str
    runs_out: date
    days: int | None = None
    check: str = "go"
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelRefill:
    """The pharmacy need not prepare it any more."""

    key: str
    refill: str
    why: str


@dataclass(frozen=True, slots=True)
class AskAdvice:
    """Ask the outside service for advice; answered with ``AdviceGiven`` or ``AdviceFailed``, and nothing waits for it.

    ``by``, ``within``: who is to look at what it says, and within how many days.
    """

    key: str
    service: str
    pathway: str
    step: str
    by: Role
    within: int = 0


Command = (
    SendMessage
    | RetractMessage
    | SendAgain
    | OpenTask
    | CloseTask
    | BookVisit
    | ReleaseVisit
    | RequestReferral
    | RemindPlace
    | CancelReferral
    | RequestRefill
    | CancelRefill
    | AskAdvice
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was done, or not done (``held_back``), in codes and inputs that a person can be shown.

    ``because`` is the row's own wording by language; ``inputs`` are what the row read; ``missing`` what it could not read.
    """

    at: datetime
    code: str
    pathway: str = ""
    version: str = ""
    service: str = ""
    row: str = ""
    decision: str = ""
    key: str = ""
    held_back: str = ""
    inputs: Mapping[str, Value] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    because: Mapping[str, str] = field(default_factory=dict)
    cites: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)
