"""A changed number is confirmed before anything personal goes there: the first text to it tells a stranger nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from records.patients import Patients
from records.tables import AuditRow, NumberChange, NumberMark
from records.usage import UsageCounts
from tests.api.conftest import EMERGENCY, START, Network

OLD, NEW = "+8613812345678", "+8613800001111"


async def given(network: Network, patient: str, **numbers: Any) -> None:
    answer = await network.post(f"/patients/{patient}/move", numbers or {"phone": NEW})
    assert answer.status_code == 200, answer.text


async def texted(network: Network, text: str, phone: str = NEW) -> None:
    sent = await network.post("/sandbox/replies", {"from": phone, "text": text}, "coordinator")
    assert sent.status_code == 200, sent.text


async def shown(network: Network, phone: str = NEW) -> list[str]:
    return [sms.text for sms in await network.channel.messages(phone)]


async def numbers(network: Network, patient: str, key: str = "manager") -> dict[str, Any]:
    answer = await network.get(f"/patients/{patient}/numbers", key)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def tasks(network: Network) -> set[str]:
    return {task["kind"] for task in (await network.get("/tasks")).json()["items"]}


async def phone(network: Network, patient: str) -> str:
    return str((await network.get(f"/patients/{patient}")).json()["phone"])


async def visit_comes(network: Network) -> None:
    """The days around the next visit, one by one, as reminders go out."""
    for day in range(14, 26):
        await network.move_to(f"2025-05-{day}T03:00:00Z")


async def codes(network: Network, patient: str) -> list[str]:
    return [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]


async def test_one_text_asks_the_new_number_names_the_centre_and_nobody(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    (asked,) = await shown(network)
    assert asked.startswith("【Centre-1】有人登记了此号码")
    assert not any(word in asked for word in ("王", "秀英", "1960", "血压"))
    assert await phone(network, patient) == OLD
    (waits,) = (await numbers(network, patient))["waiting"]
    assert (waits["who"], waits["number"], waits["by"], waits["still_asked"]) == ("patient", NEW, "key-manager", True)
    await given(network, patient)  # told once more
    assert len(await shown(network)) == 1


async def test_the_birth_year_confirms_it_and_texts_go_there_from_then_on(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    await texted(network, "１９６０年")
    assert await phone(network, patient) == NEW
    found = await numbers(network, patient)
    assert ([one["number"] for one in found["used"]], found["waiting"]) == ([NEW], [])
    assert {"number_given", "number_asked", "number_confirmed"} <= set(await codes(network, patient))
    assert (await network.get("/patients", search=NEW)).json()["items"]
    before = len(await shown(network))
    await visit_comes(network)
    assert len(await shown(network)) > before


async def test_until_then_texts_go_to_the_number_of_before(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    await visit_comes(network)
    assert len(await shown(network, OLD)) > 0
    assert len(await shown(network)) == 1


async def test_where_the_old_number_is_gone_a_person_calls_until_the_new_one_is_confirmed(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient, phone=None)
    await given(network, patient)
    await visit_comes(network)
    assert len(await shown(network)) == 1
    assert await shown(network, OLD) == []
    assert "phone_reminder" in await tasks(network)
    assert "called_instead" in await codes(network, patient)


@pytest.mark.parametrize("no", ["2", "no", "STOP", "退订", "不是我", "wrong number"])
async def test_a_no_from_there_drops_the_number_and_somebody_finds_the_right_one(network: Network, no: str) -> None:
    patient = await network.enrol()
    await given(network, patient)
    await texted(network, no)
    assert (await numbers(network, patient))["waiting"] == []
    assert "number_wrong" in await tasks(network)
    consent = (await network.get(f"/patients/{patient}/consent")).json()
    assert (consent["texts"], consent["words"]) == (True, [])  # a stranger's STOP is not the patient's
    await texted(network, "1960")  # too late: it is nobody's number now
    assert await phone(network, patient) == OLD


async def test_three_wrong_answers_and_a_person_calls_and_a_year_counts_no_more(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    for guess in ("1961", "who is this?", "1962"):
        await texted(network, guess)
    assert "confirm_number" in await tasks(network)
    await texted(network, "1960")
    assert await phone(network, patient) == OLD
    (waits,) = (await numbers(network, patient))["waiting"]
    assert (waits["wrong_answers"], waits["still_asked"]) == (3, False)
    texts = await shown(network)
    assert len(texts) == 3  # the question, and twice that it was not understood
    assert not any("王" in text for text in texts)
    said = (await network.get(f"/patients/{patient}/messages")).json()["items"]
    assert "who is this?" in [one["text"] for one in said if one["who"] == "new_patient"]


async def test_no_answer_within_a_week_is_a_call(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    await network.move_to((START + timedelta(days=6)).isoformat())
    assert "confirm_number" not in await tasks(network)
    await network.move_to((START + timedelta(days=7, hours=1)).isoformat())
    assert "confirm_number" in await tasks(network)
    await texted(network, "1960")
    assert await phone(network, patient) == OLD


async def test_a_number_given_at_night_is_asked_in_the_morning(network: Network) -> None:
    patient = await network.enrol()
    await network.move_to("2025-03-03T15:00:00Z")
    await given(network, patient)
    await network.move_to("2025-03-04T00:59:00Z")
    assert await shown(network) == []
    await network.move_to("2025-03-04T04:00:00Z")
    assert len(await shown(network)) == 1


async def test_another_number_takes_the_place_of_the_one_that_was_not_asked_yet(network: Network) -> None:
    patient = await network.enrol()
    await network.move_to("2025-03-03T15:00:00Z")
    await given(network, patient)
    await given(network, patient, phone="+8613800002222")
    await network.move_to("2025-03-04T04:00:00Z")
    assert (await shown(network), len(await shown(network, "+8613800002222"))) == ([], 1)
    await texted(network, "1960")
    assert await phone(network, patient) == OLD


async def test_words_of_danger_from_there_reach_a_person_and_disclose_nothing(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    await texted(network, "胸口很痛，胸痛")
    (task,) = [one for one in (await network.get("/tasks")).json()["items"] if one["kind"] == "new_number_danger"]
    assert (task["urgent"], task["by"]) == (True, "health_manager")
    assert len(await shown(network)) == 1
    assert (await numbers(network, patient))["waiting"][0]["wrong_answers"] == 0


async def test_on_a_phone_that_another_patient_has_only_a_year_is_an_answer_to_us(network: Network) -> None:
    patient = await network.enrol()
    other = await network.enrol(identifier="A-2", name="李强", born="1955-01-01", phone=NEW)
    await given(network, patient)
    await texted(network, "血压 128 78")
    assert (await numbers(network, patient))["waiting"][0]["wrong_answers"] == 0
    said = (await network.get(f"/patients/{other}/messages")).json()["items"]
    assert "血压 128 78" in [one["text"] for one in said]
    await texted(network, "2")  # to either question: a person reads it
    assert "read_answer" in await tasks(network)
    assert len((await numbers(network, patient))["waiting"]) == 1
    await texted(network, "1960")
    assert await phone(network, patient) == NEW
    assert "1960" not in [one["text"] for one in (await network.get(f"/patients/{other}/messages")).json()["items"]]


async def test_a_carers_new_number_is_asked_too_and_is_the_carers_when_confirmed(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient, carer_phone=NEW)
    await texted(network, "1960")
    shown_ = (await network.get(f"/patients/{patient}")).json()
    assert (shown_["phone"], shown_["carer_phone"]) == (OLD, NEW)


async def test_whoever_wants_no_texts_is_called_about_their_number(network: Network) -> None:
    patient = await network.enrol()
    await texted(network, "TD", OLD)
    await given(network, patient)
    assert await shown(network) == []
    assert "confirm_number" in await tasks(network)


async def test_staff_confirm_it_after_a_call_and_the_audit_log_says_who(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    assert (await network.post(f"/patients/{patient}/numbers/confirm", {"who": "patient"}, "other-manager")).status_code == 404
    answer = await network.post(f"/patients/{patient}/numbers/confirm", {"who": "patient"}, "doctor")
    assert answer.status_code == 200, answer.text
    assert await phone(network, patient) == NEW
    async with network.parts.database.reading() as session:
        rows = list(await session.scalars(select(AuditRow).where(AuditRow.who == "key-doctor")))
    assert {(row.action, row.record) for row in rows} == {("patients.change", patient)}
    again = await network.post(f"/patients/{patient}/numbers/confirm", {"who": "patient"}, "doctor")
    assert again.status_code == 409


async def test_staff_withdraw_it_and_texts_stay_where_they_were(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    assert (await network.post(f"/patients/{patient}/numbers/withdraw", {})).status_code == 200
    assert (await numbers(network, patient))["waiting"] == []
    await texted(network, "1960")
    assert await phone(network, patient) == OLD
    await given(network, patient)
    await given(network, patient, phone=OLD)  # it was the old one after all
    assert (await numbers(network, patient))["waiting"] == []


async def test_what_is_known_of_the_old_number_stays_with_it_until_the_new_one_is_used(network: Network) -> None:
    patient = await network.enrol()
    async with network.parts.database.begin() as session:
        session.add(NumberMark(patient_id=patient, who="patient", channel="whatsapp", reason="landline", at=START))
    await given(network, patient)
    assert (await numbers(network, patient))["used"][0]["marks"][0]["reason"] == "landline"
    await texted(network, "1960")
    assert (await numbers(network, patient))["used"][0]["marks"] == []


async def test_who_is_forgotten_leaves_no_trace_of_a_number_that_waited(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    async with network.parts.database.begin() as session:
        await Patients(session, network.parts.vault).forget(patient)
        assert (await session.scalars(select(NumberChange))).all() == []
    await texted(network, "1960")


async def test_an_emergency_is_told_to_the_old_number_only(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    await network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    assert len(await shown(network)) == 1


async def test_what_texts_cost_is_shown_to_whoever_pays_and_names_no_patient(network: Network) -> None:
    patient = await network.enrol()
    await given(network, patient)
    async with network.parts.database.begin() as session:
        assert await UsageCounts(session).count([START.date()]) == 1
    for key, status in (("coordinator", 200), ("supervisor", 200), ("administrator", 200), ("manager", 403), ("auditor", 403)):
        answer = await network.get("/messages/usage", key)
        assert answer.status_code == status, answer.text
    (line,) = (await network.get("/messages/usage", "supervisor", by="day")).json()["items"]
    assert line == {
        "of": "2025-03-03",
        "channel": "sandbox",
        "care_team": "team-1",
        "texts": 1,
        "segments": 1,
        "currency": "",
        "cost": 0,
    }
    assert (await network.get("/messages/usage", "supervisor", by="day", first="2024-12-01")).status_code == 422
    assert (await network.get("/messages/usage", "supervisor", first="2025-03-04", last="2025-03-03")).status_code == 422
    assert (await network.get("/messages/usage", "supervisor", after="odd")).status_code == 422
