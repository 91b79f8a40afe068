"""Rules of contact: when and how often a network's patients are texted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.contact_rules import ContactRulesIn, ContactRulesOut
from api.problems import Problem, not_found, unusable
from api.writing import Writes
from records.callers import Caller
from records.contact_rules import NetworkRules, NotDecent
from records.places import Places
from records.tables import ContactRulesRow, Organisation

router = APIRouter(prefix="/places", tags=["places"])


@router.get("/{place_id}/contact-rules", summary="When patients are texted")
async def read_contact_rules(
    caller: Annotated[Caller, may("places.read")], session: Session, place_id: str, response: Response
) -> ContactRulesOut:
    """The rules of the place's network."""
    place = await session.get(Organisation, place_id)
    seen = await Places(session).seen_from(caller.place)
    if place is None or not (seen is None or place.id in seen):
        raise not_found()
    return _shown(place.network_id, await NetworkRules(session).row(place.network_id), response)


@router.put("/{place_id}/contact-rules", summary="Change when patients are texted")
async def change_contact_rules(
    caller: Annotated[Caller, may("contact_rules.write")],
    writing: Writes,
    place_id: str,
    body: ContactRulesIn,
    response: Response,
) -> ContactRulesOut:
    """Replace a network's rules (If-Match names what was read; "0" where nobody wrote any down).

    What is not planned yet keeps to them from now on; what waits goes at the next moment that they allow.
    """
    async with writing.parts.database.begin() as session:
        network = await _network(session, caller, place_id)
        sent = await once(writing, session)
        rules = NetworkRules(session)
        row = await rules.row(network, lock=True)
        if sent.made is None:
            as_read(writing.if_match, row.version if row is not None else 0)
            wanted = body.model_dump(mode="json", exclude_unset=True)
            try:
                row = await rules.write(network, wanted, by=caller.id, at=await writing.parts.clock.now(session))
            except NotDecent as refused:
                raise unusable(refused.field, refused.what, refused.remedy) from None
            sent.note(network)
            await stored(session, "Somebody else wrote down rules for this network just now. Read them, and send yours again.")
        return _shown(network, row, response)


async def _network(session: AsyncSession, caller: Caller, place_id: str) -> str:
    """The network that the place is. Raises Problem where it is no network, or the caller does not stand over all of it."""
    place = await session.get(Organisation, place_id)
    seen = await Places(session).seen_from(caller.place)
    if place is None or not (seen is None or place.id in seen):
        raise not_found()
    if place.id != place.network_id:
        network = place.network_id
        raise Problem(409, f"Rules of contact are the network's. Send them to /places/{network}/contact-rules.")
    if not (await standing(session, caller)).covers(place.id):
        raise Problem(403, "Rules of contact hold for the whole network. Ask a coordinator of the network to change them.")
    return place.id


def _shown(network: str, row: ContactRulesRow | None, response: Response) -> ContactRulesOut:
    response.headers["ETag"] = etag(row.version if row is not None else 0)
    if row is None:
        return ContactRulesOut(network=network, version=0)
    return ContactRulesOut(network=network, version=row.version, changed=row.changed, **row.body)
