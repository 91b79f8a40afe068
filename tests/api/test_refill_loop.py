"""A refill from the check before it is asked for to the days covered: what the patient, the pharmacy and the doctor see."""

from __future__ import annotations

import re
from typing import Any

from pathways.language.medicines import read_medicines
from tests.api.conftest import START, WANG, WELL, Network
from workers.parts import publish_shipped

PHONE = str(WANG["phone"])
DUE = "2025-03-16T02:00:00Z"  # six days before the medicine ends, ten in the morning in Shanghai


async def _refill(network: Network, key: str = "pharmacy-1", **person: Any) -> tuple[str, dict[str, Any]]:
    patient = await network.enrol(**person)
    await network.move_to(DUE)
    (refill,) = (await network.get("/refills", key, open=True, patient=patient)).json()["items"]
    return patient, refill


async def _post(network: Network, refill: str, what: str, body: Any = None, key: str = "pharmacy-1") -> Any:
    return await network.post(f"/refills/{refill}/{what}", body, key)


async def _texts(network: Network) -> list[str]:
    return [sms.text for sms in await network.channel.messages(PHONE)]


async def _supply(network: Network, patient: str) -> dict[str, Any]:
    (supply,) = (await network.get(f"/patients/{patient}")).json()["supplies"]
    found: dict[str, Any] = supply
    return found


async def test_a_refill_is_asked_for_ahead_handed_out_for_its_code_in_two_parts_and_its_days_are_counted(network: Network) -> None:
    await network.http.put(
        "/api/v1/places/pharmacy-1",
        json={"name": "同心药房", "parent": "network", "rank": 4, "address": "人民路1号"},
        headers={"Authorization": "Bearer administrator", "If-Match": '"1"'},
    )
    patient, refill = await _refill(network)
    id_ = refill["id"]
    assert (refill["stage"], refill["check"], refill["warnings"], refill["runs_out"]) == ("requested", "go", [], "2025-03-22")

    assert (await _post(network, id_, "ready")).status_code == 200
    (text,) = [one for one in await _texts(network) if "取药码" in one]
    found = re.search(r"取药码：(\d{3} \d{3})", text)
    assert found is not None
    assert "同心药房" in text
    assert "人民路1号" in text
    code = found[1]
    seen = await network.get(f"/refills/{id_}", "pharmacy-1")
    assert code.replace(" ", "") not in seen.text.replace(" ", "")  # the pharmacy learns it from the patient only

    nothing = await _post(network, id_, "dispense", {"days": 10, "part": True})
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (422, "code")
    wrong = f"{(int(code.replace(' ', '')) + 1) % 1_000_000:06d}"
    for left in (4, 3):
        refused = await _post(network, id_, "dispense", {"days": 10, "part": True, "code": wrong})
        assert (refused.status_code, f"{left} tries are left" in refused.json()["detail"]) == (409, True)
    assert (await network.get(f"/refills/{id_}", "pharmacy-1")).json()["stage"] == "ready"
    part = await _post(network, id_, "dispense", {"days": 10, "part": True, "code": code})
    assert part.status_code == 200, part.text
    assert (await _supply(network, patient))["ends"] == "2025-03-31"
    assert (await _post(network, id_, "dispense", {"days": 20})).status_code == 200
    supply = await _supply(network, patient)
    assert (supply["ends"], supply["stage"]) == ("2025-04-20", "")
    handed = (await network.get(f"/refills/{id_}", "manager")).json()["handed"]
    assert [(one["days"], one["part"], one["how"]) for one in handed] == [(10, True, "code"), (20, False, "")]

    # The days are counted: thirty from before, and the two parts, carried on; then a gap, which is chased.
    await network.move_to("2025-04-30T02:00:00Z")
    detail = (await network.get(f"/patients/{patient}")).json()
    kept = {(one["of"], one["name"]): one for one in detail["adherence"]}
    assert set(kept) == {("medicine", "amlodipine"), ("class", "calcium_channel_blockers")}
    amlodipine = kept["medicine", "amlodipine"]
    assert (amlodipine["covered_days"], amlodipine["period_days"], amlodipine["adherent"]) == (60, 70, None)
    assert amlodipine["pdc"] == round(60 / 70, 4)
    assert "refill_gap" in [one["kind"] for one in (await network.get("/tasks")).json()["items"]]

    names = {*read_medicines()[0], *read_medicines()[1]}
    for text in await _texts(network):
        assert not [name for name in names if name in text.lower()], text


