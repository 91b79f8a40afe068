"""The organisation tree: read from where one stands, changed by whoever runs it; and whom we ask while a place is closed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from records.callers import hashed
from records.tables import ApiKey
from tests.api.conftest import EMERGENCY, KEYS, Network


async def put(network: Network, path: str, body: Any, key: str = "administrator", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await network.http.put(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}", **sent})


async def delete(network: Network, path: str, key: str = "administrator", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await network.http.delete(f"/api/v1{path}", headers={"Authorization": f"Bearer {key}", **sent})


async def a_key(network: Network, name: str, role: str, place: str) -> str:
    """Somebody who stands elsewhere."""
    async with network.parts.database.begin() as session:
        now = network.parts.audit.now()
        session.add(ApiKey(hash=hashed(name), id=f"key-{name}", name=name, role=role, place=place, created=now))
    return name


def ids(page: httpx.Response) -> list[str]:
    assert page.status_code == 200, page.text
    return [row["id"] for row in page.json()["items"]]


async def test_everybody_knows_the_places_beneath_and_above_their_own(network: Network) -> None:
    everything = ["centre-1", "centre-2", "hospital-1", "hospital-2", "network", "pharmacy-1", "pharmacy-2"]
    for key, seen in (
        ("administrator", everything),
        ("supervisor", everything),
        ("manager", ["centre-1", "network"]),
        ("centre-manager", ["centre-1", "network"]),
        ("foreign-manager", ["centre-2", "network"]),
        ("hospital-1", ["hospital-1", "network"]),
    ):
        assert ids(await network.get("/places", key)) == seen, key
    for key, teams in (("centre-manager", ["team-1", "team-2"]), ("manager", ["team-1"]), ("hospital-1", [])):
        assert ids(await network.get("/teams", key)) == teams
    assert (await network.get("/places/centre-2", "manager")).status_code == 404
    assert (await network.get("/teams/team-3", "manager")).status_code == 404
    assert (await network.get("/places/network", "manager")).json()["name"] == "Network"
    assert (await network.get("/teams/team-1", "manager")).headers["etag"] == '"1"'


async def test_pages_of_places_neither_skip_nor_repeat(network: Network) -> None:
    found: list[str] = []
    after = None
    while True:
        page = await network.get("/places", "administrator", limit=2, **({"after": after} if after else {}))
        found += ids(page)
        after = page.json()["next"]
        if after is None:
            break
    assert found == sorted(set(found))
    assert len(found) == 7
    assert ids(await network.get("/places", "administrator", kind="pharmacy")) == ["pharmacy-1", "pharmacy-2"]
    assert ids(await network.get("/places", "administrator", parent="centre-1")) == []


async def test_only_an_administrator_changes_the_tree(network: Network) -> None:
    body = {"kind": "centre", "name": "New", "parent": "network"}
    for key in KEYS:
        answer = await network.post("/places", {**body, "id": f"of-{key}"}, key)
        assert answer.status_code == (201 if KEYS[key][0] == "administrator" else 403), key


async def test_a_place_gets_an_id_from_its_name_and_a_second_one_another(network: Network) -> None:
    body = {"kind": "station", "name": "Café du Nord!", "parent": "centre-1"}
    for expected in ("cafe-du-nord", "cafe-du-nord-2"):
        answer = await network.post("/places", body, "administrator")
        assert (answer.status_code, answer.json()["id"]) == (201, expected)
        assert answer.json()["network"] == "network"
    chinese = await network.post("/places", {"kind": "hospital", "name": "区医院", "parent": "network"}, "administrator")
    assert chinese.json()["id"] == "hospital-3"
    taken = await network.post("/places", {**body, "id": "team-1"}, "administrator")
    assert taken.status_code == 409


async def test_the_same_request_sent_twice_makes_one_place(network: Network) -> None:
    body = {"kind": "station", "name": "Riverside", "parent": "centre-1"}
    first = await network.post("/places", body, "administrator", Idempotency_Key="once")
    second = await network.post("/places", body, "administrator", Idempotency_Key="once")
    assert (first.status_code, second.json()) == (201, first.json())
    other = await network.post("/places", {**body, "name": "Hill"}, "administrator", Idempotency_Key="once")
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("kind", "parent", "remedy"),
    [
        ("station", "network", "a station hangs beneath a centre"),
        ("centre", "centre-1", "a centre hangs beneath a network"),
        ("hospital", "centre-1", "a hospital hangs beneath a network"),
        ("centre", None, "a centre hangs beneath a network"),
        ("centre", "nowhere", "give the id of a network"),
        ("network", "network", "leave it out"),
    ],
)
async def test_a_place_hangs_where_its_kind_hangs(network: Network, kind: str, parent: str | None, remedy: str) -> None:
    answer = await network.post("/places", {"kind": kind, "name": "New", "parent": parent}, "administrator")
    assert answer.status_code == 422
    assert remedy in answer.json()["errors"][0]["remedy"]


async def test_two_people_who_edit_one_place_do_not_overwrite_each_other(network: Network) -> None:
    body = {"name": "Renamed", "parent": "network", "rank": 3}
    assert (await put(network, "/places/centre-1", body)).status_code == 428
    first = await put(network, "/places/centre-1", body, If_Match='"1"')
    assert (first.status_code, first.headers["etag"], first.json()["name"]) == (200, '"2"', "Renamed")
    assert (await put(network, "/places/centre-1", {**body, "name": "Stale"}, If_Match='"1"')).status_code == 412
    assert (await network.get("/places/centre-1", "administrator")).json()["name"] == "Renamed"
    assert (await put(network, "/places/centre-1", body, If_Match="*")).status_code == 200
    assert (await put(network, "/places/missing", body, If_Match="*")).status_code == 404


async def test_a_centre_that_moves_to_another_network_takes_what_is_beneath_it_along(network: Network) -> None:
    assert (await network.post("/places", {"kind": "network", "name": "Other"}, "administrator")).json()["id"] == "other"
    station = {"kind": "station", "name": "S", "id": "station-1", "parent": "centre-2"}
    assert (await network.post("/places", station, "administrator")).status_code == 201
    moved = await put(network, "/places/centre-2", {"name": "Centre-2", "parent": "other"}, If_Match='"1"')
    assert moved.json()["network"] == "other"
    assert (await network.get("/places/station-1", "administrator")).json()["network"] == "other"
    assert ids(await network.get("/places", "foreign-manager")) == ["centre-2", "other"]


async def test_an_administrator_of_a_centre_builds_beneath_it_and_nowhere_else(network: Network) -> None:
    centre = await a_key(network, "centre-admin", "administrator", "centre-1")
    inside = {"kind": "station", "name": "S", "id": "s-1", "parent": "centre-1"}
    assert (await network.post("/places", inside, centre)).status_code == 201
    assert (await network.post("/places", {**inside, "id": "s-2", "parent": "centre-2"}, centre)).status_code == 422
    assert (await network.post("/places", {"kind": "network", "name": "Mine"}, centre)).status_code == 403
    assert (await put(network, "/places/centre-2", {"name": "Mine", "parent": "network"}, centre, If_Match="*")).status_code == 404
    assert (await delete(network, "/places/hospital-2", centre)).status_code == 404
    assert (await network.post("/teams", {"organisation": "centre-2", "name": "T", "timezone": "UTC"}, centre)).status_code == 422


async def test_a_place_that_anything_hangs_on_is_not_deleted_and_it_is_said_what(network: Network) -> None:
    for place, hangs in (("network", "places beneath it: 6"), ("centre-1", "care teams: 2, keys: 1"), ("hospital-1", "keys: 1")):
        refused = await delete(network, f"/places/{place}")
        assert refused.status_code == 409
        assert hangs in refused.json()["detail"]
    made = await network.post("/places", {"kind": "pharmacy", "name": "Short", "parent": "network"}, "administrator")
    stock = {"pharmacy": "short", "items": [{"medicine": "A", "available": True}]}
    assert (await put(network, "/stock", stock, "coordinator")).is_success
    closed = {"place": "short", "first": "2025-03-03", "last": "2025-03-04"}
    assert (await network.post("/closures", closed, "administrator")).status_code == 201
    assert (await delete(network, "/places/short", If_Match='"7"')).status_code == 412
    assert (await delete(network, "/places/short", If_Match=made.headers["etag"])).status_code == 204
    assert (await network.get("/places/short", "administrator")).status_code == 404


async def test_a_hospital_with_a_referral_is_closed_instead_of_deleted(network: Network) -> None:
    await _referred(network)
    assert "referrals: 1" in (await delete(network, "/places/hospital-1")).json()["detail"]


async def test_a_care_team_has_a_phone_that_can_be_rung_and_hours_that_exist(network: Network) -> None:
    body = {"organisation": "centre-1", "name": "Night Team", "timezone": "Asia/Shanghai", "on_call_phone": "138 1234 5678"}
    made = await network.post("/teams", body, "administrator")
    assert (made.status_code, made.json()["id"], made.json()["on_call_phone"]) == (201, "night-team", "+8613812345678")
    for wrong, field in (
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"on_call_phone": "12"}, "on_call_phone"),
        ({"organisation": "hospital-1"}, "organisation"),
        ({"organisation": "nowhere"}, "organisation"),
        ({"capacity": 0}, "body.capacity"),
    ):
        refused = await network.post("/teams", {**body, **wrong}, "administrator")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
        assert refused.json()["errors"][0]["remedy"]
    moved = await put(network, "/teams/night-team", {**body, "organisation": "centre-2"}, If_Match='"1"')
    assert (moved.status_code, moved.json()["version"]) == (200, 2)
    assert ids(await network.get("/teams", "administrator", organisation="centre-2")) == ["night-team", "team-3"]
    assert (await put(network, "/teams/night-team", body, If_Match='"1"')).status_code == 412
    assert (await put(network, "/teams/night-team", body)).status_code == 428


async def test_a_manager_of_a_centre_sees_a_team_that_is_new_there_at_once(network: Network) -> None:
    patient = await network.enrol()
    assert (await network.get(f"/patients/{patient}", "foreign-manager")).status_code == 404
    team = {"organisation": "centre-2", "name": "Team-1", "timezone": "Asia/Shanghai"}
    assert (await put(network, "/teams/team-1", team, If_Match='"1"')).is_success
    centre_2 = await a_key(network, "centre-2-manager", "health_manager", "centre-2")
    assert (await network.get(f"/patients/{patient}", centre_2)).status_code == 200
    assert (await network.get(f"/patients/{patient}", "centre-manager")).status_code == 404


async def test_a_pharmacy_says_what_it_lacks_and_others_of_its_network_read_it(network: Network) -> None:
    said = {"items": [{"medicine": "  Amlodipine  5mg ", "available": False, "until": "2025-03-10"}]}
    answer = await put(network, "/stock", said, "pharmacy-1")
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["items"]
    assert (row["pharmacy"], row["medicine"], row["until"]) == ("pharmacy-1", "amlodipine 5mg", "2025-03-10")
    assert (await put(network, "/stock", {"pharmacy": "pharmacy-1", **said}, "pharmacy-2")).status_code == 404
    assert (await put(network, "/stock", said, "coordinator")).status_code == 422
    assert (await put(network, "/stock", {"pharmacy": "hospital-1", **said}, "coordinator")).status_code == 404
    for key, seen in (("pharmacy-1", 1), ("pharmacy-2", 0), ("manager", 1), ("supervisor", 1), ("coordinator", 1)):
        assert len((await network.get("/stock", key, medicine="AMLODIPINE 5mg")).json()["items"]) == seen, key
    there = {"items": [{"medicine": "amlodipine 5mg", "available": True}]}
    assert (await put(network, "/stock", there, "pharmacy-1")).json()["items"][0]["version"] == 2
    assert (
        await put(network, "/stock", {"items": [{**there["items"][0], "until": "2025-04-01"}]}, "pharmacy-1")
    ).status_code == 422


async def test_a_place_closes_itself_and_nobody_else(network: Network) -> None:
    body = {"place": "hospital-1", "first": "2025-03-03", "last": "2025-03-09", "reason": "flood"}
    assert (await network.post("/closures", body, "hospital-2")).status_code == 404
    assert (await network.post("/closures", body, "manager")).status_code == 403
    assert (await network.post("/closures", {**body, "last": "2025-03-01"}, "hospital-1")).status_code == 422
    made = await network.post("/closures", body, "hospital-1")
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    path = f"/closures/{made.json()['id']}"
    days = {"first": "2025-03-03", "last": "2025-03-05"}
    assert (await put(network, path, days, "hospital-2", If_Match='"1"')).status_code == 404
    assert (await put(network, path, days, "hospital-1")).status_code == 428
    assert (await put(network, path, days, "hospital-1", If_Match='"1"')).json()["last"] == "2025-03-05"
    assert ids(await network.get("/closures", "hospital-1", since="2025-03-06")) == []
    assert ids(await network.get("/closures", "administrator", place="hospital-1")) == [made.json()["id"]]
    assert ids(await network.get("/closures", "hospital-2")) == []
    assert (await delete(network, path, "hospital-1", If_Match='"1"')).status_code == 412
    assert (await delete(network, path, "hospital-1")).status_code == 204
    assert ids(await network.get("/closures", "administrator")) == []


async def _referred(network: Network) -> None:
    patient = await network.enrol()
    visit = await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    assert visit.status_code < 300, visit.text
    tasks = (await network.get("/tasks", "doctor", kind="confirm_referral")).json()["items"]
    for task in tasks:
        body = {"key": task["key"], "outcome": "approved"}
        assert (await network.post(f"/tasks/{patient}/complete", body, "doctor")).status_code < 300


async def test_a_closed_hospital_is_not_asked_even_in_an_emergency(network: Network) -> None:
    body = {"place": "hospital-1", "first": "2025-03-01", "last": "2025-03-03"}
    assert (await network.post("/closures", body, "hospital-1")).status_code == 201
    await _referred(network)
    assert len((await network.get("/referrals", "hospital-2")).json()["items"]) == 1
    assert (await network.get("/referrals", "hospital-1")).json()["items"] == []


async def test_a_calendar_holds_what_somebody_put_there_whatever_is_taken_over(network: Network) -> None:
    own = {"working": True, "name": "we work"}
    assert (await put(network, "/holidays/CN/2025-10-01", own, "coordinator")).status_code == 200
    assert (await put(network, "/holidays/CN/2025-10-01", own, "manager")).status_code == 403
    took = await network.post("/holidays/CN", {"country": "CN", "years": [2025]}, "administrator")
    assert took.status_code == 200, took.text
    assert took.json()["kept"] == 1
    assert took.json()["added"] > 15
    year = (await network.get("/holidays/CN", "manager", year=2025)).json()["items"]
    days = {row["day"]: row for row in year}
    assert days["2025-10-01"] == {"day": "2025-10-01", **own}
    assert days["2025-02-08"]["working"], "a weekend that is worked for the Spring Festival"
    assert [row["day"] for row in year] == sorted(days)
    again = await network.post("/holidays/CN", {"country": "CN", "years": [2025]}, "administrator")
    assert (again.json()["added"], again.json()["kept"]) == (0, len(days))
    over = await network.post("/holidays/CN", {"country": "CN", "years": [2025], "overwrite": True}, "administrator")
    assert over.json() == {"added": 0, "kept": len(days) - 1, "replaced": 1}
    assert (await delete(network, "/holidays/CN/2025-10-01", "coordinator")).status_code == 204
    assert (await delete(network, "/holidays/CN/2025-10-01", "coordinator")).status_code == 404
    for wrong, field in (({"country": "XX"}, "country"), ({"country": "CN", "part": "ZZ"}, "part")):
        refused = await network.post("/holidays/CN", {"years": [2025], **wrong}, "administrator")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


async def test_a_calendar_that_others_keep_is_not_changed_from_one_centre(network: Network) -> None:
    kept = {"name": "Centre-2", "parent": "network", "calendar": "CN"}
    assert (await put(network, "/places/centre-2", kept, If_Match="*")).is_success
    centre = await a_key(network, "centre-1-coordinator", "coordinator", "centre-1")
    assert (await put(network, "/holidays/CN/2025-10-01", {}, centre)).status_code == 403
    assert (await put(network, "/holidays/centre-1/2025-10-01", {}, centre)).status_code == 200
