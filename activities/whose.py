"""Whose text it is, on a phone that several patients share: by the name in it, or by the answer to our question.

Rule 1: nobody is guessed. A name that fits two people fits nobody.
Rule 2: the phone is shown first names and digits, and an initial where names are alike: nothing else of anybody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.answers import normalise, only
from records.patients import Profile

MOST = 9  # more cannot be told apart by one digit


@dataclass(frozen=True, slots=True)
class Meant:
    """``patient``: who is named; ``rest``: what is said beside the name or digit, in the plain form that answers are read in."""

    patient: str
    rest: str


def labels(people: Mapping[str, Profile]) -> dict[str, str] | None:
    """What each is called on the phone; None where names do not tell them apart, or there are too many."""
    names = {patient: one.first_name for patient, one in people.items()}
    alike = Counter(normalise(name) for name in names.values())
    for patient, name in names.items():
        if alike[normalise(name)] > 1 and people[patient].family:
            names[patient] = f"{name} {people[patient].family[:1]}"
    different = {normalise(name) for name in names.values()} - {""}
    return names if len(different) == len(names) <= MOST else None


def offered(names: Sequence[str]) -> str:
    """``1 Li, 2 Wang``."""
    return ", ".join(f"{digit} {name}" for digit, name in enumerate(names, 1))


def picked(text: str, candidates: Sequence[str]) -> str | None:
    """Who is meant by a text that is a digit and nothing else."""
    digit = only(text)
    return candidates[int(digit) - 1] if re.fullmatch("[1-9]", digit) and int(digit) <= len(candidates) else None


def named(text: str, people: Mapping[str, Profile]) -> Meant | None:
    """The one person whose name, as we would call them or whole, stands in the text.

    "I will come" is not Will's, nor is 明天来 (tomorrow) of somebody called 明.
    """
    called, plain = labels(people) or {}, normalise(text)
    found: dict[str, str] = {}
    for patient, one in people.items():
        for name in sorted({normalise(n) for n in (called.get(patient, ""), one.shown)} - {""}, key=len, reverse=True):
            pattern = _standing(name)
            if re.search(pattern, plain):
                found[patient] = re.sub(pattern, " ", plain, count=1).strip(" :,.;，：、。-")
                break
    if len(found) != 1:
        return None
    ((patient, rest),) = found.items()
    return Meant(patient, rest)


def _standing(name: str) -> str:
    """A pattern for a name that cannot be taken for part of a sentence."""
    escaped = re.escape(name)
    if name.isascii():  # first or last, or set off; within a sentence it may be a word
        before, after = r"(?<![^\W\d_])", r"(?![^\W\d_])"
        return rf"^\W*{escaped}{after}|{before}{escaped}(?=\W*$|\s*:)"
    return escaped if len(name) > 1 else rf"(?<![^\W\d_]){escaped}(?![^\W\d_])"
