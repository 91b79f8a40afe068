"""Outside CDS Hooks services whose advice a pathway's step may ask: registered, changed, switched off."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from activities.webhooks.reaching import NotAllowed, check
from api.depends import Parts, Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.advice import AdviceChange, AdviceIn, AdviceOut, AdvicePage
from api.problems import not_found, unusable, unusable_where
from api.writing import Writes
from records.advice import AdviceServices
from records.callers import Caller
from records.tables import AdviceService, Organisation

router = APIRouter(prefix="/advice-services", tags=["cds hooks"])

Manages = Annotated[Caller, may("hooks.manage")]
AdviceId = Annotated[str, Path(max_length=40)]
TAKEN = "This network has a service of that name. Change it, or choose another name."


@router.get("", summary="Services that are asked for advice")
async def list_services(caller: Manages, session: Session, parts: Parts) -> AdvicePage:
    """Those of the networks that the caller stands over."""
    under = await standing(session, caller)
    found = await AdviceServices(session, parts.vault).of(None if under.everywhere else under.organisations)
    return AdvicePage(items=[_shown(row) for row in found])


@router.post("", summary="Register a service", status_code=201)
async def add_service(caller: Manages, writing: Writes, body: AdviceIn, response: Response) -> AdviceOut:
    """A step that names it asks it from now on."""
    with unusable_where("body.url", NotAllowed):
        check(body.url, writing.parts.webhook_hosts)
    async with writing.parts.database.begin() as session:
        network = await session.get(Organisation, body.network)
        if network is None or not (await standing(session, caller)).covers(network.id):
            raise not_found()
        if network.kind != "network":
            raise unusable("body.network", "is no network", "name the network, whose pathways ask")
        sent = await once(writing, session)
        row = await session.get(AdviceService, sent.made) if sent.made is not None else None
        if row is None:
            row = AdviceServices(session, writing.parts.vault).add(
                network.id, body.name, body.url, timeout_ms=body.timeout_ms, token=body.token
            )
            await stored(session, TAKEN)
            sent.note(row.id)
        shown = _shown(row)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.get("/{advice_id}", summary="One service")
async def read_service(caller: Manages, session: Session, advice_id: AdviceId, response: Response) -> AdviceOut:
    """How it is registered; its token is shown to nobody."""
    row = await _theirs(session, caller, advice_id)
    response.headers["ETag"] = etag(row.version)
    return _shown(row)


@router.put("/{advice_id}", summary="Change a service")
async def change_service(
    caller: Manages, writing: Writes, advice_id: AdviceId, body: AdviceChange, response: Response
) -> AdviceOut:
    """Where it is, how long it is waited for, whether it is asked at all."""
    with unusable_where("body.url", NotAllowed):
        check(body.url, writing.parts.webhook_hosts)
    async with writing.parts.database.begin() as session:
        row = await _theirs(session, caller, advice_id, held=True)
        as_read(writing.if_match, row.version)
        row.url, row.timeout_ms, row.enabled, row.version = body.url, body.timeout_ms, body.enabled, row.version + 1
        if body.token is not None:
            AdviceServices(session, writing.parts.vault).signs_in(row, body.token)
        shown = _shown(row)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.delete("/{advice_id}", summary="Ask it no more", status_code=204)
async def delete_service(caller: Manages, writing: Writes, advice_id: AdviceId) -> None:
    """Steps that name it go on without, and say so."""
    async with writing.parts.database.begin() as session:
        row = await _theirs(session, caller, advice_id, held=True)
        as_read(writing.if_match, row.version, needed=False)
        await session.delete(row)


async def _theirs(session: AsyncSession, caller: Caller, advice_id: str, *, held: bool = False) -> AdviceService:
    row = await session.get(AdviceService, advice_id, with_for_update=held or None)
    if row is None or not (await standing(session, caller)).covers(row.network_id):
        raise not_found()
    return row


def _shown(row: AdviceService) -> AdviceOut:
    return AdviceOut(
        id=row.id,
        network=row.network_id,
        name=row.name,
        url=row.url,
        timeout_ms=row.timeout_ms,
        enabled=row.enabled,
        signs_in=row.sealed is not None,
        version=row.version,
    )
