"""Looking at patients' rows for what must hold of each, a few of them each time, another few the next.

Rule 1: it looks and says; what it mends (a workflow that does not run) is mended by the way that everybody uses.
Rule 2: what is said is ids and codes.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.recovery import Recovery
from activities.waking import NotWoken, Waker
from pathways.engine.state import ENDED
from records.clock import Clock
from records.database import Database
from records.tables import EventRow, Patient, StepRow
from workflows.contract import patient_workflow_id


@dataclass(frozen=True, slots=True)
class Broken:
    """``what``: more_taken_than_stored, events_missing, steps_missing, long_overdue, no_workflow."""

    patient: str
    what: str


@dataclass(frozen=True, slots=True)
class Look:
    """``faults``: patients whose last step failed, over everybody; ``started``: workflows that were missing and run now."""

    looked_at: int
    broken: Sequence[Broken]
    faults: int
    started: int = 0


@dataclass(frozen=True)
class Integrity:
    """``sample``: how many patients a look takes; ``overdue``: how late a due moment may be before it is wrong."""

    database: Database
    clock: Clock
    waker: Waker | None
    sample: int = 200
    overdue: timedelta = timedelta(hours=1)

    async def look(self, *, begin_at: str | None = None) -> Look:
        """Look at some patients, from ``begin_at`` (an id; by chance where None) on. Raises NotWoken where Temporal is away."""
        begin = secrets.token_hex(16) if begin_at is None else begin_at
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            patients = list(
                await session.scalars(select(Patient).where(Patient.id >= begin).order_by(Patient.id).limit(self.sample))
            )
            if len(patients) < self.sample:  # ids go round
                first = select(Patient).where(Patient.id < begin).order_by(Patient.id).limit(self.sample - len(patients))
                patients += await session.scalars(first)
            ids = [patient.id for patient in patients]
            stored = select(EventRow.patient_id, func.max(EventRow.seq)).where(EventRow.patient_id.in_(ids))
            events = {patient: seq for patient, seq in await session.execute(stored.group_by(EventRow.patient_id))}
            taken = select(StepRow.patient_id, func.max(StepRow.step)).where(StepRow.patient_id.in_(ids))
            steps = {patient: step for patient, step in await session.execute(taken.group_by(StepRow.patient_id))}
            faults = await session.scalar(select(func.count()).select_from(Patient).where(Patient.fault.is_not(None))) or 0
        broken = [
            Broken(patient.id, what)
            for patient in patients
            for what in self._wrong(patient, now, events.get(patient.id, 0), steps.get(patient.id, 0))
        ]
        # Whoever has an event that no step has taken is woken by that, and started where needed.
        asleep = [p.id for p in patients if p.life not in ENDED and p.last_event <= p.taken_event]
        missing = [patient for patient in asleep if not await self._runs(patient)]
        started = await Recovery(self.database, self.waker).start(missing) if missing and self.waker is not None else 0
        broken += [Broken(patient, "no_workflow") for patient in missing]
        return Look(len(patients), broken, faults, started)

    def _wrong(self, patient: Patient, now: datetime, last_event: int, last_step: int) -> list[str]:
        wrong = []
        if patient.taken_event > patient.last_event:
            wrong.append("more_taken_than_stored")
        # A row that came between the two looks is not missing: only fewer than there must be are wrong.
        if patient.last_event > last_event:
            wrong.append("events_missing")
        if patient.last_step > last_step:
            wrong.append("steps_missing")
        if patient.next_due is not None and patient.next_due < now - self.overdue:
            wrong.append("long_overdue")
        return wrong

    async def _runs(self, patient: str) -> bool:
        """Raises NotWoken."""
        if self.waker is None:
            return True
        try:
            found = await self.waker.client.get_workflow_handle(patient_workflow_id(patient)).describe()
        except RPCError as refused:
            if refused.status is RPCStatusCode.NOT_FOUND:
                return False
            raise NotWoken(str(refused.status)) from refused
        return found.status is WorkflowExecutionStatus.RUNNING
