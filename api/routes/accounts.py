"""Accounts: who may sign in, with what role, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing, stored
from api.granting import fits, given, theirs_to_give
from api.models.access import AccountChange, AccountIn, AccountOut, AccountPage
from api.problems import Problem, not_found, unusable
from api.trail import trail_of
from api.writing import Writes
from records.accounts import NO_PASSWORD, Accounts, WeakPassword, checked
from records.callers import Caller, Keys
from records.second_factor import SecondFactors, with_second_factor
from records.sign_in_limits import SignInLimits
from records.tables import Account

router = APIRouter(prefix="/accounts", tags=["access"])


@router.get("", summary="Accounts")
async def list_accounts(
    caller: Annotated[Caller, may("accounts.manage")], session: Session, limit: Limit = 50, after: After = None
) -> AccountPage:
    """Accounts of the caller's place and what is beneath it."""
    page = await Accounts(session).page(await standing(session, caller), limit=limit, after=after)
    return AccountPage(items=await out_of(session, page.items), next=page.next)


@router.get("/{account_id}", summary="One account")
async def read_account(
    caller: Annotated[Caller, may("accounts.manage")], session: Session, account_id: str, response: Response
) -> AccountOut:
    """An account of the caller's place or beneath it."""
    account = await session.get(Account, account_id)
    if account is None or not (await standing(session, caller)).covers(account.place):
        raise not_found()
    response.headers["ETag"] = etag(account.version)
    return await _looked_up(session, account)


@router.post("", summary="Make an account", status_code=201)
async def make_account(
    caller: Annotated[Caller, may("accounts.manage")], writing: Writes, request: Request, body: AccountIn, response: Response
) -> AccountOut:
    """A new account; whoever it is for takes another password with POST /me/password."""
    hashed = NO_PASSWORD
    if body.password is not None:
        hashed = await writing.parts.passwords.hashed(usable_password("password", body.password, body.login))
    async with writing.parts.database.begin() as session:
        await fits(session, body.role, body.place)
        theirs_to_give(caller, await standing(session, caller), body.role, body.place)
        sent, accounts = await once(writing, session), Accounts(session)
        account = await session.get(Account, sent.made) if sent.made else None
        if account is None:
            account = accounts.add(body.login, hashed, name=body.name, role=body.role, place=body.place)
            sent.note(account.id)
            await stored(session, "There is an account of this login already. Choose another login.")
        out = await _looked_up(session, account)
    trail_of(request).record = given(account.id, account.role, account.place)
    response.headers["ETag"] = etag(account.version)
    return out


@router.put("/{account_id}", summary="Change an account")
async def change_account(
    caller: Annotated[Caller, may("accounts.manage")],
    writing: Writes,
    request: Request,
    account_id: str,
    body: AccountChange,
    response: Response,
) -> AccountOut:
    """Replace what is known of it (If-Match names what was read). Whoever is signed in with a disabled account is so no more."""
    async with writing.parts.database.reading() as session:
        known = await session.get(Account, account_id)
    hashed = None
    if body.password is not None and known is not None:
        hashed = await writing.parts.passwords.hashed(usable_password("password", body.password, known.login))
    async with writing.parts.database.begin() as session:
        account = await _theirs(session, caller, account_id)
        sent, accounts = await once(writing, session), Accounts(session)
        if sent.made is None:
            as_read(writing.if_match, account.version)
            _not_ones_own(caller, account, body)
            await fits(session, body.role, body.place)
            theirs_to_give(caller, await standing(session, caller), body.role, body.place)
            account.name, account.role, account.place = body.name, body.role, body.place
            account.disabled = body.disabled
            account.version += 1
            if hashed is not None:
                await accounts.set_password(account, hashed)
                await SignInLimits(session, writing.parts.vault.derive("sign-ins")).forget(account.login)
            elif body.disabled:
                await Keys(session).end_sign_ins(account.id)
            sent.note(account.id)
        out = await _looked_up(session, account)
    writing.parts.keys.forget()
    trail_of(request).record = given(account.id, account.role, account.place)
    response.headers["ETag"] = etag(account.version)
    return out


@router.delete("/{account_id}/second-factor", summary="Reset a second factor", status_code=204)
async def reset_second_factor(caller: Annotated[Caller, may("accounts.manage")], writing: Writes, account_id: str) -> None:
    """For somebody who has lost their device and their recovery codes: a password is enough again, and they are signed out."""
    async with writing.parts.database.begin() as session:
        account = await _theirs(session, caller, account_id)
        if account.id == caller.id:
            raise Problem(403, "Another administrator resets your second factor; you turn it off yourself on your own page.")
        await SecondFactors(session, writing.parts.vault).remove(account.id)
        await Keys(session).end_sign_ins(account.id)
    writing.parts.keys.forget()


def _not_ones_own(caller: Caller, account: Account, body: AccountChange) -> None:
    """Raises Problem 403 where somebody would change what they themselves may do; a stolen sign-in sets no password, either."""
    stays = (body.role, body.place, body.disabled) == (account.role, account.place, account.disabled) and body.password is None
    if account.id == caller.id and not stays:
        raise Problem(
            403, "Another administrator changes your role, place and standing; your password you change with POST /me/password."
        )


async def _theirs(session: AsyncSession, caller: Caller, account_id: str) -> Account:
    under = await standing(session, caller)
    account = await Accounts(session).one(account_id, under)
    if account is None:
        raise not_found()
    theirs_to_give(caller, under, account.role, account.place)
    return account


def usable_password(field: str, password: str, login: str) -> str:
    """The password, if it may be one. Raises Problem 422."""
    try:
        return checked(password, login=login)
    except WeakPassword as weak:
        reason, _, remedy = str(weak).partition("; ")
        raise unusable(field, reason, remedy) from None


async def out_of(session: AsyncSession, rows: Sequence[Account]) -> list[AccountOut]:
    """Accounts as they are shown."""
    having = await with_second_factor(session, [row.id for row in rows])
    return [_shown(session, row, row.id in having) for row in rows]


async def _looked_up(session: AsyncSession, account: Account) -> AccountOut:
    return (await out_of(session, [account]))[0]


def _shown(session: AsyncSession, row: Account, second_factor: bool) -> AccountOut:
    return AccountOut(
        id=row.id,
        login=row.login,
        name=row.name,
        role=row.role,
        place=row.place,
        disabled=row.disabled,
        locked=Accounts(session).is_locked(row),
        second_factor=second_factor,
        created=row.created,
        version=row.version,
    )
