"""Rollouts, as the API takes and gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Model, Moment, Name, example, page_of

Policy = Literal["new_only", "safe_point", "now"]
RolloutStatus = Literal["running", "paused", "stopped", "done"]
PatientStatus = Literal["waiting", "asked", "moved", "left", "moved_on", "gone"]
Fit = Literal["clean", "mapped", "needs_person"]

Why = Annotated[
    str, Field(min_length=3, max_length=2000, description="kept with who did it and when; about the pathway, of nobody")
]
#: Old name to the new one; empty or null where it ends on purpose.
Replaced = Annotated[dict[Name, Annotated[str, Field(max_length=100)] | None], Field(max_length=100)]

_BY = {"blood_pressure": "follow_up", "leaflet": None}
_WHY = "red patients are seen every ten days, as agreed in March"


class RolloutIn(
    Model, json_schema_extra=example(why=_WHY, policy="safe_point", services=_BY, batch=50, pause_s=60, sms_per_day=500)
):
    """Move enrolled patients to a version.

    ``policy``: new_only moves nobody, the version becomes current; safe_point moves each patient when their next follow-up is done;
    now moves them at once. ``services`` and ``tags``: what is replaced by what; null for a service that ends on purpose.
    ``batch``: patients at a time, ``pause_s`` seconds between two batches. ``sms_per_day``: the most texts of the following week
    that a day's moves may cause beyond those without them; null for no limit. ``why``: kept in the pathway's deeds.
    """

    why: Why
    policy: Policy = "safe_point"
    services: Replaced = Field(default_factory=dict)
    tags: Replaced = Field(default_factory=dict)
    batch: int = Field(default=50, ge=1, le=1000)
    pause_s: int = Field(default=60, ge=0, le=86400)
    sms_per_day: int | None = Field(default=None, ge=0, le=10_000_000)


class PreviewIn(Model, json_schema_extra=example(policy="safe_point", services=_BY, sample=500)):
    """As for a rollout. ``sample``: how many patients are looked at, at random."""

    policy: Policy = "safe_point"
    services: Replaced = Field(default_factory=dict)
    tags: Replaced = Field(default_factory=dict)
    sample: int = Field(default=500, ge=1, le=5000)


class PreviewOut(
    Model,
    json_schema_extra=example(
        pathway="hypertension",
        version="0a1b2c3d4e5f6071",
        enrolled=12400,
        looked_at=500,
        fits={"clean": 431, "mapped": 60, "needs_person": 9},
        codes={"referral_under_way": 9},
        sms=37,
    ),
):
    """What a rollout would find. ``enrolled``: the caller's patients on other versions; ``looked_at`` of them were counted.

    ``fits``: by how they fit (gone: have left us); ``codes``: what keeps those who need a person; ``sms``: texts of the
    following week beyond those without the move.
    """

    pathway: str
    version: str
    enrolled: int
    looked_at: int
    fits: dict[str, int]
    codes: dict[str, int]
    sms: int


_ROLLOUT = {
    "id": "5d0c8e1f7a2b4c3d9e8f7a6b5c4d3e2f",
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "former": "9f8e7d6c5b4a3921",
    "policy": "safe_point",
    "services": _BY,
    "tags": {},
    "batch": 50,
    "pause_s": 60,
    "sms_per_day": 500,
    "undoes": None,
    "status": "running",
    "held": "sms_limit",
    "by": "key-7f3a",
    "why": _WHY,
    "started": "2025-03-04T06:00:00Z",
    "ended": None,
    "edit": 1,
}


class RolloutOut(Model, json_schema_extra=example(**_ROLLOUT)):
    """A rollout. ``former``: what was current before it; ``undoes``: the rollout that it takes back.

    ``held``: sms_limit, while it waits for the next local day; else empty. ``by``: the id of the key or account.
    """

    id: str
    pathway: str
    version: str
    former: str
    policy: Policy
    services: dict[str, str | None]
    tags: dict[str, str | None]
    batch: int
    pause_s: int
    sms_per_day: int | None
    undoes: str | None
    status: RolloutStatus
    held: str
    by: str
    why: str
    started: Moment
    ended: Moment | None
    edit: int


class RolloutPage(Model, json_schema_extra=page_of(RolloutOut)):
    """The latest first. ``next``: give it as ``after`` for the older ones."""

    items: list[RolloutOut]
    next: str | None


class ProgressOut(
    RolloutOut,
    json_schema_extra=example(
        **_ROLLOUT,
        told=True,
        looked_at=6200,
        ahead=6200,
        fits={"clean": 5400, "mapped": 690, "needs_person": 110},
        statuses={"waiting": 4100, "moved": 1990, "left": 110},
        codes={"referral_under_way": 110},
        sms=480,
        versions={"0a1b2c3d4e5f6071": 2100, "9f8e7d6c5b4a3921": 10300},
        undone_by=None,
    ),
):
    """How far it has come, over the caller's patients: ``looked_at`` so far, ``ahead`` not yet; by fit, by status; ``codes`` of
    those left for a person; ``sms``: texts that the moves cause. ``versions``: enrolments of the whole network by version.

    ``told``: whether its workflow could be told; where not, housekeeping does it. ``undone_by``: the rollout that takes it back.
    """

    told: bool
    looked_at: int
    ahead: int
    fits: dict[str, int]
    statuses: dict[str, int]
    codes: dict[str, int]
    sms: int
    versions: dict[str, int]
    undone_by: str | None


class RolloutWhy(Model, json_schema_extra=example(why="the hospital's line is down today")):
    """Why; kept in the pathway's deeds."""

    why: Why


