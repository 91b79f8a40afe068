"""A network follows the pathways that it names, and no others."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from pathways.shipped import CO_MANAGED
from records.database import Database
from records.tables import PathwayVersion
from workers.parts import publish_shipped

AT = datetime(2025, 3, 3, 9, tzinfo=UTC)


async def published(database: Database) -> list[str]:
    async with database.reading() as session:
        return sorted(await session.scalars(select(PathwayVersion.pathway)))


async def test_only_what_a_network_names_is_published_and_naming_another_later_adds_it(database: Database) -> None:
    async with database.begin() as session:
        assert await publish_shipped(session, at=AT) == list(CO_MANAGED)
    async with database.begin() as session:
        assert await publish_shipped(session, at=AT, co_managed=("hypertension", "stroke")) == ["stroke"]

    assert await published(database) == ["hypertension", "stroke", "type2_diabetes"]
