"""Asking a colleague for approval, stopping a forecast, and trying a draft on one team: through the API."""

from __future__ import annotations

import sys
from typing import Any

from activities.forecasting import lease_of, make
from api.forecaster import Forecaster
from api.lately import Lately
from pathways.language import library
from records.tables import ForecastRow
from tests.api.conftest import START, Network

SHIPPED = library()["hypertension"].document
assert SHIPPED is not None
TEXT = SHIPPED.text
DRAFTS, FORECASTS = "/pathways/hypertension/drafts", "/pathways/hypertension/forecasts"


async def _sent(network: Network, path: str, text: str = "", **query: Any) -> Any:
    headers = {"Authorization": "Bearer coordinator"}
    return await network.http.post(f"/api/v1{path}", content=text.encode(), params=query, headers=headers)


async def test_a_colleague_is_asked_once_the_draft_is_checked_and_the_note_is_kept(network: Network) -> None:
    draft = (await _sent(network, DRAFTS, TEXT, why="as it is")).json()["id"]
    early = await network.post(f"/drafts/{draft}/ask-approval", {"why": "please"}, "coordinator")
    assert (early.status_code, "Check it first" in early.json()["detail"]) == (409, True)
    assert (await network.post(f"/drafts/{draft}/check", key="coordinator")).json()["clean"]
    assert (await network.post(f"/drafts/{draft}/ask-approval", {"why": "please"}, "approver")).status_code == 403
    stale = await network.post(f"/drafts/{draft}/ask-approval", {"why": "please"}, "coordinator", If_Match='"7"')
    assert stale.status_code == 412
    asked = await network.post(f"/drafts/{draft}/ask-approval", {"why": "please"}, "coordinator")
    assert (asked.status_code, asked.json()["status"]) == (200, "checked"), asked.text
    deed = (await network.get("/pathways/hypertension/deeds", "approver")).json()["items"][0]
    assert (deed["did"], deed["why"], deed["about"], deed["by_name"]) == ("approval_asked", "please", draft, "coordinator")


async def test_a_forecast_that_nobody_waits_for_any_more_is_not_made_further(network: Network) -> None:
    parts = network.parts
    await network.enrol()
    asked: dict[str, Any] = {"sample": 10, "weeks": 4, "seed": 1, "sms_cost": 0.05, "teams": None, "services": {}, "tags": {}}
    async with parts.database.begin() as session:
        row = {"pathway": "hypertension", "version": "0", "text": TEXT, "by": "key-coordinator", "at": START, "asked": asked}
        session.add(ForecastRow(id="wanted", status="waiting", done=0, total=0, **row))
    assert await lease_of(parts.database, "wanted").take()
    stopped = await network.post(f"{FORECASTS}/wanted/cancel", key="coordinator")
    assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled"), stopped.text
    assert (await network.post(f"{FORECASTS}/wanted/cancel", key="coordinator")).status_code == 409
    assert (await network.post(f"{FORECASTS}/nothing/cancel", key="coordinator")).status_code == 404
    await make(parts.database, parts.vault, "wanted", processes=0)  # whoever makes it sees so, and ends
    after = (await network.get(f"{FORECASTS}/wanted", "coordinator")).json()
    assert (after["status"], after["result"], after["problem"]) == ("cancelled", None, "")


async def test_a_draft_is_tried_on_one_team_and_on_nobody_elses(network: Network) -> None:
    object.__setattr__(network.parts, "forecaster", Forecaster(command=(sys.executable, "-c", "pass")))
    begun = await _sent(network, FORECASTS, TEXT, team="team-1")
    assert begun.status_code == 202, begun.text
    async with network.parts.database.reading() as session:
        assert (await session.get_one(ForecastRow, begun.json()["id"])).asked["teams"] == ["team-1"]
    await network.parts.forecaster.settled()
    key = (await network.post("/keys", {"name": "c", "role": "coordinator", "place": "centre-1"}, "administrator")).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    beyond = await network.http.post(f"/api/v1{FORECASTS}", content=TEXT.encode(), params={"team": "team-3"}, headers=headers)
    assert beyond.status_code == 404


async def test_what_counts_a_city_is_counted_once_in_a_few_seconds_and_a_village_each_time() -> None:
    moment, counted = 0.0, 0

    async def count() -> int:
        nonlocal counted
        counted += 1
        return counted

    lately = Lately(seconds=lambda: moment)
    city = [await lately.count("city", count, lambda _: 100_000) for _ in range(3)]
    moment = 6.0
    assert [*city, await lately.count("city", count, lambda _: 100_000)] == [1, 1, 1, 2]
    assert [await lately.count("village", count, lambda _: 12) for _ in range(2)] == [3, 4]
