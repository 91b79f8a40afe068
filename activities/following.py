"""Following a patient's events within one step: most by a plain step of the engine, news of the past by a refold.

Rule 1: the log is opened only where an event may be news of the past; most steps never look at it.
Rule 2: the plan holds every version that the state, the events at hand or, for a refold, the log may name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import Plans
from pathways.engine import Outcome, State, next_due, step
from pathways.engine.commands import BookVisit
from pathways.engine.events import AnyEvent, DueReached, PathwaysChanged, versions_in
from pathways.engine.plan import Plan
from pathways.engine.refold import fold, may_concern_the_past, news_of_the_past, refold
from pathways.engine.rekeyed import rekeyed
from pathways.engine.turn import Ahead
from pathways.forecast.bookings import working_day
from pathways.serial import OldSchema, load_older_state, load_state
from records.eventlog import EventLog
from records.following import Followed
from records.patients import STATE
from records.tables import StepRow


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine as steps use it. ``number`` is written into each step, so that a timeline tells which engine decided; it
    goes up with what the engine decides.
    """

    number: str = "4"
    step: Callable[[Plan, State, AnyEvent, Ahead], Outcome] = step
    next_due: Callable[[Plan, State, Ahead], datetime | None] = next_due
    refold: Callable[..., Outcome] = refold


@dataclass
class Following:
    """One patient's events being followed in one transaction. ``taken``: how many of the log were followed in steps before.

    ``ahead``: what the engine worked out of the agenda, kept from one event to the next.
    """

    session: AsyncSession
    plans: Plans
    log: EventLog
    engine: Engine
    plan: Plan
    taken: int
    followed: list[AnyEvent] = field(default_factory=list)
    ahead: Ahead = field(default_factory=dict)
    _past: Sequence[AnyEvent] | None = None

    async def follow(self, state: State, events: Sequence[AnyEvent]) -> tuple[Outcome, int]:
        """Follow the first of ``events``, or as many as are news of the past together; answers how many."""
        news = await self._news(state, events)
        if not news:
            self.followed.append(events[0])
            return self.engine.step(self.plan, state, events[0], self.ahead), 1
        log = await self._log()
        await self.know(version for event in log for version in versions_in(event))
        outcome = self.engine.refold(self.plan, state, log, news, day_for=day_for)
        self.followed += news
        return outcome, len(news)

    async def know(self, versions: Iterable[str]) -> None:
        """Have these versions at hand too."""
        there = {*self.plan.versions, *(pathway.version for pathway in self.plan.pathways.values())}
        more = await self.plans.versions(self.session, (version for version in versions if version not in there))
        self.plan = replace(self.plan, versions={**self.plan.versions, **more}) if more else self.plan

    async def _news(self, state: State, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        news: list[AnyEvent] = []
        for event in events:
            if not may_concern_the_past(state, event) or not news_of_the_past((*await self._log(), *news), event):
                break
            news.append(event)
        return news

    async def _log(self) -> Sequence[AnyEvent]:
        if self._past is None:
            self._past = (await self.log.all())[: self.taken]
        return [*self._past, *(event for event in self.followed if not isinstance(event, DueReached))]


async def as_left(
    session: AsyncSession,
    plans: Plans,
    log: EventLog,
    events: Sequence[AnyEvent],
    *,
    on: date | None = None,
    known: Followed | None = None,
    left: State | None = None,
) -> tuple[State, Plan]:
    """The patient as the last step left them, and the plan with every version that they or ``events`` may need.

    ``on``: the day (UTC) whose holds the plan has; None: none. ``known`` and ``left``: what they follow, and their state, where
    those were read already. A snapshot of another shape is folded anew from the events, up to the last step. Raises UnknownVersion.
    """
    try:
        state = left or _snapshot(log)
    except OldSchema:
        return await _folded_anew(session, plans, log, events, on)
    errands = bool(state.referrals) or any(supply.refill for supply in state.supplies.values())
    also = versions_named(state, events)
    plan, _ = await plans.of(session, state.patient, also=also, on=on, person=log.person, errands=errands, known=known)
    return state, await _with_left(session, plans, log, state, plan)


def _snapshot(log: EventLog) -> State:
    patient = log.patient
    return State(patient=patient.id) if patient.state is None else load_state(log.person.open_bytes(STATE, patient.state))


async def _with_left(session: AsyncSession, plans: Plans, log: EventLog, state: State, plan: Plan) -> Plan:
    """The plan, and of each pathway that was left while a referral of it goes on the version that was followed last."""
    gone = {referral.pathway for referral in state.referrals.values()} - plan.pathways.keys()
    if not gone:
        return plan
    changes = [event for event in await log.of_kinds("pathways_changed") if isinstance(event, PathwaysChanged)]
    last = {name: version for event in changes for name, version in event.versions.items() if name in gone}
    left = await plans.versions(session, last.values())
    return replace(plan, pathways={**{pathway.name: pathway for pathway in left.values()}, **plan.pathways})


async def _folded_anew(
    session: AsyncSession, plans: Plans, log: EventLog, events: Sequence[AnyEvent], on: date | None
) -> tuple[State, Plan]:
    patient = log.patient
    past = (await log.all())[: patient.taken_event]
    named = [version for event in (*past, *events) for version in versions_in(event)]
    plan, _ = await plans.of(session, patient.id, also=named, on=on, person=log.person)
    last = await session.get_one(StepRow, (patient.id, patient.last_step))
    # What fell due after the last event was done then: it must not be done, or told, once more.
    folded = fold(plan, patient.id, past, until=last.at, day_for=day_for)
    kept = load_older_state(log.person.open_bytes(STATE, patient.state or b""))
    return folded if kept is None else rekeyed(folded, kept), plan


def day_for(visit: BookVisit) -> date:
    """The day that a visit would have had, where nobody asked at the time: room is not counted for days that are past."""
    return working_day(visit.earliest, visit.latest)


def versions_named(state: State, events: Iterable[AnyEvent]) -> set[str]:
    """The versions that the state or the events may need."""
    return {*state.versions, *(version for event in events for version in versions_in(event))}
