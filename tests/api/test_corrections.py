"""Late entry and corrections through the API."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import EMERGENCY, WELL, Network


async def _events(network: Network, patient: str) -> list[dict[str, Any]]:
    answer = await network.get(f"/patients/{patient}/events")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _visit(network: Network, patient: str, readings: dict[str, Any], **told: Any) -> str:
    answer = await network.post(f"/patients/{patient}/visits", {"readings": readings, **told})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["event_id"])


async def _wrong(network: Network, answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    return dict(fault)


async def test_a_slip_of_the_pen_that_made_an_emergency_is_put_right_and_said(network: Network) -> None:
    patient = await network.enrol()
    event = await _visit(network, patient, EMERGENCY)
    assert (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    path = f"/patients/{patient}/events/{event}/corrections"
    told = (await network.post(path, {"readings": {"sbp": 129, "dbp": 79}, "why": "slip_of_the_pen"})).json()
    assert told["acted_on"]
    assert told["patient"]["tag"] == "green"
    assert told["tags"] == [{"pathway": "hypertension", "before": "red", "after": "green"}]
    (due,) = [due for due in told["dues"] if due["service"] == "follow_up"]
    assert (due["before"], due["after"]) == ("2025-03-17", "2025-06-01")
    assert [one["what"] for one in told["cannot_undo"]] == ["message_sent"]  # the clinician on call was told
    assert any("withdrawn" in line for line in told["said"])
    assert (await network.get("/tasks", kind="confirm_referral")).json()["items"] == []
    assert (await network.get(f"/patients/{patient}")).json()["readings"]["sbp"]["value"] == 129


async def test_what_was_told_is_listed_with_what_put_it_right(network: Network) -> None:
    patient = await network.enrol()
    event = await _visit(network, patient, EMERGENCY)
    path = f"/patients/{patient}/events/{event}/corrections"
    correction = (await network.post(path, {"readings": {"sbp": 129}})).json()["event_id"]
    newest, visit, enrolled = await _events(network, patient)
    assert (newest["id"], newest["kind"], newest["details"]["corrects"]) == (correction, "corrected", event)
    assert (visit["id"], visit["readings"]["sbp"], visit["corrected_by"], visit["void"]) == (event, 192, [correction], False)
    assert (enrolled["kind"], enrolled["step"]) == ("enrolled", 1)
    page = (await network.get(f"/patients/{patient}/events", limit=2)).json()
    rest = (await network.get(f"/patients/{patient}/events", limit=2, after=page["next"])).json()
    assert [item["id"] for item in (*page["items"], *rest["items"])] == [correction, event, enrolled["id"]]
    assert (page["next"] is not None, rest["next"]) == (True, None)
    assert (await network.get(f"/patients/{patient}/events", after="x")).status_code == 422


async def test_a_visit_that_never_happened_is_taken_back_once(network: Network) -> None:
    patient = await network.enrol()
    due = (await network.get(f"/patients/{patient}")).json()["services"]
    event = await _visit(network, patient, WELL)
    path = f"/patients/{patient}/events/{event}/corrections"
    first = await network.post(path, {"void": True, "why": "wrong_patient"}, Idempotency_Key="k1")
    assert first.status_code == 200, first.text
    assert (await network.post(path, {"void": True, "why": "wrong_patient"}, Idempotency_Key="k1")).json() == first.json()
    now = (await network.get(f"/patients/{patient}")).json()["services"]
    assert [(one["service"], one["due"]) for one in now] == [(one["service"], one["due"]) for one in due]
    assert (await _wrong(network, await network.post(path, {"void": True})))["field"] == "event_id"
    undo = f"/patients/{patient}/events/{first.json()['event_id']}/corrections"
    again = (await network.post(undo, {"void": True})).json()
    assert again["patient"]["tag"] == "green"


async def test_a_visit_entered_a_week_late_counts_from_the_day_it_took_place(network: Network) -> None:
    patient = await network.enrol()
    await network.move_to("2025-03-17T02:00:00Z")
    body = {"readings": WELL, "at": "2025-03-10T02:00:00Z"}
    foreseen = (await network.post(f"/patients/{patient}/visits/preview", body)).json()
    assert {one["service"]: one["after"] for one in foreseen["dues"]}["follow_up"] == "2025-06-08"
    await _visit(network, patient, WELL, at="2025-03-10T02:00:00Z")
    services = {one["service"]: one["due"] for one in (await network.get(f"/patients/{patient}")).json()["services"]}
    assert services["follow_up"] == "2025-06-08"
    assert (await _visit(network, patient, WELL, at="2025-03-10T03:00:00Z")) != ""  # another system's record of the same visit
    codes = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert codes.count("reported_twice") == 1


async def test_what_cannot_be_put_right_so_is_refused_and_nothing_is_stored(network: Network) -> None:
    patient = await network.enrol()
    event = await _visit(network, patient, WELL)
    path = f"/patients/{patient}/events/{event}/corrections"
    before = await _events(network, patient)
    assert (await _wrong(network, await network.post(path, {"readings": {"sbp": 1290}})))["field"] == "body.readings.sbp"
    assert (await _wrong(network, await network.post(path, {"readings": {"sbp": 129}, "void": True})))["field"] == "body"
    assert (await _wrong(network, await network.post(path, {})))["field"] == "body"
    enrolled = f"/patients/{patient}/events/enrolled/corrections"
    assert (await _wrong(network, await network.post(enrolled, {"void": True})))["field"] == "void"
    await network.post(f"/patients/{patient}/calls", {"outcome": "no_answer"})
    call = (await _events(network, patient))[0]["id"]
    told = await network.post(f"/patients/{patient}/events/{call}/corrections", {"readings": {"sbp": 120}})
    assert (await _wrong(network, told))["field"] == "readings"
    assert (await network.post(path, {"void": True}, If_Match='"never"')).status_code == 412
    assert (await network.post(f"/patients/{patient}/events/visit/none/corrections", {"void": True})).status_code == 404
    assert (await network.post(path, {"void": True}, "foreign-manager")).status_code == 404
    assert (await network.get(f"/patients/{patient}/events", "foreign-manager")).status_code == 404
    assert [one["id"] for one in await _events(network, patient)] == [call, *(one["id"] for one in before)]


async def test_a_referral_that_went_out_stays_and_a_doctor_is_asked_to_look_at_it(network: Network) -> None:
    patient = await network.enrol()
    event = await _visit(network, patient, EMERGENCY)
    (task,) = (await network.get("/tasks", "doctor", kind="confirm_referral")).json()["items"]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    path = f"/patients/{patient}/events/{event}/corrections"
    told = (await network.post(path, {"readings": {"sbp": 129, "dbp": 79}})).json()
    assert "referral_has_gone_out" in {one["what"] for one in told["cannot_undo"]}
    texts = [one["text"] for one in told["cannot_undo"]]
    assert "Cannot be undone: referral to hospital (the referral has gone out)" in texts
    assert not [text for text in texts if "  " in text]
    (review,) = (await network.get("/tasks", "doctor", kind="review_referral")).json()["items"]
    assert review["by"] == "doctor"
    assert (await network.get("/referrals", "hospital-1", stage="requested")).json()["items"]
