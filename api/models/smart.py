"""Record systems that sign in by SMART Backend Services, and accounts as an OpenID provider knows them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.models.access import MADE, Role, Where
from api.models.base import Model, Moment, Name, example, page_of
from api.models.places import Next

_ASKED = {
    "name": "record system of the District Hospital",
    "role": "clinic",
    "place": "hospital-1",
    "jwks_url": "https://hospital.example/jwks.json",
    "scopes": ["system/Task.rus", "system/ServiceRequest.rs"],
}
_CHANGED = {name: _ASKED[name] for name in ("name", "jwks_url", "scopes")}
_STANDS = {"id": "9c1f7a", **_ASKED, "jwks": None, "created": MADE, "revoked": None, "version": 1}
_SUBJECT = {"issuer": "https://id.example", "subject": "248289761001"}

Url = Annotated[str, Field(min_length=8, max_length=500, pattern=r"^\S+$")]
Scopes = Annotated[list[Annotated[str, Field(max_length=80)]], Field(min_length=1, max_length=60)]
KeySet = Annotated[dict[str, Any], Field(description="public keys, as RFC 7517 has them: {'keys': [...]}")]


class SmartClientChange(Model, json_schema_extra=example(**_CHANGED)):
    """What can be changed; its tokens end. One of ``jwks`` and ``jwks_url``: keys sent here, or where to fetch them."""

    name: Name
    scopes: Scopes
    jwks: KeySet | None = None
    jwks_url: Url | None = None


class SmartClientIn(SmartClientChange, json_schema_extra=example(**_ASKED)):
    """A new one. It sees what an API key of this role and place sees, and no more of it than its scopes say."""

    role: Role
    place: Where


class SmartClientOut(Model, json_schema_extra=example(**_STANDS)):
    """``id`` is its client_id: ``iss`` and ``sub`` of its assertions."""

    id: str
    name: str
    role: str
    place: str
    jwks: dict[str, Any] | None
    jwks_url: str | None
    scopes: list[str]
    created: Moment
    revoked: Moment | None
    version: int


class SmartClientPage(Model, json_schema_extra=page_of(SmartClientOut)):
    """By id."""

    items: list[SmartClientOut]
    next: Next


Issuer = Annotated[str, Field(min_length=8, max_length=300, pattern=r"^https?://\S+$")]
Subject = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[ -~]+$")]


class SubjectIn(Model, json_schema_extra=example(**_SUBJECT)):
    """Somebody as an OpenID provider knows them: its address (the one in use, where left out), and its name for them (``sub``)."""

    subject: Subject
    issuer: Issuer | None = None


class SubjectOut(Model, json_schema_extra=example(**_SUBJECT, created=MADE)):
    """One link of an account."""

    issuer: str
    subject: str
    created: Moment


class SubjectList(Model, json_schema_extra=page_of(SubjectOut)):
    """All links of an account, the oldest first."""

    items: list[SubjectOut]
    next: Next
