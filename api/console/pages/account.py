"""Oneself: who I am here, another password, the second factor, where I am signed in, how I read.

Rule: what a stolen sign-in must not do (turn the second factor off, make other recovery codes) takes the password again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import segno
from fastapi import APIRouter
from fastapi.responses import Response
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at, first_page, only_sets_up
from api.console.forms import Form, wrong
from api.depends import Session
from api.models.access import PasswordIn
from api.problems import TOO_MANY, Problem, not_found
from api.routes.me import change_password
from api.signing import sign_ins, source_in
from api.trail import trail_of
from records.callers import Keys
from records.places import EVERYWHERE
from records.second_factor import SecondFactors, address_of
from records.sign_in_limits import TooManyTries
from records.tables import Account, ApiKey, CareTeam, Organisation, SecondFactor

NOTICES |= {
    "password_changed": N_("You have another password. Whoever else was signed in as you is so no more."),
    "second_factor_off": N_("Your second factor is turned off: your password alone lets you in."),
    "sign_in_ended": N_("That sign-in has ended."),
}
NOT_THE_CODE = N_("This is not the code of this moment. Look whether your device's clock is right, and write the newest code.")
NOT_THE_PASSWORD = N_("This is not your password. After several tries, wait a quarter of an hour.")
ITS_PROVIDERS = "Your second factor is asked for where you sign in; this account has no password here."

router = APIRouter(include_in_schema=False)
Reads = Annotated[Desk, at("self.read")]
Changes = Annotated[Desk, at("self.change")]


@router.get("/me")
async def me_page(desk: Reads, session: Session) -> Response:
    """Who I am here."""
    return await _me(desk, session)


@router.post("/me/password")
async def another_password(desk: Changes) -> Response:
    """Whoever else is signed in with this account is signed out."""
    form = desk.form
    try:
        if form.raw("new") != form.raw("again"):
            raise wrong("again", desk.say(N_("This is not the same. Write the new password twice alike.")))
        body = PasswordIn(old=form.raw("old")[:1000] or "-", new=form.raw("new")[:1000])
        await change_password(desk.caller, desk.writing(), desk.request, body)
    except TooManyTries:
        return await _again(desk, form.refused(Problem(429, desk.say(TOO_MANY))), 429)
    except Problem as problem:
        return await _again(desk, form.refused(problem), 422)
    return desk.go("/me", said="password_changed")


@router.get("/me/second-factor")
async def second_factor_page(desk: Reads, session: Session) -> Response:
    """What it is, the square to read, or how it stands."""
    return await _second_factor(desk, session)


@router.post("/me/second-factor/begin")
async def begin(desk: Changes) -> Response:
    """A secret for a device."""
    async with desk.parts.database.begin() as session:
        account = await _mine(desk, session, held=True)
        second = SecondFactors(session, desk.parts.vault)
        if not await second.is_asked_for(account.id):
            await second.begin(account.id)
    return desk.go("/me/second-factor")


@router.post("/me/second-factor")
async def confirm(desk: Changes) -> Response:
    """The device knows the secret: from now on its code is asked for. The recovery codes are shown this once."""
    async with desk.parts.database.begin() as session:
        account = await _mine(desk, session, held=True)
        codes = await SecondFactors(session, desk.parts.vault).confirm(account.id, desk.form.text("code"))
        limited = only_sets_up(desk.caller)
        if codes is not None and limited:
            row = await session.get_one(ApiKey, await Keys(session).hash_of(desk.caller.key_id))
            row.rights = None
    if codes is None:
        refused = desk.form.refused(wrong("code", desk.say(NOT_THE_CODE)))
        async with desk.parts.database.reading() as session:
            return await _second_factor(desk, session, refused)
    trail_of(desk.request).record = f"{desk.caller.id} second factor on"
    desk.parts.keys.forget()
    return desk.html("account/recovery.html", codes=codes, to=_on(desk) if limited else "/me")


@router.post("/me/second-factor/recovery")
async def other_recovery_codes(desk: Changes) -> Response:
    """Ten others; those before open nothing."""
    refused = await _not_proven(desk)
    async with desk.parts.database.begin() as session:
        if refused is not None:
            return await _second_factor(desk, session, refused)
        account = await _mine(desk, session, held=True)
        second = SecondFactors(session, desk.parts.vault)
        if not await second.is_asked_for(account.id):
            raise not_found()
        codes = await second.renew_recovery(account.id)
    trail_of(desk.request).record = f"{desk.caller.id} other recovery codes"
    return desk.html("account/recovery.html", codes=codes, to="/me")


@router.post("/me/second-factor/off")
async def turn_off(desk: Changes) -> Response:
    """The password alone lets in again, where the role allows it."""
    if desk.caller.role in desk.parts.must_have_second:
        raise Problem(403, "Your role takes a second factor. An administrator resets it when you change your device.")
    refused = await _not_proven(desk)
    async with desk.parts.database.begin() as session:
        if refused is not None:
            return await _second_factor(desk, session, refused)
        account = await _mine(desk, session, held=True)
        await SecondFactors(session, desk.parts.vault).remove(account.id)
    trail_of(desk.request).record = f"{desk.caller.id} second factor off"
    return desk.go("/me", said="second_factor_off")


@router.post("/me/sign-ins/end")
async def end_sign_in(desk: Changes) -> Response:
    """One of one's own sign-ins, or all but this one."""
    chosen = desk.form.text("which")
    async with desk.parts.database.begin() as session:
        account, keys = await _mine(desk, session), Keys(session, idle=desk.parts.idle)
        if chosen == "others":
            await keys.end_sign_ins(account.id, besides=desk.caller.key_id)
        else:
            for row in await keys.sign_ins(account.id):
                if row.id == chosen:
                    keys.revoke(row)
    desk.parts.keys.forget()
    return desk.go("/me#sign-ins", said="sign_in_ended")


