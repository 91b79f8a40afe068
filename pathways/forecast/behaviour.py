"""How patients and places behave in a forecast: numbers that anybody may read, doubt and change.

Rule 1: every number has its unit and its source; what own records tell comes before any assumption, and says of how many.
Rule 2: behaviour never depends on the version of a pathway: what differs between two forecasts is the pathway's doing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

ASSUMED = "assumed by us, from no records"
FEWEST = 50  # observations; with fewer the assumption stays
SHARE = "share, 0 to 1"


def _share(value: float, says: str, source: str = ASSUMED) -> Any:
    return field(default=value, metadata={"unit": SHARE, "says": says, "source": source})


def _days(value: int, says: str, source: str = ASSUMED) -> Any:
    return field(default=value, metadata={"unit": "days", "says": says, "source": source})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of the model as it is shown. ``n``: observations in own records; 0 for an assumption."""

    name: str
    value: float
    unit: str
    says: str
    source: str
    n: int = 0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How people behave. ``measured``: by name, how many observations of our own a number comes from.

    A visit is come to on its day, late, or not at all until somebody brings the patient back.
    """

    on_the_day: float = _share(0.66, "visits come to on their day")
    late: float = _share(0.18, "visits come to late without being called")
    latest_days: int = _days(10, "at most so many days late without being called; earlier days are as likely")
    answers_call: float = _share(0.7, "calls that are answered")
    comes_when_called: float = _share(0.7, "patients who come after a call they answered")
    comes_when_called_days: int = _days(7, "within so many days of that call")
    comes_after_text: float = _share(
        0.06,
        "patients who missed a day and come for a text about it",
        "26.5 % against 20.7 % of overdue patients came with and without a reminder, n = 32,780",
    )
    at_home: float = _share(0.8, "home visits at which the patient is found, and seen again soon")
    found_again: float = _share(0.3, "searches that find a patient who was lost")
    screened: float = _share(0.85, "screenings done by their day, or up to two weeks late, without being called")
    fetches: float = _share(0.8, "refills fetched before the medicine ends")
    fetches_late_days: int = _days(21, "the others fetch it so many days later at most")
    supply_days: int = _days(30, "days of medicine in one fill, where no fill of the patient's own is known")
    finding: float = _share(0.01, "yes-or-no findings that are yes in a given month")
    danger_sign: float = _share(0.003, "visits with a danger sign")
    spread: float = field(
        default=0.05,
        metadata={
            "unit": "share of the value",
            "says": "how far a measured number usually lies from the patient's own level",
            "source": ASSUMED,
        },
    )
    improves: float = _share(0.12, "months in which a patient's level moves a fifth of the way to the middle of all patients")
    worsens: float = _share(0.07, "months in which it moves as far away from it")
    referral_days: int = _days(7, "until a hospital has seen somebody whom it was asked to see")
    staff_days: int = _days(1, "until the care team does a task that is on its list")
    rests_days: int = _days(14, "until somebody in hospital, or who paused without an end, is back")
    leaves: float = _share(0.03, "patients who die, move away or withdraw within a year")
    measured: Mapping[str, int] = field(default_factory=dict)

    def parameters(self) -> Iterator[Parameter]:
        """Every number, to be shown."""
        for one in fields(self):
            if one.name != "measured":
                n = self.measured.get(one.name, 0)
                source = "measured in own records" if n else str(one.metadata["source"])
                yield Parameter(one.name, getattr(self, one.name), one.metadata["unit"], one.metadata["says"], source, n)

    def with_measured(self, found: Mapping[str, tuple[float, int]]) -> Behaviour:
        """With what own records tell: by name, a value and how many observations it comes from; too few change nothing."""
        enough = {name: (value, n) for name, (value, n) in found.items() if n >= FEWEST}
        whole = {one.name for one in fields(self) if one.type == "int"}
        values: dict[str, Any] = {name: round(value) if name in whole else value for name, (value, _) in enough.items()}
        return replace(self, **values, measured={**self.measured, **{name: n for name, (_, n) in enough.items()}})
