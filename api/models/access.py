"""Keys, accounts, signing in, and the audit log, as the API gives and takes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.models.base import Model, Moment, Name, example, page_of
from api.models.places import Next

Role = Annotated[str, Field(min_length=1, max_length=60)]
Where = Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9-]{0,39})$", description="a care team or a place; * for every network")]
Rights = Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=60)]
Days = Annotated[int, Field(ge=1, le=3660)]
Password = Annotated[str, Field(max_length=1000)]
Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{1,99}$")]

KEY = {"name": "inbox of the District Hospital", "role": "clinic", "place": "hospital-1", "rights": None}
ZHOU = {"login": "zhou", "name": "Zhou Min", "role": "health_manager", "place": "team-1"}
MADE = "2025-03-03T01:00:00Z"
KEY_ROW = {"id": "0f3a9c1b2d4e5f60", "created": MADE, "expires": "2026-03-03T01:00:00Z", "revoked": None, "last_used": None}


class KeyIn(Model, json_schema_extra=example(**KEY, expires_in_days=365)):
    """A new key. ``rights``: some of the role's, or all where left out; without ``expires_in_days`` it lasts until revoked."""

    name: Name
    role: Role
    place: Where
    rights: Rights | None = None
    expires_in_days: Days | None = None


class KeyOut(Model, json_schema_extra=example(**KEY, **KEY_ROW)):
    """A key, without what it opens with: only a hash of that is kept."""

    id: str
    name: str
    role: str
    place: str
    rights: list[str] | None
    created: Moment
    expires: Moment | None
    revoked: Moment | None
    last_used: Moment | None


class NewKey(KeyOut, json_schema_extra=example(**KEY, **KEY_ROW, key="cairn_...")):
    """``key`` is shown this once."""

    key: str


class KeyPage(Model, json_schema_extra=page_of(KeyOut)):
    """Keys by id."""

    items: list[KeyOut]
    next: Next


class RotateIn(Model, json_schema_extra=example(grace_hours=24)):
    """How long the old key goes on, so that every tool can be told the new one. Without ``expires_in_days`` the new one lasts as
    long as the old one was made for."""

    grace_hours: Annotated[int, Field(ge=0, le=24 * 31)] = 24
    expires_in_days: Days | None = None


class AccountChange(Model, json_schema_extra=example(name="Zhou Min", role="health_manager", place="team-1", disabled=False)):
    """Everything of an account but its login. ``password``: only where it is to be another; whoever is signed in is signed out."""

    name: Annotated[str, Field(max_length=100)] = ""
    role: Role
    place: Where
    disabled: bool = False
    password: Password | None = None


class AccountIn(Model, json_schema_extra=example(**ZHOU, password="four words nobody guesses")):
    """A new account. The login is compared without regard to case. Without ``password`` nobody signs in with one: its person comes
    from an OpenID provider."""

    login: Login
    name: Annotated[str, Field(max_length=100)] = ""
    role: Role
    place: Where
    password: Password | None = None


class AccountOut(
    Model,
    json_schema_extra=example(
        id="5b6c7d8e9f001122", disabled=False, locked=False, second_factor=True, created=MADE, version=1, **ZHOU
    ),
):
    """An account. ``locked``: too many tries have failed; it opens by itself, or with another password. ``second_factor``: whether
    signing in takes a code besides."""

    id: str
    login: str
    name: str
    role: str
    place: str
    disabled: bool
    locked: bool
    second_factor: bool
    created: Moment
    version: int


class AccountPage(Model, json_schema_extra=page_of(AccountOut)):
    """Accounts by id."""

    items: list[AccountOut]
    next: Next


class SignIn(Model, json_schema_extra=example(login="zhou", password="four words nobody guesses")):
    """A login and its password. ``code``: of the second factor, or a recovery code, where the account has one."""

    login: Annotated[str, Field(min_length=1, max_length=100)]
    password: Annotated[str, Field(min_length=1, max_length=1000)]
    code: Annotated[str, Field(max_length=40)] = ""


class SignedIn(Model, json_schema_extra=example(token="cairnsession_...", expires="2025-03-03T13:00:00Z")):
    """Send ``token`` as a key; it ends at ``expires``, or when it is signed out."""

    token: str
    expires: Moment


class PasswordIn(Model, json_schema_extra=example(old="four words nobody guesses", new="five other words nobody guesses")):
    """Another password for oneself. Whoever else is signed in with the account is signed out."""

    old: Annotated[str, Field(min_length=1, max_length=1000)]
    new: Password


class MeOut(Model, json_schema_extra=example(id="5b6c7d8e9f001122", name="Zhou Min", role="auditor", place="*", account=True,
                                              rights=["audit.read", "self.read"])):  # fmt: skip
    """Who calls. ``account``: somebody who signed in; otherwise a key. ``rights``: what it may do, of records of its place."""

    id: str
    name: str
    role: str
    place: str
    account: bool
    rights: list[str]


class AuditEntry(
    Model,
    json_schema_extra=example(
        at=MADE, chain="6f0c", seq=12, who="5b6c7d8e9f001122", role="doctor", place="team-1", action="patients.read",
        record="9a8b7c", patients=["9a8b7c"], status=200, request="e1d2c3", hash="77aa",
    ),
):  # fmt: skip
    """One reading or writing. ``action``: the right that was used; ``record``: what was asked for; ``patients``: whose records were
    opened; ``status``: of the answer, 0 for a change that was about to be made. One ``request`` may leave several."""

    at: Moment
    chain: str
    seq: int
    who: str
    role: str
    place: str
    action: str
    record: str
    patients: list[str]
    status: int
    request: str
    hash: str


class AuditPage(Model, json_schema_extra=page_of(AuditEntry)):
    """Newest first."""

    items: list[AuditEntry]
    next: Next