class BackIn(Model, json_schema_extra=example(why="too many calls in the first week", batch=200, pause_s=0)):
    """Take a rollout back. ``sms_per_day`` as for a rollout."""

    why: Why
    batch: int = Field(default=200, ge=1, le=1000)
    pause_s: int = Field(default=0, ge=0, le=86400)
    sms_per_day: int | None = Field(default=None, ge=0, le=10_000_000)


_PATIENT = {
    "patient_id": "3f2a9c0d5b7e4f18a6c1d2e3f4a5b6c7",
    "came_from": "9f8e7d6c5b4a3921",
    "fit": "needs_person",
    "codes": ["referral_under_way"],
    "status": "left",
    "sms": 0,
    "at": "2025-03-04T06:00:05Z",
}


class RolloutPatientOut(Model, json_schema_extra=example(**_PATIENT)):
    """A patient in a rollout. ``status``: asked (told to move, the step not taken yet), waiting (moves at the next safe point),
    moved, left (needs a person, by ``codes``), moved_on (to another version since), gone (has left the pathway or us).
    """

    patient_id: str
    came_from: str
    fit: Fit
    codes: list[str]
    status: PatientStatus
    sms: int
    at: Moment


class RolloutPatientPage(Model, json_schema_extra=page_of(RolloutPatientOut)):
    """By id. ``next``: give it as ``after`` for the next ones."""

    items: list[RolloutPatientOut]
    next: str | None


class DecisionIn(
    Model,
    json_schema_extra=example(
        decision="move", services={"blood_pressure": "follow_up"}, accept=["referral_under_way"], why="replaced"
    ),
):
    """What a person decides about somebody who was left.

    ``move`` with what is replaced by what for this patient; ``accept``: codes that do not hold the move up any more. ``stay``: on
    the old version. ``why`` is a code, for it is kept with the pathway: ``replaced``, ``clinician_decided``, ``patient_wishes``,
    ``ends_soon``.
    """

    decision: Literal["move", "stay"]
    services: Replaced = Field(default_factory=dict)
    tags: Replaced = Field(default_factory=dict)
    accept: list[Name] = Field(default_factory=list, max_length=20)
    why: Literal["replaced", "clinician_decided", "patient_wishes", "ends_soon"]
