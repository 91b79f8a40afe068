"""One enrolled patient, for years: wait, take a step, hand over what it planned, wait again.

Rule 1: this code knows keys and delays, nothing about care; the engine never runs in here, so it may change every month.
Rule 2: what fails for good becomes an event of the patient, never a stuck workflow.
Rule 3: this code changes rarely, and recorded histories are replayed in the tests whenever it does.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows.contract import (
        DELIVER,
        GIVE_UP,
        PATIENT,
        QUEUES,
        SETTLE,
        STORY,
        TAKE_STEP,
        WAKE,
        Deliver,
        Delivered,
        Handover,
        PatientStart,
        Step,
        Taken,
    )

ONE_STEP = timedelta(seconds=30)
AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(minutes=15))
#: Longer waits than this for a step that fails are timers: waited for in the worker, they would fill the history in a weekend.
WAITED_FOR_IN_THE_WORKER = timedelta(seconds=5)
#: A delivery that nobody could settle in this time is given up as an event; messages drop out long before.
LONGEST_DELIVERY = timedelta(days=3)


@workflow.defn(name=PATIENT)
class PatientWorkflow:
    """The patient's workflow. ``wake``: something was written to the patient's event log."""

    @workflow.init
    def __init__(self, start: PatientStart) -> None:
        self._patient = start.patient
        self._next_step = start.next_step
        self._pace = start.pace
        self._due_in: float | None = None
        self._wakes = 1  # a run begins by looking at what there is
        self._seen = 0
        self._deliveries: set[asyncio.Task[None]] = set()
        self._story = "new"

    @workflow.run
    async def run(self, start: PatientStart) -> None:
        while True:
            await self._woken_or_due()
            if self._may_continue_as_new():
                # Nothing is awaited between the look and the leap: a wake-up that comes now belongs to the next run.
                workflow.continue_as_new(PatientStart(self._patient, self._next_step, self._pace))
            wakes = self._wakes
            taken = await self._take_step()
            self._seen = wakes
            self._next_step, self._due_in, self._story = taken.next_step, taken.due_in, taken.summary
            for handover in taken.handovers:
                self._hand_over(handover)

    @workflow.signal(name=WAKE)
    def wake(self) -> None:
        """Something was written to the event log; nobody waits for the outcome."""
        self._wakes += 1

    @workflow.update(name=SETTLE)
    async def settle(self) -> int:
        """Something was written and somebody waits: answers with the next step's number once all of it was taken."""
        self._wakes += 1
        mine = self._wakes
        await workflow.wait_condition(lambda: self._seen >= mine)
        return self._next_step

    @workflow.query(name=STORY)
    def story(self) -> str:
        """Where the patient's workflow stands, in codes."""
        return self._story

    def _may_continue_as_new(self) -> bool:
        info = workflow.info()
        if info.get_current_history_length() < self._pace.long_enough and not info.is_continue_as_new_suggested():
            return False
        return self._wakes <= self._seen and not self._deliveries and workflow.all_handlers_finished()

    async def _woken_or_due(self) -> None:
        try:
            await workflow.wait_condition(
                lambda: self._wakes > self._seen or self._may_continue_as_new(),
                timeout=self._due_in,
                timeout_summary=f"next step {self._next_step}",
            )
        except TimeoutError:
            return

    async def _take_step(self) -> Taken:
        taken: Taken = await workflow.execute_local_activity(
            TAKE_STEP,
            Step(self._patient, self._next_step),
            result_type=Taken,
            start_to_close_timeout=ONE_STEP,
            retry_policy=AGAIN,
            local_retry_threshold=WAITED_FOR_IN_THE_WORKER,
            summary=f"step {self._next_step}",
        )
        return taken

    def _hand_over(self, handover: Handover) -> None:
        task = asyncio.create_task(self._deliver(handover))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, handover: Handover) -> None:
        delivery = Deliver(self._patient, handover.key, handover.kind)
        try:
            delivered = await workflow.execute_activity(
                DELIVER[handover.kind],
                delivery,
                result_type=Delivered,
                task_queue=QUEUES[handover.kind],
                start_to_close_timeout=timedelta(seconds=self._pace.attempt_s),
                schedule_to_close_timeout=LONGEST_DELIVERY,
                retry_policy=RetryPolicy(
                    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=self._pace.longest_wait_s)
                ),
                priority=Priority(priority_key=handover.priority or (1 if handover.urgent else 3)),
                summary=f"{handover.kind} of step {self._next_step - 1}",
            )
        except ActivityError:
            delivered = await workflow.execute_local_activity(
                GIVE_UP,
                delivery,
                result_type=Delivered,
                start_to_close_timeout=ONE_STEP,
                retry_policy=AGAIN,
                local_retry_threshold=WAITED_FOR_IN_THE_WORKER,
            )
        if delivered.learnt:
            self._wakes += 1
