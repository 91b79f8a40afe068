"""Whether workflows and records agree: who lives has a workflow, who has a workflow lives, and both tell the same story.

Rule 1: workflows are listed in pages by the beginning of their ids; only those that seem to disagree are asked one by one, since
        a list may lag behind.
Rule 2: nothing is mended unless asked; what is mended is mended by the ways that everybody uses.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.recovery import Recovery
from activities.waking import Waker
from pathways.engine.state import ENDED
from records.database import Database
from records.tables import Patient, PersonKey
from workflows.contract import PATIENT, STORY, patient_workflow_id

HEX = "0123456789abcdef"
A_PAGE = 1000
AT_ONCE = 20
#: Where so many of one page are confirmed to be missing, so are the others: the cluster lost them.
ENOUGH = 50
LOOKS = 3
ANSWERS_WITHIN = timedelta(seconds=12)  # longer than the first touch after a worker was killed


@dataclass
class Disagreement:
    """Ids of patients. ``missing``: live, and have no workflow; ``orphans``: a workflow of nobody, or of somebody forgotten;
    ``resting``: the workflow of somebody whose care has ended (no fault; it does nothing); ``otherwise``: both tell another
    story; ``stuck``: the workflow's code fails; ``silent``: no worker answered.
    """

    patients: int = 0
    workflows: int = 0
    compared: int = 0
    missing: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    resting: list[str] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)

    @property
    def none(self) -> bool:
        return not (self.missing or self.orphans or self.otherwise or self.stuck or self.silent)


@dataclass(frozen=True)
class _Row:
    living: bool
    story: str
    waits: bool


@dataclass(frozen=True)
class Agreement:
    """``sample``: how many stories are compared; None for all."""

    database: Database
    client: Client
    sample: int | None = 50
    page: int = 10_000

    async def compare(self) -> Disagreement:
        """Go through everybody. Raises RPCError where Temporal is away."""
        found = Disagreement()
        async with self.database.reading() as session:
            total = await session.scalar(select(func.count()).select_from(Patient)) or 0
        for beginning in _beginnings(total, self.page):
            running = await self._running(beginning)
            rows = await self._rows(beginning)
            found.patients += len(rows)
            found.workflows += len(running)
            living = {patient for patient, row in rows.items() if row.living}
            found.missing += await self._really_missing(sorted(living - running))
            found.orphans += await self._really_orphans(sorted(running - rows.keys()))
            found.resting += sorted((running & rows.keys()) - living)
            known = sorted(living & running)
            share = None if self.sample is None else max(1, round(self.sample * len(rows) / max(total, 1)))
            chosen = known if share is None or share >= len(known) else random.sample(known, share)
            await self._stories(chosen, rows, found)
        return found

    async def mend(self, found: Disagreement) -> dict[str, int]:
        """Start who is missing, end what belongs to nobody or rests, wake who tells another story; answers how many of each."""
        waker, mended = Waker(self.client), {"started": 0, "ended": 0, "woken": 0}
        for begin in range(0, len(found.missing), A_PAGE):
            mended["started"] += await Recovery(self.database, waker).start(found.missing[begin : begin + A_PAGE])
        for patient in (*found.orphans, *found.resting):
            row = (await self._rows(patient)).get(patient)
            if row is not None and (row.living or row.waits):
                continue  # came to life meanwhile
            try:
                await self.client.get_workflow_handle(patient_workflow_id(patient)).terminate("cairn doctor: nobody's")
            except RPCError as gone:
                if gone.status is not RPCStatusCode.NOT_FOUND:
                    raise
            mended["ended"] += 1
        for patient in found.otherwise:
            async with self.database.reading() as session:
                last_step = await session.scalar(select(Patient.last_step).where(Patient.id == patient))
            await waker.settle(patient, next_step=(last_step or 0) + 1)
            mended["woken"] += 1
        return mended

    async def _running(self, beginning: str) -> set[str]:
        asked = f"WorkflowType = '{PATIENT}' AND ExecutionStatus = 'Running'"
        asked += f" AND WorkflowId STARTS_WITH '{patient_workflow_id(beginning)}'" if beginning else ""
        start = len(patient_workflow_id(""))
        return {one.id[start:] async for one in self.client.list_workflows(asked, page_size=A_PAGE)}

    async def _rows(self, beginning: str) -> dict[str, _Row]:
        remembered = PersonKey.patient_id.is_not(None)
        query = (
            select(Patient.id, Patient.life, Patient.tag, Patient.last_event > Patient.taken_event, remembered)
            .outerjoin(PersonKey, PersonKey.patient_id == Patient.id)
            .where(Patient.id >= beginning, Patient.id <= beginning + "zz")
        )
        async with self.database.reading() as session:
            rows = await session.execute(query)
            return {
                patient: _Row(life not in ENDED, tag or life, bool(waits)) for patient, life, tag, waits, has_key in rows if has_key
            }

    async def _really_missing(self, seeming: Sequence[str]) -> list[str]:
        """Those whose workflow is not there when it is asked for itself."""
        missing: list[str] = []
        for place, patient in enumerate(seeming):
            if len(missing) == place == ENOUGH:
                return list(seeming)
            try:
                told = await self.client.get_workflow_handle(patient_workflow_id(patient)).describe()
            except RPCError as refused:
                if refused.status is not RPCStatusCode.NOT_FOUND:
                    raise
            else:
                if told.status is WorkflowExecutionStatus.RUNNING:
                    continue
            if row := (await self._rows(patient)).get(patient):  # ended, or is just about to be woken for the first time
                missing += [patient] if row.living and not row.waits else []
        return missing

    async def _really_orphans(self, seeming: Sequence[str]) -> list[str]:
        return [patient for patient in seeming if patient not in await self._rows(patient)]

    async def _stories(self, patients: Sequence[str], rows: dict[str, _Row], found: Disagreement) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(patient: str) -> None:
            async with room:
                told = await self._story(patient, rows[patient])
                found.compared += 1
                if told:
                    getattr(found, told).append(patient)

        await asyncio.gather(*(one(patient) for patient in patients))

    async def _story(self, patient: str, row: _Row) -> str:
        """``otherwise``, ``stuck``, ``silent``, or nothing when both tell the same."""
        handle = self.client.get_workflow_handle(patient_workflow_id(patient))
        for _ in range(LOOKS):
            try:
                story = await handle.query(STORY, result_type=str, rpc_timeout=ANSWERS_WITHIN)
            except (RPCError, WorkflowQueryFailedError):
                described = await handle.describe()
                return "stuck" if described.raw_description.pending_workflow_task.attempt > 1 else "silent"
            if story == row.story or row.waits:
                return ""
            now = (await self._rows(patient)).get(patient)  # a step may have been taken between the two
            if now is None or not now.living:
                return ""
            row = now
        return "otherwise"


def _beginnings(total: int, page: int) -> Iterator[str]:
    """Beginnings of ids (hexadecimal) that hold about a page of patients each."""
    if total <= page:
        yield ""
        return
    for first in HEX:
        for rest in _beginnings(total // len(HEX), page):
            yield first + rest
