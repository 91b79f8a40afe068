"""Every table, in the field's words.

Rule 1: personal data is in ``sealed`` columns only, under the person's own key; what stays in clear is opaque ids, codes, days.
Rule 2: moments are UTC; days are the patient's local days.
Rule 3: a key that must be unique is a constraint of the database, not a habit of the code.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime, stored naive in UTC so that SQLite and PostgreSQL compare it alike."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone; use datetime.now(UTC) or the Clock")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Names of constraints are fixed, so that a migration can find them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: Moment, dict[str, Any]: JSON, bytes: LargeBinary, int: Integer}  # noqa: RUF012


Id = String(40)
Key = String(120)
Code = String(60)


class ClockRow(Base):
    """The one clock. ``anchor`` is None for the system's time, else the moment at which driven time stands."""

    __tablename__ = "clock"
    id: Mapped[int] = mapped_column(primary_key=True)
    anchor: Mapped[datetime | None]


class Organisation(Base):
    """A centre, hospital or pharmacy. ``rank``: the network's order in which places are asked."""

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Code, index=True)  # network, centre, hospital, pharmacy
    name: Mapped[str] = mapped_column(String(200))
    rank: Mapped[int] = mapped_column(default=0)
    phone: Mapped[str] = mapped_column(String(40), default="")


class CareTeam(Base):
    """A health manager's team; ``capacity``: visits a day."""

    __tablename__ = "care_team"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(200))
    capacity: Mapped[int] = mapped_column(default=20)
    timezone: Mapped[str] = mapped_column(String(60), default="Asia/Shanghai")
    on_call_phone: Mapped[str] = mapped_column(String(40), default="")
    emergency_number: Mapped[str] = mapped_column(String(20), default="120")


class ApiKey(Base):
    """Who may call the API. Only the hash of the key is kept. ``place``: a care team or an organisation, "*" the whole network."""

    __tablename__ = "api_key"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(Id)


class Patient(Base):
    """One enrolled person. Name, phone, address and birth date are in ``sealed``."""

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
    created: Mapped[datetime]
    __table_args__ = (Index("ix_patient_care_team_id_tag", "care_team_id", "tag"), Index("ix_patient_next_due", "next_due"))


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


class Enrolment(Base):
    """A patient on a version of a pathway."""

    __tablename__ = "enrolment"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    pathway: Mapped[str] = mapped_column(Code, primary_key=True)
    version: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]
    __table_args__ = (Index("ix_enrolment_pathway_version", "pathway", "version"),)


class PathwayVersion(Base):
    """A published version: immutable, named by the hash of its text."""

    __tablename__ = "pathway_version"
    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    pathway: Mapped[str] = mapped_column(Code, index=True)
    text: Mapped[str]
    published: Mapped[datetime]
    current: Mapped[bool]


class EventRow(Base):
    """The patient's event log. ``seq`` counts per patient; ``event_id`` makes a fact reported twice one fact."""

    __tablename__ = "event"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(Key)
    kind: Mapped[str] = mapped_column(Code)
    at: Mapped[datetime]
    learnt: Mapped[datetime]
    sealed: Mapped[bytes]
    step: Mapped[int | None]
    __table_args__ = (UniqueConstraint("patient_id", "event_id"),)


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


class TaskRow(Base):
    """Work for a person of the care team. ``status``: open, done, not_needed."""

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
    sealed: Mapped[bytes | None]
    __table_args__ = (Index("ix_task_care_team_id_status_due", "care_team_id", "status", "due"),)


class VisitBooking(Base):
    """A visit day that is taken in a care team's calendar."""

    __tablename__ = "visit_booking"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"))
    day: Mapped[date]
    __table_args__ = (Index("ix_visit_booking_care_team_id_day", "care_team_id", "day"),)


class Delivery(Base):
    """Something to be handed to the outside, by key. ``status``: planned, attempting, handed, unknown, failed, dropped.

    ``attempt`` is stored before the outside is called, so that a crash between the two leaves a trace to ask about.
    """

    __tablename__ = "delivery"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(Code)
    status: Mapped[str] = mapped_column(Code)
    planned: Mapped[datetime]
    not_after: Mapped[datetime | None]
    urgent: Mapped[bool] = mapped_column(default=False)
    attempt: Mapped[str | None] = mapped_column(String(64), index=True)
    attempted_at: Mapped[datetime | None]
    sealed_attempt: Mapped[bytes | None]  # to whom and what, so that the provider can be asked about it
    attempts: Mapped[int] = mapped_column(default=0)
    provider_id: Mapped[str | None] = mapped_column(String(80), index=True)
    reason: Mapped[str] = mapped_column(Code, default="")
    settled: Mapped[datetime | None]
    sealed: Mapped[bytes]
    __table_args__ = (Index("ix_delivery_status_planned", "status", "planned"),)


class Message(Base):
    """A text that went out or came in; what a phone shows. ``sealed``: to or from, and the wording."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"))
    direction: Mapped[str] = mapped_column(String(3))
    key: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime]
    sealed: Mapped[bytes]
    __table_args__ = (UniqueConstraint("patient_id", "direction", "key"),)


class ReferralRow(Base):
    """A referral as the asked place sees it."""

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
    sealed: Mapped[bytes]
    __table_args__ = (Index("ix_referral_place_id_stage_asked", "place_id", "stage", "asked"),)


class RefillRow(Base):
    """A refill request as the pharmacy sees it."""

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
    sealed: Mapped[bytes]
    __table_args__ = (Index("ix_refill_pharmacy_id_stage_asked", "pharmacy_id", "stage", "asked"),)
