"""Keys of tools: made and replaced with the key shown once, taken back with what that does said before."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made
from api.console.pages.admin.asking import Ask, asked, names_of_places, page, places_to_choose, refused, roles
from api.depends import Session
from api.editing import standing
from api.models.access import KeyIn, NewKey, RotateIn
from api.problems import Problem, not_found
from api.routes.keys import list_keys, make_key, revoke_key, rotate_key, shown
from records.callers import Keys
from records.clock import system_time
from records.tables import ApiKey

router = APIRouter(include_in_schema=False)
Manages = Annotated[Desk, at("keys.manage")]
Short = Annotated[str, Query(max_length=400)]


@router.get("/admin/keys")
async def keys_page(desk: Manages, session: Session, after: Short | None = None) -> Response:
    """Of the caller's place and what is beneath it."""
    found = await list_keys(desk.caller, session, limit=25, after=after)
    names = await names_of_places(session, [key.place for key in found.items])
    return page(desk, "keys.html", keys=found.items, next=found.next, names=names, now=system_time())


@router.get("/admin/keys/new")
async def new_key(desk: Manages, session: Session) -> Response:
    """An empty form."""
    return await _form(desk, session)


@router.post("/admin/keys/new")
async def make(desk: Manages) -> Response:
    """Shown this once."""
    form = desk.form
    try:
        sent = made(
            KeyIn,
            name=form.text("name"),
            role=form.text("role"),
            place=form.text("place"),
            expires_in_days=form.text("expires_in_days"),
        )
        key = await make_key(desk.caller, desk.writing(), desk.request, sent)
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            return await _form(desk, session, form=refused(desk, problem))
    return _once(desk, key)


@router.get("/admin/keys/{key_id}/{deed}")
async def before_deed(desk: Manages, session: Session, key_id: str, deed: str) -> Response:
    """What it will do."""
    return await _deed_form(desk, session, key_id, deed)


@router.post("/admin/keys/{key_id}/{deed}")
async def do(desk: Manages, key_id: str, deed: str) -> Response:
    """Replace it, or take it back."""
    try:
        if deed == "replace":
            hours = made(RotateIn, grace_hours=desk.form.text("grace_hours"))
            return _once(desk, await rotate_key(desk.caller, desk.writing(), desk.request, key_id, hours))
        if deed != "revoke":
            raise not_found()
        await revoke_key(desk.caller, desk.writing(), key_id)
    except Problem as problem:
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _deed_form(desk, session, key_id, deed, form=told)
    return desk.go("/admin/keys", said="saved")


def _once(desk: Desk, key: NewKey) -> Response:
    return page(desk, "secret.html", kind="key", about=key.name, login="", secret=key.key, back="/admin/keys")


async def _deed_form(desk: Desk, session: AsyncSession, key_id: str, deed: str, *, form: Form | None = None) -> Response:
    row = await session.get(ApiKey, await Keys(session).hash_of(key_id)) if await _is_there(session, key_id) else None
    if row is None or row.account_id is not None or not (await standing(session, desk.caller)).covers(row.place):
        raise not_found()
    key, status = shown(row), 409 if form else 200
    if deed == "replace":
        grace = Ask(
            "grace_hours",
            N_("Hours for which the old key goes on"),
            "number",
            "24",
            N_("So that every tool can be told the new one."),
            True,
            attributes={"min": 0, "max": 744},
        )
        says = [
            desk.say(N_("You are shown a new key, once. It does what the old one does; the old one ends by itself after a while."))
        ]
        return asked(
            desk,
            desk.say(N_("Replace this key")),
            [grace],
            back="/admin/keys",
            button=desk.say(N_("Make the new key")),
            says=says,
            form=form,
            status=status,
            about=key.name,
        )
    says = [desk.say(N_("Whatever uses it stops working within seconds. It cannot be undone; make another one then."))]
    return asked(
        desk,
        desk.say(N_("Take this key back?")),
        (),
        back="/admin/keys",
        button=desk.say(N_("Take it back")),
        danger=True,
        says=says,
        form=form,
        status=status,
        about=key.name,
    )


async def _is_there(session: AsyncSession, key_id: str) -> bool:
    return await session.scalar(select(ApiKey.id).where(ApiKey.id == key_id)) is not None


async def _form(desk: Desk, session: AsyncSession, *, form: Form | None = None) -> Response:
    fields = [
        Ask(
            "name",
            N_("What it is for"),
            required=True,
            hint=N_("Such as: referrals of the District Hospital's record system."),
            attributes={"maxlength": 100},
        ),
        Ask("role", N_("Role"), "select", "clinic", required=True, choices=roles()),
        Ask(
            "place",
            N_("Place or care team"),
            required=True,
            listed=True,
            choices=await places_to_choose(session, desk),
            hint=N_("It opens the records of this place and of what is beneath it. * is every network."),
        ),
        Ask(
            "expires_in_days",
            N_("Ends after days"),
            "number",
            "365",
            N_("Empty: it lasts until it is taken back."),
            attributes={"min": 1, "max": 3660},
        ),
    ]
    says = [desk.say(N_("You are shown the key once. Only a hash of it is kept here."))]
    return asked(
        desk,
        desk.say(N_("A new key")),
        fields,
        back="/admin/keys",
        button=desk.say(N_("Make the key")),
        form=form,
        says=says,
        status=422 if form else 200,
    )
