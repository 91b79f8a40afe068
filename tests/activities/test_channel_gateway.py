"""A national vendor described by a file carries a text once, says what it knows, and is heard when it calls."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest
from aiohttp import web
from vendor import Asked, Vendor, vendor

from activities.channels.gateway import GatewayChannel, Pace
from activities.channels.gateway_check import gateway_file
from activities.channels.port import (
    CannotTell,
    DeliveryReport,
    Found,
    InboundSms,
    InDoubt,
    Malformed,
    Misconfigured,
    NotFound,
    NotSigned,
    OutgoingSms,
    TryLater,
    Undeliverable,
    Webhook,
)

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
OLD_FASHIONED = {"account": "cairn", "password": "p+w/d", "push_word": "pine"}
MODERN = {"token": "t0ken", "hook_key": "hook"}
SMS = OutgoingSms("s1/visit", "attempt-1", "+8613800138000", "王女士，请周五来随访。", attempted_at=NOW - timedelta(minutes=5))
PERU = OutgoingSms("s1/visit", "attempt-1", "+51912345678", "Sra. Paz: su cita es el viernes {to}", attempted_at=NOW)


async def now() -> datetime:
    return NOW


@pytest.fixture
async def provider() -> AsyncIterator[Vendor]:
    async with vendor() as here:
        yield here


@pytest.fixture
async def form(provider: Vendor, tmp_path: Path) -> AsyncIterator[GatewayChannel]:
    channel = made(tmp_path, "gateway-form.yaml", "https://sms.songhua.example", provider, OLD_FASHIONED)
    yield channel
    await channel.aclose()


@pytest.fixture
async def modern(provider: Vendor, tmp_path: Path) -> AsyncIterator[GatewayChannel]:
    channel = made(tmp_path, "gateway-json.yaml", "https://api.andes.example", provider, MODERN)
    yield channel
    await channel.aclose()


def made(tmp_path: Path, example: str, address: str, provider: Vendor, options: dict[str, str]) -> GatewayChannel:
    """The documented example, at the address of the test's vendor."""
    file = tmp_path / example
    file.write_text((EXAMPLES / example).read_text("utf-8").replace(address, provider.url), "utf-8")
    return GatewayChannel("gateway", gateway_file(file, options), options, now=now)


async def test_an_older_vendor_is_asked_in_its_charset_with_its_signature(form: GatewayChannel, provider: Vendor) -> None:
    provider.says("0,20260302093000123")
    receipt = await form.send(SMS)
    assert (receipt.provider_id, receipt.status) == ("20260302093000123", "accepted")
    (asked,) = provider.asked
    sent = {name: value[0] for name, value in parse_qs(asked.body.decode("ascii"), encoding="gb18030").items()}
    assert sent == {
        "account": "cairn",
        "ts": "20260302093000",
        "sign": hashlib.md5(b"cairnp+w/d20260302093000").hexdigest(),
        "mobile": "13800138000",
        "content": SMS.text,
        "ext": "106900001234",
    }
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=gb18030"


