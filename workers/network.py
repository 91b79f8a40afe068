"""A first network: its root, one centre with its care team, hospitals and pharmacies in the order in which they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.callers import Keys
from records.tables import CareTeam, Organisation

DEFAULT_TEAM = "team-1"
NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Place:
    """A centre, hospital or pharmacy to set up."""

    id: str
    kind: str
    name: str
    rank: int = 0
    phone: str = ""
    parent: str | None = NETWORK


SMALL_NETWORK = (
    Place(NETWORK, "network", "Network", parent=None),
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
    for place in places:  # a parent comes before what is beneath it
        session.add(
            Organisation(
                id=place.id,
                kind=place.kind,
                name=place.name,
                rank=place.rank,
                phone=place.phone,
                parent_id=place.parent,
                network_id=NETWORK,
            )
        )
        await session.flush()
    centre = next(place for place in places if place.kind == "centre")
    session.add(
        CareTeam(id=DEFAULT_TEAM, organisation_id=centre.id, name="Team 1", timezone=timezone, on_call_phone="+8613800000001")
    )


async def new_key(session: AsyncSession, name: str, role: str, place: str) -> str:
    """Make an API key; it is shown this once."""
    key, _ = Keys(session).add(name, role, place)
    return key
