"""A rollout's batches: each patient is looked at, told to move or left for a person, and woken.

Rule 1: one transaction a patient: their event, their row in the rollout, and the rollout's place in the list. A batch that is run
        again goes on behind the last of them; a second batch beside it (a worker that was thought dead) finds their rows.
Rule 2: the patient's own step moves them. Waking them is a courtesy: whoever is not woken is by housekeeping.
Rule 3: nobody is left silently: whoever needs a person, has left, or has moved on has a row that says so.
Rule 4: whose record a batch opened, and on whose behalf, is in the audit log: nobody reads it, but somebody had it read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.moves import Moves, move_of
from activities.plans import Plans
from activities.rollout_patients import Came, One, became, taken_back
from activities.seeing import Seeing
from activities.waking import SETTLES_WITHIN, NotWoken, Wakes
from records.audit import AuditLog, Entry
from records.clock import Clock
from records.database import Database
from records.patients import Patients
from records.places import EVERYWHERE
from records.rollouts import Rollouts
from records.tables import Rollout
from records.vault import OPENED, Vault
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
RUNNER = "rollout"  # the role in the audit log: it is no person's look


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
    audit: AuditLog = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "audit", AuditLog.of(self.database, self.vault))

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
        async with self._written_down(rollout):
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
        return news + await self._taken_back()

    async def _taken_back(self) -> int:
        """A visit at which somebody moved never happened, so that they are back where they were: they wait for the next one."""
        async with self.database.reading() as session:
            found = await taken_back(session)
        news = 0
        for rollout, patient in found:
            async with self._written_down(rollout), self.database.begin() as session:
                await Rollouts(session).one(rollout.id, held=True)
                held = await Patients(session, self.vault).held(patient)
                row = await Rollouts(session).row(rollout.id, patient)
                if held is None or row is None or row.status != "moved":
                    continue
                look = await Moves(session, self.plans, await self.clock.now(session)).look(held, move_of(rollout))
                row.status = became(row, look, rollout)
                news += row.status != "moved"
        return news

    @asynccontextmanager
    async def _written_down(self, rollout: Rollout) -> AsyncIterator[None]:
        """Whose records are opened on behalf of whoever started ``rollout`` is in the audit log. Raises NotWrittenDown."""
        opened = set[str]()
        within = OPENED.set(opened)
        try:
            yield
        finally:
            OPENED.reset(within)
            if opened:
                whose, named = sorted(opened), f"rollout/{rollout.id}"
                await self.audit.write(Entry(rollout.by, RUNNER, EVERYWHERE, "rollouts.run", named, whose, status=200))

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
            one = One(session, rollouts, rollout, await self.clock.now(session), self.plans)
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


def _beat(patient: str) -> None:
    """Tell Temporal that the batch goes on; outside of an activity nobody listens."""
    if activity.in_activity():
        activity.heartbeat(patient)
