"""Taking a patient's next step: one activity, one transaction, the same answer however often it is asked.

The transaction loads the state and the plan, lets the engine follow every event that has not been taken and everything that is
due, and commits state, timeline, tasks, planned deliveries and the next due moment together, under (patient, step number).
A second call with the same number finds the step, answers from it, and takes with it whatever was stored since. There is no gap
to own up to: nothing leaves the database in here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.following import Engine, Following, as_left
from activities.outbox import ON_THE_WORKLIST, Outbox
from activities.plans import Plans
from activities.seeing import Seeing
from activities.standing import stand
from pathways.engine import State, calendar
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, DueReached, VisitBooked
from pathways.engine.plan import Plan
from pathways.engine.state import SCHEMA
from pathways.engine.turn import Ahead
from pathways.serial import dump_reason, dump_state
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import STATE, Patients
from records.pulse import touch
from records.tables import Enrolment, Patient, StepRow, TimelineRow
from records.vault import PersonVault, Vault
from workflows.contract import TAKE_STEP, Handover, Step, Taken

__all__ = ["Engine", "StepActivities", "worst_tag"]


@dataclass(frozen=True)
class StepActivities:
    """All that taking a step needs, handed in once at start-up."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock
    engine: Engine = field(default_factory=Engine)
    seeing: Seeing = field(default_factory=Seeing)

    @activity.defn(name=TAKE_STEP)
    async def take_step(self, asked: Step) -> Taken:
        """Take step ``asked.number``, or say again what it came to. What stands in the way is put down as the patient's fault."""
        begun, outcome = time.perf_counter(), "interrupted"
        with self.seeing.traces.part("step", patient=asked.patient, step=asked.number):
            try:
                taken, outcome = await self._take(asked)
            except Exception as fault:
                outcome = "fault"
                self.seeing.metrics.step_faults.labels(type(fault).__name__).inc()
                self.seeing.log.warning("step_failed", patient=asked.patient, step=asked.number, exc_info=fault)
                await self._put_down(asked.patient, type(fault).__name__)  # its text may be personal
                raise
            finally:
                self.seeing.metrics.steps.labels(outcome).inc()
                self.seeing.metrics.step_seconds.observe(time.perf_counter() - begun)
            return taken

    async def _put_down(self, patient_id: str, fault: str) -> None:
        with contextlib.suppress(SQLAlchemyError):  # the database itself may be what is away
            async with self.database.begin() as session:
                patient = await Patients(session, self.vault).get(patient_id, lock=True)
                if patient is not None:
                    patient.fault = fault

    async def _take(self, asked: Step) -> tuple[Taken, str]:
        """The answer, and in a word what came of it: taken, nothing, again, forgotten."""
        async with self.database.begin() as session:
            patients = Patients(session, self.vault)
            held = await patients.held(asked.patient)
            if held is None:
                return Taken(next_step=asked.number, summary="forgotten"), "forgotten"
            patient, person = held.patient, held.person
            now, driven = await self.clock.read(session)
            again: list[Handover] = []
            if asked.number <= patient.last_step:
                # Said again to a worker that took over. What was stored meanwhile is taken with it: the wake-up that told of it
                # is spent by this answer.
                again = await _handed_over_since(session, asked)
            turn = _Step(session, patient, person, self.plans, now, self.engine)
            was_due, before = patient.next_due, patient.last_step
            handovers = again + await turn.take()
            moved = patient.last_step > before
            outcome = "taken" if moved else "again" if asked.number <= before else "nothing"
            answer = _answer(patient, handovers, now, driven=driven)
        if moved and was_due is not None and was_due <= now:
            self.seeing.metrics.due_lag_seconds.observe((now - was_due).total_seconds())
        return answer, outcome


