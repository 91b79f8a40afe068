"""A rollout's batches: each patient is looked at, told to move or left for a person, and woken.

Rule 1: one transaction a patient: their event, their row in the rollout, and the rollout's place in the list. A batch that is run
        again goes on behind the last of them; a second batch beside it (a worker that was thought dead) finds their rows.
Rule 2: the patient's own step moves them. Waking them is a courtesy: whoever is not woken is by housekeeping.
Rule 3: nobody is left silently: whoever needs a person, has left, or has moved on has a row that says so.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.inbox import Wakes
from activities.moves import Look, Move, Moves, move_of
from activities.plans import Plans
from activities.seeing import Seeing
from activities.waking import SETTLES_WITHIN, NotWoken
from pathways.engine import calendar
from pathways.engine.moving import Replacing
from pathways.engine.state import ENDED
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import Held, Patients
from records.rollouts import Rollouts, move_id
from records.tables import Rollout, RolloutPatient
from records.vault import Vault
from workflows.contract import (
    PATIENTS_QUEUE,
    ROLL_ON,
    ROLLOUT,
    WAKE,
    RolledOn,
    RollOn,
    RolloutPace,
    RolloutStart,
    rollout_workflow_id,
)

AT_ONCE = 10
MOST_WOKEN = 200  # again, of those whose step is awaited
PAUSED_LOOKS_EVERY = 600.0  # seconds; then a resume is found that could not be told
HELD_LOOKS_EVERY = 3600.0
DRIVEN_LOOKS_EVERY = 1.0  # while the clock is driven: the day begins whenever somebody moves it
STEPS_AWAITED_EVERY = 2.0
OVER_THE_LIMIT = "sms_over_limit"  # the move of this one patient causes more texts than a whole day may

Came = Literal["asked", "noted", "held", "stop"]


@dataclass(frozen=True)
class RolloutDoor:
    """Starts and wakes rollouts' workflows."""

    client: Client
    pace: RolloutPace = field(default_factory=RolloutPace)
    task_timeout: timedelta | None = None

    async def wake(self, rollout: str) -> None:
        """Tell it that it stands otherwise, and start it where it does not run. Raises NotWoken."""
        await self._start(rollout, WAKE)

    async def start(self, rollout: str) -> bool:
        """Start it where it does not run; False where it does. Raises NotWoken."""
        try:
            await self._start(rollout, None)
        except WorkflowAlreadyStartedError:
            return False
        return True

    async def _start(self, rollout: str, signal: str | None) -> None:
        try:
            await self.client.start_workflow(
                ROLLOUT,
                RolloutStart(rollout, self.pace),
                id=rollout_workflow_id(rollout),
                task_queue=PATIENTS_QUEUE,
                start_signal=signal,
                task_timeout=self.task_timeout,
                rpc_timeout=SETTLES_WITHIN,
            )
        except RPCError as away:
            raise NotWoken(str(away.status)) from away


