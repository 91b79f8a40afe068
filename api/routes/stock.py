"""Stock: what a pharmacy lacks is not asked of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.depends import After, Limit, Session, may, now_of
from api.editing import once, standing, stored
from api.models.places import StockIn, StockOut, StockPage
from api.problems import not_found, unusable
from api.writing import Writes
from records.callers import OF_A_PLACE, Caller
from records.places import Places
from records.stock import Stocks
from records.tables import Organisation, Stock

router = APIRouter(prefix="/stock", tags=["stock"])


@router.get("", summary="What pharmacies have and lack")
async def list_stock(
    caller: Annotated[Caller, may("stock.read")],
    session: Session,
    pharmacy: Annotated[str | None, Query(max_length=40)] = None,
    medicine: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    after: After = None,
) -> StockPage:
    """What the caller's pharmacy said; for a care team, what the pharmacies of its network said."""
    own = caller.scope.places if caller.role in OF_A_PLACE else None
    networks = None if caller.role in OF_A_PLACE else await Places(session).networks_of(caller.place)
    page = await Stocks(session).page(own, networks, pharmacy=pharmacy, medicine=medicine, limit=limit, after=after)
    return StockPage(items=[_shown(row) for row in page.items], next=page.next)


@router.put("", summary="Say what a pharmacy has and lacks")
async def say_stock(caller: Annotated[Caller, may("stock.write")], writing: Writes, body: StockIn) -> StockPage:
    """The last word holds. A pharmacy is not asked for what it lacks until the day that it named."""
    async with writing.parts.database.begin() as session:
        at = await now_of(writing.parts, session)
        pharmacy_id = body.pharmacy or caller.place
        pharmacy = await session.get(Organisation, pharmacy_id)
        if body.pharmacy is None and (pharmacy is None or pharmacy.kind != "pharmacy"):
            raise unusable("pharmacy", "is needed", "name the pharmacy whose stock this is")
        if pharmacy is None or pharmacy.kind != "pharmacy" or not (await standing(session, caller)).covers(pharmacy.id):
            raise not_found()
        sent, stocks = await once(writing, session), Stocks(session)
        rows: dict[str, Stock] = {}
        for item in body.items:
            if sent.made is None:
                row = await stocks.say(pharmacy.id, item.medicine, available=item.available, until=item.until, at=at)
            else:
                row = await stocks.of(pharmacy.id, item.medicine)
            rows[row.medicine] = row
        sent.note(pharmacy.id)
        await stored(session, "Somebody else says what this pharmacy has just now. Send it again.")
    return StockPage(items=[_shown(row) for row in rows.values()], next=None)


def _shown(row: Stock) -> StockOut:
    return StockOut(
        pharmacy=row.pharmacy_id,
        medicine=row.medicine,
        available=row.available,
        until=row.until,
        changed=row.changed,
        version=row.version,
    )
