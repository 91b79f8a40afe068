"""What a forecast is asked, whom it looks at, and what comes of each: plain data that goes from one process to another.

Rule: nothing in here holds more of a patient than an opaque id, days, tags, and the snapshot that is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from pathways.engine.plan import ContactRules
from pathways.forecast.behaviour import Behaviour
from pathways.forecast.bookings import WorkingDays

World = Literal["present", "draft"]
WORLDS: tuple[World, ...] = ("present", "draft")
MEASURES = ("visits", "calls", "home_visits", "screenings", "referrals", "refills", "sms", "segments")
BATCHES = 10


@dataclass(frozen=True)
class Asked:
    """What is forecast. ``texts``: the definitions that are needed, by version; ``draft``: which of them is tried.

    ``services`` and ``tags``: what of the versions that are left is replaced by what, "" for what ends on purpose.
    ``told``: numbers in the draft's scenarios by reading, for a reading that no patient has.
    """

    pathway: str
    draft: str
    texts: Mapping[str, str]
    now: datetime
    weeks: int = 52
    seed: int = 1
    behaviour: Behaviour = field(default_factory=Behaviour)
    contact: ContactRules = field(default_factory=ContactRules)
    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sampled:
    """One patient of the sample. ``state``: the stored snapshot, opened; ``log``: events as JSON, for a snapshot of an older shape.

    ``untaken``: events that no step has taken yet; ``versions``: pathway to version.
    """

    id: str
    language: str
    versions: Mapping[str, str]
    state: bytes
    log: tuple[bytes, ...] = ()
    untaken: tuple[bytes, ...] = ()
    last_step: datetime | None = None
    batch: int = 0


@dataclass(frozen=True)
class Part:
    """Some of the sampled patients of one care team, standing for all ``patients`` of it.

    ``contact``: the rules by which they are texted; None: those of what was asked.
    """

    team: str
    patients: int
    capacity: int
    worked: WorkingDays
    people: Sequence[Sampled]
    contact: ContactRules | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """What the draft does to one patient. Days are those of the next contact on the first day, tags the worst of the pathway.

    ``fit``: clean, mapped, needs_person, or "" for somebody on the draft already; ``why``: codes.
    """

    patient: str
    team: str
    tag_before: str | None
    tag_after: str | None
    end_before: str | None
    end_after: str | None
    day_before: date | None
    day_after: date | None
    fit: str = ""
    why: tuple[str, ...] = ()


@dataclass
class PartDone:
    """What a part came to. ``counts``: by world, batch and measure, so many in each week; ``left_out``: codes to patients."""

    team: str
    sizes: Counter[int] = field(default_factory=Counter)  # by batch
    counts: dict[tuple[World, int, str], list[int]] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    unsettled: int = 0
