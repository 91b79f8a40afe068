"""Closures: days on which a place is closed; nobody is sent there, and no visit is booked."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.exc import IntegrityError

from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.places import ClosureChange, ClosureIn, ClosureOut, ClosurePage
from api.problems import Problem, not_found
from api.writing import Writes
from records.callers import Caller
from records.closures import Closures
from records.holds import supply_changed
from records.places import Places
from records.tables import Closure, Organisation

router = APIRouter(prefix="/closures", tags=["places"])


@router.get("", summary="Closures")
async def list_closures(
    caller: Annotated[Caller, may("places.read")],
    session: Session,
    place: Annotated[str | None, Query(max_length=40)] = None,
    since: Annotated[date | None, Query(description="only those that end on this day or later")] = None,
    limit: Limit = 50,
    after: After = None,
) -> ClosurePage:
    """Closures of places beneath and above the caller's own."""
    seen = await Places(session).seen_from(caller.place)
    page = await Closures(session).page(seen, place=place, since=since, limit=limit, after=after)
    return ClosurePage(items=[_shown(closure) for closure in page.items], next=page.next)


@router.post("", summary="Close a place", status_code=201)
async def close_place(
    caller: Annotated[Caller, may("closures.write")], writing: Writes, body: ClosureIn, response: Response
) -> ClosureOut:
    """The place, and everything beneath it, is closed from the first day to the last."""
    async with writing.parts.database.begin() as session:
        place = await session.get(Organisation, body.place)
        if place is None or not (await standing(session, caller)).covers(place.id):
            raise not_found()
        sent = await once(writing, session)
        closure = await session.get(Closure, sent.made) if sent.made else None
        if closure is None:
            try:
                closure = await Closures(session).add(place.id, body.first, body.last, body.reason)
            except IntegrityError:
                raise Problem(409, "The place was deleted just now.") from None
            sent.note(closure.id)
            await stored(session, "The place was deleted just now.")
    response.headers["ETag"] = etag(closure.version)
    return _shown(closure)


@router.put("/{closure_id}", summary="Change a closure")
async def change_closure(
    caller: Annotated[Caller, may("closures.write")], writing: Writes, closure_id: str, body: ClosureChange, response: Response
) -> ClosureOut:
    """Other days, or another reason (If-Match names what was read). What was asked of other places meanwhile stays with them."""
    async with writing.parts.database.begin() as session:
        closure = await Closures(session).one(closure_id, await standing(session, caller))
        if closure is None:
            raise not_found()
        sent = await once(writing, session)
        if sent.made is None:
            as_read(writing.if_match, closure.version)
            closure.first, closure.last, closure.reason = body.first, body.last, body.reason
            closure.version += 1
            await supply_changed(session, closure.organisation_id)
            sent.note(closure.id)
    response.headers["ETag"] = etag(closure.version)
    return _shown(closure)


@router.delete("/{closure_id}", summary="Open a place again", status_code=204)
async def delete_closure(caller: Annotated[Caller, may("closures.write")], writing: Writes, closure_id: str) -> None:
    """The place is asked again from now on."""
    async with writing.parts.database.begin() as session:
        closure = await Closures(session).one(closure_id, await standing(session, caller))
        if closure is None:
            raise not_found()
        as_read(writing.if_match, closure.version, needed=False)
        await session.delete(closure)
        await supply_changed(session, closure.organisation_id)


def _shown(closure: Closure) -> ClosureOut:
    return ClosureOut(
        id=closure.id,
        place=closure.organisation_id,
        first=closure.first,
        last=closure.last,
        reason=closure.reason,
        version=closure.version,
    )
