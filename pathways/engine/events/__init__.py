"""What has happened to a patient: past tense, with the moment it happened and the moment it was learnt.

Rule 1: an event is a fact; it is stored before anything is decided on it, and never changed.
Rule 2: ``id`` is the same however often the same fact is reported.
Rule 3: no name, address or phone number: an event holds what the engine decides on, nothing else.
"""

from __future__ import annotations

from pathways.engine.events.base import (
    Event,
    Fill,
    Known,
    Readings,
    Value,
)
from pathways.engine.events.care import (
    AdviceFailed,
    AdviceGiven,
    Advised,
    CallMade,
    DayClosed,
    DueReached,
    ReadingReceived,
    ServiceCompleted,
    TaskClosed,
    TaskHandedOver,
    TaskPostponed,
    VisitBooked,
    VisitCompleted,
)
from pathways.engine.events.errands import (
    Dispensed,
    ReferralDecided,
    ReferralMoved,
    ReferralStage,
    RefillMoved,
    SubstituteDecided,
)
from pathways.engine.events.person import (
    Corrected,
    Died,
    Discharged,
    Enrolled,
    Hospitalised,
    MovedAway,
    PathwaysChanged,
    Paused,
    PersonChanged,
    Resumed,
    VersionMoved,
    Withdrawn,
    versions_in,
)
from pathways.engine.events.texts import (
    Addressee,
    AnswerReceived,
    MessageArrived,
    MessageFailed,
    NumberAnswered,
    NumberGiven,
    NumberSettled,
    TextKind,
    TextsChosen,
)

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

__all__ = [
    "Addressee",
    "AdviceFailed",
    "AdviceGiven",
    "Advised",
    "AnswerReceived",
    "AnyEvent",
    "CallMade",
    "Corrected",
    "DayClosed",
    "Died",
    "Discharged",
    "Dispensed",
    "DueReached",
    "Enrolled",
    "Event",
    "Fill",
    "Hospitalised",
    "Known",
    "MessageArrived",
    "MessageFailed",
    "MovedAway",
    "NumberAnswered",
    "NumberGiven",
    "NumberSettled",
    "PathwaysChanged",
    "Paused",
    "PersonChanged",
    "ReadingReceived",
    "Readings",
    "ReferralDecided",
    "ReferralMoved",
    "ReferralStage",
    "RefillMoved",
    "Resumed",
    "ServiceCompleted",
    "SubstituteDecided",
    "TaskClosed",
    "TaskHandedOver",
    "TaskPostponed",
    "TextKind",
    "TextsChosen",
    "Value",
    "VersionMoved",
    "VisitBooked",
    "VisitCompleted",
    "Withdrawn",
    "versions_in",
]
