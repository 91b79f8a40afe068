"""Places: the tree from the network down, one level at a time, and each place's own page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made
from api.console.pages.admin.asking import Ask, asked, page, places_to_choose, refused
from api.depends import Session
from api.models.places import PlaceChange, PlaceIn, PlaceOut
from api.problems import Problem, not_found
from api.routes.places import change_place, delete_place, list_places, make_place, read_place
from api.routes.teams import list_teams
from records.places import PARENTS, WITH_TEAMS, Places

router = APIRouter(include_in_schema=False)
Reads = Annotated[Desk, at("places.write")]
Short = Annotated[str, Query(max_length=400)]


@router.get("/admin/places")
async def networks(desk: Reads, session: Session, after: Short | None = None) -> Response:
    """From where the caller stands: its own place, or every network."""
    own = "" if desk.caller.place == "*" else desk.caller.place
    if own:
        return desk.go(f"/admin/places/{own}")
    found = await list_places(desk.caller, session, kind="network", after=after, limit=50)
    return page(desk, "places.html", place=None, above=[], places=found, teams=None, may_have=["network"])


@router.get("/admin/places/new")
async def new_place(desk: Reads, session: Session, kind: Short = "centre", parent: Short = "") -> Response:
    """An empty form."""
    return await _form(desk, session, kind, parent)


@router.post("/admin/places/new")
async def make(desk: Reads, kind: Short = "centre", parent: Short = "") -> Response:
    """A new place."""
    try:
        found = await make_place(desk.caller, desk.writing(), made(PlaceIn, **_sent(desk), kind=kind), Response())
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            return await _form(desk, session, kind, parent, form=refused(desk, problem))
    return desk.go(f"/admin/places/{found.id}", said="saved")


@router.get("/admin/places/{place_id}")
async def place_page(desk: Reads, session: Session, place_id: str, after: Short | None = None) -> Response:
    """A place, with what hangs beneath it."""
    place = await read_place(desk.caller, session, place_id, Response())
    beneath = await list_places(desk.caller, session, parent=place_id, after=after, limit=50)
    teams = await list_teams(desk.caller, session, organisation=place_id) if place.kind in WITH_TEAMS else None
    above = (await Places(session).path(place_id))[::-1]
    may_have = [kind for kind, above in PARENTS.items() if place.kind in above]
    return page(desk, "places.html", place=place, above=above, places=beneath, teams=teams, may_have=may_have)


@router.get("/admin/places/{place_id}/change")
async def change_form(desk: Reads, session: Session, place_id: str) -> Response:
    """What is known of it."""
    answer = Response()
    place = await read_place(desk.caller, session, place_id, answer)
    return await _form(desk, session, place.kind, place.parent or "", place=place, read=answer.headers["etag"])


@router.post("/admin/places/{place_id}/change")
async def change(desk: Reads, place_id: str) -> Response:
    """Other words, another turn, or another parent."""
    try:
        await change_place(desk.caller, desk.writing(), place_id, made(PlaceChange, **_sent(desk)), Response())
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            place = await read_place(desk.caller, session, place_id, Response())
            return await _form(desk, session, place.kind, "", place=place, form=refused(desk, problem), read=desk.form.text("read"))
    return desk.go(f"/admin/places/{place_id}", said="saved")


@router.get("/admin/places/{place_id}/delete")
async def delete_form(desk: Reads, session: Session, place_id: str) -> Response:
    """What deleting does."""
    place = await read_place(desk.caller, session, place_id, Response())
    hanging = await Places(session).hanging_on(place_id)
    return _deleting(desk, place, "" if not hanging else ", ".join(hanging))


@router.post("/admin/places/{place_id}/delete")
async def delete(desk: Reads, place_id: str) -> Response:
    """Only one that nothing hangs on."""
    async with desk.parts.database.reading() as session:
        place = await read_place(desk.caller, session, place_id, Response())
    try:
        await delete_place(desk.caller, desk.writing(), place_id)
    except Problem as problem:
        return _deleting(desk, place, "", refused(desk, problem))
    return desk.go(f"/admin/places/{place.parent}" if place.parent else "/admin/places", said="saved")


def _deleting(desk: Desk, place: PlaceOut, hanging: str, form: Form | None = None) -> Response:
    says = [desk.say(N_("The place is gone for good. Only a place that nothing hangs on is deleted; otherwise close it."))]
    if hanging:
        says.append(desk.say(N_("What hangs on it:")) + " " + hanging)
    return asked(
        desk,
        desk.say(N_("Delete this place?")),
        (),
        back=f"/admin/places/{place.id}",
        button=desk.say(N_("Delete")),
        danger=True,
        says=says,
        form=form,
        about=place.name,
        status=409 if form else 200,
    )


async def _form(
    desk: Desk,
    session: AsyncSession,
    kind: str,
    parent: str,
    *,
    place: PlaceOut | None = None,
    form: Form | None = None,
    read: str = "",
) -> Response:
    if kind not in PARENTS:
        raise not_found()
    fields = [Ask("name", N_("Name"), value=place.name if place else "", required=True, attributes={"maxlength": 200})]
    if PARENTS[kind]:
        above = await places_to_choose(session, desk, teams=False, kinds=PARENTS[kind])
        fields.append(
            Ask(
                "parent",
                N_("Beneath"),
                value=parent or (place.parent or "" if place else ""),
                required=True,
                choices=above,
                listed=True,
            )
        )
    fields += [
        Ask("phone", N_("Phone"), "tel", place.phone if place else "", N_("As patients and colleagues ring it.")),
        Ask("address", N_("Address"), value=place.address if place else "", hint=N_("As a patient is told it who is to go there.")),
        Ask(
            "rank",
            N_("Its turn"),
            "number",
            str(place.rank) if place else "0",
            N_("The lowest is asked first when a patient is referred."),
            attributes={"min": 0},
        ),
        Ask(
            "calendar",
            N_("Calendar"),
            value=place.calendar if place else "",
            hint=N_("Whose holidays it keeps, such as CN; empty for those of the place above."),
        ),
    ]
    if place is None:
        fields.append(
            Ask(
                "id",
                N_("Short name"),
                hint=N_("In addresses and files: small letters, digits, dashes. Made of the name where empty."),
            )
        )
    back = f"/admin/places/{place.id}" if place else f"/admin/places/{parent}" if parent else "/admin/places"
    title = desk.say(N_("Change this place")) if place else desk.say(N_("A new place"))
    return asked(
        desk,
        title,
        fields,
        back=back,
        read=read,
        form=form,
        status=422 if form else 200,
        about=place.name if place else "",
        button=desk.say(N_("Save")),
    )


def _sent(desk: Desk) -> dict[str, object]:
    form = desk.form
    told: dict[str, object] = {name: form.text(name) for name in ("name", "phone", "address", "calendar")}
    told["parent"] = form.text("parent") or None
    told["rank"] = form.text("rank") or "0"
    if form.text("id"):
        told["id"] = form.text("id")
    return told
