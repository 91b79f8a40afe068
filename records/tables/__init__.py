"""Every table, in the field's words; see ``base`` for the rules they keep."""

from records.tables.access import Account, ApiKey, AuditRow, AuditSubject, Idempotency
from records.tables.base import Base, Moment
from records.tables.network import (
    CareTeam,
    ClockRow,
    Closure,
    Figures,
    Holiday,
    JobRow,
    LeaseRow,
    Organisation,
    Stock,
    TeamPulse,
)
from records.tables.people import (
    Enrolment,
    EventRow,
    PathwayVersion,
    Patient,
    PersonKey,
    PersonToken,
    StepRow,
    TimelineRow,
)
from records.tables.versions import ForecastRow, PathwayDeed, PathwayDraft, Rollout, RolloutPatient
from records.tables.work import Delivery, Message, ReferralRow, RefillRow, TaskRow, VisitBooking

__all__ = [
    "Account",
    "ApiKey",
    "AuditRow",
    "AuditSubject",
    "Base",
    "CareTeam",
    "ClockRow",
    "Closure",
    "Delivery",
    "Enrolment",
    "EventRow",
    "Figures",
    "ForecastRow",
    "Holiday",
    "Idempotency",
    "JobRow",
    "LeaseRow",
    "Message",
    "Moment",
    "Organisation",
    "PathwayDeed",
    "PathwayDraft",
    "PathwayVersion",
    "Patient",
    "PersonKey",
    "PersonToken",
    "ReferralRow",
    "RefillRow",
    "Rollout",
    "RolloutPatient",
    "StepRow",
    "Stock",
    "TaskRow",
    "TeamPulse",
    "TimelineRow",
    "VisitBooking",
]
