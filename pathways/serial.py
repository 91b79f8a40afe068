"""Engine objects to and from plain JSON: what the log, the snapshot and the outbox hold.

Rule 1: what comes back is equal to what went in: True stays yes, 5.0 stays a number, tuples stay tuples, moments stay aware.
Rule 2: ``type`` names the class in snake_case (``visit_completed``); renaming a class is a change of what is stored.
Rule 3: what cannot be read is refused with its place and remedy; nothing is dropped in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from functools import lru_cache
from typing import Any, cast, get_args

from pydantic import TypeAdapter, ValidationError

from pathways.engine.commands import Command, Reason
from pathways.engine.events import AnyEvent, Event
from pathways.engine.state import SCHEMA, State


class Unreadable(ValueError):
    """Stored data is not what it should be; the message names the place and what to do."""


class OldSchema(ValueError):
    """A snapshot of another shape: fold the patient's events again instead of reading it."""

    def __init__(self, found: int, wanted: int) -> None:
        super().__init__(f"the snapshot has schema {found}, this engine keeps schema {wanted}: refold it from the event log")
        self.found, self.wanted = found, wanted


def type_name(of: type) -> str:
    """``VisitCompleted`` as ``visit_completed``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", of.__name__).lower()


_EVENTS: Mapping[str, type] = {type_name(cls): cls for cls in get_args(AnyEvent)}
_COMMANDS: Mapping[str, type] = {type_name(cls): cls for cls in get_args(Command)}


def dump_event(event: AnyEvent) -> dict[str, Any]:
    """JSON-ready: ``{"type": "visit_completed", "id": ..., "at": "2025-03-03T09:00:00Z", ...}``."""
    return _dump(event)


def load_event(data: Mapping[str, Any]) -> AnyEvent:
    """The event that ``dump_event`` wrote. Raises Unreadable, also for a moment without a time zone."""
    event = _load(data, _EVENTS, "event")
    assert isinstance(event, Event)
    if event.at.tzinfo is None or event.learnt.tzinfo is None:
        raise Unreadable(f"{data['type']} event {event.id}: 'at' and 'learnt' need a time zone, such as 2025-03-03T09:00:00Z")
    return cast(AnyEvent, replace(event, at=event.at.astimezone(UTC), learnt=event.learnt.astimezone(UTC)))


def dump_command(command: Command) -> dict[str, Any]:
    """JSON-ready: ``{"type": "send_message", "key": ..., ...}``."""
    return _dump(command)


def load_command(data: Mapping[str, Any]) -> Command:
    """The command that ``dump_command`` wrote. Raises Unreadable."""
    return cast(Command, _load(data, _COMMANDS, "command"))


def dump_reason(reason: Reason) -> dict[str, Any]:
    """JSON-ready; without ``type``, for there is one class only."""
    return cast(dict[str, Any], _adapter(Reason).dump_python(reason, mode="json"))


def load_reason(data: Mapping[str, Any]) -> Reason:
    """The reason that ``dump_reason`` wrote. Raises Unreadable."""
    return cast(Reason, _validated(Reason, dict(data), "reason"))


def dump_state(state: State) -> bytes:
    """The snapshot, the same bytes for the same state."""
    return _adapter(State).dump_json(state)


def load_state(snapshot: bytes) -> State:
    """The state that ``dump_state`` wrote. Raises OldSchema where it has another schema, Unreadable where it is no snapshot."""
    try:
        data = json.loads(snapshot)
    except ValueError as broken:
        raise Unreadable(f"the snapshot is not JSON ({broken}): refold it from the event log") from None
    if not isinstance(data, dict) or not isinstance(data.get("schema"), int):
        raise Unreadable("the snapshot names no schema: refold it from the event log")
    if data["schema"] != SCHEMA:
        raise OldSchema(data["schema"], SCHEMA)
    return cast(State, _validated(State, data, "snapshot"))


def load_older_state(snapshot: bytes) -> State | None:
    """What this engine understands of a snapshot of another schema, for its keys; None where that is nothing."""
    try:
        return cast(State, _adapter(State).validate_python({**json.loads(snapshot), "schema": SCHEMA}, extra="ignore"))
    except (ValueError, TypeError):  # a ValidationError is a ValueError
        return None


@lru_cache(maxsize=64)
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _dump(value: object) -> dict[str, Any]:
    cls: type = type(value)
    return {"type": type_name(cls), **_adapter(cls).dump_python(value, mode="json")}


def _load(data: Mapping[str, Any], classes: Mapping[str, type], what: str) -> object:
    named = data.get("type")
    cls = classes.get(named) if isinstance(named, str) else None
    if cls is None:
        raise Unreadable(f"{what} type {named!r} is not known; use one of: {', '.join(sorted(classes))}")
    return _validated(cls, {name: value for name, value in data.items() if name != "type"}, f"{named} {what}")


def _validated(cls: type, data: Mapping[str, Any], what: str) -> object:
    try:
        return _adapter(cls).validate_python(data, extra="forbid")
    except ValidationError as refused:
        faults = "; ".join(f"{'.'.join(str(part) for part in fault['loc']) or 'it'}: {fault['msg']}" for fault in refused.errors())
        raise Unreadable(f"{what} cannot be read: {faults}") from None