async def test_a_newer_vendor_is_asked_in_json(modern: GatewayChannel, provider: Vendor) -> None:
    provider.says(json.dumps({"message": {"id": "m-7", "parts": 2}}), status=202)
    receipt = await modern.send(PERU)
    assert (receipt.provider_id, receipt.segments) == ("m-7", 2)
    (asked,) = provider.asked
    body = json.loads(asked.body)
    assert body["body"] == "Sra. Paz: su cita es el viernes {to}", "what a message says is never taken for a placeholder"
    assert (body["recipient"], body["reference"], body["validity"]) == ("+51912345678", "attempt-1", {"minutes": "1440"})
    assert asked.headers["Authorization"] == "Bearer t0ken"
    assert asked.headers["Idempotency-Key"] == "attempt-1"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("-4", Undeliverable("no_such_number")),
        ("-6", Undeliverable("opted_out")),
        ("-9", TryLater("throttled")),
        ("-10", Misconfigured("fill up the account", fault="no_credit")),
        ("-1", Misconfigured("the account or its password is not right; see GATEWAY_ACCOUNT and GATEWAY_PASSWORD")),
        ("-99", InDoubt("the gateway does not know")),
        ("-77", Undeliverable("refused")),
        ("77", Undeliverable("refused", code=77)),
        ("<html>busy</html>", InDoubt("the answer is not as the gateway's file says")),
        ("0", InDoubt("the gateway took it and gave it no id")),
    ],
)
async def test_each_answer_has_its_consequence_and_an_unknown_one_never_a_second_text(
    form: GatewayChannel, provider: Vendor, answer: str, expected: Exception
) -> None:
    provider.says(answer)
    with pytest.raises(type(expected)) as raised:
        await form.send(SMS)
    assert str(raised.value) == str(expected)
    assert getattr(raised.value, "fault", None) == getattr(expected, "fault", None)
    assert len(provider.asked) == 1


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, '{"error": {"code": "fixed_line"}}', Undeliverable("landline")),
        (400, '{"error": {"code": "never heard of"}}', Undeliverable("refused")),
        (503, '{"error": {"code": "maintenance"}}', TryLater("the gateway is away")),
        (429, "slow down", TryLater("throttled")),
        (401, "", Misconfigured("the gateway refuses us: check the account and its password")),
        (402, "", Misconfigured("fill up the account", fault="no_credit")),
        (404, "", Misconfigured("the gateway takes nothing at this address: check url and method")),
        (308, "", Misconfigured("the gateway takes nothing at this address: check url and method")),
        (408, "", TryLater("the gateway is slow")),
        (500, "", InDoubt("the gateway answered 500")),
        (302, "", InDoubt("the gateway answered 302")),
        (200, "thanks", InDoubt("the gateway took it and gave it no id")),
    ],
)
async def test_what_http_says_counts_where_the_vendor_says_nothing(
    modern: GatewayChannel, provider: Vendor, status: int, text: str, expected: Exception
) -> None:
    provider.says(text, status=status, Location="/elsewhere")
    with pytest.raises(type(expected)) as raised:
        await modern.send(PERU)
    assert str(raised.value) == str(expected)
    assert {one.path for one in provider.asked} == {"/v2/messages"}, "no redirect is followed"
    assert len(provider.asked) == (2 if isinstance(expected, InDoubt) else 1), (
        "it takes an attempt once only: it may be asked again"
    )


