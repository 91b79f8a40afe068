"""Patients through the API: enrolled, found, read, seen, moved."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from records.tables import AuditRow
from tests.api.conftest import EMERGENCY, WANG, WELL, Network


async def test_a_person_is_enrolled_once_however_often_they_are_sent(network: Network) -> None:
    first = await network.post("/patients", WANG)
    again = await network.post("/patients", WANG)
    assert (first.status_code, first.json()["status"]) == (201, "enrolled")
    assert first.json()["acted_on"]
    assert first.json()["patient"]["life"] == "active"
    assert {due["service"] for due in first.json()["due"]} == {"hypertension.follow_up", "hypertension.annual_exam"}
    assert (again.status_code, again.json()["status"]) == (200, "already_enrolled")
    assert again.json()["patient_id"] == first.json()["patient_id"]


async def test_a_person_without_a_fitting_pathway_is_told_why(network: Network) -> None:
    answer = await network.post("/patients", {**WANG, "conditions": ["asthma"]})
    assert (answer.status_code, answer.json()["status"]) == (200, "no_pathway")
    assert {match["pathway"] for match in answer.json()["matches"]} == {"hypertension", "type2_diabetes"}


async def test_a_patient_is_found_by_a_word_of_the_name_or_by_phone(network: Network) -> None:
    patient = await network.enrol()
    await network.enrol(identifier="A-2", name="Li Ming", phone="+8613900000000")
    for words in ("王", "秀英", "+8613812345678"):
        found = (await network.get("/patients", search=words)).json()["items"]
        assert [one["id"] for one in found] == [patient], words
    assert found[0]["name"] == "王秀英"
    assert found[0]["pathways"] == ["hypertension"]
    assert found[0]["visit_day"] is not None


@pytest.mark.parametrize("dialled", ["13812345678", "138 1234 5678", "138-1234-5678", "+86 138 1234 5678", "008613812345678"])
async def test_a_patient_is_found_by_the_number_as_it_is_dialled_here(network: Network, dialled: str) -> None:
    patient = await network.enrol()
    assert [one["id"] for one in (await network.get("/patients", search=dialled)).json()["items"]] == [patient]


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("sbp", 9999, "measure again"),
        ("sbp", "high", "write a number in mm[Hg]"),
        ("adr", "no", "write true or false"),
        ("symptoms", ["hiccups"], "words of: consciousness_change"),
        ("weightt", 70, "write weight"),
    ],
)
async def test_a_reading_that_cannot_be_believed_is_named_and_sends_nobody_to_hospital(
    network: Network, name: str, value: object, remedy: str
) -> None:
    patient = await network.enrol()
    read = (await network.get(f"/patients/{patient}")).headers["ETag"]
    for path, more in (
        ("visits", {}),
        ("visits/preview", {}),
        ("readings", {"source": "home"}),
        ("readings/preview", {"source": "home"}),
    ):
        refused = await network.post(f"/patients/{patient}/{path}", {"readings": {**WELL, name: value}, **more})
        (fault,) = refused.json()["errors"]
        assert (refused.status_code, fault["field"]) == (422, f"body.readings.{name}")
        assert remedy in fault["remedy"]
    assert (await network.get(f"/patients/{patient}")).headers["ETag"] == read
    weighed = await network.post(f"/patients/{patient}/visits", {"readings": {**WELL, "weight": 70}})
    assert weighed.status_code == 200  # no pathway of theirs asks for it; it is a measurement that everybody knows


async def test_a_long_list_comes_in_pages_that_miss_nobody(network: Network) -> None:
    ids = {await network.enrol(identifier=f"A-{n}", phone=f"+861381234567{n}") for n in range(5)}
    seen, after = [], None
    while True:
        page = (await network.get("/patients", limit=2, **({"after": after} if after else {}))).json()
        seen += [one["id"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(seen) == sorted(ids)


async def test_one_patient_shows_what_is_due_at_home_and_known(network: Network) -> None:
    patient = await network.enrol()
    shown = (await network.get(f"/patients/{patient}")).json()
    assert {service["service"] for service in shown["services"]} == {"follow_up", "annual_exam"}
    assert shown["supplies"] == [{"medicine": "amlodipine", "ends": "2025-03-21", "stage": "", "instead_of": None}]
    assert shown["readings"]["sbp"] == {"value": 132.0, "on": "2025-02-20"}
    assert shown["next_due"].endswith("Z")


async def test_a_visit_decides_and_the_answer_shows_the_new_tag(network: Network) -> None:
    patient = await network.enrol()
    answer = (await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})).json()
    assert answer["acted_on"]
    assert answer["patient"]["tag"] == "red"
    lines = (await network.get(f"/patients/{patient}/timeline")).json()["items"]
    decided = next(line for line in lines if line["code"] == "decided")
    assert decided["row"].startswith("HTN-E")
    assert "192" in decided["text"]
    assert decided["version"]
    assert decided["because"]
    chinese = (await network.get(f"/patients/{patient}/timeline", language="zh-Hans")).json()["items"]
    assert any("紧急转诊" in line["text"] for line in chinese)


async def test_the_same_visit_sent_twice_is_one_visit(network: Network) -> None:
    patient = await network.enrol()
    path, body = f"/patients/{patient}/visits", {"readings": WELL}
    first = await network.post(path, body, Idempotency_Key="visit 7")
    again = await network.post(path, body, Idempotency_Key="visit 7")
    assert first.json()["event_id"] == again.json()["event_id"]
    assert "visit 7" not in first.json()["event_id"]  # whatever a caller puts into a key ends in no index of ours
    other = await network.post(path, {**body, "id": "visit 8"})
    assert other.json()["event_id"] == (await network.post(path, {**body, "id": "visit 8"})).json()["event_id"]
    codes = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert (codes.count("decided"), codes.count("reported_twice")) == (1, 1)  # under another key it is still the same visit


async def test_what_lies_ahead_cannot_have_happened(network: Network) -> None:
    patient = await network.enrol()
    answer = await network.post(f"/patients/{patient}/visits", {"readings": WELL, "at": "2025-03-09T09:00:00Z"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "at"
    assert answer.json()["errors"][0]["remedy"]


async def test_an_event_is_safe_while_temporal_is_away(network: Network) -> None:
    patient = await network.enrol()
    network.waker.away = True
    answer = await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    assert answer.status_code == 200
    assert not answer.json()["acted_on"]
    assert answer.json()["patient"]["tag"] == "green"
    network.waker.away = False
    assert await network.parts.keeping.wake_due() == 1
    assert (await network.get(f"/patients/{patient}")).json()["tag"] == "red"


async def test_somebody_who_has_died_is_out_of_every_worklist(network: Network) -> None:
    patient = await network.enrol()
    answer = (await network.post(f"/patients/{patient}/died")).json()
    assert answer["patient"]["life"] == "died"
    assert answer["patient"]["next_due"] is None
    assert (await network.get("/tasks")).json()["items"] == []


async def test_a_pause_ends_by_itself(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/pause", {"until": "2025-03-20"})
    assert (await network.get(f"/patients/{patient}")).json()["life"] == "paused"
    await network.move_to("2025-03-21T00:00:00Z")
    assert (await network.get(f"/patients/{patient}")).json()["life"] == "active"


async def test_a_screening_a_call_and_a_reading_from_home_are_taken(network: Network) -> None:
    patient = await network.enrol()
    for path, body in (
        ("services", {"service": "annual_exam", "readings": {"bmi": 24}}),
        ("calls", {"outcome": "reached", "day": "2025-03-20"}),
        ("readings", {"readings": {"sbp": 200, "dbp": 120}, "source": "home"}),
    ):
        answer = await network.post(f"/patients/{patient}/{path}", body)
        assert answer.json()["acted_on"], answer.text
    codes = {line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]}
    assert {"service_done", "called", "home_reading", "day_agreed"} <= codes


async def test_a_patient_who_moves_to_another_team_takes_their_work_along(network: Network) -> None:
    patient = await network.enrol()
    body = {"care_team": "team-2", "timezone": "Asia/Urumqi", "phone": "138 0000 1111"}
    assert (await network.post(f"/patients/{patient}/move", body)).status_code == 200
    assert (await network.get(f"/patients/{patient}")).status_code == 404
    shown = (await network.get(f"/patients/{patient}", "other-manager")).json()
    assert (shown["care_team"], shown["timezone"], shown["phone"]) == ("team-2", "Asia/Urumqi", WANG["phone"])
    assert (await network.post(f"/patients/{patient}/numbers/confirm", {}, "other-manager")).status_code == 200
    assert (await network.get(f"/patients/{patient}", "other-manager")).json()["phone"] == "+8613800001111"
    assert (await network.get("/patients", "other-manager", search="+8613800001111")).json()["items"]


async def test_a_number_that_cannot_exist_changes_nothing(network: Network) -> None:
    patient = await network.enrol()
    answer = await network.post(f"/patients/{patient}/move", {"phone": "12"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "phone")
    assert (await network.get(f"/patients/{patient}")).json()["phone"] == "+8613812345678"


async def test_an_unknown_field_is_named_and_nothing_is_quoted_back(network: Network) -> None:
    answer = await network.post("/patients", {**WANG, "nmae": "秘密"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "body.nmae"
    assert "秘密" not in answer.text


@pytest.mark.parametrize(
    ("paths", "life"),
    [
        (["died"], "died"),
        (["withdraw"], "withdrawn"),
        (["moved-away"], "moved_away"),
        (["hospitalised"], "in_hospital"),
        (["hospitalised", "discharged"], "active"),
        (["pause"], "paused"),
        (["pause", "resume"], "active"),
    ],
)
async def test_what_life_brings_is_told_by_its_own_name_and_by_whom_is_written_down(
    network: Network, paths: list[str], life: str
) -> None:
    patient = await network.enrol()
    for path in paths:
        answer = await network.post(f"/patients/{patient}/{path}", {"id": "told-once"})
        assert answer.status_code == 200, answer.text
        again = await network.post(f"/patients/{patient}/{path}", {"id": "told-once"})
        assert again.json()["event_id"] == answer.json()["event_id"]
    assert (await network.get(f"/patients/{patient}")).json()["life"] == life
    async with network.parts.database.reading() as session:
        told = list(await session.scalars(select(AuditRow).where(AuditRow.action == "patients.change")))
    assert {(row.who, row.record) for row in told} == {("key-manager", patient)}
    assert {row.status for row in told} == {0, 200}


async def test_a_pause_that_is_over_before_it_begins_is_refused(network: Network) -> None:
    patient = await network.enrol()
    answer = await network.post(f"/patients/{patient}/pause", {"until": "2025-03-02"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "until")


async def test_whoever_read_something_older_changes_nothing(network: Network) -> None:
    patient = await network.enrol()
    read = (await network.get(f"/patients/{patient}")).headers["etag"]
    first = await network.post(f"/patients/{patient}/hospitalised", None, If_Match=read)
    assert first.status_code == 200
    for path, body in (("died", None), ("pause", {}), ("move", {"care_team": "team-2"}), ("visits", {"readings": WELL})):
        answer = await network.post(f"/patients/{patient}/{path}", body, If_Match=read)
        assert answer.status_code == 412, path
    now = (await network.get(f"/patients/{patient}")).headers["etag"]
    assert (await network.post(f"/patients/{patient}/move", {"care_team": "team-2"}, If_Match=now)).status_code == 200
    assert (await network.get(f"/patients/{patient}", "other-manager")).json()["life"] == "in_hospital"


async def test_every_kind_of_write_is_safe_while_temporal_is_away_and_acted_on_later(network: Network) -> None:
    patient = await network.enrol()
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    await network.move_to("2025-03-16T02:00:00Z")
    (referral,) = (await network.get("/referrals", "hospital-2")).json()["items"]  # the first did not answer
    (refill,) = (await network.get("/refills", "pharmacy-1")).json()["items"]
    network.waker.away = True
    enrolled = await network.post("/patients", {**WANG, "identifier": "A-2"})
    assert (enrolled.status_code, enrolled.json()["acted_on"]) == (201, False)
    of_patient, of_referral, of_refill = f"/patients/{patient}", f"/referrals/{referral['id']}", f"/refills/{refill['id']}"
    writes: list[tuple[str, str, Any]] = [
        ("manager", f"{of_patient}/readings", {"readings": {"sbp": 141}, "source": "home"}),
        ("manager", f"{of_patient}/services", {"service": "annual_exam"}),
        ("manager", f"{of_patient}/calls", {"outcome": "reached"}),
        ("manager", f"{of_patient}/move", {"phone": "138 0000 1111"}),
        ("hospital-2", f"{of_referral}/receive", None),
        ("hospital-2", f"{of_referral}/ask-more", {"question": "Which medicines?"}),
        ("manager", f"{of_referral}/reply", {"text": "Amlodipine."}),
        ("hospital-2", f"{of_referral}/accept", None),
        ("hospital-2", f"{of_referral}/book", {"day": "2025-03-17"}),
        ("hospital-2", f"{of_referral}/not-attended", None),
        ("hospital-2", f"{of_referral}/attended", None),
        ("hospital-2", f"{of_referral}/complete", {"report": "treated"}),
        ("pharmacy-1", f"{of_refill}/receive", None),
        ("pharmacy-1", f"{of_refill}/ready", None),
        ("pharmacy-1", f"{of_refill}/dispense", {"days": 10, "part": True, "without_code": "text_not_received"}),
        ("pharmacy-1", f"{of_refill}/dispense", {"days": 20}),
        ("manager", f"{of_patient}/dispenses", {"medicine": "amlodipine", "days": 30}),
        ("manager", f"{of_patient}/visits", {"readings": WELL}),
        ("manager", f"{of_patient}/hospitalised", None),
        ("manager", f"{of_patient}/discharged", None),
        ("manager", f"{of_patient}/pause", {"until": "2025-03-30"}),
        ("manager", f"{of_patient}/resume", None),
        ("manager", f"{of_patient}/moved-away", None),
    ]
    for key, path, body in writes:
        answer = await network.post(path, body, key)
        assert (answer.status_code, answer.json()["acted_on"]) == (200, False), (path, answer.text)
        assert answer.json()["event_id"], path
    network.waker.away = False
    assert await network.parts.keeping.wake_due() == 2
    seen = (await network.get(of_patient)).json()
    assert (seen["life"], seen["tag"]) == ("moved_away", "green")
    codes = {line["code"] for line in (await network.get(f"{of_patient}/timeline")).json()["items"]}
    assert {"referral_more_asked", "referral_more_given", "referral_booked", "referral_completed", "dispensed_part"} <= codes
