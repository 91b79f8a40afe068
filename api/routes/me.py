"""Oneself: who I am here, and another password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from api.depends import may
from api.models.access import MeOut, PasswordIn
from api.problems import TOO_OFTEN, Problem, unusable
from api.rights import rights_of
from api.routes.accounts import usable_password
from api.signing import sign_ins, source_in
from api.writing import Writes
from records.callers import Caller
from records.tables import Account

router = APIRouter(prefix="/me", tags=["access"])


@router.get("", summary="Who calls")
async def read_me(caller: Annotated[Caller, may("self.read")]) -> MeOut:
    """The role, the place, and everything that may be done with this key or sign-in."""
    rights = [right for right in rights_of(caller.role) if caller.rights is None or right in caller.rights]
    return MeOut(
        id=caller.id,
        name=caller.name,
        role=caller.role,
        place=caller.place,
        account=caller.id != caller.key_id,
        rights=rights,
    )


@router.post("/password", summary="Another password", status_code=204, responses=TOO_OFTEN)
async def change_password(
    caller: Annotated[Caller, may("self.change")], writing: Writes, request: Request, body: PasswordIn
) -> None:
    """Whoever else is signed in with this account is signed out."""
    parts = writing.parts
    async with parts.database.reading() as session:
        account = await session.get(Account, caller.id) if caller.id != caller.key_id else None
    if account is None:
        raise Problem(409, "A key has no password; an administrator replaces it with POST /keys/{id}/rotate.")
    hashed = await parts.passwords.hashed(usable_password("new", body.new, account.login))
    changed = await sign_ins(parts).change_password(
        account.id, body.old, hashed, besides=caller.key_id, source=source_in(request, parts)
    )
    if not changed:
        raise unusable("old", "is not your password", "write the present one; after ten failures wait a quarter of an hour")
    parts.keys.forget()
