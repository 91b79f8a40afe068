"""Signing in with a login and a password, and out again.

Rule: whatever was wrong looks alike: nobody learns here which logins there are, nor which of them are locked.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from api.depends import Parts, caller_of, may
from api.models.access import SignedIn, SignIn
from api.problems import TOO_OFTEN, Problem
from api.signing import device_in, done, refused, sign_ins, source_in
from api.writing import Writes
from records.callers import Caller, Keys
from records.sign_ins import CodeNeeded
from records.tables import ApiKey

WRONG = "This login and password do not go together, or too many tries have failed: after ten, wait a quarter of an hour."
router = APIRouter(prefix="/sessions", tags=["access"])


@router.post("", summary="Sign in", status_code=201, responses=TOO_OFTEN)
async def sign_in(request: Request, parts: Parts, body: SignIn) -> SignedIn:
    """A token that is sent as a key; it lasts a working day, and ends after an hour without a request. An account with a second
    factor takes its ``code``. Ten failures close an account for a quarter of an hour, five from one address close it to that one.
    """
    source, device = source_in(request, parts), device_in(request)
    try:
        made = await sign_ins(parts).sign_in(body.login, body.password, code=body.code, source=source, device=device)
    except CodeNeeded:
        raise Problem(401, "This account has a second factor: send the code that its device shows as `code`, too.") from None
    if made is None or made[1].expires is None:
        await refused(request, parts, body.login)
        raise Problem(401, WRONG)
    await done(request, await caller_of(parts, made[0]))
    return SignedIn(token=made[0], expires=made[1].expires)


@router.delete("/current", summary="Sign out", status_code=204)
async def sign_out(caller: Annotated[Caller, may("self.change")], writing: Writes) -> None:
    """The token opens nothing any more."""
    async with writing.parts.database.begin() as session:
        row = await session.get_one(ApiKey, await Keys(session).hash_of(caller.key_id))
        if row.account_id is None:
            raise Problem(409, "This is a key, and nobody signed in with it; an administrator revokes it with DELETE /keys/{id}.")
        Keys(session).revoke(row)
    writing.parts.keys.forget()
