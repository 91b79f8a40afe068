"""Worklist, tasks, referrals and refills through the API."""

from __future__ import annotations

from tests.api.conftest import EMERGENCY, WELL, Network


async def test_a_visit_is_on_the_worklist_of_its_day_until_it_is_done(network: Network) -> None:
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    await network.move_to(f"{day}T02:00:00Z")
    work = (await network.get("/worklist")).json()
    assert (work["on"], work["team"]) == (day, "team-1")
    (visit,) = work["visits"]
    assert visit["patient"]["name"] == "王秀英"
    kinds = {reading["name"]: reading for reading in visit["collects"]}
    assert kinds["sbp"]["kind"] == "number"
    assert "severe_headache_or_dizziness" in kinds["symptoms"]["choices"]
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    assert (await network.get("/worklist")).json()["visits"] == []
    assert (await network.get("/worklist", "other-manager")).json()["visits"] == []


async def test_a_visit_without_readings_asks_for_them_by_name(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": {"sbp": 128}})
    (task,) = (await network.get("/tasks", kind="complete_readings")).json()["items"]
    assert "dbp" in {reading["name"] for reading in task["collects"]}
    assert task["why"].startswith("Complete the readings: ")
    await network.post(f"/patients/{patient}/readings", {"readings": WELL, "source": "staff"})
    assert (await network.get("/tasks", kind="complete_readings")).json()["items"] == []


async def test_a_call_about_a_critical_value_from_home_does_not_say_that_all_was_well(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    await network.post("/sandbox/replies", {"from": "+8613812345678", "text": "192/112"}, "coordinator")
    (task,) = (await network.get("/tasks", kind="urgent_call")).json()["items"]
    assert task["why"] == "Call at once: critical value sent from home"


async def _emergency(network: Network) -> tuple[str, str]:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    return patient, task["key"]


async def test_an_emergency_is_approved_by_a_doctor_and_reported_on_by_the_hospital(network: Network) -> None:
    patient, key = await _emergency(network)
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    assert task["urgent"]
    assert task["id"] == f"{patient}:{key}"
    path = f"/tasks/{patient}/complete"
    assert (await network.post(path, {"key": key, "outcome": "approved"})).status_code == 403
    assert (await network.post(path, {"key": key, "outcome": "done"}, "doctor")).status_code == 422
    assert (await network.post(path, {"key": key, "outcome": "approved"}, "doctor")).status_code == 200
    assert (await network.post(path, {"key": key, "outcome": "approved"}, "doctor")).status_code == 200  # told twice
    assert (await network.post(path, {"key": key, "outcome": "declined"}, "doctor")).status_code == 409
    (referral,) = (await network.get("/referrals", "hospital-1", stage="requested")).json()["items"]
    assert referral["patient"]["name"] == "王秀英"
    assert referral["summary"]["inputs"]["sbp"] == 192
    assert referral["summary"]["because"]
    for action, body in (
        ("receive", None),
        ("accept", None),
        ("book", {"day": "2025-03-04"}),
        ("attended", None),
        ("complete", {"report": "pressure treated"}),
    ):
        answer = await network.post(f"/referrals/{referral['id']}/{action}", body, "hospital-1")
        assert (answer.status_code, answer.json()["acted_on"]) == (200, True), answer.text
    (done,) = (await network.get("/referrals", "hospital-1")).json()["items"]
    assert (done["stage"], done["day"], done["report"]) == ("completed", "2025-03-04", "pressure treated")
    late = await network.post(f"/referrals/{referral['id']}/refuse", {"reason": "no bed"}, "hospital-1")
    assert late.status_code == 409
    codes = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert {"task_closed", "referral_requested", "referral_booked", "referral_attended", "referral_completed"} <= set(codes)


async def test_a_referral_that_is_refused_is_asked_of_the_next_hospital(network: Network) -> None:
    patient, key = await _emergency(network)
    await network.post(f"/tasks/{patient}/complete", {"key": key, "outcome": "approved"}, "doctor")
    (first,) = (await network.get("/referrals", "hospital-1")).json()["items"]
    assert (await network.get("/referrals", "hospital-2")).json()["items"] == []
    assert (await network.post(f"/referrals/{first['id']}/accept", None, "hospital-2")).status_code == 404
    await network.post(f"/referrals/{first['id']}/refuse", {"reason": "no bed"}, "hospital-1")
    (second,) = (await network.get("/referrals", "hospital-2")).json()["items"]
    assert second["stage"] == "requested"
    everything = {one["place"]: one for one in (await network.get("/referrals", "coordinator")).json()["items"]}
    assert set(everything) == {"hospital-1", "hospital-2"}
    assert everything["hospital-1"]["reason"] == "no bed"


async def test_a_refill_that_is_out_of_stock_is_asked_of_the_next_pharmacy_and_dispensed_there(network: Network) -> None:
    patient = await network.enrol()
    await network.move_to("2025-03-16T02:00:00Z")
    (first,) = (await network.get("/refills", "pharmacy-1", stage="requested")).json()["items"]
    assert (first["medicine"], first["runs_out"]) == ("amlodipine", "2025-03-22")
    await network.post(f"/refills/{first['id']}/out-of-stock", None, "pharmacy-1")
    (second,) = (await network.get("/refills", "pharmacy-2")).json()["items"]
    assert (await network.post(f"/refills/{second['id']}/ready", None, "pharmacy-1")).status_code == 404
    assert (await network.post(f"/refills/{second['id']}/ready", None, "pharmacy-2")).status_code == 200
    answer = await network.post(f"/refills/{second['id']}/dispense", {"days": 30, "without_code": "no_phone"}, "pharmacy-2")
    assert answer.json()["acted_on"]
    (supply,) = (await network.get(f"/patients/{patient}")).json()["supplies"]
    assert (supply["ends"], supply["stage"]) == ("2025-04-20", "")
    assert (await network.post(f"/refills/{second['id']}/refuse", {"reason": "no"}, "pharmacy-2")).status_code == 409


async def test_medicine_handed_out_elsewhere_closes_the_open_request(network: Network) -> None:
    patient = await network.enrol()
    await network.move_to("2025-03-16T02:00:00Z")
    await network.post(f"/patients/{patient}/dispenses", {"medicine": "Amlodipine", "days": 30})
    (row,) = (await network.get("/refills", "pharmacy-1")).json()["items"]
    assert row["stage"] == "dispensed"


async def test_a_missed_visit_becomes_a_call_and_the_call_is_finished(network: Network) -> None:
    patient = await network.enrol()
    await network.move_to("2025-07-01T02:00:00Z")
    tasks = (await network.get("/tasks", limit=1)).json()
    assert tasks["next"] is not None
    work = (await network.get("/worklist")).json()["tasks"]
    assert [task["due"] for task in work] == sorted(task["due"] for task in work)
    call = next(task for task in work if task["kind"] == "phone_call")
    assert call["patient"] == {"id": patient, "name": "王秀英", "tag": "green"}
    answer = await network.post(f"/tasks/{patient}/complete", {"key": call["key"], "outcome": "done"})
    assert answer.status_code == 200
    done = (await network.get("/tasks", status="done")).json()["items"]
    assert [(task["key"], task["outcome"]) for task in done] == [(call["key"], "done")]
    assert (await network.post(f"/tasks/{patient}/complete", {"key": "task/nothing#1"})).status_code == 404


async def test_pages_of_tasks_miss_none_and_double_none(network: Network) -> None:
    for n in range(3):
        await network.enrol(identifier=f"A-{n}", phone=f"+861381234567{n}")
    await network.move_to("2025-07-01T02:00:00Z")
    everything = [task["id"] for task in (await network.get("/tasks", limit=200)).json()["items"]]
    seen, after = [], None
    while True:
        page = (await network.get("/tasks", limit=2, **({"after": after} if after else {}))).json()
        seen += [task["id"] for task in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert seen == everything
    assert len(set(seen)) == len(seen) > 3


async def test_a_cursor_that_is_no_cursor_is_refused_in_words(network: Network) -> None:
    for path in ("/patients", "/tasks", "/referrals", "/refills"):
        for after in ("x", "WyJhIl0", "WyJhIiwgImIiXQ", "WyJhIiwgImIiLCAiYyJd"):
            answer = await network.get(path, "coordinator", after=after)
            assert answer.status_code in (200, 422), (path, after, answer.text)
    assert (await network.get("/tasks", after="x")).json()["errors"][0]["field"] == "after"


async def test_published_pathways_can_be_read(network: Network) -> None:
    versions = (await network.get("/pathways")).json()["items"]
    assert {one["pathway"] for one in versions} == {"hypertension", "type2_diabetes"}
    text = await network.get("/pathways/hypertension")
    assert "enrol_when" in text.text
    assert (await network.get("/pathways/none")).status_code == 404
