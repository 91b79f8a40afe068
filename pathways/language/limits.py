"""Time limits of referrals as people write them: by urgency and stage, in hours or days.

Rule 1: a table of a network says what differs from the shipped one, cell by cell.
Rule 2: what could never help is refused: a limit of nothing, a reminder at or after its limit, a reminder of ourselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

from pathways.engine.limits import STAGES, URGENCIES, Limits, Span
from pathways.language import durations, source
from pathways.shipped import LIBRARY

Written = Mapping[str, Mapping[str, Mapping[str, Any]]]

_SHIPPED = LIBRARY / "referral_limits.yaml"
OURS = frozenset({"more_asked", "sent_back"})  # the next word is the care team's: it has a task
LONGEST = timedelta(days=366)


class BadLimits(ValueError):
    """A table that cannot be kept: ``field`` is where, ``what`` is wrong, ``remedy`` what would be right."""

    def __init__(self, field: str, what: str, remedy: str) -> None:
        super().__init__(f"{field} {what}; {remedy}")
        self.field, self.what, self.remedy = field, what, remedy


def read_limits(written: Written, *, over: Limits | None = None) -> Limits:
    """The limits that ``written`` says, ``{urgency: {stage: {within, remind}}}``, over others. Raises BadLimits."""
    base = over or Limits()
    spans = {urgency: dict(stages) for urgency, stages in base.spans.items()}
    for urgency, stages in written.items():
        if urgency not in URGENCIES:
            raise BadLimits(urgency, "is no urgency", f"use one of: {', '.join(URGENCIES)}")
        for stage, said in stages.items():
            spans.setdefault(urgency, {})[stage] = _span(f"{urgency}.{stage}", stage, said)
    named = {(urgency, stage) for urgency, stages in written.items() for stage in stages}
    return Limits(spans, frozenset(named) if over is not None else frozenset())


def as_written(limits: Limits) -> dict[str, dict[str, dict[str, str]]]:
    """Limits as people write them; what ``read_limits`` reads."""
    return {
        urgency: {
            stage: {"within": _words(span.within)} | ({} if span.remind is None else {"remind": _words(span.remind)})
            for stage, span in stages.items()
        }
        for urgency, stages in limits.spans.items()
    }


@cache
def shipped_limits() -> Limits:
    """The limits that we ship. Raises BadLimits, which a test keeps from happening."""
    return read_limits(source.shipped(_SHIPPED))


def _span(field: str, stage: str, said: Mapping[str, Any]) -> Span:
    if stage not in STAGES:
        raise BadLimits(field, "is no stage that has a limit", f"use one of: {', '.join(STAGES)}")
    within = _length(f"{field}.within", said.get("within"))
    if said.get("remind") is None:
        return Span(within)
    if stage in OURS:
        raise BadLimits(f"{field}.remind", "reminds the place of what is ours to do", "leave it out: the care team has a task")
    remind = _length(f"{field}.remind", said["remind"])
    if remind >= within:
        raise BadLimits(f"{field}.remind", f"is {said['remind']}", f"it is less than the limit of {said['within']}")
    return Span(within, remind)


def _length(field: str, said: Any) -> timedelta:
    try:
        length = durations.span(str(said))
    except durations.NotALength as refused:
        raise BadLimits(field, refused.what, refused.remedy) from None
    if not timedelta(0) < length <= LONGEST:
        raise BadLimits(field, f"is {said}", 'write "1 hour" or more, and a year at most')
    return length


def _words(length: timedelta) -> str:
    hours = int(length / timedelta(hours=1))
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"
