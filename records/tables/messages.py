"""Messages: what is to be handed over, each try of it, what was said; and what stands in the way of a text.

Rule: a phone number and a wording are in ``sealed`` alone; here are keys, codes, moments and counts.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id, Key

OPEN_ALERT = text("cleared IS NULL")
COUNTED = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself in INTEGER alone


class Delivery(Base):
    """Something to be handed to the outside, by key. ``status``: planned, attempting, handed, unknown, failed, dropped.

    ``kind``: message, referral, refill. ``channel``: the last one that was tried; ``attempts``: how many tries there were.
    ``priority``: 1 safety, 2 the worst tag, 3 the next, 4 the others. ``arrived``: what the provider said last of it
    (sent, delivered, read, undelivered, or nothing).
    """

    __tablename__ = "delivery"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(Code)
    status: Mapped[str] = mapped_column(Code)
    planned: Mapped[datetime]
    not_after: Mapped[datetime | None]
    urgent: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=3)
    channel: Mapped[str] = mapped_column(Code, default="")
    attempts: Mapped[int] = mapped_column(default=0)
    arrived: Mapped[str] = mapped_column(Code, default="")
    reason: Mapped[str] = mapped_column(Code, default="")
    settled: Mapped[datetime | None]
    sealed: Mapped[bytes]
    __table_args__ = (
        Index("ix_delivery_status_planned", "status", "planned"),
        Index("ix_delivery_kind_planned", "kind", "planned"),
    )


class Attempt(Base):
    """One try of a message by one channel, stored before the channel is called, so that a crash leaves a trace to ask about.

    ``id`` cannot be guessed and travels in the callback's address. ``status``: begun, taken, not_taken (certainly not: the
    next try may follow), refused (for good, see ``reason``), unknown (nobody can tell). ``arrived``: as for a delivery; ``told``:
    when the provider last said so. ``asked``: how often the provider was asked about it and could not tell,
    and 100 more once it was asked for the price. ``cost`` is in
    millionths of ``currency``. ``sealed``: to whom and what.
    """

    __tablename__ = "attempt"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"))
    key: Mapped[str] = mapped_column(Key)
    number: Mapped[int]
    channel: Mapped[str] = mapped_column(Code)
    at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Code)
    reason: Mapped[str] = mapped_column(Code, default="")
    code: Mapped[int | None]
    provider_id: Mapped[str | None] = mapped_column(String(80), index=True)
    segments: Mapped[int | None]
    cost: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3), default="")
    arrived: Mapped[str] = mapped_column(Code, default="")
    told: Mapped[datetime | None]
    asked: Mapped[int] = mapped_column(default=0)
    sealed: Mapped[bytes]
    __table_args__ = (UniqueConstraint("patient_id", "key", "number"), Index("ix_attempt_status_at", "status", "at"))


class Message(Base):
    """A text that went out or came in; what a phone shows. ``sealed``: to or from, and the wording."""

    __tablename__ = "message"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"))
    direction: Mapped[str] = mapped_column(String(3))
    key: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime]
    sealed: Mapped[bytes]
    __table_args__ = (UniqueConstraint("patient_id", "direction", "key"), Index("ix_message_patient_id_at", "patient_id", "at"))


class Consent(Base):
    """A word of the patient's about being texted; the newest of each ``what`` holds, none is ever changed.

    ``what``: texts (all of them), or a kind (reminders, refills, referrals), or channel:NAME. ``source``: enrolment, hospital,
    sms, api, provider. ``by``: the key or account, where a person entered it; ``event``: the event that tells of it.
    """

    __tablename__ = "consent"
    id: Mapped[int] = mapped_column(COUNTED, primary_key=True, autoincrement=True)
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"))
    what: Mapped[str] = mapped_column(Code)
    given: Mapped[bool]
    source: Mapped[str] = mapped_column(Code)
    by: Mapped[str] = mapped_column(Id, default="")
    event: Mapped[str] = mapped_column(Key, default="")
    at: Mapped[datetime]
    __table_args__ = (Index("ix_consent_patient_id_id", "patient_id", "id"),)


class NumberMark(Base):
    """Why a channel does not reach a number: it is not tried again there until the number changes or somebody lifts the mark.

    ``who``: patient or carer.
    """

    __tablename__ = "number_mark"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    who: Mapped[str] = mapped_column(Code, primary_key=True)
    channel: Mapped[str] = mapped_column(Code, primary_key=True)
    reason: Mapped[str] = mapped_column(Code)
    at: Mapped[datetime]


class NumberChange(Base):
    """A number that was given as somebody's and is not confirmed yet. ``who``: patient or carer.

    ``event``: the one that tells of it; ``tries``: wrong answers from it; ``by``: the key or account that gave it. ``sealed``: it.
    """

    __tablename__ = "number_change"
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    who: Mapped[str] = mapped_column(Code, primary_key=True)
    token: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)  # the new number's keyed hash
    asked: Mapped[datetime]
    expires: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    by: Mapped[str] = mapped_column(Id, default="")
    event: Mapped[str] = mapped_column(Key)
    sealed: Mapped[bytes]


class PhoneQuestion(Base):
    """A phone of several patients was asked for whom its last text was. ``token``: the number's keyed hash.

    ``candidates``: patient ids in the order of the digits offered. The text itself is sealed under each candidate's key.
    """

    __tablename__ = "phone_question"
    token: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(120))
    asked: Mapped[datetime]
    expires: Mapped[datetime]
    candidates: Mapped[list[str]]
    sealed: Mapped[bytes]


class ChannelState(Base):
    """How a channel is doing. ``paused_until``: nothing is handed to it before, because of ``why``; ``failures``: in a row."""

    __tablename__ = "channel_state"
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(Code, default="")
    changed: Mapped[datetime]


class SmsPace(Base):
    """When the last text of all workers was to go out, by the machine's time, where a rate is set."""

    __tablename__ = "sms_pace"
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    last: Mapped[datetime]


