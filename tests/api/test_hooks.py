"""Webhooks: only the provider is believed, it may say things twice, and nobody learns from an answer who is a patient here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from activities.channels.registry import Channels
from activities.channels.twilio import TwilioChannel, TwilioSettings
from api.app import create_app
from api.parts import ApiParts
from pathways.engine.commands import Part, SendMessage
from pathways.serial import dump_command
from records.patients import Patients
from records.tables import Attempt, Delivery, EventRow, Message
from tests.api.conftest import START, Network

INBOUND, STATUS = "/api/v1/hooks/twilio/inbound", "/api/v1/hooks/twilio/status"
KNOWN, UNKNOWN = "+8613812345678", "+8613899999999"


@dataclass
class Provider:
    """Calls our webhooks as Twilio does. ``calls``: the address as Twilio knows it, whatever ``http`` makes of it."""

    network: Network
    parts: ApiParts
    http: httpx.AsyncClient
    calls: str = "https://cairn.example"

    async def post(
        self, path: str, form: Mapping[str, str], *, key: str = "secret", sha256: bool = False, **more: str
    ) -> httpx.Response:
        algorithm = ["HMAC_SHA256"] if sha256 else []
        signature = RequestValidator(key).compute_signature(self.calls + path, dict(form), *algorithm)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature, **more}
        if sha256:
            headers["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
        return await self.http.post(path, content=urlencode(form), headers=headers)

    async def texts(self, text: str, *, sid: str = "SM7", from_: str = KNOWN, **more: str) -> httpx.Response:
        return await self.post(INBOUND, {"MessageSid": sid, "From": from_, "To": "+15550000000", "Body": text}, **more)  # type: ignore[arg-type]

    async def says(self, status: str, *, attempt: str = "", sid: str = "SM1", **more: str) -> httpx.Response:
        query = f"?attempt={attempt}" if attempt else ""
        return await self.post(STATUS + query, {"MessageSid": sid, "MessageStatus": status, **more})

    async def count(self, table: type) -> int:
        async with self.parts.database.reading() as session:
            return (await session.scalar(select(func.count()).select_from(table))) or 0


def a_provider(network: Network, **parts: object) -> Provider:
    async def now() -> object:
        return START

    settings = TwilioSettings(
        account_sid="AC1", auth_token="secret", callback_url="https://cairn.example/x", from_number="+1555", webhook_secret="shared"
    )
    channels = Channels.of(TwilioChannel(settings, now=now))  # type: ignore[arg-type]
    ours = replace(network.parts, channels=channels, **parts)  # type: ignore[arg-type]
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(ours)), base_url="http://inside:8733")
    return Provider(network, ours, http)


@pytest.fixture
async def provider(network: Network) -> AsyncIterator[Provider]:
    there = a_provider(network)
    yield there
    await there.http.aclose()


async def _handed(provider: Provider) -> tuple[str, str]:
    """A text that went out by Twilio: its patient and its try."""
    patient = await provider.network.enrol()
    async with provider.parts.database.begin() as session:
        person = await Patients(session, provider.parts.vault).vault_of(patient)
        command = SendMessage("message/1", "patient", (Part("hypertension", "visit_soon"),), START)
        sealed = person.seal("delivery/message/1", dump_command(command))
        of = {"patient_id": patient, "key": "message/1"}
        session.add(Delivery(kind="message", status="handed", planned=START, attempts=1, channel="twilio", sealed=sealed, **of))
        sent = {"id": "q7Zk-secret", "number": 1, "channel": "twilio", "at": START, "status": "taken", "provider_id": "SM1"}
        session.add(Attempt(sealed=person.seal("attempt/message/1", {"to": KNOWN, "text": "..."}), **of, **sent))
    return patient, "q7Zk-secret"


async def _delivery(provider: Provider, patient: str) -> Delivery:
    async with provider.parts.database.reading() as session:
        return await session.get_one(Delivery, (patient, "message/1"))


async def test_what_a_provider_says_of_a_text_is_kept_and_said_twice_changes_nothing(provider: Provider) -> None:
    patient, attempt = await _handed(provider)
    for status in ("sent", "delivered", "delivered", "sent"):
        answer = await provider.says(status, attempt=attempt)
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await _delivery(provider, patient)).arrived == "delivered"


async def test_a_text_that_was_lost_opens_a_call_once(provider: Provider) -> None:
    patient, attempt = await _handed(provider)
    for _ in range(3):
        assert (await provider.says("undelivered", attempt=attempt, ErrorCode="30003")).status_code == 204
    codes = [line["code"] for line in (await provider.network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert codes.count("message_failed") == 1


async def test_the_answer_does_not_tell_whether_a_text_or_a_number_is_known_here(provider: Provider) -> None:
    _, attempt = await _handed(provider)
    told = [await provider.says("sent", attempt=one, sid=sid) for one, sid in ((attempt, "SM1"), ("guessed", "SM9"), ("", "SM9"))]
    assert len({(one.status_code, one.content, one.headers.get("content-type")) for one in told}) == 1
    heard = [await provider.texts("1", sid=f"SM{n}", from_=number) for n, number in enumerate((KNOWN, UNKNOWN))]
    assert len({(one.status_code, one.content, one.headers.get("content-type")) for one in heard}) == 1
    assert await provider.count(Message) == 1, "of the number that nobody has, nothing is kept"
    received = provider.parts.seeing.metrics.texts_received
    assert [received.labels("twilio", known)._value.get() for known in ("yes", "no")] == [1, 1], "but that there was one is counted"


@pytest.mark.parametrize(
    ("key", "sha256", "believed"),
    [("secret", False, True), ("shared", True, True), ("secret", True, False), ("shared", False, False), ("other", False, False)],
)
async def test_the_old_and_the_new_signature_are_checked_each_with_its_own_key(
    provider: Provider, key: str, sha256: bool, believed: bool
) -> None:
    answer = await provider.texts("1", key=key, sha256=sha256)  # type: ignore[arg-type]
    assert answer.status_code == (200 if believed else 403)


@pytest.mark.parametrize("calls", ["https://cairn.example", "https://cairn.example:443"])
async def test_a_signature_holds_with_and_without_the_default_port(provider: Provider, calls: str) -> None:
    provider.calls = calls
    assert (await provider.texts("1")).status_code == 200


async def test_a_signature_for_another_address_or_scheme_does_not_hold(provider: Provider) -> None:
    for calls in ("http://cairn.example", "https://cairn.example.evil", "https://cairn.example:8443"):
        provider.calls = calls
        assert (await provider.texts("1")).status_code == 403


@pytest.mark.parametrize(("trusted", "status"), [(True, 200), (False, 403)])
async def test_a_proxy_is_believed_only_where_it_is_said_to_be_ours(network: Network, trusted: bool, status: int) -> None:
    there = a_provider(network, public_url="", trust_forwarded=trusted)
    there.calls = "https://clinic.example"
    forwarded = {"X-Forwarded-Proto": "http, https", "X-Forwarded-Host": "evil.example, clinic.example"}
    assert (await there.texts("1", **forwarded)).status_code == status


async def test_without_a_proxy_the_address_is_the_one_that_was_called(network: Network) -> None:
    there = a_provider(network, public_url="")
    there.calls = "http://inside:8733"
    assert (await there.texts("1")).status_code == 200


async def test_a_text_that_is_played_back_is_one_answer(provider: Provider) -> None:
    await provider.network.enrol()
    before = await provider.count(EventRow)
    for _ in range(3):
        assert (await provider.texts("1")).status_code == 200
    assert await provider.count(EventRow) == before + 1


async def test_a_body_that_is_no_webhook_is_refused_and_none_is_read_to_its_end(provider: Provider) -> None:
    for odd in (b"\xff\xfe\xfa", b"", b"MessageSid=SM1"):
        assert (await provider.http.post(INBOUND, content=odd)).status_code == 403
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 4096

    assert (await provider.http.post(STATUS, content=endless())).status_code == 413
    assert read < 40
    assert (await provider.http.post(STATUS, content=b"x" * 70_000)).status_code == 413


async def test_ids_that_are_none_are_refused_though_they_are_signed(provider: Provider) -> None:
    for sid in ("", "SM 1", "SM\x00", "S" * 81):
        assert (await provider.texts("1", sid=sid)).status_code == 422
    assert (await provider.says("delivered", attempt="x" * 81)).status_code == 204


async def test_a_channel_that_is_not_open_here_and_one_that_nobody_calls_hear_nothing(provider: Provider) -> None:
    for channel in ("whatsapp", "sandbox", "..", "twilio%2Fx"):
        answer = await provider.http.post(f"/api/v1/hooks/{channel}/inbound", content=b"From=1")
        assert answer.status_code in (403, 404)
