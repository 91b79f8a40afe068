"""Connecting record systems: those that sign in (SMART), and those that ask for advice (CDS Hooks).

Rule 1: what may be done is what the API's routes do; only public keys are taken.
Rule 2: whatever ends something says so on a page of its own first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.admin.asking import Ask, asked, places_to_choose, refused
from api.depends import Session
from api.editing import etag
from api.models.cds import ClientIn
from api.models.smart import SmartClientChange, SmartClientIn
from api.problems import Problem
from api.rights import roles_with
from api.routes import hook_clients, smart_clients

router = APIRouter(include_in_schema=False)
Smart = Annotated[Desk, at("keys.manage")]
Hooks = Annotated[Desk, at("hooks.manage")]
BACK = "/admin/connections"
NOTICES |= {
    "connected": N_("Registered. What it signs in with stands beside it."),
}
KEYS = (
    Ask(
        "jwks_url",
        N_("Address of its public keys"),
        "url",
        hint=N_("An https address that we fetch them from; or leave it empty, and paste them below."),
        attributes={"maxlength": 500},
    ),
    Ask(
        "jwks",
        N_("Its public keys"),
        hint=N_("A key set as JSON (RFC 7517). Never a private key."),
        attributes={"maxlength": 20000},
    ),
)
NAME = Ask("name", N_("What it is called"), required=True, attributes={"maxlength": 100})
SCOPES = Ask(
    "scopes",
    N_("What it may do (SMART scopes)"),
    required=True,
    value="system/Task.rus system/ServiceRequest.rs",
    hint=N_("Parted by blanks. It never sees more than its role and place do."),
    attributes={"maxlength": 2000},
)
ENDS_SMART = N_("It signs in no more, and what it holds ends within seconds. It cannot be undone; register it anew then.")
ENDS_HOOKS = N_("It is not answered any more. It cannot be undone; register it anew then.")


# --- SMART: record systems that sign in


@router.get("/admin/connections/smart/new")
async def new_smart(desk: Smart, session: Session) -> Response:
    """An empty form."""
    return await _smart_form(desk, session)


@router.post("/admin/connections/smart/new")
async def add_smart(desk: Smart) -> Response:
    """Registered; its client_id is listed."""
    form = desk.form
    try:
        sent = made(SmartClientIn, **_smart(form), role=form.text("role"), place=form.text("place"))
        await smart_clients.add_client(desk.caller, desk.writing(), desk.request, sent, Response())
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            return await _smart_form(desk, session, form=refused(desk, problem))
    return desk.go(BACK, said="connected")


@router.get("/admin/connections/smart/{client_id}/change")
async def before_smart_change(desk: Smart, session: Session, client_id: str) -> Response:
    """With what is registered."""
    return await _smart_change(desk, session, client_id)


@router.post("/admin/connections/smart/{client_id}/change")
async def change_smart(desk: Smart, client_id: str) -> Response:
    """Other keys, or other scopes; tokens that were given before end."""
    try:
        await smart_clients.change_client(
            desk.caller, desk.writing(), desk.request, client_id, made(SmartClientChange, **_smart(desk.form)), Response()
        )
    except Problem as problem:
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _smart_change(desk, session, client_id, form=told)
    return desk.go(BACK, said="saved")


@router.get("/admin/connections/smart/{client_id}/revoke")
async def before_smart_end(desk: Smart, session: Session, client_id: str) -> Response:
    """What it ends."""
    one = await smart_clients.read_client(desk.caller, session, client_id, Response())
    return sure(desk, N_("Take it back?"), N_("Take it back"), ENDS_SMART, one.name)


@router.post("/admin/connections/smart/{client_id}/revoke")
async def end_smart(desk: Smart, client_id: str) -> Response:
    """It signs in no more."""
    await smart_clients.revoke_client(desk.caller, desk.writing(), client_id)
    return desk.go(BACK, said="saved")


# --- CDS Hooks: record systems that ask for advice


@router.get("/admin/connections/hooks/new")
async def new_hooks(desk: Hooks, session: Session) -> Response:
    """An empty form."""
    return await _hooks_form(desk, session)


@router.post("/admin/connections/hooks/new")
async def add_hooks(desk: Hooks) -> Response:
    """Its questions are answered from now on."""
    form = desk.form
    try:
        fields = {name: form.text(name) for name in ("name", "role", "place", "issuer", "jwks_url")}
        await hook_clients.add_client(desk.caller, desk.writing(), desk.request, made(ClientIn, **fields, jwks=_keys(form)))
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            return await _hooks_form(desk, session, form=refused(desk, problem))
    return desk.go(BACK, said="connected")


@router.get("/admin/connections/hooks/{client_id}/revoke")
async def before_hooks_end(desk: Hooks, client_id: str) -> Response:
    """What it ends."""
    return sure(desk, N_("Take it back?"), N_("Take it back"), ENDS_HOOKS)


@router.post("/admin/connections/hooks/{client_id}/revoke")
async def end_hooks(desk: Hooks, client_id: str) -> Response:
    """It is not answered any more."""
    await hook_clients.revoke_client(desk.caller, desk.writing(), client_id)
    return desk.go(BACK, said="saved")


def _keys(form: Form) -> Any:
    """The pasted key set. Raises Problem 422."""
    written = form.text("jwks")
    try:
        return json.loads(written) if written else None
    except ValueError:
        raise wrong("jwks", "This is not JSON.") from None


def _smart(form: Form) -> dict[str, Any]:
    scopes = form.text("scopes").split()
    return {"name": form.text("name"), "scopes": scopes, "jwks_url": form.text("jwks_url"), "jwks": _keys(form)}


def sure(desk: Desk, title: str, button: str, says: str, about: str = "") -> Response:
    """The page that asks before something ends. ``title``, ``button``, ``says``: keys of the catalogues."""
    said = [desk.say(says)]
    return asked(desk, desk.say(title), (), back=BACK, button=desk.say(button), danger=True, says=said, about=about)


async def _smart_form(desk: Desk, session: AsyncSession, *, form: Form | None = None) -> Response:
    fields = (NAME, *await _who(desk, session, smart_clients.TAKEN), SCOPES, *KEYS)
    says = [desk.say(N_("Only public keys are kept. It signs in with the client_id that is listed once it is registered."))]
    title = desk.say(N_("Register a record system"))
    return asked(
        desk, title, fields, back=BACK, button=desk.say(N_("Register it")), says=says, form=form, status=422 if form else 200
    )


async def _smart_change(desk: Desk, session: AsyncSession, client_id: str, *, form: Form | None = None) -> Response:
    one = await smart_clients.read_client(desk.caller, session, client_id, Response())
    known = {
        "name": one.name,
        "scopes": " ".join(one.scopes),
        "jwks_url": one.jwks_url or "",
        "jwks": json.dumps(one.jwks) if one.jwks else "",
    }
    fields = [valued(ask, known[ask.name]) for ask in (NAME, SCOPES, *KEYS)]
    says = [desk.say(N_("Tokens that it holds end, and it signs in anew."))]
    title, status = desk.say(N_("Keys and scopes")), 422 if form else 200
    return asked(desk, title, fields, back=BACK, read=etag(one.version), says=says, form=form, status=status, about=one.name)


async def _hooks_form(desk: Desk, session: AsyncSession, *, form: Form | None = None) -> Response:
    issuer = Ask("issuer", N_("Its name for itself (iss)"), required=True, attributes={"maxlength": 300})
    fields = (NAME, *await _who(desk, session, roles_with("hooks.call")), issuer, *KEYS)
    title = desk.say(N_("Let a record system ask for advice"))
    return asked(desk, title, fields, back=BACK, button=desk.say(N_("Register it")), form=form, status=422 if form else 200)


def valued(ask: Ask, value: str) -> Ask:
    """The same field with a value."""
    return Ask(ask.name, ask.label, ask.type, value, ask.hint, ask.required, ask.choices, ask.listed, ask.attributes)


async def _who(desk: Desk, session: AsyncSession, roles: Sequence[str]) -> tuple[Ask, Ask]:
    places = await places_to_choose(session, desk)
    return (
        Ask("role", N_("Role"), "select", "clinic", required=True, choices=[(role, role) for role in roles]),
        Ask("place", N_("Place or care team"), required=True, listed=True, choices=places),
    )
