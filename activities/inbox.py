"""An SMS to us becomes events of the patients whose phone it is; a provider's later report becomes one when a text was lost.

Rule 1: a number that no patient has gets no answer and leaves no trace but a count: nothing is disclosed to it.
Rule 2: on a phone that several patients share only what is safe for all of them is taken for more than text: STOP, START and
        danger; anything else is shown to a person for each of them, never guessed.
Rule 3: the provider's id makes the event's, so that an SMS told twice is one event.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from activities.answers import Answer, Kind, read_answer
from activities.channels.port import DeliveryReport, InboundSms
from activities.waking import NotWoken
from pathways.engine.commands import SendMessage
from pathways.engine.events import AnswerReceived, MessageFailed
from pathways.serial import load_command
from records.attempts import Attempts
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.messages import Messages
from records.patients import Patients
from records.tables import Delivery, Patient
from records.vault import PersonVault, Vault

FOR_ALL: frozenset[Kind] = frozenset({"stop", "start", "danger"})
LONGEST_TEXT = 1600  # characters; what is longer is no SMS

log = logging.getLogger(__name__)


class Wakes(Protocol):
    """Wakes a patient's workflow."""

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        """Raises NotWoken."""
        ...


@dataclass(frozen=True, slots=True)
class TakenIn:
    """``patients``: whose phone it was; ``new``: how many of them had not been told of this SMS before."""

    patients: tuple[str, ...] = field(default=())
    new: int = 0


@dataclass(frozen=True)
class Inbox:
    """Where SMS to us arrive. ``waker`` is None while Temporal is away; housekeeping wakes the patients then."""

    database: Database
    vault: Vault
    clock: Clock
    waker: Wakes | None

    async def take(self, sms: InboundSms) -> TakenIn:
        """Store one SMS for everybody whose phone it came from, then wake them."""
        async with self.database.begin() as session:
            patients = Patients(session, self.vault)
            found = await patients.with_phone(sms.from_)
            now = await self.clock.now(session)
            told: list[tuple[str, int]] = []
            new = 0
            for listed in found:
                patient = await patients.get(listed.id, lock=True)
                if patient is None:
                    continue
                try:
                    person = await patients.vault_of(patient.id)
                except LookupError:
                    continue
                event = _read(sms, patient, now, shared=len(found) > 1)
                if await EventLog(session, patient, person).append(event):
                    new += 1
                    own = (await patients.profile(patient)).phone == sms.from_
                    Messages(session).keep_inbound(
                        person, key=event.id, at=now, text=sms.text[:LONGEST_TEXT], who="patient" if own else "carer"
                    )
                told.append((patient.id, patient.last_step + 1))
        if not told:
            log.info("an SMS came from a number that no patient has")
        await self._wake(told)
        return TakenIn(tuple(patient for patient, _ in told), new)

    async def report(self, report: DeliveryReport) -> bool:
        """What the provider said later of a message; True when it concerned one of ours."""
        async with self.database.begin() as session:
            attempt = await Attempts(session).told_of(report.attempt, report.provider_id)
            if attempt is None:
                return False
            patients = Patients(session, self.vault)
            patient = await patients.get(attempt.patient_id, lock=True)
            delivery = await session.get(Delivery, (attempt.patient_id, attempt.key), populate_existing=True)
            if patient is None or delivery is None:
                return False
            try:
                person = await patients.vault_of(patient.id)
            except LookupError:
                return False
            attempt.provider_id = attempt.provider_id or report.provider_id
            if report.reason is None:
                if delivery.status == "unknown":
                    delivery.status, delivery.reason, attempt.status = "handed", "", "taken"
                return True
            if delivery.status not in ("handed", "unknown"):
                return True
            now = await self.clock.now(session)
            delivery.status, delivery.reason, delivery.settled = "failed", report.reason, now
            event = _failed(delivery, person, report.reason, now)
            await EventLog(session, patient, person).append(event)
            told = [(patient.id, patient.last_step + 1)]
        await self._wake(told)
        return True

    async def _wake(self, told: list[tuple[str, int]]) -> None:
        for patient, next_step in told:
            if self.waker is None:
                return
            try:
                await self.waker.wake(patient, next_step=next_step)
            except NotWoken:
                return  # the events are stored; housekeeping wakes them later


def _read(sms: InboundSms, patient: Patient, now: datetime, *, shared: bool) -> AnswerReceived:
    answer = read_answer(sms.text, language=patient.language)
    kind = _kind(answer, shared=shared)
    readings = {} if shared or kind not in ("reading", "danger") else dict(answer.readings)
    return AnswerReceived(id=f"sms/{sms.provider_id}", at=now, learnt=now, kind=kind, readings=readings)


def _kind(answer: Answer, *, shared: bool) -> Kind:
    if shared and answer.kind not in FOR_ALL:
        return "text"
    # A reading that could not be one is for a person to ask about again.
    return "text" if answer.kind == "reading" and not answer.readings else answer.kind


def _failed(delivery: Delivery, person: PersonVault, reason: str, now: datetime) -> MessageFailed:
    command = load_command(person.open(f"delivery/{delivery.key}", delivery.sealed))
    to = command.to if isinstance(command, SendMessage) else "patient"
    return MessageFailed(id=f"{delivery.key}/failed", at=now, learnt=now, key=delivery.key, reason=reason, to=to)
