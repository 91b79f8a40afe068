"""What a forecast came to: the sample scaled up to everybody, with a range, as plain data that can be stored and shown.

Rule 1: the range is that of batches, each a tenth of the sample scaled up by itself; it tells how far chance and sampling reach,
        not how wrong the assumptions are.
Rule 2: a difference is taken batch by batch between the same people with the same luck, so that it is much surer than either side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

from pathways.forecast.behaviour import Behaviour
from pathways.forecast.bookings import WorkingDays
from pathways.forecast.sample import BATCHES, MEASURES, WORLDS, Moved, PartDone, World

SHOWN = 100  # people whose next contact moves, the furthest first


@dataclass(frozen=True, slots=True)
class Range:
    """The median of the batches, the lowest and the highest of them."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Whom:
    """A care team as it is scaled up to. ``capacity``: visits on a day that is worked."""

    team: str
    patients: int
    capacity: int
    worked: WorkingDays = field(default_factory=WorkingDays)


@dataclass
class Sums:
    """Everything that the parts found, put together. ``of``: by team, then by world, batch and measure."""

    sizes: dict[str, Counter[int]] = field(default_factory=dict)
    of: dict[str, dict[tuple[World, int, str], list[int]]] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    unsettled: int = 0

    def add(self, part: PartDone) -> None:
        self.sizes.setdefault(part.team, Counter()).update(part.sizes)
        held = self.of.setdefault(part.team, {})
        for key, weeks in part.counts.items():
            before = held.get(key)
            held[key] = weeks if before is None else [a + b for a, b in zip(before, weeks, strict=True)]
        self.moved += part.moved
        self.left_out.update(part.left_out)
        self.steps += part.steps
        self.unsettled += part.unsettled


def outlook(
    sums: Sums,
    teams: Iterable[Whom],
    *,
    pathway: str,
    version: str,
    since: date,
    weeks: int,
    seed: int,
    behaviour: Behaviour,
    sms_cost: float,
    against: Mapping[str, int],
) -> dict[str, Any]:
    """The result as JSON. ``sms_cost``: of one segment, in whatever money; ``against``: patients by the version they are on."""
    known = {whom.team: whom for whom in teams}
    patients, sampled = sum(whom.patients for whom in known.values()), sum(sum(sizes.values()) for sizes in sums.sizes.values())
    everybody = _Scaled.of(sums, list(sums.of), patients, weeks)
    return {
        "pathway": pathway,
        "version": version,
        "against": dict(against),
        "since": since.isoformat(),
        "weeks": weeks,
        "seed": seed,
        "patients": patients,
        "sampled": sampled,
        "steps": sums.steps,
        "unsettled": sums.unsettled,
        "left_out": dict(sums.left_out),
        "sms_cost": sms_cost,
        "measures": {name: everybody.shown(name, weekly=True) for name in MEASURES}
        | {"sms_cost": everybody.shown("segments", weekly=True, times=sms_cost)},
        "teams": [_team(sums, known[team], since, weeks) for team in sorted(sums.of) if team in known],
        "tags": _tags(sums.moved, patients, sampled),
        "contacts": _contacts(sums.moved, patients, sampled),
        "fits": _fits(sums.moved, patients, sampled),
        "behaviour": [asdict(one) for one in behaviour.parameters()],
    }


@dataclass(frozen=True)
class _Scaled:
    """Weekly counts of some teams, scaled up to ``patients``, batch by batch and over the whole sample."""

    batches: Mapping[World, Sequence[Mapping[str, list[float]]]]
    whole: Mapping[World, Mapping[str, list[float]]]

    @classmethod
    def of(cls, sums: Sums, teams: Sequence[str], patients: int, weeks: int) -> _Scaled:
        sizes: Counter[int] = Counter()
        for team in teams:
            sizes.update(sums.sizes[team])
        counts: dict[tuple[World, int, str], list[int]] = {}
        for team in teams:
            for key, one in sums.of[team].items():
                before = counts.get(key)
                counts[key] = one if before is None else [a + b for a, b in zip(before, one, strict=True)]
        nothing, all_of_them = [0] * weeks, max(1, sum(sizes.values()))
        batches: dict[World, list[dict[str, list[float]]]] = {}
        whole: dict[World, dict[str, list[float]]] = {}
        for world in WORLDS:
            batches[world] = [
                {name: [n * patients / sizes[batch] for n in counts.get((world, batch, name), nothing)] for name in MEASURES}
                for batch in range(BATCHES)
                if sizes[batch]
            ]
            summed = {name: [counts.get((world, batch, name), nothing) for batch in range(BATCHES)] for name in MEASURES}
            whole[world] = {
                name: [sum(week) * patients / all_of_them for week in zip(*lists, strict=True)] for name, lists in summed.items()
            }
        return cls(batches, whole)

    def shown(self, name: str, *, weekly: bool, times: float = 1.0) -> dict[str, Any]:
        """A year's sums of both sides and their difference; with ``weekly``, the weeks as well."""
        sides = {world: [[times * n for n in batch[name]] for batch in self.batches[world]] for world in WORLDS}
        found: dict[str, Any] = {world: _range([sum(batch) for batch in sides[world]]) for world in WORLDS}
        pairs = list(zip(sides["present"], sides["draft"], strict=True))
        found["difference"] = _range([sum(draft) - sum(present) for present, draft in pairs])
        if weekly:
            found["weekly"] = {
                world: [_range([batch[week] for batch in sides[world]]) for week in range(len(self.whole[world][name]))]
                for world in WORLDS
            }
        return found


