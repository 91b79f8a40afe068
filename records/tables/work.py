"""Work that patients bring: tasks, visits, referrals, refills."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id, Key

CLAIMED = text("claimed_by IS NOT NULL")
#: What is still worked on, a small part of what there is after some years: lists of it begin here, not at the oldest row.
OPEN_TASK = text("status = 'open'")
OPEN_REFERRAL = text(
    "stage IN ('requested', 'received', 'more_asked', 'accepted', 'booked', 'not_attended', 'attended', 'in_progress')"
)
OPEN_REFILL = text("stage IN ('requested', 'received', 'ready', 'part', 'substitute_proposed')")


def _opened(context: Any) -> datetime:
    """A task that nobody has edited yet was changed when it was opened."""
    opened: datetime = context.get_current_parameters()["opened"]
    return opened


def _asked(context: Any) -> datetime:
    """A request that nobody has answered yet has stood as it is since it was asked."""
    asked: datetime = context.get_current_parameters()["asked"]
    return asked


class TaskRow(Base):
    """Work for a person of the care team. ``status``: open, done, not_needed.

    ``due`` never changes, so that a list by it neither skips nor repeats; a postponed task is on the worklist from
    ``postponed_to`` on. ``claimed_by``: the id of the key or account that works on it. ``version`` counts edits, ``changed``: when
    the last was made.
    """

    __tablename__ = "task"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"))
    kind: Mapped[str] = mapped_column(Code)
    by: Mapped[str] = mapped_column(Code)
    pathway: Mapped[str] = mapped_column(Code)
    service: Mapped[str] = mapped_column(Code)
    about: Mapped[str | None] = mapped_column(Key)
    urgent: Mapped[bool]
    due: Mapped[date]
    status: Mapped[str] = mapped_column(Code)
    outcome: Mapped[str] = mapped_column(Code, default="")
    opened: Mapped[datetime]
    closed: Mapped[datetime | None]
    claimed_by: Mapped[str | None] = mapped_column(Id)
    postponed_to: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    changed: Mapped[datetime] = mapped_column(default=_opened)
    sealed: Mapped[bytes | None]
    __table_args__ = (
        Index("ix_task_opened", "opened", "patient_id", "key"),
        Index("ix_task_changed", "changed", "patient_id", "key"),
        Index("ix_task_care_team_id_opened", "care_team_id", "opened"),
        Index("ix_task_care_team_id_changed", "care_team_id", "changed"),
        Index("ix_task_status_kind_opened", "status", "kind", "opened"),
        Index("ix_task_open_opened", "opened", "patient_id", "key", sqlite_where=OPEN_TASK, postgresql_where=OPEN_TASK),
        Index("ix_task_care_team_id_status_due", "care_team_id", "status", "due"),
        Index("ix_task_status_due", "status", "due", "patient_id", "key"),
        Index("ix_task_status_kind_due", "status", "kind", "due"),
        Index("ix_task_due", "due", "patient_id", "key"),
        Index("ix_task_open_by_due", "by", "due", "patient_id", "key", sqlite_where=OPEN_TASK, postgresql_where=OPEN_TASK),
        Index("ix_task_claimed_by_due", "claimed_by", "due", "patient_id", "key", sqlite_where=CLAIMED, postgresql_where=CLAIMED),
    )


class VisitBooking(Base):
    """A visit day that is taken in a care team's calendar."""

    __tablename__ = "visit_booking"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"))
    day: Mapped[date]
    __table_args__ = (Index("ix_visit_booking_care_team_id_day_patient_id", "care_team_id", "day", "patient_id"),)


class WorkAhead(Base):
    """Work that a patient will bring on a day, by the engine's forecast, if all goes to plan.

    ``kind``: visit, screening, call, task. It says no more than a calendar on the wall does. ``care_team_id`` as it was when
    that was worked out.
    """

    __tablename__ = "work_ahead"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Code, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"))
    __table_args__ = (
        Index("ix_work_ahead_kind_day", "kind", "day", "patient_id"),
        Index("ix_work_ahead_care_team_id_kind_day", "care_team_id", "kind", "day", "patient_id"),
    )


class ReferralRow(Base):
    """A referral as the asked place sees it. ``version`` goes up whenever it moves or something is added to it.

    ``since``: when it came to its stage, whatever was asked, replied or added there; ``reminded``: when the place was last reminded
    of it; ``abort_asked``: when we asked the place to stop what it had begun.
    ``goes_on``: the stage from which it goes on, where the place waits for a reply (``more_asked``).
    """

    __tablename__ = "referral"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)  # the request: one for each place that is asked
    id: Mapped[str] = mapped_column(Id, unique=True)
    referral: Mapped[str] = mapped_column(Key)
    place_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"))
    urgency: Mapped[str] = mapped_column(Code)
    stage: Mapped[str] = mapped_column(Code)
    asked: Mapped[datetime]
    changed: Mapped[datetime]
    day: Mapped[date | None]
    goes_on: Mapped[str] = mapped_column(Code, default="")
    since: Mapped[datetime] = mapped_column(default=_asked)
    reminded: Mapped[datetime | None]
    abort_asked: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    sealed: Mapped[bytes]
    __table_args__ = (
        Index("ix_referral_changed", "changed", "id"),
        Index("ix_referral_place_id_changed", "place_id", "changed", "id"),
        Index("ix_referral_place_id_day", "place_id", "day"),
        Index("ix_referral_place_id_stage_asked", "place_id", "stage", "asked"),
        Index("ix_referral_place_id_asked", "place_id", "asked", "id"),
        Index("ix_referral_stage_asked", "stage", "asked", "id"),
        Index("ix_referral_asked", "asked", "id"),
        Index("ix_referral_open", "asked", "id", sqlite_where=OPEN_REFERRAL, postgresql_where=OPEN_REFERRAL),
    )


class RefillRow(Base):
    """A refill request as the pharmacy sees it. ``version`` as a referral's.

    ``wrong_codes``: how often a wrong pick-up code was tried on ``wrong_on``; it is no word of the pharmacy, and moves nothing.
    """

    __tablename__ = "refill"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    refill: Mapped[str] = mapped_column(Key)
    pharmacy_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"))
    stage: Mapped[str] = mapped_column(Code)
    asked: Mapped[datetime]
    changed: Mapped[datetime]
    runs_out: Mapped[date]
    version: Mapped[int] = mapped_column(default=1)
    wrong_codes: Mapped[int] = mapped_column(default=0)
    wrong_on: Mapped[date | None]
    sealed: Mapped[bytes]
    __table_args__ = (
        Index("ix_refill_changed", "changed", "id"),
        Index("ix_refill_pharmacy_id_changed", "pharmacy_id", "changed", "id"),
        Index("ix_refill_pharmacy_id_stage_asked", "pharmacy_id", "stage", "asked"),
        Index("ix_refill_pharmacy_id_asked", "pharmacy_id", "asked", "id"),
        Index("ix_refill_stage_asked", "stage", "asked", "id"),
        Index("ix_refill_asked", "asked", "id"),
        Index("ix_refill_open", "asked", "id", sqlite_where=OPEN_REFILL, postgresql_where=OPEN_REFILL),
    )
