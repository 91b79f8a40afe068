"""What keeps a patient's texts from being sent, out of the holds, closures and stock of their network.

Rule 1: what a network has of them is read once and kept while its count of edits and the day stand; a network that never had
        any costs nothing.
Rule 2: closures and what a pharmacy lacks are holds by themselves. Of a closed centre the patient is told, for they are expected
        there; word of what a closed hospital or pharmacy has for them only waits. A medicine that a pharmacy lacks is said to be
        delayed; what it has set aside for a patient is there all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import blake2b
from typing import Literal, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.plan import Hold
from records.bookings import working_days
from records.holds import Holds
from records.places import WITH_TEAMS, folded
from records.refills import OPEN, medicine_of
from records.tables import Closure, MessageHold, Organisation, ReferralRow, RefillRow, Stock
from records.vault import PersonVault

UNKNOWN_END = timedelta(days=14)  # of a medicine of which the pharmacy does not know when it comes
OPENS_WITHIN = timedelta(days=30)
ZONES = timedelta(days=2)  # more than any two calendars are apart
OVER = ("completed", "refused", "cancelled", "sent_back")


@dataclass(frozen=True, slots=True)
class Kept:
    """A hold of a place, before it is known whom it concerns. ``spares_ready``: not what is set aside for a patient."""

    hold: Hold
    medicine: str = ""
    spares_ready: bool = False


@dataclass(frozen=True)
class Supply:
    """What a network's patients cannot be sent to, or for, by place."""

    by_place: Mapping[str, tuple[Kept, ...]] = field(default_factory=dict)
    asks_refills: bool = False
    asks_referrals: bool = False

    def at(self, *places: str | None) -> list[Kept]:
        """The holds of these places."""
        return [kept for place in dict.fromkeys(places) if place is not None for kept in self.by_place.get(place, ())]


async def supply_of(session: AsyncSession, network: str, today: date) -> Supply:
    """Read what the network has of holds, closures and lacking medicines that may matter ``today`` or later."""
    since, holds = today - ZONES, Holds(session)
    found: list[tuple[Organisation | None, str, Kept]] = []
    for row, place in await holds.placed(network, since):
        if row.last + timedelta(days=row.spread_days + 1) >= since:
            found.append((place, place.id, Kept(await _of_coordinator(session, row, place), row.medicine)))
    for closure, place in await holds.closed(network, since - timedelta(days=4)):
        found.append((place, place.id, Kept(await _of_closure(session, closure, place))))
    for stock in await holds.lacking(network, since - timedelta(days=4)):
        found.append((None, stock.pharmacy_id, Kept(_of_stock(stock, today), folded(stock.medicine), spares_ready=True)))
    by_place: dict[str, tuple[Kept, ...]] = {}
    for _, place_id, kept in found:
        by_place[place_id] = (*by_place.get(place_id, ()), kept)
    kinds = {(place.kind if place is not None else "pharmacy", bool(kept.medicine)) for place, _, kept in found}
    return Supply(
        by_place,
        asks_refills=any(medicine or kind in ("pharmacy", "network") for kind, medicine in kinds),
        asks_referrals=any(not medicine and kind in ("hospital", "network") for kind, medicine in kinds),
    )


async def _of_coordinator(session: AsyncSession, row: MessageHold, place: Organisation) -> Hold:
    why: Literal["place_closed", "out_of_stock"] = "out_of_stock" if row.medicine else "place_closed"
    action = cast(Literal["hold", "reword", "redirect"], row.action)
    opens = await _opens(session, place, row.last) if action == "reword" and why == "place_closed" else None
    return Hold(row.id, action, why, row.first, row.last, row.spread_days, opens=opens, to=row.redirect_to or "")


async def _of_closure(session: AsyncSession, closure: Closure, place: Organisation) -> Hold:
    days = (closure.last - closure.first).days + 1
    hold = Hold(f"closure/{closure.id}", "hold", "place_closed", closure.first, closure.last, spread_days=min(3, days // 2))
    if place.kind not in WITH_TEAMS:
        return hold
    return replace(hold, action="reword", opens=await _opens(session, place, closure.last))


def _of_stock(stock: Stock, today: date) -> Hold:
    last = today + UNKNOWN_END if stock.until is None else stock.until - timedelta(days=1)
    named = blake2b(stock.medicine.encode(), digest_size=6).hexdigest()  # a medicine's name tells a diagnosis
    return Hold(f"stock/{stock.pharmacy_id}/{named}", "reword", "out_of_stock", min(stock.changed.date() - ZONES, last), last)


async def _opens(session: AsyncSession, place: Organisation, last: date) -> date | None:
    """The first day after ``last`` on which the place works; None where none comes soon."""
    if place.kind not in WITH_TEAMS:
        return None
    worked = await working_days(session, place.id, last, last + OPENS_WITHIN)
    days = (last + timedelta(days=n) for n in range(1, OPENS_WITHIN.days + 1))
    return next((day for day in days if worked(day)), None)


async def holds_for(
    session: AsyncSession,
    supply: Supply,
    team: Iterable[str | None],
    network: str,
    patient_id: str,
    person: PersonVault | None,
    *,
    errands: bool = True,
) -> tuple[Hold, ...]:
    """The holds that concern a patient. ``team``: the place of their care team and those above it; ``person``: whose
    medicines are to be read, where a medicine matters; ``errands``: whether a refill or a referral may be open.
    """
    mine: dict[str, Hold] = {}
    at_team = supply.at(*team, network)
    for kept in at_team:
        if not kept.medicine:
            mine[kept.hold.id] = replace(kept.hold, visits=True)
    if errands and supply.asks_refills:
        for row in await _refills(session, patient_id):
            medicine = folded(medicine_of(person, row)) if person is not None else None
            for kept in {one.hold.id: one for one in (*supply.at(row.pharmacy_id, network), *at_team)}.values():
                is_there = kept in supply.at(row.pharmacy_id, network)
                fits = kept.medicine == medicine if kept.medicine else is_there
                if fits and not (kept.spares_ready and row.stage in ("ready", "part")):
                    hold = mine.get(kept.hold.id, kept.hold)
                    mine[hold.id] = replace(hold, refills=hold.refills | {row.refill})
    if errands and supply.asks_referrals:
        for referral, place in await _referrals(session, patient_id):
            for kept in supply.at(place, network):
                if not kept.medicine:
                    hold = mine.get(kept.hold.id, kept.hold)
                    mine[hold.id] = replace(hold, referrals=hold.referrals | {referral})
    return tuple(mine[name] for name in sorted(mine))


async def _refills(session: AsyncSession, patient_id: str) -> list[RefillRow]:
    """The open requests, each at the pharmacy that was asked last."""
    query = select(RefillRow).where(RefillRow.patient_id == patient_id).order_by(RefillRow.asked, RefillRow.key)
    latest = {row.refill: row for row in await session.scalars(query)}
    return [row for row in latest.values() if row.stage in OPEN]


async def _referrals(session: AsyncSession, patient_id: str) -> list[tuple[str, str]]:
    query = select(ReferralRow.referral, ReferralRow.place_id, ReferralRow.stage).where(ReferralRow.patient_id == patient_id)
    latest = {row[0]: row for row in await session.execute(query.order_by(ReferralRow.asked, ReferralRow.key))}
    return [(referral, place) for referral, place, stage in latest.values() if stage not in OVER]
