"""Bundles: a batch does what it can, a transaction all or nothing, whomever it concerns."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from records.database import Database
from records.tables import AuditRow
from tests.api.conftest import Network, a_network
from tests.api.fhir.test_fhir_creates import pressure
from tests.api.fhir.test_fhir_writes import fhir, why
from tests.api.test_changes import referred


def bundle(type_: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type_} | ({"entry": list(entries)} if entries else {})


def entry(method: str, url: str, resource: Any = None, **request: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return made | ({"resource": resource} if resource is not None else {})


def patch(url: str, *operations: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return entry("PATCH", url, {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data})


def becomes(id_: str, status: str) -> dict[str, Any]:
    return patch(f"Task/{id_}", {"op": "replace", "path": "/status", "value": status})


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["response"]["status"] for one in answer.json()["entry"]]


async def _stages(network: Network, *ids: str) -> list[str]:
    return [(await network.get(f"/referrals/{id_}", "coordinator")).json()["stage"] for id_ in ids]


async def test_a_batch_does_each_entry_by_itself_and_says_what_came_of_each(network: Network) -> None:
    one, two = await referred(network, 1), await referred(network, 2)
    answer = await fhir(
        network,
        "POST",
        "",
        bundle(
            "batch",
            becomes(one, "received"),
            becomes(two, "completed"),
            entry("GET", f"Task/{one}"),
            entry("GET", "Task?status=received&_count=10"),
            entry("GET", "Task?colour=red"),
            entry("DELETE", f"Task/{one}"),
            entry("GET", "Task/none"),
            entry("POST", "Observation", pressure("none", 1, 1)),
            entry("POST", "Nope", {"resourceType": "Patient"}),
            entry("POST", "Observation", {"resourceType": "Observation", "nonsense": 1}),
        ),
    )
    assert statuses(answer) == ["200", "422", "200", "200", "400", "405", "404", "422", "404", "422"]
    shown = answer.json()["entry"]
    assert (shown[0]["resource"]["status"], shown[0]["response"]["etag"]) == ("received", 'W/"2"')
    assert shown[1]["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert [found["resource"]["id"] for found in shown[3]["resource"]["entry"]] == [one]
    assert await _stages(network, one, two) == ["received", "requested"]
    async with network.parts.database.reading() as session:
        rows = list(await session.scalars(select(AuditRow).order_by(AuditRow.at)))
    assert len(rows) >= 8  # each entry is written down by itself


async def test_a_transaction_over_several_patients_is_stored_whole_or_not_at_all(network: Network) -> None:
    one, two = await referred(network, 1), await referred(network, 2)
    bad = await fhir(network, "POST", "", bundle("transaction", becomes(one, "received"), becomes(two, "completed")))
    assert (bad.status_code, "Entry 1" in why(bad), "nothing of the transaction was stored" in why(bad)) == (422, True, True)
    assert await _stages(network, one, two) == ["requested", "requested"]
    assert len((await fhir(network, "GET", f"Task/{one}/_history")).json()["entry"]) == 1

    patient = (await network.get(f"/referrals/{one}", "manager")).json()["patient"]["id"]
    named = pressure(patient, 150, 92, identifier=[{"system": "urn:h", "value": "1"}])
    good = bundle(
        "transaction",
        entry("GET", f"Task/{one}"),
        becomes(one, "accepted"),
        becomes(two, "received"),
        entry("POST", "Observation", named, ifNoneExist="identifier=urn:h|1")
        | {"fullUrl": "urn:uuid:8c0f2c9e-0000-4000-8000-000000000001"},
    )
    answer = await fhir(network, "POST", "", good, Idempotency_Key="t")
    assert statuses(answer) == ["200", "200", "200", "201"]
    assert answer.json()["entry"][0]["resource"]["status"] == "accepted"  # what is read is read when all is stored
    assert await _stages(network, one, two) == ["accepted", "received"]
    assert (await network.get(f"/patients/{patient}/events")).json()["items"][0]["step"] is not None  # and the patient was woken
    again = await fhir(network, "POST", "", good, Idempotency_Key="t")
    assert statuses(again) == ["200", "200", "200", "200"]
    readings = (await network.get(f"/patients/{patient}/events")).json()["items"]
    assert sum(event["kind"] == "reading_received" for event in readings) == 1


async def test_transactions_over_the_same_patients_at_once_come_one_after_the_other(database: Database, tmp_path: Path) -> None:
    async with a_network(database, tmp_path) as network:
        ids = [await referred(network, n) for n in range(3)]
        network.waker.away = True  # what is at stake is what is stored
        for status in ("received", "accepted"):
            there = [becomes(id_, status) for id_ in ids]
            sent = (fhir(network, "POST", "", bundle("transaction", *there[:: 1 if n % 2 else -1])) for n in range(4))
            assert [answer.status_code for answer in await asyncio.gather(*sent)] == [200] * 4
            assert await _stages(network, *ids) == [status] * 3
        patient = (await network.get(f"/referrals/{ids[0]}", "manager")).json()["patient"]["id"]
        named = pressure(patient, 150, 92, identifier=[{"system": "urn:h", "value": "1"}])
        made = (fhir(network, "POST", "Observation", named, If_None_Exist="identifier=urn:h|1") for _ in range(4))
        assert sorted(answer.status_code for answer in await asyncio.gather(*made)) == [200, 200, 200, 201]


async def test_references_within_a_transaction_are_resolved_and_bad_bundles_are_refused(network: Network) -> None:
    id_ = await referred(network, 1)
    put = (await fhir(network, "GET", f"Task/{id_}")).json() | {"status": "received"}
    urn = "urn:uuid:8c0f2c9e-0000-4000-8000-000000000002"
    note = {
        "resourceType": "Communication",
        "status": "completed",
        "basedOn": [{"reference": urn}],
        "payload": [{"contentString": "Which medicines?"}],
    }
    answer = await fhir(network, "POST", "", bundle("transaction", entry("POST", "Communication", note)))
    assert answer.status_code == 422  # nobody in the Bundle is called so
    for body, status, says in (
        (bundle("transaction", entry("PUT", f"Task/{id_}", put), becomes(id_, "received")), 400, "another entry"),
        (bundle("collection"), 422, "batch"),
        (bundle("batch", *[entry("GET", "Task/x")] * 101), 413, "100"),
        (bundle("batch", {"resource": put}), 422, "request"),
        (bundle("batch", entry("PATCH", f"Task/{id_}", put)), 422, "Binary"),
        ({"resourceType": "Patient"}, 400, "Bundle"),
        ([], 400, "Bundle"),
    ):
        refused = await fhir(network, "POST", "", body)
        assert (refused.status_code, says in refused.text) == (status, True), (body, refused.text)
    forbidden = await fhir(network, "POST", "", bundle("transaction", entry("PUT", f"Task/{id_}", put)), "supervisor")
    assert forbidden.status_code == 403
    assert statuses(await fhir(network, "POST", "", bundle("transaction", entry("PUT", f"Task/{id_}", put)))) == ["200"]
    stale = bundle("transaction", entry("PUT", f"Task/{id_}", put | {"status": "accepted"}, ifMatch='W/"1"'))
    assert (await fhir(network, "POST", "", stale)).status_code == 412
    assert (await fhir(network, "POST", "", bundle("batch"))).json() == {"resourceType": "Bundle", "type": "batch-response"}
