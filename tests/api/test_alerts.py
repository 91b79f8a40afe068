"""Whoever looks after a network sees what is wrong with its messages, and only that; and says that they are on it."""

from __future__ import annotations

from datetime import timedelta

from records.alerts import Alerts, Trouble
from tests.api.conftest import START, Network

TROUBLES = (
    Trouble("not_arriving", "twilio", "no_reports", "twilio", counts={"handed": 40, "arrived": 0}),
    Trouble("planned_fewer", "team-1", "unknown", care_team="team-1", counts={"planned": 0, "usual": 30}),
    Trouble("planned_fewer", "team-3", "unknown", care_team="team-3", counts={"planned": 0, "usual": 30}),
)


async def _raised(network: Network, *troubles: Trouble, after: int = 0) -> None:
    async with network.parts.database.begin() as session:
        await Alerts(session).compare(troubles, kinds=("not_arriving", "planned_fewer"), at=START + timedelta(minutes=after))


async def _shown(network: Network, who: str) -> list[tuple[str, str]]:
    answer = await network.get("/alerts", who)
    assert answer.status_code == 200, answer.text
    return [(alert["kind"], alert["about"]) for alert in answer.json()["items"]]


async def test_a_team_sees_what_is_its_own_or_everybodys(network: Network) -> None:
    await _raised(network, *TROUBLES)
    everything = {(one.kind, one.about) for one in TROUBLES}
    assert set(await _shown(network, "coordinator")) == everything
    mine = set(await _shown(network, "manager"))
    assert mine == {("not_arriving", "twilio"), ("planned_fewer", "team-1")}
    assert (await network.get("/alerts", "hospital-1")).status_code == 403


async def test_somebody_says_that_they_are_on_it_and_the_first_one_stays_named(network: Network) -> None:
    await _raised(network, TROUBLES[0])
    (alert,) = (await network.get("/alerts", "coordinator")).json()["items"]
    seen = (await network.post(f"/alerts/{alert['id']}/seen", None, "coordinator")).json()
    again = (await network.post(f"/alerts/{alert['id']}/seen", None, "administrator")).json()
    assert seen["seen_by"] == again["seen_by"] != ""
    assert (await network.post("/alerts/none/seen", None, "coordinator")).status_code == 404
    assert await _shown(network, "coordinator") == [("not_arriving", "twilio")], "it stands until it is over"


async def test_what_is_over_is_kept_and_the_list_goes_in_pages(network: Network) -> None:
    await _raised(network, *TROUBLES)
    await _raised(network, TROUBLES[1], after=5)
    assert await _shown(network, "coordinator") == [("planned_fewer", "team-1")]
    first = (await network.get("/alerts", "coordinator", state="all", limit=2)).json()
    rest = (await network.get("/alerts", "coordinator", state="all", limit=2, after=first["next"])).json()
    assert len({one["id"] for one in (*first["items"], *rest["items"])}) == 3
    assert rest["next"] is None
    assert (await network.get("/alerts", "coordinator", after="nonsense")).status_code == 422
