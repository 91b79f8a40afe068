"""How places connect: what changed for each in order, whom that is pushed to, and how record systems sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id, Key

WAITING = text("status = 'waiting'")
STANDS = text("revoked IS NULL")


class PlaceFeed(Base):
    """How many changes a place was told of. Taking the next number holds the row until the change is committed, so that numbers
    are seen in order and without a gap.
    """

    __tablename__ = "place_feed"
    place_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, default=0)


class PlaceChange(Base):
    """A referral or a refill request came to a place, moved, or was added to. ``kind``: referral or refill.

    ``version``: of the request, from 1; ``sealed``: the request as it was then, under the person's key.
    """

    __tablename__ = "place_change"
    place_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(Code)
    request_id: Mapped[str] = mapped_column(Id)
    version: Mapped[int]
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), index=True)
    stage: Mapped[str] = mapped_column(Code)
    at: Mapped[datetime]
    sealed: Mapped[bytes]
    __table_args__ = (Index("ix_place_change_request_id", "request_id", "version", unique=True),)


class Webhook(Base):
    """Where the changes of a place are pushed to. ``kind``: webhook, or a FHIR subscription (rest-hook).

    ``reached``: the number up to which changes have become deliveries. ``status``: active, paused (by somebody), failing (nothing
    was taken for days: it rests until somebody looks), gone (it said so). ``failures`` in a row of the receiver as a whole;
    ``resting_until``: it is left alone so long. ``sealed``: secrets and headers, under the installation's key.
    """

    __tablename__ = "webhook"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    place_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    kind: Mapped[str] = mapped_column(Code)
    url: Mapped[str] = mapped_column(String(500))
    wanted: Mapped[list[str]]  # kinds of change; empty: all
    body: Mapped[dict[str, Any]]  # of a FHIR subscription: criteria, payload, reason, end
    status: Mapped[str] = mapped_column(Code)
    reached: Mapped[int] = mapped_column(BigInteger, default=0)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(Code, default="")
    created: Mapped[datetime]
    by: Mapped[str] = mapped_column(Id)
    version: Mapped[int] = mapped_column(default=1)
    sealed: Mapped[bytes]


class WebhookDelivery(Base):
    """One change on its way to one receiver: waiting, taken, or failed (refused for days; may be sent again).

    Of one request the changes go one after the other, whatever becomes of other requests'.
    """

    __tablename__ = "webhook_delivery"
    webhook_id: Mapped[str] = mapped_column(Id, ForeignKey("webhook.id"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    request_id: Mapped[str] = mapped_column(Id)
    status: Mapped[str] = mapped_column(Code)
    tries: Mapped[int] = mapped_column(default=0)
    next_try: Mapped[datetime]
    last_try: Mapped[datetime | None]
    answer: Mapped[int | None]  # the last HTTP status
    reason: Mapped[str] = mapped_column(Code, default="")
    __table_args__ = (
        Index("ix_webhook_delivery_due", "next_try", sqlite_where=WAITING, postgresql_where=WAITING),
        Index("ix_webhook_delivery_webhook_id", "webhook_id", "status", "n"),
        Index("ix_webhook_delivery_request_id", "webhook_id", "request_id", "n", sqlite_where=WAITING, postgresql_where=WAITING),
    )


class SmartClient(Base):
    """A record system that signs in by SMART Backend Services: its keys, and what it may be given.

    ``jwks`` (inline) or ``jwks_url``; ``scopes``: as registered, such as ``system/Task.rs``.
    """

    __tablename__ = "smart_client"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(Id)
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    jwks_url: Mapped[str | None] = mapped_column(String(500))
    scopes: Mapped[list[str]]
    created: Mapped[datetime]
    revoked: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class UsedAssertion(Base):
    """A JWT id that was used, by hash, until it could not be used anyway. Times are the machine's."""

    __tablename__ = "used_assertion"
    issuer: Mapped[str] = mapped_column(String(64), primary_key=True)  # a hash
    jti: Mapped[str] = mapped_column(String(64), primary_key=True)  # a hash
    expires: Mapped[datetime] = mapped_column(index=True)


class AccountSubject(Base):
    """An account as an OpenID provider knows it."""

    __tablename__ = "account_subject"
    issuer: Mapped[str] = mapped_column(String(300), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("account.id"), index=True)
    created: Mapped[datetime]


class GivenIdentifier(Base):
    """What a record system called something that it created here, so that it is created once.

    ``value``: the keyed hash of the identifier's system and value.
    """

    __tablename__ = "given_identifier"
    place: Mapped[str] = mapped_column(Id, primary_key=True)
    type: Mapped[str] = mapped_column(Code, primary_key=True)
    value: Mapped[bytes] = mapped_column(primary_key=True)
    resource_id: Mapped[str] = mapped_column(Key)
    at: Mapped[datetime]


class RequestLimits(Base):
    """How long a network waits at each stage of a referral, by urgency; what is not said is as shipped."""

    __tablename__ = "request_limits"
    network_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), primary_key=True)
    body: Mapped[dict[str, Any]]
    changed: Mapped[datetime]
    by: Mapped[str] = mapped_column(Id, default="")
    version: Mapped[int] = mapped_column(default=1)


class HookClient(Base):
    """A record system that may call the CDS Hooks services: the issuer of its tokens, its keys, and as whom it asks."""

    __tablename__ = "hook_client"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    issuer: Mapped[str] = mapped_column(String(300))
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(Id)
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    jwks_url: Mapped[str | None] = mapped_column(String(500))
    created: Mapped[datetime]
    revoked: Mapped[datetime | None]
    __table_args__ = (Index("ix_hook_client_issuer", "issuer", unique=True, sqlite_where=STANDS, postgresql_where=STANDS),)


class HookFeedback(Base):
    """A card that was shown, and what became of it, in codes. ``outcome``: shown, accepted or overridden."""

    __tablename__ = "hook_feedback"
    card: Mapped[str] = mapped_column(Id, primary_key=True)
    service: Mapped[str] = mapped_column(Code)
    row: Mapped[str] = mapped_column(Code, default="")
    outcome: Mapped[str] = mapped_column(Code)
    reason: Mapped[str] = mapped_column(Code, default="")
    place: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    __table_args__ = (Index("ix_hook_feedback_service_at", "service", "at"),)


class AdviceService(Base):
    """An outside CDS Hooks service that a pathway's step may ask. ``sealed``: how we sign in there."""

    __tablename__ = "advice_service"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    network_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(Code)
    url: Mapped[str] = mapped_column(String(500))
    timeout_ms: Mapped[int] = mapped_column(default=3000)
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    sealed: Mapped[bytes | None]
    __table_args__ = (Index("ix_advice_service_network_id", "network_id", "name", unique=True),)
