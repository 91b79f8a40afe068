"""Beginning to push: a workflow for each receiver that has something due, and never two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from records.clock import Clock
from records.database import Database
from records.webhooks import Webhooks
from workflows.contract import PATIENTS_QUEUE, PUSHING, Push, push_workflow_id

ANSWERS_WITHIN = timedelta(seconds=10)


@dataclass(frozen=True)
class PushDoor:
    """How the workflows that push are begun."""

    database: Database
    clock: Clock
    client: Client

    async def begin(self) -> int:
        """Begin wherever something is due; says how many were begun. Raises RPCError while Temporal is away: nothing is lost."""
        async with self.database.reading() as session:
            due = await Webhooks(session).with_work(await self.clock.now(session))
        return sum([await self._begin(webhook) for webhook in due])

    async def _begin(self, webhook: str) -> bool:
        try:
            await self.client.start_workflow(
                PUSHING, Push(webhook), id=push_workflow_id(webhook), task_queue=PATIENTS_QUEUE, rpc_timeout=ANSWERS_WITHIN
            )
        except WorkflowAlreadyStartedError:
            return False
        return True
