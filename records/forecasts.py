"""Forecasts that were asked for, and the enrolled population they are made from.

Rule 1: a snapshot is opened with its person's own key and handed on without a name; nothing of it is stored.
Rule 2: a forecast that runs is held by a lease; where that has run out, whoever made it is gone, and it is said.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.plan import ContactRules
from pathways.engine.state import SCHEMA
from pathways.forecast.bookings import WorkingDays
from pathways.forecast.sample import BATCHES, Sampled
from records.bookings import working_days
from records.contact_rules import NetworkRules
from records.database import take_turns
from records.pages import Page, cursor, moment_behind
from records.patients import STATE
from records.scope import Scope
from records.tables import (
    CareTeam,
    Enrolment,
    EventRow,
    ForecastRow,
    LeaseRow,
    Moment,
    PathwayVersion,
    Patient,
    PersonKey,
    StepRow,
)
from records.vault import PersonVault, Vault

FOLLOWED = ("active", "paused", "in_hospital")
UNFINISHED = ("waiting", "running")
PAGE = 500
LOOKED_AT = 1000  # forecasts, of which a page shows those that the caller may see
RUNNER_GONE = "Whoever made this forecast has ended before it was done (a restart, or the machine was full). Ask for it again."


@dataclass(frozen=True, slots=True)
class TeamOf:
    """A care team and the ids of its patients on a pathway, in order. ``contact``: the rules by which they are texted."""

    team: str
    capacity: int
    worked: WorkingDays
    patients: Sequence[str]
    contact: ContactRules | None = None


@dataclass(frozen=True)
class Population:
    """Who is enrolled, in one transaction."""

    session: AsyncSession
    vault: Vault

    async def teams(
        self, pathway: str, first: date, last: date, *, only: Collection[str] | None = None, base: ContactRules | None = None
    ) -> list[TeamOf]:
        """Every care team with patients on ``pathway`` who are followed; of ``only``, where that is given.

        ``base``: the rules of contact of a network that wrote none down.
        """
        query = (
            select(Patient.care_team_id, Patient.id)
            .join(Enrolment, Enrolment.patient_id == Patient.id)
            .where(Enrolment.pathway == pathway, Patient.life.in_(FOLLOWED))
            .order_by(Patient.care_team_id, Patient.id)
        )
        if only is not None:
            query = query.where(Patient.care_team_id.in_(sorted(only)))
        patients: dict[str, list[str]] = {}
        for of_team, patient in await self.session.execute(query):
            patients.setdefault(of_team, []).append(patient)
        found: list[TeamOf] = []
        worked: dict[str, WorkingDays] = {}
        contact: dict[str, ContactRules] = {}
        for team in await self.session.scalars(select(CareTeam).where(CareTeam.id.in_(sorted(patients))).order_by(CareTeam.id)):
            if team.organisation_id not in worked:
                worked[team.organisation_id] = await working_days(self.session, team.organisation_id, first, last)
                contact[team.organisation_id] = await NetworkRules(self.session).of(team.organisation_id, base=base)
            at = team.organisation_id
            found.append(TeamOf(team.id, team.capacity, worked[at], patients[team.id], contact[at]))
        return found

    async def versions(self, pathway: str, *, only: Collection[str] | None = None) -> dict[str, int]:
        """How many are on which version of ``pathway``."""
        query = select(Enrolment.version, func.count()).join(Patient, Patient.id == Enrolment.patient_id)
        query = query.where(Enrolment.pathway == pathway, Patient.life.in_(FOLLOWED))
        if only is not None:
            query = query.where(Patient.care_team_id.in_(sorted(only)))
        counted = await self.session.execute(query.group_by(Enrolment.version).order_by(Enrolment.version))
        return {version: count for version, count in counted}

    async def texts(self) -> dict[str, str]:
        """The text of every published version that somebody is on."""
        on = select(Enrolment.version).distinct()
        rows = await self.session.execute(select(PathwayVersion.version, PathwayVersion.text).where(PathwayVersion.version.in_(on)))
        return {version: text for version, text in rows}

    async def sampled(self, ids: Sequence[str]) -> list[Sampled]:
        """These patients, opened, in the order of ``ids``; without those who were forgotten or have taken no step yet."""
        found: dict[str, Sampled] = {}
        for page in _pages(ids):
            found |= await self._page(page)
        return [found[id_] for id_ in ids if id_ in found]

    async def _page(self, ids: Sequence[str]) -> dict[str, Sampled]:
        rows = await self.session.execute(
            select(
                Patient.id,
                Patient.language,
                Patient.state,
                Patient.state_schema,
                Patient.last_step,
                Patient.last_event,
                Patient.taken_event,
                PersonKey.wrapped,
            )
            .join(PersonKey, PersonKey.patient_id == Patient.id)
            .where(Patient.id.in_(ids), Patient.state.is_not(None))
        )
        versions: dict[str, dict[str, str]] = {}
        enrolled = select(Enrolment.patient_id, Enrolment.pathway, Enrolment.version).where(Enrolment.patient_id.in_(ids))
        for patient, pathway, version in await self.session.execute(enrolled):
            versions.setdefault(patient, {})[pathway] = version
        found: dict[str, Sampled] = {}
        for row in rows.all():
            person = self.vault.person(row.id, row.wrapped)
            one = Sampled(row.id, row.language, versions.get(row.id, {}), person.open_bytes(STATE, row.state))
            if row.state_schema != SCHEMA:
                log, last = await self._events(person, 0, row.taken_event), await self.session.get(StepRow, (row.id, row.last_step))
                one = replace(one, log=log, last_step=last.at if last is not None else None)
            if row.last_event > row.taken_event:
                one = replace(one, untaken=await self._events(person, row.taken_event, row.last_event))
            found[row.id] = one
        return found

    async def _events(self, person: PersonVault, after: int, until: int) -> tuple[bytes, ...]:
        query = select(EventRow.seq, EventRow.sealed).where(EventRow.patient_id == person.patient_id)
        rows = await self.session.execute(query.where(EventRow.seq > after, EventRow.seq <= until).order_by(EventRow.seq))
        return tuple(person.open_bytes(f"event/{seq}", sealed) for seq, sealed in rows)


def drawn(teams: Sequence[TeamOf], sample: int, seed: int) -> dict[str, list[str]]:
    """Whom of each team to look at: as many of a hundred from each, and somebody from every team."""
    everybody = sum(len(team.patients) for team in teams)
    if sample >= everybody:
        return {team.team: list(team.patients) for team in teams}
    found: dict[str, list[str]] = {}
    for team in teams:
        most = len(team.patients)
        many = min(most, max(1, round(sample * most / everybody)))
        found[team.team] = random.Random(f"{seed}/{team.team}").sample(list(team.patients), many)
    return found


def in_batches(people: Sequence[Sampled]) -> list[Sampled]:
    """Each in one of the batches, by turns."""
    return [replace(one, batch=n % BATCHES) for n, one in enumerate(people)]


def _pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), PAGE):
        yield ids[begin : begin + PAGE]


@dataclass(frozen=True, slots=True)
class Brief:
    """A forecast without its text and without what it came to; the fields are those of its row."""

    id: str
    pathway: str
    version: str
    asked: Mapping[str, Any]
    by: str
    at: datetime
    status: str
    done: int
    total: int
    problem: str
    ended: datetime | None


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of one transaction."""

    session: AsyncSession

    async def add(self, row: ForecastRow) -> ForecastRow:
        self.session.add(row)
        await self.session.flush()
        return row

    async def one(self, scope: Scope, pathway: str, forecast: str) -> ForecastRow | None:
        """The forecast, if it is about nobody but those whom the caller may see."""
        row = await self.session.get(ForecastRow, forecast, populate_existing=True)
        if row is None or row.pathway != pathway or not covers(scope, row.asked):
            return None
        return row

    async def page(self, scope: Scope, pathway: str, *, limit: int, after: str | None = None) -> Page[Brief]:
        """Forecasts of a pathway that are about nobody but those whom the caller may see, the newest first. Raises BadCursor.

        So that no list reads a whole table, a page looks at ``LOOKED_AT`` of them at the most; it may hold fewer than ``limit``, or
        none, and still have a next one.
        """
        place = tuple_(ForecastRow.at, ForecastRow.id)
        most = limit if scope.whole_network else LOOKED_AT
        query = select(*(getattr(ForecastRow, field) for field in Brief.__slots__)).where(ForecastRow.pathway == pathway)
        query = query.order_by(ForecastRow.at.desc(), ForecastRow.id.desc()).limit(most + 1)
        last = moment_behind(after)
        if last is not None:
            query = query.where(place < tuple_(literal(last[0], Moment()), literal(last[1])))
        found = [Brief(*row) for row in await self.session.execute(query)]
        mine = [(n, one) for n, one in enumerate(found[:most]) if covers(scope, one.asked)]
        shown = [one for _, one in mine[:limit]]
        looked_at = mine[limit - 1][0] + 1 if len(mine) >= limit else min(most, len(found))
        seen = found[looked_at - 1] if looked_at < len(found) else None
        return Page(shown, cursor(seen.at.isoformat(), seen.id) if seen is not None else None)

    async def take_turns(self) -> None:
        """Whoever asks for a forecast at the same moment waits for this transaction to end, so that the bound on them holds."""
        await take_turns(self.session, "forecasts")

    async def unfinished(self) -> list[str]:
        """The ids of those that wait or run."""
        return list(await self.session.scalars(select(ForecastRow.id).where(ForecastRow.status.in_(UNFINISHED))))

    async def left_behind(self, now: datetime) -> list[str]:
        """The ids of those that wait or run while nobody holds their lease at ``now``, the machine's time."""
        unfinished = await self.unfinished()
        if not unfinished:
            return []
        names = {lease_name(forecast): forecast for forecast in unfinished}
        held = select(LeaseRow.name).where(LeaseRow.name.in_(sorted(names)), LeaseRow.until > now)
        return sorted(set(unfinished) - {names[name] for name in await self.session.scalars(held)})

    async def change(self, forecast: str, **what: Any) -> bool:
        """Put down how far it is, or what it came to; one that has ended stays as it is, and the answer is False."""
        unfinished = update(ForecastRow).where(ForecastRow.id == forecast, ForecastRow.status.in_(UNFINISHED))
        unfinished = unfinished.values(**what).returning(ForecastRow.id).execution_options(synchronize_session=False)
        return (await self.session.scalars(unfinished)).first() is not None

    async def failed(self, forecast: str, problem: str, *, at: datetime) -> None:
        """It will not be done; ``problem`` says why and what to do."""
        await self.change(forecast, status="failed", problem=problem[:500], ended=at)


def lease_name(forecast: str) -> str:
    """The lease of whoever makes it."""
    return f"forecast/{forecast}"


def covers(scope: Scope, asked: Mapping[str, Any]) -> bool:
    """Whether a forecast for which this was asked is about nobody but the caller's patients."""
    teams = asked.get("teams")
    return scope.whole_network or (teams is not None and all(scope.covers_team(str(team)) for team in teams))