class ContactRulesRow(Base):
    """When and how often a network's patients are texted. ``body``: what differs from the defaults.

    ``calendar_edits``: goes up when a calendar or a place of the network changes, so that what was worked out of it is so anew.
    """

    __tablename__ = "contact_rules"
    network_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), primary_key=True)
    body: Mapped[dict[str, Any]]
    changed: Mapped[datetime]
    by: Mapped[str] = mapped_column(Id, default="")
    version: Mapped[int] = mapped_column(default=1)
    calendar_edits: Mapped[int] = mapped_column(default=0)


class MessageHold(Base):
    """From ``first`` to ``last``, both inclusive, nobody is sent to a place, or for a medicine, by text.

    ``action``: hold (until it is over), reword (say that it is so), redirect (to ``redirect_to``). ``medicine`` empty: whatever
    sends people to the place and what is beneath it. ``spread_days``: over how many days what was held goes afterwards.
    """

    __tablename__ = "message_hold"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"))
    medicine: Mapped[str] = mapped_column(String(100), default="")
    first: Mapped[date]
    last: Mapped[date]
    action: Mapped[str] = mapped_column(Code)
    redirect_to: Mapped[str | None] = mapped_column(Id, ForeignKey("organisation.id"))
    spread_days: Mapped[int] = mapped_column(default=3)
    reason: Mapped[str] = mapped_column(String(200), default="")
    by: Mapped[str] = mapped_column(Id, default="")
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        Index("ix_message_hold_organisation_id_last", "organisation_id", "last"),
        Index("ix_message_hold_last", "last"),
    )


class NetworkSupply(Base):
    """``edits`` goes up whenever a hold, a closure or a stock of the network changes: what was worked out of them is so anew."""

    __tablename__ = "network_supply"
    network_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), primary_key=True)
    edits: Mapped[int] = mapped_column(default=1)


class Traffic(Base):
    """Messages of an hour (by when they were due), of a channel and a care team.

    ``due`` of them; where they are: waiting, handed, unknown, failed, dropped; what the provider said later: arrived, lost.
    Made by housekeeping, so that no page and no alarm counts deliveries.
    """

    __tablename__ = "traffic"
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(Code, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"), primary_key=True)
    due: Mapped[int] = mapped_column(default=0)
    waiting: Mapped[int] = mapped_column(default=0)
    handed: Mapped[int] = mapped_column(default=0)
    unknown: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    dropped: Mapped[int] = mapped_column(default=0)
    arrived: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0)


class Usage(Base):
    """What was sent on a day (UTC) by a channel for a care team: texts that a provider took, their segments and their cost.

    ``currency`` empty: those of which no price is known. ``cost`` is in millionths. Made by housekeeping, so that no page counts.
    """

    __tablename__ = "usage"
    day: Mapped[date] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(Code, primary_key=True)
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    texts: Mapped[int] = mapped_column(default=0)
    segments: Mapped[int] = mapped_column(default=0)
    cost: Mapped[int] = mapped_column(BigInteger, default=0)


class Alert(Base):
    """Something that people must look at. ``kind``: what is wrong; ``cause``: what is seen of why; ``about``: channel, team.

    One is open for each ``about`` of a kind; it clears when it is no longer so. ``body``: counts and hours, nothing personal.
    """

    __tablename__ = "alert"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Code)
    about: Mapped[str] = mapped_column(Key)
    care_team_id: Mapped[str | None] = mapped_column(Id, ForeignKey("care_team.id"))
    channel: Mapped[str] = mapped_column(Code, default="")
    cause: Mapped[str] = mapped_column(Code, default="")
    body: Mapped[dict[str, Any]]
    raised: Mapped[datetime]
    seen_by: Mapped[str] = mapped_column(Id, default="")
    seen: Mapped[datetime | None]
    cleared: Mapped[datetime | None]
    told: Mapped[datetime | None]  # when the webhook took it
    __table_args__ = (
        Index("ix_alert_raised", "raised", "id"),
        Index("ix_alert_open", "kind", "about", unique=True, sqlite_where=OPEN_ALERT, postgresql_where=OPEN_ALERT),
    )
