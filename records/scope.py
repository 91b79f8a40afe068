"""Whose records a caller may see: those of some care teams' patients, and what some places were asked.

Rule: a scope is worked out from where the caller stands in the organisation tree, never from what a request says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from records.tables import Patient

Q = TypeVar("Q", bound=Select[Any])
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """``teams``: whose patients; ``places``: whose requests (of a hospital, clinic or pharmacy). None: all there are."""

    role: str
    teams: frozenset[str] | None = None
    places: frozenset[str] | None = None

    @property
    def whole_network(self) -> bool:
        return self.teams is None

    @property
    def team(self) -> str | None:
        """The one team whose work this is; None where it is several teams' or nobody's."""
        return next(iter(self.teams)) if self.teams is not None and len(self.teams) == 1 else None

    @property
    def is_a_place(self) -> bool:
        """A place that is asked: it sees no patient but through a request."""
        return self.teams is not None and not self.teams and self.places != NOBODY

    def covers_team(self, care_team_id: str) -> bool:
        """Whether patients of this care team are the caller's to see."""
        return self.teams is None or care_team_id in self.teams

    def covers_place(self, place_id: str) -> bool:
        """Whether requests to this hospital or pharmacy are the caller's to see."""
        return self.places is None or place_id in self.places

    def of_teams(self, query: Q, column: InstrumentedAttribute[str]) -> Q:
        """Only rows of the caller's teams."""
        return query if self.teams is None else query.where(column.in_(sorted(self.teams)))

    def of_places(self, query: Q, column: InstrumentedAttribute[str]) -> Q:
        """Only rows of the caller's places."""
        return query if self.places is None else query.where(column.in_(sorted(self.places)))

    def of_requests(self, query: Q, *, place: InstrumentedAttribute[str], patient: InstrumentedAttribute[str]) -> Q:
        """Only requests that the caller's places were asked, or that concern patients of the caller's teams."""
        if self.is_a_place:
            return self.of_places(query, place)
        return self.of_teams(query.join(Patient, Patient.id == patient), Patient.care_team_id) if self.teams is not None else query


def of_teams(role: str, teams: Iterable[str]) -> Scope:
    """These teams' patients; their requests are seen through them."""
    return Scope(role, frozenset(teams), NOBODY)


def of_places(role: str, places: Iterable[str]) -> Scope:
    """What these places were asked, and nothing else."""
    return Scope(role, NOBODY, frozenset(places))


#: Everything there is: for our own processes.
NETWORK = Scope(role="administrator")
