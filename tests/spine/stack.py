"""One installation for a test: its own folder, database, Temporal server and driven clock.

Rule 1: a stack shares nothing with another, not even a queue: each has a server of its own (up in 0.4 s).
Rule 2: nothing sleeps for a while and hopes; time is moved when everything due has settled.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory

from activities.channels.sandbox import AcceptedSms, SandboxChannel
from activities.enrolment import Enrolment
from activities.housekeeping import Housekeeping, Pulse
from activities.waking import Waker
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent
from pathways.language import library
from pathways.serial import load_reason
from records.database import migrate
from records.intake.people import Intake
from records.patients import Patients, Profile
from records.tables import CareTeam, Delivery, Organisation, Patient, StepRow, TaskRow, TimelineRow
from records.vault import PersonVault
from workers.network import SMALL_NETWORK, set_up_network
from workers.parts import Parts, publish_shipped
from workers.settings import Settings
from workers.temporal import TemporalServer, connect, free_port
from workflows.contract import Pace, patient_workflow_id

Happening = Callable[["Stack"], Awaitable[None]]
A_LOOK = 0.02  # seconds between two looks at whether everything has settled
#: Seconds of real time; what has not settled by then is stuck. The server grants a workflow task that was lost several times
#: running ever more time (5 s, doubling) before it gives it to another worker.
PATIENCE = 150.0


class Stuck(AssertionError):
    """Something due does not settle."""


@dataclass
class Stack:
    """``driver`` side of an installation; the workers run beside it, in this process or in another."""

    home: Path
    parts: Parts
    server: TemporalServer
    client: Client
    waker: Waker
    housekeeping: Housekeeping = field(init=False)

    def __post_init__(self) -> None:
        self.housekeeping = Housekeeping(self.parts.database, self.parts.clock, self.waker)

    @property
    def channel(self) -> SandboxChannel:
        assert isinstance(self.parts.channel, SandboxChannel)
        return self.parts.channel

    # --- what happens
    async def enrol(self, intake: Intake) -> str:
        """Enrol and wake; answers the patient's id."""
        enrolment: Enrolment = await self.parts.enrolments.enrol(intake)
        assert enrolment.patient_id is not None, enrolment
        await self.waker.wake(enrolment.patient_id)
        return enrolment.patient_id

    async def tell(self, patient: str, make: Callable[[datetime], AnyEvent]) -> None:
        """Something happened to the patient: stored, and the workflow is woken."""
        stored = await self.parts.events.store(patient, make)
        await self.waker.wake(patient, next_step=stored.next_step)

    async def settle(self) -> Pulse:
        """Until everything that is due is done and everything planned is handed over. Raises Stuck."""
        async with asyncio.timeout(PATIENCE) as patience:
            try:
                while True:
                    pulse = await self.housekeeping.pulse()
                    if pulse.settled:
                        return pulse
                    await asyncio.sleep(A_LOOK)
            except (TimeoutError, asyncio.CancelledError):
                if patience.expired():
                    raise Stuck(f"not settled after {PATIENCE:.0f} s: {await self.what_is_stuck()}") from None
                raise

    async def what_is_stuck(self) -> str:
        """Who has not settled, and what their workflow waits for."""
        said = []
        async with self.parts.database.reading() as session:
            now = await self.parts.clock.now(session)
            for patient in await session.scalars(select(Patient)):
                left = await session.scalars(
                    select(Delivery).where(Delivery.patient_id == patient.id, Delivery.status.in_(("planned", "attempting")))
                )
                planned = [f"{delivery.key} {delivery.status}" for delivery in left]
                late = patient.next_due is not None and patient.next_due <= now
                if not planned and not late and patient.last_event == patient.taken_event:
                    continue
                described = await self.client.get_workflow_handle(patient_workflow_id(patient.id)).describe()
                raw = described.raw_description
                said.append(
                    f"step {patient.last_step}, events {patient.last_event}/{patient.taken_event}, late {late}, {patient.fault}, "
                    f"{planned}; waits for {raw.pending_activities} and task {raw.pending_workflow_task}"
                )
        return "\n".join(said)

    async def live(
        self, until: datetime, happenings: Iterable[tuple[datetime, Happening]] = (), *, at_least: timedelta = timedelta(0)
    ) -> None:
        """Move time from one interesting moment to the next, up to ``until``; all within ``at_least`` of it come at once."""
        ahead = sorted(happenings, key=lambda happening: happening[0])
        while True:
            pulse = await self.settle()
            moments = [m for m in (pulse.next_due, ahead[0][0] if ahead else None) if m is not None and m <= until]
            if not moments:
                break
            now = max(min(min(moments) + at_least, until), pulse.now)
            await self.move(now)
            while ahead and ahead[0][0] <= now:
                await ahead.pop(0)[1](self)
            await self.housekeeping.wake_due()
        await self.move(until)

    async def move(self, to: datetime) -> None:
        async with self.parts.database.begin() as session:
            await self.parts.clock.move(session, to)

    # --- what is there
    async def patient(self, patient_id: str) -> Patient:
        async with self.parts.database.reading() as session:
            return await session.get_one(Patient, patient_id)

    async def opened(self, patient_id: str) -> tuple[Profile, PersonVault]:
        async with self.parts.database.reading() as session:
            patients = Patients(session, self.parts.vault)
            patient = await session.get_one(Patient, patient_id)
            return await patients.profile(patient), await patients.vault_of(patient_id)

    async def timeline(self, patient_id: str) -> list[Reason]:
        """Everything that was done or held back, in order."""
        _, person = await self.opened(patient_id)
        async with self.parts.database.reading() as session:
            rows = await session.scalars(
                select(TimelineRow).where(TimelineRow.patient_id == patient_id).order_by(TimelineRow.step, TimelineRow.line)
            )
            return [load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed)) for row in rows]

    async def past(self, patient_id: str) -> list[tuple[Any, ...]]:
        """The rows of steps and timeline as they lie in the database, byte for byte."""
        async with self.parts.database.reading() as session:
            steps = await session.execute(
                select(*StepRow.__table__.columns).where(StepRow.patient_id == patient_id).order_by(StepRow.step)
            )
            lines = await session.execute(
                select(*TimelineRow.__table__.columns)
                .where(TimelineRow.patient_id == patient_id)
                .order_by(TimelineRow.step, TimelineRow.line)
            )
            return [("step", *row) for row in steps] + [("line", *row) for row in lines]

    async def tasks(self, patient_id: str, *kinds: str) -> list[TaskRow]:
        async with self.parts.database.reading() as session:
            rows = await session.scalars(select(TaskRow).where(TaskRow.patient_id == patient_id).order_by(TaskRow.opened))
            return [row for row in rows if not kinds or row.kind in kinds]

    async def sms(self, to: str | None = None) -> list[AcceptedSms]:
        return await self.channel.messages(to)

    async def histories(self, patient_id: str) -> list[WorkflowHistory]:
        """Every run of the patient's workflow, the newest first."""
        runs: list[WorkflowHistory] = []
        run_id: str | None = (await self.client.get_workflow_handle(patient_workflow_id(patient_id)).describe()).run_id
        while run_id:
            handle = self.client.get_workflow_handle(patient_workflow_id(patient_id), run_id=run_id)
            history = await handle.fetch_history()
            runs.append(history)
            run_id = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id or None
        return runs

    async def failed_workflow_tasks(self, patient_id: str) -> list[str]:
        """Workflow tasks that failed, and one that is failing now. A wake-up that comes during a leap is no failure."""
        failed = []
        for history in await self.histories(patient_id):
            for event in history.events:
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    attributes = event.workflow_task_failed_event_attributes
                    if attributes.cause != WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND:
                        failed.append(f"event {event.event_id}: cause {attributes.cause} {attributes.failure.message}")
        described = await self.client.get_workflow_handle(patient_workflow_id(patient_id)).describe()
        if described.raw_description.pending_workflow_task.attempt > 1:
            failed.append(f"pending, attempt {described.raw_description.pending_workflow_task.attempt}")
        return failed

    # --- what goes wrong
    async def kill_server(self) -> None:
        """SIGKILL the Temporal server and start it again on its file."""
        await self.lose_server()
        await self.bring_server_back()

    async def lose_server(self) -> None:
        """SIGKILL the Temporal server."""
        os.kill(self.server.process.pid, signal.SIGKILL)
        await self.server.process.wait()

    async def bring_server_back(self, *, empty: bool = False) -> None:
        """Start it again where it was; ``empty``: everything it knew is lost for good."""
        if empty:
            for file in self.home.glob("temporal.db*"):
                file.unlink()
        port = int(self.server.address.rsplit(":", 1)[1])
        self.server = await TemporalServer.start(self.home / "temporal.db", port, log=self.home / "temporal.log", hurried=True)


