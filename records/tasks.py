"""Tasks: what people of a care team are asked to do.

Rule 1: a list is by the day a task was due when it was opened, which never changes: no page skips or repeats while tasks are
        finished and put off under its reader.
Rule 2: every edit counts the version up; who edits holds the task's row, so that of two at once the second sees the first's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, literal, or_, select, tuple_, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from records.fixed import code, number
from records.pages import BadCursor, Page, behind, cursor
from records.scope import Scope
from records.tables import Account, ApiKey, Patient, TaskRow
from records.vault import PersonVault

RED_FIRST = case(
    (code("red"), number(0)), (code("yellow"), number(1)), (code("green"), number(2)), value=Patient.tag, else_=number(1)
)  # fmt: skip
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks a list holds; None where it does not matter. ``claimed_by``: a caller's id, or NOBODY.

    ``due_before`` and ``due_until``: due on an earlier day than this, or up to this day.
    """

    status: str | None = "open"
    kind: str | None = None
    by: str | None = None
    team: str | None = None
    claimed_by: str | None = None
    due_before: date | None = None
    due_until: date | None = None


@dataclass(frozen=True, slots=True)
class Brief:
    """Of a task's row, what the day's list shows."""

    patient_id: str
    key: str
    kind: str
    by: str
    pathway: str
    service: str
    about: str | None
    urgent: bool
    due: date
    claimed_by: str | None
    postponed_to: date | None
    sealed: bytes | None

    @classmethod
    def columns(cls) -> tuple[InstrumentedAttribute[Any], ...]:
        """What it is read from, in its order."""
        return tuple(getattr(TaskRow, one.name) for one in fields(cls))


@dataclass(frozen=True)
class Tasks:
    """Tasks of one transaction."""

    session: AsyncSession

    async def page(self, scope: Scope, wanted: Wanted, *, limit: int, after: str | None = None) -> Page[TaskRow]:
        """Tasks by the day they are due. Raises BadCursor."""
        query = scope.of_teams(select(TaskRow), TaskRow.care_team_id).order_by(TaskRow.due, TaskRow.patient_id, TaskRow.key)
        for column, value in (
            (TaskRow.status, wanted.status),
            (TaskRow.kind, wanted.kind),
            (TaskRow.by, wanted.by),
            (TaskRow.care_team_id, wanted.team),
        ):
            if value is not None:
                query = query.where(column == value)
        if wanted.claimed_by is not None:
            query = query.where(TaskRow.claimed_by == wanted.claimed_by if wanted.claimed_by else TaskRow.claimed_by.is_(None))
        if wanted.due_before is not None:
            query = query.where(TaskRow.due < wanted.due_before)
        if wanted.due_until is not None:
            query = query.where(TaskRow.due <= wanted.due_until)
        key = behind(after, 3)
        if key is not None:
            try:
                last = tuple_(literal(date.fromisoformat(key[0])), literal(key[1]), literal(key[2]))
            except ValueError:
                raise BadCursor("this cursor belongs to another list") from None
            query = query.where(tuple_(TaskRow.due, TaskRow.patient_id, TaskRow.key) > last)
        found = list(await self.session.scalars(query.limit(limit + 1)))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].due.isoformat(), shown[-1].patient_id, shown[-1].key) if len(found) > limit else None)

    async def of(self, patient_id: str) -> Sequence[TaskRow]:
        """The open tasks of one patient, by the day they are due."""
        open_ = select(TaskRow).where(TaskRow.patient_id == patient_id, TaskRow.status == "open")
        return list(await self.session.scalars(open_.order_by(TaskRow.due, TaskRow.key)))

    async def one(self, scope: Scope, patient_id: str, key: str, *, hold: bool = False) -> TaskRow | None:
        """The task, if the caller may see it; held against everybody else's edit where asked."""
        task = await self.session.get(TaskRow, (patient_id, key), with_for_update=hold or None)
        return task if task is not None and scope.covers_team(task.care_team_id) else None

    async def hand_to(self, team: str, *, patient_id: str, at: datetime) -> None:
        """The open tasks of a patient who has moved are the new team's; nobody there has claimed them."""
        of_patient = update(TaskRow).where(TaskRow.patient_id == patient_id, TaskRow.status == "open")
        await self.session.execute(of_patient.values(care_team_id=team, claimed_by=None, changed=at, version=TaskRow.version + 1))

    async def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """What the keys and accounts with these ids are called."""
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        keys = select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(wanted))
        people = select(Account.id, case((Account.name != "", Account.name), else_=Account.login)).where(Account.id.in_(wanted))
        return {row[0]: row[1] for row in await self.session.execute(union_all(keys, people))}


def ready(on: date, *, ahead: date) -> Any:
    """The condition that an open task is on the list of day ``on``: due up to ``ahead``, or put off until then."""
    return or_(
        TaskRow.postponed_to.is_(None) & (TaskRow.due <= ahead),
        TaskRow.postponed_to <= on,
    )


def edited(task: TaskRow, *, at: datetime) -> None:
    """The task was changed: whoever read it before has read something else."""
    task.version, task.changed = task.version + 1, at


def finish(task: TaskRow, outcome: str, *, at: datetime) -> None:
    """Somebody did it."""
    task.status, task.outcome, task.closed = "done", outcome, at
    edited(task, at=at)


def not_needed(task: TaskRow, why: str, *, at: datetime) -> None:
    """Nobody needs to do it any more."""
    task.status, task.outcome, task.closed = "not_needed", why, at
    edited(task, at=at)


def sealed_in(task: TaskRow | Brief, person: PersonVault) -> dict[str, Any]:
    """What is sealed of a task. ``collects``: names of readings; ``history``: what people did with it, oldest first."""
    kept: dict[str, Any] = {} if task.sealed is None else person.open(_place(task), task.sealed)
    return {"collects": kept.get("collects", []), "history": kept.get("history", [])}


def note(task: TaskRow, person: PersonVault, **what: str | None) -> None:
    """Add to the task's history, sealed: ``what`` was done, ``who`` did it (an id), ``at``, and more words by name."""
    kept = sealed_in(task, person)
    kept["history"].append({name: value for name, value in what.items() if value is not None})
    task.sealed = person.seal(_place(task), kept)


def _place(task: TaskRow | Brief) -> str:
    return f"task/{task.key}"
