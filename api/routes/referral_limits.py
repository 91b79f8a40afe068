"""Time limits of referrals: how long a network's places may stay silent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.depends import Session, may
from api.editing import as_read, etag, once, standing, stored
from api.models.referral_limits import ReferralLimitsIn, ReferralLimitsOut
from api.problems import Problem, not_found, unusable
from api.writing import Writes
from pathways.language.limits import BadLimits, as_written
from records.callers import Caller
from records.places import Places
from records.referral_limits import NetworkLimits, limits_in
from records.tables import Organisation, RequestLimits

router = APIRouter(prefix="/places", tags=["places"])


@router.get("/{place_id}/referral-limits", summary="How long places may stay silent")
async def read_referral_limits(
    caller: Annotated[Caller, may("places.read")], session: Session, place_id: str, response: Response
) -> ReferralLimitsOut:
    """The limits of the place's network: a place that is asked may know what is expected of it."""
    place = await _place(session, caller, place_id)
    return _shown(place.network_id, await NetworkLimits(session).row(place.network_id), response)


@router.put("/{place_id}/referral-limits", summary="Change how long places may stay silent")
async def change_referral_limits(
    caller: Annotated[Caller, may("referral_limits.write")],
    writing: Writes,
    place_id: str,
    body: ReferralLimitsIn,
    response: Response,
) -> ReferralLimitsOut:
    """Replace what a network wrote down (If-Match names what was read; "0" where nobody wrote any down).

    Open referrals keep to it at once: what is over by the new limits is acted on within a minute.
    """
    async with writing.parts.database.begin() as session:
        network = await _network(session, caller, place_id)
        sent = await once(writing, session)
        limits = NetworkLimits(session)
        row = await limits.row(network, lock=True)
        if sent.made is None:
            as_read(writing.if_match, row.version if row is not None else 0)
            wanted = body.model_dump(mode="json", exclude_none=True)["limits"]
            try:
                row = await limits.write(network, wanted, by=caller.id, at=await writing.parts.clock.now(session))
            except BadLimits as refused:
                raise unusable(f"body.limits.{refused.field}", refused.what, refused.remedy) from None
            sent.note(network)
            await stored(session, "Somebody else wrote down limits for this network just now. Read them, and send yours again.")
        return _shown(network, row, response)


async def _network(session: AsyncSession, caller: Caller, place_id: str) -> str:
    """The network that the place is. Raises Problem where it is no network, or the caller does not stand over all of it."""
    place = await _place(session, caller, place_id)
    if place.id != place.network_id:
        raise Problem(409, f"Limits of referrals are the network's. Send them to /places/{place.network_id}/referral-limits.")
    if not (await standing(session, caller)).covers(place.id):
        raise Problem(403, "Limits of referrals hold for the whole network. Ask a coordinator of the network to change them.")
    return place.id


async def _place(session: AsyncSession, caller: Caller, place_id: str) -> Organisation:
    place = await session.get(Organisation, place_id)
    seen = await Places(session).seen_from(caller.place)
    if place is None or not (seen is None or place.id in seen):
        raise not_found()
    return place


def _shown(network: str, row: RequestLimits | None, response: Response) -> ReferralLimitsOut:
    response.headers["ETag"] = etag(row.version if row is not None else 0)
    body = row.body if row is not None else {}
    return ReferralLimitsOut.model_validate(
        {
            "network": network,
            "version": row.version if row is not None else 0,
            "changed": row.changed if row is not None else None,
            "limits": as_written(limits_in(body)),
            "written": body,
        }
    )
