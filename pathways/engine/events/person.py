"""Who the person is, which pathways they are on, and life as it is: in hospital, paused, moved away, withdrawn, died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pathways.engine.events.base import Event, Fill, Known, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled(Event):
    """A person joins with what is known of their past. ``texts``: whether they agreed to be texted; None: nobody asked.

    ``lacks``: words for what is not known of the person and should be asked (``birth_date``, ``identifier``).
    """

    pathways: tuple[str, ...]
    born: date | None = None
    sex: str = "unknown"
    conditions: tuple[str, ...] = ()
    timezone: str = "UTC"
    phone: bool = True
    carer: bool = False
    tag: str | None = None
    last_visit: date | None = None
    readings: Mapping[str, Known] = field(default_factory=dict)
    done: Mapping[str, date] = field(default_factory=dict)  # service name to the day it was last done
    fills: tuple[Fill, ...] = ()
    texts: bool | None = None
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PathwaysChanged(Event):
    """The pathways that the patient is on from now, and the conditions that they have; None: those known before.

    ``versions``: of each pathway that begins or ends with this, the version that it begins with, or that was followed last: what
    is learnt later of the time before is still followed by it.
    """

    pathways: tuple[str, ...]
    conditions: tuple[str, ...] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionMoved(Event):
    """A rollout moves the patient from one version of a pathway to another.

    ``services``: a service of the old version to the one that replaces it, "" where it ends on purpose; ``tags`` likewise.
    ``policy``: ``now``, or ``safe_point`` (the version takes over when the next follow-up is done).
    """

    pathway: str
    came_from: str
    to: str
    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    policy: Literal["now", "safe_point"] = "now"
    rollout: str = ""


def versions_in(event: Event) -> tuple[str, ...]:
    """The versions of pathways that an event names."""
    match event:
        case VersionMoved():
            return event.came_from, event.to
        case PathwaysChanged():
            return tuple(event.versions.values())
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected(Event):
    """What an earlier event said was wrong. ``readings``: the right values of those that were; ``void``: it never happened.

    ``why``: a code, for who reads the log.
    """

    corrects: str
    readings: Readings = field(default_factory=dict)
    void: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged(Event):
    """Something about the person is now different; None leaves it as it was."""

    conditions: tuple[str, ...] | None = None
    born: date | None = None
    sex: str | None = None
    timezone: str | None = None
    phone: bool | None = None
    carer: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospitalised(Event):
    """In hospital: contacts rest until the discharge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discharged(Event):
    """Back from hospital."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """Care rests on the patient's wish, until ``until`` or until resumed."""

    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """Care goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedAway(Event):
    """Left the network's area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    """Does not want to be followed any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Died(Event):
    """Has died."""
