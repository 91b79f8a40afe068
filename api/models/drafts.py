"""Drafts of pathways, as the API gives them."""

from __future__ import annotations

from typing import Literal

from api.models.base import Model, Moment, example, page_of
from api.models.pathways import DiagnosticOut

Status = Literal["draft", "checked", "approved", "published", "discarded"]
_DRAFT = {
    "id": "5b0d3c9e",
    "pathway": "hypertension",
    "version": "77c0d2b1a9e84f30",
    "based_on": "0a1b2c3d4e5f6071",
    "status": "checked",
    "why": "the county asks for ten days",
    "author": "key-7f3a",
    "author_name": "Li, coordinator",
    "last_writer": "key-7f3a",
    "last_writer_name": "Li, coordinator",
    "approved_by": "",
    "approved_by_name": "",
    "created": "2025-03-03T01:00:00Z",
    "changed": "2025-03-03T02:00:00Z",
    "edit": 2,
}


_BRIEF = {name: what for name, what in _DRAFT.items() if not name.startswith("last_writer")}


class DraftBrief(Model, json_schema_extra=example(**_BRIEF)):
    """A definition that is being written. ``version``: the hash of its text as it stands, by which it would be published.

    ``based_on``: the version that its author had read. ``author``, ``approved_by``: ids of keys or accounts; what they are called
    stands beside them, empty where they have no name. ``edit``: counts edits, and is its ETag.
    """

    id: str
    pathway: str
    version: str
    based_on: str
    status: Status
    why: str
    author: str
    author_name: str
    approved_by: str
    approved_by_name: str
    created: Moment
    changed: Moment
    edit: int


_WARNING = {"line": 41, "column": 3, "severity": "warning", "kind": "NotUsed", "what": "no service sends it", "remedy": "remove it"}


class DraftOut(DraftBrief, json_schema_extra=example(**_DRAFT, text="pathway: hypertension\n...", diagnostics=[_WARNING])):
    """A draft with its text and what is wrong with it; ``diagnostics`` is null while many are being checked."""

    last_writer: str
    last_writer_name: str
    text: str
    diagnostics: list[DiagnosticOut] | None


class DraftsOut(Model, json_schema_extra=page_of(DraftBrief)):
    """The one that was changed last first. ``next``: give it as ``after`` for the others."""

    items: list[DraftBrief]
    next: str | None