@dataclass(frozen=True)
class _Step:
    """One step being taken."""

    session: AsyncSession
    patient: Patient
    person: PersonVault
    plans: Plans
    now: datetime
    engine: Engine

    async def take(self) -> list[Handover]:
        log = EventLog(self.session, self.patient, self.person)
        waiting = await log.untaken()
        is_due = self.patient.next_due is not None and self.patient.next_due <= self.now
        if not waiting and not is_due:
            return []
        events: list[AnyEvent] = [event for _, event in waiting]
        state, plan = await as_left(self.session, self.plans, log, events, on=self.now.date())
        following = Following(self.session, self.plans, log, self.engine, plan, self.patient.taken_event)
        number = self.patient.last_step + 1
        time_passes: list[AnyEvent] = [DueReached(id=f"due/{number}", at=self.now, learnt=self.now)]
        handovers: list[Handover] = []
        reasons: list[Reason] = []
        shown, work_changed = self._shown(), False
        place = 0
        while place < len(events) or time_passes:  # grows while bookings are answered
            if place == len(events):  # after the days that were found, which texts that are due by now may name
                events.append(time_passes.pop())
            outcome, followed = await following.follow(state, events[place:])
            place += followed
            state = outcome.state
            reasons += outcome.reasons
            work_changed |= any(isinstance(command, ON_THE_WORKLIST) for command in outcome.commands)
            outbox = Outbox(self.session, self.patient, self.person, self.now, calendar.local_day(self.now, state.person.timezone))
            planned, booked = await outbox.carry_out(outcome.commands)
            handovers += planned
            for booking in booked:
                answer = VisitBooked(
                    id=f"{booking.booking}/booked",
                    at=min(state.clock or self.now, self.now),  # when it was asked for: whatever is due since comes after it
                    learnt=self.now,
                    booking=booking.booking,
                    day=booking.day,
                )
                if await log.append(answer):
                    events.append(answer)
        for row, _ in waiting:
            row.step = number
        self.patient.taken_event = self.patient.last_event
        await self._write(following.plan, state, following.ahead, number, len(waiting), handovers, reasons)
        if work_changed or self._shown() != shown:
            await touch(self.session, self.patient.care_team_id)
        return handovers

    def _shown(self) -> tuple[str | None, ...]:
        """What a worklist shows of the patient besides the work."""
        return self.patient.tag, self.patient.life, self.patient.reach

    async def _write(
        self,
        plan: Plan,
        state: State,
        ahead: Ahead,
        number: int,
        events: int,
        handovers: Sequence[Handover],
        reasons: Sequence[Reason],
    ) -> None:
        patient = self.patient
        patient.state, patient.state_schema = self.person.seal(STATE, dump_state(state)), SCHEMA
        patient.life, patient.reach, patient.tag = state.life, state.reach, worst_tag(plan.as_of(state), state)
        patient.timezone = state.person.timezone
        stand(patient, plan, state)
        patient.next_due = self.engine.next_due(plan, state, ahead)
        patient.last_step, patient.fault = number, None
        for name, course in state.courses.items():
            if (pinned := plan.pathways.get(name)) is not None and pinned.version != course.version:
                moved = update(Enrolment).where(Enrolment.patient_id == patient.id, Enrolment.pathway == name)
                await self.session.execute(moved.values(version=course.version))
        self.session.add(
            StepRow(
                patient_id=patient.id,
                step=number,
                at=self.now,
                engine=self.engine.number,
                events=events,
                summary=patient.tag or patient.life,
                deliveries=[f"{h.kind}|{int(h.urgent)}|{h.key}|{h.priority}" for h in handovers],
            )
        )
        for line, reason in enumerate(reasons):
            self.session.add(
                TimelineRow(
                    patient_id=patient.id,
                    step=number,
                    line=line,
                    at=reason.at,
                    code=reason.code,
                    held_back=reason.held_back,
                    sealed=self.person.seal(f"timeline/{number}/{line}", dump_reason(reason)),
                )
            )


def worst_tag(plan: Plan, state: State) -> str | None:
    """The worst tag over the patient's pathways."""
    ranked = [
        (pathway.tags.index(course.tag), course.tag)
        for name, course in state.courses.items()
        if (pathway := plan.pathways.get(name)) is not None and course.tag is not None
    ]
    return min(ranked)[1] if ranked else None


async def _handed_over_since(session: AsyncSession, asked: Step) -> list[Handover]:
    """What steps that are taken already planned: one step's where a worker died, several where Temporal's memory was lost."""
    steps = select(StepRow).where(StepRow.patient_id == asked.patient, StepRow.step >= asked.number).order_by(StepRow.step)
    return [_handover(text) for row in await session.scalars(steps) for text in row.deliveries]


def _handover(text: str) -> Handover:
    kind, urgent, key, *priority = text.split("|")
    return Handover(key, kind, urgent == "1", int(priority[0]) if priority else 0)


def _answer(patient: Patient, handovers: list[Handover], now: datetime, *, driven: bool) -> Taken:
    due_in: float | None = None
    if patient.next_due is not None and not driven:
        due_in = max(0.0, (patient.next_due - now).total_seconds()) + 0.01
    return Taken(next_step=patient.last_step + 1, due_in=due_in, handovers=handovers, summary=patient.tag or patient.life)
