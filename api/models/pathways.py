"""Pathways, as the API gives them."""

from __future__ import annotations

from typing import Literal

from api.models.base import Model, Moment, example

_VERSION = {
    "pathway": "hypertension",
    "version": "0a1b2c3d4e5f6071",
    "published": "2025-03-03T01:00:00Z",
    "published_by": "key-7f3a",
    "current": True,
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

    ``published_by``: the id of the key or account that published it; empty for a pathway that came with Cairn.
    """

    pathway: str
    version: str
    published: Moment
    published_by: str
    current: bool


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
