"""What whoever reads a forecast has to be warned of, in words of care: one wording for the command and the API.

Rule: a warning says what not to read out of the figures, and what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pathways.forecast.sample import BATCHES

FEW = 30 * BATCHES  # people: below it a batch is so small that one person's luck moves the range
UNSURE = {"visits": "visits", "calls": "calls", "home_visits": "home visits", "referrals": "referrals", "sms": "SMS"}


@dataclass(frozen=True, slots=True)
class Caution:
    """What to be warned of: nobody, few, either_way. ``measures``: names of those whose range goes both ways."""

    code: str
    sampled: int = 0
    patients: int = 0
    each: int = 0
    measures: tuple[str, ...] = ()


def found(result: Mapping[str, Any]) -> list[Caution]:
    """What to be warned of in a forecast's result (see ``pathways.forecast.outlook``)."""
    sampled, patients = result["sampled"], result["patients"]
    if not sampled:
        return [Caution("nobody")]
    cautions = []
    if sampled < FEW:
        cautions.append(Caution("few", sampled, patients, max(1, round(sampled / BATCHES))))
    measures = result["measures"]
    if unsure := tuple(name for name in UNSURE if name in measures and _either_way(measures[name]["difference"])):
        cautions.append(Caution("either_way", measures=unsure))
    return cautions


def cautions(result: Mapping[str, Any]) -> list[str]:
    """Sentences about a forecast's result; none where its figures bear being planned by."""
    return [_sentence(one) for one in found(result)]


def _sentence(one: Caution) -> str:
    if one.code == "nobody":
        return "Nobody was looked at: no patient on this pathway could be followed, and all figures are nought."
    if one.code == "few":
        few = f"Few people: {one.sampled} patients were looked at, and each range comes from ten groups of about {one.each}."
        rather = "Read which way things go, not how much, and look at the people whose next contact moves one by one"
        more = "" if one.sampled >= one.patients else f"; there are {one.patients} on the pathway: ask again with a larger sample"
        return f"{few} {rather}{more}."
    unsure = _listed([UNSURE[name] for name in one.measures])
    return f"It cannot be told whether there will be more or fewer {unsure}: the range goes both ways."


def _either_way(difference: Mapping[str, float]) -> bool:
    return difference["low"] < 0 < difference["high"]


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
