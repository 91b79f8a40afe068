"""The risk tag over time: in which spells it stood, and by which row each began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from api.showing.tasks import row_text
from pathways.engine.calendar import local_day
from pathways.engine.plan import Plan
from pathways.engine.state import State
from records.timeline import Line

#: The reasons that a tag begins or changes with.
CODES = frozenset({"tag_at_enrolment", "tag_given_at_enrolment", "tag_changed"})
MOST = 60  # changes; a red patient of three years has about forty


@dataclass(frozen=True, slots=True)
class Spell:
    """A tag from one day to the day before the next; ``until`` is None while it lasts. ``because``: the row's own words."""

    tag: str
    since: date
    until: date | None
    row: str
    because: str


@dataclass(frozen=True, slots=True)
class Band:
    """The spells of one pathway, oldest first."""

    pathway: str
    tags: tuple[str, ...]  # worst first
    spells: tuple[Spell, ...]


def bands(lines: Sequence[Line], plan: Plan, state: State, zone: str, language: str) -> list[Band]:
    """By pathway. ``lines``: the reasons of ``CODES``, oldest first; a change on the day of another counts alone."""
    found: list[Band] = []
    for name, course in sorted(state.courses.items()):
        pathway = plan.pathways.get(name)
        starts: list[tuple[date, str, str]] = []
        own = [line.reason for line in lines if line.reason.pathway == name]
        for n, reason in enumerate(own):
            later = next((one.detail.get("from", "") for one in own[n + 1 :] if one.code == "tag_changed"), course.tag or "")
            tag = reason.detail.get("to" if reason.code == "tag_changed" else "tag") or later
            on = local_day(reason.at, zone)
            if starts and starts[-1][0] == on:
                starts.pop()
            if tag and (not starts or starts[-1][1] != tag):
                starts.append((on, tag, reason.row))
        ends: list[date | None] = [*(start[0] for start in starts[1:]), None]
        spells = tuple(
            Spell(tag, since, until, row, row_text(pathway, row, language))
            for (since, tag, row), until in zip(starts, ends, strict=False)
        )
        if spells:
            found.append(Band(name, pathway.tags if pathway is not None else (), spells))
    return found
