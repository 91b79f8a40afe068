"""When places work: closures, with what each moves, and the holidays of a calendar."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made
from api.console.languages import translations
from api.console.pages.admin.asking import Ask, asked, names_of_places, page, places_to_choose, refused
from api.depends import Session
from api.editing import standing
from api.models.places import ClosureIn, HolidayIn, ImportIn
from api.problems import Problem, not_found
from api.routes.closures import close_place, delete_closure, list_closures
from api.routes.holidays import CALLED, delete_day, put_day, read_year, take_over
from records.places import Places
from records.tables import CareTeam, Closure, VisitBooking

router = APIRouter(include_in_schema=False)
Closes = Annotated[Desk, at("closures.write")]
Holds = Annotated[Desk, at("holidays.write")]
Short = Annotated[str, Query(max_length=400)]
CalendarName = Annotated[str, Query(pattern=CALLED)]
Year = Annotated[int, Query(ge=1900, le=2200)]
MOST_COUNTED = 1000
#: What a day is that is in no calendar any more.
AGAIN = {
    "weekend": N_("The day is a weekend again: nobody is visited or texted then."),
    "working": N_("It is a working day again: visits are booked and texts go out then."),
}
CLOSING = N_(
    "Nobody is sent there on these days, and no visit is booked. Visits that are booked "
    "already get another day, and each patient is told. Referrals and refills are asked "
    "of other places; what was asked of them stays with them."
)


@router.get("/admin/closures")
async def closures(desk: Holds, session: Session, place: Short = "", after: Short | None = None) -> Response:
    """Those that are not over."""
    today = (await desk.parts.clock.now(session)).date()
    found = await list_closures(desk.caller, session, place=place or None, since=today, limit=50, after=after)
    names = await names_of_places(session, [one.place for one in found.items])
    return page(desk, "closures.html", closures=found, names=names)


@router.get("/admin/closures/new")
async def new_closure(desk: Closes, session: Session, place: Short = "") -> Response:
    """Which place, and when."""
    return await _form(desk, session, place)


@router.post("/admin/closures/new")
async def close(desk: Closes) -> Response:
    """First what it moves is shown; then it is done."""
    form = desk.form
    try:
        sent = made(
            ClosureIn, place=form.text("place"), first=form.text("first"), last=form.text("last"), reason=form.text("reason")
        )
        if not form.text("sure"):
            async with desk.parts.database.reading() as session:
                return await _sure(desk, session, sent)
        await close_place(desk.caller, desk.writing(), sent, Response())
    except Problem as problem:
        told = (
            refused(desk, problem)
            if problem.status != 404
            else form.refused(Problem(422, desk.say(N_("There is no such place among yours."))))
        )
        async with desk.parts.database.reading() as session:
            return await _form(desk, session, form.text("place"), form=told)
    return desk.go("/admin/closures", said="saved")


@router.get("/admin/closures/{closure_id}/open")
async def before_opening(desk: Closes, session: Session, closure_id: str) -> Response:
    """What opening again does."""
    row = await session.get(Closure, closure_id)
    names = await names_of_places(session, [row.organisation_id]) if row is not None else {}
    says = [desk.say(N_("The place is asked again from now on. Visits that got another day keep it."))]
    return asked(
        desk,
        desk.say(N_("Open it again?")),
        (),
        back="/admin/closures",
        button=desk.say(N_("Open it again")),
        says=says,
        about=next(iter(names.values()), ""),
    )


@router.post("/admin/closures/{closure_id}/open")
async def open_again(desk: Closes, closure_id: str) -> Response:
    """The closure is taken back."""
    await delete_closure(desk.caller, desk.writing(), closure_id)
    return desk.go("/admin/closures", said="saved")


@router.get("/admin/holidays")
async def holidays(desk: Holds, session: Session, calendar: CalendarName = "CN", year: Year | None = None) -> Response:
    """One year of one calendar."""
    return await _holidays(desk, session, calendar, year)


@router.post("/admin/holidays/day")
async def say_day(desk: Holds) -> Response:
    """A holiday, a weekend that is worked, or a day as any other."""
    form = desk.form
    calendar, on = _named(form), form.day("day") or date.min
    try:
        if form.text("what") == "none":
            await delete_day(desk.caller, desk.writing(), calendar, on)
        else:
            sent = made(HolidayIn, working=form.text("what") == "worked", name=form.text("name"))
            await put_day(desk.caller, desk.writing(), calendar, on, sent)
    except Problem as problem:
        return await _again(desk, problem, calendar)
    return desk.go(f"/admin/holidays?calendar={calendar}&year={on.year}", said="saved")


@router.get("/admin/holidays/remove")
async def before_removing(desk: Holds, session: Session, calendar: CalendarName, day: date) -> Response:
    """What taking the day out of the calendar does, and whom it finds booked."""
    days = await read_year(desk.caller, session, calendar, day.year)
    there = next((one for one in days.items if one.day == day), None)
    if there is None:
        raise not_found()
    weekend, teams = day.weekday() >= 5, await _teams(session, desk)
    within = (VisitBooking.care_team_id.in_(teams), VisitBooking.day == day)
    booked = await session.scalar(select(func.count()).where(*within)) or 0
    then = AGAIN["weekend" if weekend else "working"]
    counted = translations(desk.language, "admin").ngettext(
        "One visit is booked on it among your teams, and stays where it is.",
        "%(num)s visits are booked on it among your teams, and stay where they are.",
        booked,
    )
    sent = {"calendar": calendar, "day": day.isoformat(), "what": "none"}
    fields = [Ask(name, "", "hidden", value) for name, value in sent.items()]
    return asked(
        desk,
        desk.say(N_("Remove this day?")),
        fields,
        back=f"/admin/holidays?calendar={calendar}&year={day.year}",
        button=desk.say(N_("Remove it")),
        says=[desk.say(then), counted % {"num": booked}],
        about=f"{day.isoformat()} {there.name}",
        action="/admin/holidays/day",
    )


async def _teams(session: AsyncSession, desk: Desk) -> list[str]:
    """The caller's care teams."""
    under = await standing(session, desk.caller)
    if not under.everywhere:
        return sorted(under.teams)
    return list(await session.scalars(select(CareTeam.id).order_by(CareTeam.id)))


