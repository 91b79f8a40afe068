"""Telling a patient's workflow that something was written to the event log.

Rule 1: the event is stored before anybody is woken; a wake-up that fails loses time, never the event.
Rule 2: waking starts the workflow where there is none, so that nobody has to know whether it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from workflows.contract import PATIENT, PATIENTS_QUEUE, SETTLE, WAKE, Pace, PatientStart, patient_workflow_id

#: Longer than the ten seconds that the first touch after a worker was killed may take.
SETTLES_WITHIN = timedelta(seconds=15)
A_LOOK = timedelta(seconds=2)


class Wakes(Protocol):
    """Wakes a patient's workflow."""

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        """Raises NotWoken."""
        ...


class NotWoken(RuntimeError):
    """Temporal is away; the event is stored, and housekeeping wakes the patient later."""


@dataclass
class Reach:
    """Whether Temporal was found away; while it is, somebody looks in the background whether it is back."""

    away: bool = False
    _looking: asyncio.Task[None] | None = None

    def is_away(self, client: Client) -> bool:
        """Whether it is away, as far as is known."""
        if self.away and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look(client))
        return self.away

    async def _look(self, client: Client) -> None:
        with contextlib.suppress(RPCError, RuntimeError):
            if await client.service_client.check_health(retry=False, timeout=A_LOOK):
                self.away = False


@dataclass(frozen=True)
class Waker:
    """Wakes patients. ``pace`` and ``task_timeout`` (how soon a dead worker's turn is given to another) hold for workflows
    that are started here; those that run keep theirs.
    """

    client: Client
    pace: Pace = field(default_factory=Pace)
    task_timeout: timedelta | None = None  # None: the server's own, ten seconds
    reach: Reach = field(default_factory=Reach, compare=False)

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        """Wake, and start where needed; nobody waits for the outcome. Raises NotWoken."""
        try:
            if next_step > 1 and await self._there(self._handle(patient).signal(WAKE, rpc_timeout=SETTLES_WITHIN)):
                return
            await self.client.start_workflow(
                PATIENT,
                PatientStart(patient, next_step, self.pace),
                id=patient_workflow_id(patient),
                task_queue=PATIENTS_QUEUE,
                start_signal=WAKE,
                task_timeout=self.task_timeout,
                rpc_timeout=SETTLES_WITHIN,
            )
        except RPCError as away:
            raise NotWoken(str(away.status)) from away

    async def start(self, patient: str, *, next_step: int = 1) -> bool:
        """Start where nothing runs; False, and nothing written, where it runs already. Raises NotWoken."""
        try:
            await self.client.start_workflow(
                PATIENT,
                PatientStart(patient, next_step, self.pace),
                id=patient_workflow_id(patient),
                task_queue=PATIENTS_QUEUE,
                task_timeout=self.task_timeout,
                rpc_timeout=SETTLES_WITHIN,
            )
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as away:
            raise NotWoken(str(away.status)) from away
        return True

    async def settle(self, patient: str, *, next_step: int = 1) -> None:
        """Wake, and wait until everything stored so far has been taken. Raises NotWoken.

        At once, where Temporal was found away a moment ago: a nurse does not wait ten seconds for each visit she records.
        """
        if self.reach.is_away(self.client):
            raise NotWoken("temporal is away")
        try:
            if next_step > 1:
                update = self._handle(patient).execute_update(SETTLE, rpc_timeout=SETTLES_WITHIN, result_type=int)
                if await self._there(update):
                    return
            start: WithStartWorkflowOperation[Any, None] = WithStartWorkflowOperation(
                PATIENT,
                PatientStart(patient, next_step, self.pace),
                id=patient_workflow_id(patient),
                task_queue=PATIENTS_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=self.task_timeout,
            )
            await self.client.execute_update_with_start_workflow(
                SETTLE, start_workflow_operation=start, rpc_timeout=SETTLES_WITHIN, result_type=int
            )
        except (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as away:
            self.reach.away = isinstance(away, RPCError) and away.status is RPCStatusCode.UNAVAILABLE
            raise NotWoken(type(away).__name__) from away

    def _handle(self, patient: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(patient_workflow_id(patient))

    @staticmethod
    async def _there(call: Awaitable[object]) -> bool:
        """Call the workflow that should run (cheaper than the call that may also start it); False where none does."""
        try:
            await call
        except RPCError as refused:
            if refused.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True
