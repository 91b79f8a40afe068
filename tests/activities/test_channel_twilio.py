"""Twilio is asked once, understood exactly, and believed only when it signs.

The SDK talks over HTTP to a small server on the loopback which answers in Twilio's documented shapes.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from activities.channels import (
    CannotTell,
    Channel,
    ChannelError,
    Found,
    InDoubt,
    Misconfigured,
    OutgoingSms,
    Receipt,
    TryLater,
    Undeliverable,
)
from activities.channels.twilio import TwilioChannel, TwilioSettings

ACCOUNT = "AC" + "0" * 32
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SMS = OutgoingSms(key="visit/1", attempt="q7Zk", to="+15005550006", text="Please come on Monday", attempted_at=NINE)


async def nine_o_clock() -> datetime:
    return NINE


def message(**changes: Any) -> dict[str, Any]:
    """A Message resource as Twilio's documentation shows it."""
    return {
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": SMS.text,
        "date_created": format_datetime(NINE),
        "date_sent": None,
        "date_updated": format_datetime(NINE),
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": "+15005550001",
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": "SM" + "1" * 32,
        "status": "queued",
        "subresource_uris": {},
        "to": SMS.to,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/SM1.json",
    } | changes


@dataclass
class FakeTwilio:
    """Answers what it is told to, and remembers what it was asked."""

    answer: Callable[[web.Request], Awaitable[web.StreamResponse]]
    base_url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        form = await request.post() if request.method == "POST" else request.query
        self.asked.append({"authorization": request.headers["Authorization"], **{k: str(v) for k, v in form.items()}})
        return await self.answer(request)

    def answers(self, status: int, body: dict[str, Any] | None, **headers: str) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            if body is None:
                return web.Response(status=status, text="<html>gateway</html>", headers=headers)
            return web.json_response(body, status=status, headers=headers)

        self.answer = answer

    def refuses(self, status: int, code: int) -> None:
        text = f"The number {SMS.to} is not for us"
        self.answers(status, {"code": code, "message": text, "more_info": "https://...", "status": status})

    def lists(self, *messages: dict[str, Any]) -> None:
        self.answers(200, {"messages": list(messages), "page": 0, "page_size": 50, "next_page_uri": None, "uri": ""})


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async def created(_: web.Request) -> web.StreamResponse:
        return web.json_response(message(), status=201)

    fake = FakeTwilio(created)
    app = web.Application()
    app.router.add_route("*", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", fake.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
def settings(twilio: FakeTwilio) -> TwilioSettings:
    return TwilioSettings(
        account_sid=ACCOUNT,
        auth_token="token",
        callback_url="https://cairn.example/hooks/twilio/status",
        from_number="+15005550001",
        base_url=twilio.base_url,
        connect_timeout=1,
        answer_timeout=1,
    )


@pytest.fixture
async def channel(settings: TwilioSettings) -> AsyncIterator[TwilioChannel]:
    async with TwilioChannel(settings, now=nine_o_clock) as channel:
        yield channel


async def test_a_reminder_is_handed_over_once_with_its_attempt_in_the_callback(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    port: Channel = channel

    assert await port.send(SMS) == Receipt("SM" + "1" * 32, "queued", 1)

    [asked] = twilio.asked
    assert asked.pop("authorization").startswith("Basic ")
    assert asked == {
        "To": SMS.to,
        "From": "+15005550001",
        "Body": SMS.text,
        "StatusCallback": "https://cairn.example/hooks/twilio/status?attempt=q7Zk",
    }


async def test_a_messaging_service_chooses_the_sender(twilio: FakeTwilio, settings: TwilioSettings) -> None:
    service = replace(settings, from_number=None, messaging_service_sid="MG1")
    twilio.answers(201, message(status="accepted", num_segments="0", **{"from": None}))

    async with TwilioChannel(service, now=nine_o_clock) as channel:
        assert await channel.send(SMS) == Receipt("SM" + "1" * 32, "accepted", None)

    assert twilio.asked[0]["MessagingServiceSid"] == "MG1"
    assert "From" not in twilio.asked[0]


async def test_a_reminder_is_dropped_by_the_provider_after_its_last_useful_moment(
    twilio: FakeTwilio, channel: TwilioChannel
) -> None:
    await channel.send(replace(SMS, not_after=NINE + timedelta(minutes=30)))
    await channel.send(replace(SMS, not_after=NINE + timedelta(days=3)))
    with pytest.raises(Undeliverable) as refusal:
        await channel.send(replace(SMS, not_after=NINE))

    assert refusal.value.reason == "too_late"
    assert [asked["ValidityPeriod"] for asked in twilio.asked] == ["1800", "36000"]


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (400, 21610, Undeliverable, "opted_out"),
        (400, 21211, Undeliverable, "no_such_number"),
        (400, 21214, Undeliverable, "no_such_number"),
        (400, 30005, Undeliverable, "no_such_number"),
        (400, 30003, Undeliverable, "unreachable"),
        (400, 21614, Undeliverable, "landline"),
        (400, 21635, Undeliverable, "landline"),
        (400, 30006, Undeliverable, "landline"),
        (400, 30007, Undeliverable, "filtered"),
        (400, 99999, Undeliverable, "refused"),
        (429, 20429, TryLater, "throttled"),
        (400, 20429, TryLater, "throttled"),
        (503, 20503, TryLater, "the provider is down"),
        (500, 20500, InDoubt, "the provider answered 500"),
        (401, 20003, Misconfigured, None),
        (403, 20008, Misconfigured, None),
        (404, 20404, Misconfigured, None),
        (400, 21606, Misconfigured, None),
    ],
)
async def test_a_refusal_is_told_apart_and_names_no_patient(
    twilio: FakeTwilio, channel: TwilioChannel, status: int, code: int, error: type[ChannelError], reason: str | None
) -> None:
    twilio.refuses(status, code)

    with pytest.raises(error) as refusal:
        await channel.send(SMS)

    assert getattr(refusal.value, "reason", None) == reason
    assert SMS.to not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
    assert len(twilio.asked) == 1


