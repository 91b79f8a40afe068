"""Visit days: working days within the window, where there is most room."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from some import a_network, a_patient, a_profile
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bench.booking import Rule, Spread, spread
from pathways.engine.commands import BookVisit
from pathways.forecast.bookings import TeamCalendar, WorkingDays, choose_day
from pathways.language.catalogue import library
from records.bookings import Bookings, working_days
from records.database import Database
from records.tables import Closure, Holiday, Organisation, VisitBooking
from tests.kept import heard

MONDAY, FRIDAY, SATURDAY, SUNDAY = date(2025, 3, 3), date(2025, 3, 7), date(2025, 3, 8), date(2025, 3, 9)
TODAY = date(2025, 2, 26)


def a_visit(earliest: date, latest: date, *, first: bool = False) -> BookVisit:
    return BookVisit("visit#1", "hypertension", "follow_up", earliest, latest, "red" if first else "green", first)


async def test_a_full_week_is_spread_evenly_over_its_working_days(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        bookings, days = Bookings(session), Counter[date]()
        for n in range(25):
            patient, _ = await a_patient(session, a_profile(n))
            days[await bookings.book(patient, a_visit(MONDAY, SUNDAY), today=TODAY)] += 1
    assert set(days.values()) == {5}
    assert max(days) == FRIDAY


@pytest.mark.parametrize(
    ("earliest", "latest", "today", "day"),
    [
        (SATURDAY, SUNDAY, TODAY, FRIDAY),  # never later: a weekend rolls back
        (SUNDAY, SUNDAY, FRIDAY, SUNDAY),  # unless what lies before is past
        (MONDAY, FRIDAY, TODAY, FRIDAY),  # where all days are empty, the rhythm keeps its length
    ],
)
async def test_a_visit_is_never_booked_later_than_due(
    database: Database, earliest: date, latest: date, today: date, day: date
) -> None:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session)
        assert await Bookings(session).book(patient, a_visit(earliest, latest), today=today) == day


async def test_a_day_over_capacity_is_taken_only_when_every_day_is_full(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session, capacity=1)
        bookings = Bookings(session)
        patients = [(await a_patient(session, a_profile(n)))[0] for n in range(3)]
        days = [await bookings.book(patient, a_visit(date(2025, 3, 6), FRIDAY), today=TODAY) for patient in patients]
    assert days == [FRIDAY, date(2025, 3, 6), FRIDAY]


async def test_a_red_patient_finds_room_though_others_were_booked_before_and_are_more_than_the_days_hold(
    database: Database,
) -> None:
    async with database.begin() as session:
        await a_network(session, capacity=5)
        bookings, days = Bookings(session), Counter[date]()
        for n in range(24):
            patient, _ = await a_patient(session, a_profile(n))
            days[await bookings.book(patient, a_visit(MONDAY, FRIDAY), today=TODAY)] += 1
        red, _ = await a_patient(session, a_profile(99))
        red_day = await bookings.book(red, a_visit(MONDAY, FRIDAY, first=True), today=TODAY)
    assert sorted(days.values()) == [4, 4, 4, 6, 6]
    assert days[red_day] == 4


def test_what_is_kept_for_red_patients_is_free_to_all_once_the_day_is_near() -> None:
    taken = {MONDAY: 8, FRIDAY: 8}
    days, far, near = [MONDAY, FRIDAY], date(2025, 2, 1), MONDAY - timedelta(days=3)
    assert choose_day(days, {MONDAY: 8, FRIDAY: 7}, 10, first=False, today=far) == FRIDAY
    assert choose_day(days, taken | {FRIDAY: 9}, 10, first=False, today=far) == FRIDAY  # both are full: one grows longer
    assert choose_day(days, taken | {FRIDAY: 9}, 10, first=True, today=far) == MONDAY
    assert choose_day(days, taken | {FRIDAY: 9}, 10, first=False, today=near) == MONDAY


@given(
    st.dates(MONDAY, date(2025, 4, 30)),
    st.integers(0, 20),
    st.sets(st.dates(date(2025, 2, 10), date(2025, 5, 20)), max_size=60),
    st.dictionaries(st.dates(date(2025, 2, 10), date(2025, 5, 20)), st.integers(0, 8)),
    st.integers(0, 6),
    st.booleans(),
)
def test_whatever_the_calendar_no_visit_is_late_past_or_on_a_day_off_that_could_be_avoided(
    latest: date, width: int, off: set[date], taken: dict[date, int], capacity: int, first: bool
) -> None:
    worked, earliest, today = WorkingDays(dict.fromkeys(off, False)), latest - timedelta(days=width), date(2025, 2, 26)
    calendar = TeamCalendar(capacity, worked, Counter(taken))
    day = calendar.find(a_visit(max(earliest, today), latest, first=first), today)
    assert today <= day <= latest
    if not worked(day):  # then nothing of the last weeks is worked either
        assert day == latest
        assert not worked.among(latest - timedelta(days=n) for n in range(min(21, (latest - today).days)))


def test_a_thousand_patients_enrolled_on_one_day_do_not_come_back_on_one_day() -> None:
    service = library().pathways()["hypertension"].services["follow_up"]
    tags = (["red"] * 3 + ["yellow"] * 5 + ["green"] * 12) * 50

    def with_rule(rule: Rule) -> Spread:
        return spread(rule, tags, teams=4, capacity=20, service=service, worked=WorkingDays())

    assert with_rule("last working day").peak_over_mean > 20
    assert with_rule("room, red first").peak_over_mean < 4


async def test_a_booking_asked_for_again_keeps_its_day_and_one_given_back_is_free(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session)
        bookings = Bookings(session)
        day = await bookings.book(patient, a_visit(MONDAY, FRIDAY), today=TODAY)
        assert await bookings.book(patient, a_visit(MONDAY, SUNDAY), today=TODAY) == day
        await bookings.release(patient, "visit#1")
        await bookings.release(patient, "never booked")
        assert await session.scalar(select(func.count()).select_from(VisitBooking)) == 0


async def test_another_teams_visits_take_no_room_of_ours(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session, "team-1", "team-2")
        ours, _ = await a_patient(session, a_profile(1))
        theirs, _ = await a_patient(session, a_profile(2), team="team-2")
        for patient in (theirs, ours):
            assert await Bookings(session).book(patient, a_visit(MONDAY, FRIDAY), today=TODAY) == FRIDAY


async def _spring_festival(session: AsyncSession) -> None:
    """The network keeps the calendar cn: a week off, and the Saturday before it is worked."""
    session.add(Organisation(id="network", kind="network", name="Network", network_id="network", calendar="cn"))
    session.add(Organisation(id="other", kind="network", name="Other", network_id="other", calendar="elsewhere"))
    await session.flush()
    await session.execute(update(Organisation).where(Organisation.id == "centre-1").values(parent_id="network"))
    session.add_all(Holiday(calendar="cn", day=MONDAY + timedelta(days=n), name="Spring Festival") for n in range(7))
    session.add(Holiday(calendar="cn", day=date(2025, 3, 1), working=True, name="worked instead"))
    session.add(Holiday(calendar="elsewhere", day=date(2025, 3, 12)))


async def test_nobody_is_booked_on_a_holiday_and_a_weekend_that_is_worked_is_a_day_like_any_other(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        await _spring_festival(session)
        booked = []
        for n, (earliest, latest) in enumerate([(MONDAY, SUNDAY), (SUNDAY, date(2025, 3, 10)), (date(2025, 3, 12),) * 2]):
            patient, _ = await a_patient(session, a_profile(n))
            booked.append(await Bookings(session).book(patient, a_visit(earliest, latest), today=TODAY))
    worked_saturday = date(2025, 3, 1)
    assert booked == [worked_saturday, date(2025, 3, 10), date(2025, 3, 12)]


async def test_a_holiday_rolls_back_to_no_day_that_is_past(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        await _spring_festival(session)
        patient, _ = await a_patient(session)
        assert await Bookings(session).book(patient, a_visit(MONDAY, FRIDAY), today=date(2025, 3, 1)) == FRIDAY


async def test_the_nearest_calendar_holds_and_a_closure_above_closes_the_team(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        await _spring_festival(session)
        await session.execute(update(Organisation).where(Organisation.id == "centre-1").values(calendar="elsewhere"))
        session.add_all(
            [
                Closure(id="c1", organisation_id="network", first=date(2025, 3, 6), last=date(2025, 3, 20), reason="flood"),
                Closure(id="c2", organisation_id="centre-1", first=date(2025, 2, 1), last=date(2025, 3, 3)),
                Closure(id="c3", organisation_id="other", first=date(2025, 3, 4), last=date(2025, 3, 4)),
            ]
        )
        await session.flush()
        worked = await working_days(session, "centre-1", MONDAY, SUNDAY)
        assert worked.among(MONDAY + timedelta(days=n) for n in range(7)) == [date(2025, 3, 4), date(2025, 3, 5)]
        worked = await working_days(session, "other", date(2025, 3, 10), date(2025, 3, 14))
        assert worked.among(date(2025, 3, 10) + timedelta(days=n) for n in range(5)) == [
            date(2025, 3, day) for day in (10, 11, 13, 14)
        ]


async def test_the_working_days_of_a_window_are_one_query(database: Database) -> None:
    asked: list[str] = []
    async with database.begin() as session:
        await a_network(session)
        await _spring_festival(session)
        await session.flush()
        with heard(database, asked):
            await working_days(session, "centre-1", MONDAY, SUNDAY)
    assert len(asked) == 1
