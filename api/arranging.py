"""What people do with a task: claim it, give it back, put it off, hand it over, finish it.

Rule 1: each is one transaction with the event that tells of it; a claim is no part of the patient's story and has none.
Rule 2: the care comes first: a task that another has claimed may be finished by whoever does the work, and it is noted who did.
Rule 3: what is urgent is not put off, and what waits for a doctor's decision stays with the doctor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from api.models.base import Happened, Written
from api.models.work import TaskClaim, TaskDone, TaskHandOver, TaskPostpone
from api.problems import Problem, not_found, unusable
from api.showing.tasks import task_etag
from api.writing import Case, Writing, happened_at
from pathways.engine.events import AnyEvent, TaskClosed, TaskHandedOver, TaskPostponed
from records.callers import Caller
from records.pulse import touch
from records.tables import TaskRow
from records.tasks import Tasks, edited, finish, note

CONFIRM, HELD, SUBSTITUTE = "confirm_referral", "refill_held", "approve_substitute"
#: What a task of this kind may end with: nothing but a decision, with a doctor's key where it is a doctor's.
DECIDED: Mapping[str, tuple[str, ...]] = {CONFIRM: ("approved", "declined"), HELD: ("go_on", "stopped")}
_WHETHER = {CONFIRM: "does not say whether the referral goes out", HELD: "does not say whether the refill is asked for"}
_DECIDES = {
    CONFIRM: "A referral that waits for a clinician is approved or declined with a doctor's key.",
    HELD: "A refill that the checks of medicines hold goes on, or is stopped, with a doctor's key.",
}
_STAYS = {
    CONFIRM: "A referral that waits for a clinician stays with the doctor: approve or decline it.",
    HELD: "A refill that the checks of medicines hold stays with the doctor: let it go on, or stop it.",
    SUBSTITUTE: "A substitute stays with the doctor: approve or refuse it.",
}
FURTHEST = timedelta(days=90)


@dataclass(frozen=True)
class Arranging:
    """One caller's work on the tasks of one patient. Everything here raises Problem 404, 409, 412, 422."""

    writing: Writing
    caller: Caller
    patient_id: str

    async def claim(self, body: TaskClaim) -> None:
        """The task is the caller's. 409 says who has it, unless the caller takes it over."""

        async def change(tasks: Tasks, task: TaskRow) -> bool:
            self._is_open(task)
            if task.claimed_by == self.caller.id:
                return False
            await self._may_take(tasks, task, body)
            task.claimed_by = self.caller.id
            return True

        await self._edit(body.key, change)

    async def release(self, body: TaskClaim) -> None:
        """Nobody has claimed the task any more. 409 says whose it is, unless the caller takes it over."""

        async def change(tasks: Tasks, task: TaskRow) -> bool:
            self._is_open(task)
            if task.claimed_by is None:
                return False
            if task.claimed_by != self.caller.id:
                await self._may_take(tasks, task, body)
            task.claimed_by = None
            return True

        await self._edit(body.key, change)

    async def complete(self, body: TaskDone) -> Written:
        """Finished; told twice it is finished once."""

        def change(case: Case, task: TaskRow, at: datetime, event_id: str) -> AnyEvent | None:
            if task.kind in DECIDED:
                if body.outcome not in DECIDED[task.kind]:
                    remedy = f"use one of: {', '.join(DECIDED[task.kind])}"
                    raise unusable("outcome", _WHETHER[task.kind], remedy)
                if task.by == "doctor" and self.caller.role != "doctor":
                    raise Problem(403, _DECIDES[task.kind])
            if task.kind == SUBSTITUTE and task.status == "open":
                raise Problem(409, "Approve or refuse it: POST /refills/{id}/approve-substitute or refuse-substitute.")
            if (task.status, task.outcome) == ("done", body.outcome):
                return None
            self._is_open(task)
            self.writing.expects(task_etag(task))
            another = task.claimed_by if task.claimed_by not in (None, self.caller.id) else None
            self._note(case, task, "completed", outcome=body.outcome, claimed_by=another)
            finish(task, body.outcome, at=case.now)
            return TaskClosed(id=event_id, at=at, learnt=case.now, task=body.key, outcome=body.outcome)

        return await self._tell(body.key, "task", body, change)

    async def postpone(self, body: TaskPostpone) -> Written:
        """Off the worklist until a day; due as it was."""

        def change(case: Case, task: TaskRow, at: datetime, event_id: str) -> AnyEvent | None:
            self._is_open(task)
            if task.urgent:
                raise Problem(409, "An urgent task is not put off: finish it, or hand it over.")
            if not case.today < body.until <= case.today + FURTHEST:
                last = case.today + FURTHEST
                raise unusable("until", "is no day to put it off to", f"give a day after {case.today}, up to {last}")
            self.writing.expects(task_etag(task))
            self._note(case, task, "postponed", until=body.until.isoformat(), reason=body.reason, note=body.note)
            task.postponed_to = body.until
            edited(task, at=case.now)
            return TaskPostponed(id=event_id, at=at, learnt=case.now, task=body.key, until=body.until, reason=body.reason)

        return await self._tell(body.key, "postponed", body, change)

    async def hand_over(self, body: TaskHandOver) -> Written:
        """Another role's of the same team; told twice it is handed over once."""

        def change(case: Case, task: TaskRow, at: datetime, event_id: str) -> AnyEvent | None:
            self._is_open(task)
            if task.by == body.to:
                return None
            if task.kind in _STAYS and task.by == "doctor":
                raise Problem(409, _STAYS[task.kind])
            self.writing.expects(task_etag(task))
            self._note(case, task, "handed_over", to=body.to, reason=body.reason, note=body.note)
            task.by, task.claimed_by = body.to, None
            edited(task, at=case.now)
            return TaskHandedOver(id=event_id, at=at, learnt=case.now, task=body.key, to=body.to)

        return await self._tell(body.key, "handed", body, change)

    async def _edit(self, key: str, change: Callable[[Tasks, TaskRow], Awaitable[bool]]) -> None:
        """Change the task alone; ``change`` answers whether it did."""
        async with self.writing.parts.database.begin() as session:
            _, repeated = await self.writing.remembered(session)
            if repeated:
                return
            tasks = Tasks(session)
            # Asked first: a row that is written twice in one transaction has its references looked up again, by locks on the
            # patient, whom somebody who waits for this task may hold.
            now = await self.writing.parts.clock.now(session)
            task = await self._held(session, key)
            if await change(tasks, task):
                self.writing.expects(task_etag(task))
                edited(task, at=now)
                await touch(session, task.care_team_id)

    async def _tell(
        self, key: str, kind: str, body: Happened, change: Callable[[Case, TaskRow, datetime, str], AnyEvent | None]
    ) -> Written:
        """Change the task, and store the event that ``change`` makes of it."""

        async def told(case: Case) -> AnyEvent | None:
            task = await self._held(case.session, key)
            event = change(case, task, happened_at(body.at, case.now), self.writing.event_id(kind, body))
            if event is not None:
                await touch(case.session, task.care_team_id)
            return event

        return await self.writing.change(self.patient_id, told, by_patient=False)

    async def _held(self, session: AsyncSession, key: str) -> TaskRow:
        task = await Tasks(session).one(self.caller.scope, self.patient_id, key, hold=True)
        if task is None:
            raise not_found()
        return task

    def _is_open(self, task: TaskRow) -> None:
        if task.status != "open":
            raise Problem(409, f"This task is closed already ({task.status}, {task.outcome}).")

    async def _may_take(self, tasks: Tasks, task: TaskRow, body: TaskClaim) -> None:
        if task.claimed_by is not None and not body.take_over:
            names = await tasks.names([task.claimed_by])
            who = names.get(task.claimed_by, "somebody else")
            raise Problem(409, f"This task is claimed by {who}; to take it from them send take_over: true.")

    def _note(self, case: Case, task: TaskRow, what: str, **more: str | None) -> None:
        note(task, case.person, at=case.now.isoformat(), who=self.caller.id, what=what, **more)
