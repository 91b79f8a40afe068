"""What a provider says later of a text: it arrived, or it was lost after all.

Rule 1: reports come late, twice and out of order; where a text is only goes forward, and a report told twice changes nothing.
Rule 2: a text that was lost goes another way while it is of use: the engine decides, for it knows the person.
Rule 3: a person who was told that a text may not have gone is told when it did.
"""

from __future__ import annotations

from dataclasses import dataclass

from activities.channels.port import DeliveryReport, Receipt, Status
from activities.channels.registry import Channels
from activities.sending.consequences import consequence
from activities.sending.planned import Planned
from activities.waking import NotWoken, Wakes
from records.attempts import Attempts
from records.channel_states import ChannelStates
from records.clock import Clock
from records.database import Database
from records.tables import Attempt
from records.vault import Vault
from workflows.contract import Deliver

#: A loss is final, but a phone that shows the text has it.
RANKS: dict[str, int] = {"": -1, "accepted": 0, "queued": 1, "sent": 2, "undelivered": 3, "failed": 3, "delivered": 4, "read": 5}
ON_THE_PHONE: frozenset[Status] = frozenset({"delivered", "read"})


@dataclass(frozen=True)
class Reports:
    """Where delivery reports arrive. ``waker`` is None while Temporal is away; housekeeping wakes the patients then."""

    database: Database
    vault: Vault
    clock: Clock
    channels: Channels
    waker: Wakes | None

    async def take(self, report: DeliveryReport, *, channel: str = "") -> bool:
        """Take in one report, of ``channel`` where it is known; True when it concerned a text of ours."""
        async with self.database.begin() as session:
            named = await Attempts(session).told_of(report.attempt, report.provider_id, channel)
            if named is None:
                return False
            found = await Planned.load(session, self.vault, Deliver(named.patient_id, named.key, "message"))
            attempt = found.by_id(named.id) if found is not None else None
            if found is None or attempt is None:
                return False
            if attempt.provider_id is not None and attempt.provider_id != report.provider_id:
                return True  # of another message that this try's address was used for: none of ours
            learnt = await self._take(found, attempt, report)
            patient, next_step = found.patient.id, found.patient.last_step + 1
        if learnt and self.waker is not None:
            try:
                await self.waker.wake(patient, next_step=next_step)
            except NotWoken:
                return True  # the event is stored; housekeeping wakes the patient later
        return True

    async def _take(self, found: Planned, attempt: Attempt, report: DeliveryReport) -> bool:
        """True when the patient's next step has something to know."""
        now, driven = await self.clock.read(found.session)
        found.receipt(attempt, Receipt(report.provider_id, report.status, report.segments, report.cost, report.currency))
        if RANKS[report.status] <= RANKS[attempt.arrived]:
            return False
        attempt.arrived, attempt.told = report.status, now
        last = attempt is found.attempt
        if last:
            found.delivery.arrived = report.status
        if report.reason is None:
            return await self._went(found, attempt, report, last=last)
        if report.fault is not None and not driven:
            rests = consequence(report.fault).rests
            if rests is not None:
                rest = rests.after
                await ChannelStates(found.session).failed(
                    attempt.channel, report.fault, lambda failures: rest(failures, None), begun=attempt.at, now=now
                )
        return await self._lost(found, attempt, report, last=last)

    async def _went(self, found: Planned, attempt: Attempt, report: DeliveryReport, *, last: bool) -> bool:
        was, status = attempt.status, found.delivery.status
        if was == "taken" or (was == "refused" and report.status not in ON_THE_PHONE):
            return False
        now = await self.clock.now(found.session)
        if not last or status == "dropped":
            attempt.status = "taken"
            return False
        await found.taken(attempt, Receipt(report.provider_id, report.status, report.segments, report.cost, report.currency), now)
        if status in ("unknown", "failed"):
            await found.arrived_after_all(now)
            return True
        return False  # in doubt until now: the workflow that waits finds it settled

    async def _lost(self, found: Planned, attempt: Attempt, report: DeliveryReport, *, last: bool) -> bool:
        assert report.reason is not None
        now, status = await self.clock.now(found.session), found.delivery.status
        await found.refused(attempt, report.reason, report.code, now)
        if not last or status not in ("handed", "attempting", "unknown"):
            return False
        elsewhere = status != "unknown" and consequence(report.reason).elsewhere
        elsewhere = elsewhere and await found.is_elsewhere_left(self.channels, now)
        if elsewhere and status == "attempting":
            found.delivery.status = "planned"  # the workflow that waits takes another way
            return False
        await found.end("failed", report.reason, now, elsewhere=elsewhere)
        return True
