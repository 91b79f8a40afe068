"""Holidays: the days of a calendar that are not what their weekday says. A place names the calendar it keeps."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Session, may
from api.editing import standing, stored
from api.models.places import HolidayIn, HolidayOut, HolidaysOut, ImportIn, ImportOut
from api.problems import Problem, not_found, unusable
from api.writing import Writes
from records.callers import Caller
from records.contact_rules import NetworkRules
from records.holidays import Holidays, UnknownCalendar, published_days
from records.tables import Holiday

router = APIRouter(prefix="/holidays", tags=["places"])

CALLED = r"^[A-Za-z0-9_-]{1,60}$"
Calendar = Annotated[str, Path(pattern=CALLED, description="such as CN: what a place's `calendar` names")]
AT_ONCE = "Somebody else changes this calendar just now. Send it again."


@router.get("/{calendar}", summary="A calendar's year")
async def read_year(
    caller: Annotated[Caller, may("places.read")],
    session: Session,
    calendar: Calendar,
    year: Annotated[int, Query(ge=1900, le=2200)],
) -> HolidaysOut:
    """The holidays of one year, and the weekends that are worked."""
    days = await Holidays(session).days(calendar, date(year, 1, 1), date(year, 12, 31))
    return HolidaysOut(calendar=calendar, year=year, items=[_shown(row) for row in days])


@router.put("/{calendar}/{day}", summary="Say what a day is")
async def put_day(
    caller: Annotated[Caller, may("holidays.write")], writing: Writes, calendar: Calendar, day: date, body: HolidayIn
) -> HolidayOut:
    """A holiday, or a weekend that is worked. Visits that are booked already stay where they are."""
    async with writing.parts.database.begin() as session:
        await _theirs(session, caller, calendar)
        await Holidays(session).put(calendar, day, working=body.working, name=body.name)
        await NetworkRules(session).calendar_changed(calendar)
        await stored(session, AT_ONCE)
    return HolidayOut(day=day, working=body.working, name=body.name)


@router.delete("/{calendar}/{day}", summary="A day is what its weekday says", status_code=204)
async def delete_day(caller: Annotated[Caller, may("holidays.write")], writing: Writes, calendar: Calendar, day: date) -> None:
    """The day is neither a holiday nor a worked weekend any more."""
    async with writing.parts.database.begin() as session:
        await _theirs(session, caller, calendar)
        row = await session.get(Holiday, (calendar, day))
        if row is None:
            raise not_found()
        await session.delete(row)
        await NetworkRules(session).calendar_changed(calendar)


@router.post("/{calendar}", summary="Take over a country's holidays")
async def take_over(
    caller: Annotated[Caller, may("holidays.write")], writing: Writes, calendar: Calendar, body: ImportIn
) -> ImportOut:
    """Public holidays as they are published, with the weekends worked for them; days that somebody put there stay."""
    try:
        days = await asyncio.to_thread(published_days, body.country, body.years, body.part)
    except UnknownCalendar as unknown:
        field = "part" if body.part is not None and "is no part" in str(unknown) else "country"
        raise unusable(field, str(unknown), "or put the days one by one") from None
    async with writing.parts.database.begin() as session:
        await _theirs(session, caller, calendar)
        took = await Holidays(session).take_over(calendar, days, overwrite=body.overwrite)
        await NetworkRules(session).calendar_changed(calendar)
        await stored(session, AT_ONCE)
    return ImportOut(added=took.added, kept=took.kept, replaced=took.replaced)


async def _theirs(session: AsyncSession, caller: Caller, calendar: str) -> None:
    if not await Holidays(session).is_theirs(calendar, await standing(session, caller)):
        raise Problem(403, "Places beyond yours keep this calendar. Give your place a calendar of its own, and change that.")


def _shown(row: Holiday) -> HolidayOut:
    return HolidayOut(day=row.day, working=row.working, name=row.name)
