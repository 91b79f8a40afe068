"""Referrals and refill requests: answered, asked about, replied to, and never told twice."""

from __future__ import annotations

from typing import Any

import pytest

from records.tables import Stock
from tests.api.conftest import EMERGENCY, Network


async def _asked(network: Network, **person: Any) -> tuple[str, dict[str, Any]]:
    """A patient with an emergency that a doctor let go out, and the referral as the hospital sees it."""
    patient = await network.enrol(**person)
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    items = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    (task,) = [task for task in items if task["patient"]["id"] == patient]
    await network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    (referral,) = (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"]
    return patient, referral


async def _says(network: Network, referral: str, what: str, body: Any = None, key: str = "hospital-1", **headers: str) -> Any:
    answer = await network.post(f"/referrals/{referral}/{what}", body, key, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def _codes(network: Network, patient: str) -> list[str]:
    return [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]


async def test_a_hospital_asks_the_team_replies_and_every_word_is_kept(network: Network) -> None:
    patient, referral = await _asked(network)
    assert "more_asked" in referral["moves"]
    id_ = referral["id"]
    await _says(network, id_, "receive")
    await _says(network, id_, "ask-more", {"question": "Which medicines?"})
    (task,) = (await network.get("/tasks", kind="referral_question")).json()["items"]
    assert task["urgent"]
    await _says(network, id_, "reply", {"text": "Amlodipine."}, "manager")
    assert (await network.get("/tasks", kind="referral_question")).json()["items"] == []
    assert (await network.get(f"/referrals/{id_}", "hospital-1")).json()["stage"] == "received"
    await _says(network, id_, "accept")
    await _says(network, id_, "book", {"day": "2025-03-04"})
    await _says(network, id_, "attended")
    await _says(network, id_, "send-back", {"instructions": "New dose, weekly readings."})
    seen = (await network.get(f"/referrals/{id_}", "manager")).json()
    assert (seen["stage"], seen["instructions"], seen["moves"]) == ("sent_back", "New dose, weekly readings.", [])
    assert [(one["side"], one["kind"], one["text"]) for one in seen["thread"]] == [
        ("place", "question", "Which medicines?"),
        ("team", "reply", "Amlodipine."),
        ("place", "instructions", "New dose, weekly readings."),
    ]
    assert all(one["at"] == "2025-03-03T01:00:00Z" for one in seen["thread"])
    codes = await _codes(network, patient)
    assert {"referral_more_asked", "referral_more_given", "referral_sent_back"} <= set(codes)
    assert (await network.get("/tasks", kind="read_report")).json()["items"]


async def test_a_question_may_come_before_anything_else_and_the_referral_goes_on_from_there(network: Network) -> None:
    _, referral = await _asked(network)
    await _says(network, referral["id"], "ask-more", {"question": "Which medicines?"})
    await _says(network, referral["id"], "accept")  # answered by somebody on the phone
    answer = await network.post(f"/referrals/{referral['id']}/reply", {"text": "Amlodipine."}, "manager")
    assert (answer.status_code, "Nobody waits for a reply" in answer.json()["detail"]) == (409, True)
    assert (await network.get(f"/referrals/{referral['id']}", "manager")).json()["thread"][-1]["kind"] == "question"


@pytest.mark.parametrize(
    ("what", "body", "stage"),
    [
        ("receive", None, "received"),
        ("accept", None, "accepted"),
        ("refuse", {"reason": "no bed"}, "refused"),
        ("ask-more", {"question": "Which medicines?"}, "more_asked"),
        ("book", {"day": "2025-03-05"}, "booked"),
        ("attended", None, "attended"),
        ("complete", {"report": "treated"}, "completed"),
    ],
)
async def test_an_answer_that_is_told_twice_is_one_event_and_one_line(network: Network, what: str, body: Any, stage: str) -> None:
    patient, referral = await _asked(network)
    first, second = [await _says(network, referral["id"], what, body) for _ in range(2)]
    assert (bool(first["event_id"]), second["event_id"]) == (True, "")
    assert len((await network.get(f"/referrals/{referral['id']}", "manager")).json()["thread"]) <= 1
    codes = await _codes(network, patient)
    assert (codes.count(f"referral_{stage}"), "too_late" in codes) == (1, False)


async def test_a_further_report_is_added_and_overwrites_nothing(network: Network) -> None:
    _, referral = await _asked(network)
    await _says(network, referral["id"], "complete", {"report": "treated"})
    assert (await _says(network, referral["id"], "complete", {"report": "and the kidneys are well"}))["event_id"] == ""
    seen = (await network.get(f"/referrals/{referral['id']}", "hospital-1")).json()
    assert [one["text"] for one in seen["thread"]] == ["treated", "and the kidneys are well"]
    assert seen["report"] == "and the kidneys are well"


async def test_a_wrong_move_says_where_the_referral_stands_and_what_it_could_become(network: Network) -> None:
    _, referral = await _asked(network)
    answer = await network.post(f"/referrals/{referral['id']}/not-attended", None, "hospital-1")
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "This referral is requested and cannot become not attended: only one that is accepted or booked can. "
        "From here it could become received, more asked, accepted, refused, booked, attended, in progress or completed."
    )
    await _says(network, referral["id"], "refuse", {"reason": "no bed"})
    answer = await network.post(f"/referrals/{referral['id']}/complete", {"report": "lost words"}, "hospital-1")
    assert (answer.status_code, "nothing more comes of it" in answer.json()["detail"]) == (409, True)
    seen = (await network.get(f"/referrals/{referral['id']}", "hospital-1")).json()
    assert (seen["reason"], seen["report"]) == ("no bed", None)


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("refuse", {}, "body.reason"),
        ("refuse", {"reason": "   "}, "body.reason"),
        ("ask-more", {}, "body.question"),
        ("reply", {"text": ""}, "body.text"),
        ("book", {}, "body.day"),
        ("book", {"day": "2025-02-01"}, "day"),
        ("complete", {}, "body.report"),
        ("send-back", {}, "body.instructions"),
    ],
)
async def test_an_answer_that_lacks_its_words_is_refused_by_field(network: Network, what: str, body: Any, field: str) -> None:
    _, referral = await _asked(network)
    key = "coordinator"
    answer = await network.post(f"/referrals/{referral['id']}/{what}", body, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert (await network.get(f"/referrals/{referral['id']}", key)).json()["stage"] == "requested"


async def test_a_referral_changed_by_a_colleague_is_not_overwritten(network: Network) -> None:
    _, referral = await _asked(network)
    path = f"/referrals/{referral['id']}"
    read = (await network.get(path, "hospital-1")).headers["etag"]
    await _says(network, referral["id"], "receive", If_Match=read)
    assert (await network.post(f"{path}/refuse", {"reason": "no bed"}, "hospital-1", If_Match=read)).status_code == 412
    await _says(network, referral["id"], "accept", If_Match=(await network.get(path, "hospital-1")).headers["etag"])


async def test_a_clinic_sees_its_own_referrals_and_a_team_its_patients(network: Network) -> None:
    patient, referral = await _asked(network)
    path = f"/referrals/{referral['id']}"
    for key in ("hospital-2", "other-manager", "foreign-manager"):
        assert (await network.get(path, key)).status_code == 404
        assert (await network.get("/referrals", key)).json()["items"] == []
    assert (await network.post(f"{path}/reply", {"text": "well"}, "other-manager")).status_code == 404
    assert (await network.post(f"{path}/receive", None, "manager")).status_code == 403
    assert (await network.post(f"{path}/reply", {"text": "well"}, "hospital-1")).status_code == 403
    for key in ("manager", "doctor", "centre-manager", "coordinator", "hospital-1"):
        assert (await network.get(path, key)).status_code == 200
        assert [one["id"] for one in (await network.get("/referrals", key, patient=patient)).json()["items"]] == [referral["id"]]


async def test_referrals_are_filtered_and_paged_in_the_order_of_asking(network: Network) -> None:
    rows = [(await _asked(network, identifier=f"A-{n}"))[1]["id"] for n in range(3)]
    await _says(network, rows[1], "complete", {"report": "done"})

    async def listed(**query: Any) -> set[str]:
        return {one["id"] for one in (await network.get("/referrals", "coordinator", **query)).json()["items"]}

    assert await listed(open=True) == {rows[0], rows[2]}
    assert await listed(open=False) == {rows[1]} == await listed(stage="completed")
    assert (await listed(urgency="emergency"), await listed(urgency="routine")) == (set(rows), set())
    found, after = [], None
    while True:
        query = {"limit": 1} | ({"after": after} if after else {})
        page = (await network.get("/referrals", "hospital-1", **query)).json()
        found += [one["id"] for one in page["items"]]
        if (after := page["next"]) is None:
            break
        await _says(network, rows[0], "ask-more", {"question": f"seen {len(found)}"})  # rows change under the reader
    assert sorted(found) == sorted(rows)


async def _refill(network: Network) -> tuple[str, dict[str, Any]]:
    patient = await network.enrol()
    await network.move_to("2025-03-16T02:00:00Z")
    (refill,) = (await network.get("/refills", "pharmacy-1", open=True, patient=patient)).json()["items"]
    return patient, refill


async def test_a_part_is_handed_out_and_the_request_stays_open_for_the_rest(network: Network) -> None:
    patient, refill = await _refill(network)
    path = f"/refills/{refill['id']}"
    assert (await network.post(f"{path}/dispense", {"days": 10, "part": True}, "pharmacy-1")).status_code == 200
    seen = (await network.get(path, "pharmacy-1")).json()
    assert (seen["stage"], seen["moves"]) == ("part", ["ready", "part", "dispensed", "substitute_proposed", "out_of_stock"])
    assert [one["id"] for one in (await network.get("/refills", "manager", open=True)).json()["items"]] == [refill["id"]]
    (supply,) = (await network.get(f"/patients/{patient}")).json()["supplies"]
    assert (supply["ends"], supply["stage"]) == ("2025-03-31", "part")
    assert (await network.post(f"{path}/dispense", {"days": 20}, "pharmacy-1")).status_code == 200
    (supply,) = (await network.get(f"/patients/{patient}")).json()["supplies"]
    assert (supply["ends"], supply["stage"]) == ("2025-04-20", "")
    again = await network.post(f"{path}/dispense", {"days": 20}, "pharmacy-1")
    assert again.json()["event_id"] == ""
    assert (await network.get(path, "manager")).json()["stage"] == "dispensed"


async def test_a_pharmacy_that_lacks_the_medicine_says_until_when_and_the_next_one_is_asked(network: Network) -> None:
    _, refill = await _refill(network)
    path = f"/refills/{refill['id']}/out-of-stock"
    assert (await network.post(path, {"until": "2025-03-16"}, "pharmacy-1")).json()["errors"][0]["field"] == "until"
    assert (await network.post(path, {"until": "2025-04-01"}, "pharmacy-1")).status_code == 200
    assert (await network.post(path, {"until": "2025-04-02"}, "pharmacy-1")).json()["event_id"] == ""  # it learnt more
    async with network.parts.database.reading() as session:
        lacking = await session.get_one(Stock, ("pharmacy-1", "amlodipine"))
        assert (lacking.available, lacking.until and lacking.until.isoformat(), lacking.version) == (False, "2025-04-02", 2)
    (second,) = (await network.get("/refills", "pharmacy-2")).json()["items"]
    refused = await network.post(f"/refills/{second['id']}/refuse", {"reason": "prescription ended"}, "pharmacy-2")
    assert refused.status_code == 200
    assert (await network.get(f"/refills/{second['id']}", "manager")).json()["reason"] == "prescription ended"


async def test_a_pharmacy_sees_its_own_requests_and_a_wrong_move_is_explained(network: Network) -> None:
    _, refill = await _refill(network)
    path = f"/refills/{refill['id']}"
    for key in ("pharmacy-2", "other-manager"):
        assert (await network.get(path, key)).status_code == 404
    read = (await network.get(path, "pharmacy-1")).headers["etag"]
    assert (await network.post(f"{path}/ready", None, "pharmacy-1")).status_code == 200
    assert (await network.post(f"{path}/dispense", {"days": 30}, "pharmacy-1", If_Match=read)).status_code == 412
    answer = await network.post(f"{path}/receive", None, "pharmacy-1")
    assert (answer.status_code, "This request is ready and cannot become received" in answer.json()["detail"]) == (409, True)
    assert (await network.post(f"{path}/refuse", None, "pharmacy-1")).status_code == 422
    assert (await network.post(f"{path}/ready", None, "manager")).status_code == 403
