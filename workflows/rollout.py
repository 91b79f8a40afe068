"""One rollout of a pathway's version: a batch of patients, a pause, the next batch, until everybody was looked at.

Rule 1: this code knows the rollout's id, counts and delays. Who is moved, and whether, is decided and kept in the database.
Rule 2: a batch may run ten times: it goes on behind the last patient who was looked at.
Rule 3: a wake-up (paused, resumed, stopped) is never lost: each run, and each batch, begins by looking at how the rollout stands.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from workflows.contract import ROLL_ON, ROLLOUT, STORY, WAKE, RolledOn, RollOn, RolloutStart

AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(minutes=1))


@workflow.defn(name=ROLLOUT)
class RolloutWorkflow:
    """The rollout's workflow. ``wake``: it was started, paused, resumed or stopped."""

    @workflow.init
    def __init__(self, start: RolloutStart) -> None:
        self._rollout = start.rollout
        self._pace = start.pace
        self._wakes = 0
        self._story = "new"

    @workflow.run
    async def run(self, start: RolloutStart) -> None:
        while True:
            if self._long_enough():
                workflow.continue_as_new(RolloutStart(self._rollout, self._pace))
            seen = self._wakes
            rolled = await self._roll_on()
            self._story = rolled.summary
            if rolled.over:
                return
            await self._woken_or_after(rolled.wait_s, seen)

    @workflow.signal(name=WAKE)
    def wake(self) -> None:
        """The rollout stands otherwise than before."""
        self._wakes += 1

    @workflow.query(name=STORY)
    def story(self) -> str:
        """Where the rollout stands, in codes and counts."""
        return self._story

    def _long_enough(self) -> bool:
        info = workflow.info()
        return info.get_current_history_length() >= self._pace.long_enough or info.is_continue_as_new_suggested()

    async def _roll_on(self) -> RolledOn:
        rolled: RolledOn = await workflow.execute_activity(
            ROLL_ON,
            RollOn(self._rollout),
            result_type=RolledOn,
            start_to_close_timeout=timedelta(seconds=self._pace.batch_s),
            heartbeat_timeout=timedelta(seconds=self._pace.heartbeat_s),
            retry_policy=AGAIN,
            summary="a batch",
        )
        return rolled

    async def _woken_or_after(self, seconds: float, seen: int) -> None:
        if seconds <= 0:
            return
        try:
            await workflow.wait_condition(lambda: self._wakes > seen, timeout=seconds, timeout_summary="the next batch")
        except TimeoutError:
            return