@dataclass(frozen=True)
class RolloutActivities:
    """All that rolling a version out needs, handed in once at start-up."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock
    waker: Wakes
    seeing: Seeing = field(default_factory=Seeing)

    @activity.defn(name=ROLL_ON)
    async def roll_on(self, asked: RollOn) -> RolledOn:
        """Do the next batch, or say how long to wait for it."""
        rollout = await self._settled(asked.rollout)
        if rollout is None or rollout.status not in ("running", "paused"):
            return RolledOn(over=True, summary=rollout.status if rollout else "gone")
        if rollout.status == "paused":
            return RolledOn(wait_s=PAUSED_LOOKS_EVERY, summary="paused")
        async with self.database.reading() as session:
            batch = await Rollouts(session).next(rollout, limit=rollout.batch)
        if not batch:
            return await self._finished(rollout)
        to_wake: list[tuple[str, int]] = []
        came: Came = "noted"
        looked_at = 0
        for patient in batch:
            came, next_step = await self._one(rollout.id, patient)
            if came == "asked":
                to_wake.append((patient, next_step))
            if came in ("held", "stop"):
                break
            looked_at += 1
            _beat(patient)
        await self._wake(to_wake)
        if came == "held":
            return RolledOn(wait_s=await self._until_morning(), looked_at=looked_at, summary="sms_limit")
        last = len(batch) < rollout.batch or came == "stop"
        return RolledOn(wait_s=0.0 if last else float(rollout.pause_s), looked_at=looked_at, summary="running")

    async def keep(self) -> int:
        """See what became of everybody who was told to move, in every rollout; answers of how many that was news."""
        async with self.database.reading() as session:
            ids = await Rollouts(session).unsettled()
        news = 0
        for rollout_id in ids:
            async with self.database.begin() as session:
                rollouts = Rollouts(session)
                rollout = await rollouts.one(rollout_id, held=True)
                if rollout is not None:
                    news += (await rollouts.settle(rollout))[0]
        return news

    async def _settled(self, rollout_id: str) -> Rollout | None:
        async with self.database.begin() as session:
            rollouts = Rollouts(session)
            rollout = await rollouts.one(rollout_id, held=True)
            if rollout is not None:
                await rollouts.settle(rollout)
            return rollout

    async def _finished(self, rollout: Rollout) -> RolledOn:
        """Everybody was looked at: it is done once all who were told to move have taken their step."""
        async with self.database.begin() as session:
            rollouts = Rollouts(session)
            mine = await rollouts.one(rollout.id, held=True)
            if mine is None or mine.status != "running":
                return RolledOn(summary="running")
            _, untaken = await rollouts.settle(mine)
            if not untaken and not await rollouts.next(mine, limit=1):
                mine.status, mine.held, mine.ended, mine.edit = "done", "", await self.clock.now(session), mine.edit + 1
                return RolledOn(over=True, summary="done")
        await self._wake([(patient, last_step + 1) for patient, last_step in untaken[:MOST_WOKEN]])
        return RolledOn(wait_s=STEPS_AWAITED_EVERY, summary=f"awaits {len(untaken)}")

    async def _one(self, rollout_id: str, patient_id: str) -> tuple[Came, int]:
        """Look at one patient and write down what comes of it; answers the patient's next step."""
        async with self.database.begin() as session:
            rollouts = Rollouts(session)
            rollout = await rollouts.one(rollout_id, held=True)
            if rollout is None or rollout.status != "running":
                return "stop", 0
            if await rollouts.row(rollout_id, patient_id) is not None:
                return "noted", 0
            one = _One(session, rollouts, rollout, await self.clock.now(session), self.plans)
            held = await Patients(session, self.vault).held(patient_id)
            came = await one.looked_at(patient_id, held)
            rollout.held = "sms_limit" if came == "held" else ""
            rollout.after = rollout.after if came == "held" else patient_id
            return came, held.patient.last_step + 1 if held is not None else 0

    async def _wake(self, patients: list[tuple[str, int]]) -> None:
        room, away = asyncio.Semaphore(AT_ONCE), asyncio.Event()

        async def wake(patient: str, next_step: int) -> None:
            async with room:
                if away.is_set():
                    return
                try:
                    await self.waker.wake(patient, next_step=next_step)
                except NotWoken:
                    away.set()
                _beat(patient)

        await asyncio.gather(*(wake(patient, next_step) for patient, next_step in patients))

    async def _until_morning(self) -> float:
        """Seconds until it is worth another look: the day may begin in any patient's own time zone."""
        async with self.database.reading() as session:
            _, driven = await self.clock.read(session)
        return DRIVEN_LOOKS_EVERY if driven else HELD_LOOKS_EVERY


@dataclass(frozen=True)
class _One:
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


def _beat(patient: str) -> None:
    """Tell Temporal that the batch goes on; outside of an activity nobody listens."""
    if activity.in_activity():
        activity.heartbeat(patient)
