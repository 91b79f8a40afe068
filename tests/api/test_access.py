"""Who may call what; a record of somebody else looks like one that is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.app import OPEN, create_app
from api.depends import Allowed
from tests.api.conftest import WELL, Network
from tests.kept import described

SIGNED = "api.routes.hooks"


def _routes(app: object) -> Iterator[APIRoute]:
    for route in getattr(app, "routes", []):
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _routes(getattr(route, "original_router", route) if route is not app else None)


def _guards(dependant: Dependant) -> Iterator[Allowed]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Allowed):
            yield inner.call
        yield from _guards(inner)


async def test_every_route_says_who_may_call_it(network: Network) -> None:
    app = create_app(network.parts)
    paths = described(network.parts)["paths"]
    routes = list(_routes(app))
    assert len(routes) >= 30
    for route in routes:
        if route.path in OPEN or route.endpoint.__module__ == SIGNED:
            continue
        assert list(_guards(route.dependant)), f"{route.path} lets anybody in: give it a caller"
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path} has no summary"


async def test_no_key_and_a_wrong_key_are_turned_away_alike(network: Network) -> None:
    for key in ("", "cairn_wrong"):
        answer = await network.get("/patients", key)
        assert (answer.status_code, answer.json()["status"]) == (401, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("hospital-1", "/patients"),
        ("pharmacy-1", "/tasks"),
        ("gateway", "/patients"),
        ("administrator", "/patients"),
        ("auditor", "/patients"),
        ("supervisor", "/worklist"),
        ("manager", "/overview"),
        ("doctor", "/sandbox/messages"),
        ("hospital-1", "/refills"),
        ("gateway", "/worklist"),
    ],
)
async def test_a_role_that_may_not_is_told_so(network: Network, key: str, path: str) -> None:
    assert (await network.get(path, key)).status_code == 403


async def test_a_foreign_patient_looks_like_a_missing_one(network: Network) -> None:
    patient = await network.enrol()
    for asked in (patient, "0" * 32):
        for path in (f"/patients/{asked}", f"/patients/{asked}/timeline", f"/patients/{asked}/messages"):
            answer = await network.get(path, "other-manager")
            assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such record among yours.")
        for path, body in (
            ("visits", {"readings": WELL}),
            ("dispenses", {"medicine": "amlodipine", "days": 30}),
            ("move", {"care_team": "team-2"}),
            ("died", {}),
        ):
            answer = await network.post(f"/patients/{asked}/{path}", body, "other-manager")
            assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such record among yours."), path
        answer = await network.post(f"/tasks/{asked}/complete", {"key": "task/x#1"}, "other-manager")
        assert answer.status_code == 404
    assert (await network.get("/patients", "other-manager", search="王")).json()["items"] == []
    assert (await network.get("/worklist", "other-manager", team="team-1")).status_code == 404
    assert (await network.get(f"/patients/{patient}")).json()["life"] == "active"


async def test_a_person_of_another_team_is_not_given_away_by_enrolling_them_again(network: Network) -> None:
    await network.enrol()
    answer = await network.post("/patients", {"identifier": "A-1", "born": "1960-05-01"}, "other-manager")
    assert (answer.json()["status"], answer.json()["patient_id"]) == ("already_enrolled", None)


async def test_only_a_driven_clock_is_moved_and_only_forward(network: Network) -> None:
    before = (await network.get("/clock", "gateway")).json()
    assert before["driven"]
    assert before["settled"]
    assert before["now"] == "2025-03-03T01:00:00Z"
    assert (await network.post("/clock", {"to": "2025-03-04T01:00:00Z"}, "manager")).status_code == 403
    assert (await network.post("/clock", {"to": "2025-03-02T01:00:00Z"}, "administrator")).status_code == 409
    assert (await network.move_to("2025-03-04T01:00:00+08:00"))["now"] == "2025-03-03T17:00:00Z"


async def test_a_provider_that_is_not_used_here_cannot_call(network: Network) -> None:
    answer = await network.http.post("/api/v1/hooks/twilio/inbound", content=b"From=%2B1&Body=STOP")
    assert answer.status_code == 403


def test_a_right_that_is_not_declared_cannot_be_asked_for() -> None:
    with pytest.raises(KeyError, match=r"patients\.gossip"):
        Allowed("patients.gossip")


async def test_a_fault_of_ours_says_nothing_of_what_was_sent(network: Network) -> None:
    assert (await network.get("/patients/%00", "manager")).status_code == 404
    assert (await network.get("/tasks", "manager", kind="\x00")).status_code == 404
    assert (await network.post("/tasks/x/complete", {"key": "a\x00b"}, "manager")).status_code == 422
    assert (await network.http.get("/nowhere")).json()["status"] == 404
    assert (await network.http.get("/healthz")).json() == {"status": "ok"}
