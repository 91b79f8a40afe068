"""The numbers of a care team or of several, and the people behind one."""

from __future__ import annotations

from datetime import date

from api.models.base import Moment, Shown, example, page_of


class Shares(Shown):
    """Shares from 0 to 1; None where there is nobody to share.

    ``covered``: of those in care, seen at a visit within a year. ``on_time``: of those in care with a follow-up, none overdue.
    ``controlled``: of those in care with a tag, green. ``closed``: of referrals asked in the last ninety days that were not
    taken back, closed on evidence. ``arrived``: of texts of the last thirty days of which the provider said what became of them.
    """

    covered: float | None
    on_time: float | None
    controlled: float | None
    closed: float | None
    arrived: float | None


_NUMBERS = {
    "now": "2025-03-03T01:04:00Z",
    "as_of": "2025-03-03T01:00:00Z",
    "teams": 2,
    "patients_by_tag": {"red": 3, "yellow": 20, "green": 160},
    "patients_by_life": {"active": 183, "withdrawn": 2},
    "patients_by_reach": {"reachable": 180, "unreachable": 3},
    "open_tasks": {"phone_call": 9},
    "overdue_tasks": 2,
    "referrals": {"completed": 4},
    "refills": {"dispensed": 60},
    "messages": {"planned": 1},
    "since": "2025-02-01",
    "visits_done": 61,
    "calls_made": 30,
    "answers_received": 44,
    "dispensed": 57,
    "follow_up": {"on_time": 170, "overdue": 10, "lost": 3},
    "seen": {"lately": 181, "long_ago": 1, "never": 1},
    "ahead": [12, 20, 18, 22, 17, 19, 15, 21],
    "referrals_asked": {"evidence": 4, "without": 0, "open": 1},
    "load": {"visit": [14, 20, 18, 22, 17, 19, 15, 21, 18, 16, 20, 19], "call": [2] + [1] * 11},
    "room": [100] * 12,
    "texts": {"due": 120, "handed": 118, "arrived": 110, "lost": 3, "failed": 1},
    "shares": {"covered": 0.99, "on_time": 0.93, "controlled": 0.87, "closed": 0.8, "arrived": 0.97},
}


class OverviewOut(Shown, json_schema_extra=example(**_NUMBERS)):
    """Counts over the caller's teams; tag and reach of patients in care; ``messages``: those that wait or are in doubt.

    ``as_of``: when the oldest of them was counted, None where nothing has been counted yet. What was done is of the thirty days
    up to then, from ``since`` on. ``follow_up``: on_time, overdue, lost (by more than sixty days), none; ``ahead``: follow-ups due
    in each of the eight weeks from ``as_of``; ``texts``: of the last thirty days. ``referrals_asked``: of the last ninety days, as
    they stand: evidence (closed on it), without (ended otherwise), open. ``load``: what the engine's forecast sees in each of the
    twelve weeks from ``as_of`` if all goes to plan: visits, screenings, calls, tasks, by kind; one a day for a person and kind.
    ``room``: visits that the teams have room for in each of those weeks, holidays and closures left out.
    """

    now: Moment
    as_of: Moment | None
    teams: int
    patients_by_tag: dict[str, int]
    patients_by_life: dict[str, int]
    patients_by_reach: dict[str, int]
    open_tasks: dict[str, int]
    overdue_tasks: int
    referrals: dict[str, int]
    refills: dict[str, int]
    messages: dict[str, int]
    since: date
    visits_done: int
    calls_made: int
    answers_received: int
    dispensed: int
    follow_up: dict[str, int]
    seen: dict[str, int]
    ahead: list[int]
    texts: dict[str, int]
    referrals_asked: dict[str, int]
    load: dict[str, list[int]]
    room: list[int]
    shares: Shares


class TeamNumbersOut(Shown, json_schema_extra=example(team="team-1", name="Team 1", numbers=_NUMBERS)):
    """One care team's."""

    team: str
    name: str
    numbers: OverviewOut


class TeamNumbersPage(Shown, json_schema_extra=page_of(TeamNumbersOut)):
    """Care teams by id."""

    items: list[TeamNumbersOut]
    next: str | None


class CountedOut(
    Shown,
    json_schema_extra=example(
        patient="4be1a7",
        name="王秀英",
        tag="red",
        care_team="team-1",
        since="2024-12-01",
        follow_up_due="2024-12-01",
        last_visit="2024-08-30",
        reach="unreachable",
    ),
):
    """Somebody whom a number counts. ``since``: the day that matters there: due, last seen, asked."""

    patient: str
    name: str | None
    tag: str | None
    care_team: str
    since: date | None
    follow_up_due: date | None
    last_visit: date | None
    reach: str


class CountedPage(Shown, json_schema_extra=page_of(CountedOut)):
    """A page of them."""

    items: list[CountedOut]
    next: str | None
