"""What the API is made of; the composition root hands it in, nothing is global."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from activities.channels.port import Channel
from activities.enrolment import Enrolments
from activities.events import Events
from activities.housekeeping import Housekeeping
from activities.inbox import Inbox, Wakes
from activities.plans import Plans
from records.clock import Clock
from records.database import Database
from records.vault import Vault


class Settles(Wakes, Protocol):
    """Wakes a patient's workflow, or waits until it has taken everything that is stored."""

    async def settle(self, patient: str, *, next_step: int = 1) -> None:
        """Raises NotWoken."""
        ...


@dataclass(frozen=True)
class ApiParts:
    """``waker`` is None while Temporal is away: what is written is safe, and acted on later.

    ``public_url``: where the outside reaches us, as signed webhooks call it. Run uvicorn with ``access_log=False``: search
    words are in query strings.
    """

    database: Database
    vault: Vault
    clock: Clock
    plans: Plans
    events: Events
    enrolments: Enrolments
    waker: Settles | None
    housekeeping: Housekeeping
    channel: Channel
    public_url: str = ""

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.database, self.vault, self.clock, self.waker)
