"""Who may call, and what they did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id, Key, machine_time


class Account(Base):
    """Somebody who signs in with a name and a password. ``password_hash``: argon2id; ``place``: as an API key's."""

    __tablename__ = "account"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    login: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(100), default="")
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(Id)
    disabled: Mapped[bool] = mapped_column(default=False)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)
    changed: Mapped[datetime] = mapped_column(default=machine_time, onupdate=machine_time)


class ApiKey(Base):
    """Who may call the API: a key of a tool, or the token of somebody who signed in (``account_id``). Only the hash is kept.

    ``place``: a care team or an organisation, with everything beneath it; "*" every network. ``rights``: None for all that the role
    has, or some of them. ``device``: on what somebody signed in, in a few words. Times are the machine's.
    """

    __tablename__ = "api_key"
    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(Id)
    rights: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    account_id: Mapped[str | None] = mapped_column(Id, ForeignKey("account.id"), index=True)
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    device: Mapped[str] = mapped_column(Code, default="", server_default="")


class AuditRow(Base):
    """One reading or writing of records: who, what, whose. Only ever added to (the database refuses the rest).

    Each process writes a chain of its own: ``hash`` covers the row and ``previous``, the hash of the row before it.
    """

    __tablename__ = "audit"
    chain: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(Id)
    role: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(Id)
    action: Mapped[str] = mapped_column(Code)
    record: Mapped[str] = mapped_column(Key)
    patients: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[int]
    request: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
    __table_args__ = (
        Index("ix_audit_at", "at", "chain", "seq"),
        Index("ix_audit_who_at", "who", "at"),
        Index("ix_audit_action_at", "action", "at", "chain", "seq"),
        Index("ix_audit_hash", "hash"),
    )


class AuditSubject(Base):
    """Finds the audit entries of one patient; what is proven is in ``audit``."""

    __tablename__ = "audit_subject"
    patient_id: Mapped[str] = mapped_column(Id, primary_key=True)
    chain: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)


class Idempotency(Base):
    """An Idempotency-Key that a caller has used, by hash, and for what: the same key for something else is a mistake.

    ``event_id``: the event that came of it, where one did.
    """

    __tablename__ = "idempotency"
    caller: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[str] = mapped_column(Key, default="")
    at: Mapped[datetime]
    __table_args__ = (Index("ix_idempotency_at", "at"),)
