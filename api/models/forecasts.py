"""Forecasts, as the API gives them."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from api.models.base import Model, Moment, example, page_of

Status = Literal["waiting", "running", "done", "failed", "cancelled"]

_RANGE = {"median": 8120.0, "low": 7990.0, "high": 8260.0}
_MORE = {"median": 410.0, "low": 385.0, "high": 440.0}
_MEASURE: dict[str, Any] = {"present": _RANGE, "draft": _RANGE, "difference": _MORE}
_WEEKLY: dict[str, Any] = {"present": [_RANGE], "draft": [_RANGE]}
_COUNT = {"sampled": 12, "patients": 240}
_PARAMETER = {
    "name": "answers_call",
    "value": 0.7,
    "unit": "share, 0 to 1",
    "says": "calls that are answered",
    "source": "measured in own records",
    "n": 412,
}
_PERSON = {"patient": "9f0c1d2e", "team": "team-1", "days": -12, "present": "2025-05-20", "draft": "2025-05-08"}
_TAG = {"present": "green", "draft": "yellow", **_COUNT}
_OVER = {"week": "2025-06-02", "visits": 118, "room": 100, "over": 18}
_TEAM: dict[str, Any] = {
    "team": "team-1",
    "patients": 2000,
    "sampled": 100,
    "measures": {"visits": _MEASURE},
    "weekly_visits": {"present": [91.0], "draft": [118.0]},
    "over_capacity": {"present": [], "draft": [_OVER]},
}
_CONTACTS: dict[str, Any] = {
    "sooner": {**_COUNT, "days": _RANGE},
    "later": {**_COUNT, "days": _RANGE},
    "as_before": _COUNT,
    "begins": 0,
    "ends": 0,
    "people": [_PERSON],
}
_RESULT: dict[str, Any] = {
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "against": {"77c0d2aa01b3c4d5": 2000},
    "since": "2025-03-03",
    "weeks": 52,
    "seed": 1,
    "patients": 2000,
    "sampled": 100,
    "steps": 9120,
    "unsettled": 0,
    "left_out": {},
    "sms_cost": 0.05,
    "measures": {"visits": {**_MEASURE, "weekly": _WEEKLY}},
    "teams": [_TEAM],
    "tags": {"at_once": [], "at_the_end": [_TAG], "people": []},
    "contacts": _CONTACTS,
    "fits": {"sampled": {"clean": 100}, "patients": {"clean": 2000}, "why": {}, "people": []},
    "behaviour": [_PARAMETER],
}


class RangeOut(Model, json_schema_extra=example(**_RANGE)):
    """The median of the batches, the lowest and the highest."""

    median: float
    low: float
    high: float


class MeasureOut(Model, json_schema_extra=example(**_MEASURE)):
    """So much in the time looked at: as things are, under the draft, and the difference between the same people."""

    present: RangeOut
    draft: RangeOut
    difference: RangeOut


class WeeklyOut(Model, json_schema_extra=example(**_WEEKLY)):
    """Week by week, from ``since``."""

    present: list[RangeOut]
    draft: list[RangeOut]


class WeeklyMeasureOut(MeasureOut, json_schema_extra=example(**_MEASURE, weekly=_WEEKLY)):
    """A measure of everybody, with its weeks."""

    weekly: WeeklyOut


class OverOut(Model, json_schema_extra=example(**_OVER)):
    """A week (its first day) with more visits than the team has room for."""

    week: date
    visits: int
    room: int
    over: int


class OversOut(Model, json_schema_extra=example(present=[], draft=[_OVER])):
    """Such weeks as things are, and under the draft."""

    present: list[OverOut]
    draft: list[OverOut]


class WeeksOut(Model, json_schema_extra=example(present=[91.0], draft=[118.0])):
    """Visits of a team week by week."""

    present: list[float]
    draft: list[float]


class TeamForecastOut(Model, json_schema_extra=example(**_TEAM)):
    """A care team: of its ``patients`` on the pathway so many were ``sampled``."""

    team: str
    patients: int
    sampled: int
    measures: dict[str, MeasureOut]
    weekly_visits: WeeksOut
    over_capacity: OversOut


class TagMoveOut(Model, json_schema_extra=example(**_TAG)):
    """So many have one tag as things are, and another under the draft."""

    present: str | None
    draft: str | None
    sampled: int
    patients: int


class TaggedOut(Model, json_schema_extra=example(patient="9f0c1d2e", present="green", draft="yellow")):
    """Somebody whose tag moves at once."""

    patient: str
    present: str | None
    draft: str | None


class TagsOut(Model, json_schema_extra=example(at_once=[], at_the_end=[_TAG], people=[])):
    """Who has another tag: at once, and at the end of the time looked at."""

    at_once: list[TagMoveOut]
    at_the_end: list[TagMoveOut]
    people: list[TaggedOut]


class CountOut(Model, json_schema_extra=example(**_COUNT)):
    """So many of the sample, standing for so many patients."""

    sampled: int
    patients: int


class DaysOut(CountOut, json_schema_extra=example(**_COUNT, days=_RANGE)):
    """And by how many days."""

    days: RangeOut


class PersonMoveOut(Model, json_schema_extra=example(**_PERSON)):
    """Somebody whose next contact moves; below 0 days it is sooner."""

    patient: str
    team: str
    days: int
    present: date | None
    draft: date | None


class ContactsOut(Model, json_schema_extra=example(**_CONTACTS)):
    """Whose next contact moves, the furthest first. ``begins``, ``ends``: who has one under one version only."""

    sooner: DaysOut
    later: DaysOut
    as_before: CountOut
    begins: int
    ends: int
    people: list[PersonMoveOut]


class FitsOut(Model, json_schema_extra=example(**_RESULT["fits"])):
    """How a rollout would move them: clean, mapped, needs_person (``why``: codes; ``people``: ids), on_the_draft."""

    sampled: dict[str, int]
    patients: dict[str, int]
    why: dict[str, int]
    people: list[str]


class ParameterOut(Model, json_schema_extra=example(**_PARAMETER)):
    """One number of how people are taken to behave. ``n``: observations of our own; 0 for an assumption."""

    name: str
    value: float
    unit: str
    says: str
    source: str
    n: int


class OutlookOut(Model, json_schema_extra=example(**_RESULT)):
    """What the forecast came to, scaled up to everybody on the pathway.

    ``people``: ids, shown to those who may read patients (right ``patients.read``); empty for anybody else.
    ``against``: patients by the version they are on; ``left_out``: who could not be followed, by code; ``measures``: visits, calls,
    home_visits, screenings (laboratory work and examinations), referrals, refills, sms, segments, sms_cost. ``cautions``: what not
    to read out of the figures, where few people were looked at or a range goes both ways.
    """

    pathway: str
    version: str
    against: dict[str, int]
    since: date
    weeks: int
    seed: int
    patients: int
    sampled: int
    steps: int
    unsettled: int
    left_out: dict[str, int]
    sms_cost: float
    measures: dict[str, WeeklyMeasureOut]
    teams: list[TeamForecastOut]
    tags: TagsOut
    contacts: ContactsOut
    fits: FitsOut
    behaviour: list[ParameterOut]
    cautions: list[str] = Field(default_factory=list)


_FORECAST: dict[str, Any] = {
    "id": "5f2c9a01",
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "status": "running",
    "done": 400,
    "total": 2000,
    "sample": 10000,
    "weeks": 52,
    "seed": 1,
    "by": "key-7f3a",
    "by_name": "Li, coordinator",
    "at": "2025-03-03T01:00:00Z",
    "ended": None,
    "problem": "",
}


class ForecastBrief(Model, json_schema_extra=example(**_FORECAST)):
    """A forecast that was asked for, without what it came to. ``done`` of ``total`` people; ``problem`` where it failed.

    ``version``: the hash of the text that was tried; ``sample``, ``weeks``, ``seed``: as they were asked for. ``by``: the id of a
    key or account, ``by_name`` what it is called.
    """

    id: str
    pathway: str
    version: str
    status: Status
    done: int
    total: int
    sample: int | None
    weeks: int | None
    seed: int | None
    by: str
    by_name: str
    at: Moment
    ended: Moment | None
    problem: str


class ForecastOut(ForecastBrief, json_schema_extra=example(**_FORECAST, result=None)):
    """A forecast that was asked for; ``result`` once it is done."""

    result: OutlookOut | None


class ForecastPage(Model, json_schema_extra=page_of(ForecastBrief)):
    """The newest first. ``next``: give it as ``after`` for the older ones."""

    items: list[ForecastBrief]
    next: str | None
