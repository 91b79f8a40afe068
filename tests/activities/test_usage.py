"""What texts cost is counted of what a provider took, and a price that is told late is asked for once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from activities.channels.port import Found, OutgoingSms, Receipt, TryLater, Undeliverable
from activities.prices import Prices
from records.database import Database
from records.pages import BadCursor
from records.scope import NETWORK, of_teams
from records.tables import Attempt, CareTeam, Usage
from records.usage import UsageCounts, Used
from tests.activities.installation import Installation, OneChannel


@dataclass
class Tells(OneChannel):
    """Says what a text cost when it is asked later."""

    tells_price: bool = True


@pytest.fixture
async def there(database: Database) -> Installation:
    """One text was handed over."""
    installation = Installation(database, channel=Tells())
    await installation.begin()
    await installation.deliver(await installation.until("message"))
    return installation


async def used(there: Installation, *, counted: int = 1) -> list[Used]:
    day = there.now.date()
    async with there.database.begin() as session:
        assert await UsageCounts(session).count([day, day - timedelta(days=1), day - timedelta(days=2)]) == counted
    async with there.database.reading() as session:
        return list((await UsageCounts(session).page(NETWORK, date(2025, 1, 1), day, by="day", limit=10)).items)


async def test_a_text_that_was_taken_counts_once_however_often_it_is_counted(there: Installation) -> None:
    first = await used(there)
    assert [(one.channel, one.care_team, one.texts, one.segments, one.currency) for one in first] == [("one", "team-1", 1, 1, "")]
    assert await used(there) == first


async def test_a_text_that_was_refused_costs_nothing_and_one_that_was_lost_later_is_billed(database: Database) -> None:
    there = Installation(database)
    await there.begin()
    there.channel.does = Undeliverable("filtered")
    text = await there.until("message")
    await there.deliver(text)
    assert await used(there, counted=0) == []
    async with database.begin() as session:
        (attempt,) = await session.scalars(select(Attempt))
        attempt.provider_id = "SM1"  # as if it had been taken before
    assert len(await used(there)) == 1


async def test_a_price_that_is_told_late_is_asked_for_the_day_after_once(there: Installation) -> None:
    channel, prices = there.channel, Prices(there.database, there.clock, there.messages)
    channel.finds = Found(Receipt("SM1", "delivered", 1, 7_900, "USD"))
    assert await prices.ask() == 0  # too early
    there.now += timedelta(hours=25)
    assert await prices.ask() == 1
    assert [(one.currency, one.cost) for one in await used(there)] == [("USD", 7_900)]
    asked = len(channel.asked)
    assert await prices.ask() == 0
    assert len(channel.asked) == asked


@pytest.mark.parametrize("other", [Receipt("SM-other", "delivered", 1, 7_900, "USD"), Receipt("SM1", "delivered", 1)])
async def test_no_price_of_another_text_is_taken_and_nobody_asks_for_ever(there: Installation, other: Receipt) -> None:
    prices = Prices(there.database, there.clock, there.messages)
    there.channel.finds = Found(other)
    there.now += timedelta(hours=25)
    assert [await prices.ask(), await prices.ask()] == [0, 0]
    assert len(there.channel.asked) == 1
    assert [one.currency for one in await used(there)] == [""]


async def test_a_provider_that_is_away_is_asked_again_later(there: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = Prices(there.database, there.clock, there.messages)
    there.now += timedelta(hours=25)

    async def away(sms: OutgoingSms) -> None:
        raise TryLater("away")

    with monkeypatch.context() as patched:
        patched.setattr(there.channel, "find", away)
        assert await prices.ask() == 0
    there.channel.finds = Found(Receipt("SM1", "delivered", 1, 7_900, "USD"))
    assert await prices.ask() == 1


async def test_usage_is_read_by_month_in_pages_and_of_the_callers_teams_alone(there: Installation) -> None:
    async with there.database.begin() as session:
        session.add(CareTeam(id="team-2", organisation_id="centre-1", name="Team 2"))
        await session.flush()
        for team in ("team-1", "team-2"):
            for day in (date(2025, 3, 1), date(2025, 3, 31), date(2025, 4, 1)):
                session.add(Usage(day=day, channel="a", care_team_id=team, currency="USD", texts=2, segments=3, cost=10))
    async with there.database.reading() as session:
        counts, span = UsageCounts(session), (date(2025, 3, 1), date(2025, 4, 30))
        page = await counts.page(NETWORK, *span, by="month", limit=3)
        assert [(one.of, one.care_team, one.texts, one.cost) for one in page.items] == [
            ("2025-03", "team-1", 4, 20),
            ("2025-03", "team-2", 4, 20),
            ("2025-04", "team-1", 2, 10),
        ]
        rest = await counts.page(NETWORK, *span, by="month", limit=3, after=page.next)
        assert [(one.of, one.care_team) for one in rest.items] == [("2025-04", "team-2")]
        assert rest.next is None
        theirs = await counts.page(of_teams("supervisor", ["team-2"]), *span, by="day", limit=10)
        assert [one.of for one in theirs.items] == ["2025-03-01", "2025-03-31", "2025-04-01"]
        with pytest.raises(BadCursor):
            await counts.page(NETWORK, *span, by="day", limit=1, after="odd")
