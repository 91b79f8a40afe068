"""The life of a pathway's version: drafts, who did what and why, rollouts under live patients, forecasts.

Nothing in here names a patient but ``rollout_patient``, by opaque id; what people wrote down as their reasons is about pathways.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id

RUNNING = text("status IN ('running', 'paused')")


class PathwayDraft(Base):
    """A definition being written. ``status``: draft, checked, approved, published, discarded.

    ``version``: the hash of ``text`` as it stands; an edit takes back check and approval. ``based_on``: the version that the
    author had read. ``edit`` counts edits, for If-Match.
    """

    __tablename__ = "pathway_draft"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    pathway: Mapped[str] = mapped_column(Code)
    text: Mapped[str]
    version: Mapped[str] = mapped_column(String(64))
    based_on: Mapped[str] = mapped_column(String(64), default="")
    why: Mapped[str] = mapped_column(String(2000), default="")
    status: Mapped[str] = mapped_column(Code)
    author: Mapped[str] = mapped_column(Id)
    approved_by: Mapped[str] = mapped_column(Id, default="")
    created: Mapped[datetime]
    changed: Mapped[datetime]
    edit: Mapped[int] = mapped_column(default=1)
    __table_args__ = (Index("ix_pathway_draft_pathway_changed", "pathway", "changed", "id"),)


class DraftWindow(Base):
    """A window of a browser in which somebody has a draft open. ``window_id``: which it chose itself.

    ``seen``: when it was last heard of, by the machine's time. ``typed``: what was typed there and is not saved, on top of
    ``edit``; ``kept``: when that was, by the installation's time.
    """

    __tablename__ = "draft_window"
    draft_id: Mapped[str] = mapped_column(Id, ForeignKey("pathway_draft.id"), primary_key=True)
    by: Mapped[str] = mapped_column(Id, primary_key=True)
    window_id: Mapped[str] = mapped_column(Id, primary_key=True)
    seen: Mapped[datetime]
    edit: Mapped[int]
    typed: Mapped[str | None]
    kept: Mapped[datetime | None]


class PathwayDeed(Base):
    """Who did what to a pathway, when and why; only added to.

    ``did``: drafted, edited, checked, approval_asked, approved, sent_back, discarded, published, made_current, retired,
    rollout_started, rollout_paused, rollout_resumed, rollout_stopped, rolled_back, patient_decided. ``about``: the
    draft's or rollout's id, where there is one.
    """

    __tablename__ = "pathway_deed"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    pathway: Mapped[str] = mapped_column(Code)
    version: Mapped[str] = mapped_column(String(64), default="")
    about: Mapped[str] = mapped_column(Id, default="")
    did: Mapped[str] = mapped_column(Code)
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    why: Mapped[str] = mapped_column(String(2000), default="")
    __table_args__ = (Index("ix_pathway_deed_pathway_id", "pathway", "id"),)


class Rollout(Base):
    """Moving enrolled patients to a version. ``policy``: new_only, safe_point, now; ``status``: running, paused, stopped, done.

    ``mapping``: what the author said replaces what, ``{"services": {old: new or null}, "tags": {old: new}}``. ``undoes``: the
    rollout that this one takes back. ``former``: the version that was current when it began, which taking it back makes current
    again. ``after``: the last patient that was looked at, by id. ``sms_per_day`` None: no limit.
    """

    __tablename__ = "rollout"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    pathway: Mapped[str] = mapped_column(Code)
    version: Mapped[str] = mapped_column(String(64))
    policy: Mapped[str] = mapped_column(Code)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON)
    batch: Mapped[int]
    pause_s: Mapped[int]
    sms_per_day: Mapped[int | None]
    undoes: Mapped[str | None] = mapped_column(Id)
    former: Mapped[str] = mapped_column(String(64), default="")
    status: Mapped[str] = mapped_column(Code)
    held: Mapped[str] = mapped_column(Code, default="")  # what it waits for: "", sms_limit, until a day begins
    after: Mapped[str] = mapped_column(Id, default="")
    by: Mapped[str] = mapped_column(Id)
    why: Mapped[str] = mapped_column(String(2000), default="")
    started: Mapped[datetime]
    ended: Mapped[datetime | None]
    edit: Mapped[int] = mapped_column(default=1)
    __table_args__ = (
        Index("ix_rollout_pathway_started", "pathway", "started", "id"),
        Index("ix_rollout_running", "id", sqlite_where=RUNNING, postgresql_where=RUNNING),
    )


class RolloutPatient(Base):
    """One patient in a rollout. ``fit``: clean, mapped, needs_person.

    ``status``: waiting (moves at the next safe point), asked (told to move, step not taken yet), moved, left (a person is needed),
    moved_on (has gone to another version since), gone (left the pathway or us). ``sms``: texts that the move causes, as counted
    before it.
    """

    __tablename__ = "rollout_patient"
    rollout_id: Mapped[str] = mapped_column(Id, ForeignKey("rollout.id"), primary_key=True)
    patient_id: Mapped[str] = mapped_column(Id, ForeignKey("patient.id"), primary_key=True)
    came_from: Mapped[str] = mapped_column(String(64))
    fit: Mapped[str] = mapped_column(Code)
    why: Mapped[str] = mapped_column(String(400), default="")  # codes, for needs_person and left; all of them have room
    status: Mapped[str] = mapped_column(Code)
    sms: Mapped[int] = mapped_column(default=0)
    at: Mapped[datetime]
    __table_args__ = (
        Index("ix_rollout_patient_rollout_id_status", "rollout_id", "status", "patient_id"),
        Index("ix_rollout_patient_rollout_id_at", "rollout_id", "at"),
        Index("ix_rollout_patient_patient_id", "patient_id", "status"),
    )


class ForecastRow(Base):
    """A forecast that was asked for. ``status``: waiting, running, done, failed, cancelled.

    ``asked``: what was asked (sample, seed, days, behaviour, scope); ``result``: what it came to, without any patient in it but by
    opaque id. ``done`` of ``total`` patients.
    """

    __tablename__ = "forecast"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    pathway: Mapped[str] = mapped_column(Code)
    version: Mapped[str] = mapped_column(String(64))
    text: Mapped[str]
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    status: Mapped[str] = mapped_column(Code)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    problem: Mapped[str] = mapped_column(String(500), default="")
    ended: Mapped[datetime | None]
    __table_args__ = (Index("ix_forecast_pathway_at", "pathway", "at", "id"), Index("ix_forecast_status_at", "status", "at"))
