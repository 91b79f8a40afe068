"""Signing in with a login and a password, and out again.

Rule: whatever was wrong looks alike: nobody learns here which logins there are, nor which of them are locked.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from api.depends import Parts, may
from api.models.access import SignedIn, SignIn
from api.problems import Problem
from api.writing import Writes
from records.accounts import SignIns
from records.callers import Caller, Keys
from records.tables import ApiKey

router = APIRouter(prefix="/sessions", tags=["access"])


@router.post("", summary="Sign in", status_code=201)
async def sign_in(parts: Parts, body: SignIn) -> SignedIn:
    """A token that is sent as a key; it lasts a working day. Ten failures close an account for a quarter of an hour."""
    made = await SignIns(parts.database, parts.passwords).sign_in(body.login, body.password)
    if made is None or made[1].expires is None:
        raise Problem(
            401,
            "This login and password do not go together, or too many tries have failed: after ten, wait a quarter of an hour.",
        )
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
