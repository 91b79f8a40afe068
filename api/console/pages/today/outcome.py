"""What recording it will do, said in a line or two before it is saved: the engine's own answer, shortened.

Rule: nothing is left out that would be done to the patient; what is long is shortened, and the timeline has the whole of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from api.models.story import PreviewOut, ReferralAhead, TimelineLine
from pathways.engine.plan import Plan

WORST = ("red", "yellow", "green")
URGENT = ("emergency", "urgent")


@dataclass(frozen=True, slots=True)
class Referred:
    """A referral that would be asked for. ``because``: the row's own words; ``inputs``: what it read."""

    asked: ReferralAhead
    because: str
    inputs: Mapping[str, Any]

    @property
    def now(self) -> bool:
        return self.asked.urgency in URGENT

    @property
    def pressure(self) -> str:
        """Both pressures as people say them: ``182/104``; empty where it read but one, or none."""
        both = [self.inputs.get("sbp"), self.inputs.get("dbp")]
        return "/".join(f"{one:g}" for one in both) if None not in both else ""

    @property
    def others(self) -> Mapping[str, Any]:
        """What it read besides."""
        return {name: value for name, value in self.inputs.items() if not self.pressure or name not in ("sbp", "dbp")}


@dataclass(frozen=True, slots=True)
class Outcome:
    """``tag``: the worst on any pathway after it; ``was``: before. ``next_visit``: the day that would be kept.

    ``missing``: readings without which nothing is decided; ``rows``: (row, because) that decided, a referral's left out.
    """

    tag: str | None
    was: str | None
    next_visit: date | None
    referrals: tuple[Referred, ...]
    missing: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    seen: PreviewOut

    @property
    def kind(self) -> str:
        """How it is to be looked at: urgent, missing, or the tag."""
        if any(one.now for one in self.referrals):
            return "red"
        return "blue" if self.missing else self.tag or "blue"


def outcome(seen: PreviewOut, plan: Plan) -> Outcome:
    """In short."""
    decided: dict[str, TimelineLine] = {}
    for line in sorted(seen.reasons, key=lambda line: not line.because):  # of several lines of a row, the one that says why
        if line.row:
            decided.setdefault(line.row, line)
    referrals = tuple(
        Referred(
            one,
            decided[one.row].because if one.row in decided else "",
            {k: v for k, v in decided[one.row].inputs.items() if isinstance(v, float) and "." not in k}
            if one.row in decided
            else {},
        )
        for one in seen.referrals
    )
    missing = tuple(dict.fromkeys(name for line in seen.reasons if line.code == "readings_missing" for name in line.missing))
    referred = {one.asked.row for one in referrals}
    rows = tuple(
        (line.row, line.because)
        for line in decided.values()
        if line.because and line.row not in referred and line.code == "decided"
    )
    days = [
        due.booked or due.after
        for due in seen.dues
        if (pathway := plan.pathways.get(due.pathway)) is not None
        and (service := pathway.services.get(due.service)) is not None
        and service.kind == "follow_up"
    ]
    return Outcome(
        _worst(move.after for move in seen.tags),
        _worst(move.before for move in seen.tags),
        min((day for day in days if day is not None), default=None),
        referrals,
        missing,
        rows,
        seen,
    )


def _measured(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers among them that somebody measured."""
    return {name: value for name, value in inputs.items() if isinstance(value, float) and "." not in name}


def _worst(tags: Any) -> str | None:
    found = set(tags)
    return next((tag for tag in WORST if tag in found), None)
