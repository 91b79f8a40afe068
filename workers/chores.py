"""What housekeeping does, how often, and how late each may be before somebody should look."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from sqlalchemy import delete, select
from temporalio.client import Client

from activities.alerting import Alerting
from activities.closures import ClosedDays
from activities.conversations import Conversations
from activities.deadman import DeadMan
from activities.doubts import Doubts
from activities.events import Events
from activities.housekeeping import Lately
from activities.integrity import Integrity
from activities.looking_ahead import AT_ONCE, LookingAhead
from activities.messages import MessageActivities
from activities.prices import Prices
from activities.rollouts import RolloutDoor
from activities.seeing.counting import count_waiting
from activities.standing import Standing
from activities.waking import Waker
from activities.webhooks.door import PushDoor
from records.audit import AuditLog, verify
from records.clock import system_time
from records.figures import TeamFigures, keep
from records.hooks import HookCards
from records.lease import Lease
from records.rollouts import Rollouts
from records.rosters import Rosters
from records.smart import forget_used
from records.tables import ApiKey, Idempotency, JobRow
from records.usage import UsageCounts
from workers.keeping import LEASE, Job, Keeper
from workers.parts import Parts
from workers.probing import nobody_works

LATE_BY = timedelta(seconds=30)  # what is due is the workflows' own business so long
KEPT_IDEMPOTENCY = timedelta(days=30)
KEPT_SESSIONS = timedelta(days=7)
RE_READ = timedelta(hours=1)
BACKUP = "backup"
COUNTED_ANEW = 5  # days
ONCE_AN_HOUR = 10  # minutes from its beginning in which whole days are compared too

EVERY = {
    "push": timedelta(seconds=2),
    "wake": timedelta(seconds=5),
    "count": timedelta(seconds=15),
    "doubts": timedelta(minutes=1),
    "start": timedelta(minutes=10),
    "rollouts": timedelta(minutes=1),
    "closures": timedelta(minutes=1),
    "alerts": timedelta(minutes=1),
    "messages": timedelta(minutes=5),
    "ahead": timedelta(minutes=1),
    "figures": timedelta(minutes=5),
    "usage": timedelta(hours=1),
    "expire": timedelta(hours=1),
    "integrity": timedelta(hours=1),
    "audit": timedelta(hours=1),
}
#: Where time is driven weeks go by in seconds, and whoever looks on wants to see them counted.
DRIVEN_EVERY = EVERY | {"figures": timedelta(seconds=15)}


class AuditBroken(RuntimeError):
    """The audit log does not hold; `cairn audit verify` says where."""


@dataclass(frozen=True)
class Chores:
    """The jobs, over the parts of one process."""

    parts: Parts
    client: Client
    log: AuditLog
    lately: Lately = field(default_factory=Lately)

    @classmethod
    def of(cls, parts: Parts, client: Client) -> Chores:
        """Over ``parts``, with a chain of its own in the audit log."""
        return cls(parts, client, AuditLog.of(parts.database, parts.vault))

    def jobs(self, *, driven: bool = False) -> list[Job]:
        """Every job, the most urgent first. ``driven``: time is."""
        return [Job(name, every, getattr(self, name)) for name, every in (DRIVEN_EVERY if driven else EVERY).items()]

    def keeper(self, *, driven: bool = False) -> Keeper:
        """Runs them while it holds the lease. ``driven``: time is."""
        return Keeper(Lease(self.parts.database, LEASE), self.jobs(driven=driven), self.parts.seeing)

    async def push(self) -> str:
        """Begin the pushing to every receiver for which something is due."""
        return f"begun {await PushDoor(self.parts.database, self.parts.clock, self.client).begin()}"

    async def wake(self) -> str:
        """Wake everybody with an event untaken or a moment that has come and gone."""
        return f"woken {await self.parts.housekeeping(self.client).wake_due(late_by=LATE_BY, lately=self.lately)}"

    async def count(self) -> str:
        """Count what waits, for the metrics; tell them when the last backup was made."""
        counts = await count_waiting(self.parts.database, self.parts.clock, self.parts.seeing.metrics)
        async with self.parts.database.reading() as session:
            backups = await session.execute(select(JobRow.name, JobRow.succeeded).where(JobRow.name == BACKUP))
            for _, succeeded in backups:
                self.parts.seeing.metrics.backup_last_success.labels("database").set(succeeded.timestamp())
        return ", ".join(f"{what} {count}" for what, count in counts.items())

    async def doubts(self) -> str:
        """Ask about messages of which nobody knows whether they went out."""
        counts = await self._doubts().settle()
        return ", ".join(f"{status} {count}" for status, count in sorted(counts.items())) or "none"

    async def start(self) -> str:
        """Start the workflow of whoever waits for a delivery and has none."""
        return f"started {await self._doubts().start_missing()}"

    async def rollouts(self) -> str:
        """See who has moved, and start the workflow of every rollout that goes on and has none."""
        news = await self.parts.rollouts(self.client).keep()
        async with self.parts.database.reading() as session:
            running = await Rollouts(session).all_running()
        door = RolloutDoor(self.client)
        return f"news {news}, running {len(running)}, started {sum([await door.start(rollout) for rollout in running])}"

    async def closures(self) -> str:
        """Tell whoever is booked on a day on which their place turns out to be closed."""
        parts = self.parts
        return f"told {await ClosedDays(Events(parts.database, parts.vault, parts.clock)).tell()}"

    async def messages(self) -> str:
        """Compare what should have gone out with what did; whole days once an hour, at its beginning."""
        parts, dead_man = self.parts, self._dead_man()
        counted = await dead_man.count()
        async with parts.database.reading() as session:
            now = await parts.clock.now(session)
        looked = await dead_man.look(thoroughly=now.minute < ONCE_AN_HOUR)
        alerting = self._alerting()
        alerting.say(looked.raised, looked.cleared)
        return f"counted {counted}, open {await alerting.count()}, told {await alerting.tell()}"

    def _dead_man(self) -> DeadMan:
        return DeadMan(self.parts.database, self.parts.clock, partial(nobody_works, self.client))

    async def alerts(self) -> str:
        """Tell the network's webhook of alerts that it has not taken yet."""
        return f"told {await self._alerting().tell()}"

    def _alerting(self) -> Alerting:
        settings = self.parts.settings
        return Alerting(self.parts.database, self.parts.seeing, settings.alert_webhook, settings.alert_secret)

    async def ahead(self) -> str:
        """Work out what patients will bring in the weeks ahead: of those who took a step, or were looked at two weeks ago.

        While many wait, as after an upgrade, it goes on for a third of each minute.
        """
        until = asyncio.get_running_loop().time() + (EVERY["ahead"] / 3).total_seconds()
        looked = found = await self._looking().catch_up()
        while found == AT_ONCE and asyncio.get_running_loop().time() < until:
            found = await self._looking().catch_up()
            looked += found
        return f"looked at {looked}"

    def _looking(self) -> LookingAhead:
        return LookingAhead(self.parts.database, self.parts.vault, self.parts.plans, self.parts.clock)

    async def figures(self) -> str:
        """Write where those stand whose last step did not, and count by care team."""
        await Standing(self.parts.database, self.parts.vault, self.parts.plans, self.parts.clock).catch_up()
        await self._looking().catch_up()
        if await self._driven():  # weeks of texts may have come since they were counted
            await self._dead_man().count()
        async with self.parts.database.reading() as session:
            now = await self.parts.clock.now(session)
            made = await TeamFigures(session, now).make()
        async with self.parts.database.begin() as session:
            return f"teams {await keep(session, made, now=now)}"

    async def usage(self) -> str:
        """Ask for prices that were not told yet, and count what texts cost; of some days, for prices come late."""
        told = await Prices(self.parts.database, self.parts.clock, self._messages()).ask()
        async with self.parts.database.begin() as session:
            today = (await self.parts.clock.now(session)).date()
            texts = await UsageCounts(session).count([today - timedelta(days=ago) for ago in range(COUNTED_ANEW)])
        return f"texts {texts}, prices {told}"

    async def expire(self) -> str:
        """Let a person read what a shared phone did not tell us the owner of; delete lists of people that were sent a week ago.

        Forget used idempotency keys and assertions, and the tokens of those who signed in long ago; API keys stay, to be accounted
        for.
        """
        await Conversations(self.parts.database, self.parts.vault, self.parts.clock, None).give_up()
        now = system_time()
        async with self.parts.database.begin() as session:
            await session.execute(delete(Idempotency).where(Idempotency.at < now - KEPT_IDEMPOTENCY))
            over = ApiKey.account_id.is_not(None) & (ApiKey.expires < now - KEPT_SESSIONS)
            await session.execute(delete(ApiKey).where(over))
            await forget_used(session, now)
            await Rosters(session, self.parts.vault).forget(await self.parts.clock.now(session))
            await HookCards(session).forget(await self.parts.clock.now(session))
        return "done"

    async def integrity(self) -> str:
        """Look at some patients for what must hold of each."""
        look = await Integrity(self.parts.database, self.parts.clock, Waker(self.client)).look()
        for broken in look.broken:
            self.parts.seeing.log.error("integrity_broken", patient=broken.patient, what=broken.what)
        return f"looked at {look.looked_at}, broken {len(look.broken)}, started {look.started}, faults {look.faults}"

    async def audit(self) -> str:
        """Verify what was written since all was last well. Raises AuditBroken, again and again until somebody has mended it."""
        async with self.parts.database.reading() as session:
            last = await session.get(JobRow, "audit")
        verdict = await verify(self.parts.database, self.log.key, since=last.succeeded - RE_READ if last else None)
        self.parts.seeing.metrics.audit_breaks.set(len(verdict.broken))
        if verdict.broken:
            raise AuditBroken(f"{len(verdict.broken)} entries do not hold; see: cairn audit verify")
        return f"entries {verdict.entries}, chains {verdict.chains}, witnessed {await self.log.witness()}"

    async def _driven(self) -> bool:
        async with self.parts.database.reading() as session:
            return await self.parts.clock.is_driven(session)

    def _doubts(self) -> Doubts:
        return Doubts(self.parts.database, self.parts.clock, self._messages(), Waker(self.client))

    def _messages(self) -> MessageActivities:
        parts = self.parts
        return MessageActivities(parts.database, parts.vault, parts.plans, parts.clock, parts.channels, parts.seeing)