async def test_five_wrong_codes_lock_it_for_the_day_and_whoever_is_known_gets_the_medicine_all_the_same(network: Network) -> None:
    _, refill = await _refill(network)
    id_ = refill["id"]
    assert (await _post(network, id_, "dispense", {"days": 30, "code": "000000"})).json()["errors"][0]["field"] == "code"
    await _post(network, id_, "ready")
    found = re.search(r"\d{3} \d{3}", (await _texts(network))[-1])
    assert found is not None
    right = found[0].replace(" ", "")
    read = (await network.get(f"/refills/{id_}", "pharmacy-1")).headers["etag"]
    for number in range(5):
        wrong = f"{(int(right) + 1 + number) % 1_000_000:06d}"
        assert (await _post(network, id_, "dispense", {"days": 30, "code": wrong})).status_code == 409
    locked = await _post(network, id_, "dispense", {"days": 30, "code": right})
    assert (locked.status_code, "none is taken today" in locked.json()["detail"]) == (409, True)
    assert (await network.get(f"/refills/{id_}", "pharmacy-1")).headers["etag"] == read  # guessing moves nothing
    await network.move_to("2025-03-17T02:00:00Z")
    assert (await _post(network, id_, "ready", None, "coordinator")).json()["event_id"] == ""
    by_carer = await _post(network, id_, "dispense", {"days": 30, "code": right})
    assert by_carer.status_code == 200, by_carer.text


async def test_a_delivery_needs_its_evidence_and_the_care_team_sees_it(network: Network) -> None:
    _, refill = await _refill(network)
    id_ = refill["id"]
    await _post(network, id_, "ready")
    bare = await _post(network, id_, "dispense", {"days": 30, "delivered": {"received_by": "household"}})
    assert bare.status_code == 422
    evidence = {"received_by": "household", "evidence": "signed on the driver's list, no. 118"}
    assert (await _post(network, id_, "dispense", {"days": 30, "delivered": evidence})).status_code == 200
    (handed,) = (await network.get(f"/refills/{id_}", "manager")).json()["handed"]
    assert (handed["how"], handed["received_by"], handed["evidence"]) == ("delivered", *evidence.values())


async def test_a_refill_that_the_checks_block_waits_for_a_doctor_and_goes_on_once_the_reading_is_better(network: Network) -> None:
    metformin = [{"name": "metformin", "last_fill": "2025-02-20", "days_supply": 30}]
    person: dict[str, Any] = {"conditions": ["hypertension", "type2_diabetes"], "medicines": metformin}
    patient = await network.enrol(**person, readings={"sbp": 132, "dbp": 82, "egfr": 25})
    await network.move_to(DUE)
    assert (await network.get("/refills", "pharmacy-1", patient=patient)).json()["items"] == []
    assert (await _supply(network, patient))["stage"] == "held"
    (task,) = (await network.get("/tasks", kind="refill_held")).json()["items"]
    assert task["by"] == "doctor"
    (line,) = [one for one in (await network.get(f"/patients/{patient}/timeline")).json()["items"] if one["code"] == "refill_held"]
    assert line["row"] == "MED-M1"

    decides = f"/tasks/{patient}/complete"
    for outcome, key, refused in (("done", "doctor", 422), ("go_on", "manager", 403)):  # nothing decided; not theirs to decide
        assert (await network.post(decides, {"key": task["key"], "outcome": outcome}, key)).status_code == refused
    await network.post(f"/patients/{patient}/readings", {"readings": {"egfr": 52}, "source": "laboratory"})
    (refill,) = (await network.get("/refills", "pharmacy-1", patient=patient)).json()["items"]
    assert (refill["medicine"], refill["check"]) == ("metformin", "go")
    assert (await network.get("/tasks", kind="refill_held", status="open")).json()["items"] == []


async def test_a_doctor_may_let_it_go_on_and_the_pharmacy_sees_the_warning_with_its_source(network: Network) -> None:
    metformin = [{"name": "metformin", "last_fill": "2025-02-20", "days_supply": 30}]
    person: dict[str, Any] = {"conditions": ["hypertension", "type2_diabetes"], "medicines": metformin}
    patient = await network.enrol(**person, readings={"sbp": 132, "dbp": 82, "egfr": 29})
    await network.move_to(DUE)
    (task,) = (await network.get("/tasks", kind="refill_held")).json()["items"]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "go_on"}, "doctor")
    (refill,) = (await network.get("/refills", "pharmacy-1", patient=patient)).json()["items"]
    (warning,) = [one for one in refill["warnings"] if one["row"] == "MED-M1"]
    assert (refill["check"], warning["finding"], "FDA" in warning["cites"]) == ("warn", "block", True)
    assert "30" in warning["because"]
    shown = (await network.get(f"/refills/{refill['id']}", "pharmacy-1", language="zh-Hans")).json()
    assert "禁用" in str(shown["warnings"])


