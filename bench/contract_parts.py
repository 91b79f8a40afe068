"""Parts of the network that random requests are sent to, where the real ones would take a process for each request.

Rule: what they answer is what the real ones answer; only when and where it is made differs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from api.checker import Checked, Checker, check
from api.forecaster import Forecaster
from records.clock import system_time
from records.database import Database
from records.drafts import version_of
from records.forecasts import RUNNER_GONE, Forecasts
from records.vault import Vault

MADE_FOR_REAL = 40  # one forecast in so many: each takes a process of its own
UNDER_WAY = 4  # one in so many goes on being made, until somebody stops it


@dataclass(frozen=True)
class CheckedHere(Checker):
    """Checks in this process; a text that differs from another in its last comment only is not checked again."""

    known: dict[str, Checked] = field(default_factory=dict)

    async def awake(self) -> None:
        """It is."""

    async def _checked(self, text: str) -> Checked:
        told, _, comment = text.rpartition("\n# ")
        if not comment.strip().isdigit():
            return check(text)
        if told not in self.known:
            self.known[told] = check(told)
        found = self.known[told]
        return replace(found, version=version_of(text)) if found.version is not None else found


@dataclass(frozen=True)
class MadeSeldom(Forecaster):
    """Makes few of the forecasts that are asked for; of the others some go on for a while, the rest fail at once."""

    most: int = 10**6
    asked: list[str] = field(default_factory=list)

    async def begin(self, database: Database, vault: Vault, forecast: str) -> None:
        self.asked.append(forecast)
        if len(self.asked) % MADE_FOR_REAL == 1:
            await super().begin(database, vault, forecast)
            return
        if len(self.asked) % UNDER_WAY == 0:
            return
        async with database.begin() as session:
            await Forecasts(session).failed(forecast, RUNNER_GONE, at=system_time())
