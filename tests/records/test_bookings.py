"""Visit days: working days within the window, where there is most room."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from some import a_network, a_patient, a_profile
from sqlalchemy import func, select

from records.bookings import Bookings
from records.database import Database
from records.tables import VisitBooking

MONDAY, FRIDAY, SATURDAY, SUNDAY = date(2025, 3, 3), date(2025, 3, 7), date(2025, 3, 8), date(2025, 3, 9)
TODAY = date(2025, 2, 26)


async def test_a_full_week_is_spread_evenly_over_its_working_days(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        bookings, days = Bookings(session), Counter[date]()
        for n in range(25):
            patient, _ = await a_patient(session, a_profile(n))
            days[await bookings.book(patient, "visit#1", MONDAY, SUNDAY, today=TODAY)] += 1
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
        assert await Bookings(session).book(patient, "visit#1", earliest, latest, today=today) == day


async def test_a_day_over_capacity_is_taken_only_when_every_day_is_full(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session, capacity=1)
        bookings = Bookings(session)
        patients = [(await a_patient(session, a_profile(n)))[0] for n in range(3)]
        days = [await bookings.book(patient, "visit#1", date(2025, 3, 6), FRIDAY, today=TODAY) for patient in patients]
    assert days == [FRIDAY, date(2025, 3, 6), FRIDAY]


async def test_a_booking_asked_for_again_keeps_its_day_and_one_given_back_is_free(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session)
        patient, _ = await a_patient(session)
        bookings = Bookings(session)
        day = await bookings.book(patient, "visit#1", MONDAY, FRIDAY, today=TODAY)
        assert await bookings.book(patient, "visit#1", MONDAY, SUNDAY, today=TODAY) == day
        await bookings.release(patient, "visit#1")
        await bookings.release(patient, "never booked")
        assert await session.scalar(select(func.count()).select_from(VisitBooking)) == 0


async def test_another_teams_visits_take_no_room_of_ours(database: Database) -> None:
    async with database.begin() as session:
        await a_network(session, "team-1", "team-2")
        ours, _ = await a_patient(session, a_profile(1))
        theirs, _ = await a_patient(session, a_profile(2), team="team-2")
        for patient in (theirs, ours):
            assert await Bookings(session).book(patient, "visit#1", MONDAY, FRIDAY, today=TODAY) == FRIDAY
