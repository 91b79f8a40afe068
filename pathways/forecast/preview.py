"""What recording an event would decide, before anybody records it.

Rule 1: it is the engine of the live patient that answers; nothing is stored, sent or booked.
Rule 2: only what comes of the event is shown: what has fallen due by itself by then is done first, and is not put down to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pathways.engine import State, events
from pathways.engine.commands import CloseTask, OpenTask, Reason, RequestReferral, RequestRefill, SendMessage
from pathways.engine.contacts import cannot_text
from pathways.engine.events import AnyEvent, Value
from pathways.engine.plan import Plan, Text
from pathways.engine.refold import may_concern_the_past, news_of_the_past, refold
from pathways.engine.turn import Turn
from pathways.forecast.bookings import FindDay, Taken, WorkingDay, booked, steps, working_day

#: The reasons that a decision table leaves.
_ANSWERED = frozenset({"decided", "readings_missing", "home_reading", "tag_at_enrolment"})


@dataclass(frozen=True, slots=True)
class TagMove:
    """The risk tag on one pathway, which may stay as it is."""

    pathway: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class DueMove:
    """The day on which a service is due, and the day kept for it; None where it is not on the plan."""

    pathway: str
    service: str
    before: date | None
    after: date | None
    booked: date | None


@dataclass(frozen=True, slots=True)
class RowDecided:
    """A row that answers, with what it read and missed. ``row`` is empty where no row could tell."""

    pathway: str
    row: str
    decision: str
    because: Text
    inputs: Mapping[str, Value]
    missing: tuple[str, ...]
    cites: str


@dataclass(frozen=True, slots=True)
class Message:
    """A text: ``templates`` by name, ``when`` it goes out (aware, UTC)."""

    to: str
    templates: tuple[str, ...]
    when: datetime
    urgent: bool


@dataclass(frozen=True, slots=True)
class TaskOpened:
    """Work that the event would bring. ``due``: the last day, in the patient's time zone."""

    kind: str
    by: str
    due: date
    pathway: str
    service: str
    urgent: bool
    collects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """Open work that the event would end. ``key``: the task's own; ``why`` is a code."""

    key: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class ReferralAsked:
    """A referral. ``waits``: a clinician decides first, until ``confirm_by``."""

    pathway: str
    to: str
    urgency: str
    row: str
    waits: bool
    confirm_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefillAsked:
    """A pharmacy would be asked for ``medicine``. ``runs_out``: the first day without."""

    medicine: str
    runs_out: date
    attempt: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What recording an event would decide. ``reasons``: all that would be put down, with what was held back."""

    life_before: str
    life_after: str
    tags: tuple[TagMove, ...]
    dues: tuple[DueMove, ...]
    rows: tuple[RowDecided, ...]
    messages: tuple[Message, ...]
    opened: tuple[TaskOpened, ...]
    closed: tuple[TaskEnded, ...]
    referrals: tuple[ReferralAsked, ...]
    refills: tuple[RefillAsked, ...]
    reasons: tuple[Reason, ...]


def preview(
    plan: Plan,
    state: State,
    event: AnyEvent,
    *,
    working_day: WorkingDay = working_day,
    find_day: FindDay | None = None,
    log: Sequence[AnyEvent] = (),
) -> Preview:
    """What recording ``event`` would decide for the patient of ``state``, on the pathways of ``plan``.

    Days for visits are those of ``find_day``, which knows the care team's room; without it, of ``working_day``, and the live
    patient's may differ where the team has no room. Never raises for an odd event: what changes nothing has its reason.
    ``log``: all that was followed before; only with it is news of the past seen to be that.
    """
    before = _brought_up_to(plan, state, event, working_day, find_day)
    if log and may_concern_the_past(before, event) and news_of_the_past(log, event):
        late = refold(plan, before, log, [event], day_for=lambda visit: working_day(visit.earliest, visit.latest))
        answers = booked(plan, late.state, late.commands, event.learnt, working_day=working_day, find_day=find_day)
        taken = (Taken(event, late), *answers)
    else:
        taken = tuple(steps(plan, before, event, working_day=working_day, find_day=find_day))
    after = taken[-1].outcome.state
    reasons = tuple(reason for one in taken for reason in one.outcome.reasons)
    commands = [command for one in taken for command in one.outcome.commands]
    opened = [command for command in commands if isinstance(command, OpenTask)]
    return Preview(
        life_before=before.life,
        life_after=after.life,
        tags=tuple(_tags(before, after)),
        dues=tuple(_dues(before, after)),
        rows=tuple(_row(reason) for reason in reasons if reason.code in _ANSWERED),
        messages=(*_sent(taken), *_waiting(plan, before, after)),
        opened=tuple(
            TaskOpened(c.kind, c.by, c.due, c.pathway, c.service, c.urgent, c.collects) for c in opened if c.key in after.tasks
        ),
        closed=tuple(_closed(before, after, commands)),
        referrals=tuple(_referrals(plan, before, after, commands)),
        refills=tuple(RefillAsked(c.medicine, c.runs_out, c.attempt) for c in commands if isinstance(c, RequestRefill)),
        reasons=reasons,
    )


def _brought_up_to(plan: Plan, state: State, event: AnyEvent, working_day: WorkingDay, find_day: FindDay | None) -> State:
    """The patient as they are when it happens, with all done that has fallen due by then."""
    happened = min(event.at, event.learnt)
    if state.clock is None or happened <= state.clock:
        return state
    passed = events.DueReached(id=f"{event.id}/before", at=happened, learnt=happened)
    return tuple(steps(plan, state, passed, working_day=working_day, find_day=find_day))[-1].outcome.state


def _tags(before: State, after: State) -> Iterable[TagMove]:
    for name in dict.fromkeys((*before.courses, *after.courses)):
        was, is_ = before.courses.get(name), after.courses.get(name)
        yield TagMove(name, was.tag if was else None, is_.tag if is_ else None)


def _dues(before: State, after: State) -> Iterable[DueMove]:
    was = {(name, service): one for name, course in before.courses.items() for service, one in course.services.items()}
    is_ = {(name, service): one for name, course in after.courses.items() for service, one in course.services.items()}
    for pathway, service in dict.fromkeys((*was, *is_)):
        old, new = was.get((pathway, service)), is_.get((pathway, service))
        yield DueMove(pathway, service, old.due if old else None, new.due if new else None, new.booked if new else None)


def _row(reason: Reason) -> RowDecided:
    return RowDecided(
        reason.pathway, reason.row, reason.decision, dict(reason.because), dict(reason.inputs), reason.missing, reason.cites
    )


def _sent(taken: Iterable[Taken]) -> Iterable[Message]:
    for one in taken:
        said = {reason.key: reason.at for reason in one.outcome.reasons if reason.key}
        for command in one.outcome.commands:
            if isinstance(command, SendMessage):
                templates = tuple(part.template for part in command.parts)
                yield Message(command.to, templates, said.get(command.key, one.event.learnt), command.urgent)


def _waiting(plan: Plan, before: State, after: State) -> Iterable[Message]:
    """What waits for a decent hour; who cannot be texted then is called instead, and no text is promised."""
    if after.clock is None or cannot_text(Turn(plan, after, after.clock)):
        return
    known = {waiting.key for waiting in before.waiting}
    for waiting in after.waiting:
        if waiting.key not in known:
            yield Message("patient" if after.phone else "carer", (waiting.template,), waiting.at, urgent=False)


def _closed(before: State, after: State, commands: Iterable[object]) -> Iterable[TaskEnded]:
    whys = {command.key: command.why for command in commands if isinstance(command, CloseTask)}
    for key, task in before.tasks.items():
        if key not in after.tasks:
            yield TaskEnded(key, task.kind, whys.get(key, "done"))


def _referrals(plan: Plan, before: State, after: State, commands: Iterable[object]) -> Iterable[ReferralAsked]:
    for command in commands:
        if isinstance(command, RequestReferral):
            yield ReferralAsked(command.pathway, command.to, command.urgency, command.row, waits=False)
    for key, referral in after.referrals.items():
        if referral.stage == "to_confirm" and key not in before.referrals:
            pathway = plan.pathways.get(referral.pathway)
            service = pathway.services.get(referral.service) if pathway else None
            to = service.to if service else "hospital"
            yield ReferralAsked(referral.pathway, to, referral.urgency, referral.row, waits=True, confirm_by=referral.confirm_by)
