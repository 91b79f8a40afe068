"""A day's list as the pages show it: a line a person, what is to be done for them, and why, most pressing first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from api.showing.patients import Showing, name_of
from api.showing.tasks import why_of
from api.showing.words import word
from api.showing.worklist import expected_on
from records.daylist import GROUPS, Done, Held, Line
from records.patients import Profile, Stated, profile_in
from records.tasks import Brief, Tasks


@dataclass(frozen=True, slots=True)
class Job:
    """A visit (without ``key``) or a task. ``why``: in one line; ``overdue``: days; ``claimer``: id and name of who has it.

    ``examines``: a test or an examination, which is recorded with its visit.
    """

    why: str
    due: date
    overdue: int = 0
    key: str = ""
    kind: str = ""
    by: str = ""
    urgent: bool = False
    put_off: date | None = None
    claimer: tuple[str, str] | None = None
    examines: bool = False

    @property
    def is_visit(self) -> bool:
        return not self.key


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with what is to be done for them. ``name``: None for somebody who was forgotten; ``phone``: of who is expected."""

    line: Line
    id: str
    name: str | None
    tag: str | None
    phone: str | None
    confirmed: bool
    jobs: Sequence[Job]


async def show_day(showing: Showing, held: Sequence[Held], *, on: date) -> list[Person]:
    """In their order."""
    vaults = {
        line.patient_id: None if line.wrapped is None else showing.vault.person(line.patient_id, line.wrapped)
        for line in (one.line for one in held)
    }
    showing.holds(vaults, {one.line.patient_id: list(one.line.pinned) for one in held})
    claimers = [task.claimed_by for one in held for _, task in one.tasks if task.claimed_by is not None]
    names = await Tasks(showing.session).names(claimers)
    shown = [await _person(showing, one, names, on) for one in held]
    return [person for person in shown if person.jobs]


@dataclass(frozen=True, slots=True)
class Settled:
    """What was done for somebody. ``what``: the tasks that were finished, in words."""

    id: str
    name: str | None
    tag: str | None
    seen: bool
    what: Sequence[str]


def show_done(showing: Showing, done: Sequence[Done]) -> list[Settled]:
    """By name."""
    shown = []
    for one in done:
        patient = one.patient
        person = None if one.wrapped is None else showing.vault.person(patient.id, one.wrapped)
        name = None if person is None else name_of(profile_in(patient, person))
        what = tuple(dict.fromkeys(word("tasks", task.kind, showing.language) for task in one.tasks))
        shown.append(Settled(patient.id, name, patient.tag, one.seen, what))
    return sorted(shown, key=lambda one: (one.name or "", one.id))


async def _person(showing: Showing, held: Held, names: Mapping[str, str], on: date) -> Person:
    patient = held.patient
    vault = await showing.vault_of(patient.id)
    profile = None if vault is None else profile_in(patient, vault)
    jobs = [await _job(showing, task, patient, profile, names, on) for _, task in held.tasks]
    confirmed = False
    if held.line.visit:
        visit = await expected_on(showing, patient, on)
        confirmed = visit.confirmed
        before = GROUPS.index("red" if patient.tag == "red" else "overdue" if visit.overdue else "today")
        place = sum(GROUPS.index(group) < before for group, _ in held.tasks)  # of what presses as much, the visit comes first
        jobs.insert(place, Job(visit.why, on, visit.overdue))
    phone = profile.phone if held.line.visit and profile is not None else None
    return Person(held.line, patient.id, name_of(profile), patient.tag, phone, confirmed, jobs)


async def _job(showing: Showing, task: Brief, patient: Stated, profile: Profile | None, names: Mapping[str, str], on: date) -> Job:
    who = task.claimed_by
    return Job(
        await why_of(showing, task, patient, profile),
        task.due,
        max(0, (on - task.due).days),
        task.key,
        task.kind,
        task.by,
        task.urgent,
        task.postponed_to,
        None if who is None else (who, names.get(who, who)),
        task.kind == task.service,
    )