def _range(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return asdict(Range(0.0, 0.0, 0.0))
    return asdict(Range(round(median(values), 1), round(min(values), 1), round(max(values), 1)))


def _team(sums: Sums, whom: Whom, since: date, weeks: int) -> dict[str, Any]:
    scaled = _Scaled.of(sums, [whom.team], whom.patients, weeks)
    over: dict[World, list[dict[str, Any]]] = {}
    for world in WORLDS:
        over[world] = []
        for week, visits in enumerate(scaled.whole[world]["visits"]):
            first = since + timedelta(weeks=week)
            room = whom.capacity * len(whom.worked.among(first + timedelta(days=n) for n in range(7)))
            if visits > room:
                over[world].append({"week": first.isoformat(), "visits": round(visits), "room": room, "over": round(visits - room)})
    return {
        "team": whom.team,
        "patients": whom.patients,
        "sampled": sum(sums.sizes[whom.team].values()),
        "measures": {name: scaled.shown(name, weekly=False) for name in MEASURES},
        "weekly_visits": {world: [round(n, 1) for n in scaled.whole[world]["visits"]] for world in WORLDS},
        "over_capacity": over,
    }


def _tags(moved: Sequence[Moved], patients: int, sampled: int) -> dict[str, Any]:
    """Who has another tag under the draft: at once, and at the end of the time that was looked at."""

    def counted(pairs: Iterable[tuple[str | None, str | None]]) -> list[dict[str, Any]]:
        found = Counter(pair for pair in pairs if pair[0] != pair[1])
        return [
            {"present": before, "draft": after, "sampled": n, "patients": _up(n, patients, sampled)}
            for (before, after), n in sorted(found.items(), key=lambda item: (-item[1], str(item[0])))
        ]

    return {
        "at_once": counted((one.tag_before, one.tag_after) for one in moved),
        "at_the_end": counted((one.end_before, one.end_after) for one in moved),
        "people": [
            {"patient": one.patient, "present": one.tag_before, "draft": one.tag_after}
            for one in sorted(moved, key=lambda one: one.patient)
            if one.tag_before != one.tag_after
        ][:SHOWN],
    }


def _contacts(moved: Sequence[Moved], patients: int, sampled: int) -> dict[str, Any]:
    """Whose next contact moves, and by how many days: below 0 is sooner."""
    days = [
        (one, (one.day_after - one.day_before).days)
        for one in moved
        if one.day_after is not None and one.day_before is not None and one.day_after != one.day_before
    ]
    days.sort(key=lambda item: (-abs(item[1]), item[0].patient))
    sooner, later = [-n for _, n in days if n < 0], [n for _, n in days if n > 0]
    begins = sum(one.day_before is None and one.day_after is not None for one in moved)
    ends = sum(one.day_before is not None and one.day_after is None for one in moved)
    return {
        "sooner": {"sampled": len(sooner), "patients": _up(len(sooner), patients, sampled), "days": _range(sooner)},
        "later": {"sampled": len(later), "patients": _up(len(later), patients, sampled), "days": _range(later)},
        "as_before": {"sampled": (same := len(moved) - len(days) - begins - ends), "patients": _up(same, patients, sampled)},
        "begins": begins,
        "ends": ends,
        "people": [
            {
                "patient": one.patient,
                "team": one.team,
                "days": n,
                "present": one.day_before.isoformat() if one.day_before else None,
                "draft": one.day_after.isoformat() if one.day_after else None,
            }
            for one, n in days[:SHOWN]
        ],
    }


def _fits(moved: Sequence[Moved], patients: int, sampled: int) -> dict[str, Any]:
    """How the enrolled would be moved by a rollout. ``why``: codes of those who need a person."""
    fits = Counter(one.fit or "on_the_draft" for one in moved)
    why = Counter(code for one in moved if one.fit == "needs_person" for code in one.why)
    return {
        "sampled": dict(sorted(fits.items())),
        "patients": {fit: _up(n, patients, sampled) for fit, n in sorted(fits.items())},
        "why": dict(sorted(why.items())),
        "people": sorted(one.patient for one in moved if one.fit == "needs_person")[:SHOWN],
    }


def _up(n: int, patients: int, sampled: int) -> int:
    return round(n * patients / sampled) if sampled else 0
