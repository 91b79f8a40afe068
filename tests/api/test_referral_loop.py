"""The whole loop of a referral over the API, with a driven clock: nobody answers, the next place is asked, the patient is told
where to go, and it is over on evidence only. What a network says of its times is kept to at once.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from records.callers import hashed
from records.tables import ApiKey, AuditRow, Organisation, PlaceChange
from tests.api.conftest import EMERGENCY, WELL, Network

LIMITS = "/places/network/referral-limits"


async def put(network: Network, body: Any, key: str, path: str = LIMITS, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await network.http.put(f"/api/v1{path}", json=body, headers={"Authorization": f"Bearer {key}", **sent})


async def routine(network: Network) -> tuple[str, str]:
    """A patient for whom a hospital was asked on Monday at nine, and the id of the request."""
    async with network.parts.database.begin() as session:
        named = {"address": "1 Hospital Road", "phone": "555 0200"}
        await session.execute(update(Organisation).where(Organisation.id == "hospital-2").values(**named))
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": {**WELL, "adr_hard_to_control": True}})
    (row,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    return patient, row["id"]


async def says(network: Network, id_: str, what: str, body: Any = None, key: str = "hospital-2") -> Any:
    answer = await network.post(f"/referrals/{id_}/{what}", body, key)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def read(network: Network, id_: str, key: str = "manager") -> dict[str, Any]:
    answer = await network.get(f"/referrals/{id_}", key)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def texts(network: Network) -> list[str]:
    return [one.text for one in await network.channel.messages()]


async def kinds(network: Network, patient: str) -> list[str]:
    items = (await network.get("/tasks")).json()["items"]
    return [task["kind"] for task in items if task["patient"]["id"] == patient]


async def test_nobody_answers_the_next_place_sees_the_patient_reports_and_we_check(network: Network) -> None:
    patient, first = await routine(network)
    await network.move_to("2025-03-04T01:00:00Z")
    reminded = await read(network, first, "hospital-1")
    assert (reminded["reminded"], reminded["stage"]) == ("2025-03-04T01:00:00Z", "requested")
    assert reminded["since"] == "2025-03-03T01:00:00Z"
    await network.move_to("2025-03-06T01:00:00Z")
    passed = await read(network, first, "hospital-1")
    assert (passed["stage"], passed["cancelled"], passed["record"], passed["moves"]) == ("cancelled", "not_answered", None, [])
    (second,) = (await network.get("/referrals", "hospital-2", patient=patient)).json()["items"]
    id_ = second["id"]
    assert (second["stage"], second["first_asked"]) == ("requested", "2025-03-03T01:00:00Z")
    last = (await texts(network))[-1]
    assert "Hospital-2" in last
    assert "1 Hospital Road" in last
    assert "555 0200" in last
    async with network.parts.database.reading() as session:
        told = [(one.place_id, one.stage) for one in await session.scalars(select(PlaceChange).order_by(PlaceChange.at))]
    assert told == [("hospital-1", "requested")] * 2 + [("hospital-1", "cancelled"), ("hospital-2", "requested")]
    late = await network.post(f"/referrals/{first}/accept", None, "hospital-1")
    assert (late.status_code, "cancelled" in late.json()["detail"]) == (409, True)

    await says(network, id_, "accept")
    await says(network, id_, "book", {"day": "2025-03-10"})
    last = (await texts(network))[-1]
    assert "3月10日" in last
    assert "1 Hospital Road" in last
    await network.move_to("2025-03-10T06:00:00Z")
    await says(network, id_, "attended")
    await says(network, id_, "start")
    assert (await read(network, id_))["since"] == "2025-03-10T06:00:00Z"
    await network.move_to("2025-03-12T02:00:00Z")
    await says(network, id_, "complete", {"report": "Seen and treated."})
    await says(network, id_, "complete", {"report": "And the laboratory is well."})  # a further report is no stage
    done = await read(network, id_)
    assert (done["stage"], done["since"], done["record"]) == ("completed", "2025-03-12T02:00:00Z", None)
    assert "referral_check" not in await kinds(network, patient)
    await network.move_to("2025-03-14T02:00:00Z")
    (check,) = [t for t in (await network.get("/tasks", kind="referral_check")).json()["items"] if t["patient"]["id"] == patient]
    await network.post(f"/tasks/{patient}/complete", {"key": check["key"], "outcome": "completed"})
    codes = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline", limit="200")).json()["items"]]
    loop = ["place_reminded", "referral_silent", "referral_placed", "referral_accepted", "referral_booked", "referral_attended"]
    loop += ["referral_in_progress", "referral_completed", "referral_checked", "referral_closed"]
    assert [code for code in codes if code in loop] == loop
    lines = (await network.get(f"/patients/{patient}/timeline", limit="200")).json()["items"]
    assert "asked for" in next(line["text"] for line in lines if line["code"] == "referral_silent")


async def test_a_note_is_no_stage_and_the_last_place_is_never_taken_away_without_another(network: Network) -> None:
    patient, id_ = await routine(network)
    await says(network, id_, "receive", key="hospital-1")
    await network.move_to("2025-03-04T13:00:00Z")
    await says(network, id_, "ask-more", {"question": "Which medicines?"}, "hospital-1")
    await says(network, id_, "ask-more", {"question": "And since when?"}, "hospital-1")
    assert (await read(network, id_))["since"] == "2025-03-03T01:00:00Z"
    await says(network, id_, "reply", {"text": "One, since May."}, "manager")
    assert (await read(network, id_))["since"] == "2025-03-03T01:00:00Z"
    await network.move_to("2025-03-06T01:00:00Z")  # three days from receiving: no reply made it wait anew
    assert (await read(network, id_))["stage"] == "cancelled"
    (second,) = (await network.get("/referrals", "hospital-2", patient=patient)).json()["items"]
    await network.move_to("2025-03-09T01:00:00Z")
    assert (await read(network, second["id"]))["stage"] == "requested"  # nobody is left: it may still answer
    assert "place_referral" in await kinds(network, patient)
    await says(network, second["id"], "accept")
    assert "place_referral" not in await kinds(network, patient)


async def test_the_team_cancels_before_and_asks_to_stop_after_and_the_place_ends_it(network: Network) -> None:
    patient, id_ = await routine(network)
    nobody = await network.post(f"/referrals/{id_}/abort", None, "hospital-1")
    assert nobody.status_code == 409
    assert (await network.post(f"/referrals/{id_}/cancel", {"reason": "not needed"}, "hospital-1")).status_code == 403
    assert (await network.post(f"/referrals/{id_}/cancel", {"reason": "not needed"}, "foreign-manager")).status_code == 404
    await says(network, id_, "book", {"day": "2025-03-10"}, "hospital-1")
    off = await says(network, id_, "cancel", {"reason": "she is better"}, "manager")
    again = await says(network, id_, "cancel", {"reason": "she is better"}, "manager")
    assert (off["came"], again["came"], again["event_id"]) == ("cancelled", "cancelled", "")
    seen = await read(network, id_, "hospital-1")
    assert (seen["stage"], seen["cancelled"], seen["reason"]) == ("cancelled", "care_team", "she is better")
    assert "Hospital-1" in (await texts(network))[-1]
    assert (await network.get(f"/patients/{patient}")).json()["referrals"] == []

    await network.post(f"/patients/{patient}/visits", {"readings": {**WELL, "sbp": 131, "adr_hard_to_control": True}})
    (row,) = (await network.get("/referrals", "hospital-1", patient=patient, open="true")).json()["items"]
    id_ = row["id"]
    await says(network, id_, "start", key="hospital-1")
    assert (await says(network, id_, "cancel", {"reason": "she wants to go home"}, "doctor"))["came"] == "abort_asked"
    seen = await read(network, id_, "hospital-1")
    assert (seen["stage"], seen["abort_asked"], "aborted" in seen["moves"]) == ("in_progress", "2025-03-03T01:00:00Z", True)
    await says(network, id_, "abort", key="hospital-1")
    assert (await read(network, id_))["stage"] == "aborted"
    assert (await network.get(f"/patients/{patient}")).json()["referrals"] == []


async def test_a_place_that_does_not_say_whether_it_stopped_is_taken_to_have(network: Network) -> None:
    _, id_ = await routine(network)
    await says(network, id_, "start", key="hospital-1")
    await says(network, id_, "cancel", {"reason": "she wants to go home"}, "manager")
    await network.move_to("2025-03-04T01:00:00Z")
    assert (await read(network, id_))["reminded"] == "2025-03-04T01:00:00Z"
    await network.move_to("2025-03-05T01:00:00Z")
    assert (await read(network, id_))["stage"] == "aborted"


async def test_the_place_is_told_what_the_referral_needs_and_no_more_and_that_is_written_down(network: Network) -> None:
    patient = await network.enrol()
    other = await network.enrol(identifier="B-2", name="李强", phone="+8613812345679")
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    (row,) = (await network.get("/referrals", "hospital-1")).json()["items"]
    assert "record" not in row  # the list is for finding, not for reading
    answer = await network.get(f"/referrals/{row['id']}", "hospital-1")
    shown = answer.json()
    assert shown["summary"]["row"] == "HTN-E1"
    assert shown["summary"]["cites"]
    record = shown["record"]
    assert (record["tag"], record["conditions"]) == ("red", ["hypertension"])
    assert {"name": "sbp", "value": 192, "on": "2025-03-03"}.items() <= next(
        r for r in record["readings"] if r["name"] == "sbp"
    ).items()
    assert [one["medicine"] for one in record["medicines"]] == ["amlodipine"]
    assert record["care_team"]["place"] == "Centre-1"
    assert other not in answer.text
    assert "李强" not in answer.text
    async with network.parts.database.reading() as session:
        rows = list(
            await session.scalars(select(AuditRow).where(AuditRow.action == "referrals.read", AuditRow.record == row["id"]))
        )
    assert any(patient in one.patients for one in rows)
    await says(network, row["id"], "refuse", {"reason": "no bed"}, "hospital-1")
    assert (await read(network, row["id"], "hospital-1"))["record"] is None  # a place that refused reads no further


async def test_a_network_says_how_long_its_places_may_stay_silent_and_what_is_open_keeps_to_it(network: Network) -> None:
    _, id_ = await routine(network)
    shipped = await network.get("/places/hospital-1/referral-limits", "hospital-1")
    assert shipped.json()["limits"]["routine"]["requested"] == {"within": "3 days", "remind": "1 day"}
    assert (shipped.headers["etag"], shipped.json()["written"]) == ('"0"', {})
    async with network.parts.database.begin() as session:
        now = network.parts.audit.now()
        session.add(ApiKey(hash=hashed("all"), id="key-all", name="all", role="coordinator", place="network", created=now))
        session.add(ApiKey(hash=hashed("one"), id="key-one", name="one", role="coordinator", place="centre-1", created=now))
    wanted = {"limits": {"routine": {"requested": {"within": "6 hours", "remind": "2 hours"}}}}
    assert (await put(network, wanted, "all")).status_code == 428
    assert (await put(network, wanted, "manager", If_Match='"0"')).status_code == 403
    assert (await put(network, wanted, "one", If_Match='"0"')).status_code == 403
    assert (await put(network, wanted, "all", "/places/centre-1/referral-limits", If_Match='"0"')).status_code == 409
    bad = await put(network, {"limits": {"routine": {"requested": {"within": "soon"}}}}, "all", If_Match='"0"')
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "body.limits.routine.requested.within")
    assert bad.json()["errors"][0]["remedy"]
    made = await put(network, wanted, "all", If_Match='"0"')
    assert (made.status_code, made.headers["etag"], made.json()["written"]) == (200, '"1"', wanted["limits"])
    assert made.json()["limits"]["routine"]["received"] == {"within": "3 days", "remind": "1 day"}
    assert (await put(network, wanted, "all", If_Match='"0"')).status_code == 412
    await network.move_to("2025-03-03T03:00:00Z")
    assert (await read(network, id_))["reminded"] == "2025-03-03T03:00:00Z"
    await network.move_to("2025-03-03T07:00:00Z")
    assert (await read(network, id_))["cancelled"] == "not_answered"
    assert (await put(network, {"limits": {}}, "administrator", If_Match='"1"')).json()["written"] == {}
