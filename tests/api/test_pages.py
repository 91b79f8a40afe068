"""The console's pages, the sandbox's phones and the provider's webhooks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import httpx
import pytest

from activities.channels.registry import Channels
from activities.channels.twilio import TwilioChannel, TwilioSettings
from api.app import create_app
from tests.api.conftest import START, Network


async def _sign_in(network: Network, key: str = "coordinator") -> httpx.Response:
    answer = await network.http.get("/", params={"key": key})
    assert answer.status_code == 303
    return answer


async def test_a_page_loads_nothing_from_elsewhere_and_is_kept_nowhere(network: Network) -> None:
    await _sign_in(network)
    for path in ("/today", "/patients", "/phones", "/overview", "/docs"):
        answer = await network.http.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r'(?:src|href)="https?:', answer.text)


async def test_a_phone_is_read_and_answered_as_its_owner(network: Network) -> None:
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    await network.move_to(f"{day}T06:00:00Z")
    held = (await network.get("/sandbox/messages", "gateway")).json()["items"]
    assert held[0]["to"] == "+8613812345678"
    assert (await network.get("/sandbox/messages", "gateway", since=held[-1]["n"])).json()["items"] == []
    answer = await network.post("/sandbox/replies", {"from": "+8613812345678", "text": "1"}, "gateway")
    assert answer.json() == {"known": True}
    shown = (await network.get(f"/patients/{patient}")).json()
    assert any(service["confirmed"] for service in shown["services"])
    messages = (await network.get(f"/patients/{patient}/messages")).json()["items"]
    assert (messages[0]["direction"], messages[0]["status"]) == ("in", "received")  # newest first
    assert {one["status"] for one in messages if one["direction"] == "out"} == {"handed"}


async def test_stop_through_the_sandbox_ends_texts(network: Network) -> None:
    patient = await network.enrol()
    answer = await network.post("/sandbox/replies", {"from": "+8613812345678", "text": "STOP"}, "gateway")
    assert answer.json() == {"known": True}
    assert (await network.post("/sandbox/replies", {"from": "+8613812345670", "text": "STOP"}, "gateway")).json() == {
        "known": False
    }
    codes = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert "opted_out" in codes


def _signature(url: str, form: Mapping[str, str]) -> str:
    from twilio.request_validator import RequestValidator

    return str(RequestValidator("secret").compute_signature(url, form))


@pytest.fixture
async def twilio(network: Network) -> httpx.AsyncClient:
    async def now() -> object:
        return START

    settings = TwilioSettings(
        account_sid="AC1", auth_token="secret", callback_url="https://cairn.example/x", from_number="+15550000000"
    )
    parts = replace(network.parts, channels=Channels.of(TwilioChannel(settings, now=now)))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(parts)), base_url="http://inside")


async def test_a_signed_sms_is_taken_and_an_unsigned_one_is_not(network: Network, twilio: httpx.AsyncClient) -> None:
    patient = await network.enrol()
    form = {"MessageSid": "SM7", "From": "+8613812345678", "To": "+15550000000", "Body": "chest pain"}
    path = "/api/v1/hooks/twilio/inbound"
    sent = {"content": urlencode(form), "headers": {"Content-Type": "application/x-www-form-urlencoded"}}
    assert (await twilio.post(path, **sent)).status_code == 403  # type: ignore[arg-type]
    sent["headers"]["X-Twilio-Signature"] = _signature(f"https://cairn.example{path}", form)  # type: ignore[index]
    answer = await twilio.post(path, **sent)  # type: ignore[arg-type]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    tasks = (await network.get("/tasks", kind="urgent_call")).json()["items"]
    assert [task["patient"]["id"] for task in tasks] == [patient]


async def test_a_status_webhook_with_its_query_is_checked_as_it_was_called(network: Network, twilio: httpx.AsyncClient) -> None:
    form = {"MessageSid": "SM8", "MessageStatus": "delivered"}
    path = "/api/v1/hooks/twilio/status?attempt=abc"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": _signature(f"https://cairn.example{path}", form),
    }
    assert (await twilio.post(path, content=urlencode(form), headers=headers)).status_code == 204
    assert (await network.get("/sandbox/messages", "manager")).status_code == 403
