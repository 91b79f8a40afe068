"""Record systems that may call the CDS Hooks services: registered, listed, revoked; and what became of their cards."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from activities.keysets import BadKeySet, checked
from activities.webhooks.reaching import NotAllowed, check
from api.depends import After, Limit, Parts, Session, may
from api.editing import once, standing, stored
from api.granting import fits, given, theirs_to_give
from api.hooks.signing import ALGORITHMS
from api.models.cds import ClientIn, ClientOut, ClientPage, CountOut, CountsOut
from api.parts import ApiParts
from api.problems import not_found, unusable, unusable_where
from api.rights import roles_with
from api.trail import trail_of
from api.writing import Writes
from records.callers import Caller
from records.hooks import HookCards, HookClients
from records.tables import HookClient

router = APIRouter(tags=["cds hooks"])

Manages = Annotated[Caller, may("hooks.manage")]
TAKEN = "This issuer is registered already. Revoke the client that it belongs to first."


@router.get("/hook-clients", summary="Record systems that may call")
async def list_clients(caller: Manages, session: Session, limit: Limit = 50, after: After = None) -> ClientPage:
    """Those of the caller's place and what is beneath it, revoked ones too."""
    page = await HookClients(session).page(await standing(session, caller), limit=limit, after=after)
    return ClientPage(items=[_shown(row) for row in page.items], next=page.next)


@router.post("/hook-clients", summary="Let a record system call", status_code=201)
async def add_client(caller: Manages, writing: Writes, request: Request, body: ClientIn) -> ClientOut:
    """Its tokens are believed from now on: signed by these keys, for one service each, once."""
    jwks = _usable(writing.parts, body)
    async with writing.parts.database.begin() as session:
        await fits(session, body.role, body.place)
        theirs_to_give(caller, await standing(session, caller), body.role, body.place)
        clients = HookClients(session)
        sent = await once(writing, session)
        made = await session.get(HookClient, sent.made) if sent.made is not None else None
        if made is None:
            now = await writing.parts.clock.now(session)
            made = await clients.add(body.name, body.role, body.place, body.issuer, jwks=jwks, jwks_url=body.jwks_url, at=now)
            await stored(session, TAKEN)
            sent.note(made.id)
        shown = _shown(made)
    trail_of(request).record = given(shown.id, shown.role, shown.place)
    return shown


@router.delete("/hook-clients/{hook_client_id}", summary="Let it call no more", status_code=204)
async def revoke_client(caller: Manages, writing: Writes, hook_client_id: Annotated[str, Path(max_length=40)]) -> None:
    """None of its tokens is taken from now on; its row stays, so that the audit log has names."""
    async with writing.parts.database.begin() as session:
        under = await standing(session, caller)
        row = await HookClients(session).one(hook_client_id, under)
        if row is None:
            raise not_found()
        theirs_to_give(caller, under, row.role, row.place)
        row.revoked = row.revoked or await writing.parts.clock.now(session)


@router.get("/hook-feedback", summary="What became of the cards")
async def count_feedback(
    caller: Annotated[Caller, may("hooks.feedback")],
    session: Session,
    parts: Parts,
    days: Annotated[int, Query(ge=1, le=400, description="how far back")] = 90,
) -> CountsOut:
    """Counts by service, row, outcome and reason: which rows are overridden, and why."""
    since = await parts.clock.now(session) - timedelta(days=days)
    counts = await HookCards(session).counts(await standing(session, caller), since=since)
    items = [CountOut(service=c.service, row=c.row, outcome=c.outcome, reason=c.reason, cards=c.cards) for c in counts]
    return CountsOut(since=since, items=items)


def _usable(parts: ApiParts, body: ClientIn) -> dict[str, Any] | None:
    """The key set as it is kept. Raises Problem 422."""
    if (body.jwks is None) == (body.jwks_url is None):
        raise unusable("jwks", "and jwks_url exclude each other, and one is needed", "send the public keys, or where they are")
    if body.role not in roles_with("hooks.call"):
        raise unusable("role", "may not call hooks", f"use one of: {', '.join(roles_with('hooks.call'))}")
    with unusable_where("jwks", BadKeySet), unusable_where("jwks_url", NotAllowed):
        if body.jwks is not None:
            return checked(body.jwks, algs=ALGORITHMS)
        check(body.jwks_url or "", parts.webhook_hosts)
    return None


def _shown(row: HookClient) -> ClientOut:
    return ClientOut(
        id=row.id,
        name=row.name,
        role=row.role,
        place=row.place,
        issuer=row.issuer,
        jwks=row.jwks,
        jwks_url=row.jwks_url,
        created=row.created,
        revoked=row.revoked,
    )
