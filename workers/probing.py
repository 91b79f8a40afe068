"""Asking Temporal, from outside, whether anybody works: for the dead-man switch and whoever looks for a cause."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workflows.contract import PATIENTS_QUEUE, QUEUES

WITHIN = timedelta(seconds=5)
SERVED = ((PATIENTS_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW), (QUEUES["message"], TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY))


async def nobody_works(client: Client) -> str:
    """``temporal_away``, ``no_worker`` (for patients or for messages), or nothing where all is as it should be."""
    for queue, kind in SERVED:
        asked = DescribeTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind)
        try:
            told = await client.workflow_service.describe_task_queue(asked, timeout=WITHIN)
        except RPCError:
            return "temporal_away"
        if not told.pollers:
            return "no_worker"
    return ""
