"""When patients are texted is the network's to say: who may, what is refused, and that a patient's plan keeps to it."""

from __future__ import annotations

from datetime import date, time
from typing import Any

import httpx
import pytest

from pathways.engine.plan import ContactRules
from records.callers import hashed
from records.forecasts import Population
from records.tables import ApiKey
from tests.api.conftest import Network

RULES = "/places/network/contact-rules"


async def put(network: Network, path: str, body: Any, key: str, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await network.http.put(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}", **sent})


async def of_the_network(network: Network) -> str:
    """The key of a coordinator of the whole network."""
    async with network.parts.database.begin() as session:
        now = network.parts.audit.now()
        session.add(ApiKey(hash=hashed("all"), id="key-all", name="all", role="coordinator", place="network", created=now))
    return "all"


async def rules_of(network: Network, patient: str) -> ContactRules:
    async with network.parts.database.reading() as session:
        plan, _ = await network.parts.plans.of(session, patient)
    return plan.contact


async def test_a_network_that_says_nothing_keeps_the_shipped_rules(network: Network) -> None:
    answer = await network.get("/places/centre-1/contact-rules", "manager")
    assert answer.headers["etag"] == '"0"'
    assert answer.json() == {
        "network": "network",
        "version": 0,
        "changed": None,
        "opens": "09:00",
        "closes": "20:00",
        "spread_minutes": 90,
        "weekly_cap": 4,
        "quiet_weekdays": [],
        "quiet_holidays": False,
        "quiet_dates": [],
        "texts_need_consent": False,
    }
    assert (await network.get("/places/centre-2/contact-rules", "manager")).status_code == 404


async def test_a_coordinator_of_the_whole_network_changes_them_and_nobody_overwrites_what_they_have_not_read(
    network: Network,
) -> None:
    key = await of_the_network(network)
    body = {"opens": "10:00", "closes": "18:00", "quiet_weekdays": ["sunday"]}
    assert (await put(network, RULES, body, key)).status_code == 428
    made = await put(network, RULES, body, key, If_Match='"0"')
    assert (made.status_code, made.headers["etag"], made.json()["weekly_cap"]) == (200, '"1"', 4)
    assert (await put(network, RULES, body, key, If_Match='"0"')).status_code == 412
    again = await put(network, RULES, {"weekly_cap": 2}, key, If_Match='"1"')
    assert (again.json()["version"], again.json()["opens"]) == (2, "09:00")
    assert (await network.get("/places/team-1/contact-rules", key)).status_code == 404


async def test_only_the_network_s_own_coordinators_may_and_a_centre_is_sent_to_its_network(network: Network) -> None:
    key = await of_the_network(network)
    for who in ("administrator", "manager"):
        assert (await put(network, RULES, {}, who, If_Match='"0"')).status_code == 403
    async with network.parts.database.begin() as session:
        now = network.parts.audit.now()
        session.add(ApiKey(hash=hashed("one"), id="key-one", name="one", role="coordinator", place="centre-1", created=now))
    beneath = await put(network, RULES, {}, "one", If_Match='"0"')
    assert (beneath.status_code, "whole network" in beneath.text) == (403, True)
    centre = await put(network, "/places/centre-1/contact-rules", {}, key, If_Match='"0"')
    assert (centre.status_code, "/places/network/contact-rules" in centre.text) == (409, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"opens": "05:30"}, "opens"),
        ({"closes": "23:00"}, "closes"),
        ({"opens": "18:00", "closes": "19:00", "spread_minutes": 10}, "closes"),
        ({"opens": "20:00", "closes": "08:00"}, "closes"),
        ({"opens": "09:00", "closes": "11:00", "spread_minutes": 120}, "spread_minutes"),
        ({"quiet_weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]}, "quiet_weekdays"),
    ],
)
async def test_rules_that_are_not_decent_are_refused_with_what_would_be(network: Network, body: dict[str, Any], field: str) -> None:
    refused = await put(network, RULES, body, await of_the_network(network), If_Match='"0"')
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert field in fault["field"]
    assert fault["remedy"]
    assert (await network.get(RULES, "administrator")).json()["version"] == 0


async def test_a_patient_s_plan_keeps_to_them_at_once_and_reads_holidays_anew(network: Network) -> None:
    key = await of_the_network(network)
    patient = await network.enrol()
    assert await rules_of(network, patient) == ContactRules()
    body = {"opens": "10:00", "quiet_weekdays": ["saturday", "sunday"], "quiet_holidays": True, "quiet_dates": ["2025-12-31"]}
    assert (await put(network, RULES, body, key, If_Match='"0"')).status_code == 200
    holiday, worked = {"working": False, "name": "Festival"}, {"working": True}
    place = (await network.get("/places/centre-1", "administrator")).json()
    kept = {name: place[name] for name in ("name", "parent", "rank", "phone")} | {"calendar": "ours"}
    changed = await put(network, "/places/centre-1", kept, "administrator", If_Match=f'"{place["version"]}"')
    assert changed.status_code == 200
    expected = ContactRules(opens=time(10), quiet_weekdays=frozenset({5, 6}), quiet_dates=frozenset({date(2025, 12, 31)}))
    assert await rules_of(network, patient) == expected
    assert (await put(network, "/holidays/ours/2025-10-01", holiday, key)).status_code == 200
    assert (await put(network, "/holidays/ours/2025-10-11", worked, key)).status_code == 200
    assert (await rules_of(network, patient)).quiet_dates == {date(2025, 12, 31), date(2025, 10, 1)}
    assert (await rules_of(network, patient)) is (await rules_of(network, patient))  # kept, not worked out each time
    async with network.parts.database.reading() as session:
        teams = await Population(session, network.parts.vault).teams("hypertension", date(2025, 3, 1), date(2025, 4, 1))
    assert teams[0].contact == await rules_of(network, patient)  # a forecast is by the same rules
    assert (
        await network.http.delete("/api/v1/holidays/ours/2025-10-01", headers={"Authorization": f"Bearer {key}"})
    ).status_code == 204
    assert (await rules_of(network, patient)).quiet_dates == {date(2025, 12, 31)}
    assert (await network.get(RULES, key)).json()["version"] == 1
