"""The network: its places and teams, when they work, what they have; and the installation's own rows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from records.tables.base import Base, Code, Id, machine_time


class ClockRow(Base):
    """The one clock. ``anchor`` is None for the system's time, else the moment at which driven time stands."""

    __tablename__ = "clock"
    id: Mapped[int] = mapped_column(primary_key=True)
    anchor: Mapped[datetime | None]


class Organisation(Base):
    """A place in the tree: network, centre, station, hospital or pharmacy.

    ``rank``: the network's order in which places are asked. ``network_id``: the root of its tree. ``calendar``: whose holidays it
    keeps, empty for its parent's. ``version`` counts edits, ``changed`` is the last one's moment (the machine's).
    """

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Code, index=True)
    parent_id: Mapped[str | None] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    network_id: Mapped[str] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(200))
    rank: Mapped[int] = mapped_column(default=0)
    phone: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(String(200), default="")  # as patients are told it
    calendar: Mapped[str] = mapped_column(Code, default="")
    version: Mapped[int] = mapped_column(default=1)
    changed: Mapped[datetime] = mapped_column(default=machine_time, onupdate=machine_time)
    __table_args__ = (Index("ix_organisation_network_id_kind_rank", "network_id", "kind", "rank"),)


class CareTeam(Base):
    """A health manager's team; ``capacity``: visits a day."""

    __tablename__ = "care_team"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    capacity: Mapped[int] = mapped_column(default=20)
    timezone: Mapped[str] = mapped_column(String(60), default="Asia/Shanghai")
    on_call_phone: Mapped[str] = mapped_column(String(40), default="")
    emergency_number: Mapped[str] = mapped_column(String(20), default="120")
    version: Mapped[int] = mapped_column(default=1)
    changed: Mapped[datetime] = mapped_column(default=machine_time, onupdate=machine_time)


class TeamPulse(Base):
    """Goes up whenever a team's worklist changes, so that whoever watches it need not read it."""

    __tablename__ = "team_pulse"
    care_team_id: Mapped[str] = mapped_column(Id, ForeignKey("care_team.id"), primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger, default=0)


class Closure(Base):
    """Days on which a place is closed, both inclusive."""

    __tablename__ = "closure"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"))
    first: Mapped[date]
    last: Mapped[date]
    reason: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[int] = mapped_column(default=1)
    __table_args__ = (Index("ix_closure_organisation_id_last", "organisation_id", "last"),)


class Holiday(Base):
    """A day of a calendar that is not what its weekday says: a holiday, or (``working``) a weekend that is worked."""

    __tablename__ = "holiday"
    calendar: Mapped[str] = mapped_column(Code, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    working: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str] = mapped_column(String(100), default="")


class Stock(Base):
    """A medicine that a pharmacy lacks or has. ``until``: its first day with the medicine again, where it knows."""

    __tablename__ = "stock"
    pharmacy_id: Mapped[str] = mapped_column(Id, ForeignKey("organisation.id"), primary_key=True)
    medicine: Mapped[str] = mapped_column(String(100), primary_key=True)
    available: Mapped[bool]
    until: Mapped[date | None]
    changed: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1)


class LeaseRow(Base):
    """Who of several processes does a thing that must be done by one. ``until`` is the machine's time."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    holder: Mapped[str] = mapped_column(String(80))
    until: Mapped[datetime]


class JobRow(Base):
    """When a job of housekeeping last succeeded (the machine's time), and what it said."""

    __tablename__ = "job"
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    succeeded: Mapped[datetime]
    said: Mapped[str] = mapped_column(String(200), default="")


class Figures(Base):
    """Counts of one place at a moment, made by housekeeping so that no page counts a city. ``place``: a care team."""

    __tablename__ = "figures"
    place: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    body: Mapped[dict[str, Any]]
