"""One request at the door and its answer, free of HTTP: the same by itself and as an entry of a Bundle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from api.fhir.kinds import Resource
from api.fhir.making import Making
from api.parts import ApiParts
from records.callers import Caller

JSON = "application/json"
FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Asked:
    """``path``: beneath the door, such as ``Task/4be1a7``; ``headers``: by names in lower case; ``body``: read as JSON.

    ``text``: the body as it was sent, for what must be told apart byte by byte (Idempotency-Key).
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = FHIR_JSON
    body: Any = None
    text: bytes = b""

    @property
    def type(self) -> str:
        """The resource type that the path names; "" for the door itself."""
        return self.path.partition("/")[0]

    @property
    def id(self) -> str:
        """The id that the path names; "" where it names none."""
        return self.path.partition("/")[2].partition("/")[0]


@dataclass(frozen=True, slots=True)
class Answered:
    """``resource``: None for an empty body."""

    status: int
    resource: Resource | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


#: Whether the caller may do this (``r``, ``c``, ``u``, ``s``... of SMART; the rights of which one is needed), and the beginning of
#: its trail. ``record``: the id that was named. Raises Refused 403, Problem 503.
Enter = Callable[..., Awaitable[None]]


async def _nothing(status: int) -> None:
    """The trail ends with the request."""


@dataclass(frozen=True)
class Desk:
    """Who asks, and where. ``base``: the door's own address; ``enter``: ``await enter(type, letter, rights, record=id)``; ``read``:
    how a GET is answered; ``leave``: writes down what came of an entry of a Bundle, so that the next may enter.
    """

    parts: ApiParts
    caller: Caller
    base: str
    language: str
    enter: Enter
    read: Callable[[Desk, Asked], Awaitable[Answered]]
    leave: Callable[[int], Awaitable[None]] = _nothing


class Writes(Protocol):
    """What a type adds that may be written. ``writes``: the rights of which a caller needs one; ``removable``: elements that a
    patch may take away.

    A write opens its own short transactions: while one waits for a patient, it holds no other connection.
    """

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]]
    removable: frozenset[str]

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Make it of a resource that was validated; the id it has now. Raises Refused, Exists."""
        ...

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        """Do what the difference between ``before`` (as it is now) and ``after`` means. Raises Refused where it means nothing
        that may be done."""
        ...

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        """Nobody needs it any more."""
        ...
