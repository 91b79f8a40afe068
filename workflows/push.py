"""The changes of a place are pushed to one receiver, until nothing is due; housekeeping begins it again when there is.

Rule: this code knows the webhook's id and counts. What is due, what was taken, and when it is tried again is kept in the database.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows.contract import PUSH, PUSHING, WEBHOOKS_QUEUE, Push, Pushed

IN_ONE_GO = timedelta(seconds=90)
SILENT = timedelta(seconds=30)
AGAIN = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))
LONG_ENOUGH = 50  # goes, after which it continues as new


@workflow.defn(name=PUSHING)
class PushWorkflow:
    """The pushing to one receiver."""

    @workflow.run
    async def run(self, start: Push) -> None:
        for _ in range(LONG_ENOUGH):
            pushed: Pushed = await workflow.execute_activity(
                PUSH,
                start,
                task_queue=WEBHOOKS_QUEUE,
                result_type=Pushed,
                start_to_close_timeout=IN_ONE_GO,
                heartbeat_timeout=SILENT,
                retry_policy=AGAIN,
            )
            if not pushed.more:
                return
        workflow.continue_as_new(start)
