"""API keys: made, listed, rotated, revoked. What a key opens with is shown once, when it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import After, Limit, Session, may
from api.editing import Once, once, standing
from api.granting import fits, given, theirs_to_give
from api.models.access import KeyIn, KeyOut, KeyPage, NewKey, RotateIn
from api.problems import Problem, not_found
from api.trail import trail_of
from api.writing import Writes
from records.callers import Caller, Keys
from records.tables import ApiKey

router = APIRouter(prefix="/keys", tags=["access"])


@router.get("", summary="Keys")
async def list_keys(
    caller: Annotated[Caller, may("keys.manage")], session: Session, limit: Limit = 50, after: After = None
) -> KeyPage:
    """Keys of the caller's place and what is beneath it, revoked ones too; none of them shows what it opens with."""
    page = await Keys(session).page(await standing(session, caller), limit=limit, after=after)
    return KeyPage(items=[shown(row) for row in page.items], next=page.next)


@router.post("", summary="Make a key", status_code=201)
async def make_key(caller: Annotated[Caller, may("keys.manage")], writing: Writes, request: Request, body: KeyIn) -> NewKey:
    """A new key, shown this once. Its role, place and rights stay as they are; make another for others."""
    rights = frozenset(body.rights) if body.rights is not None else None
    async with writing.parts.database.begin() as session:
        await fits(session, body.role, body.place, rights)
        theirs_to_give(caller, await standing(session, caller), body.role, body.place, rights)
        sent = await once(writing, session)
        _not_shown_again(sent)
        keys = Keys(session)
        expires = keys.now() + timedelta(days=body.expires_in_days) if body.expires_in_days is not None else None
        key, row = keys.add(body.name, body.role, body.place, rights=rights, expires=expires)
        sent.note(row.id)
    writing.parts.keys.forget()
    trail_of(request).record = given(row.id, row.role, row.place)
    return NewKey(**shown(row).model_dump(), key=key)


@router.post("/{key_id}/rotate", summary="Replace a key", status_code=201)
async def rotate_key(
    caller: Annotated[Caller, may("keys.manage")], writing: Writes, request: Request, key_id: str, body: RotateIn | None = None
) -> NewKey:
    """A new key that does what the old one does, shown this once; the old one ends after the grace."""
    asked = body or RotateIn()
    async with writing.parts.database.begin() as session:
        keys, old = Keys(session), await _theirs(session, caller, key_id)
        sent = await once(writing, session)
        _not_shown_again(sent)
        if not keys.opens(old):
            raise Problem(409, "This key opens nothing any more. Make a new one with POST /keys.")
        lasts = timedelta(days=asked.expires_in_days) if asked.expires_in_days is not None else None
        key, row = keys.rotate(old, grace=timedelta(hours=asked.grace_hours), lasts=lasts)
        sent.note(row.id)
    writing.parts.keys.forget()
    trail_of(request).record = f"{key_id} replaced by {row.id}"[:120]
    return NewKey(**shown(row).model_dump(), key=key)


@router.delete("/{key_id}", summary="Revoke a key", status_code=204)
async def revoke_key(caller: Annotated[Caller, may("keys.manage")], writing: Writes, key_id: str) -> None:
    """The key opens nothing from now on (elsewhere within seconds); its row stays, so that the audit log has names."""
    async with writing.parts.database.begin() as session:
        Keys(session).revoke(await _theirs(session, caller, key_id))
    writing.parts.keys.forget()


async def _theirs(session: AsyncSession, caller: Caller, key_id: str) -> ApiKey:
    under = await standing(session, caller)
    row = await Keys(session).one(key_id, under)
    if row is None:
        raise not_found()
    theirs_to_give(caller, under, row.role, row.place, row.rights)
    return row


def _not_shown_again(sent: Once) -> None:
    if sent.made is not None:
        raise Problem(409, f"This request made the key {sent.made} before; a key is shown once. Revoke it and make another.")


def shown(row: ApiKey) -> KeyOut:
    """A key as it is listed."""
    return KeyOut(
        id=row.id,
        name=row.name,
        role=row.role,
        place=row.place,
        rights=row.rights,
        created=row.created,
        expires=row.expires,
        revoked=row.revoked,
        last_used=row.last_used,
    )
