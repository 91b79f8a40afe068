"""One patient of a rollout: looked at, and told to move or left with the reason; and whether a row still tells the truth.

Rule: what a row says is what the patient's own step came to. Where a correction undoes that step, the row follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Literal

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from activities.moves import Look, Move, Moves, move_of
from activities.plans import Plans
from pathways.engine import calendar
from pathways.engine.moving import Replacing
from pathways.engine.state import ENDED
from records.eventlog import EventLog
from records.patients import Held
from records.rollouts import Rollouts, move_id
from records.tables import Enrolment, Patient, Rollout, RolloutPatient

OVER_THE_LIMIT = "sms_over_limit"  # the move of this one patient causes more texts than a whole day may
AT_A_TIME = 500

Came = Literal["asked", "noted", "held", "stop"]


@dataclass(frozen=True)
class One:
    """One patient, in the transaction that holds them and the rollout."""

    session: AsyncSession
    rollouts: Rollouts
    rollout: Rollout
    now: datetime
    plans: Plans

    async def looked_at(self, patient_id: str, held: Held | None) -> Came:
        if held is None or held.patient.life in ENDED:
            return self._note(patient_id, Look(), "gone")
        if self.rollout.undoes:
            return await self._back(patient_id, held)
        move = move_of(self.rollout)
        look = await self._moves().look(held, move)
        if not look.came_from:
            return self._note(patient_id, look, "gone")
        if look.fit.fit == "needs_person":
            return self._note(patient_id, look, "left", ",".join(look.fit.codes))
        if look.came_from == move.version and not look.coming:
            return self._note(patient_id, look, "moved")
        return await self._tell(held, move, look)

    async def _back(self, patient_id: str, held: Held) -> Came:
        """The way back of somebody whom the undone rollout moved, told to move, or has waiting."""
        forward = await self.rollouts.row(self.rollout.undoes or "", patient_id)
        if forward is None:
            return self._note(patient_id, Look(), "gone")
        forth = move_of(self.rollout)
        back = Replacing(forth.services, forth.tags).back()
        move = replace(forth, version=forward.came_from, policy="now", services=back.services, tags=back.tags)
        look = await self._moves().look(held, move)
        if not look.came_from:
            return self._note(patient_id, look, "gone")
        undone = await self.rollouts.one(self.rollout.undoes or "")
        there = undone.version if undone is not None else ""
        if look.came_from == forward.came_from and look.coming != there:
            return self._note(patient_id, look, "moved")  # was never moved after all
        if look.came_from == forward.came_from:  # it waits for its safe point: that is called off
            return await self._tell(held, move, replace(look, came_from=there))
        if look.came_from != there:
            return self._note(patient_id, look, "moved_on")
        return await self._tell(held, move, look)

    async def _tell(self, held: Held, move: Move, look: Look) -> Came:
        limit = self.rollout.sms_per_day
        if limit is not None and look.sms:
            if look.sms > limit:
                return self._note(held.patient.id, look, "left", OVER_THE_LIMIT)
            today = calendar.local_day(self.now, held.patient.timezone)
            since = calendar.at_local(today, time(0, 0), held.patient.timezone)
            if await self.rollouts.sms_since(self.rollout.id, since) + look.sms > limit:
                return "held"
        await tell(self.session, held, self.rollout, move, look, self.now)
        return self._note(held.patient.id, look, "asked")

    def _note(self, patient_id: str, look: Look, status: str, why: str = "") -> Came:
        self.session.add(_row(self.rollout.id, patient_id, look, status, why, self.now))
        return "asked" if status == "asked" else "noted"

    def _moves(self) -> Moves:
        return Moves(self.session, self.plans, self.now)


async def tell(
    session: AsyncSession, held: Held, rollout: Rollout, move: Move, look: Look, now: datetime, *, decided: bool = False
) -> bool:
    """Store the event that moves the patient; what other rollouts still waited for with them is over. False: it was there."""
    event = move.event(move_id(rollout.id, rollout.pathway, decided=decided), look.came_from, now)
    await Rollouts(session).take_over(held.patient.id, rollout.pathway, by=rollout.id)
    return await EventLog(session, held.patient, held.person).append(event)


def _row(rollout: str, patient: str, look: Look, status: str, why: str, at: datetime) -> RolloutPatient:
    return RolloutPatient(
        rollout_id=rollout,
        patient_id=patient,
        came_from=look.came_from,
        fit=look.fit.fit,
        why=why,
        status=status,
        sms=look.sms,
        at=at,
    )


async def taken_back(session: AsyncSession) -> list[tuple[Rollout, str]]:
    """Patients whose row says that they moved at a safe point, and whose enrolment says that they are where they came from.

    Only the latest rollout of a pathway that moves anybody is looked through: of an earlier one, a later one has the say.
    """
    later, row = aliased(Rollout), RolloutPatient
    newer = select(later.id).where(later.pathway == Rollout.pathway, later.policy != "new_only", later.started > Rollout.started)
    latest = select(Rollout).where(Rollout.policy == "safe_point", Rollout.undoes.is_(None), ~newer.exists())
    found: list[tuple[Rollout, str]] = []
    for rollout in await session.scalars(latest.order_by(Rollout.id)):
        theirs = and_(row.rollout_id == rollout.id, row.patient_id == Enrolment.patient_id, row.status == "moved")
        back = select(row.patient_id).select_from(Enrolment).join(row, theirs).join(Patient, Patient.id == row.patient_id)
        back = back.where(Enrolment.pathway == rollout.pathway, Enrolment.version != rollout.version)
        back = back.where(Enrolment.version == row.came_from, row.came_from != rollout.version, Patient.life.not_in(sorted(ENDED)))
        found += [(rollout, patient) for patient in await session.scalars(back.order_by(row.patient_id).limit(AT_A_TIME))]
    return found


def became(row: RolloutPatient, look: Look, rollout: Rollout) -> str:
    """The status of somebody who was taken back: they wait again, unless they are on another way by now."""
    if look.came_from != row.came_from:
        return row.status  # on their way again already: an event waits for its step
    return "waiting" if look.coming == rollout.version else "moved_on"
