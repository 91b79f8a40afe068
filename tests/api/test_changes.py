"""A hospital that may only call out polls what is new: everything once, in order, and nothing of another's."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import EMERGENCY, WANG, Network


async def referred(network: Network, n: int) -> str:
    """A referral to the hospital; its id."""
    patient = await network.enrol(**{**WANG, "identifier": f"mrn-{n}", "phone": f"1380000{n:04d}"})
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    tasks = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    (task,) = [task for task in tasks if task["patient"]["id"] == patient]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    (referral,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    return str(referral["id"])


async def _polled(network: Network, after: str | None = None, *, key: str = "hospital-1", **query: Any) -> dict[str, Any]:
    answer = await network.get("/changes", key, **({"after": after} if after else {}), **query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_whoever_polls_sees_each_change_once_and_finds_the_referral_by_it(network: Network) -> None:
    first, second = await referred(network, 1), await referred(network, 2)
    await network.post(f"/referrals/{first}/receive", None, "hospital-1")
    page = await _polled(network, limit=2)
    assert [(one["n"], one["id"], one["stage"]) for one in page["items"]] == [(1, first, "requested"), (2, second, "requested")]
    assert page["more"]
    rest = await _polled(network, page["next"])
    assert [(one["n"], one["id"], one["version"], one["stage"]) for one in rest["items"]] == [(3, first, 2, "received")]
    assert not rest["more"]
    assert (await _polled(network, rest["next"])) == {"items": [], "next": rest["next"], "more": False}
    asked = await network.get(rest["items"][0]["href"].removeprefix("/api/v1"), "hospital-1")
    assert asked.json()["stage"] == "received"


async def test_what_is_told_twice_or_refused_is_no_change(network: Network) -> None:
    referral = await referred(network, 1)
    for _ in range(2):
        await network.post(f"/referrals/{referral}/receive", None, "hospital-1")
    assert (await network.post(f"/referrals/{referral}/not-attended", None, "hospital-1")).status_code == 409
    assert [one["stage"] for one in (await _polled(network))["items"]] == ["requested", "received"]


async def test_a_place_that_begins_today_goes_on_from_what_it_has_listed(network: Network) -> None:
    await referred(network, 1)
    here = (await _polled(network, latest=True))["next"]
    later = await referred(network, 2)
    assert [one["id"] for one in (await _polled(network, here))["items"]] == [later]


async def test_a_place_polls_its_own_changes_only(network: Network) -> None:
    await referred(network, 1)
    assert (await _polled(network, key="hospital-2"))["items"] == []
    assert (await network.get("/changes", "hospital-2", place="hospital-1")).status_code == 404
    assert (await network.get("/changes", "manager")).status_code == 403
