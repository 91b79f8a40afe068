"""CDS Hooks: who may call, the cards that were shown, and what became of them.

Rule 1: of a card its row, service and place are kept, never whom it was about: counts are all that is made of it.
Rule 2: one issuer is one client; a revoked one may be registered anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import Page, behind, cursor
from records.places import Subtree
from records.tables import CareTeam, HookClient, HookFeedback, Organisation, Patient

KEPT_FOR = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Shown:
    """A card that is being shown: its own id, and the row that it rests on."""

    card: str
    row: str


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a card. ``outcome``: accepted or overridden; ``reason``: a code of ours."""

    card: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How many cards of a row came to this."""

    service: str
    row: str
    outcome: str
    reason: str
    cards: int


@dataclass(frozen=True)
class HookClients:
    """Record systems that may call, of one transaction."""

    session: AsyncSession

    async def add(
        self, name: str, role: str, place: str, issuer: str, *, jwks: dict[str, Any] | None, jwks_url: str | None, at: datetime
    ) -> HookClient:
        """Register one. ``jwks`` or ``jwks_url``."""
        row = HookClient(
            id=uuid4().hex[:16], name=name, role=role, place=place, issuer=issuer, jwks=jwks, jwks_url=jwks_url, created=at
        )
        self.session.add(row)
        return row

    async def of_issuer(self, issuer: str) -> HookClient | None:
        """Who signs as ``issuer``; nobody where they were revoked."""
        query = select(HookClient).where(HookClient.issuer == issuer, HookClient.revoked.is_(None))
        return (await self.session.scalars(query)).first()

    async def page(self, under: Subtree, *, limit: int, after: str | None) -> Page[HookClient]:
        """Clients by id, of places that belong to ``under``; revoked ones too. Raises BadCursor."""
        query = select(HookClient).order_by(HookClient.id).limit(limit + 1)
        if not under.everywhere:
            query = query.where(HookClient.place.in_(sorted(under.organisations | under.teams)))
        key = behind(after, 1)
        if key is not None:
            query = query.where(HookClient.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def one(self, client_id: str, under: Subtree) -> HookClient | None:
        """A client, held against anybody else's change; one of a place outside ``under`` looks like a missing one."""
        row = await self.session.get(HookClient, client_id, with_for_update=True)
        return row if row is not None and under.covers(row.place) else None


@dataclass(frozen=True)
class HookCards:
    """Cards that were shown, of one transaction."""

    session: AsyncSession

    def shown(self, service: str, place: str, cards: Iterable[Shown], at: datetime) -> None:
        """Remember that these cards are shown."""
        self.session.add_all(
            HookFeedback(card=one.card, service=service, row=one.row, outcome="shown", place=place, at=at) for one in cards
        )

    async def told(self, service: str, place: str, told: Collection[Told]) -> int:
        """Note what became of cards of this service that were shown at ``place``; says how many were known."""
        asked = {one.card for one in told if len(one.card) <= 40 and one.card.isascii()}
        query = select(HookFeedback).where(HookFeedback.card.in_(sorted(asked)))
        found = {row.card: row for row in await self.session.scalars(query) if row.service == service and row.place == place}
        for one in told:
            if one.card in found:
                found[one.card].outcome, found[one.card].reason = one.outcome, one.reason
        return len(found)

    async def counts(self, under: Subtree, *, since: datetime) -> list[Count]:
        """How many cards were shown, accepted and overridden since then, by service, row and reason."""
        by = (HookFeedback.service, HookFeedback.row, HookFeedback.outcome, HookFeedback.reason)
        query = select(*by, func.count()).where(HookFeedback.at >= since).group_by(*by).order_by(*by)
        if not under.everywhere:
            query = query.where(HookFeedback.place.in_(sorted(under.organisations | under.teams)))
        return [Count(*row) for row in await self.session.execute(query)]

    async def forget(self, now: datetime) -> None:
        """Delete cards of more than a year ago."""
        await self.session.execute(delete(HookFeedback).where(HookFeedback.at < now - KEPT_FOR))


async def in_network(session: AsyncSession, patient: Patient, networks: frozenset[str] | None) -> bool:
    """Whether a patient is looked after in one of ``networks``; None: any."""
    if networks is None:
        return True
    home = (
        select(Organisation.network_id)
        .join(CareTeam, CareTeam.organisation_id == Organisation.id)
        .where(CareTeam.id == patient.care_team_id)
    )
    return (await session.scalar(home)) in networks
