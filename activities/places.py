"""Handing referrals to hospitals and refill requests to pharmacies: into the place's inbox, once by key.

The inbox is a table that the place reads through the API or its page; so handing over is one transaction of ours, without a gap.
Rule 1: only places of the patient's network are asked, in its order (rank), and none that is closed today or lacks the medicine.
Rule 2: whom we asked before is looked up, never counted: no place is asked twice for one thing, none that opens again is skipped.
Rule 3: when no place is left, that is learnt as an event, never left in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.advice import event_of
from activities.seeing import Seeing
from pathways.engine import calendar
from pathways.engine.commands import (
    AskAdvice,
    CancelReferral,
    CancelRefill,
    RemindPlace,
    RequestReferral,
    RequestRefill,
    SendMessage,
)
from pathways.engine.events import MessageFailed, ReferralMoved, RefillMoved
from pathways.engine.referrals import CANCEL_UNANSWERED
from pathways.serial import load_command
from records.attempts import Attempts
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.feed import Feed
from records.patients import Patients
from records.places import Places
from records.referrals import ANSWERED, BEGUN, CLOSED, move, take_back
from records.refills import asks_for
from records.tables import CareTeam, Delivery, Organisation, Patient, ReferralRow, RefillRow
from records.vault import PersonVault, Vault
from workflows.contract import DELIVER, GIVE_UP, Deliver, Delivered

CLOSED_REFILL = frozenset({"dispensed", "out_of_stock", "refused", "cancelled"})


@dataclass(frozen=True)
class PlaceActivities:
    """All that asking hospitals and pharmacies needs, handed in once at start-up."""

    database: Database
    vault: Vault
    clock: Clock
    seeing: Seeing = field(default_factory=Seeing)

    @activity.defn(name=DELIVER["referral"])
    async def deliver_referral(self, asked: Deliver) -> Delivered:
        """Put a referral, or its cancellation, before the place."""
        return await self._deliver(asked, "referral")

    @activity.defn(name=DELIVER["refill"])
    async def deliver_refill(self, asked: Deliver) -> Delivered:
        """Put a refill request, or its cancellation, before the pharmacy."""
        return await self._deliver(asked, "refill")

    @activity.defn(name=GIVE_UP)
    async def give_up_delivery(self, asked: Deliver) -> Delivered:
        """A delivery that nothing could settle: it becomes an event, so that a person looks."""
        async with self.database.begin() as session:
            handing = await _Handing.load(session, self.vault, asked)
            if handing is None or handing.delivery.status in ("handed", "failed", "dropped", "unknown"):
                return Delivered(status="settled")
            now, delivery = await self.clock.now(session), handing.delivery
            attempt = await Attempts(session).last(asked.patient, asked.key) if delivery.status == "attempting" else None
            if attempt is not None:  # it may have gone out: a report may still say so
                attempt.status = "unknown"
            delivery.status, delivery.reason, delivery.settled = "unknown" if attempt else "failed", "given_up", now
            command = load_command(handing.person.open(f"delivery/{asked.key}", delivery.sealed))
            if isinstance(command, AskAdvice):
                await handing.log.append(event_of(command, (), "no_connection", now))
                return Delivered(learnt=True, status=delivery.status)
            to = command.to if isinstance(command, SendMessage) else "patient"
            event_id = f"{asked.key}/given_up"
            await handing.log.append(MessageFailed(id=event_id, at=now, learnt=now, key=asked.key, reason="given_up", to=to))
            return Delivered(learnt=True, status=delivery.status)

    async def _deliver(self, asked: Deliver, kind: str) -> Delivered:
        async with self.seeing.delivering(kind, asked.patient) as seen:
            delivered = await self._hand_over(asked)
            seen.outcome = delivered.status
            return delivered

    async def _hand_over(self, asked: Deliver) -> Delivered:
        async with self.database.begin() as session:
            handing = await _Handing.load(session, self.vault, asked)
            if handing is None or handing.delivery.status != "planned":
                return Delivered(status="settled")
            now = await self.clock.now(session)
            learnt = await handing.hand_over(now)
            handing.delivery.status, handing.delivery.settled = "handed", now
            return Delivered(learnt=learnt, status="handed")


@dataclass(frozen=True)
class _Handing:
    """One handing over, within one transaction."""

    session: AsyncSession
    patient_id: str
    person: PersonVault
    delivery: Delivery
    log: EventLog

    @classmethod
    async def load(cls, session: AsyncSession, vault: Vault, asked: Deliver) -> _Handing | None:
        held = await Patients(session, vault).held(asked.patient)
        delivery = await session.get(Delivery, (asked.patient, asked.key))
        if held is None or delivery is None:
            return None
        return cls(session, asked.patient, held.person, delivery, EventLog(session, held.patient, held.person))

    async def hand_over(self, now: datetime) -> bool:
        """True when something was learnt that the next step should know."""
        command = load_command(self.person.open(f"delivery/{self.delivery.key}", self.delivery.sealed))
        match command:
            case RequestReferral():
                return await self._ask_hospital(command, now)
            case RequestRefill():
                return await self._ask_pharmacy(command, now)
            case CancelReferral():
                for referral in await self._asked(command.referral):
                    await self._take_back(referral, command.why, now)
            case RemindPlace():
                await self._remind(command, now)
            case CancelRefill():
                refills = await self.session.scalars(
                    select(RefillRow).where(RefillRow.patient_id == self.patient_id, RefillRow.refill == command.refill)
                )
                for refill in refills.all():
                    if refill.stage not in CLOSED_REFILL:
                        refill.stage, refill.changed = "cancelled", now
                        await Feed(self.session).moved(refill, self.person)
            case _:
                pass
        return False

    async def _ask_hospital(self, command: RequestReferral, now: datetime) -> bool:
        asked = {row.key: row for row in await self._asked(command.referral)}
        before = asked.get(command.instead_of)
        if command.key in asked or await self._is_taken_back(command.referral):
            return False
        if before is not None and (before.stage in ANSWERED or before.stage == "cancelled"):
            return False  # it was answered, or called off, just now: the event that tells of it is on its way
        place = await self._place(command.to, now, besides=[row.place_id for row in asked.values()])
        if place is None:
            return await self._learn(command, "nowhere", now)
        if before is not None:
            await self._take_back(before, "not_answered", now)
        body = {
            "pathway": command.pathway,
            "row": command.row,
            "inputs": dict(command.inputs),
            "first_asked": min((row.asked for row in asked.values()), default=now).isoformat(),
        }
        row = ReferralRow(
            patient_id=self.patient_id,
            key=command.key,
            id=uuid4().hex,
            referral=command.referral,
            place_id=place,
            urgency=command.urgency,
            stage="requested",
            asked=now,
            changed=now,
            since=now,
            sealed=self.person.seal(f"referral/{command.key}", body),
        )
        await Feed(self.session).came(row, self.person)
        return await self._learn(command, "placed", now) if asked else False

    async def _learn(self, command: RequestReferral, stage: Literal["nowhere", "placed"], now: datetime) -> bool:
        event_id = f"{command.key}/{stage}"
        event = ReferralMoved(id=event_id, at=now, learnt=now, referral=command.referral, stage=stage, attempt=command.attempt)
        return await self.log.append(event)

    async def _asked(self, referral: str) -> list[ReferralRow]:
        """The requests of one referral, to all places that were asked."""
        rows = select(ReferralRow).where(ReferralRow.patient_id == self.patient_id, ReferralRow.referral == referral)
        return list(await self.session.scalars(rows.order_by(ReferralRow.asked, ReferralRow.key)))

    async def _is_taken_back(self, referral: str) -> bool:
        """Whether we have called it off meanwhile: deliveries may overtake each other."""
        return await self.session.get(Delivery, (self.patient_id, f"{referral}/cancel")) is not None

    async def _take_back(self, row: ReferralRow, why: str, now: datetime) -> None:
        if row.stage in CLOSED:
            return
        if why == CANCEL_UNANSWERED and row.stage in BEGUN:
            move(row, "aborted", at=now)
        else:
            take_back(self.person, row, why, at=now)
        await Feed(self.session).moved(row, self.person)

    async def _remind(self, command: RemindPlace, now: datetime) -> None:
        """Once, and only of a request of which nothing was heard since."""
        row = await self.session.get(ReferralRow, (self.patient_id, command.request))
        if row is None or row.stage in CLOSED or (row.stage == "more_asked"):
            return
        row.reminded = row.changed = now
        await Feed(self.session).moved(row, self.person)

    async def _ask_pharmacy(self, command: RequestRefill, now: datetime) -> bool:
        asked = select(RefillRow.pharmacy_id).where(RefillRow.patient_id == self.patient_id, RefillRow.refill == command.refill)
        place = await self._place("pharmacy", now, besides=await self.session.scalars(asked), medicine=command.medicine)
        if place is None:
            event = RefillMoved(id=f"{command.key}/nowhere", at=now, learnt=now, refill=command.refill, stage="nowhere")
            return await self.log.append(event)
        row = RefillRow(
            patient_id=self.patient_id,
            key=command.key,
            id=uuid4().hex,
            refill=command.refill,
            pharmacy_id=place,
            stage="requested",
            asked=now,
            changed=now,
            runs_out=command.runs_out,
            sealed=self.person.seal(f"refill/{command.key}", asks_for(command)),
        )
        await Feed(self.session).came(row, self.person)
        return False

    async def _place(self, kind: str, now: datetime, *, besides: Iterable[str], medicine: str | None = None) -> str | None:
        patient = await self.session.get_one(Patient, self.patient_id)
        team = await self.session.get_one(CareTeam, patient.care_team_id)
        centre = await self.session.get_one(Organisation, team.organisation_id)
        today = calendar.local_day(now, team.timezone)
        places = Places(self.session)
        return await places.next_to_ask(centre.network_id, kind, on=today, besides=frozenset(besides), medicine=medicine)
