"""The organisation tree: network, centres, stations, hospitals, pharmacies, and the care teams at them.

Rule 1: a place never changes its kind, and each kind hangs beneath the kinds of ``PARENTS`` only: so there are no cycles.
Rule 2: places and care teams share one space of ids: "where somebody stands" names one or the other.
Rule 3: a place that anything hangs on is not deleted; a place that is not asked any more is closed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.clock import system_time
from records.pages import Page, behind, cursor
from records.tables import (
    Account,
    ApiKey,
    CareTeam,
    Closure,
    ContactRulesRow,
    MessageHold,
    NetworkSupply,
    Organisation,
    PlaceFeed,
    ReferralRow,
    RefillRow,
    RequestLimits,
    Stock,
    Webhook,
    WebhookDelivery,
)
from records.vault import fold

KINDS = ("network", "centre", "station", "hospital", "pharmacy")
PARENTS: Mapping[str, tuple[str, ...]] = {
    "network": (),
    "centre": ("network",),
    "station": ("centre",),
    "hospital": ("network",),
    "pharmacy": ("network",),
}
WITH_TEAMS = ("network", "centre", "station")
EVERYWHERE = "*"
DEEPEST = 12
LONGEST_ID = 40


@dataclass(frozen=True, slots=True)
class Subtree:
    """A place and everything beneath it. ``whole``: there is nothing beside it; ``everywhere``: whatever there is or will be."""

    organisations: frozenset[str]
    teams: frozenset[str]
    whole: bool = False
    everywhere: bool = False

    def covers(self, place: str) -> bool:
        """Whether an organisation or a care team belongs to it."""
        return self.everywhere or place in self.organisations or place in self.teams


NOWHERE = Subtree(frozenset(), frozenset())


@dataclass(frozen=True)
class Places:
    """Places of one transaction."""

    session: AsyncSession

    async def beneath(self, place: str) -> Subtree | None:
        """What a caller who stands at ``place`` (a team or an organisation) stands over; None where there is no such place."""
        organisation = await self.session.get(Organisation, place)
        if organisation is None:
            team = await self.session.get(CareTeam, place)
            return None if team is None else Subtree(frozenset(), frozenset({team.id}))
        found = await self._descendants(place)
        teams = await self.session.scalars(select(CareTeam.id).where(CareTeam.organisation_id.in_(sorted(found))))
        return Subtree(frozenset(found), frozenset(teams), whole=organisation.parent_id is None and await self._only_root(place))

    async def under(self, place: str) -> Subtree:
        """As ``beneath``, where ``place`` may be everywhere too; nothing where there is no such place."""
        if place == EVERYWHERE:
            return Subtree(frozenset(), frozenset(), whole=True, everywhere=True)
        return await self.beneath(place) or NOWHERE

    async def path(self, organisation_id: str) -> Sequence[Organisation]:
        """The organisation and everything above it, nearest first."""
        path: list[Organisation] = []
        at: str | None = organisation_id
        while at is not None and len(path) < DEEPEST:
            organisation = await self.session.get_one(Organisation, at)
            path.append(organisation)
            at = organisation.parent_id
        return path

    async def seen_from(self, place: str) -> frozenset[str] | None:
        """Organisations that somebody at ``place`` knows of: those beneath and those above; None for all there are."""
        if place == EVERYWHERE:
            return None
        team = await self.session.get(CareTeam, place)
        under = await self.under(place)
        at = team.organisation_id if team is not None else place
        above = [one.id for one in await self.path(at)] if team is not None or under.organisations else []
        return under.organisations | frozenset(above)

    async def networks_of(self, place: str) -> frozenset[str] | None:
        """The network that a team or an organisation belongs to; None for all of them."""
        if place == EVERYWHERE:
            return None
        team = await self.session.get(CareTeam, place)
        found = await self.session.get(Organisation, team.organisation_id if team is not None else place)
        return frozenset({found.network_id}) if found is not None else frozenset()

    async def page(
        self, seen: frozenset[str] | None, *, kind: str | None = None, parent: str | None = None, limit: int, after: str | None
    ) -> Page[Organisation]:
        """Places by id. Raises BadCursor."""
        query = select(Organisation).order_by(Organisation.id).limit(limit + 1)
        if seen is not None:
            query = query.where(Organisation.id.in_(sorted(seen)))
        if kind is not None:
            query = query.where(Organisation.kind == kind)
        if parent is not None:
            query = query.where(Organisation.parent_id == parent)
        key = behind(after, 1)
        if key is not None:
            query = query.where(Organisation.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def teams(
        self, under: Subtree, *, organisation: str | None = None, limit: int, after: str | None = None
    ) -> Page[CareTeam]:
        """Care teams by id. Raises BadCursor."""
        query = select(CareTeam).order_by(CareTeam.id).limit(limit + 1)
        if not under.everywhere:
            query = query.where(CareTeam.id.in_(sorted(under.teams)))
        if organisation is not None:
            query = query.where(CareTeam.organisation_id == organisation)
        key = behind(after, 1)
        if key is not None:
            query = query.where(CareTeam.id > key[0])
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].id) if len(found) > limit else None)

    async def is_taken(self, place: str) -> bool:
        """Whether an organisation or a team has this id."""
        return await self.session.get(Organisation, place) is not None or await self.session.get(CareTeam, place) is not None

    async def id_for(self, name: str, kind: str) -> str:
        """An id that nobody has, made of the name (of the kind, where the name is in no Latin letters)."""
        word = re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[: LONGEST_ID - 6].strip("-")
        base = word if len(word) > 1 else kind
        n, candidate = 1, base if word == base else f"{base}-1"
        while await self.is_taken(candidate):
            n += 1
            candidate = f"{base}-{n}"
        return candidate

    async def hang(self, place: Organisation, parent: Organisation | None) -> None:
        """Hang a place, with everything beneath it, beneath another of a kind that ``PARENTS`` allows."""
        network = parent.network_id if parent is not None else place.id
        place.parent_id = parent.id if parent is not None else None
        if place.network_id == network:
            return
        await self.session.flush()
        beneath = await self._descendants(place.id)
        await self.session.execute(update(Organisation).where(Organisation.id.in_(sorted(beneath))).values(network_id=network))
        place.network_id = network

    async def hanging_on(self, place: str, *, now: datetime | None = None) -> Sequence[str]:
        """What keeps a place from being deleted, in words; empty where nothing does. ``now``: the machine's time."""
        moment = now or system_time()
        living = (ApiKey.place == place, ApiKey.revoked.is_(None), ApiKey.account_id.is_(None))
        counted = {
            "places beneath it": select(func.count()).where(Organisation.parent_id == place),
            "care teams": select(func.count()).where(CareTeam.organisation_id == place),
            "keys": select(func.count()).where(*living, (ApiKey.expires.is_(None)) | (ApiKey.expires > moment)),
            "accounts": select(func.count()).where(Account.place == place, Account.disabled.is_(False)),
            "referrals": select(func.count()).where(ReferralRow.place_id == place),
            "refill requests": select(func.count()).where(RefillRow.pharmacy_id == place),
        }
        found = {what: await self.session.scalar(query) or 0 for what, query in counted.items()}
        return [f"{what}: {count}" for what, count in found.items() if count]

    async def remove(self, place: Organisation) -> None:
        """Delete a place that nothing hangs on, with its closures, its stock, its holds, its rules, its limits and its webhooks."""
        hooks = select(Webhook.id).where(Webhook.place_id == place.id)
        await self.session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id.in_(hooks)))
        await self.session.execute(delete(Webhook).where(Webhook.place_id == place.id))
        await self.session.execute(delete(PlaceFeed).where(PlaceFeed.place_id == place.id))
        await self.session.execute(delete(Closure).where(Closure.organisation_id == place.id))
        await self.session.execute(delete(Stock).where(Stock.pharmacy_id == place.id))
        await self.session.execute(delete(ContactRulesRow).where(ContactRulesRow.network_id == place.id))
        await self.session.execute(delete(RequestLimits).where(RequestLimits.network_id == place.id))
        holds = (MessageHold.organisation_id == place.id) | (MessageHold.redirect_to == place.id)
        await self.session.execute(delete(MessageHold).where(holds))
        await self.session.execute(delete(NetworkSupply).where(NetworkSupply.network_id == place.id))
        await self.session.delete(place)
        await self.session.flush()

    async def next_to_ask(
        self, network: str, kind: str, *, on: date, besides: Collection[str] = (), medicine: str | None = None
    ) -> str | None:
        """The first place of the network's order that is open ``on`` the day, was not asked yet (``besides``), and does not say
        that it lacks the ``medicine``; None where there is none left.
        """
        # A hospital or pharmacy hangs beneath its network, so these three are all that may be closed for it.
        of_it = Closure.organisation_id.in_([Organisation.id, Organisation.parent_id, Organisation.network_id])
        closed = exists().where(of_it, Closure.first <= on, Closure.last >= on)
        query = select(Organisation.id).where(Organisation.network_id == network, Organisation.kind == kind, ~closed)
        if besides:
            query = query.where(Organisation.id.not_in(sorted(besides)))
        if medicine is not None:
            back = Stock.until.is_not(None) & (Stock.until <= on)
            of_medicine = (Stock.pharmacy_id == Organisation.id, Stock.medicine == folded(medicine))
            query = query.where(~exists().where(*of_medicine, Stock.available.is_(False), ~back))
        return (await self.session.scalars(query.order_by(Organisation.rank, Organisation.id).limit(1))).first()

    async def _descendants(self, place: str) -> list[str]:
        tree = select(Organisation.id).where(Organisation.id == place).cte(recursive=True)
        tree = tree.union(select(Organisation.id).join(tree, Organisation.parent_id == tree.c.id))
        return list(await self.session.scalars(select(tree.c.id)))

    async def _only_root(self, root: str) -> bool:
        other = select(Organisation.id).where(Organisation.parent_id.is_(None), Organisation.id != root).limit(1)
        return (await self.session.scalars(other)).first() is None


def folded(medicine: str) -> str:
    """A medicine's name as it is compared: lower case, single spaces."""
    return " ".join(medicine.split()).lower()
