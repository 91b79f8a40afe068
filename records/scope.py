"""Whose records a caller may see: one care team's, one organisation's, or the network's."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """``team``: a care team's patients; ``place``: a hospital's or pharmacy's requests; both None: the whole network."""

    role: str
    team: str | None = None
    place: str | None = None

    @property
    def whole_network(self) -> bool:
        return self.team is None and self.place is None

    def covers_team(self, care_team_id: str) -> bool:
        """Whether patients of this care team are the caller's to see."""
        return self.whole_network or self.team == care_team_id

    def covers_place(self, place_id: str) -> bool:
        """Whether requests to this hospital or pharmacy are the caller's to see."""
        return self.whole_network or self.place == place_id


NETWORK = Scope(role="administrator")
