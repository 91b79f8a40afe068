"""A coordinator sees a text as the patient will, in every language, before it goes out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Network
from tests.api.small import SMALL

LANGUAGES = ["en", "es", "zh-Hans", "zh-Hant"]


async def shown(network: Network, who: str = "coordinator", **asked: Any) -> dict[str, Any]:
    answer = await network.get("/wording/preview", who, **asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def tried(network: Network, body: dict[str, Any], status: int = 200, who: str = "coordinator") -> dict[str, Any]:
    answer = await network.post("/wording/preview", body, who)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_message_is_shown_as_it_goes_out_in_every_language_with_its_cost(network: Network) -> None:
    found = await shown(network, pathway="hypertension", message="visit_today", sms_cost=0.05)

    assert found["version"]
    assert [one["language"] for one in found["items"]] == LANGUAGES
    english, spanish, simplified, _ = found["items"]
    assert english["text"].startswith("Lakeside Clinic: Ann, we expect you today.")
    assert (english["segments"], english["encoding"], english["cost"], english["strange"]) == (1, "GSM-7", 0.05, "")
    assert english["units"] + english["left"] == 160
    assert spanish["text"].startswith("Clinica del Lago: Ana") or "Clínica" in spanish["text"]
    assert (simplified["encoding"], simplified["units"] + simplified["left"]) == ("UCS-2", 70)
    assert "请" in simplified["strange"]
    assert all(one["findings"] == [] for one in found["items"])


async def test_two_messages_of_a_day_are_shown_as_the_one_text_they_become(network: Network) -> None:
    found = await shown(network, pathway="hypertension", message=["visit_soon", "refill_ready"], language="en", sample="long")

    (one,) = found["items"]
    assert one["text"].count("Christopher") == 1
    assert "Reply 1" in one["text"]
    assert "Your prescription is ready" in one["text"]
    assert one["segments"] == 2
    assert one["cost"] is None


async def test_a_reader_of_a_language_that_is_not_there_is_shown_what_they_get(network: Network) -> None:
    found = await shown(network, pathway="hypertension", message="visit_today", language=["zh-TW", "pt"])
    assert [(one["asked"], one["language"]) for one in found["items"]] == [("zh-TW", "zh-Hant"), ("pt", "en")]


async def test_the_networks_own_texts_and_a_channel_without_segments(network: Network) -> None:
    found = await shown(network, message="on_call_alert", language="en", channel="whatsapp", sms_cost=1)
    assert found["pathway"] == ""
    assert found["items"][0]["segments"] is None
    assert found["items"][0]["cost"] is None


async def test_a_draft_is_shown_before_anybody_follows_it(network: Network) -> None:
    text = SMALL.replace("your visit: {{ day }}.", "come TODAY for your blood pressure.")
    signed = {"Authorization": "Bearer coordinator", "Content-Type": "application/yaml"}
    made = await network.http.post("/api/v1/pathways/hypertension/drafts?why=words", content=text.encode(), headers=signed)
    assert made.status_code == 201, made.text
    found = await shown(network, pathway="hypertension", message="visit_soon", draft=made.json()["id"], language="en")
    assert found["version"] == ""
    (one,) = found["items"]
    assert {finding["severity"] for finding in one["findings"]} == {"error", "warning"}


async def test_a_text_that_is_being_written_is_judged_as_it_would_be_at_publication(network: Network) -> None:
    body = {
        "pathway": "hypertension",
        "texts": {"m": {"en": "your amlodipine is ready, reply 3 or call 911"}},
        "languages": ["en"],
        "given": {"sender": "Mill Lane", "first_name": "Zoë"},
    }
    (one,) = (await tried(network, body))["items"]
    assert one["text"] == "Mill Lane: Zoe, your amlodipine is ready, reply 3 or call 911 Reply STOP to end."
    assert (one["strange"], one["segments"]) == ("", 1)  # her two dots would have cost another SMS
    said = " ".join(finding["what"] for finding in one["findings"])
    for word in ("'amlodipine'", "'3'", "'911'", "full stop"):
        assert word in said or any(word in finding["remedy"] for finding in one["findings"]), word


@pytest.mark.parametrize(
    "text",
    ["{{ 'x' * 999999999 }}.", "{% for x in range(9999999) %}x{% endfor %}.", "{{ nobody }}.", "{{ day", "{{ day.__class__ }}."],
)
async def test_a_text_that_is_more_than_text_is_refused_and_never_run(network: Network, text: str) -> None:
    refused = await tried(network, {"texts": {"m": {"en": text}}, "languages": ["en"]}, 422)
    assert "put into words" in str(refused)


async def test_what_is_not_there_is_said_to_be_not_there(network: Network) -> None:
    for asked in (
        {"pathway": "hypertension", "message": "nothing"},
        {"pathway": "nothing", "message": "visit_soon"},
        {"pathway": "hypertension", "message": "visit_soon", "version": "0" * 16},
        {"pathway": "hypertension", "message": "visit_soon", "draft": "0" * 32},
        {"message": "nothing"},
    ):
        assert (await network.get("/wording/preview", "coordinator", **asked)).status_code == 404, asked


async def test_a_health_manager_may_look_and_only_a_coordinator_may_try(network: Network) -> None:
    await shown(network, "manager", pathway="hypertension", message="visit_soon")
    await tried(network, {"texts": {"m": {"en": "come."}}}, 403, "manager")
