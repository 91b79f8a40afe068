"""A first network: one centre with its care team, hospitals and pharmacies in the order in which they are asked."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.keys import hashed
from records.tables import ApiKey, CareTeam, Organisation

DEFAULT_TEAM = "team-1"


@dataclass(frozen=True, slots=True)
class Place:
    """A centre, hospital or pharmacy to set up."""

    id: str
    kind: str
    name: str
    rank: int = 0
    phone: str = ""


SMALL_NETWORK = (
    Place("centre-1", "centre", "Xianshuigu Centre", 0, "022-2855 0100"),
    Place("hospital-1", "hospital", "District Hospital", 1),
    Place("hospital-2", "hospital", "County Hospital", 2),
    Place("pharmacy-1", "pharmacy", "Tongxin Pharmacy", 1),
    Place("pharmacy-2", "pharmacy", "Market Street Pharmacy", 2),
)


async def set_up_network(
    session: AsyncSession, places: Sequence[Place] = SMALL_NETWORK, *, timezone: str = "Asia/Shanghai"
) -> None:
    """Make the network unless there is one; a second call changes nothing."""
    if (await session.scalars(select(Organisation.id).limit(1))).first() is not None:
        return
    session.add_all(Organisation(id=p.id, kind=p.kind, name=p.name, rank=p.rank, phone=p.phone) for p in places)
    await session.flush()
    centre = next(place for place in places if place.kind == "centre")
    session.add(
        CareTeam(id=DEFAULT_TEAM, organisation_id=centre.id, name="Team 1", timezone=timezone, on_call_phone="+8613800000001")
    )


async def new_key(session: AsyncSession, name: str, role: str, place: str) -> str:
    """Make an API key; it is shown this once."""
    key = f"cairn_{secrets.token_urlsafe(32)}"
    session.add(ApiKey(hash=hashed(key), name=name, role=role, place=place))
    return key
