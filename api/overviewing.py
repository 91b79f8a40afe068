"""The numbers a supervisor looks at, added up from what housekeeping has counted of each care team, and whom they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import now_of
from api.models.overview import CountedOut, CountedPage, OverviewOut, Shares, TeamNumbersOut, TeamNumbersPage
from api.parts import ApiParts
from api.problems import not_found, unusable
from api.showing.patients import name_of
from records.behind import FIGURES as BEHIND
from records.behind import NoSuchNumber, PeopleBehind
from records.figures import AHEAD, LATELY
from records.pages import behind, cursor
from records.patient_list import PatientList
from records.scope import Scope, of_teams
from records.tables import CareTeam, Figures

#: Ends of a referral that are evidence: the place reported, or sent back what to do.
CLOSED_ON_EVIDENCE = ("completed", "sent_back")
TAKEN_BACK = ("cancelled", "aborted")


async def overview(session: AsyncSession, parts: ApiParts, scope: Scope, *, team: str | None = None) -> OverviewOut:
    """The counts. Raises Problem 404."""
    query = scope.of_teams(select(Figures), Figures.place)
    if team is not None:
        await _theirs(session, scope, team)
        query = query.where(Figures.place == team)
    figures = list(await session.scalars(query))
    now = await now_of(parts, session)
    as_of = min((one.at for one in figures), default=None)
    return added_up([one.body for one in figures], now=now, as_of=as_of)


async def by_team(session: AsyncSession, parts: ApiParts, scope: Scope, *, limit: int, after: str | None) -> TeamNumbersPage:
    """Each team's, by id. Raises BadCursor."""
    query: Select[*tuple[Any, ...]] = select(Figures, CareTeam.name).join(CareTeam, CareTeam.id == Figures.place)
    query = scope.of_teams(query.order_by(Figures.place).limit(limit + 1), Figures.place)
    key = behind(after, 1)
    if key is not None:
        query = query.where(Figures.place > key[0])
    found = (await session.execute(query)).all()
    now = await now_of(parts, session)
    shown = [
        TeamNumbersOut(team=one.place, name=name, numbers=added_up([one.body], now=now, as_of=one.at))
        for one, name in found[:limit]
    ]
    return TeamNumbersPage(items=shown, next=cursor(shown[-1].team) if len(found) > limit else None)


async def people_behind(
    session: AsyncSession, parts: ApiParts, scope: Scope, number: str, *, team: str | None, limit: int, after: str | None
) -> CountedPage:
    """Whom a number counts: of the day on which it was counted. Raises Problem 404, 422, and BadCursor."""
    if team is not None:
        await _theirs(session, scope, team)
        scope = of_teams(scope.role, [team])
    counted = await session.scalar(scope.of_teams(select(Figures.at), Figures.place).order_by(Figures.at).limit(1))
    today = (counted or await now_of(parts, session)).date()
    try:
        page = await PeopleBehind(session, today).page(scope, number, limit=limit, after=after)
    except NoSuchNumber:
        known = ", ".join(f"{figure}:..." for figure in BEHIND)
        raise unusable("of", "there is no such number", f"name one of {known}") from None
    profiles = await PatientList(session, parts.vault).profiles([one.patient for one in page.items])
    return CountedPage(
        items=[
            CountedOut(
                patient=one.patient.id,
                name=name_of(profiles.get(one.patient.id)),
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


async def _theirs(session: AsyncSession, scope: Scope, team: str) -> None:
    if not scope.covers_team(team) or await session.get(CareTeam, team) is None:
        raise not_found()


def added_up(bodies: Sequence[Mapping[str, Any]], *, now: datetime, as_of: datetime | None) -> OverviewOut:
    """Several teams' figures as one."""
    sums: dict[str, Counter[str]] = {}
    for body in bodies:
        for name, counts in body.items():
            sums.setdefault(name, Counter()).update(counts)

    def of(name: str) -> dict[str, int]:
        return dict(sorted(sums.get(name, {}).items()))

    done = of("done")
    since: date = ((as_of or now) - LATELY).date()
    return OverviewOut(
        now=now,
        as_of=as_of,
        teams=len(bodies),
        patients_by_tag=of("patients_by_tag"),
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
        follow_up=of("follow_up"),
        seen=of("seen"),
        ahead=[of("ahead").get(str(week), 0) for week in range(AHEAD)],
        texts=of("texts"),
        shares=_shares(of("seen"), of("follow_up"), of("patients_by_tag"), of("referrals_lately"), of("texts")),
    )


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
        on_time=_share(follow_up.get("on_time", 0), sum(follow_up.get(name, 0) for name in ("on_time", "overdue", "lost"))),
        controlled=_share(tags.get("green", 0), sum(count for tag, count in tags.items() if tag != "none")),
        closed=_share(sum(referrals.get(stage, 0) for stage in CLOSED_ON_EVIDENCE), asked),
        arrived=_share(texts.get("arrived", 0), told),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
