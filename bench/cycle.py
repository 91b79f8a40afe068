"""A cycle of care beside a bare cycle: one reminder delivered by SMS and one completed visit; one timer, one no-op, one signal.

``python -m bench.cycle [--patients 100] [--blocks 3]``: the same patients and the same bare workflows, a cycle of each in turn.
A patient's cycle: the visit is stored, the patient is woken and takes a step (tag, next visit booked), the workflow's timer
fires, a step plans the reminder, the reminder is handed to the sandbox provider. The clock of the bench stands and is moved;
the workflow's timer is a real one, pulled near (see ``Stage``), so that events and actions are those of real time.
What an idle server and worker use in the same time is taken off both sides.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select
from temporalio.client import Client

from bench.bare import QUEUE
from bench.figures import Figure, billable_actions, table
from bench.ground import FAR, Ground, Spent, enrol, ground, in_bulk, machine, person, set_up_teams, until
from pathways.engine.events import VisitCompleted
from records.tables import Delivery
from workflows.contract import Pace, patient_workflow_id

BEGIN = datetime(2025, 3, 3, 2, tzinfo=UTC)
SPREAD = timedelta(minutes=90)
AFTER_REMINDER = timedelta(hours=26)
READINGS: dict[str, object] = {"sbp": 132.0, "dbp": 82.0, "symptoms": ()}
NOT_SO = (
    "pregnant_or_lactating",
    "other_disease_cannot_handle",
    "adr",
    "adr_hard_to_control",
    "new_complication",
    "worse_complication",
)
LOOKED_INTO = 10  # histories read for their actions


@dataclass(frozen=True, slots=True)
class History:
    """Length, size and actions of some workflows, each a mean."""

    events: float
    bytes: float
    actions: Counter[str]


@dataclass(frozen=True, slots=True)
class Cycle:
    """One block's cost of a cycle: CPU in seconds over ``count`` cycles, history of one."""

    spent: Spent
    count: int
    events: float
    bytes: float
    actions: dict[str, float]

    def each(self, seconds: float) -> float:
        return seconds / self.count * 1000


async def bare(on: Ground, workflows: Sequence[str], idle: Spent) -> Cycle:
    async def go(workflow: str) -> None:
        await on.plain.get_workflow_handle(workflow).signal("go")

    wanted = on.tally.done + len(workflows)
    before, begin = await _history(on.plain, workflows), on.spent()
    await in_bulk(go, workflows)
    await until(lambda: on.tally.done >= wanted, "the no-op of every bare workflow")
    await asyncio.sleep(1)
    spent = (on.spent() - begin).without(idle)
    return _cycle(spent, before, await _history(on.plain, workflows), len(workflows))


async def cairn(on: Ground, patients: Sequence[str], idle: Spent, nap: timedelta) -> Cycle:
    stage, workflows = on.stage, [patient_workflow_id(patient) for patient in patients]
    before, begin = await _history(on.sealed, workflows), on.spent()
    stage.nap, stage.ahead, steps = nap, set(), stage.steps + len(patients)
    await in_bulk(lambda patient: _visit(on, patient), patients)
    await until(lambda: stage.steps >= steps, "the step after every visit")
    if on.spent().wall - begin.wall > nap.total_seconds():
        raise RuntimeError("the first timers fired before the last visit was taken; give a longer --nap, or fewer --patients")
    due = max(stage.ahead)
    if due - min(stage.ahead) > SPREAD:  # texts of one morning are spread over an hour and a half; nobody's day differs
        raise RuntimeError(f"reminders lie between {min(stage.ahead)} and {due}; the patients no longer go in step")
    accepted = stage.accepted + len(patients)
    stage.nap, stage.moment = FAR, due
    await until(lambda: stage.accepted >= accepted, "the reminder of every patient")
    await asyncio.sleep(1)
    spent = (on.spent() - begin).without(idle)
    stage.moment = due + AFTER_REMINDER
    if stage.accepted != accepted or stage.steps != steps + len(patients):
        raise RuntimeError(f"a cycle was not one reminder and one visit: {stage.steps - steps} steps; the patient no longer fits")
    await _all_handed(on)
    return _cycle(spent, before, await _history(on.sealed, workflows), len(patients))


async def _visit(on: Ground, patient: str) -> None:
    readings = READINGS | dict.fromkeys(NOT_SO, False)

    def make(now: datetime) -> VisitCompleted:
        return VisitCompleted(id=uuid4().hex, at=now, learnt=now, readings=readings, done=("annual_exam",))  # type: ignore[arg-type]

    stored = await on.parts.events.store(patient, make)
    await on.waker.wake(patient, next_step=stored.next_step)


