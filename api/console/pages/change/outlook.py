"""What a forecast came to, in the order in which it is read: one sentence, the weeks, the teams, the people.

Rule: nothing is computed anew but means and orders; the figures are the forecast's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from activities.forecast_cautions import Caution
from activities.forecast_cautions import found as cautions_in
from api.console.desk import N_
from api.models.forecasts import OutlookOut, TeamForecastOut

TEAMS_SHOWN = 10
AS_MANY = 0.5  # a week: less is as many
#: What is counted, in the order in which it is read.
MEASURES: Mapping[str, str] = {
    "visits": N_("Visits"),
    "calls": N_("Calls"),
    "home_visits": N_("Visits at home"),
    "screenings": N_("Checks and laboratory work"),
    "referrals": N_("Referrals"),
    "refills": N_("Refills"),
    "sms": N_("Texts"),
    "segments": N_("SMS segments"),
    "sms_cost": N_("Cost of texts"),
}
#: What is assumed of people, as ``pathways.forecast.behaviour`` says it: named here for the catalogues.
ASSUMED = (
    N_("visits come to on their day"),
    N_("visits come to late without being called"),
    N_("at most so many days late without being called; earlier days are as likely"),
    N_("calls that are answered"),
    N_("patients who come after a call they answered"),
    N_("within so many days of that call"),
    N_("patients who missed a day and come for a text about it"),
    N_("home visits at which the patient is found, and seen again soon"),
    N_("searches that find a patient who was lost"),
    N_("screenings done by their day, or up to two weeks late, without being called"),
    N_("refills fetched before the medicine ends"),
    N_("the others fetch it so many days later at most"),
    N_("days of medicine in one fill, where no fill of the patient's own is known"),
    N_("yes-or-no findings that are yes in a given month"),
    N_("visits with a danger sign"),
    N_("how far a measured number usually lies from the patient's own level"),
    N_("months in which a patient's level moves a fifth of the way to the middle of all patients"),
    N_("months in which it moves as far away from it"),
    N_("until a hospital has seen somebody whom it was asked to see"),
    N_("until the care team does a task that is on its list"),
    N_("until somebody in hospital, or who paused without an end, is back"),
    N_("patients who die, move away or withdraw within a year"),
    N_("share, 0 to 1"),
    N_("days"),
    N_("share of the value"),
    N_("assumed by us, from no records"),
    N_("measured in own records"),
)
DRAWN = ("visits", "calls", "home_visits", "screenings", "referrals", "refills", "sms")
#: How somebody is moved.
KINDS: Mapping[str, str] = {
    "sooner": N_("Next contact sooner"),
    "later": N_("Next contact later"),
    "tag": N_("Another tag at once"),
    "person": N_("Need a decision"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure, a week at the mean of the weeks. ``sure``: whether its range goes one way."""

    name: str
    present: float
    draft: float
    difference: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        return not self.low < 0 < self.high


@dataclass(frozen=True, slots=True)
class Team:
    """A care team, a week at the mean. ``over``: weeks with more visits than it has room for, now and under the draft."""

    name: str
    patients: int
    present: float
    draft: float
    difference: float
    over: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Summed:
    """``visits``: more of them, a week; ``in_all``: in all the weeks. ``busiest``: the team that gets the most more; None where
    none gets noticeably more. ``carried``: for the curves.
    """

    sooner: int
    later: int
    visits: float
    in_all: float
    busiest: Team | None
    figures: Sequence[Figure]
    teams: Sequence[Team]
    more_teams: int
    weeks: Sequence[date]
    carried: Mapping[str, Any]
    cautions: Sequence[Caution]


def summed_up(result: OutlookOut, teams: Mapping[str, str], *, everybody: bool) -> Summed:
    """The result for its page. ``teams``: what they are called; ``everybody``: all of them, not the most changed only."""
    weeks = max(1, result.weeks)
    figures = [
        Figure(
            name,
            one.present.median / weeks,
            one.draft.median / weeks,
            one.difference.median / weeks,
            one.difference.low / weeks,
            one.difference.high / weeks,
        )
        for name in MEASURES
        if (one := result.measures.get(name)) is not None
    ]
    of_teams = sorted((_team(one, teams, weeks) for one in result.teams), key=lambda one: (-abs(one.difference), one.name))
    shown = of_teams if everybody else of_teams[:TEAMS_SHOWN]
    busiest = max(of_teams, key=lambda one: one.difference, default=None)
    days = [result.since + timedelta(weeks=n) for n in range(result.weeks)]
    return Summed(
        result.contacts.sooner.patients,
        result.contacts.later.patients,
        (visits := result.measures["visits"].difference.median) / weeks,
        visits,
        busiest if busiest is not None and busiest.difference >= AS_MANY else None,
        figures,
        shown,
        len(of_teams) - len(shown),
        days,
        {"weeks": [day.isoformat() for day in days], "measures": {name: _drawn(result, name) for name in _drawable(result)}},
        cautions_in(result.model_dump()),
    )


def _team(one: TeamForecastOut, names: Mapping[str, str], weeks: int) -> Team:
    visits = one.measures["visits"]
    over = (len(one.over_capacity.present), len(one.over_capacity.draft))
    means = (visits.present.median / weeks, visits.draft.median / weeks, visits.difference.median / weeks)
    return Team(names.get(one.team, one.team), one.patients, *means, over)


def _drawable(result: OutlookOut) -> list[str]:
    """Measures that there is something to draw of."""
    return [name for name in DRAWN if (one := result.measures.get(name)) is not None and (one.present.high or one.draft.high)]


def _drawn(result: OutlookOut, name: str) -> dict[str, list[float]]:
    weekly = result.measures[name].weekly
    return {
        "present": [week.median for week in weekly.present],
        "draft": [week.median for week in weekly.draft],
        "low": [week.low for week in weekly.draft],
        "high": [week.high for week in weekly.draft],
    }


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody whom the draft moves. ``before`` and ``after``: a day or a tag; ``days`` below 0 is sooner."""

    patient: str
    team: str = ""
    before: Any = None
    after: Any = None
    days: int = 0


@dataclass(frozen=True)
class Moves:
    """The people of a forecast, by how it moves them."""

    people: Mapping[str, Sequence[Moved]]
    counts: Mapping[str, int]

    @classmethod
    def of(cls, result: OutlookOut | None) -> Moves:
        """Nobody while there is no result."""
        if result is None:
            return cls({kind: () for kind in KINDS}, dict.fromkeys(KINDS, 0))
        contacts = [Moved(one.patient, one.team, one.present, one.draft, one.days) for one in result.contacts.people]
        tags = [Moved(one.patient, before=one.present, after=one.draft) for one in result.tags.people]
        counts = {
            "sooner": result.contacts.sooner.sampled,
            "later": result.contacts.later.sampled,
            "tag": sum(one.sampled for one in result.tags.at_once),
            "person": result.fits.sampled.get("needs_person", 0),
        }
        people = {
            "sooner": [one for one in contacts if one.days < 0],
            "later": [one for one in contacts if one.days > 0],
            "tag": tags,
            "person": [Moved(patient) for patient in result.fits.people],
        }
        return cls(people, counts)

    @property
    def first(self) -> str:
        """The kind that is shown first: one that somebody is of."""
        return next((kind for kind in KINDS if self.people[kind]), next(iter(KINDS)))

    def page(self, kind: str, n: int, size: int) -> tuple[Sequence[Moved], bool]:
        """The ``n``-th page (from 1), and whether there is another one."""
        people = self.people[kind]
        return people[(n - 1) * size : n * size], len(people) > n * size
