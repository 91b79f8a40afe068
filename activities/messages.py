"""Texting: handing over a planned message once, and owning up to what is not known.

Rule 1: the attempt is stored before the provider is called; after a crash or a time-out the provider is asked before anything
        is sent again, for a quarter of an hour; where it cannot tell by then, a person settles it.
Rule 2: a message is looked at once more at the last moment: for somebody who has died, opted out, or for whom it is too late,
        it is dropped, and the reason becomes an event.
Rule 3: what a channel answers has its consequence by ``sending.consequences``; a refused text goes another way where there is one.
The gap: a provider that loses its record of a message it took is texted through twice; the sandbox and Twilio do not.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.channels.port import (
    CannotTell,
    Finding,
    Found,
    InDoubt,
    Misconfigured,
    NotFound,
    OutgoingSms,
    TryLater,
    Undeliverable,
)
from activities.channels.registry import Channels
from activities.plans import Plans, UnknownVersion
from activities.rendering import Rendering
from activities.seeing import Seeing
from activities.sending.calling import Calls, NotNow, sayable
from activities.sending.choosing import NoneLeft, Wait, in_time, share
from activities.sending.consequences import LONGEST_REST, consequence
from activities.sending.doubting import PATIENCE, asks_again
from activities.sending.pacing import Pacing
from activities.sending.planned import DROPPED, SETTLED, Planned
from pathways.engine.commands import SendMessage
from pathways.language.wording import NoWording, Wording, shipped_frames
from records.channel_states import ChannelStates
from records.clock import Clock
from records.database import Database
from records.vault import Vault
from workflows.contract import DELIVER, Deliver, Delivered

IN_DOUBT = frozenset({"attempting", "unknown"})


@dataclass(frozen=True, slots=True)
class _Try:
    """One try by one channel: to be made, or (``begun``) made before and of an outcome that nobody knows."""

    channel: str
    sms: OutgoingSms
    begun: bool = False


@dataclass(frozen=True)
class MessageActivities:
    """All that texting patients needs, handed in once at start-up."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock
    channels: Channels
    seeing: Seeing = field(default_factory=Seeing)
    per_second: float = 0.0  # of all workers together; 0: no limit

    @activity.defn(name=DELIVER["message"])
    async def deliver_message(self, asked: Deliver) -> Delivered:
        """Hand over one message. Raises a retryable ApplicationError while a provider asks us to wait or cannot tell."""
        await Pacing(self.database, self.per_second).turn()
        async with self.seeing.delivering("message", asked.patient) as seen:
            delivered = await self._deliver(asked)
            seen.outcome = delivered.status
            return delivered

    async def _deliver(self, asked: Deliver) -> Delivered:
        passed_over: dict[str, datetime] = {}
        waits: ApplicationError | None = None
        for _ in range(3 * len(self.channels.order) + 3):  # each round closes a channel, passes one over, or settles a doubt
            to_try = await self._try(asked, passed_over)
            if isinstance(to_try, Delivered):
                return to_try
            if isinstance(to_try, ApplicationError):
                raise waits or to_try
            if to_try.begun:
                delivered = await self._ask(asked, to_try)
            else:
                try:
                    delivered = await self._send(asked, to_try)
                except NotNow as fault:
                    passed_over[to_try.channel], waits = fault.until, fault.waits
                    if not fault.urgent:
                        raise waits from None
                    continue
            if delivered is not None:
                return delivered
        raise ApplicationError("no channel settles it", type="TryLater", next_retry_delay=timedelta(minutes=1))

    async def _send(self, asked: Deliver, to_try: _Try) -> Delivered | None:
        """Call the channel once. None: this channel will not carry it. Raises NotNow, ApplicationError."""
        sms = to_try.sms
        try:
            receipt = await self._calls.send(to_try.channel, sms)
        except Undeliverable as refusal:
            return await self._refused(asked, to_try, refusal)
        except (TryLater, Misconfigured) as later:
            raise await self._not_now(asked, to_try, later) from None
        except Exception as doubt:  # whatever a channel raises besides: the message may be on its way
            await self._rests(to_try, "in_doubt", None)
            why = doubt.reason if isinstance(doubt, InDoubt) else type(doubt).__name__
            raise ApplicationError(why, type="InDoubt", next_retry_delay=consequence("in_doubt").again) from None
        async with self._holding(asked) as found:
            attempt = found.by_id(sms.attempt) if found is not None else None
            if found is None or attempt is None:
                return Delivered(status="settled")
            now = await self.clock.now(found.session)
            await ChannelStates(found.session).well(to_try.channel, begun=attempt.at, now=now)
            if attempt is not found.attempt or found.delivery.status != "attempting":
                found.receipt(attempt, receipt)  # its provider was quicker to call than to answer, perhaps that it was lost
                lost = attempt is found.attempt and found.delivery.status not in SETTLED
                return None if lost else Delivered(status="settled")
            return await found.taken(attempt, receipt, now)

    async def _ask(self, asked: Deliver, to_try: _Try) -> Delivered | None:
        """Ask what became of a try. None: it was certainly not taken. Raises ApplicationError while it can still be settled."""
        try:
            finding = await self._calls.find(to_try.channel, to_try.sms)
        except Undeliverable as lost:
            return await self._refused(asked, to_try, lost)
        except Exception as refused:  # nothing was sent: it is only a question to ask again
            finding = CannotTell(type(refused).__name__)
        async with self._holding(asked) as found:
            attempt = found.by_id(to_try.sms.attempt) if found is not None else None
            if found is None or attempt is None or attempt is not found.attempt or found.delivery.status != "attempting":
                return Delivered(status="settled") if found is None or found.delivery.status in SETTLED else None
            now, driven = await self.clock.read(found.session)
            if isinstance(finding, Found):
                return await found.taken(attempt, finding.receipt, now)
            if isinstance(finding, NotFound):
                found.not_taken("not_found")
                return None
            attempt.asked += 1
            again = asks_again(attempt.asked, now - attempt.at, driven=driven)
            if again is None:
                return await found.end("unknown", "unknown", now)
        raise ApplicationError("the provider cannot tell", type="InDoubt", next_retry_delay=again)

    async def settle_doubt(self, asked: Deliver) -> Delivered:
        """Ask once about an attempt that was left *attempting* or *unknown*; sends nothing. Raises TryLater, Misconfigured.

        ``status``: handed (the provider has it), planned (it has not, and the patient's workflow may send it), failed (it has not,
        and a person was told already that it may not have gone), unknown (nobody can tell), settled (somebody else was quicker).
        """
        async with self._holding(asked) as found:
            if found is None or found.delivery.status not in IN_DOUBT or found.attempt is None:
                return Delivered(status="settled")
            to_try, was = _Try(found.attempt.channel, found.attempted(found.attempt), begun=True), found.delivery.status
        finding: Finding | Undeliverable
        try:
            finding = await self._calls.find(to_try.channel, to_try.sms)
        except Undeliverable as refused:
            finding = refused
        async with self._holding(asked) as found:
            attempt = found.attempt if found is not None else None
            if found is None or attempt is None or (found.delivery.status, attempt.id) != (was, to_try.sms.attempt):
                return Delivered(status="settled")
            now = await self.clock.now(found.session)
            if isinstance(finding, Found):
                delivered = await found.taken(attempt, finding.receipt, now)
                if was == "unknown":
                    await found.arrived_after_all(now)
                    return Delivered(learnt=True, status=delivered.status)
                return delivered
            if isinstance(finding, Undeliverable):
                await found.refused(attempt, finding.reason, finding.code, now)
                if was == "unknown" or not consequence(finding.reason).elsewhere:
                    return await found.end("failed", finding.reason, now)
                found.delivery.status = "planned"
                return Delivered(status="planned")
            attempt.asked += 1
            if was == "attempting" and isinstance(finding, NotFound):
                found.not_taken("not_found")
                return Delivered(status="planned")
            if was == "attempting":
                if now - attempt.at < PATIENCE:
                    return Delivered(status="attempting")
                return await found.end("unknown", "unknown", now)
            return await found.end("failed", "not_taken", now) if isinstance(finding, NotFound) else Delivered(status="unknown")

    async def _try(self, asked: Deliver, passed_over: Mapping[str, datetime]) -> _Try | Delivered | ApplicationError:
        """Decide once more whether it goes out and which way, and store the attempt; the transaction is over before the call.

        An attempt that was begun and never settled is handed back as it is: its provider is asked first. An ApplicationError
        says until when it waits.
        """
        async with self._holding(asked) as found:
            if found is None or found.delivery.status in SETTLED:
                return Delivered(status="settled")
            if found.delivery.status == "attempting" and found.attempt is not None:
                return _Try(found.attempt.channel, found.attempted(found.attempt), begun=True)
            session = found.session
            now, driven = await self.clock.read(session)
            to = await found.phone()
            why = found.held_back(now) or ("" if to else "no_such_number")
            if why:
                return await found.end("dropped" if why in DROPPED else "failed", why, now)
            plan, wording = await self.plans.of(session, found.patient.id, on=now.date(), person=found.person)
            if held := found.covered(plan, now):
                return await found.end("dropped", held, now)
            way = await found.way(self.channels, now, driven=driven, passed_over=passed_over)
            if isinstance(way, NoneLeft):
                return await found.end("failed", way.reason, now)
            if isinstance(way, Wait):
                after = max(way.until - now, timedelta()) + share(found.delivery.priority, asked.key)
                after = in_time(after, found.delivery.not_after, now)
                return ApplicationError("the channel rests", type="Resting", next_retry_delay=after)
            try:
                profile = await found.patients.profile(found.patient)
                as_meant = await self._as_meant(session, found.command)
                told = Rendering(session, found.patient, profile, wording | as_meant, found.person, plan, found.today(now))
                text = await told.text(found.command)
            except NoWording:
                return await found.end("failed", "no_wording", now)
            return _Try(way.channel, found.begin(way.channel, to, text, now))

    async def _as_meant(self, session: AsyncSession, command: SendMessage) -> Wording:
        """The words of the versions that planned it; those of a version that is not there any more are told as they are now."""
        wording = Wording({}, shipped_frames())
        for version in sorted({(part.pathway, part.version) for part in command.parts if part.version}):
            with contextlib.suppress(UnknownVersion):
                wording |= (await self.plans.made_of(session, [version]))[1]
        return wording

    async def _refused(self, asked: Deliver, to_try: _Try, refusal: Undeliverable) -> Delivered | None:
        """This channel will not carry it. None: another one may."""
        follows = consequence(refusal.reason)
        if follows.alerts:
            self.seeing.log.error("channel_refuses", channel=to_try.channel, reason=refusal.reason, code=sayable(refusal.code))
        async with self._holding(asked) as found:
            attempt = found.by_id(to_try.sms.attempt) if found is not None else None
            if found is None or attempt is None or attempt is not found.attempt or found.delivery.status in SETTLED:
                return Delivered(status="settled")
            now = await self.clock.now(found.session)
            await found.refused(attempt, refusal.reason, refusal.code, now)
            await ChannelStates(found.session).well(to_try.channel, begun=attempt.at, now=now)
            if not follows.elsewhere:
                return await found.end("failed", refusal.reason, now)
            found.delivery.status = "planned"
            return None

    async def _not_now(self, asked: Deliver, to_try: _Try, later: TryLater | Misconfigured) -> NotNow:
        """The provider certainly did not take it: the next try begins afresh, and not before the channel has rested."""
        reason, wish = later.fault, min(later.after, LONGEST_REST) if isinstance(later, TryLater) and later.after else None
        urgent, moment = False, to_try.sms.attempted_at
        async with self._holding(asked) as found:
            if found is not None and found.delivery.status == "attempting" and found.attempt is not None:
                moment, urgent = await self.clock.now(found.session), found.delivery.urgent
                if found.attempt.id == to_try.sms.attempt:
                    found.not_taken(reason, later.code if isinstance(later, Misconfigured) else None)
        rest = await self._rests(to_try, reason, wish, later.code if isinstance(later, Misconfigured) else None)
        assert moment is not None  # every try is stored with its moment
        delay = in_time(max(rest, wish if wish is not None else consequence(reason).again), to_try.sms.not_after, moment)
        waits = ApplicationError(reason, type=type(later).__name__, next_retry_delay=delay)
        return NotNow(moment + delay, waits, urgent=urgent)

    async def _rests(self, to_try: _Try, reason: str, wish: timedelta | None, code: int | None = None) -> timedelta:
        """Count a failure of the channel; answers for how long it rests. Where time is driven none does."""
        follows = consequence(reason)
        if follows.rests is None:
            return timedelta()
        async with self.database.begin() as session:
            now, driven = await self.clock.read(session)
            if driven:
                return timedelta()
            rests = follows.rests
            begun = to_try.sms.attempted_at or now
            until = await ChannelStates(session).failed(
                to_try.channel, reason, lambda failures: rests.after(failures, wish), begun=begun, now=now
            )
        if until is None:
            return timedelta()
        told = self.seeing.log.error if follows.alerts else self.seeing.log.warning
        told("channel_rests", channel=to_try.channel, reason=reason, code=sayable(code))
        return max(until - now, timedelta())

    @property
    def _calls(self) -> Calls:
        return Calls(self.channels, self.seeing)

    @asynccontextmanager
    async def _holding(self, asked: Deliver) -> AsyncIterator[Planned | None]:
        async with self.database.begin() as session:
            yield await Planned.load(session, self.vault, asked)