async def test_a_throttled_provider_says_how_long_to_wait(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    twilio.answers(429, {"code": 20429, "message": "Too many requests", "status": 429}, **{"Retry-After": "7"})

    with pytest.raises(TryLater) as refusal:
        await channel.send(SMS)

    assert refusal.value.after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_answer_from_a_gateway_in_between_leaves_doubt(twilio: FakeTwilio, channel: TwilioChannel, status: int) -> None:
    twilio.answers(status, None)

    with pytest.raises(InDoubt):
        await channel.send(SMS)


async def test_an_answer_that_is_no_message_leaves_doubt(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    twilio.answers(201, None)
    with pytest.raises(InDoubt):
        await channel.send(SMS)

    twilio.answers(201, {})
    with pytest.raises(InDoubt):
        await channel.send(SMS)


async def test_a_message_that_failed_as_it_was_made_is_undeliverable(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    twilio.answers(201, message(status="failed", error_code=30006))

    with pytest.raises(Undeliverable) as refusal:
        await channel.send(SMS)

    assert refusal.value.reason == "landline"


async def test_silence_after_the_request_leaves_doubt(twilio: FakeTwilio, settings: TwilioSettings) -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await client_gave_up.wait()
        return web.Response()

    client_gave_up = asyncio.Event()

    twilio.answer = hang
    async with TwilioChannel(replace(settings, answer_timeout=0.2), now=nine_o_clock) as channel:
        with pytest.raises(InDoubt, match="in time"):
            await channel.send(SMS)
        client_gave_up.set()

    assert len(twilio.asked) == 1


async def test_a_line_cut_after_the_request_leaves_doubt(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    twilio.answer = cut

    with pytest.raises(InDoubt, match="broke"):
        await channel.send(SMS)
    assert len(twilio.asked) == 1


async def test_a_refused_connection_took_nothing_and_may_be_tried_again(settings: TwilioSettings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        nobody = replace(settings, base_url=f"http://127.0.0.1:{free.getsockname()[1]}")
        async with TwilioChannel(nobody, now=nine_o_clock) as channel:
            with pytest.raises(TryLater):
                await channel.send(SMS)
            with pytest.raises(TryLater):
                await channel.find(SMS)


async def test_no_number_and_no_text_reaches_the_log(
    twilio: FakeTwilio, channel: TwilioChannel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await channel.send(SMS)
    twilio.lists(message())
    await channel.find(SMS)

    assert "15005550006" not in caplog.text
    assert SMS.text not in caplog.text


async def test_one_message_with_these_words_at_that_time_is_the_attempt(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    twilio.lists(
        message(status="delivered"),
        message(sid="SM2", body="Something else"),
        message(sid="SM3", direction="inbound"),
        message(sid="SM4", date_created=format_datetime(NINE - timedelta(days=7))),
    )

    assert await channel.find(SMS) == Found(Receipt("SM" + "1" * 32, "delivered", 1))
    assert twilio.asked[0]["To"] == SMS.to


async def test_a_text_that_is_listed_as_lost_is_not_taken_for_one_that_went(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    twilio.lists(message(status="undelivered", error_code=30006))
    with pytest.raises(Undeliverable, match="landline") as lost:
        await channel.find(SMS)
    assert lost.value.code == 30006


async def test_without_a_public_address_a_text_goes_and_nobody_is_asked_to_call(
    twilio: FakeTwilio, settings: TwilioSettings
) -> None:
    async with TwilioChannel(replace(settings, callback_url=""), now=nine_o_clock) as channel:
        await channel.send(SMS)
    assert "StatusCallback" not in twilio.asked[0]


async def test_what_the_list_does_not_settle_is_left_to_a_person(twilio: FakeTwilio, channel: TwilioChannel) -> None:
    twilio.lists()
    assert isinstance(await channel.find(SMS), CannotTell)

    twilio.lists(message(), message(sid="SM2"))
    assert isinstance(await channel.find(SMS), CannotTell)

    twilio.lists(message())
    assert isinstance(await channel.find(replace(SMS, attempted_at=None)), CannotTell)


@pytest.mark.parametrize(("status", "error"), [(401, Misconfigured), (429, TryLater), (500, TryLater)])
async def test_a_question_that_fails_may_be_asked_again(
    twilio: FakeTwilio, channel: TwilioChannel, status: int, error: type[ChannelError]
) -> None:
    twilio.answers(status, {"code": 1, "message": "no", "status": status})

    with pytest.raises(error):
        await channel.find(SMS)


URL = "https://cairn.example/hooks/twilio/status?attempt=q7Zk"
FORM = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30006", "To": "+15005550006"}


def test_a_webhook_is_believed_only_when_signed_for_this_address_and_form(settings: TwilioSettings) -> None:
    channel = TwilioChannel(settings, now=nine_o_clock)
    signature = RequestValidator("token").compute_signature(URL, FORM)

    assert channel.verify(URL, FORM, signature)
    assert channel.verify(URL.replace(".example/", ".example:443/"), FORM, signature)
    assert not channel.verify(URL.replace("https", "http"), FORM, signature)
    assert not channel.verify(URL.replace("q7Zk", "other"), FORM, signature)
    assert not channel.verify(URL, FORM | {"MessageStatus": "delivered"}, signature)
    assert not channel.verify(URL, FORM, "")
    assert not channel.verify("https://cairn.example:port/", FORM, signature)


def test_a_webhook_signed_with_the_shared_key_is_believed_when_we_hold_that_key(settings: TwilioSettings) -> None:
    announced = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    signature = RequestValidator("shared").compute_signature(URL, FORM, "HMAC_SHA256")
    holding = TwilioChannel(replace(settings, webhook_secret="shared"), now=nine_o_clock)

    assert holding.verify(URL, FORM, signature, signature_settings=announced)
    assert not holding.verify(URL, FORM, signature)
    assert not TwilioChannel(settings, now=nine_o_clock).verify(URL, FORM, signature, signature_settings=announced)


def test_a_status_report_names_the_attempt_and_why_it_failed(settings: TwilioSettings) -> None:
    report = TwilioChannel(settings, now=nine_o_clock).parse_status(FORM | {"attempt": "q7Zk"})

    assert (report.attempt, report.provider_id, report.status) == ("q7Zk", "SM1", "undelivered")
    assert (report.reason, report.code) == ("landline", 30006)


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ("accepted", "accepted", None),
        ("scheduled", "queued", None),
        ("sending", "queued", None),
        ("sent", "sent", None),
        ("partially_delivered", "sent", None),
        ("delivered", "delivered", None),
        ("read", "read", None),
        ("failed", "failed", "refused"),
        ("canceled", "failed", "refused"),
        ("a word of next year", "accepted", None),
    ],
)
def test_every_status_of_twilio_has_one_of_ours(settings: TwilioSettings, word: str, status: str, reason: str | None) -> None:
    report = TwilioChannel(settings, now=nine_o_clock).parse_status({"SmsSid": "SM1", "SmsStatus": word})

    assert (report.status, report.reason, report.attempt) == (status, reason, None)


def test_an_answer_from_a_phone_is_read(settings: TwilioSettings) -> None:
    channel = TwilioChannel(settings, now=nine_o_clock)
    inbound = channel.parse_inbound({"MessageSid": "SM9", "From": "+1500", "To": "+1501", "Body": "1"})

    assert (inbound.provider_id, inbound.from_, inbound.to, inbound.text) == ("SM9", "+1500", "+1501", "1")


def test_what_the_provider_took_for_an_opt_out_and_has_answered_is_told(settings: TwilioSettings) -> None:
    channel = TwilioChannel(settings, now=nine_o_clock)
    came = {"MessageSid": "SM9", "From": "+1500", "To": "+1501", "Body": "basta"}
    for told, opt_out in (("STOP", "stop"), ("START", "start"), ("HELP", "help"), ("ODD", ""), ("", "")):
        assert channel.parse_inbound({**came, "OptOutType": told}).opt_out == opt_out


def test_a_webhook_with_a_field_missing_is_refused_by_name(settings: TwilioSettings) -> None:
    channel = TwilioChannel(settings, now=nine_o_clock)

    with pytest.raises(ValueError, match="MessageSid"):
        channel.parse_status({"MessageStatus": "sent"})
    with pytest.raises(ValueError, match="From"):
        channel.parse_inbound({"MessageSid": "SM9", "To": "+1501"})


@pytest.mark.parametrize(
    "changes",
    [{"from_number": None}, {"messaging_service_sid": "MG1"}, {"auth_token": ""}],
)
def test_settings_that_cannot_send_are_refused_at_start_up(settings: TwilioSettings, changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        replace(settings, **changes)
