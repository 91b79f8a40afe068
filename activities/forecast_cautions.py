"""What whoever reads a forecast has to be warned of, in words of care: one wording for the command and the API.

Rule: a warning says what not to read out of the figures, and what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pathways.forecast.sample import BATCHES

FEW = 30 * BATCHES  # people: below it a batch is so small that one person's luck moves the range
UNSURE = {"visits": "visits", "calls": "calls", "home_visits": "home visits", "referrals": "referrals", "sms": "SMS"}


def cautions(result: Mapping[str, Any]) -> list[str]:
    """Sentences about a forecast's result (see ``pathways.forecast.outlook``); none where its figures bear being planned by."""
    sampled, patients = result["sampled"], result["patients"]
    if not sampled:
        return ["Nobody was looked at: no patient on this pathway could be followed, and all figures are nought."]
    found = []
    if sampled < FEW:
        each = max(1, round(sampled / BATCHES))
        few = f"Few people: {sampled} patients were looked at, and each range comes from ten groups of about {each}."
        rather = "Read which way things go, not how much, and look at the people whose next contact moves one by one"
        more = "" if sampled >= patients else f"; there are {patients} on the pathway: ask again with a larger sample"
        found.append(f"{few} {rather}{more}.")
    measures = result["measures"]
    unsure = [words for name, words in UNSURE.items() if name in measures and _either_way(measures[name]["difference"])]
    if unsure:
        found.append(f"It cannot be told whether there will be more or fewer {_listed(unsure)}: the range goes both ways.")
    return found


def _either_way(difference: Mapping[str, float]) -> bool:
    return difference["low"] < 0 < difference["high"]


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
