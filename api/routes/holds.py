"""Holds: days on which nobody is sent to a place, or for a medicine, by text."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.holds import HoldChange, HoldIn, HoldOut, HoldPage, HoldPreview, goes_elsewhere, in_order
from api.problems import not_found, unusable
from api.writing import Writes
from records.callers import Caller
from records.holds import Holds, supply_changed
from records.places import Places
from records.tables import MessageHold, Organisation

router = APIRouter(prefix="/holds", tags=["places"])
A_DAY = timedelta(days=1)


@router.get("", summary="What keeps texts back")
async def list_holds(
    caller: Annotated[Caller, may("holds.read")],
    session: Session,
    place: Annotated[str | None, Query(max_length=40)] = None,
    since: Annotated[date | None, Query(description="only those that end on this day or later")] = None,
    limit: Limit = 50,
    after: After = None,
) -> HoldPage:
    """Holds of places beneath and above the caller's own. Closures and what pharmacies lack are not repeated here."""
    seen = await Places(session).seen_from(caller.place)
    page = await Holds(session).page(seen, place=place, since=since, limit=limit, after=after)
    return HoldPage(items=[_shown(hold) for hold in page.items], next=page.next)


@router.post("", summary="Hold texts", status_code=201)
async def hold_texts(caller: Annotated[Caller, may("holds.write")], writing: Writes, body: HoldIn, response: Response) -> HoldOut:
    """From the first day to the last. What is planned and not handed over yet is held too; what is urgent never is."""
    async with writing.parts.database.begin() as session:
        place = await _place(session, caller, body.place)
        today = (await writing.parts.clock.now(session)).date()
        if body.last < today - A_DAY:
            raise unusable("last", "is past", "name a day from today on")
        await _elsewhere(session, place, body.redirect_to, body.medicine)
        sent = await once(writing, session)
        hold = await session.get(MessageHold, sent.made) if sent.made else None
        if hold is None:
            what = body.model_dump(exclude={"place", "medicine"})
            hold = await Holds(session).add(place.id, body.medicine, caller.id, **what)
            sent.note(hold.id)
            await stored(session, "The place was deleted just now.")
    response.headers["ETag"] = etag(hold.version)
    return _shown(hold)


@router.post("/preview", summary="Whom a hold would touch")
async def preview_hold(caller: Annotated[Caller, may("holds.write")], session: Session, body: HoldIn) -> HoldPreview:
    """Counts only; nothing is stored."""
    place = await _place(session, caller, body.place)
    await _elsewhere(session, place, body.redirect_to, body.medicine)
    under = await Places(session).under(place.id)
    return HoldPreview(**await Holds(session).touched(under, body.first, body.last))


@router.get("/{hold_id}", summary="A hold")
async def read_hold(caller: Annotated[Caller, may("holds.read")], session: Session, hold_id: str, response: Response) -> HoldOut:
    """One of a place that the caller sees."""
    hold = await session.get(MessageHold, hold_id)
    seen = await Places(session).seen_from(caller.place)
    if hold is None or not (seen is None or hold.organisation_id in seen):
        raise not_found()
    response.headers["ETag"] = etag(hold.version)
    return _shown(hold)


@router.patch("/{hold_id}", summary="Change a hold")
async def change_hold(
    caller: Annotated[Caller, may("holds.write")], writing: Writes, hold_id: str, body: HoldChange, response: Response
) -> HoldOut:
    """Other days, another way (If-Match names what was read). What waits keeps to it from its next look on, within a day."""
    async with writing.parts.database.begin() as session:
        hold = await Holds(session).one(hold_id, await standing(session, caller))
        if hold is None:
            raise not_found()
        sent = await once(writing, session)
        if sent.made is None:
            as_read(writing.if_match, hold.version)
            for name, value in body.model_dump(exclude_unset=True).items():
                setattr(hold, name, value)
            try:
                in_order(hold.first, hold.last)
                goes_elsewhere(hold.action, hold.redirect_to)
            except ValueError as wrong:
                raise unusable("last" if hold.last < hold.first else "action", str(wrong), "change both together") from None
            place = await session.get_one(Organisation, hold.organisation_id)
            await _elsewhere(session, place, hold.redirect_to, hold.medicine)
            hold.version += 1
            await supply_changed(session, hold.organisation_id)
            sent.note(hold.id)
    response.headers["ETag"] = etag(hold.version)
    return _shown(hold)


@router.delete("/{hold_id}", summary="End a hold", status_code=204)
async def end_hold(caller: Annotated[Caller, may("holds.write")], writing: Writes, hold_id: str) -> None:
    """It ends now, and what waits goes as it would at its end; one that has not begun is gone."""
    async with writing.parts.database.begin() as session:
        hold = await Holds(session).one(hold_id, await standing(session, caller))
        if hold is None:
            raise not_found()
        as_read(writing.if_match, hold.version, needed=False)
        today = (await writing.parts.clock.now(session)).date()
        if hold.first >= today:
            await session.delete(hold)
        elif hold.last >= today:
            hold.last, hold.version = today - A_DAY, hold.version + 1
        await supply_changed(session, hold.organisation_id)


async def _place(session: AsyncSession, caller: Caller, place_id: str) -> Organisation:
    """The place, beneath where the caller stands. Raises Problem 404."""
    place = await session.get(Organisation, place_id)
    if place is None or not (await standing(session, caller)).covers(place.id):
        raise not_found()
    return place


async def _elsewhere(session: AsyncSession, place: Organisation, redirect_to: str | None, medicine: str) -> None:
    """Raises Problem 422 where patients of ``place`` cannot be sent there instead."""
    if redirect_to is None:
        return
    if medicine and place.kind != "pharmacy":
        raise unusable("place", "hands out no medicine", "name the pharmacy that lacks it, or leave the medicine out")
    other = await session.get(Organisation, redirect_to)
    if other is None or other.network_id != place.network_id or other.kind != place.kind or other.id == place.id:
        raise unusable("redirect_to", "is no other place of this kind in the network", f"name another {place.kind} of it")


def _shown(hold: MessageHold) -> HoldOut:
    return HoldOut(
        id=hold.id,
        place=hold.organisation_id,
        medicine=hold.medicine,
        first=hold.first,
        last=hold.last,
        action=hold.action,
        redirect_to=hold.redirect_to,
        spread_days=hold.spread_days,
        reason=hold.reason,
        version=hold.version,
    )
