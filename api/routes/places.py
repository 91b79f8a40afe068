"""Places: the organisation tree, read from where one stands, and changed by whoever runs it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.places import Kind, PlaceChange, PlaceIn, PlaceOut, PlacePage
from api.problems import Problem, not_found, unusable
from api.writing import Writes
from records.callers import Caller
from records.contact_rules import NetworkRules
from records.places import PARENTS, Places, Subtree
from records.tables import Organisation

router = APIRouter(prefix="/places", tags=["places"])


@router.get("", summary="Places")
async def list_places(
    caller: Annotated[Caller, may("places.read")],
    session: Session,
    kind: Kind | None = None,
    parent: Annotated[str | None, Query(max_length=40)] = None,
    limit: Limit = 50,
    after: After = None,
) -> PlacePage:
    """Places beneath and above the caller's own."""
    places = Places(session)
    seen = await places.seen_from(caller.place)
    page = await places.page(seen, kind=kind, parent=parent, limit=limit, after=after)
    return PlacePage(items=[_shown(place) for place in page.items], next=page.next)


@router.get("/{place_id}", summary="One place")
async def read_place(
    caller: Annotated[Caller, may("places.read")], session: Session, place_id: str, response: Response
) -> PlaceOut:
    """A place beneath or above the caller's own."""
    seen = await Places(session).seen_from(caller.place)
    place = await session.get(Organisation, place_id)
    if place is None or (seen is not None and place.id not in seen):
        raise not_found()
    response.headers["ETag"] = etag(place.version)
    return _shown(place)


@router.post("", summary="Make a place", status_code=201)
async def make_place(
    caller: Annotated[Caller, may("places.write")], writing: Writes, body: PlaceIn, response: Response
) -> PlaceOut:
    """A new place beneath one that is the caller's; a network is made by whoever runs every network."""
    async with writing.parts.database.begin() as session:
        places, under = Places(session), await standing(session, caller)
        sent = await once(writing, session)
        place = await session.get(Organisation, sent.made) if sent.made else None
        if place is None:
            parent = await _parent(session, under, body.kind, body.parent)
            if body.id is not None and await places.is_taken(body.id):
                raise _taken()
            id_ = body.id or await places.id_for(body.name, body.kind)
            place = Organisation(id=id_, kind=body.kind, network_id=parent.network_id if parent else id_, version=1)
            _write(place, body)
            place.parent_id = parent.id if parent is not None else None
            session.add(place)
            sent.note(id_)
            await stored(session, "Somebody else made a place of this id just now. Read it, and choose another id.")
    writing.parts.keys.forget()
    response.headers["ETag"] = etag(place.version)
    return _shown(place)


@router.put("/{place_id}", summary="Change a place")
async def change_place(
    caller: Annotated[Caller, may("places.write")], writing: Writes, place_id: str, body: PlaceChange, response: Response
) -> PlaceOut:
    """Replace what is known of it (If-Match names what was read). With another parent, everything beneath it moves along."""
    async with writing.parts.database.begin() as session:
        under = await standing(session, caller)
        place = await _held(session, under, place_id)
        sent = await once(writing, session)
        if sent.made is None:
            as_read(writing.if_match, place.version)
            before = (place.calendar, place.network_id, place.parent_id)
            if body.parent != place.parent_id:
                await Places(session).hang(place, await _parent(session, under, place.kind, body.parent))
            _write(place, body)
            place.version += 1
            if before != (place.calendar, place.network_id, place.parent_id):
                await NetworkRules(session).place_changed(before[1], place.network_id)
            sent.note(place.id)
    writing.parts.keys.forget()
    response.headers["ETag"] = etag(place.version)
    return _shown(place)


@router.delete("/{place_id}", summary="Delete a place", status_code=204)
async def delete_place(caller: Annotated[Caller, may("places.write")], writing: Writes, place_id: str) -> None:
    """Only a place that nothing hangs on; one that is not to be asked any more is closed instead (POST /closures)."""
    async with writing.parts.database.begin() as session:
        place = await _held(session, await standing(session, caller), place_id)
        as_read(writing.if_match, place.version, needed=False)
        hanging = await Places(session).hanging_on(place.id)
        if hanging:
            raise Problem(409, f"This still hangs on the place: {', '.join(hanging)}. Move or end it first, or close the place.")
        await Places(session).remove(place)
    writing.parts.keys.forget()


async def _held(session: AsyncSession, under: Subtree, place_id: str) -> Organisation:
    place = await session.get(Organisation, place_id, with_for_update=True)
    if place is None or not under.covers(place.id):
        raise not_found()
    return place


async def _parent(session: AsyncSession, under: Subtree, kind: str, parent_id: str | None) -> Organisation | None:
    allowed = PARENTS[kind]
    if parent_id is None:
        if allowed:
            raise unusable("parent", "is needed", f"a {kind} hangs beneath a {allowed[0]}: give its id")
        if not under.everywhere:
            raise Problem(403, "A network is made by an administrator of every network.")
        return None
    parent = await session.get(Organisation, parent_id)
    if not allowed:
        raise unusable("parent", "is not for a network", "leave it out: nothing is above a network")
    if parent is None or not under.covers(parent.id):
        raise unusable("parent", "is no place among yours", f"give the id of a {allowed[0]}")
    if parent.kind not in allowed:
        raise unusable("parent", f"is a {parent.kind}", f"a {kind} hangs beneath a {allowed[0]}")
    return parent


def _write(place: Organisation, body: PlaceChange) -> None:
    place.name, place.rank, place.phone, place.address = body.name, body.rank, body.phone, body.address
    place.calendar = body.calendar


def _taken() -> Problem:
    return Problem(409, "A place or a care team has this id already. Choose another one, or change that one.")


def _shown(place: Organisation) -> PlaceOut:
    return PlaceOut(
        id=place.id,
        kind=place.kind,
        name=place.name,
        parent=place.parent_id,
        network=place.network_id,
        rank=place.rank,
        phone=place.phone,
        address=place.address,
        calendar=place.calendar,
        version=place.version,
    )
