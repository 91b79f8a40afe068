"""What every model of the API has in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictFloat,
    StrictInt,
    model_validator,
)

from pathways.engine.events import Value


class Shown(BaseModel):
    """Frozen and closed: what is only ever told. It is made of what we keep, so nobody looks through it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(Shown):
    """What may come in as well."""

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        if _holds_nul(data):
            raise ValueError("holds a NUL character, which no database keeps")
        return data


def example(**shown: Any) -> dict[str, Any]:
    """What a reader of the API's description sees of a model: ``class TaskOut(Model, json_schema_extra=example(kind=...))``."""
    return {"examples": [shown]}


def page_of(shown: type[Shown], **beside: Any) -> dict[str, Any]:
    """The example of a list: one item, by the item's own example."""
    extra = shown.model_config.get("json_schema_extra")
    items = extra.get("examples", []) if isinstance(extra, dict) else []
    return example(items=items, **(beside or {"next": None}))


def _holds_nul(data: Any) -> bool:
    waiting: list[Iterable[Any]] = [(data,)]  # no recursion: a document may be nested deeper than the stack is
    while waiting:
        for part in waiting.pop():
            if isinstance(part, str):
                if "\x00" in part:
                    return True
            elif isinstance(part, dict):
                waiting += (part, part.values())
            elif isinstance(part, list):
                waiting.append(part)
    return False


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


#: A moment in an answer: RFC 3339, UTC, with Z.
Moment = Annotated[datetime, PlainSerializer(_written, return_type=str)]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies beyond the years that a calendar has") from None


#: A moment in a request: any offset, but one must be there.
AMoment = Annotated[AwareDatetime, AfterValidator(_in_utc)]

Words = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=100)]

MOST = 10**15  # as many digits as a float keeps; nothing measured has more

#: Name to a number in the reading's own unit, yes or no, a word, or chosen words.
ReadingsIn = Annotated[
    dict[
        Name,
        StrictBool
        | Annotated[StrictInt, Field(ge=-MOST, le=MOST)]
        | Annotated[StrictFloat, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
        | Name
        | Words,
    ],
    Field(max_length=100),
]


def to_values(readings: dict[str, Any]) -> dict[str, Value]:
    """As events hold them: whole numbers are numbers, lists are tuples."""
    return {name: _value(value) for name, value in readings.items()}


def _value(value: Any) -> Value:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return float(value)
    return tuple(value)


_MOVED = {"id": "9f0c1d2e", "tag": "yellow", "life": "active", "reach": "reachable", "next_due": "2025-03-14T01:00:00Z"}


class Happened(Model, json_schema_extra=example(at="2025-03-03T09:00:00+08:00")):
    """Something that happened: ``at`` is now unless given; it may not lie ahead. ``id`` makes the event's, like Idempotency-Key."""

    at: AMoment | None = None
    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class Moved(Shown, json_schema_extra=example(**_MOVED)):
    """How the patient stands after an event. A hospital, clinic or pharmacy is told neither ``tag`` nor ``next_due``."""

    id: str
    tag: str | None
    life: str
    reach: str
    next_due: Moment | None


class Written(Shown, json_schema_extra=example(event_id="visit/5f2c9a", acted_on=True, patient=_MOVED)):
    """An event was stored. ``acted_on`` False: Temporal is away or slow; it is acted on later, nothing is lost.

    ``event_id`` is empty where the same had been told before and nothing was stored.
    """

    event_id: str
    acted_on: bool
    patient: Moved


class ReadingAsked(Shown):
    """Something to be measured or asked. ``kind``: number, choices, yes_no, list."""

    name: str
    kind: str
    unit: str | None = None
    choices: list[str] = Field(default_factory=list)
    label: str


class PersonBrief(Shown):
    """Who a task is about. ``name`` is None for a person who was forgotten."""

    id: str
    name: str | None
    tag: str | None


class Day(Model):
    """A day, optionally."""

    day: date | None = None
