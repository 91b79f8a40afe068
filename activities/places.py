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
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.seeing import Seeing
from pathways.engine import calendar
from pathways.engine.commands import CancelReferral, CancelRefill, RequestReferral, RequestRefill, SendMessage
from pathways.engine.events import MessageFailed, ReferralMoved, RefillMoved
from pathways.serial import load_command
from records.attempts import Attempts
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import Patients
from records.places import Places
from records.tables import CareTeam, Delivery, Organisation, Patient, ReferralRow, RefillRow
from records.vault import PersonVault, Vault
from workflows.contract import DELIVER, GIVE_UP, Deliver, Delivered

CLOSED_REFERRAL = frozenset({"refused", "completed", "sent_back", "cancelled", "not_attended"})
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
                rows = await self.session.scalars(
                    select(ReferralRow).where(ReferralRow.patient_id == self.patient_id, ReferralRow.referral == command.referral)
                )
                for referral in rows:
                    if referral.stage not in CLOSED_REFERRAL:
                        referral.stage, referral.changed = "cancelled", now
            case CancelRefill():
                refills = await self.session.scalars(
                    select(RefillRow).where(RefillRow.patient_id == self.patient_id, RefillRow.refill == command.refill)
                )
                for refill in refills:
                    if refill.stage not in CLOSED_REFILL:
                        refill.stage, refill.changed = "cancelled", now
            case _:
                pass
        return False

    async def _ask_hospital(self, command: RequestReferral, now: datetime) -> bool:
        asked = select(ReferralRow.place_id).where(
            ReferralRow.patient_id == self.patient_id, ReferralRow.referral == command.referral
        )
        place = await self._place(command.to, now, besides=await self.session.scalars(asked))
        if place is None:
            event = ReferralMoved(id=f"{command.key}/nowhere", at=now, learnt=now, referral=command.referral, stage="nowhere")
            return await self.log.append(event)
        body = {"pathway": command.pathway, "row": command.row, "inputs": dict(command.inputs)}
        self.session.add(
            ReferralRow(
                patient_id=self.patient_id,
                key=command.key,
                id=uuid4().hex,
                referral=command.referral,
                place_id=place,
                urgency=command.urgency,
                stage="requested",
                asked=now,
                changed=now,
                sealed=self.person.seal(f"referral/{command.key}", body),
            )
        )
        return False

    async def _ask_pharmacy(self, command: RequestRefill, now: datetime) -> bool:
        asked = select(RefillRow.pharmacy_id).where(RefillRow.patient_id == self.patient_id, RefillRow.refill == command.refill)
        place = await self._place("pharmacy", now, besides=await self.session.scalars(asked), medicine=command.medicine)
        if place is None:
            event = RefillMoved(id=f"{command.key}/nowhere", at=now, learnt=now, refill=command.refill, stage="nowhere")
            return await self.log.append(event)
        self.session.add(
            RefillRow(
                patient_id=self.patient_id,
                key=command.key,
                id=uuid4().hex,
                refill=command.refill,
                pharmacy_id=place,
                stage="requested",
                asked=now,
                changed=now,
                runs_out=command.runs_out,
                sealed=self.person.seal(f"refill/{command.key}", {"medicine": command.medicine}),
            )
        )
        return False

    async def _place(self, kind: str, now: datetime, *, besides: Iterable[str], medicine: str | None = None) -> str | None:
        patient = await self.session.get_one(Patient, self.patient_id)
        team = await self.session.get_one(CareTeam, patient.care_team_id)
        centre = await self.session.get_one(Organisation, team.organisation_id)
        today = calendar.local_day(now, team.timezone)
        places = Places(self.session)
        return await places.next_to_ask(centre.network_id, kind, on=today, besides=frozenset(besides), medicine=medicine)
