"""What pharmacies lack: said for one by whoever answers for the network, beside their closures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made
from api.console.pages.admin.asking import names_of_places, page, places_to_choose, refused
from api.depends import Session
from api.models.places import StockIn
from api.problems import Problem
from api.routes.stock import list_stock, say_stock

router = APIRouter(include_in_schema=False)
SHOWN = 100
Short = Annotated[str, Query(max_length=400)]


@router.get("/admin/stock")
async def stock(
    desk: Annotated[Desk, at("holidays.write")], session: Session, place: Short = "", after: Short | None = None
) -> Response:
    """What the pharmacies said last, one of them alone where ``place`` names it."""
    return await _page(desk, session, place, after)


@router.post("/admin/stock")
async def say(desk: Annotated[Desk, at("stock.write")]) -> Response:
    """A medicine is lacking there, or is there again."""
    form, there = desk.form, desk.form.text("there") == "yes"
    try:
        until = None if there else form.day("until")
        items = [{"medicine": form.text("medicine"), "available": there, "until": until}]
        sent = made(StockIn, pharmacy=form.text("pharmacy"), items=items)
        await say_stock(desk.caller, desk.writing(), sent)
    except Problem as problem:
        missing = Problem(422, desk.say(N_("There is no such place among yours.")))
        told = form.refused(missing) if problem.status == 404 else refused(desk, problem)
        faults = {"medicine" if name == "items" else name: what for name, what in told.faults.items()}
        async with desk.parts.database.reading() as session:
            return await _page(desk, session, "", None, form=Form(form.values, faults))
    return desk.go("/admin/stock", said="saved")


async def _page(desk: Desk, session: AsyncSession, place: str, after: str | None, *, form: Form | None = None) -> Response:
    found = await list_stock(desk.caller, session, pharmacy=place or None, medicine=None, limit=SHOWN, after=after)
    return page(
        desk,
        "stock.html",
        status=422 if form else 200,
        stock=found,
        names=await names_of_places(session, [one.pharmacy for one in found.items]),
        pharmacies=await places_to_choose(session, desk, teams=False, kinds=("pharmacy",)),
        today=(await desk.parts.clock.now(session)).date(),
        place=place,
        form=form,
    )
