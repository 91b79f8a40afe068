"""Which texts a patient wants: what is written down holds at once, is kept with its source, and never ends care."""

from __future__ import annotations

from typing import Any, Literal

import httpx
import pytest

from activities.channels.port import InboundSms
from records.contact_rules import NetworkRules
from tests.api.conftest import START, Network

PHONE = "+8613812345678"


async def put(network: Network, patient: str, key: str = "manager", etag: str = "", **body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", **({"If-Match": etag} if etag else {})}
    return await network.http.put(f"/api/v1/patients/{patient}/consent", json=body, headers=headers)


async def consent(network: Network, patient: str) -> dict[str, Any]:
    answer = await network.get(f"/patients/{patient}/consent")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def texted(network: Network, text: str) -> None:
    sent = await network.post("/sandbox/replies", {"from": PHONE, "text": text}, "coordinator")
    assert sent.status_code == 200, sent.text


async def test_somebody_nobody_asked_is_texted_and_no_word_is_made_up(network: Network) -> None:
    patient = await network.enrol()
    assert await consent(network, patient) == {"texts": True, "refused": [], "channels": [], "words": []}


async def test_what_the_patient_said_on_the_phone_holds_at_once_and_is_kept(network: Network) -> None:
    patient = await network.enrol()
    answer = await put(network, patient, texts=True, refused=["refills"], channels=["sandbox"])
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["texts"], found["refused"], found["channels"]) == (True, ["refills"], ["sandbox"])
    assert {(word["what"], word["given"], word["source"], word["by"]) for word in found["words"]} == {
        ("texts", True, "api", "key-manager"),
        ("refills", False, "api", "key-manager"),
    }
    again = await put(network, patient, texts=True, refused=["refills"], channels=["sandbox"])
    assert again.json()["words"] == found["words"]


async def test_no_texts_at_all_is_as_stop_and_the_patient_brings_them_back_by_start(network: Network) -> None:
    patient = await network.enrol()
    assert (await put(network, patient, texts=False)).json()["texts"] is False
    await texted(network, "START")
    found = await consent(network, patient)
    assert found["texts"] is True
    assert [(word["given"], word["source"]) for word in found["words"]] == [(True, "sms"), (False, "api")]
    await texted(network, "TD")
    assert (await consent(network, patient))["texts"] is False


async def test_both_changes_of_one_request_are_told(network: Network) -> None:
    patient = await network.enrol()
    found = (await put(network, patient, texts=False, refused=["reminders"])).json()
    assert (found["texts"], found["refused"]) == (False, ["reminders"])


async def test_a_way_that_is_not_open_here_is_refused_by_name(network: Network) -> None:
    patient = await network.enrol()
    answer = await put(network, patient, channels=["pigeon"])
    assert answer.status_code == 422
    assert "pigeon" in answer.text


async def test_who_had_read_something_older_is_told(network: Network) -> None:
    patient = await network.enrol()
    read = await network.get(f"/patients/{patient}/consent")
    await put(network, patient, texts=False)
    assert (await put(network, patient, etag=read.headers["ETag"], texts=True)).status_code == 412


@pytest.mark.parametrize("key", ["other-manager", "clinic"])
async def test_it_is_nobody_elses_to_say(network: Network, key: str) -> None:
    patient = await network.enrol()
    assert (await put(network, patient, key=key, texts=False)).status_code in (401, 403, 404)
    assert (await consent(network, patient))["texts"] is True


@pytest.mark.parametrize("said", ["I have chest pain", "胸口疼", "胸痛", "me duele el pecho"])
async def test_a_cry_for_help_is_an_urgent_task_on_top_of_the_worklist(network: Network, said: str) -> None:
    patient = await network.enrol()
    await texted(network, said)
    (first, *_) = (await network.get("/worklist", "doctor")).json()["tasks"]
    assert (first["kind"], first["urgent"], first["patient"]["id"]) == ("urgent_call", True, patient)


async def test_free_text_is_a_task_of_the_health_manager_with_the_words_to_be_read(network: Network) -> None:
    patient = await network.enrol()
    await texted(network, "my daughter visits in March, may I come later?")
    tasks = (await network.get("/worklist")).json()["tasks"]
    (task,) = [task for task in tasks if task["kind"] == "read_answer"]
    assert (task["patient"]["id"], task["by"]) == (patient, "health_manager")
    kept = (await network.get(f"/patients/{patient}/messages")).json()["items"]
    assert "my daughter visits in March, may I come later?" in [message["text"] for message in kept]


async def test_a_slip_is_asked_for_again_in_the_patients_language_and_not_repeated(network: Network) -> None:
    await network.enrol()
    await texted(network, "血压 950 95")
    (asked,) = [sms.text for sms in await network.channel.messages() if "核对" in sms.text]
    assert "950" not in asked
    assert "血压" not in asked


