"""What the API is made of; the composition root hands it in, nothing is global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, cast

from activities.channels.phones import Phones
from activities.channels.port import Channel
from activities.channels.registry import Channels
from activities.conversations import Conversations
from activities.enrolment import Enrolments
from activities.events import Events
from activities.housekeeping import Housekeeping
from activities.keysets import KeySets
from activities.plans import Plans
from activities.rollouts import RolloutDoor
from activities.seeing.seeing import Seeing
from activities.sending.reports import Reports
from activities.waking import NotWoken, Waker, Wakes
from api.checker import Checker
from api.forecaster import Forecaster
from api.lately import Lately
from api.oidc.provider import OpenIdProvider
from api.watching import Pace, Watch
from records.accounts import Passwords
from records.audit import AuditLog
from records.callers import IDLE, KeyRing
from records.clock import Clock
from records.database import Database
from records.vault import Vault


class Settles(Wakes, Protocol):
    """Wakes a patient's workflow, or waits until it has taken everything that is stored."""

    async def settle(self, patient: str, *, next_step: int = 1) -> None:
        """Raises NotWoken."""
        ...


class _Away:
    """Temporal is away."""

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        raise NotWoken("temporal is away")


@dataclass(frozen=True)
class ApiParts:
    """``waker`` is None while Temporal is away: what is written is safe, and acted on later.

    ``public_url``: where the outside reaches us, as signed webhooks call it; ``trust_forwarded``: without it, a proxy of ours
    says so. Run uvicorn with ``access_log=False``: search
    words are in query strings. ``four_eyes``: a pathway is published only after a second person has approved it. ``pace``: of
    those who watch a worklist; end them with ``watch.stop()`` before the server stops. ``phones``: pretended ones of a provider
    that stands beside; those of the sandbox are found by themselves. ``idle``: after so long without a request a sign-in ends;
    ``must_have_second``: roles that work only once they have set up a second factor.
    """

    database: Database
    vault: Vault
    clock: Clock
    plans: Plans
    events: Events
    enrolments: Enrolments
    waker: Settles | None
    housekeeping: Housekeeping | None
    channels: Channels
    public_url: str = ""
    trust_forwarded: bool = False
    webhook_hosts: tuple[str, ...] = ()
    four_eyes: bool = True
    rollouts: RolloutDoor | None = None
    keys: KeyRing = field(default_factory=KeyRing)
    lately: Lately = field(default_factory=Lately)
    checker: Checker = field(default_factory=Checker)
    forecaster: Forecaster = field(default_factory=Forecaster)
    passwords: Passwords = field(default_factory=Passwords)
    keysets: KeySets = field(default_factory=KeySets)
    openid: OpenIdProvider | None = None
    seeing: Seeing = field(default_factory=Seeing)
    temporal_answers: Callable[[], Awaitable[bool]] | None = None
    phones: Phones | None = None
    cds_origins: tuple[str, ...] = ()
    idle: timedelta = IDLE
    must_have_second: frozenset[str] = frozenset()
    pace: Pace = field(default_factory=Pace)
    audit: AuditLog = field(init=False)
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "audit", AuditLog.of(self.database, self.vault))
        object.__setattr__(self, "watch", Watch(self.database, self.pace))

    @property
    def keeping(self) -> Housekeeping:
        """Housekeeping that can tell the time and wakes nobody where Temporal is away."""
        return self.housekeeping or Housekeeping(self.database, self.clock, cast(Waker, _Away()))

    @property
    def channel(self) -> Channel:
        """The network's first channel."""
        return self.channels.first

    @property
    def inbox(self) -> Conversations:
        return Conversations(self.database, self.vault, self.clock, self.waker)

    @property
    def reports(self) -> Reports:
        return Reports(self.database, self.vault, self.clock, self.channels, self.waker)
