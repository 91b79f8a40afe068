"""Every route, by every role, from its own place, a sister's and a foreign one: exactly what is declared.

The bodies are the examples of the API's description. ``If-Match: "never"`` keeps what is allowed from happening.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from api.app import V1, create_app
from api.hooks.signing import ROOT
from api.rights import RIGHTS, ROLES
from records.callers import hashed
from records.tables import ApiKey, Organisation, ReferralRow, RefillRow
from tests.api.conftest import EMERGENCY, START, WANG, Network
from tests.api.test_access import SIGNED, _guards, _routes
from tests.kept import described

#: Where each role stands: its own place, a sister's, a foreign one. Roles that see no record stand over everything.
PLACES = {
    "coordinator": ("centre-1", None, "centre-2"),
    "health_manager": ("team-1", "team-2", "team-3"),
    "doctor": ("team-1", "team-2", "team-3"),
    "clinic": ("hospital-1", "hospital-2", "hospital-9"),
    "pharmacy": ("pharmacy-1", "pharmacy-2", "pharmacy-9"),
}
RECORDS = {"patient_id", "referral_id", "refill_id"}


def _bodies(network: Network) -> dict[tuple[str, str], Any]:
    """An example of the body of each operation."""
    document = described(network.parts)
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for choice in schema.get("anyOf", [schema]):
                if "$ref" in choice:
                    model = document["components"]["schemas"][choice["$ref"].rsplit("/", 1)[1]]
                    found[method.upper(), path] = model.get("examples", [{}])[0]
    return found


def _asked(network: Network) -> Iterator[tuple[str, APIRoute, str]]:
    """Method, route, and the right that the route names."""
    for route in _routes(create_app(network.parts)):
        guards = list(_guards(route.dependant))
        if guards and route.include_in_schema and route.endpoint.__module__ != SIGNED:
            for method in sorted(route.methods - {"HEAD"}):
                yield method, route, guards[0].right


def _about(body: Any, task: str) -> Any:
    """The example, of a task that there is."""
    return {**body, "key": task} if isinstance(body, dict) and "key" in body else body


async def _a_referred_patient(network: Network) -> dict[str, str]:
    """Somebody of team-1 whom hospital-1 and pharmacy-1 were asked for."""
    patient = await network.enrol(medicines=[{"name": "amlodipine", "last_fill": "2025-02-06", "days_supply": 30}])
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", "doctor", kind="confirm_referral")).json()["items"]
    approved = await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    assert approved.status_code == 200, approved.text
    async with network.parts.database.reading() as session:
        referral = (await session.scalars(select(ReferralRow))).one()
        refill = (await session.scalars(select(RefillRow))).one()
    assert (referral.place_id, refill.pharmacy_id) == ("hospital-1", "pharmacy-1")
    accepted = await network.post(f"/referrals/{referral.id}/accept", None, "hospital-1")  # unanswered, it would go to the sister
    assert accepted.status_code == 200, accepted.text
    await network.post(f"/patients/{patient}/calls", {"outcome": "refused"})  # a task that stays
    open_tasks = (await network.get("/tasks", "doctor")).json()["items"]
    return {"patient_id": patient, "referral_id": referral.id, "refill_id": refill.id, "key": open_tasks[0]["key"]}


async def _keys(network: Network) -> dict[tuple[str, str], str]:
    """A key for every role at every place; the foreign places are another network's."""
    async with network.parts.database.begin() as session:
        session.add(Organisation(id="network-9", kind="network", name="Other", network_id="network-9"))
        await session.flush()
        for kind in ("hospital", "pharmacy"):
            place = f"{kind}-9"
            session.add(Organisation(id=place, kind=kind, name=place, parent_id="network-9", network_id="network-9"))
        await session.flush()
        keys = {}
        for role in ROLES:
            for which, place_ in zip(("own", "sister", "foreign"), PLACES.get(role, ("*", None, None)), strict=True):
                if place_ is not None:
                    key = keys[role, which] = f"{role}-{which}"
                    session.add(ApiKey(hash=hashed(key), id=key, name=key, role=role, place=place_, created=START))
    return keys


@pytest.mark.timeout(240)
async def test_every_route_by_every_role_from_every_place_is_exactly_what_is_declared(network: Network) -> None:
    ids = await _a_referred_patient(network)
    keys, bodies, wrong, asked = await _keys(network), _bodies(network), [], 0
    known = {
        "place_id": "centre-1",
        "team_id": "team-1",
        "name": "hypertension",
        "calendar": "CN",
        "day": "2025-10-01",
        "event_id": "enrolled",
        "service_id": "cairn-order-sign",
    }
    for method, route, right in _asked(network):
        described = route.path_format if route.path_format.startswith(ROOT) else V1 + route.path_format
        address = described
        for name in route.param_convertors:
            address = address.replace(f"{{{name}}}", {**ids, **known}.get(name, "x"))
        if address.endswith("/changes"):
            continue  # a stream has no end; tests of its own
        for (role, which), key in keys.items():
            headers = {"Authorization": f"Bearer {key}", "If-Match": '"never"'}
            body = bodies.get((method, described))
            answer = await network.http.request(
                method, address, params={"key": ids["key"]}, json=_about(body, ids["key"]), headers=headers
            )
            asked += 1
            about_a_record = bool(RECORDS & set(route.param_convertors))
            if role not in RIGHTS[right]:
                fits = answer.status_code == 403
            elif about_a_record and which != "own":
                fits = answer.status_code == 404
            elif about_a_record:
                fits = answer.status_code not in (401, 403, 404) and answer.status_code < 500
                fits = fits or (answer.status_code == 403 and "doctor" in answer.text)
            elif "{calendar}" in address or "/holidays/" in address:
                # Beyond the right it matters whose calendar it is: one that other places keep is not changed from beneath.
                fits = answer.status_code < 500 and (answer.status_code != 403 or "calendar" in answer.text)
            elif right in ("pathways.publish", "pathways.approve", "rollouts.run"):
                # What every team follows is published by somebody who stands over all of them.
                fits = answer.status_code < 500 and (answer.status_code != 403 or "whole network" in answer.text)
            else:
                fits = answer.status_code not in (401, 403) and answer.status_code < 500
                fits = fits and (which == "own" or not any(one in answer.text for one in (*ids.values(), WANG["name"])))
            if not fits:
                wrong.append(
                    f"{method} {route.path_format} ({right}) as {role} of {which}: {answer.status_code} {answer.text[:200]}"
                )
    assert asked > 800
    assert not wrong, "\n".join(wrong)