async def _all_handed(on: Ground) -> None:
    async with on.parts.database.reading() as session:
        rows = await session.execute(select(Delivery.status, func.count()).group_by(Delivery.status))
    statuses = {status: count for status, count in rows}
    if set(statuses) != {"handed"}:
        raise RuntimeError(f"not every reminder was handed over: {statuses}")


async def _history(client: Client, workflows: Sequence[str]) -> History:
    async def size(workflow: str) -> tuple[int, int]:
        info = (await client.get_workflow_handle(workflow).describe()).raw_description.workflow_execution_info
        return info.history_length, info.history_size_bytes

    sizes = await in_bulk(size, workflows, at_once=10)
    actions: Counter[str] = Counter()
    for workflow in workflows[:LOOKED_INTO]:
        actions += billable_actions((await client.get_workflow_handle(workflow).fetch_history()).events)
    return History(sum(n for n, _ in sizes) / len(sizes), sum(n for _, n in sizes) / len(sizes), actions)


def _cycle(spent: Spent, before: History, after: History, count: int) -> Cycle:
    looked_into = min(LOOKED_INTO, count)
    actions = {kind: count / looked_into for kind, count in (after.actions - before.actions).items()}
    return Cycle(spent, count, after.events - before.events, after.bytes - before.bytes, actions)


async def run(patients: int, blocks: int, nap: float | None) -> str:
    """The figures, as a table."""
    seconds = nap if nap is not None else 10 + 0.2 * patients
    bares: list[Cycle] = []
    ours: list[Cycle] = []
    async with ground() as on:
        on.stage.moment = BEGIN
        teams = await set_up_teams(on, patients)
        enrolled = await enrol(on, [person(n, on=BEGIN.date(), team=team) for n, team in enumerate(teams)])
        await in_bulk(on.waker.wake, enrolled)
        plain = [f"bare/{uuid4().hex}" for _ in range(patients)]
        await in_bulk(lambda name: on.plain.start_workflow("BareCycle", seconds, id=name, task_queue=QUEUE), plain)
        await until(lambda: on.stage.steps >= patients, "the first step of every patient")
        await asyncio.sleep(1)
        idle = await on.idle(5)
        for _ in range(blocks + 1):  # the first one warms up and is not counted
            bares.append(await bare(on, plain, idle))
            ours.append(await cairn(on, enrolled, idle, timedelta(seconds=seconds)))
    return _told(bares[1:], ours[1:], patients)


def _told(bares: Sequence[Cycle], ours: Sequence[Cycle], patients: int) -> str:
    def figure(name: str, unit: str, pick: str, aim: float | None = None) -> Figure:
        theirs, our = ([c.each(getattr(c.spent, pick)) for c in side] for side in (bares, ours))
        return Figure(name, unit, theirs, our, aim=aim)

    figures = [
        figure("server CPU", "ms a cycle", "server"),
        figure("worker and caller CPU", "ms a cycle", "worker"),
        figure("CPU, both", "ms a cycle", "cpu", aim=1.25),
        Figure("history events", "a cycle", [c.events for c in bares], [c.events for c in ours]),
        Figure("history size", "bytes a cycle", [c.bytes for c in bares], [c.bytes for c in ours]),
        Figure("billable actions", "a cycle", [sum(c.actions.values()) for c in bares], [sum(c.actions.values()) for c in ours]),
    ]
    actions = ours[-1].actions
    whole = sum(actions.values())
    parts = ", ".join(f"{kind} {count:g}" for kind, count in sorted(actions.items()))
    per_run = Pace().long_enough / ours[-1].events
    verdict = "met" if whole <= 5 else "missed"
    lines = [
        f"**cycle** ({len(ours)} blocks of {patients} of each; {machine()})\n",
        table(figures),
        f"\nBillable actions of a patient's cycle: {whole:g} ({parts}); aim at most 5: {verdict}. "
        f"Continuing as new adds one every {per_run:.0f} cycles.\n",
    ]
    return "\n".join(lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--patients", type=int, default=100)
    options.add_argument("--blocks", type=int, default=3)
    options.add_argument("--nap", type=float, default=None, help="seconds from a visit's step to the next timer")
    chosen = options.parse_args()
    print(asyncio.run(run(chosen.patients, chosen.blocks, chosen.nap)))


if __name__ == "__main__":
    main()