#: A dead worker's turn goes to another after one second instead of ten.
HURRIED = timedelta(seconds=1)


@asynccontextmanager
async def standing(
    home: Path,
    *,
    start: datetime,
    teams: int = 1,
    pace: Pace | None = None,
    task_timeout: timedelta | None = None,
    database_url: str | None = None,
) -> AsyncIterator[Stack]:
    """A stack whose driven clock stands at ``start``, with the shipped pathways published and ``teams`` care teams."""
    given = {"CAIRN_HOME": str(home), "CAIRN_TEMPORAL_PORT": str(free_port())}
    if database_url is not None:
        given["CAIRN_DATABASE_URL"] = database_url
    settings = Settings.read(given)
    parts = Parts.make(settings)
    server = await TemporalServer.start(home / "temporal.db", settings.temporal_port, log=home / "temporal.log", hurried=True)
    stack: Stack | None = None
    try:
        await migrate(parts.database)
        parts.plans.loaded.update({one.pathway.version: one for one in library().values() if one.pathway is not None})
        async with parts.database.begin() as session:
            await parts.clock.drive(session, start)
            await set_up_network(session)
            await publish_shipped(session, at=start)
            session.add_all(
                CareTeam(id=f"team-{n}", organisation_id="centre-1", name=f"Team {n}", on_call_phone="+8613800000001")
                for n in range(2, teams + 1)
            )
            assert await session.get(Organisation, SMALL_NETWORK[0].id) is not None
        client = await connect(server.address, settings.namespace, parts.vault)
        stack = Stack(home, parts, server, client, Waker(client, pace or Pace(), task_timeout))
        yield stack
    finally:
        await parts.close()
        await (stack.server if stack else server).stop()


def moment(day: str, clock: str = "10:00", *, offset: int = 8) -> datetime:
    """A local wall-clock moment (China by default) as UTC."""
    return (datetime.fromisoformat(f"{day}T{clock}") - timedelta(hours=offset)).replace(tzinfo=UTC)


def texts(messages: Sequence[AcceptedSms]) -> set[tuple[str, str, str]]:
    """Who got what under which key: what must be the same whatever was killed."""
    return {(message.to, message.key, message.text) for message in messages}
