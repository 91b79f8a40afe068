"""What moving one patient to another version would do: whether it fits, and how many texts it causes.

Rule 1: looked at with what is stored this moment, events that no step has taken yet included, by the engine of the live patient.
Rule 2: nothing is written here: the same look serves the preview and the move itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from activities.following import day_for, versions_named
from activities.plans import Plans
from pathways.engine import State, next_due
from pathways.engine.commands import SendMessage
from pathways.engine.events import AnyEvent, DueReached, VersionMoved, versions_in
from pathways.engine.moving import Fit, Replacing, classify
from pathways.engine.plan import Pathway, Plan
from pathways.engine.refold import fold
from pathways.engine.state import ENDED
from pathways.forecast.bookings import steps
from pathways.serial import OldSchema, load_state
from records.eventlog import EventLog
from records.patients import STATE, Held
from records.tables import Rollout, StepRow

LOOKS_AHEAD = timedelta(days=7)
MOST_STEPS = 500  # of a week; more means that something does not settle
FITS = Fit("clean", ())


@dataclass(frozen=True, slots=True)
class Look:
    """``came_from``: the version that the patient is on, "" for somebody who does not follow the pathway (any more);
    ``coming``: one that waits for the next safe point; ``sms``: texts of the next seven days beyond those without the move.
    """

    came_from: str = ""
    coming: str = ""
    fit: Fit = FITS
    sms: int = 0


@dataclass(frozen=True)
class Move:
    """To ``version`` of ``pathway``. ``services`` and ``tags``: what is replaced by what, "" for what ends on purpose."""

    pathway: str
    version: str
    policy: str = "now"
    services: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    rollout: str = ""

    def event(self, id_: str, came_from: str, now: datetime) -> VersionMoved:
        """What is told to the patient's log."""
        return VersionMoved(
            id=id_,
            at=now,
            learnt=now,
            pathway=self.pathway,
            came_from=came_from,
            to=self.version,
            services=dict(self.services),
            tags=dict(self.tags),
            policy="safe_point" if self.policy == "safe_point" else "now",
            rollout=self.rollout,
        )


@dataclass(frozen=True)
class Moves:
    """Looks at patients, in one transaction. ``compiled``: the versions met so far, by hash."""

    session: AsyncSession
    plans: Plans
    now: datetime
    compiled: dict[str, Pathway] = field(default_factory=dict)

    async def look(self, held: Held, move: Move) -> Look:
        """Raises UnknownVersion where a version of theirs is not there."""
        plan, state = await self._stands(held)
        course = state.courses.get(move.pathway)
        if course is None or state.life in ENDED:
            return Look()
        old = await self._version(move.pathway, course.version)
        new = await self._version(move.pathway, move.version)
        if old.version == new.version:
            return Look(course.version, course.coming)
        others = [pathway for name, pathway in plan.as_of(state).pathways.items() if name != move.pathway]
        fit = classify(old, new, state, Replacing(move.services, move.tags), others=others)
        sms = self._texts_caused(plan, state, move, old, new)
        return Look(course.version, course.coming, fit, sms)

    def _texts_caused(self, plan: Plan, state: State, move: Move, old: Pathway, new: Pathway) -> int:
        both = replace(plan, versions={**plan.versions, old.version: old, new.version: new})
        stays = DueReached(id="look", at=self.now, learnt=self.now)
        moves = move.event("look", old.version, self.now)
        return max(0, _texts(both, state, moves, self.now) - _texts(both, state, stays, self.now))

    async def _version(self, pathway: str, version: str) -> Pathway:
        if version not in self.compiled:
            plan, _ = await self.plans.made_of(self.session, [(pathway, version)])
            self.compiled[version] = plan.pathways[pathway]
        return self.compiled[version]

    async def _stands(self, held: Held) -> tuple[Plan, State]:
        """The patient's plan, and their state with everything that is stored."""
        patient, log = held.patient, EventLog(self.session, held.patient, held.person)
        untaken = [event for _, event in await log.untaken()]
        try:
            kept = held.person.open_bytes(STATE, patient.state) if patient.state is not None else None
            state = load_state(kept) if kept is not None else State(patient=patient.id)
            plan, _ = await self.plans.of(self.session, patient.id, also=versions_named(state, untaken))
        except OldSchema:  # kept by an older engine: folded anew, as the next step will
            past = (await log.all())[: patient.taken_event]
            named = [version for event in (*past, *untaken) for version in versions_in(event)]
            plan, _ = await self.plans.of(self.session, patient.id, also=named)
            last = await self.session.get_one(StepRow, (patient.id, patient.last_step))
            state = fold(plan, patient.id, past, until=last.at, day_for=day_for)
        for event in untaken:
            state = tuple(steps(plan, state, event))[-1].outcome.state
        return plan, state


def move_of(rollout: Rollout) -> Move:
    """What a rollout wants of each patient."""
    services = {old: new or "" for old, new in rollout.mapping.get("services", {}).items()}
    tags = {old: new or "" for old, new in rollout.mapping.get("tags", {}).items()}
    return Move(rollout.pathway, rollout.version, rollout.policy, services, tags, rollout.id)


def _texts(plan: Plan, state: State, event: AnyEvent, now: datetime) -> int:
    """Texts that go out from ``event`` until a week from ``now``, if nothing else happens."""
    sent, until = 0, now + LOOKS_AHEAD
    for _ in range(MOST_STEPS):
        for taken in steps(plan, state, event):
            state = taken.outcome.state
            sent += sum(isinstance(command, SendMessage) for command in taken.outcome.commands)
        due = next_due(plan, state)
        if due is None or due > until:
            break
        event = DueReached(id="ahead", at=due, learnt=due)
    return sent
