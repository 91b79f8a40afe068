"""The numbers a supervisor looks at, added up from what housekeeping has counted of each care team, and whom they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import now_of
from api.models.overview import CountedOut, CountedPage, OverviewOut, Shares, TeamNumbersOut, TeamNumbersPage
from api.parts import ApiParts
from api.problems import not_found, unusable
from api.showing.patients import name_of
from records.behind import FIGURES as BEHIND
from records.behind import Counted, NoSuchNumber, PeopleBehind
from records.database import KEPT
from records.figures import AHEAD, ENDS, LATELY, LOAD_KINDS, LOAD_WEEKS, TAKEN_BACK
from records.pages import behind, cursor
from records.patients import profile_in
from records.scope import Scope, of_teams
from records.tables import CareTeam, Figures
from records.vault import Vault

DUE = ("on_time", "overdue", "lost")  # follow-ups

COUNTED: Select[*tuple[Any, ...]] = select(Figures.at, Figures.body)
NAMED: Select[*tuple[Any, ...]] = (
    select(Figures.place, Figures.at, Figures.body, CareTeam.name)
    .join(CareTeam, CareTeam.id == Figures.place)
    .order_by(Figures.place)
)


VERSION: Select[*tuple[Any, ...]] = select(func.min(Figures.at), func.max(Figures.at), func.count())
MOST_KEPT = 32  # scopes


@dataclass(frozen=True, slots=True)
class _Counted:
    """``teams``: those furthest behind first, each behind what it is ordered by."""

    version: tuple[Any, ...] | None
    together: OverviewOut
    teams: Sequence[tuple[str, str, Row[*tuple[Any, ...]]]]


async def overview(session: AsyncSession, parts: ApiParts, scope: Scope, *, team: str | None = None) -> OverviewOut:
    """The counts. Raises Problem 404."""
    query = scope.of_teams(COUNTED, Figures.place)
    if team is not None:
        await _theirs(session, scope, team)
        query = query.where(Figures.place == team)
    figures = (await session.execute(query)).all()
    now = await now_of(parts, session)
    as_of = min((one.at for one in figures), default=None)
    return added_up([one.body for one in figures], now=now, as_of=as_of)


async def by_team(session: AsyncSession, parts: ApiParts, scope: Scope, *, limit: int, after: str | None) -> TeamNumbersPage:
    """Each team's, by id. Raises BadCursor."""
    query = scope.of_teams(NAMED.limit(limit + 1), Figures.place)
    key = behind(after, 1)
    if key is not None:
        query = query.where(Figures.place > key[0])
    found = (await session.execute(query)).all()
    return _page(found, await now_of(parts, session), limit)


def _page(found: Sequence[Row[*tuple[Any, ...]]], now: datetime, limit: int) -> TeamNumbersPage:
    shown = _each(found[:limit], now)
    return TeamNumbersPage(items=shown, next=cursor(shown[-1].team) if len(found) > limit else None)


def _each(found: Sequence[Row[*tuple[Any, ...]]], now: datetime) -> list[TeamNumbersOut]:
    return [TeamNumbersOut(team=one.place, name=one.name, numbers=added_up([one.body], now=now, as_of=one.at)) for one in found]


async def of_all_and_each(
    session: AsyncSession, parts: ApiParts, scope: Scope, *, limit: int, after: str | None
) -> tuple[OverviewOut, TeamNumbersPage]:
    """``overview`` and the teams that are furthest behind with their follow-ups, of one reading. Raises BadCursor."""
    now = await now_of(parts, session)
    counted = await _counted_last(session, parts, scope, now)
    ordered, key = counted.teams, behind(after, 2)
    if key is not None:
        ordered = [one for one in ordered if one[:2] > (key[0], key[1])]
    each = _each([one for _, _, one in ordered[:limit]], now)
    following = cursor(*ordered[limit - 1][:2]) if len(ordered) > limit else None
    return counted.together.model_copy(update={"now": now}), TeamNumbersPage(items=each, next=following)


async def _counted_last(session: AsyncSession, parts: ApiParts, scope: Scope, now: datetime) -> _Counted:
    """What housekeeping counted stays as it is until it counts again: it is added up once, and not for each reader.

    Where time is driven two counts may be of one moment; there it is added up each time.
    """
    driven = await parts.clock.is_driven(session)
    version = None if driven else tuple((await session.execute(scope.of_teams(VERSION, Figures.place))).one())
    kept: dict[Scope, _Counted] = session.info.get(KEPT, {}).setdefault("added_up", {})
    if version is not None and scope in kept and kept[scope].version == version:
        return kept[scope]
    found = (await session.execute(scope.of_teams(NAMED, Figures.place))).all()
    together = added_up([one.body for one in found], now=now, as_of=min((one.at for one in found), default=None))
    counted = _Counted(version, together, sorted((_on_time(one.body), one.place, one) for one in found))
    if version is not None and found:
        if len(kept) >= MOST_KEPT:
            kept.clear()
        kept[scope] = counted
    return counted


def _on_time(body: Mapping[str, Any]) -> str:
    """The share of people who are not overdue, as teams are ordered and a cursor is written; who has nobody comes last."""
    counts = body.get("follow_up", {})
    share = _share(counts.get("on_time", 0), sum(counts.get(name, 0) for name in DUE))
    return "none" if share is None else f"{share:.4f}"


