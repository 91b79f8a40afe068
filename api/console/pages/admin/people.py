"""People: their accounts, what each may do and where, and what to do when somebody has lost their way in."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.forms import Form, made
from api.console.pages.admin.asking import Ask, asked, names_of_places, page, places_to_choose, refused, roles
from api.depends import Session
from api.editing import standing
from api.models.access import AccountChange, AccountIn, AccountOut
from api.models.smart import SubjectIn
from api.problems import Problem, not_found
from api.routes.accounts import change_account, make_account, out_of, read_account, reset_second_factor
from api.routes.subjects import link_subject, list_subjects, unlink_subject
from records.accounts import Accounts
from records.second_factor import LETTERS

router = APIRouter(include_in_schema=False)
Manages = Annotated[Desk, at("accounts.manage")]
Short = Annotated[str, Query(max_length=400)]
#: What can be done with an account: the button, what it does, and whether it is dangerous.
DEEDS = {
    "disable": (
        N_("Close the account"),
        N_("They are signed out at once, and nobody signs in with it. What they did stays in the records. It can be opened again."),
        True,
    ),
    "enable": (N_("Open the account again"), N_("They sign in with the password they had."), False),
    "password": (
        N_("Make another password"),
        N_(
            "Their password opens nothing from now on, and they are signed out everywhere. You "
            "are shown a new one, once, to tell them; they change it on their own page."
        ),
        True,
    ),
    "second-factor": (
        N_("Reset the second factor"),
        N_(
            "A password alone lets them in, and they are signed out everywhere. Do this only for "
            "somebody whom you know by face or voice: whoever has stolen a password will ask you "
            "for it."
        ),
        True,
    ),
}


@router.get("/admin/people")
async def people(desk: Manages, session: Session, find: Short = "", after: Short | None = None) -> Response:
    """By login."""
    accounts = Accounts(session)
    found = await accounts.by_login(await standing(session, desk.caller), beginning=find, limit=25, after=after)
    shown = await out_of(session, found.items)
    names = await names_of_places(session, [one.place for one in shown])
    return page(desk, "people.html", people=shown, next=found.next, names=names, find=find)


@router.get("/admin/people/new")
async def new_person(desk: Manages, session: Session) -> Response:
    """An empty form."""
    return await _form(desk, session)


@router.post("/admin/people/new")
async def make(desk: Manages) -> Response:
    """A new account with a first password, which is shown this once."""
    form, password = desk.form, None if desk.form.text("elsewhere") else _first_password()
    try:
        sent = made(
            AccountIn,
            login=form.text("login"),
            name=form.text("name"),
            role=form.text("role"),
            place=form.text("place"),
            password=password,
        )
        account = await make_account(desk.caller, desk.writing(), desk.request, sent, Response())
    except Problem as problem:
        async with desk.parts.database.reading() as session:
            return await _form(desk, session, form=refused(desk, problem))
    if password is None:
        return desk.go(f"/admin/people/{account.id}", said="saved")
    return page(
        desk,
        "secret.html",
        kind="password",
        about=account.name or account.login,
        login=account.login,
        secret=password,
        back=f"/admin/people/{account.id}",
    )


@router.get("/admin/people/{account_id}")
async def person_page(desk: Manages, session: Session, account_id: str) -> Response:
    """Who it is, what they may do, and what can be done."""
    return await _person(desk, session, account_id)


@router.post("/admin/people/{account_id}")
async def change(desk: Manages, account_id: str) -> Response:
    """Another name, role or place; it counts at once."""
    form = desk.form
    async with desk.parts.database.reading() as session:
        known = await read_account(desk.caller, session, account_id, Response())
    try:
        sent = made(
            AccountChange, name=form.text("name"), role=form.text("role"), place=form.text("place"), disabled=known.disabled
        )
        await change_account(desk.caller, desk.writing(), desk.request, account_id, sent, Response())
    except Problem as problem:
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _person(desk, session, account_id, form=told)
    return desk.go(f"/admin/people/{account_id}", said="saved")


@router.post("/admin/people/{account_id}/subjects")
async def link(desk: Manages, account_id: str) -> Response:
    """Whoever signs in as this subject elsewhere is signed in as them."""
    form = desk.form
    try:
        sent = made(SubjectIn, subject=form.text("subject"))
        await link_subject(desk.caller, desk.writing(), desk.request, account_id, sent)
    except Problem as problem:
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _person(desk, session, account_id, form=told)
    return desk.go(f"/admin/people/{account_id}", said="saved")


@router.post("/admin/people/{account_id}/subjects/unlink")
async def unlink(desk: Manages, account_id: str) -> Response:
    """They sign in so no more."""
    await unlink_subject(desk.caller, desk.writing(), desk.request, account_id, desk.form.text("subject"), desk.form.text("issuer"))
    return desk.go(f"/admin/people/{account_id}", said="saved")


@router.get("/admin/people/{account_id}/{deed}")
async def before_deed(desk: Manages, session: Session, account_id: str, deed: str) -> Response:
    """What it will do."""
    return await _deed_form(desk, session, account_id, deed)


@router.post("/admin/people/{account_id}/{deed}")
async def do(desk: Manages, account_id: str, deed: str) -> Response:
    """It is done."""
    password = _first_password() if deed == "password" else None
    async with desk.parts.database.reading() as session:
        account = await read_account(desk.caller, session, account_id, Response())
    if deed not in DEEDS:
        raise not_found()
    writing = desk.writing()
    try:
        if deed == "second-factor":
            await reset_second_factor(desk.caller, writing, account_id)
        else:
            closed = account.disabled if deed == "password" else deed == "disable"
            sent = AccountChange(name=account.name, role=account.role, place=account.place, disabled=closed, password=password)
            await change_account(desk.caller, writing, desk.request, account_id, sent, Response())
    except Problem as problem:
        if problem.status == 403:
            raise
        told = refused(desk, problem)
        async with desk.parts.database.reading() as session:
            return await _deed_form(desk, session, account_id, deed, form=told)
    if password is not None:
        return page(
            desk,
            "secret.html",
            kind="password",
            about=account.name or account.login,
            login=account.login,
            secret=password,
            back=f"/admin/people/{account_id}",
        )
    return desk.go(f"/admin/people/{account_id}", said="saved")


async def _deed_form(desk: Desk, session: AsyncSession, account_id: str, deed: str, *, form: Form | None = None) -> Response:
    answer = Response()
    account = await read_account(desk.caller, session, account_id, answer)
    if deed not in DEEDS:
        raise not_found()
    button, does, danger = DEEDS[deed]
    return asked(
        desk,
        desk.say(button),
        (),
        back=f"/admin/people/{account_id}",
        button=desk.say(button),
        says=[desk.say(does)],
        danger=danger,
        read=answer.headers["etag"],
        about=account.name or account.login,
        form=form,
        status=409 if form else 200,
    )


async def _person(desk: Desk, session: AsyncSession, account_id: str, *, form: Form | None = None) -> Response:
    answer = Response()
    account = await read_account(desk.caller, session, account_id, answer)
    subjects = await list_subjects(desk.caller, session, account_id)
    read = desk.form.text("read") if form else answer.headers["etag"]
    return page(
        desk,
        "person.html",
        status=422 if form else 200,
        person=account,
        subjects=subjects.items,
        read=read,
        form=form,
        fields=await _fields(desk, session, account),
        names=await names_of_places(session, [account.place]),
    )


async def _fields(desk: Desk, session: AsyncSession, account: AccountOut | None) -> list[Ask]:
    return [
        Ask(
            "name",
            N_("Name"),
            value=account.name if account else "",
            required=True,
            attributes={"maxlength": 100, "autocomplete": "off"},
        ),
        Ask("role", N_("Role"), "select", account.role if account else "health_manager", required=True, choices=roles()),
        Ask(
            "place",
            N_("Place or care team"),
            value=account.place if account else "",
            required=True,
            listed=True,
            choices=await places_to_choose(session, desk),
            hint=N_("They see the records of this place and of what is beneath it. * is every network."),
        ),
    ]


async def _form(desk: Desk, session: AsyncSession, *, form: Form | None = None) -> Response:
    login = Ask(
        "login",
        N_("Login"),
        required=True,
        hint=N_("What they write to sign in: letters, digits, dots; an e-mail address will do."),
        attributes={"autocomplete": "off", "maxlength": 100, "autocapitalize": "none"},
    )
    fields = [login, *await _fields(desk, session, None)]
    if desk.parts.openid is not None:
        fields.append(Ask("elsewhere", N_("They sign in at the sign-in service alone, without a password here"), "checkbox", "yes"))
    return asked(
        desk,
        desk.say(N_("A new person")),
        fields,
        back="/admin/people",
        button=desk.say(N_("Make the account")),
        form=form,
        says=[desk.say(N_("You are shown a first password, once, to tell them."))],
        status=422 if form else 200,
    )


def _first_password() -> str:
    """Easily told over a telephone, and guessed by nobody."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(3))
