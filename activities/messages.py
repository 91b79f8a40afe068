"""Texting: handing over a planned message once, and owning up to what is not known.

Rule 1: the attempt is stored before the provider is called; after a crash or a time-out the provider is asked before anything
        is sent again, and where it cannot tell, a person settles it.
Rule 2: a message is looked at once more at the last moment: for somebody who has died, opted out, or for whom it is too late,
        it is dropped, and the reason becomes an event.
The gap: a provider that loses its record of a message it took is texted through twice; the sandbox and Twilio do not.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.channels.port import (
    CannotTell,
    Channel,
    Found,
    InDoubt,
    Misconfigured,
    NotFound,
    OutgoingSms,
    Receipt,
    TryLater,
    Undeliverable,
)
from activities.plans import Plans, UnknownVersion
from activities.rendering import Rendering
from activities.seeing import Seeing
from pathways.engine.commands import SendMessage
from pathways.engine.events import MessageFailed
from pathways.engine.state import ENDED
from pathways.language.wording import NoWording, Wording, shipped_frames
from pathways.serial import load_command
from records.attempts import Attempts
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import STATE, Patients
from records.tables import Attempt, Delivery, Message, Patient
from records.vault import PersonVault, Vault
from workflows.contract import DELIVER, Deliver, Delivered

SETTLED = frozenset({"handed", "failed", "dropped", "unknown"})
IN_DOUBT = frozenset({"attempting", "unknown"})


@dataclass(frozen=True)
class MessageActivities:
    """All that texting patients needs, handed in once at start-up."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock
    channel: Channel
    seeing: Seeing = field(default_factory=Seeing)

    @activity.defn(name=DELIVER["message"])
    async def deliver_message(self, asked: Deliver) -> Delivered:
        """Hand over one message. Raises a retryable ApplicationError while the provider asks us to wait."""
        async with self.seeing.delivering("message", asked.patient) as seen:
            delivered = await self._deliver(asked)
            seen.outcome = delivered.status
            return delivered

    async def _deliver(self, asked: Deliver) -> Delivered:
        sms_or_end = await self._attempt(asked)
        if isinstance(sms_or_end, _Doubt):
            async with self._calling("find"):
                finding = await self.channel.find(sms_or_end.sms)
            if isinstance(finding, Found):
                return await self._handed(asked, sms_or_end.sms, finding.receipt)
            if isinstance(finding, CannotTell):
                return await self._give_up(asked, "unknown", "unknown")
            await self._not_taken(asked)
            sms_or_end = await self._attempt(asked)
        if not isinstance(sms_or_end, OutgoingSms):
            return sms_or_end if isinstance(sms_or_end, Delivered) else Delivered(status="settled")
        try:
            async with self._calling("send"):
                receipt = await self.channel.send(sms_or_end)
        except Undeliverable as refusal:
            return await self._give_up(asked, "failed", refusal.reason)
        except TryLater as later:
            await self._not_taken(asked)
            raise ApplicationError(later.reason, type="TryLater", next_retry_delay=later.after) from None
        except Misconfigured as wrong:
            await self._not_taken(asked)
            raise ApplicationError(str(wrong), type="Misconfigured", next_retry_delay=timedelta(minutes=1)) from None
        except InDoubt as doubt:
            raise ApplicationError(doubt.reason, type="InDoubt", next_retry_delay=timedelta(seconds=5)) from None
        return await self._handed(asked, sms_or_end, receipt)

    @asynccontextmanager
    async def _calling(self, what: str) -> AsyncIterator[None]:
        """Around a call of the provider: how long it took and how it went; to whom and what is nobody's business here."""
        begun, outcome = time.perf_counter(), "interrupted"
        with self.seeing.traces.part("provider", SpanKind.CLIENT, channel=self.channel.name, what=what) as part:
            try:
                yield
                outcome = "answered"
            except Exception as refused:
                outcome = type(refused).__name__
                raise
            finally:
                part.says(outcome=outcome)
                self.seeing.metrics.provider_seconds.labels(self.channel.name, what, outcome).observe(time.perf_counter() - begun)

    async def settle_doubt(self, asked: Deliver) -> Delivered:
        """Ask once about an attempt that was left *attempting* or *unknown*; sends nothing. Raises TryLater, Misconfigured.

        ``status``: handed (the provider has it), planned (it has not, and the patient's workflow may send it), failed (it has not,
        and a person was told already that it may not have gone), unknown (nobody can tell), settled (somebody else was quicker).
        """
        async with self.database.begin() as session:
            found = await _Planned.load(session, self.vault, asked)
            if found is None or found.delivery.status not in IN_DOUBT or found.attempt is None:
                return Delivered(status="settled")
            sms, was = found.attempted(), found.delivery.status
        async with self._calling("find"):
            finding = await self.channel.find(sms)
        async with self.database.begin() as session:
            found = await _Planned.load(session, self.vault, asked)
            if found is None or found.attempt is None or (found.delivery.status, found.attempt.id) != (was, sms.attempt):
                return Delivered(status="settled")
            now = await self.clock.now(session)
            if isinstance(finding, Found):
                return found.taken(sms, finding.receipt, now)
            if was == "attempting" and isinstance(finding, NotFound):
                found.not_taken()
                return Delivered(status="planned")
            if was == "attempting":
                return await found.end("unknown", "unknown", now)
            return await found.end("failed", "not_taken", now) if isinstance(finding, NotFound) else Delivered(status="unknown")

    async def _attempt(self, asked: Deliver) -> OutgoingSms | _Doubt | Delivered:
        """Decide once more whether it goes out, and store the attempt; the transaction is over before the call.

        An attempt that was begun and never settled is handed back as a doubt: the provider is asked first.
        """
        async with self.database.begin() as session:
            found = await _Planned.load(session, self.vault, asked)
            if found is None or found.delivery.status in SETTLED:
                return Delivered(status="settled")
            if found.delivery.status == "attempting":
                return _Doubt(found.attempted())
            now = await self.clock.now(session)
            profile = await found.patients.profile(found.patient)
            team = await found.patients.care_team(found.patient)
            to = {"patient": profile.phone, "carer": profile.carer_phone, "on_call": team.on_call_phone}[found.command.to]
            why = found.held_back(now) or ("" if to else "no_such_number")
            if why:
                return await found.end("dropped" if why in ("too_late", "ended", "opted_out") else "failed", why, now)
            try:
                _, wording = await self.plans.of(session, found.patient.id)
                as_meant = await self._as_meant(session, found.command)
                text = await Rendering(session, found.patient, profile, wording | as_meant).text(found.command)
            except NoWording:
                return await found.end("failed", "no_wording", now)
            attempt = found.begin(self.channel.name, to or "", text, now)
            return OutgoingSms(asked.key, attempt.id, to or "", text, found.delivery.not_after, now)

    async def _as_meant(self, session: AsyncSession, command: SendMessage) -> Wording:
        """The words of the versions that planned it; those of a version that is not there any more are told as they are now."""
        wording = Wording({}, shipped_frames())
        for version in sorted({(part.pathway, part.version) for part in command.parts if part.version}):
            with contextlib.suppress(UnknownVersion):
                wording |= (await self.plans.made_of(session, [version]))[1]
        return wording

    async def _handed(self, asked: Deliver, sms: OutgoingSms, receipt: Receipt) -> Delivered:
        async with self.database.begin() as session:
            found = await _Planned.load(session, self.vault, asked)
            if found is None or found.delivery.status in SETTLED:
                return Delivered(status="settled")
            return found.taken(sms, receipt, await self.clock.now(session))

    async def _not_taken(self, asked: Deliver) -> None:
        """The provider certainly did not take it: the next try begins afresh."""
        async with self.database.begin() as session:
            found = await _Planned.load(session, self.vault, asked)
            if found is not None and found.delivery.status == "attempting":
                found.not_taken()

    async def _give_up(self, asked: Deliver, status: str, reason: str) -> Delivered:
        async with self.database.begin() as session:
            found = await _Planned.load(session, self.vault, asked)
            if found is None or found.delivery.status in SETTLED:
                return Delivered(status="settled")
            return await found.end(status, reason, await self.clock.now(session))


