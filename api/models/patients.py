"""Patients, as the API gives and takes them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from api.models.base import AMoment, Happened, Model, Moment, Moved, Name, ReadingsIn, Shown, Words, example

_ZHANG = {
    "id": "9f0c1d2e",
    "name": "Zhang Wei",
    "sex": "male",
    "born": "1958-04-02",
    "phone": "+8613800000009",
    "language": "en",
    "timezone": "Asia/Shanghai",
    "care_team": "team-1",
    "tag": "yellow",
    "life": "active",
    "reach": "reachable",
    "pathways": ["hypertension"],
    "next_due": "2025-03-14T01:00:00Z",
    "visit_day": "2025-03-17",
}
_SERVICE = {
    "pathway": "hypertension",
    "service": "follow_up",
    "due": "2025-03-17",
    "day": "2025-03-17",
    "confirmed": True,
    "last": "2025-02-17",
}
_SUPPLY = {"medicine": "amlodipine", "ends": "2025-03-21", "stage": "requested", "instead_of": None}
_KEPT = {
    "of": "class",
    "name": "calcium_channel_blockers",
    "title": "calcium channel blockers",
    "first": "2024-12-01",
    "last": "2025-03-16",
    "covered_days": 100,
    "period_days": 106,
    "pdc": 0.9434,
    "adherent": True,
}
_REFERRAL = {"key": "referral/hypertension#1", "urgency": "emergency", "stage": "booked", "day": "2025-03-06"}
_MATCH = {"pathway": "hypertension", "matched": True, "why": "age 66, hypertension in conditions"}


class PatientOut(Shown, json_schema_extra=example(**_ZHANG)):
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


class PatientPage(Shown, json_schema_extra=example(items=[_ZHANG], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")):
    """``next``: give it as ``after`` for the next page."""

    items: list[PatientOut]
    next: str | None


class ServiceOut(Shown, json_schema_extra=example(**_SERVICE)):
    """When a service is due. ``day``: the day the patient is expected."""

    pathway: str
    service: str
    due: date
    day: date
    confirmed: bool
    last: date | None


class SupplyOut(Shown, json_schema_extra=example(**_SUPPLY)):
    """Medicine at home. ``ends``: the last day with medicine. ``stage``: of the open refill request, ``held`` where the checks of
    medicines hold it, or empty. ``instead_of``: the medicine in whose place a doctor approved this one.
    """

    medicine: str
    ends: date
    stage: str
    instead_of: str | None


class AdherenceOut(Shown, json_schema_extra=example(**_KEPT)):
    """On how many days of at most a year the medicine, or any of the class, was at hand. ``adherent``: None with fewer than two
    fills or ninety-one days."""

    of: Literal["medicine", "class"]
    name: str
    title: str
    first: date
    last: date
    covered_days: int
    period_days: int
    pdc: float
    adherent: bool | None


class OpenReferral(Shown, json_schema_extra=example(**_REFERRAL)):
    """A referral that is not closed."""

    key: str
    urgency: str
    stage: str
    day: date | None


class KnownOut(Shown, json_schema_extra=example(value=152, on="2025-02-17")):
    """The last known value of a reading."""

    value: Any
    on: date


class PatientDetail(
    PatientOut,
    json_schema_extra=example(
        **_ZHANG,
        carer_phone="+8613800000010",
        services=[_SERVICE],
        supplies=[_SUPPLY],
        adherence=[_KEPT],
        referrals=[_REFERRAL],
        readings={"sbp": {"value": 152, "on": "2025-02-17"}},
    ),
):
    """One patient with what is due, at home, asked for and known."""

    carer_phone: str | None
    services: list[ServiceOut]
    supplies: list[SupplyOut]
    adherence: list[AdherenceOut]
    referrals: list[OpenReferral]
    readings: dict[str, KnownOut]


class MedicineIn(Model, json_schema_extra=example(name="amlodipine", last_fill="2025-02-20", days_supply=30)):
    """A medicine and its last fill."""

    name: Name
    last_fill: date | None = None
    days_supply: Annotated[int, Field(ge=1, le=400)] | None = None


class PersonIn(
    Model,
    json_schema_extra=example(
        identifier="A-1",
        name="Zhang Wei",
        sex="male",
        born="1958-04-02",
        phone="+8613800000009",
        language="en",
        timezone="Asia/Shanghai",
        conditions=["hypertension"],
        last_visit="2025-02-17",
        readings={"sbp": 152, "dbp": 88},
        medicines=[{"name": "amlodipine", "last_fill": "2025-02-20", "days_supply": 30}],
        care_team="team-1",
    ),
):
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
    sms_consent: bool | None = None
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


class MatchOut(Shown, json_schema_extra=example(**_MATCH)):
    """Whether a pathway is for this person, and what its condition read."""

    pathway: str
    matched: bool
    why: str


class DueOut(Shown, json_schema_extra=example(service="follow_up", day="2025-03-17")):
    """What falls due first."""

    service: str
    day: date


class EnrolmentOut(
    Shown,
    json_schema_extra=example(
        status="enrolled",
        patient_id="9f0c1d2e",
        acted_on=True,
        matches=[_MATCH],
        tag="yellow",
        due=[{"service": "follow_up", "day": "2025-03-17"}],
        notes=[],
        patient={"id": "9f0c1d2e", "tag": "yellow", "life": "active", "reach": "reachable", "next_due": "2025-03-14T01:00:00Z"},
    ),
):
    """What became of it. ``status``: enrolled, already_enrolled, no_pathway, died, no_care_team."""

    status: str
    patient_id: str | None
    acted_on: bool
    matches: list[MatchOut]
    tag: str | None
    due: list[DueOut]
    notes: list[str]
    patient: Moved | None


class VisitIn(
    Happened, json_schema_extra=example(readings={"sbp": 128, "dbp": 78, "symptoms": [], "adr": False}, done=["annual_exam"])
):
    """A face-to-face visit. ``done``: screenings that were done at it."""

    readings: ReadingsIn = Field(default_factory=dict)
    done: Words = Field(default_factory=list)


class ReadingsReceived(Happened, json_schema_extra=example(readings={"sbp": 146, "dbp": 91}, source="home")):
    """Readings without a visit."""

    readings: ReadingsIn = Field(min_length=1)
    source: Literal["home", "laboratory", "hospital", "staff"]


class ServiceDone(Happened, json_schema_extra=example(service="eye_screening", readings={"bmi": 24})):
    """A screening was done."""

    service: Name
    readings: ReadingsIn = Field(default_factory=dict)


class CallIn(Happened, json_schema_extra=example(outcome="reached", day="2025-03-20")):
    """Somebody called the patient. ``day``: the visit day agreed on the phone."""

    outcome: Literal["reached", "no_answer", "wrong_number", "refused"]
    day: date | None = None


class DispenseIn(Happened, json_schema_extra=example(medicine="amlodipine", days=30)):
    """Medicine was handed out for ``days`` days of use; ``on`` is today unless given."""

    medicine: Name
    days: Annotated[int, Field(ge=1, le=400)]
    on: date | None = None


class PauseIn(Happened, json_schema_extra=example(until="2025-04-14")):
    """Care rests. ``until``: the last day of the pause; open-ended without one."""

    until: date | None = None


class MoveIn(Happened, json_schema_extra=example(care_team="team-2", timezone="Asia/Urumqi", phone="+8613800001111")):
    """Moved within the network, or has another number. A phone of null is a phone there is no more.

    A number that is new is asked first, and used once it is confirmed: see ``/patients/{id}/numbers``.
    """

    at: AMoment | None = None
    care_team: Name | None = None
    timezone: Name | None = None
    phone: str | None = None
    carer_phone: str | None = None
