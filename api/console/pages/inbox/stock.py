"""What a pharmacy lacks, and until when: it is not asked for that meanwhile."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made
from api.console.pages.inbox.listing import view_of
from api.depends import Parts, Session, now_of
from api.models.places import StockIn
from api.problems import Problem, not_found
from api.routes.stock import list_stock, say_stock

SHOWN = 100
router = APIRouter(include_in_schema=False)
NOTICES |= {
    "stock_lacking": N_("Noted. You are not asked for it until you have it again."),
    "stock_there": N_("Noted. You are asked for it again."),
}


@router.get("/inbox/stock")
async def stock_page(
    desk: Annotated[Desk, at("stock.read")],
    session: Session,
    parts: Parts,
    place: Annotated[str, Query(max_length=40)] = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
) -> Response:
    """What it said of its medicines, and a form to say more."""
    return await _page(desk, session, parts, place, after)


@router.post("/inbox/stock")
async def stock_says(
    desk: Annotated[Desk, at("stock.write")], session: Session, parts: Parts, place: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """A medicine is lacking, or is there again."""
    form, there = desk.form, desk.form.text("there") == "yes"
    try:
        until = None if there else form.day("until")
        body = made(
            StockIn,
            pharmacy=place,
            items=[{"medicine": form.text("medicine"), "available": there, "until": until}],
        )
        await say_stock(desk.caller, desk.writing(), body)
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        faults = {"medicine" if name == "items" else name: what for name, what in desk.refused(problem).faults.items()}
        return await _page(desk, session, parts, place, None, Form(form.values, faults))
    return desk.go(f"/inbox/stock?place={place}" if place else "/inbox/stock", "stock_there" if there else "stock_lacking")


async def _page(
    desk: Desk, session: AsyncSession, parts: Parts, place: str, after: str | None, form: Form | None = None
) -> Response:
    view = await view_of(desk, session, place)
    if view.kind != "pharmacy" or view.place is None:
        raise not_found()
    page = await list_stock(desk.caller, session, pharmacy=view.place.id, medicine=None, limit=SHOWN, after=after)
    return desk.html(
        "inbox/stock.html",
        status=422 if form is not None else 200,
        view=view,
        place=place,
        lacking=[one for one in page.items if not one.available],
        there=[one for one in page.items if one.available],
        next=page.next,
        today=(await now_of(parts, session)).date(),
        form=form,
    )