@dataclass(frozen=True, slots=True)
class _Doubt:
    """An attempt of which nobody knows whether the provider took it."""

    sms: OutgoingSms


@dataclass(frozen=True)
class _Planned:
    """A planned message within one transaction."""

    patients: Patients
    patient: Patient
    person: PersonVault
    delivery: Delivery
    command: SendMessage
    attempt: Attempt | None  # the last one

    @classmethod
    async def load(cls, session: AsyncSession, vault: Vault, asked: Deliver) -> _Planned | None:
        patients = Patients(session, vault)
        held = await patients.held(asked.patient)
        delivery = await session.get(Delivery, (asked.patient, asked.key))
        if held is None or delivery is None:
            return None
        command = load_command(held.person.open(f"delivery/{asked.key}", delivery.sealed))
        if not isinstance(command, SendMessage):
            return None
        return cls(patients, held.patient, held.person, delivery, command, await Attempts(session).last(asked.patient, asked.key))

    def begin(self, channel: str, to: str, text: str, now: datetime) -> Attempt:
        """One more try, stored before the channel is called."""
        self.delivery.status, self.delivery.channel, self.delivery.attempts = "attempting", channel, self.delivery.attempts + 1
        return Attempts(self.patients.session).begin(self.person, self.delivery, to=to, text=text, at=now)

    def not_taken(self) -> None:
        """The provider certainly did not take the last try: the next one begins afresh."""
        self.delivery.status = "planned"
        if self.attempt is not None:
            self.attempt.status = "not_taken"

    def attempted(self) -> OutgoingSms:
        """The attempt as it was stored before the call."""
        assert self.attempt is not None
        to, text = Attempts.opened(self.person, self.attempt)
        return OutgoingSms(self.attempt.key, self.attempt.id, to, text, self.delivery.not_after, self.attempt.at)

    def held_back(self, now: datetime) -> str:
        """Why it must not go out any more, or nothing."""
        if self.command.to == "on_call":
            return ""
        if self.patient.life in ENDED or (self.patient.life == "in_hospital" and not self.command.urgent):
            return "ended"
        # Read by its name, not as a State: the snapshot may be of an older engine, and the patient need not wait for a step.
        state = self.person.open(STATE, self.patient.state) if self.patient.state else {}
        if state.get("opted_out"):
            return "opted_out"
        if self.delivery.not_after is not None and now > self.delivery.not_after:
            return "too_late"
        return ""

    def taken(self, sms: OutgoingSms, receipt: Receipt, now: datetime) -> Delivered:
        """The provider has it."""
        delivery, key = self.delivery, self.delivery.key
        delivery.status, delivery.reason, delivery.settled = "handed", "", now
        if self.attempt is not None:
            self.attempt.status, self.attempt.provider_id = "taken", receipt.provider_id
            self.attempt.segments, self.attempt.cost = receipt.segments, receipt.cost
            self.attempt.currency = receipt.currency
        body = {"to": self.command.to, "text": sms.text}
        self.patients.session.add(
            Message(
                patient_id=self.patient.id,
                direction="out",
                key=key,
                at=sms.attempted_at or now,
                sealed=self.person.seal(f"message/out/{key}", body),
            )
        )
        return Delivered(status="handed")

    async def end(self, status: str, reason: str, now: datetime) -> Delivered:
        """Settle it as not sent, and let the patient's next step know."""
        self.delivery.status, self.delivery.reason, self.delivery.settled = status, reason, now
        if self.attempt is not None and self.attempt.status in ("begun", "unknown"):
            self.attempt.status, self.attempt.reason = ("unknown" if status == "unknown" else "refused"), reason
        event = MessageFailed(
            id=f"{self.delivery.key}/{status}", at=now, learnt=now, key=self.delivery.key, reason=reason, to=self.command.to
        )
        await EventLog(self.patients.session, self.patient, self.person).append(event)
        return Delivered(learnt=True, status=status)
