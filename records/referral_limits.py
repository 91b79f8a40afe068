"""Time limits of referrals: how long a network waits at each stage, by urgency.

Rule 1: a row holds what differs from the shipped table; a network without a row keeps that.
Rule 2: a change reaches the referrals that are open: their patients are looked at at once, by the new limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.limits import Limits
from pathways.language.limits import read_limits, shipped_limits
from records.referrals import OPEN
from records.tables import Organisation, Patient, ReferralRow, RequestLimits

_EDITS = (
    select(Organisation.id, Organisation.network_id, RequestLimits.version)
    .outerjoin(RequestLimits, RequestLimits.network_id == Organisation.network_id)
    .where(Organisation.id.in_(bindparam("places", expanding=True)))
)


@dataclass(frozen=True)
class NetworkLimits:
    """Limits of networks, in one transaction."""

    session: AsyncSession

    async def row(self, network: str, *, lock: bool = False) -> RequestLimits | None:
        """What the network wrote down, if it did. ``lock``: held against anybody else's change."""
        return await self.session.get(RequestLimits, network, with_for_update=lock or None, populate_existing=lock)

    async def of(self, network: str) -> Limits:
        """The limits that hold in the network."""
        row = await self.row(network)
        return limits_in(row.body if row is not None else {})

    async def edits(self, places: Iterable[str]) -> dict[str, tuple[str, int | None]]:
        """By place: its network, and the edits of its limits; None where the shipped ones hold."""
        wanted = sorted(set(places))
        rows = (await self.session.execute(_EDITS, {"places": wanted})).all() if wanted else []
        return {place: (network, edits) for place, network, edits in rows}

    async def write(self, network: str, body: Mapping[str, Any], *, by: str, at: datetime) -> RequestLimits:
        """Replace what the network wrote down, and have its open referrals looked at. Raises BadLimits."""
        limits_in(body)
        row = await self.row(network, lock=True)
        if row is None:
            row = RequestLimits(network_id=network, body=dict(body), changed=at, by=by, version=1)
            self.session.add(row)
        else:
            row.body, row.changed, row.by, row.version = dict(body), at, by, row.version + 1
        await self._look_at_open_ones(network, at)
        return row

    async def _look_at_open_ones(self, network: str, at: datetime) -> None:
        """Whoever has a referral at one of the network's places is due now: the step works out anew when it is due next."""
        places = select(Organisation.id).where(Organisation.network_id == network)
        asked = select(ReferralRow.patient_id).where(ReferralRow.place_id.in_(places), ReferralRow.stage.in_(sorted(OPEN)))
        look = update(Patient).where(Patient.id.in_(asked), Patient.next_due > at).values(next_due=at)
        await self.session.execute(look, execution_options={"synchronize_session": False})


def limits_in(body: Mapping[str, Any]) -> Limits:
    """The limits that ``body`` writes down over the shipped ones. Raises BadLimits."""
    return read_limits(body, over=shipped_limits())