@router.post("/admin/holidays/take-over")
async def import_days(desk: Holds) -> Response:
    """Public holidays as they are published; what somebody put there stays."""
    form = desk.form
    calendar, years = _named(form), form.text("year")
    try:
        sent = made(ImportIn, country=form.text("country").upper(), years=[years])
        await take_over(desk.caller, desk.writing(), calendar, sent)
    except Problem as problem:
        return await _again(desk, problem, calendar)
    return desk.go(f"/admin/holidays?calendar={calendar}&year={years}", said="saved")


def _named(form: Form) -> str:
    """The calendar that a form is of, which its page put there. Raises Problem 404."""
    calendar = form.text("calendar")
    if re.fullmatch(CALLED, calendar) is None:
        raise not_found()
    return calendar


async def _again(desk: Desk, problem: Problem, calendar: str) -> Response:
    told = refused(desk, problem)
    async with desk.parts.database.reading() as session:
        return await _holidays(desk, session, calendar, None, form=told)


async def _holidays(desk: Desk, session: AsyncSession, calendar: str, year: int | None, *, form: Form | None = None) -> Response:
    shown = year or (await desk.parts.clock.now(session)).year
    days = await read_year(desk.caller, session, calendar, shown)
    return page(desk, "holidays.html", status=422 if form else 200, days=days, form=form)


async def _sure(desk: Desk, session: AsyncSession, sent: ClosureIn) -> Response:
    if not (await standing(session, desk.caller)).covers(sent.place):
        raise not_found()
    beneath = await Places(session).beneath(sent.place)
    moved = 0
    if beneath is not None and beneath.teams:
        within = (VisitBooking.care_team_id.in_(sorted(beneath.teams)), VisitBooking.day.between(sent.first, sent.last))
        moved = (
            await session.scalar(
                select(func.count()).select_from(select(VisitBooking.key).where(*within).limit(MOST_COUNTED).subquery())
            )
            or 0
        )
    names = await names_of_places(session, [sent.place])
    return page(
        desk,
        "closing.html",
        sent=sent,
        place=names.get(sent.place, sent.place),
        moved=moved,
        most=MOST_COUNTED,
        does=CLOSING,
        teams=len(beneath.teams) if beneath else 0,
    )


async def _form(desk: Desk, session: AsyncSession, place: str, *, form: Form | None = None) -> Response:
    fields = [
        Ask(
            "place",
            N_("Place"),
            value=place,
            required=True,
            listed=True,
            choices=await places_to_choose(session, desk, teams=False),
        ),
        Ask("first", N_("First day"), "date", required=True),
        Ask("last", N_("Last day"), "date", required=True),
        Ask("reason", N_("Reason"), hint=N_("For colleagues; patients are not told it."), attributes={"maxlength": 200}),
    ]
    return asked(
        desk,
        desk.say(N_("Close a place")),
        fields,
        back="/admin/closures",
        button=desk.say(N_("See what it moves")),
        form=form,
        says=[desk.say(CLOSING)],
        status=422 if form else 200,
    )
