"""Pathways, as the API gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.models.base import Model, Moment, example

_VERSION = {
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "published": "2025-03-03T01:00:00Z",
    "published_by": "key-7f3a",
    "current": True,
    "approved_by": "key-19bc",
    "why": "the county asks for ten days",
    "retired": None,
}
_DEED = {
    "id": 12,
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "about": "5b0d3c9e",
    "did": "approved",
    "by": "key-19bc",
    "by_name": "Wang, care programme",
    "at": "2025-03-03T01:00:00Z",
    "why": "as agreed on Monday",
}
_DIFFERENCE = {
    "area": "service",
    "name": "follow_up",
    "kind": "changed",
    "sentence": "red: every 15 days becomes every 10 days",
}
_DIAGNOSTIC = {
    "line": 41,
    "column": 17,
    "severity": "error",
    "kind": "UnknownMessage",
    "what": "no message called 'visit_son'",
    "remedy": "did you mean 'visit_soon'?",
}
_WARNING = {**_DIAGNOSTIC, "severity": "warning", "kind": "NotUsed", "what": "no service sends 'visit_soon'", "remedy": "remove it"}


class VersionOut(Model, json_schema_extra=example(**_VERSION)):
    """A published version, named by the hash of its text. ``current``: new enrolments follow it.

    ``published_by``: the id of the key or account that published it; empty for a pathway that came with Cairn. ``approved_by``:
    the second person. ``retired``: since when nobody is put on it any more.
    """

    pathway: str
    version: str
    published: Moment
    published_by: str
    current: bool
    approved_by: str
    why: str
    retired: Moment | None


class PathwaysOut(Model, json_schema_extra=example(items=[_VERSION])):
    """The current version of each pathway, by name."""

    items: list[VersionOut]


class VersionsOut(Model, json_schema_extra=example(items=[_VERSION], next="WyIyMDI1LTAzLTE2VDAxOjAwOjAwKzAwOjAwIiwgIjc3YzBkMiJd")):
    """Newest first. ``next``: give it as ``after`` for the older ones."""

    items: list[VersionOut]
    next: str | None


class PublishedOut(
    VersionOut,
    json_schema_extra=example(**_VERSION, new=True, note="New enrolments follow this version. Patients who are enrolled stay ..."),
):
    """What is current now. ``new``: this text was not published before; ``note``: whom it concerns."""

    new: bool
    note: str


class DiagnosticOut(Model, json_schema_extra=example(**_DIAGNOSTIC)):
    """Something wrong with a document (error), or to be thought about (warning). ``line`` and ``column`` count from 1."""

    line: int
    column: int
    severity: Literal["error", "warning"]
    kind: str
    what: str
    remedy: str


class CheckedOut(
    Model, json_schema_extra=example(clean=True, pathway="hypertension", version="0a1b2c3d4e5f6071", diagnostics=[_WARNING])
):
    """``clean``: it could be published, as ``version`` of ``pathway``; warnings do not keep it from that."""

    clean: bool
    pathway: str | None
    version: str | None
    diagnostics: list[DiagnosticOut]


Why = Annotated[str, Field(min_length=1, max_length=2000)]


class WhyIn(Model, json_schema_extra=example(why="the county asks for ten days")):
    """The reason, for whoever reads the pathway's deeds."""

    why: Why


class MaybeWhyIn(Model, json_schema_extra=example(why="as agreed on Monday")):
    """The reason, where there is one to give."""

    why: Annotated[str, Field(max_length=2000)] = ""


class DeedOut(Model, json_schema_extra=example(**_DEED)):
    """Who did what to a pathway, when and why. ``about``: the draft's or rollout's id, where there is one.

    ``by``: the id of a key or account, ``by_name`` what it is called; empty where it has no name.
    ``did``: drafted, edited, checked, approval_asked, approved, sent_back, discarded, published, made_current, retired,
    rollout_started, rollout_paused, rollout_resumed, rollout_stopped, rolled_back, patient_decided.
    """

    id: int
    pathway: str
    version: str
    about: str
    did: str
    by: str
    by_name: str
    at: Moment
    why: str


class DeedsOut(Model, json_schema_extra=example(items=[_DEED], next=None)):
    """The latest first. ``next``: give it as ``after`` for the older ones."""

    items: list[DeedOut]
    next: str | None


class DifferenceOut(Model, json_schema_extra=example(**_DIFFERENCE)):
    """One thing that changes, in the words of care. ``area``: what kind of thing; ``name``: which, as the definition names it."""

    area: str
    name: str
    kind: Literal["added", "removed", "changed"]
    sentence: str


class DiffOut(Model, json_schema_extra=example(old="0a1b2c3d4e5f6071", new="77c0d2b1a9e84f30", changes=[_DIFFERENCE], note="")):
    """From version ``old`` (empty: there was none) to ``new``; in the order of the definition. ``note``: where nothing changes."""

    old: str
    new: str
    changes: list[DifferenceOut]
    note: str
