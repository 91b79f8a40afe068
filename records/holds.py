"""Holds: days on which nobody is sent to a place, or for a medicine, by text; and what of closures and stock comes to the same.

Rule 1: whoever changes a hold, a closure or a stock says so by ``supply_changed``; whoever keeps what was read of them keeps it
        for as long as the count of a network stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.state import ENDED
from records.pages import Page, behind, cursor
from records.places import Subtree, folded
from records.tables import (
    Closure,
    Delivery,
    MessageHold,
    NetworkSupply,
    Organisation,
    Patient,
    RefillRow,
    Stock,
    VisitBooking,
)

LONGEST_SPREAD = 30  # days
_OPEN_REFILLS = ("requested", "received", "ready", "part")
_AS_IT_IS = {"synchronize_session": False}


@dataclass(frozen=True)
class Holds:
    """Holds of one transaction."""

    session: AsyncSession

    async def page(
        self, seen: frozenset[str] | None, *, place: str | None, since: date | None, limit: int, after: str | None
    ) -> Page[MessageHold]:
        """Holds of places that are seen (None: all), by id. ``since``: those that end on that day or later. Raises BadCursor."""
        query = select(MessageHold).order_by(MessageHold.id).limit(limit + 1)
        if seen is not None:
            query = query.where(MessageHold.organisation_id.in_(sorted(seen)))
        if place is not None:
            query = query.where(MessageHold.organisation_id == place)
        if since is not None:
            query = query.where(MessageHold.last >= since)
        key = behind(after, 1)
        if key is not None:
            query = query.where(MessageHold.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def one(self, hold_id: str, under: Subtree) -> MessageHold | None:
        """The hold, held against anybody else's change; one of a place outside ``under`` looks like a missing one."""
        hold = await self.session.get(MessageHold, hold_id, with_for_update=True, populate_existing=True)
        return hold if hold is not None and under.covers(hold.organisation_id) else None

    async def add(self, place: str, medicine: str, by: str, **what: object) -> MessageHold:
        """A hold of ``place``; ``what``: its days, action and reason."""
        hold = MessageHold(id=uuid4().hex, organisation_id=place, medicine=folded(medicine), by=by, version=1, **what)
        self.session.add(hold)
        await supply_changed(self.session, place)
        return hold

    async def touched(self, under: Subtree, first: date, last: date) -> dict[str, int]:
        """Patients in care beneath a place and, of them or of the places beneath it, visits booked from ``first`` to ``last``,
        open refills, and texts that are not handed over yet.
        """
        theirs = Patient.care_team_id.in_(sorted(under.teams))
        there = RefillRow.pharmacy_id.in_(sorted(under.organisations))
        days = VisitBooking.day.between(first, last)
        counted = {
            "patients": select(func.count()).select_from(Patient).where(theirs, Patient.life.not_in(sorted(ENDED))),
            "visits": select(func.count()).where(VisitBooking.care_team_id.in_(sorted(under.teams)), days),
            "refills": select(func.count()).where(there, RefillRow.stage.in_(_OPEN_REFILLS)),
            "texts": select(func.count())
            .select_from(Delivery)
            .join(Patient, Patient.id == Delivery.patient_id)
            .where(Delivery.status == "planned", Delivery.kind == "message", Delivery.urgent.is_(False), theirs),
        }
        return {what: await self.session.scalar(query) or 0 for what, query in counted.items()}

    # --- what a network's patients cannot be sent to, or for
    async def placed(self, network: str, since: date) -> list[tuple[MessageHold, Organisation]]:
        """Holds that are not over by ``since``, the days of letting go counted, with their places."""
        query = select(MessageHold, Organisation).join(Organisation, Organisation.id == MessageHold.organisation_id)
        query = query.where(Organisation.network_id == network, MessageHold.last >= since - timedelta(days=LONGEST_SPREAD + 1))
        return [(hold, place) for hold, place in await self.session.execute(query.order_by(MessageHold.id))]

    async def closed(self, network: str, since: date) -> list[tuple[Closure, Organisation]]:
        """Closures that end on ``since`` or later, with their places."""
        query = select(Closure, Organisation).join(Organisation, Organisation.id == Closure.organisation_id)
        query = query.where(Organisation.network_id == network, Closure.last >= since).order_by(Closure.id)
        return [(closure, place) for closure, place in await self.session.execute(query)]

    async def lacking(self, network: str, since: date) -> list[Stock]:
        """What the network's pharmacies lack, on ``since`` or later."""
        lacks = Stock.available.is_(False) & or_(Stock.until.is_(None), Stock.until > since)
        query = select(Stock).join(Organisation, Organisation.id == Stock.pharmacy_id)
        return list(await self.session.scalars(query.where(Organisation.network_id == network, lacks)))


async def supply_changed(session: AsyncSession, *places: str) -> None:
    """A hold, a closure or a stock of these places, or where they hang, has changed."""
    await session.flush()
    networks = set(await session.scalars(select(Organisation.network_id).where(Organisation.id.in_(sorted(set(places))))))
    for network in sorted(networks):
        raised = update(NetworkSupply).where(NetworkSupply.network_id == network).values(edits=NetworkSupply.edits + 1)
        there = (await session.execute(raised.returning(NetworkSupply.edits), execution_options=_AS_IT_IS)).first()
        if there is not None:
            continue
        try:
            async with session.begin_nested():  # somebody else's change may be the first one, too
                session.add(NetworkSupply(network_id=network, edits=1))
        except IntegrityError:
            await session.execute(raised, execution_options=_AS_IT_IS)