async def people_behind(
    session: AsyncSession, parts: ApiParts, scope: Scope, number: str, *, team: str | None, limit: int, after: str | None
) -> CountedPage:
    """Whom a number counts: of the day on which it was counted. Raises Problem 404, 422, and BadCursor."""
    if team is not None:
        await _theirs(session, scope, team)
        scope = of_teams(scope.role, [team])
    try:
        page = await PeopleBehind(session, await _counted(session, parts, scope)).page(scope, number, limit=limit, after=after)
    except NoSuchNumber:
        known = ", ".join(f"{figure}:..." for figure in BEHIND)
        raise unusable("of", "there is no such number", f"name one of {known}") from None
    return CountedPage(
        items=[
            CountedOut(
                patient=one.patient.id,
                name=_name(parts.vault, one),
                tag=one.patient.tag,
                care_team=one.patient.care_team_id,
                since=one.since,
                follow_up_due=one.patient.follow_up_due,
                last_visit=one.patient.last_visit,
                reach=one.patient.reach,
            )
            for one in page.items
        ],
        next=page.next,
    )


def _name(vault: Vault, one: Counted) -> str | None:
    if one.wrapped is None:
        return None
    return name_of(profile_in(one.patient, vault.person(one.patient.id, one.wrapped)))


async def counted_on(session: AsyncSession, parts: ApiParts, scope: Scope) -> date:
    """The day (UTC) by which the caller's numbers were counted; today, where nothing has been."""
    return (await _counted(session, parts, scope)).date()


async def _counted(session: AsyncSession, parts: ApiParts, scope: Scope) -> datetime:
    counted = await session.scalar(scope.of_teams(select(Figures.at), Figures.place).order_by(Figures.at).limit(1))
    return counted or await now_of(parts, session)


async def _theirs(session: AsyncSession, scope: Scope, team: str) -> None:
    if not scope.covers_team(team) or await session.get(CareTeam, team) is None:
        raise not_found()


def added_up(bodies: Sequence[Mapping[str, Any]], *, now: datetime, as_of: datetime | None) -> OverviewOut:
    """Several teams' figures as one."""
    sums = dict[str, dict[str, int]]()
    for body in bodies:
        for name, counts in body.items():
            sum_ = sums.setdefault(name, {})
            for code, count in counts.items():
                sum_[code] = sum_.get(code, 0) + count

    def of(name: str) -> dict[str, int]:
        return dict(sorted(sums.get(name, {}).items()))

    done, ahead, load, room, follow_up, seen = of("done"), of("ahead"), of("load"), of("room"), of("follow_up"), of("seen")
    tags, texts, referrals = of("patients_by_tag"), of("texts"), of("referrals_lately")
    since: date = ((as_of or now) - LATELY).date()
    return OverviewOut(
        now=now,
        as_of=as_of,
        teams=len(bodies),
        patients_by_tag=tags,
        patients_by_life=of("patients_by_life"),
        patients_by_reach=of("patients_by_reach"),
        open_tasks=of("open_tasks"),
        overdue_tasks=sum(of("overdue_tasks").values()),
        referrals=of("referrals"),
        refills=of("refills"),
        messages=of("messages"),
        since=since,
        visits_done=done.get("visit_completed", 0),
        calls_made=done.get("call_made", 0),
        answers_received=done.get("answer_received", 0),
        dispensed=done.get("dispensed", 0),
        follow_up=follow_up,
        seen=seen,
        ahead=[ahead.get(str(week), 0) for week in range(AHEAD)],
        texts=texts,
        referrals_asked=_asked(referrals),
        load={kind: [load.get(f"{kind}.{week}", 0) for week in range(LOAD_WEEKS)] for kind in LOAD_KINDS},
        room=[room.get(str(week), 0) for week in range(LOAD_WEEKS)],
        shares=_shares(seen, follow_up, tags, referrals, texts),
    )


def _asked(stages: Mapping[str, int]) -> dict[str, int]:
    """Referrals by how they stand: closed on evidence, ended without, still open; those that were taken back count nowhere."""
    found = {end: sum(stages.get(stage, 0) for stage in ends) for end, ends in ENDS.items()}
    return {**found, "open": sum(stages.values()) - sum(found.values()) - sum(stages.get(stage, 0) for stage in TAKEN_BACK)}


def _shares(
    seen: Mapping[str, int],
    follow_up: Mapping[str, int],
    tags: Mapping[str, int],
    referrals: Mapping[str, int],
    texts: Mapping[str, int],
) -> Shares:
    told = sum(texts.get(name, 0) for name in ("arrived", "lost", "failed"))
    asked = sum(count for stage, count in referrals.items() if stage not in TAKEN_BACK)
    return Shares(
        covered=_share(seen.get("lately", 0), sum(seen.values())),
        on_time=_share(follow_up.get("on_time", 0), sum(follow_up.get(name, 0) for name in DUE)),
        controlled=_share(tags.get("green", 0), sum(count for tag, count in tags.items() if tag != "none")),
        closed=_share(sum(referrals.get(stage, 0) for stage in ENDS["evidence"]), asked),
        arrived=_share(texts.get("arrived", 0), told),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
