"""What a resource type is to the FHIR door: the shape that every module in ``types`` fills.

The door (``app``) reads requests, asks a type, and writes answers; a type knows its table, its words and nothing of HTTP.

Rule 1: a type shows only what the caller's scope holds; what is not theirs looks like what is not there.
Rule 2: every shown resource has ``meta.versionId`` and ``meta.lastUpdated``, and one form of a moment (``moment``).
Rule 3: a search parameter that a type does not declare is refused, never ignored; what is declared is in the CapabilityStatement.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from api.parts import ApiParts
from records.callers import Caller

Resource = dict[str, Any]  # a FHIR resource as JSON
ParamType = Literal["token", "reference", "date", "string", "uri", "number", "quantity"]
Interaction = Literal["read", "vread", "search-type", "history-instance", "create", "update", "patch"]
Counted = Literal["none", "bounded", "exact"]


@dataclass(frozen=True, slots=True)
class Param:
    """A search parameter. ``targets``: of a reference, the types it may point to; ``definition``: HL7's canonical URL."""

    type: ParamType
    documentation: str
    targets: tuple[str, ...] = ()
    modifiers: tuple[str, ...] = ()  # such as "not", "missing", "exact", "contains"
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """``system``: None where none was named, "" where it must have none; ``code``: "" where any code of the system will do."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Span:
    """A date of a search: from ``low`` up to, but without, ``high`` (UTC). ``prefix``: eq, ne, gt, lt, ge, le, sa or eb."""

    prefix: str
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference of a search. ``type``: "" where only an id was given."""

    type: str
    id: str


Value = Token | Span | Ref | str


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter of a search: any of its values will do; several filters must all hold."""

    name: str
    modifier: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one type. ``sort``: parameter names, each with True for descending; ``after``: the cursor of the page before.

    ``counted``: whether ``total`` is wanted, and however many there are (exact); a type may always leave it out.
    """

    filters: tuple[Filter, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()
    count: int = 50
    after: str | None = None
    counted: Counted = "bounded"

    def of(self, name: str) -> tuple[Filter, ...]:
        """The filters by this parameter."""
        return tuple(one for one in self.filters if one.name == name)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of matches. ``total``: how many there are in all; None where counting them would cost too much."""

    resources: Sequence[Resource]
    next: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """One request at the door: who asks, in which transaction. ``base``: the door's own address, without a slash at the end."""

    parts: ApiParts
    session: AsyncSession
    caller: Caller
    base: str
    language: str = "en"


class Kind(Protocol):
    """A resource type. All of these are plain attributes of a small class; there is one object of it in ``registry.KINDS``."""

    type: str
    reads: tuple[str, ...]  # the rights of which a caller needs one to read or search
    params: Mapping[str, Param]  # besides _id and _lastUpdated, which every type has
    sorts: tuple[str, ...]  # names that _sort takes
    includes: Mapping[str, str]  # "Task:patient" -> JSON path of the reference within the resource, such as "for"
    interactions: frozenset[Interaction]

    async def one(self, door: Door, id_: str) -> Resource | None:
        """The resource as it is now; None where there is none that the caller may see."""
        ...

    async def search(self, door: Door, query: Query) -> Found:
        """Matches in a stable order. Raises BadCursor, and Unusable for a value that cannot be meant."""
        ...

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """What it was, the newest first; empty where there is none that the caller may see."""
        ...


class Issue(NamedTuple):
    """One thing that is wrong, as in ``Refused``."""

    code: str
    text: str
    where: tuple[str, ...] = ()


@dataclass
class Refused(Exception):
    """A request at the door that cannot be met: becomes an OperationOutcome.

    ``code``: of HL7's IssueType, such as invalid, business-rule, not-found, conflict, forbidden, not-supported, duplicate;
    ``text``: what is wrong and what would be right; ``where``: FHIRPath expressions; ``also``: what else is wrong.
    """

    status: int
    code: str
    text: str
    where: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    also: tuple[Issue, ...] = ()


def unusable(where: str, what: str, remedy: str) -> Refused:
    """A value that cannot be meant."""
    return Refused(400, "invalid", f"{where} {what}: {remedy}", (where,))


def moment(at: datetime) -> str:
    """A moment in the one form of this door: UTC, whole milliseconds, ``Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def id_under(patient_id: str, key: str) -> str:
    """The FHIR id of a thing that belongs to a patient and has a key there: at most 57 characters of those that R4 allows."""
    return f"{patient_id}.{hashlib.sha256(key.encode()).hexdigest()[:24]}"


def patient_of(id_: str) -> str:
    """The patient whose thing has this id (``id_under``); the id itself where it has no dot."""
    return id_.partition(".")[0]


def meta(version: int | str, at: datetime, *profiles: str) -> dict[str, Any]:
    """``meta`` of a resource."""
    made: dict[str, Any] = {"versionId": str(version), "lastUpdated": moment(at)}
    return made | ({"profile": list(profiles)} if profiles else {})
