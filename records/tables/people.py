"""Patients: who they are (sealed), what they follow, what happened to them, and why."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id, Key

NEVER = date(1970, 1, 1)
UNTAKEN = text("last_event > taken_event")
FAULTY = text("fault IS NOT NULL")
ACTIVE = text("life = 'active'")
UNREACHABLE = text("reach = 'unreachable'")
UNWRITTEN = text("standing = 0 AND last_step > 0")


class Patient(Base):
    """One enrolled person. Name, phone, address and birth date are in ``sealed``.

    ``follow_up_due``: the day by which the next follow-up is due; ``last_visit``: the day of the last one, both as the last step
    left them; ``standing``: by which rule they were written, 0 where no step has written them yet. ``looked_ahead``: the day on
    which the work that this patient will bring was worked out last (``WorkAhead``); each step sets it back to the beginning.
    """

    __tablename__ = "patient"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"))
    language: Mapped[str] = mapped_column(String(20))
    timezone: Mapped[str] = mapped_column(String(60))
    sealed: Mapped[bytes]
    state: Mapped[bytes | None]  # sealed snapshot of the engine's state
    state_schema: Mapped[int] = mapped_column(default=0)
    life: Mapped[str] = mapped_column(Code, default="not_enrolled")
    reach: Mapped[str] = mapped_column(Code, default="reachable")
    tag: Mapped[str | None] = mapped_column(Code)
    last_step: Mapped[int] = mapped_column(default=0)
    last_event: Mapped[int] = mapped_column(default=0)
    taken_event: Mapped[int] = mapped_column(default=0)
    next_due: Mapped[datetime | None]
    fault: Mapped[str | None] = mapped_column(String(200))
    follow_up_due: Mapped[date | None]
    last_visit: Mapped[date | None]
    standing: Mapped[int] = mapped_column(default=0, server_default="0")
    looked_ahead: Mapped[date] = mapped_column(default=NEVER, server_default=NEVER.isoformat())
    created: Mapped[datetime]
    __table_args__ = (
        Index("ix_patient_care_team_id_tag", "care_team_id", "tag"),
        Index("ix_patient_care_team_id_id", "care_team_id", "id", "tag"),
        Index("ix_patient_next_due", "next_due"),
        Index("ix_patient_tag_id", "tag", "id"),
        Index("ix_patient_life_id", "life", "id"),
        Index("ix_patient_untaken", "id", sqlite_where=UNTAKEN, postgresql_where=UNTAKEN),
        Index("ix_patient_follow_up_due", "follow_up_due", "id", sqlite_where=ACTIVE, postgresql_where=ACTIVE),
        Index("ix_patient_team_follow_up_due", "care_team_id", "follow_up_due", "id", sqlite_where=ACTIVE, postgresql_where=ACTIVE),
        Index("ix_patient_last_visit", "last_visit", "id", sqlite_where=ACTIVE, postgresql_where=ACTIVE),
        Index("ix_patient_team_last_visit", "care_team_id", "last_visit", "id", sqlite_where=ACTIVE, postgresql_where=ACTIVE),
        Index("ix_patient_unreachable", "care_team_id", "id", sqlite_where=UNREACHABLE, postgresql_where=UNREACHABLE),
        Index("ix_patient_unwritten", "id", sqlite_where=UNWRITTEN, postgresql_where=UNWRITTEN),
        Index("ix_patient_looked_ahead", "looked_ahead", "id"),
        Index("ix_patient_fault", "id", sqlite_where=FAULTY, postgresql_where=FAULTY),
    )


class PersonKey(Base):
    """The person's own key, wrapped by the master key. Deleting the row forgets the person."""

    __tablename__ = "person_key"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    master: Mapped[str] = mapped_column(String(20))
    wrapped: Mapped[bytes]


class PersonToken(Base):
    """A keyed hash of something a person is looked for by: a word of the name, a phone, an identifier."""

    __tablename__ = "person_token"
    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    token: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    __table_args__ = (Index("ix_person_token_patient_id", "patient_id"),)


class RosterUpload(Base):
    """A list of people that somebody sent to have enrolled: for whoever sent it alone, and for some days.

    ``status``: checked, running, done. ``total``: rows that are to be enrolled; ``done``: rows (of all) that were gone through.
    ``sealed``: the rows as they were sent; ``lines``: what became of each, sealed too.
    """

    __tablename__ = "roster_upload"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner: Mapped[str] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Code)
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    sealed: Mapped[bytes]
    lines: Mapped[bytes]
    __table_args__ = (Index("ix_roster_upload_owner_at", "owner", "at"), Index("ix_roster_upload_at", "at"))


class Enrolment(Base):
    """A patient on a version of a pathway."""

    __tablename__ = "enrolment"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    pathway: Mapped[str] = mapped_column(Code, primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    __table_args__ = (Index("ix_enrolment_pathway_version", "pathway", "version"),)


class PathwayVersion(Base):
    """A published version: immutable, named by the hash of its text. ``retired``: nobody is to be put on it any more."""

    __tablename__ = "pathway_version"
    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    pathway: Mapped[str] = mapped_column(Code, index=True)
    text: Mapped[str]
    published: Mapped[datetime]
    published_by: Mapped[str] = mapped_column(Id, default="")
    approved_by: Mapped[str] = mapped_column(Id, default="")
    why: Mapped[str] = mapped_column(String(2000), default="")
    current: Mapped[bool]
    retired: Mapped[datetime | None]


class EventRow(Base):
    """The patient's event log. ``seq`` counts per patient; ``event_id`` makes a fact reported twice one fact.

    ``told_by``: the key or account that told it; None where no one of ours did (a text, a provider, ourselves).
    """

    __tablename__ = "event"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(Key)
    kind: Mapped[str] = mapped_column(Code)
    at: Mapped[datetime]
    learnt: Mapped[datetime]
    sealed: Mapped[bytes]
    step: Mapped[int | None]
    told_by: Mapped[str | None] = mapped_column(Id)
    __table_args__ = (UniqueConstraint("patient_id", "event_id"), Index("ix_event_kind_at", "kind", "at"))


class StepRow(Base):
    """A step that was taken: run again, it gives the same answer."""

    __tablename__ = "step"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    engine: Mapped[str] = mapped_column(String(20))
    events: Mapped[int]
    summary: Mapped[str] = mapped_column(Code)
    deliveries: Mapped[list[str]] = mapped_column(JSON)


class TimelineRow(Base):
    """Why something was done or was not: one reason a row."""

    __tablename__ = "timeline"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    code: Mapped[str] = mapped_column(Code)
    held_back: Mapped[str] = mapped_column(Code)
    sealed: Mapped[bytes]
