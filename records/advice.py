"""Outside CDS Hooks services that a pathway's step may ask: registered by network and name.

Rule: how we sign in there is sealed under the installation's key, and shown to nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tables import AdviceService, Organisation
from records.vault import Vault

PURPOSE = "advice services"


@dataclass(frozen=True, slots=True)
class Registered:
    """A service as it is asked. ``token``: sent as Bearer; empty for none."""

    id: str
    name: str
    url: str
    timeout_ms: int
    enabled: bool
    token: str = field(repr=False)


@dataclass(frozen=True)
class AdviceServices:
    """Services of one transaction."""

    session: AsyncSession
    vault: Vault

    async def registered(self, organisation: str, name: str) -> Registered | None:
        """The service of that name in the network that ``organisation`` belongs to."""
        query = (
            select(AdviceService)
            .join(Organisation, Organisation.network_id == AdviceService.network_id)
            .where(Organisation.id == organisation, AdviceService.name == name)
        )
        row = (await self.session.scalars(query)).first()
        return None if row is None else Registered(row.id, row.name, row.url, row.timeout_ms, row.enabled, self.token(row))

    async def of(self, networks: Collection[str] | None) -> list[AdviceService]:
        """Those of these networks (all, for None), by network and name."""
        query = select(AdviceService).order_by(AdviceService.network_id, AdviceService.name)
        if networks is not None:
            query = query.where(AdviceService.network_id.in_(sorted(networks)))
        return list(await self.session.scalars(query))

    def add(self, network: str, name: str, url: str, *, timeout_ms: int, token: str) -> AdviceService:
        """Register one."""
        row = AdviceService(
            id=uuid4().hex[:16], network_id=network, name=name, url=url, timeout_ms=timeout_ms, enabled=True, version=1
        )
        self.signs_in(row, token)
        self.session.add(row)
        return row

    def signs_in(self, row: AdviceService, token: str) -> None:
        """From now on with this token; empty for none."""
        row.sealed = self.vault.keeper(PURPOSE).seal(row.id, token) if token else None

    def token(self, row: AdviceService) -> str:
        """How we sign in there."""
        return "" if row.sealed is None else str(self.vault.keeper(PURPOSE).open(row.id, row.sealed))