async def _me(desk: Desk, session: AsyncSession, form: Form | None = None, status: int = 200) -> Response:
    caller = desk.caller
    account = await session.get(Account, caller.id) if caller.id != caller.key_id else None
    second = await session.get(SecondFactor, caller.id) if account is not None else None
    keys = Keys(session, idle=desk.parts.idle)
    rows = await keys.sign_ins(caller.id) if account is not None else []
    return desk.html(
        "account/me.html",
        status=status,
        account=account,
        form=form,
        place=await place_name(session, caller.place),
        second=second if second is not None and second.confirmed is not None else None,
        required=caller.role in desk.parts.must_have_second,
        sign_ins=[
            {"row": row, "ago": keys.now() - (row.last_used or row.created), "since": keys.now() - row.created} for row in rows
        ],
        idle=desk.parts.idle,
    )


async def _again(desk: Desk, form: Form, status: int) -> Response:
    async with desk.parts.database.reading() as session:
        return await _me(desk, session, form, status)


async def _second_factor(desk: Desk, session: AsyncSession, form: Form | None = None) -> Response:
    account = await _mine(desk, session)
    second = SecondFactors(session, desk.parts.vault)
    row = await second.of(account.id)
    secret = await second.begun(account.id)
    square = (
        Markup(segno.make(address_of(secret, account), error="m").svg_inline(scale=5, border=3, light="#fff")) if secret else ""
    )
    return desk.html(
        "account/second_factor.html",
        status=422 if form is not None else 200,
        row=row if row is not None and row.confirmed is not None else None,
        secret=" ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
        square=square,
        form=form,
        login=account.login,
        required=account.role in desk.parts.must_have_second,
        needed_now=only_sets_up(desk.caller),
    )


async def _mine(desk: Desk, session: AsyncSession, *, held: bool = False) -> Account:
    """One's own account. Raises Problem 409 for a key, and for somebody who signs in elsewhere alone."""
    known = desk.caller.id != desk.caller.key_id
    account = await session.get(Account, desk.caller.id, with_for_update=held or None) if known else None
    if account is None:
        raise Problem(409, "A key has no sign-ins and no second factor; an administrator replaces it.")
    if not account.password_hash and "second-factor" in desk.request.url.path:
        raise Problem(409, ITS_PROVIDERS)
    return account


async def _not_proven(desk: Desk) -> Form | None:
    """The form with what was wrong, unless it holds the password."""
    source = source_in(desk.request, desk.parts)
    try:
        if await sign_ins(desk.parts).knows_password(desk.caller.id, desk.form.raw("password")[:1000], source=source):
            return None
    except TooManyTries:
        return desk.form.refused(wrong("password", desk.say(TOO_MANY)))
    return desk.form.refused(wrong("password", desk.say(NOT_THE_PASSWORD)))


def _on(desk: Desk) -> str:
    """Where the day begins once everything is open."""
    return first_page(replace(desk.caller, rights=None))


async def place_name(session: AsyncSession, place: str) -> str:
    """What a place or a team is called; "" for every network."""
    if place == EVERYWHERE:
        return ""
    row: Any = await session.get(Organisation, place) or await session.get(CareTeam, place)
    return str(row.name) if row is not None else place
