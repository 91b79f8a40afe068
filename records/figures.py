"""Counts by care team, made once in a while so that no page counts a city; a page adds up the teams it may see.

Rule: a count reads each table once and by its index; what is done and over is counted only as far back as it is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from pathways.engine.state import ENDED
from records.bookings import working_days
from records.scope import Scope
from records.tables import (
    CareTeam,
    Delivery,
    Enrolment,
    EventRow,
    Figures,
    Patient,
    ReferralRow,
    RefillRow,
    TaskRow,
    Traffic,
    WorkAhead,
)

ACTIVE = "active"
LATELY = timedelta(days=30)
DONE = ("visit_completed", "call_made", "answer_received", "dispensed")
HANGING = ("planned", "attempting", "unknown")
LOST_AFTER = timedelta(days=60)
"""Overdue by more than this is lost to follow-up (product)."""

SEEN_LATELY = timedelta(days=365)
AHEAD = 8
"""Weeks ahead in which due follow-ups are counted."""

LOAD_WEEKS = 12
"""Weeks ahead whose work is counted by the forecast."""

LOAD_KINDS = ("visit", "screening", "call", "task")

CLOSING = timedelta(days=90)
"""How far back referrals are followed to their end."""

#: How a referral ends, as the share of closed loops counts it; any other stage is still open.
ENDS: Mapping[str, tuple[str, ...]] = {
    "evidence": ("completed", "sent_back"),
    "without": ("refused", "nowhere"),
}
TAKEN_BACK = ("cancelled", "aborted")

TEXTS = ("due", "handed", "arrived", "unknown", "failed", "lost", "dropped")

FAILING: Mapping[str, ColumnElement[bool]] = {
    "unknown": Delivery.status == "unknown",
    "failed": Delivery.status == "failed",
    "lost": and_(Delivery.status == "handed", Delivery.arrived == "undelivered"),
}
"""Texts that did not arrive, as far as anybody knows."""


def follow_up_is(code: str, today: date) -> ColumnElement[bool]:
    """Of somebody in care: ``on_time``, ``overdue``, ``lost``, or ``none`` where no follow-up is due."""
    due = Patient.follow_up_due
    match code:
        case "on_time":
            return due >= today
        case "overdue":
            return and_(due < today, due >= today - LOST_AFTER)
        case "lost":
            return due < today - LOST_AFTER
    return due.is_(None)


def seen_is(code: str, today: date) -> ColumnElement[bool]:
    """Of somebody in care: a visit ``lately`` (within a year), ``long_ago``, or ``never``."""
    match code:
        case "lately":
            return Patient.last_visit >= today - SEEN_LATELY
        case "long_ago":
            return Patient.last_visit < today - SEEN_LATELY
    return Patient.last_visit.is_(None)


def in_week(week: int, today: date) -> ColumnElement[bool]:
    """Whether a follow-up is due in the week that begins ``week`` weeks from today."""
    begins = today + timedelta(weeks=week)
    return and_(Patient.follow_up_due >= begins, Patient.follow_up_due < begins + timedelta(weeks=1))


def load_in(week: int, today: date, *, until: int | None = None) -> ColumnElement[bool]:
    """Work that the forecast sees in the week that begins ``week`` weeks from today, or from it to the week ``until``."""
    begins, last = today + timedelta(weeks=week), today + timedelta(weeks=week if until is None else until)
    return and_(WorkAhead.day >= begins, WorkAhead.day < last + timedelta(weeks=1))


@dataclass(frozen=True)
class TeamFigures:
    """Makes the figures of every care team, within one transaction.

    A team's ``body`` holds mappings of code to count: patients_by_life, patients_by_tag and patients_by_reach (those in care),
    open_tasks (by kind), overdue_tasks (by kind), referrals and refills (by stage), messages (waiting or unknown, by status),
    done (events of the last thirty days, by kind), follow_up (of those in care: on_time, overdue, lost, none), seen (lately,
    long_ago, never), ahead (follow-ups due, by weeks from today), referrals_lately (asked in the last ninety days, by stage), texts
    (of the last thirty days: due, arrived, handed, unknown, failed, lost, dropped), followers (in care, by ``pathway version``),
    load (work that the forecast sees, by ``kind.week`` from today), room (visits that the team has room for, by weeks from today).
    """

    session: AsyncSession
    now: datetime
    _found: dict[str, dict[str, dict[str, int]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)), repr=False)

    async def make(self) -> Mapping[str, Mapping[str, Mapping[str, int]]]:
        """Figures by care team, then by name, then by code."""
        for what, column in (("life", Patient.life), ("tag", Patient.tag), ("reach", Patient.reach)):
            query = select(Patient.care_team_id, column, func.count()).group_by(Patient.care_team_id, column)
            await self._add(f"patients_by_{what}", query if what == "life" else query.where(Patient.life == ACTIVE))
        tasks = select(TaskRow.care_team_id, TaskRow.kind, func.count()).where(TaskRow.status == "open")
        tasks = tasks.group_by(TaskRow.care_team_id, TaskRow.kind)
        await self._add("open_tasks", tasks)
        await self._add("overdue_tasks", tasks.where(TaskRow.due < self.now.date()))
        await self._add("referrals", _of_patients(ReferralRow.stage, ReferralRow.patient_id))
        await self._add("refills", _of_patients(RefillRow.stage, RefillRow.patient_id))
        hanging = _of_patients(Delivery.status, Delivery.patient_id)
        await self._add("messages", hanging.where(Delivery.kind == "message", Delivery.status.in_(HANGING)))
        done = _of_patients(EventRow.kind, EventRow.patient_id)
        await self._add("done", done.where(EventRow.kind.in_(DONE), EventRow.at >= self.now - LATELY))
        await self._follow_ups(self.now.date())
        lately = _of_patients(ReferralRow.stage, ReferralRow.patient_id)
        await self._add("referrals_lately", lately.where(ReferralRow.asked >= self.now - CLOSING))
        await self._texts()
        await self._add("followers", _followers())
        await self._load(self.now.date())
        return self._found

    async def _follow_ups(self, today: date) -> None:
        def by(codes: Mapping[str, ColumnElement[bool]]) -> Select[*tuple[Any, ...]]:
            code = case(*((is_so, name) for name, is_so in codes.items()), else_="later")
            query = select(Patient.care_team_id, code, func.count()).where(Patient.life == ACTIVE)
            return query.group_by(Patient.care_team_id, code)

        await self._add("follow_up", by({name: follow_up_is(name, today) for name in ("on_time", "overdue", "lost", "none")}))
        await self._add("seen", by({name: seen_is(name, today) for name in ("lately", "long_ago", "never")}))
        await self._add("ahead", by({str(week): in_week(week, today) for week in range(AHEAD)}))

    async def _load(self, today: date) -> None:
        week = case(*((load_in(week, today), str(week)) for week in range(LOAD_WEEKS)), else_="later")
        ahead = (WorkAhead.day >= today, WorkAhead.day < today + timedelta(weeks=LOAD_WEEKS))
        code = WorkAhead.kind + "." + week
        await self._room(today)
        await self._add(
            "load", select(WorkAhead.care_team_id, code, func.count()).where(*ahead).group_by(WorkAhead.care_team_id, code)
        )

    async def _room(self, today: date) -> None:
        weeks = [[today + timedelta(weeks=week, days=day) for day in range(7)] for week in range(LOAD_WEEKS)]
        worked: dict[str, list[int]] = {}
        for team in await self.session.scalars(select(CareTeam).order_by(CareTeam.id)):
            at = team.organisation_id
            if at not in worked:
                days = await working_days(self.session, at, weeks[0][0], weeks[-1][-1])
                worked[at] = [len(days.among(week)) for week in weeks]
            self._found[team.id]["room"] = {str(week): team.capacity * days for week, days in enumerate(worked[at])}

    async def _texts(self) -> None:
        columns = [getattr(Traffic, name) for name in TEXTS]
        query = select(Traffic.care_team_id, *(func.sum(column) for column in columns)).where(Traffic.hour >= self.now - LATELY)
        for team, *sums in await self.session.execute(query.group_by(Traffic.care_team_id)):
            self._found[team]["texts"] = dict(zip(TEXTS, (int(one or 0) for one in sums), strict=True))

    async def _add(self, name: str, query: Select[*tuple[Any, ...]]) -> None:
        for team, code, count in await self.session.execute(query):
            self._found[team][name][str(code or "none")] = count


def _of_patients(column: InstrumentedAttribute[str], patient: InstrumentedAttribute[str]) -> Select[*tuple[Any, ...]]:
    query = select(Patient.care_team_id, column, func.count()).join(Patient, Patient.id == patient)
    return query.group_by(Patient.care_team_id, column)


def _followers() -> Select[*tuple[Any, ...]]:
    on_it = Enrolment.pathway + " " + Enrolment.version
    query = select(Patient.care_team_id, on_it, func.count()).join(Patient, Patient.id == Enrolment.patient_id)
    return query.where(Patient.life.not_in(sorted(ENDED))).group_by(Patient.care_team_id, Enrolment.pathway, Enrolment.version)


async def keep(session: AsyncSession, made: Mapping[str, Mapping[str, Mapping[str, int]]], *, now: datetime) -> int:
    """Replace every team's figures; answers how many teams there are."""
    teams = list(await session.scalars(select(CareTeam.id).order_by(CareTeam.id)))
    await session.execute(delete(Figures))
    if teams:
        await session.execute(insert(Figures), [{"place": team, "at": now, "body": made.get(team, {})} for team in teams])
    return len(teams)


_FOLLOWERS = select(Figures.body["followers"])


async def followers(session: AsyncSession, scope: Scope) -> dict[str, dict[str, int]]:
    """By pathway, then by version: how many of the caller's patients in care are on it, as housekeeping counted them last."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for on_each in await session.scalars(scope.of_teams(_FOLLOWERS, Figures.place)):
        for on_it, count in (on_each or {}).items():
            pathway, _, version = on_it.partition(" ")
            found[pathway][version] += count
    return found
