"""Odd values in every field of every route, on both databases: they are refused or kept, and nothing ever falls over.

The bodies are the examples of the API's description, with one field at a time made odd.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from records.database import Database
from tests.api.conftest import Network, a_network
from tests.api.test_matrix import _a_referred_patient, _bodies
from tests.kept import described

LONG = "x" * 10_000
#: As JSON is written, since some of them no encoder would write.
ODD = (
    json.dumps(LONG), '"\\u5b57\\u5b57"', '"\\u0000"', '"\\ud800"', '""', '" "', "99999999999999999999", "-1", "1" + "0" * 400,
    "1e400", "NaN", "-Infinity", '"0001-01-01"', '"9999-12-31"', '"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:59-12:00"',
    '{"\\ud800": 1}', "[" * 300 + "]" * 300, "true", "null",
)  # fmt: skip
ODD_WORDS = (LONG, "\u5b57" * 300, "\ufffd", "0001-01-01", "9999-12-31", "0001-01-01T00:00:00Z", "9" * 20, "-1", "*", "%", "")
ENDS = ("/clock", "/died", "/withdraw", "/moved-away", "/hospitalised")  # after these nothing more can be asked of the patient


def _cursor(*key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


_PARTS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2025-03-03", "9" * 30, "\ud800", "\x00", "x", "1e5", "-1")
ODD_CURSORS = (
    *(_cursor(part) for part in _PARTS),
    *(_cursor(part, other) for part in _PARTS for other in ("x", "9" * 30)),
    *(_cursor(part, other, third) for part in _PARTS for other in ("x", "9" * 30) for third in ("x", "9" * 30, "-1")),
    *(_cursor(part, "x", "x", "x") for part in _PARTS),
    _cursor(1, 2), _cursor({}), _cursor([]), "bnVsbA", "x", "=", LONG, "\u5b57",
)  # fmt: skip


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    async with a_network(database, tmp_path) as network:
        yield network


def _leaves(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    parts = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, part in parts:
        yield from _leaves(part, (*at, name))


def _with(body: Any, at: tuple[Any, ...], mark: str) -> Any:
    if not at:
        return mark
    if isinstance(body, dict):
        return {name: _with(part, at[1:], mark) if name == at[0] else part for name, part in body.items()}
    return [_with(part, at[1:], mark) if n == at[0] else part for n, part in enumerate(body)]


def _fields(network: Network) -> dict[tuple[str, str], list[str]]:
    """Every field that a body may have."""
    document = described(network.parts)
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for choice in schema.get("anyOf", [schema]):
                if "$ref" in choice:
                    model = document["components"]["schemas"][choice["$ref"].rsplit("/", 1)[1]]
                    found[method.upper(), path] = list(model.get("properties", {}))
    return found


async def _known(place: Network) -> dict[str, str]:
    """What the addresses may name."""
    closed = {"place": "hospital-2", "first": "2031-01-01", "last": "2031-01-02"}
    zhou = {"login": "zhou", "role": "doctor", "place": "team-1", "password": "four words nobody guesses"}
    record_system = {
        "name": "s",
        "role": "clinic",
        "place": "hospital-1",
        "scopes": ["system/Task.rs"],
        "jwks_url": "https://h.example/k",
    }
    patient = await _a_referred_patient(place)
    told = (await place.get(f"/patients/{patient['patient_id']}/events", "coordinator")).json()["items"]
    current = (await place.get("/pathways", "coordinator")).json()["items"][0]
    draft = await place.post(f"/pathways/{current['pathway']}/drafts?from_version={current['version']}", None, "coordinator")
    return {
        **patient,
        "event_id": told[0]["id"],
        "draft_id": draft.json()["id"],
        "rollout_id": "rollout",
        "forecast_id": "forecast",
        "place_id": "hospital-2",
        "team_id": "team-3",
        "name": "hypertension",
        "version": "1",
        "calendar": "CN",
        "day": "2025-10-01",
        "key_id": "key-gateway",
        "closure_id": (await place.post("/closures", closed, "administrator")).json()["id"],
        "webhook_id": (await place.post("/webhooks", {"url": "https://hospital.example/x"}, "hospital-1")).json()["id"],
        "service_id": "cairn-order-sign",
        "hook_client_id": "c0ffee",
        "advice_id": (
            await place.post("/advice-services", {"network": "network", "name": "x", "url": "https://x.example"}, "administrator")
        ).json()["id"],
        "hold_id": (await place.post("/holds", {**closed, "action": "hold"}, "coordinator")).json()["id"],
        "smart_client_id": (await place.post("/smart-clients", record_system, "administrator")).json()["id"],
        "account_id": (await place.post("/accounts", zhou, "administrator")).json()["id"],
    }


def _key(path: str) -> str:
    if path.endswith(("/contact-rules", "/referral-limits")):
        return "coordinator"
    if "/webhooks" in path or path.endswith("/changes"):
        return "hospital-1"
    run = ("/hook-clients", "/advice-services", "/places", "/teams", "/keys", "/accounts", "/smart-clients", "/closures")
    return "administrator" if any(part in path for part in run) else "auditor" if path.endswith("/audit") else "coordinator"


async def _status(place: Network, method: str, address: str, **sent: Any) -> str:
    """Empty where it was answered as it should be, else what happened."""
    try:
        answer = await place.http.request(method, address, **sent)
    except Exception as fault:
        return f"{method} {address[:80]}: {type(fault).__name__}"
    return f"{method} {address[:80]}: {answer.status_code}" if answer.status_code >= 500 else ""


def _share(place: Network) -> int:
    """Which half of the fields this database gets: each is made odd on one of the two, all kinds of values on both."""
    return place.parts.database.engine.dialect.name == "postgresql"


@pytest.mark.timeout(240)
async def test_odd_values_in_bodies_are_refused_or_kept_and_nothing_falls_over(place: Network) -> None:
    known, fields, fell, asked, field = await _known(place), _fields(place), [], 0, 0
    step = 20
    for (method, path), example in _bodies(place).items():
        if path.endswith(ENDS):
            continue
        body = {**dict.fromkeys(fields[method, path]), **example}
        body |= {"key": known["key"]} if "key" in body else {}
        headers = {"Authorization": f"Bearer {_key(path)}", "If-Match": "*", "Content-Type": "application/json"}
        for at in _leaves(body):
            field += 1
            if field % 2 != _share(place):
                continue
            for odd in ODD[field // 2 % step :: step]:  # every field gets some of them, every value is in many fields
                sent = json.dumps(_with(body, at, "@odd@")).replace('"@odd@"', odd)
                asked += 1
                if went := await _status(place, method, path.format(**known), content=sent.encode(), headers=headers):
                    fell.append(f"{went} for {at} {odd[:40]}")
    assert asked > 200
    assert not fell, "\n".join(fell)


async def test_odd_words_in_addresses_and_headers_are_refused_and_nothing_falls_over(place: Network) -> None:
    known, fell, asked, field = await _known(place), [], 0, 0
    document = described(place.parts)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not path.startswith("/api/v1") or path.endswith((*ENDS, "/worklist/changes")):
                continue
            for parameter in operation.get("parameters", ()):
                # One reader reads every cursor: each is tried in a few lists of many.
                odds, step = (ODD_CURSORS, 36) if parameter["name"] == "after" else (ODD_WORDS, 11)
                field += 1
                if field % 2 != _share(place):
                    continue
                for odd in odds[field // 2 % step :: step]:  # some of them each time, every one in many places
                    ids, query, headers = dict(known), {"key": known["key"]}, {"Authorization": f"Bearer {_key(path)}"}
                    if parameter["in"] == "path":
                        ids[parameter["name"]] = quote(odd, safe="")
                    elif parameter["in"] == "query":
                        query[parameter["name"]] = odd
                    else:
                        headers[parameter["name"]] = odd.encode("ascii", "replace").decode()
                    asked += 1
                    address = path.format(**ids)
                    if went := await _status(place, method, address, params=query, headers=headers):
                        fell.append(f"{went} for {parameter['name']} {odd[:40]}")
    assert asked > 200
    assert not fell, "\n".join(fell)


async def test_a_reading_that_is_no_number_is_refused_before_it_is_part_of_the_story(place: Network) -> None:
    patient = await place.enrol()
    for odd in ("NaN", "Infinity", "-1e999", "1" + "0" * 400):
        headers = {"Authorization": "Bearer manager", "Content-Type": "application/json"}
        sent = f'{{"readings": {{"sbp": {odd}}}}}'
        answer = await place.http.post(f"/api/v1/patients/{patient}/visits", content=sent, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"][:17]) == (422, "body.readings.sbp"), odd


async def test_a_name_that_the_caller_made_up_is_not_quoted_back(place: Network) -> None:
    patient = await place.enrol()
    for made_up in ("王秀英 +8613812345678", "\\ud800", "x" * 10_000):
        sent = f'{{"{made_up}": 1}}'.encode()
        headers = {"Authorization": "Bearer manager", "Content-Type": "application/json"}
        answer = await place.http.post(f"/api/v1/patients/{patient}/visits", content=sent, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] in ("body.?", "body")
        assert made_up not in answer.text
