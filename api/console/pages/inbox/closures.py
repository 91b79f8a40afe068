"""Days on which a place is closed: nobody is sent there, and the next place is asked instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.inbox.listing import view_of
from api.depends import Parts, Session, now_of
from api.models.places import ClosureIn
from api.problems import Problem, not_found
from api.routes.closures import close_place, delete_closure, list_closures
from records.inboxes import Inbox

SHOWN = 100
router = APIRouter(include_in_schema=False)
NOTICES |= {
    "closed": N_("Closed on these days. Whoever would be sent to you then is sent elsewhere."),
    "opened": N_("Open again. You are asked as before."),
}


@router.get("/inbox/closures")
async def closures_page(
    desk: Annotated[Desk, at("closures.write")], session: Session, parts: Parts, place: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Days that are coming on which it is closed, with what lies on them already."""
    return await _page(desk, session, parts, place)


@router.post("/inbox/closures")
async def close(
    desk: Annotated[Desk, at("closures.write")], session: Session, parts: Parts, place: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Close the place on some days."""
    form = desk.form
    view = await view_of(desk, session, place)
    if view.place is None:
        raise not_found()
    closing = view.place.id
    try:
        first = form.day("first")
        last = form.day("last") or first
        if first is not None and last is not None and last < first:
            raise wrong("last", N_("This lies before the first day."))
        body = made(ClosureIn, place=closing, first=first, last=last, reason=form.text("reason"))
        await close_place(desk.caller, desk.writing(), body, Response())
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, session, parts, place, desk.refused(problem))
    return desk.go(_here(place), "closed")


@router.post("/inbox/closures/{closure_id}/open")
async def open_again(
    desk: Annotated[Desk, at("closures.write")], closure_id: str, place: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Take a closure back."""
    await delete_closure(desk.caller, desk.writing(), closure_id)
    return desk.go(_here(place), "opened")


def _here(place: str) -> str:
    return f"/inbox/closures?place={place}" if place else "/inbox/closures"


async def _page(desk: Desk, session: AsyncSession, parts: Parts, place: str, form: Form | None = None) -> Response:
    view = await view_of(desk, session, place)
    if view.place is None:
        raise not_found()
    today = (await now_of(parts, session)).date()
    page = await list_closures(desk.caller, session, place=view.place.id, since=today, limit=SHOWN, after=None)
    inbox, hospital = Inbox(session), view.kind == "hospital"
    coming = sorted(page.items, key=lambda one: one.first)
    booked = {one.id: await inbox.booked_between(view.place.id, one.first, one.last) for one in coming[:12] if hospital}
    return desk.html(
        "inbox/closures.html",
        status=422 if form is not None else 200,
        view=view,
        place=place,
        coming=coming,
        booked=booked,
        today=today,
        tomorrow=today + timedelta(days=1),
        form=form,
    )
