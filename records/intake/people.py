"""One person as a hospital or a centre sent them, in our own words.

Rule 1: an Intake holds only what was understood; everything else is in its notes, with a remedy.
Rule 2: values are in the units named here, times carry their offset, condition words are ours.
Rule 3: what is personal never shows in a repr, so that a log line cannot give a person away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal

Sex = Literal["male", "female", "other", "unknown"]
PhoneOwner = Literal["self", "carer"]

READINGS_KEPT = 5
"""How many readings of each name an Intake keeps, the newest."""

VISITS_KEPT = 10
"""How many visits an Intake keeps, the newest."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """A number that names this person in somebody's system: ``system`` is a URI, ``value`` has no surrounding space."""

    system: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PersonName:
    """``full`` is how the name is shown; ``family`` and ``given`` are empty where they could not be told apart."""

    family: str = field(repr=False)
    given: str = field(repr=False)
    full: str = field(repr=False)
    prefix: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone: ``number`` is E.164, or None when ``raw`` is not a number that can exist in that country."""

    number: str | None = field(repr=False)
    raw: str = field(repr=False)
    owner: PhoneOwner
    carer_name: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KnownReading:
    """A measurement: ``value`` in ``unit`` (ours), taken ``at`` (aware; a bare date is local noon).

    ``original_value`` and ``original_unit`` are what was sent; ``loinc`` is None when it came from a roster.
    """

    name: str
    value: float = field(repr=False)
    at: datetime
    unit: str
    original_unit: str
    loinc: str | None = None
    original_value: float | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KnownMedicine:
    """A medicine the person is on now.

    ``name`` is the generic ingredient in lower case ("metformin", "amlodipine/valsartan" for a fixed combination),
    ``days_supply`` the days the last fill (or the prescription) covers, ``last_fill`` the day it was handed over.
    """

    name: str = field(repr=False)
    code: str | None = field(repr=False)
    text: str = field(repr=False)
    since: date | None
    days_supply: int | None
    last_fill: date | None


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Something that was sent and is not used: where it stands, what it is, what would make it usable."""

    place: str
    what: str = field(repr=False)
    remedy: str


@dataclass(frozen=True, slots=True)
class Intake:
    """One person, ready to be enrolled.

    ``source`` is the file's name, ``place`` where in it ("entry 12", "row 7"). The first of ``identifiers`` is the most stable one;
    without one, or without ``born``, somebody comes only as a record system's own Patient. ``died`` is set for everyone reported
    dead, even when the day itself was not sent (the last day anything is known of then stands in, and a note says so).
    ``readings`` and ``visits`` are newest first, ``visits`` are days in the person's own time zone. ``services_done`` gives the
    last day of each of annual_exam, eye_screening, foot_screening, kidney_screening, hba1c that is known. ``texts``: whether they
    agreed to be texted, None where nobody says.
    """

    source: str = field(repr=False)
    place: str
    identifiers: tuple[Identifier, ...]
    name: PersonName = field(repr=False)
    sex: Sex
    born: date | None = field(repr=False)
    died: date | None = None
    phones: tuple[Phone, ...] = ()
    language: str | None = None
    timezone: str | None = None
    conditions: frozenset[str] = field(default=frozenset(), repr=False)
    readings: tuple[KnownReading, ...] = field(default=(), repr=False)
    visits: tuple[date, ...] = ()
    medicines: tuple[KnownMedicine, ...] = field(default=(), repr=False)
    care_team: str | None = None
    tag: str | None = None
    texts: bool | None = None
    texts_source: Literal["enrolment", "hospital"] = "enrolment"
    services_done: Mapping[str, date] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[NotUnderstood, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A file, an entry or a row that could not become a person: where, what is wrong, what would be right.

    ``str()`` is for whoever sent the file and may quote it; the repr, which may reach a log, does not.
    """

    source: str = field(repr=False)
    place: str
    what: str = field(repr=False)
    remedy: str

    def __str__(self) -> str:
        return f"{self.source}, {self.place}: {self.what}; {self.remedy}"


def newest_readings(readings: list[KnownReading]) -> tuple[tuple[KnownReading, ...], int]:
    """The newest five of each name, newest first, and how many older ones were left out; a repeated one counts once."""
    kept: list[KnownReading] = []
    seen: dict[str, int] = {}
    left_out = 0
    for reading in sorted(dict.fromkeys(readings), key=lambda reading: reading.at, reverse=True):
        seen[reading.name] = seen.get(reading.name, 0) + 1
        if seen[reading.name] <= READINGS_KEPT:
            kept.append(reading)
        else:
            left_out += 1
    return tuple(kept), left_out


def newest_visits(days: set[date]) -> tuple[date, ...]:
    """The newest ten different days, newest first."""
    return tuple(sorted(days, reverse=True)[:VISITS_KEPT])