async def test_a_pharmacist_is_asked_first_where_the_table_says_so(network: Network) -> None:
    both = [{"name": name, "last_fill": "2025-02-20", "days_supply": 30} for name in ("simvastatin", "amlodipine")]
    person: dict[str, Any] = {"conditions": ["hypertension", "coronary_heart_disease"], "medicines": both}
    async with network.parts.database.begin() as session:
        await publish_shipped(session, at=START, co_managed=("coronary_heart_disease",))
    patient = await network.enrol(**person)
    await network.move_to(DUE)
    found = (await network.get("/refills", "pharmacy-1", patient=patient)).json()["items"]
    refill = next(one for one in found if one["check"] == "ask_pharmacist")
    assert [one["row"] for one in refill["warnings"]] == ["MED-T5"]
    for what, body in (("ready", None), ("dispense", {"days": 30})):
        refused = await _post(network, refill["id"], what, body)
        assert (refused.status_code, "pharmacist" in refused.json()["detail"]) == (409, True)
    assert (await _post(network, refill["id"], "clear", {"word": "20 mg, as before."})).status_code == 200
    assert (await _post(network, refill["id"], "clear", {"word": "20 mg, as before."})).json()["event_id"] == ""
    assert (await _post(network, refill["id"], "ready")).status_code == 200
    assert (await network.get(f"/refills/{refill['id']}", "manager")).json()["word"] == "20 mg, as before."


async def test_a_substitute_is_proposed_by_the_pharmacy_decided_by_a_doctor_and_stands_on_the_medicine_list(
    network: Network,
) -> None:
    patient, refill = await _refill(network)
    id_ = refill["id"]
    odd = await _post(network, id_, "propose-substitute", {"medicine": "warfarin"})
    assert (odd.status_code, "felodipine" in odd.json()["errors"][0]["remedy"]) == (422, True)
    proposal = {"medicine": "Felodipine", "word": "5 mg once a day"}
    assert (await _post(network, id_, "propose-substitute", proposal)).status_code == 200
    shown = (await network.get(f"/refills/{id_}", "doctor")).json()
    assert (shown["proposed"], shown["proposal"]) == ("felodipine", "5 mg once a day")  # what the doctor decides on
    (task,) = (await network.get("/tasks", kind="approve_substitute")).json()["items"]
    assert task["by"] == "doctor"
    done = await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "done"}, "doctor")
    assert (done.status_code, "approve-substitute" in done.json()["detail"]) == (409, True)
    assert (await _post(network, id_, "ready")).status_code == 409  # not before the doctor has decided
    assert (await _post(network, id_, "approve-substitute", None, "manager")).status_code == 403
    assert (await _post(network, id_, "approve-substitute", None, "doctor")).status_code == 200
    assert (await network.get("/tasks", kind="approve_substitute", status="open")).json()["items"] == []
    seen = (await network.get(f"/refills/{id_}", "pharmacy-1")).json()
    assert (seen["medicine"], seen["instead_of"], seen["stage"]) == ("felodipine", "amlodipine", "received")
    assert (await _post(network, id_, "dispense", {"days": 30})).status_code == 200
    supply = await _supply(network, patient)
    assert (supply["medicine"], supply["instead_of"], supply["ends"]) == ("felodipine", "amlodipine", "2025-04-20")


async def test_a_substitute_that_is_refused_sends_the_request_to_the_next_pharmacy(network: Network) -> None:
    patient, refill = await _refill(network)
    await _post(network, refill["id"], "propose-substitute", {"medicine": "felodipine"})
    reason = {"reason": "did not tolerate it last year"}
    assert (await _post(network, refill["id"], "refuse-substitute", reason, "doctor")).status_code == 200
    assert (await _post(network, refill["id"], "refuse-substitute", reason, "doctor")).json()["event_id"] == ""
    first = (await network.get(f"/refills/{refill['id']}", "pharmacy-1")).json()
    assert (first["stage"], first["reason"]) == ("out_of_stock", reason["reason"])
    (second,) = (await network.get("/refills", "pharmacy-2", patient=patient)).json()["items"]
    assert (second["medicine"], second["stage"]) == ("amlodipine", "requested")


async def test_a_long_prescription_keeps_to_its_limits(network: Network) -> None:
    long = [{"name": "amlodipine", "last_fill": "2025-01-01", "days_supply": 90}]
    patient = await network.enrol(medicines=long)
    await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    await network.move_to("2025-03-26T02:00:00Z")
    (refill,) = (await network.get("/refills", "pharmacy-1", patient=patient)).json()["items"]
    assert refill["days"] == 84  # stable: twelve weeks, and not ninety days
