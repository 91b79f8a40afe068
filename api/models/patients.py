"""Patients, as the API gives and takes them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from api.models.base import AMoment, Happened, Model, Moment, Moved, Name, ReadingsIn, Words


class PatientOut(Model):
    """One patient as a list shows them. ``visit_day``: the booked day of the next visit."""

    id: str
    name: str | None
    sex: str
    born: date | None
    phone: str | None
    language: str
    timezone: str
    care_team: str
    tag: str | None
    life: str
    reach: str
    pathways: list[str]
    next_due: Moment | None
    visit_day: date | None


class PatientPage(Model):
    """``next``: give it as ``after`` for the next page."""

    items: list[PatientOut]
    next: str | None


class ServiceOut(Model):
    """When a service is due. ``day``: the day the patient is expected."""

    pathway: str
    service: str
    due: date
    day: date
    confirmed: bool
    last: date | None


class SupplyOut(Model):
    """Medicine at home. ``ends``: the last day with medicine. ``stage``: of the open refill request, or empty."""

    medicine: str
    ends: date
    stage: str


class OpenReferral(Model):
    """A referral that is not closed."""

    key: str
    urgency: str
    stage: str
    day: date | None


class KnownOut(Model):
    """The last known value of a reading."""

    value: Any
    on: date


class PatientDetail(PatientOut):
    """One patient with what is due, at home, asked for and known."""

    carer_phone: str | None
    services: list[ServiceOut]
    supplies: list[SupplyOut]
    referrals: list[OpenReferral]
    readings: dict[str, KnownOut]


class MedicineIn(Model):
    """A medicine and its last fill."""

    name: Name
    last_fill: date | None = None
    days_supply: Annotated[int, Field(ge=1, le=400)] | None = None


class PersonIn(Model):
    """A person to enrol, as in a roster; see the roster's columns in the guide for words and units."""

    identifier: Name
    identifier_system: str = ""
    national_id: str = ""
    name: str = Field(default="", max_length=200)
    family: str = Field(default="", max_length=100)
    given: str = Field(default="", max_length=100)
    sex: str = ""
    born: date
    phone: str = ""
    carer_phone: str = ""
    carer_name: str = ""
    language: str = Field(default="", max_length=20)
    timezone: str = Field(default="", max_length=60)
    country: str = ""
    state: str = ""
    conditions: Words = Field(default_factory=list)
    tag: Literal["red", "yellow", "green"] | None = None
    last_visit: date | None = None
    measured_on: date | None = None
    readings: dict[Name, float | str] = Field(default_factory=dict)
    medicines: Annotated[list[MedicineIn], Field(max_length=50)] = Field(default_factory=list)
    care_team: Name | None = None


class MatchOut(Model):
    """Whether a pathway is for this person, and what its condition read."""

    pathway: str
    matched: bool
    why: str


class DueOut(Model):
    """What falls due first."""

    service: str
    day: date


class EnrolmentOut(Model):
    """What became of it. ``status``: enrolled, already_enrolled, no_pathway, died, no_care_team."""

    status: str
    patient_id: str | None
    acted_on: bool
    matches: list[MatchOut]
    tag: str | None
    due: list[DueOut]
    notes: list[str]
    patient: Moved | None


class VisitIn(Happened):
    """A face-to-face visit. ``done``: screenings that were done at it."""

    readings: ReadingsIn = Field(default_factory=dict)
    done: Words = Field(default_factory=list)


class ReadingsReceived(Happened):
    """Readings without a visit."""

    readings: ReadingsIn = Field(min_length=1)
    source: Literal["home", "laboratory", "hospital", "staff"]


class ServiceDone(Happened):
    """A screening was done."""

    service: Name
    readings: ReadingsIn = Field(default_factory=dict)


class CallIn(Happened):
    """Somebody called the patient. ``day``: the visit day agreed on the phone."""

    outcome: Literal["reached", "no_answer", "wrong_number", "refused"]
    day: date | None = None


class DispenseIn(Happened):
    """Medicine was handed out for ``days`` days of use; ``on`` is today unless given."""

    medicine: Name
    days: Annotated[int, Field(ge=1, le=400)]
    on: date | None = None


class LifeIn(Happened):
    """What happened in the patient's life. ``until``: the last day of a pause."""

    what: Literal["died", "hospitalised", "discharged", "paused", "resumed", "moved_away", "withdrawn"]
    until: date | None = None


class MoveIn(Happened):
    """Moved within the network, or has another number. A phone of null is a phone there is no more."""

    at: AMoment | None = None
    care_team: Name | None = None
    timezone: Name | None = None
    phone: str | None = None
    carer_phone: str | None = None