async def test_an_answer_that_comes_in_pieces_is_read_whole_and_an_endless_one_is_a_doubt(
    modern: GatewayChannel, form: GatewayChannel, provider: Vendor
) -> None:
    pieces = [b"\xef\xbb\xbf", b'{"message": ', b'{"id"', b': "m-7"}}']

    async def in_pieces(asked: Asked) -> web.StreamResponse:
        response = web.StreamResponse(status=202)
        assert provider.request is not None
        await response.prepare(provider.request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    provider.answers = in_pieces
    assert (await modern.send(PERU)).provider_id == "m-7"
    pieces[:] = [b"0," + b"9" * 400_000] * 3
    with pytest.raises(InDoubt, match="endless"):
        await form.send(SMS)


def test_half_a_sign_in_a_webhook_harms_nobody(modern: GatewayChannel) -> None:
    came = b'{"messages": [{"id": "\\ud800", "from": "912345678", "text": "x", "body": "1 \\ud83d"}, {"from": "5", "body": "1"}]}'
    first, second = modern.hear("inbound", signed(came)).told
    assert isinstance(first, InboundSms)
    assert isinstance(second, InboundSms)
    assert first.text == "1 ?"
    assert first.provider_id != second.provider_id
    for told in (first, second):
        assert told.provider_id.encode().isalnum()


async def test_a_vendor_that_hangs_up_may_have_taken_it(form: GatewayChannel, provider: Vendor) -> None:
    with pytest.raises(InDoubt):
        await form.send(SMS)
    assert len(provider.asked) == 1, "it does not know a text again, so it is never asked twice"


async def test_a_doubt_is_over_at_once_with_a_vendor_that_takes_an_attempt_once_only(
    modern: GatewayChannel, provider: Vendor
) -> None:
    async def second_time(asked: Asked) -> web.StreamResponse:
        first = len(provider.asked) == 1
        return web.Response(status=502) if first else web.json_response({"message": {"id": "m-7"}}, status=202)

    provider.answers = second_time
    assert (await modern.send(PERU)).provider_id == "m-7"
    assert provider.asked[0].headers["Idempotency-Key"] == provider.asked[1].headers["Idempotency-Key"]
    assert provider.asked[0].body == provider.asked[1].body


@pytest.mark.parametrize("then", [400, 401, 409, 429])
async def test_a_refused_repetition_does_not_undo_the_doubt(modern: GatewayChannel, provider: Vendor, then: int) -> None:
    async def refused(asked: Asked) -> web.StreamResponse:
        first = len(provider.asked) == 1
        return web.Response(status=502) if first else web.json_response({"error": {"code": "blocked"}}, status=then)

    provider.answers = refused
    with pytest.raises(InDoubt, match="answered 502"):
        await modern.send(PERU)


async def test_a_vendor_that_never_answers_may_have_taken_it(provider: Vendor, tmp_path: Path) -> None:
    text = (EXAMPLES / "gateway-json.yaml").read_text("utf-8").replace("https://api.andes.example", provider.url)
    file = tmp_path / "slow.yaml"
    file.write_text(text.replace("answer_timeout: 10", "answer_timeout: 0.05"))
    channel = GatewayChannel("gateway", gateway_file(file), MODERN, now=now)

    async def never(asked: Asked) -> web.StreamResponse:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    provider.answers = never
    with pytest.raises(InDoubt, match="did not answer in time"):
        await channel.send(PERU)
    await channel.aclose()


async def test_a_vendor_that_cannot_be_reached_has_taken_nothing(tmp_path: Path) -> None:
    nobody = Vendor(url="http://127.0.0.1:9")
    channel = made(tmp_path, "gateway-json.yaml", "https://api.andes.example", nobody, MODERN)
    with pytest.raises(TryLater, match="no connection"):
        await channel.send(PERU)
    await channel.aclose()


async def test_a_message_whose_moment_is_over_is_not_sent(modern: GatewayChannel, provider: Vendor) -> None:
    with pytest.raises(Undeliverable, match="too_late"):
        await modern.send(OutgoingSms("k", "a", PERU.to, "late", not_after=NOW))
    assert provider.asked == []


@pytest.mark.parametrize(
    ("listed", "minutes", "expected"),
    [
        ([{"reference": "attempt-1", "id": "m-7", "state": "delivered"}], 0, Found),
        ([{"reference": "another", "id": "m-8"}], 5, NotFound),
        ([], 5, NotFound),
        ([], 0, TryLater),
        ([{"reference": "attempt-1", "id": "m-7"}, {"reference": "attempt-1", "id": "m-8"}], 0, CannotTell),
    ],
)
async def test_a_doubt_is_settled_by_the_vendor_s_own_list(
    modern: GatewayChannel, provider: Vendor, listed: list[object], minutes: int, expected: type
) -> None:
    provider.says(json.dumps({"messages": listed}))
    sms = OutgoingSms("k", "attempt-1", PERU.to, "text", attempted_at=NOW - timedelta(minutes=minutes))
    if expected is TryLater:
        with pytest.raises(TryLater, match="too early"):
            await modern.find(sms)
    else:
        assert isinstance(await modern.find(sms), expected)
    assert provider.asked[0].query == {"reference": "attempt-1"}


async def test_a_text_that_the_vendor_lists_as_lost_is_lost(modern: GatewayChannel, provider: Vendor) -> None:
    provider.says(json.dumps({"messages": [{"reference": "attempt-1", "id": "m-7", "state": "lost"}]}))
    with pytest.raises(Undeliverable):
        await modern.find(OutgoingSms("k", "attempt-1", PERU.to, "text", attempted_at=NOW))


async def test_a_question_without_an_answer_is_asked_again(modern: GatewayChannel, provider: Vendor) -> None:
    with pytest.raises(TryLater):
        await modern.find(PERU)
    provider.says("<html>", status=502)
    with pytest.raises(TryLater):
        await modern.find(PERU)


async def test_a_vendor_that_cannot_be_asked_leaves_a_doubt_to_a_person(form: GatewayChannel, provider: Vendor) -> None:
    assert isinstance(await form.find(SMS), CannotTell)
    assert provider.asked == []


def test_a_rate_is_kept_and_a_long_wait_is_given_back() -> None:
    pace = Pace(2, lambda: 100.0)
    assert [pace.wait() for _ in range(5)] == [0, 0.5, 1, 1.5, 2]
    with pytest.raises(TryLater) as later:
        pace.wait()
    assert later.value.after == timedelta(seconds=2.5)
    assert Pace(None, lambda: 100.0).wait() == 0


async def test_an_odd_id_is_the_same_when_it_is_told_again(modern: GatewayChannel, provider: Vendor) -> None:
    odd = "号 " + "7" * 200
    provider.says(json.dumps({"message": {"id": odd}}), status=202)
    receipt = await modern.send(PERU)
    body = json.dumps({"events": [{"message": {"id": odd}, "state": "delivered"}]}).encode()
    (report,) = modern.hear("status", signed(body)).told
    assert report.provider_id == receipt.provider_id
    assert receipt.provider_id.isalnum()


def test_reports_of_an_older_vendor_are_heard_with_its_word(form: GatewayChannel) -> None:
    def hook(word: str, **fields: str) -> Webhook:
        return Webhook("https://c.example/x", {"word": word}, {}, urlencode(fields).encode())

    heard = form.hear("status", hook("pine", msgid="77", stat="EXPIRED", err="12"))
    assert heard.told == (DeliveryReport(None, "77", "undelivered", "too_late", 12),)
    assert heard.answer == "0"
    assert form.hear("status", hook("pine", msgid="77", stat="DELIVRD")).told == (DeliveryReport(None, "77", "delivered"),)
    assert form.hear("status", hook("pine", msgid="77", stat="NEWWORD")).told == (DeliveryReport(None, "77", "accepted"),)
    for wrong in ("", "oak"):
        with pytest.raises(NotSigned):
            form.hear("status", hook(wrong, msgid="77", stat="DELIVRD"))
    with pytest.raises(Malformed, match="/stat"):
        form.hear("status", hook("pine", msgid="77"))


@pytest.mark.parametrize("number", ["13800138000", "8613800138000", "+8613800138000", "008613800138000"])
def test_an_answer_is_heard_in_the_vendor_s_charset_and_from_the_number_that_we_know(form: GatewayChannel, number: str) -> None:
    body = urlencode({"mobile": number, "dest": "106900001234", "content": "血压 150 95"}, encoding="gb18030").encode()
    webhook = Webhook("https://c.example/x", {"word": "pine"}, {}, body)
    (told,) = form.hear("inbound", webhook).told
    assert isinstance(told, InboundSms)
    assert (told.from_, told.to, told.text) == ("+8613800138000", "106900001234", "血压 150 95")
    assert form.hear("inbound", webhook).told == (told,), "told twice, it is the same text"


def signed(body: bytes, *, moment: str = "1772414000", key: bytes = b"hook") -> Webhook:
    signature = base64.b64encode(hmac.new(key, moment.encode() + b"." + body, "sha256").digest()).decode()
    return Webhook("https://c.example/x", {}, {"x-andes-time": moment, "x-andes-signature": signature}, body)


def test_a_newer_vendor_tells_of_many_texts_in_one_signed_call(modern: GatewayChannel) -> None:
    events = [
        {"message": {"id": "m-1", "reference": "attempt-1"}, "state": "seen"},
        {"message": {"id": "m-2"}, "state": "lost", "error": "off"},
        {"message": {"id": "m-3", "reference": "attempt-3"}, "state": "rejected", "error": "no_funds"},
    ]
    heard = modern.hear("status", signed(json.dumps({"events": events}).encode()))
    assert heard.told == (
        DeliveryReport("attempt-1", "m-1", "read"),
        DeliveryReport(None, "m-2", "undelivered", "unreachable"),
        DeliveryReport("attempt-3", "m-3", "failed", "refused", fault="no_credit"),
    )
    came = [{"id": "in-1", "from": "912345678", "to": "CLINICA", "body": "1"}]
    heard = modern.hear("inbound", signed(json.dumps({"messages": came}).encode()))
    assert heard.told == (InboundSms("in-1", "+51912345678", "CLINICA", "1"),)


def test_what_was_changed_on_the_way_is_refused_unread(modern: GatewayChannel) -> None:
    good = signed(b'{"messages": []}')
    for webhook in (
        Webhook(good.url, {}, good.headers, b'{"messages": [1]}'),
        Webhook(good.url, {}, {**good.headers, "x-andes-time": "1772419999"}, good.body),
        Webhook(good.url, {}, {"x-andes-signature": good.headers["x-andes-signature"]}, good.body),
        Webhook(good.url, {}, {}, good.body),
        Webhook(good.url, {}, {**good.headers, "x-andes-signature": "é"}, good.body),
        signed(good.body, key=b"guess"),
    ):
        with pytest.raises(NotSigned):
            modern.hear("inbound", webhook)
    for body, wrong in (
        (b"not json", "body is not json"),
        (b'{"messages": 3}', "no list at /messages"),
        (b'{"messages": [3]}', "/from"),
    ):
        with pytest.raises(Malformed, match=wrong):
            modern.hear("inbound", signed(body))


async def test_no_exception_carries_a_number_or_a_text(form: GatewayChannel, provider: Vendor) -> None:
    for answer in (f"-4 {SMS.to} {SMS.text}", f"{SMS.to}", "-1"):
        provider.says(answer)
        with pytest.raises(Exception) as raised:  # noqa: PT011
            await form.send(SMS)
        said = repr(raised.value) + str(raised.value.__cause__) + str(raised.value.__dict__)
        assert "13800138000" not in said
        assert SMS.text not in said
