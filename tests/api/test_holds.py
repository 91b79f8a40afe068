"""Who may hold texts where, what is refused, and what becomes of patients whose clinic closes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from activities import closures
from activities.closures import ClosedDays
from activities.events import Events
from records.callers import hashed
from records.tables import ApiKey, Patient, VisitBooking
from tests.api.conftest import Network

WEEK = {"first": "2025-03-03", "last": "2025-03-09", "action": "hold"}


async def asks(
    network: Network, method: str, path: str, body: Any = None, key: str = "coordinator", **headers: str
) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await network.http.request(method, f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}", **sent})


async def of_centre_1(network: Network) -> str:
    """The key of a coordinator of one centre."""
    async with network.parts.database.begin() as session:
        now = network.parts.audit.now()
        session.add(ApiKey(hash=hashed("one"), id="key-one", name="one", role="coordinator", place="centre-1", created=now))
    return "one"


async def texts(network: Network, patient: str) -> list[str]:
    page = (await network.get(f"/patients/{patient}/messages", "coordinator")).json()
    return [one["text"] for one in page["items"] if one["direction"] == "out"]


async def tell(network: Network) -> int:
    parts = network.parts
    told = await ClosedDays(Events(parts.database, parts.vault, parts.clock)).tell()
    async with parts.database.reading() as session:
        waiting = (
            await session.execute(select(Patient.id, Patient.last_step).where(Patient.last_event > Patient.taken_event))
        ).all()
    for patient, last_step in waiting:
        await network.waker.settle(patient, next_step=last_step + 1)
    return told


async def test_a_coordinator_holds_texts_of_places_beneath_their_own_and_others_may_read_it(network: Network) -> None:
    key = await of_centre_1(network)
    for who in ("manager", "doctor", "supervisor", "pharmacy-1", "administrator", "approver", "gateway"):
        assert (await network.post("/holds", {"place": "centre-1", **WEEK}, who)).status_code == 403, who
    assert (await network.post("/holds", {"place": "pharmacy-1", **WEEK}, key)).status_code == 404
    made = await network.post("/holds", {"place": "centre-1", "medicine": "  AmLodipine ", **WEEK}, key)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    shown = {
        "place": "centre-1",
        "medicine": "amlodipine",
        **WEEK,
        "redirect_to": None,
        "spread_days": 3,
        "reason": "",
        "version": 1,
    }
    assert made.json() == {"id": made.json()["id"], **shown}
    for who, seen in (("manager", 1), ("supervisor", 1), ("coordinator", 1), ("foreign-manager", 0)):
        assert len((await network.get("/holds", who)).json()["items"]) == seen, who
        found = await network.get(f"/holds/{made.json()['id']}", who)
        assert found.status_code == (200 if seen else 404), who
    assert (await network.get("/holds", "pharmacy-1")).status_code == 403
    assert (await network.get("/holds", "coordinator", since="2025-03-10")).json()["items"] == []
    assert (await network.get("/holds", "coordinator", place="hospital-1")).json()["items"] == []


async def test_nobody_overwrites_a_hold_that_they_have_not_read(network: Network) -> None:
    made = (await network.post("/holds", {"place": "network", **WEEK}, "coordinator")).json()
    path = f"/holds/{made['id']}"
    assert (await asks(network, "PATCH", path, {"last": "2025-03-12"})).status_code == 428
    changed = await asks(network, "PATCH", path, {"last": "2025-03-12"}, If_Match='"1"')
    assert (changed.json()["last"], changed.json()["first"], changed.headers["etag"]) == ("2025-03-12", "2025-03-03", '"2"')
    assert (await asks(network, "PATCH", path, {"last": "2025-03-13"}, If_Match='"1"')).status_code == 412
    key = await of_centre_1(network)
    assert (await asks(network, "PATCH", path, {"last": "2025-03-13"}, key, If_Match='"2"')).status_code == 404
    for wrong in ({"last": "2025-03-01"}, {"action": "redirect"}, {"action": None}, {"redirect_to": "hospital-1"}, {"place": "x"}):
        assert (await asks(network, "PATCH", path, wrong, If_Match='"2"')).status_code == 422, wrong
    assert (await asks(network, "DELETE", path, None, key)).status_code == 404
    assert (await asks(network, "DELETE", path, None, If_Match='"1"')).status_code == 412


async def test_a_hold_that_is_ended_is_over_and_one_that_had_not_begun_is_gone(network: Network) -> None:
    begun = {"place": "network", "first": "2025-03-01", "last": "2025-03-20", "action": "hold"}
    running = (await network.post("/holds", begun, "coordinator")).json()["id"]
    coming = (await network.post("/holds", {**begun, "first": "2025-03-10"}, "coordinator")).json()["id"]
    for hold in (running, running, coming):
        assert (await asks(network, "DELETE", f"/holds/{hold}")).status_code == 204
    assert (await network.get(f"/holds/{running}", "coordinator")).json()["last"] == "2025-03-02"
    assert (await network.get(f"/holds/{coming}", "coordinator")).status_code == 404


async def test_a_hold_that_makes_no_sense_is_refused_and_it_is_said_why(network: Network) -> None:
    for wrong in (
        {"last": "2025-03-01"},
        {"first": "2025-02-01", "last": "2025-02-20"},
        {"last": "2027-03-01"},
        {"action": "redirect"},
        {"redirect_to": "hospital-2"},
        {"action": "redirect", "redirect_to": "hospital-1"},
        {"action": "redirect", "redirect_to": "pharmacy-1"},
        {"action": "redirect", "redirect_to": "nowhere"},
        {"action": "redirect", "redirect_to": "hospital-2", "medicine": "metformin"},
        {"spread_days": 31},
        {"action": "shout"},
    ):
        answer = await network.post("/holds", {"place": "hospital-1", **WEEK, **wrong}, "coordinator")
        assert answer.status_code == 422, wrong
        assert answer.json()["errors"], wrong
    sent = {"place": "hospital-1", **WEEK, "action": "redirect", "redirect_to": "hospital-2"}
    assert (await network.post("/holds", sent, "coordinator")).status_code == 201


async def test_the_same_request_sent_twice_makes_one_hold(network: Network) -> None:
    body = {"place": "network", **WEEK}
    first = await network.post("/holds", body, "coordinator", Idempotency_Key="one")
    again = await network.post("/holds", body, "coordinator", Idempotency_Key="one")
    assert first.json() == again.json()
    assert len((await network.get("/holds", "coordinator")).json()["items"]) == 1


async def test_whom_a_hold_would_touch_is_counted_before_it_is_made(network: Network) -> None:
    await network.enrol()
    body = {"place": "centre-1", "first": "2025-03-03", "last": "2025-06-30", "action": "hold"}
    assert (await network.post("/holds/preview", body, "coordinator")).json() == {
        "patients": 1,
        "visits": 1,
        "refills": 0,
        "texts": 0,
    }
    elsewhere = (await network.post("/holds/preview", {**body, "place": "centre-2"}, "coordinator")).json()
    assert elsewhere == {"patients": 0, "visits": 0, "refills": 0, "texts": 0}
    assert (await network.post("/holds/preview", body, "manager")).status_code == 403
    assert (await network.get("/holds", "coordinator")).json()["items"] == []


async def bookings(network: Network) -> list[date]:
    async with network.parts.database.reading() as session:
        return list(await session.scalars(select(VisitBooking.day)))


async def codes(network: Network, patient: str) -> list[tuple[str, str]]:
    told = (await network.get(f"/patients/{patient}/timeline", "coordinator", limit=200)).json()["items"]
    return [(one["code"], one["held_back"]) for one in told]


async def test_a_hold_keeps_a_patient_s_reminder_back_and_the_timeline_says_why(network: Network) -> None:
    patient = await network.enrol()
    (day,) = await bookings(network)
    body = {"place": "centre-1", "first": day.isoformat(), "last": day.isoformat(), "action": "hold"}
    assert (await network.post("/holds", body, "coordinator")).status_code == 201
    await network.move_to(f"{day}T04:00:00Z")
    told = await codes(network, patient)
    assert "place_closed" in {held for code, held in told if code in ("message_held", "not_sent")}
    assert await texts(network, patient) == []


async def test_a_closure_moves_the_visits_of_its_days_and_each_patient_is_told_the_new_day_once(network: Network) -> None:
    patient = await network.enrol()
    (before,) = await bookings(network)
    body = {"place": "centre-1", "first": before.isoformat(), "last": (before + timedelta(days=1)).isoformat()}
    assert (await network.post("/closures", body, "administrator")).status_code == 201
    assert await tell(network) == 1
    (after,) = await bookings(network)
    assert not before <= after <= before + timedelta(days=1)
    (text,) = await texts(network, patient)
    assert f"{after.month}月{after.day}日" in text
    assert await tell(network) == 0
    assert len(await texts(network, patient)) == 1


async def test_where_no_open_day_is_left_the_patient_is_told_that_and_somebody_calls(network: Network) -> None:
    patient = await network.enrol()
    (before,) = await bookings(network)
    await network.move_to(f"{before - timedelta(days=4)}T01:00:00Z")
    body = {
        "place": "network",
        "first": (before - timedelta(days=4)).isoformat(),
        "last": (before + timedelta(days=60)).isoformat(),
    }
    assert (await network.post("/closures", body, "administrator")).status_code == 201
    assert [await tell(network) for _ in range(3)] == [1, 0, 0]  # the day that is found is closed, too: it is not said again
    assert await bookings(network) == []
    sent = await texts(network, patient)
    assert len(sent) == 1, sent
    tasks = (await network.get("/tasks", "coordinator", kind="find_another_day")).json()["items"]
    assert len(tasks) == 1


async def test_a_closure_elsewhere_moves_nobody(network: Network) -> None:
    await network.enrol()
    (before,) = await bookings(network)
    for place in ("centre-2", "hospital-1", "pharmacy-1"):
        body = {"place": place, "first": before.isoformat(), "last": before.isoformat()}
        assert (await network.post("/closures", body, "administrator")).status_code == 201
    assert await tell(network) == 0
    assert await bookings(network) == [before]


async def test_everybody_who_is_booked_on_a_closed_day_is_told_however_many_there_are(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closures, "PAGE", 2)
    for n in range(5):
        await network.enrol(identifier=f"B-{n}")
    first, last = min(await bookings(network)), max(await bookings(network))
    for place in ("centre-1", "network"):  # a day may be closed twice
        body = {"place": place, "first": first.isoformat(), "last": last.isoformat()}
        assert (await network.post("/closures", body, "administrator")).status_code == 201
    assert await tell(network) == 5
    assert await tell(network) == 0
