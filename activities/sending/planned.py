"""One planned text within one transaction: what stands in its way, each try of it, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.channels.port import OutgoingSms, Receipt
from activities.channels.registry import Channels
from activities.sending.choosing import By, NoneLeft, Wait, choose
from activities.sending.consequences import consequence
from pathways.engine.calendar import local_day
from pathways.engine.commands import SendMessage
from pathways.engine.events import MessageArrived, MessageFailed
from pathways.engine.holding import covering
from pathways.engine.plan import Plan
from pathways.engine.state import ENDED
from pathways.serial import load_command
from records.attempts import Attempts
from records.channel_states import ChannelStates
from records.consents import Consents
from records.eventlog import EventLog
from records.number_marks import NumberMarks
from records.numbers import NumberChanges, asks, number_in
from records.patients import STATE, Patients
from records.tables import Attempt, Delivery, Message, Patient, TaskRow
from records.traffic import ARRIVED
from records.vault import PersonVault, Vault
from workflows.contract import Deliver, Delivered

CALLS = ("phone_reminder", "urgent_call", "on_call_not_told")  # what is done where a text may not have arrived
SETTLED = frozenset({"handed", "failed", "dropped", "unknown"})
DROPPED = frozenset({"too_late", "ended", "paused", "opted_out", "place_closed", "out_of_stock"})


@dataclass
class Planned:
    """Made by ``load``, which holds the patient against anybody else's change."""

    patients: Patients
    patient: Patient
    person: PersonVault
    delivery: Delivery
    command: SendMessage
    attempts: list[Attempt]

    @classmethod
    async def load(cls, session: AsyncSession, vault: Vault, asked: Deliver) -> Planned | None:
        """None where there is no such text, or the person was forgotten."""
        patients = Patients(session, vault)
        held = await patients.held(asked.patient)
        delivery = await session.get(Delivery, (asked.patient, asked.key))
        if held is None or delivery is None:
            return None
        command = load_command(held.person.open(f"delivery/{asked.key}", delivery.sealed))
        if not isinstance(command, SendMessage):
            return None
        tries = await Attempts(session).all(asked.patient, asked.key)
        return cls(patients, held.patient, held.person, delivery, command, tries)

    @property
    def session(self) -> AsyncSession:
        return self.patients.session

    @property
    def attempt(self) -> Attempt | None:
        """The last try."""
        return self.attempts[-1] if self.attempts else None

    def by_id(self, attempt_id: str) -> Attempt | None:
        """The try with this id."""
        return next((one for one in self.attempts if one.id == attempt_id), None)

    async def phone(self) -> str:
        """To whom, E.164; empty where there is no number."""
        if self.command.to == "on_call":
            return (await self.patients.care_team(self.patient)).on_call_phone or ""
        if self.command.to in ("new_patient", "new_carer"):
            return await self._new_number()
        profile = await self.patients.profile(self.patient)
        return (profile.phone if self.command.to == "patient" else profile.carer_phone) or ""

    async def _new_number(self) -> str:
        """The number that this text asks about, while it waits to be confirmed."""
        waiting = await NumberChanges(self.session, self.patients.vault).of(self.patient.id)
        change = asks(list(waiting.values()), self.command.key)
        return number_in(change, self.person) if change is not None else ""

    def held_back(self, now: datetime) -> str:
        """Why it must not go out any more, or nothing."""
        if self.command.to != "on_call":
            if self.patient.life in ENDED or (self.patient.life == "in_hospital" and not self.command.urgent):
                return "ended"
            if self.patient.life == "paused" and not self.command.urgent:
                return "paused"
            # Read by its name, not as a State: the snapshot may be of an older engine, and the patient need not wait for a step.
            state = self.person.open(STATE, self.patient.state) if self.patient.state else {}
            if state.get("opted_out"):
                return "opted_out"
            if {"patient": state.get("phone"), "carer": state.get("carer")}.get(self.command.to) is False:
                return "no_phone"  # the number there is turned out to be somebody else's, or nobody's
        if self.delivery.not_after is not None and now > self.delivery.not_after:
            return "too_late"
        return ""

    def today(self, now: datetime) -> date:
        """The patient's day."""
        return local_day(now, self.patient.timezone)

    def covered(self, plan: Plan, now: datetime) -> str:
        """Why it would send somebody to a closed door or for a medicine that is not there, or nothing; urgent ones are not."""
        if self.command.urgent or self.command.to not in ("patient", "carer") or not plan.holds:
            return ""
        holds = (covering(plan, part, self.today(now)) for part in self.command.parts)
        return next((hold.why for hold in holds if hold is not None), "")

    async def way(
        self, channels: Channels, now: datetime, *, driven: bool, passed_over: Mapping[str, datetime]
    ) -> By | Wait | NoneLeft:
        """The channel for the next try. ``passed_over``: channels that this run has tried in vain.

        Where time is driven no channel rests: nobody waits for a moment that comes only when everything is settled.
        """
        order = channels.order_for(await self._chosen())
        states = ChannelStates(self.session)
        doing = {} if driven else await states.of(order)
        resting = {name: one.paused_until for name, one in doing.items() if one.paused_until is not None and one.paused_until > now}
        delivery, closed = self.delivery, await self.closed()
        to = choose(order, closed=closed, resting={**resting, **passed_over}, urgent=delivery.urgent, not_after=delivery.not_after)
        if isinstance(to, By) and to.channel in doing:
            until = await states.go_first(doing[to.channel], now=now)
            return to if until is None else Wait(to.channel, until)
        return to

    async def _chosen(self) -> tuple[str, ...]:
        return (await self.patients.profile(self.patient)).channels if self.command.to == "patient" else ()

    async def closed(self) -> dict[str, str]:
        """Channels that will not carry it, and why: the number is marked, or they refused this text."""
        marks = await NumberMarks(self.session).of(self.patient.id, self.command.to)
        return {**marks, **{one.channel: one.reason for one in self.attempts if one.status == "refused" and one.reason}}

    async def is_elsewhere_left(self, channels: Channels, now: datetime) -> bool:
        """Whether another channel may carry it, and it is still of use."""
        order = channels.order_for(await self._chosen())
        return not self.held_back(now) and bool(set(order) - (await self.closed()).keys())

    def begin(self, channel: str, to: str, text: str, now: datetime) -> OutgoingSms:
        """One more try, stored before the channel is called."""
        self.delivery.status, self.delivery.channel, self.delivery.attempts = "attempting", channel, self.delivery.attempts + 1
        self.delivery.arrived = ""
        attempt = Attempts(self.session).begin(self.person, self.delivery, to=to, text=text, at=now)
        self.attempts.append(attempt)
        return OutgoingSms(self.delivery.key, attempt.id, to, text, self.delivery.not_after, now)

    def attempted(self, attempt: Attempt) -> OutgoingSms:
        """A try as it was stored before the call."""
        to, text = Attempts.opened(self.person, attempt)
        return OutgoingSms(attempt.key, attempt.id, to, text, self.delivery.not_after, attempt.at)

    def not_taken(self, reason: str = "", code: int | None = None) -> None:
        """The provider certainly did not take the last try: the next one begins afresh."""
        self.delivery.status = "planned"
        if self.attempt is not None:
            self.attempt.status, self.attempt.reason, self.attempt.code = "not_taken", reason, code

    async def refused(self, attempt: Attempt, reason: str, code: int | None, now: datetime) -> None:
        """This channel will not carry it; where that is because of the number, the number is marked."""
        attempt.status, attempt.reason, attempt.code = "refused", reason, code
        if consequence(reason).marks and self.command.to != "on_call":
            await NumberMarks(self.session).put(self.patient.id, self.command.to, attempt.channel, reason, at=now)
        if reason == "opted_out" and self.command.to == "patient":
            await Consents(self.session).refused_by_provider(self.patient.id, at=now)

    async def taken(self, attempt: Attempt, receipt: Receipt, now: datetime) -> Delivered:
        """The provider has it; where it says so at once, the phone has it too."""
        delivery, key = self.delivery, self.delivery.key
        delivery.status, delivery.reason, delivery.settled = "handed", "", now
        attempt.status, attempt.reason = "taken", ""
        if receipt.status in ARRIVED:
            delivery.arrived = attempt.arrived = receipt.status
            attempt.told = now
        self.receipt(attempt, receipt)
        _, text = Attempts.opened(self.person, attempt)
        await self._keep(key, attempt.at, {"to": self.command.to, "text": text})
        return Delivered(status="handed")

    def receipt(self, attempt: Attempt, receipt: Receipt) -> None:
        """What the provider says of a try that it took; what it does not say stays as it was."""
        attempt.provider_id = attempt.provider_id or receipt.provider_id
        attempt.segments = receipt.segments if receipt.segments is not None else attempt.segments
        if receipt.cost is not None:
            attempt.cost, attempt.currency = receipt.cost, receipt.currency

    async def end(self, status: str, reason: str, now: datetime, *, elsewhere: bool = False) -> Delivered:
        """Settle it as not sent, and let the patient's next step know. ``elsewhere``: another channel may carry it."""
        self.delivery.status, self.delivery.reason, self.delivery.settled = status, reason, now
        if self.attempt is not None and self.attempt.status in ("begun", "unknown"):
            self.attempt.status, self.attempt.reason = ("unknown" if status == "unknown" else "refused"), reason
        key, number = self.delivery.key, self.delivery.attempts
        event_id = f"{key}/{'elsewhere' if elsewhere else status}" + (f"/{number}" if number > 1 else "")
        await self._log().append(
            MessageFailed(id=event_id, at=now, learnt=now, key=key, reason=reason, to=self.command.to, elsewhere=elsewhere)
        )
        return Delivered(learnt=True, status=status)

    async def arrived_after_all(self, now: datetime) -> None:
        """A person was told that it may not have gone; now they are told that it did."""
        key, at_work = self.delivery.key, (TaskRow.status == "open") & TaskRow.claimed_by.is_not(None)
        query = select(TaskRow.key).where(TaskRow.patient_id == self.patient.id, TaskRow.kind.in_(CALLS), at_work).limit(1)
        begun = await self.session.scalar(query) is not None
        arrived = MessageArrived(id=f"{key}/arrived", at=now, learnt=now, key=key, to=self.command.to, begun=begun)
        await self._log().append(arrived)

    def _log(self) -> EventLog:
        return EventLog(self.session, self.patient, self.person)

    async def _keep(self, key: str, at: datetime, body: Mapping[str, str]) -> None:
        """What a phone shows; a text that went a second way is one text."""
        kept = select(Message.id).where(Message.patient_id == self.patient.id, Message.direction == "out", Message.key == key)
        if await self.session.scalar(kept) is None:
            sealed = self.person.seal(f"message/out/{key}", dict(body))
            self.session.add(Message(patient_id=self.patient.id, direction="out", key=key, at=at, sealed=sealed))