async def test_a_shared_phone_is_asked_for_whom_its_text_was(network: Network) -> None:
    wang = await network.enrol()
    li = await network.enrol(identifier="A-2", name="李建国", born="1955-02-03")
    await texted(network, "128/78")
    (asked,) = [sms.text for sms in await network.channel.messages() if "哪一位" in sms.text]
    assert "128" not in asked
    first, second = sorted((wang, li))
    await texted(network, "2")
    kept = {
        patient: [m["text"] for m in (await network.get(f"/patients/{patient}/messages")).json()["items"] if m["text"] == "128/78"]
        for patient in (first, second)
    }
    assert kept == {first: [], second: ["128/78"]}


async def test_a_number_that_nobody_has_is_answered_as_any_other_and_leaves_nothing(network: Network) -> None:
    before = len(await network.channel.messages())
    sent = await network.post("/sandbox/replies", {"from": "+8613700000009", "text": "150/95 who is this"}, "coordinator")
    assert sent.status_code == 200
    assert len(await network.channel.messages()) == before


async def test_who_refused_texts_before_they_were_enrolled_is_called_and_never_texted(network: Network) -> None:
    patient = await network.enrol(sms_consent=False, tag="red")
    await network.move_to("2025-05-20T01:00:00Z")
    assert [sms for sms in await network.channel.messages() if sms.to == PHONE] == []
    found = await consent(network, patient)
    assert found["texts"] is False
    assert [(word["given"], word["source"]) for word in found["words"]] == [(False, "enrolment")]
    tasks = (await network.get("/worklist")).json()["tasks"]
    assert {"phone_call", "phone_reminder"} & {task["kind"] for task in tasks}


async def test_who_agreed_at_enrolment_is_texted_and_the_word_is_kept(network: Network) -> None:
    patient = await network.enrol(sms_consent=True)
    found = await consent(network, patient)
    assert (found["texts"], [(word["given"], word["source"]) for word in found["words"]]) == (True, [(True, "enrolment")])


async def needs_consent(network: Network) -> None:
    async with network.parts.database.begin() as session:
        await NetworkRules(session).write("network", {"texts_need_consent": True}, by="key-all", at=START)


async def visit_comes(network: Network) -> list[str]:
    """The days around the next visit, one by one; answers what the phone shows of them."""
    before = len(await network.channel.messages(PHONE))
    for day in range(14, 26):
        await network.move_to(f"2025-05-{day}T03:00:00Z")
    return [sms.text for sms in (await network.channel.messages(PHONE))[before:]]


async def test_where_the_law_wants_consent_first_who_was_never_asked_is_called(network: Network) -> None:
    await needs_consent(network)
    patient = await network.enrol()
    assert await visit_comes(network) == []
    kinds = {task["kind"] for task in (await network.get("/tasks")).json()["items"]}
    assert "phone_reminder" in kinds
    lines = (await network.get(f"/patients/{patient}/timeline")).json()["items"]
    assert "no_consent" in {line["held_back"] for line in lines if line["code"] == "called_instead"}
    assert (await consent(network, patient))["words"] == []


@pytest.mark.parametrize("by", ["start", "api", "enrolment"])
async def test_a_yes_by_any_way_brings_texts_there(network: Network, by: str) -> None:
    await needs_consent(network)
    patient = await network.enrol(**({"sms_consent": "yes"} if by == "enrolment" else {}))
    if by == "api":
        assert (await put(network, patient, texts=True)).status_code == 200
    elif by == "start":
        await texted(network, "开始")
    assert len(await visit_comes(network)) > 0
    (word,) = (await consent(network, patient))["words"]
    assert (word["given"], word["source"]) == (True, {"start": "sms"}.get(by, by))


async def test_who_asks_who_we_are_is_told_once_a_day_and_a_person_reads_it(network: Network) -> None:
    patient = await network.enrol()
    await texted(network, "HELP")
    await texted(network, "帮助")
    (told,) = [sms.text for sms in await network.channel.messages(PHONE)]
    assert "我们通过短信提醒您随访事宜" in told
    assert "help_told" in {line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]}
    assert "read_answer" in {task["kind"] for task in (await network.get("/tasks")).json()["items"]}


@pytest.mark.parametrize(("said", "texts"), [("stop", False), ("start", True)])
async def test_what_the_provider_took_for_a_stop_or_start_is_one_in_whatever_words(
    network: Network, said: Literal["stop", "start"], texts: bool
) -> None:
    patient = await network.enrol()
    await network.parts.inbox.take(InboundSms("RE1", PHONE, "+1", "basta ya", said))
    found = await consent(network, patient)
    assert found["texts"] is texts
    assert [(word["given"], word["source"]) for word in found["words"]] == [(texts, "provider")]


async def test_a_help_that_the_provider_has_answered_is_not_answered_twice(network: Network) -> None:
    await network.enrol()
    await network.parts.inbox.take(InboundSms("RE1", PHONE, "+1", "HELP", "help"))
    assert await network.channel.messages(PHONE) == []
    assert "read_answer" in {task["kind"] for task in (await network.get("/tasks")).json()["items"]}
