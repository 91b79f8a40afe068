"""Whom an account is at an OpenID provider: linked, listed, unlinked.

Rule: a link lets somebody in as the account, so it takes what it takes to hand that account out.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Session, may
from api.editing import standing
from api.granting import theirs_to_give
from api.models.smart import Issuer, Subject, SubjectIn, SubjectList, SubjectOut
from api.parts import ApiParts
from api.problems import Problem, not_found, unusable
from api.trail import trail_of
from api.writing import Writes
from records.accounts import Accounts
from records.callers import Caller
from records.subjects import Subjects
from records.tables import Account, AccountSubject

router = APIRouter(prefix="/accounts/{account_id}/subjects", tags=["access"])

Manages = Annotated[Caller, may("accounts.manage")]
MOST = 20


@router.get("", summary="Whom an account is elsewhere")
async def list_subjects(caller: Manages, session: Session, account_id: str) -> SubjectList:
    """By whom somebody is signed in as this account."""
    account = await session.get(Account, account_id)
    if account is None or not (await standing(session, caller)).covers(account.place):
        raise not_found()
    return SubjectList(items=[_shown(row) for row in await Subjects(session).of(account_id)], next=None)


@router.post("", summary="Link an account", status_code=201)
async def link_subject(caller: Manages, writing: Writes, request: Request, account_id: str, body: SubjectIn) -> SubjectOut:
    """Whoever signs in as this subject at this issuer is signed in as the account. Linking twice is linking once."""
    issuer = _issuer(writing.parts, body.issuer)
    async with writing.parts.database.begin() as session:
        account = await _theirs(session, caller, account_id)
        if account.id == caller.id:
            raise Problem(403, "Another administrator links your account: a stolen sign-in must not keep a way in.")
        row = await session.get(AccountSubject, (issuer, body.subject))
        if row is not None and row.account_id != account.id:
            raise Problem(409, "This subject is linked to another account. Unlink it there first.")
        if row is None:
            subjects = Subjects(session)
            if len(await subjects.of(account.id)) >= MOST:
                raise Problem(409, f"This account has {MOST} links already. Unlink what is not used.")
            try:
                row = await subjects.link(account.id, issuer, body.subject)
            except IntegrityError:
                raise Problem(409, "This subject was linked a moment ago. Look where, and decide again.") from None
        shown = _shown(row)
    trail_of(request).record = f"{account_id} linked"
    return shown


@router.delete("", summary="Unlink an account", status_code=204)
async def unlink_subject(
    caller: Manages,
    writing: Writes,
    request: Request,
    account_id: str,
    subject: Annotated[Subject, Query(description="as it is linked")],
    issuer: Annotated[Issuer | None, Query(description="the one in use, where left out")] = None,
) -> None:
    """Nobody signs in so any more; whoever is signed in with the account is signed out."""
    async with writing.parts.database.begin() as session:
        account = await _theirs(session, caller, account_id)
        row = await session.get(AccountSubject, (_issuer(writing.parts, issuer), subject))
        if row is None or row.account_id != account.id:
            raise not_found()
        await Subjects(session).unlink(row)
    writing.parts.keys.forget()
    trail_of(request).record = f"{account_id} unlinked"


async def _theirs(session: AsyncSession, caller: Caller, account_id: str) -> Account:
    under = await standing(session, caller)
    account = await Accounts(session).one(account_id, under)
    if account is None:
        raise not_found()
    theirs_to_give(caller, under, account.role, account.place)
    return account


def _issuer(parts: ApiParts, issuer: str | None) -> str:
    if issuer is not None:
        return issuer
    if parts.openid is None:
        raise unusable("issuer", "is not set up here", "name the provider's address, or have the operator set CAIRN_OIDC_ISSUER")
    return parts.openid.issuer


def _shown(row: AccountSubject) -> SubjectOut:
    return SubjectOut(issuer=row.issuer, subject=row.subject, created=row.created)
