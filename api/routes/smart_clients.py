"""Record systems that sign in by SMART Backend Services: registered, changed, revoked.

Rule 1: only public keys are taken; whoever sends a private one is told to make a new pair.
Rule 2: a change ends the tokens that were given before it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from activities.keysets import BadKeySet, Document, checked
from activities.webhooks.reaching import NotAllowed, check
from api.depends import After, Limit, Session, may
from api.editing import as_read, etag, once, standing
from api.fhir.registry import KINDS
from api.granting import fits, given, theirs_to_give
from api.models.smart import SmartClientChange, SmartClientIn, SmartClientOut, SmartClientPage
from api.parts import ApiParts
from api.problems import Problem, not_found, unusable, unusable_where
from api.smart.scopes import read
from api.trail import trail_of
from api.writing import Writes
from records.callers import Caller
from records.smart import SmartClients
from records.tables import SmartClient

router = APIRouter(prefix="/smart-clients", tags=["access"])

Manages = Annotated[Caller, may("keys.manage")]
ClientId = Annotated[str, Path(max_length=40)]
TAKEN = ("clinic", "pharmacy", "doctor", "health_manager", "coordinator")


@router.get("", summary="Record systems")
async def list_clients(caller: Manages, session: Session, limit: Limit = 50, after: After = None) -> SmartClientPage:
    """Those of the caller's place and what is beneath it, revoked ones too."""
    page = await SmartClients(session).page(await standing(session, caller), limit=limit, after=after)
    return SmartClientPage(items=[_shown(row) for row in page.items], next=page.next)


@router.post("", summary="Register a record system", status_code=201)
async def add_client(caller: Manages, writing: Writes, request: Request, body: SmartClientIn, response: Response) -> SmartClientOut:
    """The ``id`` that comes back is its client_id; see /fhir/.well-known/smart-configuration for where it signs in."""
    jwks = _keys(writing.parts, body)
    if body.role not in TAKEN:
        raise unusable("role", "reads no records", f"use one of: {', '.join(TAKEN)}")
    async with writing.parts.database.begin() as session:
        await fits(session, body.role, body.place)
        theirs_to_give(caller, await standing(session, caller), body.role, body.place)
        sent, clients = await once(writing, session), SmartClients(session)
        row = await session.get(SmartClient, sent.made) if sent.made else None
        if row is None:
            row = clients.add(body.name, body.role, body.place, jwks=jwks, jwks_url=body.jwks_url, scopes=body.scopes)
            sent.note(row.id)
            await session.flush()
        shown = _shown(row)
    trail_of(request).record = given(shown.id, shown.role, shown.place)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.get("/{smart_client_id}", summary="One record system")
async def read_client(caller: Manages, session: Session, smart_client_id: ClientId, response: Response) -> SmartClientOut:
    """How it is registered."""
    row = await SmartClients(session).one(smart_client_id, await standing(session, caller), held=False)
    if row is None:
        raise not_found()
    response.headers["ETag"] = etag(row.version)
    return _shown(row)


@router.put("/{smart_client_id}", summary="Change a record system's keys or scopes")
async def change_client(
    caller: Manages, writing: Writes, request: Request, smart_client_id: ClientId, body: SmartClientChange, response: Response
) -> SmartClientOut:
    """Replace its name, its keys and its scopes (If-Match names what was read); tokens that it holds end."""
    jwks = _keys(writing.parts, body)
    async with writing.parts.database.begin() as session:
        row = await _theirs(session, caller, smart_client_id)
        sent = await once(writing, session)
        if sent.made is None:
            as_read(writing.if_match, row.version)
            if row.revoked is not None:
                raise Problem(409, "This record system was revoked. Register it anew with POST /smart-clients.")
            row.name, row.jwks, row.jwks_url, row.scopes = body.name, jwks, body.jwks_url, sorted(set(body.scopes))
            row.version += 1
            sent.note(row.id)
        shown = _shown(row)
    writing.parts.keys.forget()
    trail_of(request).record = given(shown.id, shown.role, shown.place)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.delete("/{smart_client_id}", summary="Revoke a record system", status_code=204)
async def revoke_client(caller: Manages, writing: Writes, smart_client_id: ClientId) -> None:
    """It signs in no more and its tokens end (elsewhere within seconds); its row stays, so that the audit log has names."""
    async with writing.parts.database.begin() as session:
        row = await _theirs(session, caller, smart_client_id)
        if row.revoked is None:
            SmartClients(session).revoke(row)
    writing.parts.keys.forget()


async def _theirs(session: AsyncSession, caller: Caller, client_id: str) -> SmartClient:
    under = await standing(session, caller)
    row = await SmartClients(session).one(client_id, under)
    if row is None:
        raise not_found()
    theirs_to_give(caller, under, row.role, row.place)
    return row


def _keys(parts: ApiParts, body: SmartClientChange) -> Document | None:
    """The key set as it is kept. Raises Problem 422."""
    found = [read(scope) for scope in body.scopes]
    if any(one is None or (one[0] != "*" and one[0] not in KINDS) for one in found):
        remedy = f"write them as system/Task.rs or system/Task.read, of * or: {', '.join(sorted(KINDS))}"
        raise unusable("scopes", "holds a scope that is none of ours", remedy)
    if (body.jwks is None) == (body.jwks_url is None):
        raise unusable("jwks", "and jwks_url go not together", "send one of the two: the keys, or where to fetch them")
    with unusable_where("jwks_url", NotAllowed), unusable_where("jwks", BadKeySet):
        if body.jwks_url is not None:
            check(body.jwks_url, parts.keysets.within)
        return checked(body.jwks) if body.jwks is not None else None


def _shown(row: SmartClient) -> SmartClientOut:
    return SmartClientOut(
        id=row.id,
        name=row.name,
        role=row.role,
        place=row.place,
        jwks=row.jwks,
        jwks_url=row.jwks_url,
        scopes=row.scopes,
        created=row.created,
        revoked=row.revoked,
        version=row.version,
    )
