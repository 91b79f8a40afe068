"""WhatsApp carries approved words exactly as they were recorded, and leaves all else to the next channel."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import aiohttp
import pytest
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]
from vendor import Asked, Vendor, vendor

from activities.channels.port import CannotTell, Found, InboundSms, Misconfigured, NotSigned, OutgoingSms, Undeliverable, Webhook
from activities.channels.twilio import TwilioSettings
from activities.channels.whatsapp import Template, WhatsAppChannel, fitting, templates_file
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN, Served

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SID = "HX" + "0" * 31
SOON = Template(name="visit_soon", language="en", content=SID + "1", body="Dear {{1}}, please come to {{2}} on {{3}}. Thank you.")
ZH = Template(name="visit_soon", language="zh-Hans", content=SID + "2", body="【中心】{{1}}您好，请于{{2}}到{{3}}随访。")
PLAIN = Template(name="call_us", language="en", content=SID + "3", body="Please call your health manager.")
TEXT = "Dear Mr Li, please come to Xianshuigu Centre on Friday. Thank you."
SMS = OutgoingSms("s1/visit", "attempt-1", "+8613800138000", TEXT, attempted_at=NOW)
SETTINGS = TwilioSettings(account_sid="AC1", auth_token="token", callback_url="https://c.example/s", from_number="+15005550100")


async def now() -> datetime:
    return NOW


@pytest.fixture
async def provider() -> AsyncIterator[Vendor]:
    async with vendor() as here:
        yield here


@pytest.fixture
async def whatsapp(provider: Vendor) -> AsyncIterator[WhatsAppChannel]:
    settings = TwilioSettings(
        account_sid="AC1", auth_token="token", callback_url="https://c.example/s", from_number="+15005550100", base_url=provider.url
    )
    channel = WhatsAppChannel(settings, (SOON, ZH, PLAIN), now=now)
    yield channel
    await channel.aclose()


def message(**changes: object) -> dict[str, object]:
    return {
        "sid": "SM7",
        "status": "queued",
        "error_code": None,
        "num_segments": "1",
        "to": "whatsapp:+8613800138000",
        "body": TEXT,
        "direction": "outbound-api",
        "date_created": "Mon, 02 Mar 2026 01:30:00 +0000",
    } | changes


async def test_an_approved_wording_goes_as_its_template_with_its_variables(whatsapp: WhatsAppChannel, provider: Vendor) -> None:
    provider.says(json.dumps(message()), status=201)
    receipt = await whatsapp.send(SMS)
    assert (receipt.provider_id, receipt.status) == ("SM7", "queued")
    (asked,) = provider.asked
    sent = {name: value[0] for name, value in _form(asked).items()}
    assert json.loads(sent.pop("ContentVariables")) == {"1": "Mr Li", "2": "Xianshuigu Centre", "3": "Friday"}
    assert sent == {
        "To": "whatsapp:+8613800138000",
        "From": "whatsapp:+15005550100",
        "ContentSid": SOON.content,
        "StatusCallback": "https://c.example/s?attempt=attempt-1",
    }


async def test_what_was_never_approved_is_left_to_the_next_channel_without_asking(
    whatsapp: WhatsAppChannel, provider: Vendor
) -> None:
    with pytest.raises(Undeliverable) as refused:
        await whatsapp.send(OutgoingSms("k", "a", "+8613800138000", "Free words"))
    assert refused.value.reason == "no_template"
    assert provider.asked == []


@pytest.mark.parametrize(("code", "reason"), [(63003, "unreachable"), (63016, "no_template"), (63049, "filtered")])
async def test_a_refusal_by_whatsapp_has_its_reason(whatsapp: WhatsAppChannel, provider: Vendor, code: int, reason: str) -> None:
    provider.says(json.dumps({"code": code, "message": "no", "status": 400}), status=400)
    with pytest.raises(Undeliverable) as refused:
        await whatsapp.send(SMS)
    assert (refused.value.reason, refused.value.code) == (reason, code)


async def test_a_doubt_is_looked_up_at_the_whatsapp_address(whatsapp: WhatsAppChannel, provider: Vendor) -> None:
    provider.says(json.dumps({"messages": [message()], "uri": "", "next_page_uri": None}))
    assert isinstance(await whatsapp.find(SMS), Found)
    assert provider.asked[0].query["To"] == "whatsapp:+8613800138000"
    provider.says(json.dumps({"messages": [], "uri": "", "next_page_uri": None}))
    assert isinstance(await whatsapp.find(SMS), CannotTell)


def test_an_answer_is_heard_from_the_plain_number_and_only_when_signed() -> None:
    channel = WhatsAppChannel(SETTINGS, (), now=now)
    fields = {"MessageSid": "SM8", "From": "whatsapp:+8613800138000", "To": "whatsapp:+15005550100", "Body": "1"}
    url = "https://c.example/api/v1/hooks/whatsapp/inbound"
    signature = RequestValidator("token").compute_signature(url, fields)
    body = urlencode(fields).encode()
    heard = channel.hear("inbound", Webhook(url, {}, {"x-twilio-signature": signature}, body))
    assert heard.told == (InboundSms("SM8", "+8613800138000", "+15005550100", "1"),)
    with pytest.raises(NotSigned):
        channel.hear("inbound", Webhook(url, {}, {}, body))


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (TEXT, {"1": "Mr Li", "2": "Xianshuigu Centre", "3": "Friday"}),
        ("【中心】王女士您好，请于周五到咸水沽中心随访。", {"1": "王女士", "2": "周五", "3": "咸水沽中心"}),
        ("Please call your health manager.", {}),
        ("Dear A, please come to B, please come to C on D on E. Thank you.", {"1": "A", "2": "B, please come to C", "3": "D on E"}),
        ("Dear , please come to B on C. Thank you.", None),
        ("Dear A\nB, please come to C on D. Thank you.", None),
        (TEXT + " Reply STOP to stop.", None),
        ("Please call your health manager!", None),
        ("", None),
    ],
)
def test_a_template_goes_only_for_exactly_its_words(text: str, variables: dict[str, str] | None) -> None:
    found = fitting((SOON, ZH, PLAIN), text)
    assert (found.variables if found else None) == variables
    if found:
        said = found.template.body
        for number, value in found.variables.items():
            said = said.replace("{{" + number + "}}", value)
        assert said == text


def test_a_variable_that_is_named_twice_has_one_value() -> None:
    twice = Template(name="n", language="en", content=SID + "4", body="{{1}} and {{1}}, yes")
    assert fitting((twice,), "A and A, yes") is not None
    assert fitting((twice,), "A and B, yes") is None


def test_a_long_text_that_nearly_fits_is_settled_at_once() -> None:
    body = " ".join(f"{{{{{n}}}}}" for n in range(1, 13)) + " end"
    template = Template(name="n", language="en", content=SID + "5", body=body)
    begun = time.process_time()
    assert fitting((template,), "a " * 790) is None
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("'Centre: {{1}} and {{3}}.'", "5:11: a variable is left out; number them {{1}}, {{2}} and so on"),
        ("'Centre: {{1}}{{2}} hello'", "5:11: two variables stand side by side; put words between them"),
        ("'{{1}}, please come.'", "5:11: it begins or ends with a variable; WhatsApp approves none such"),
        ("''", "5:11: this cannot stand under 'body'"),
    ],
)
def test_a_mistake_among_the_templates_is_told_with_its_place(tmp_path: Path, body: str, said: str) -> None:
    file = tmp_path / "templates.yaml"
    written = "templates:\n  - name: visit_soon\n    language: en\n    content: {sid}\n    body: {body}\n"
    file.write_text(written.format(sid=SOON.content, body=body))
    with pytest.raises(Misconfigured) as wrong:
        templates_file(file)
    assert said in wrong.value.remedy


def test_templates_are_read_from_the_file_of_the_network() -> None:
    templates = templates_file(Path(__file__).parents[2] / "docs" / "examples" / "whatsapp-templates.yaml")
    assert {template.language for template in templates} == {"en", "zh-Hans"}


def _form(asked: Asked) -> dict[str, list[str]]:
    return parse_qs(asked.body.decode())


async def test_the_whole_way_leads_through_the_pretended_twilio(twilio_fake: Served, provider: Vendor) -> None:
    async with aiohttp.ClientSession() as control:
        known = {"sid": SOON.content, "body": SOON.body}
        async with control.post(f"{twilio_fake.url}/_fake/contents", json=known) as answer:
            assert answer.status == 200
    provider.says("", status=204)  # here it stands for us: the provider calls it
    ours = f"{provider.url}/api/v1/hooks/whatsapp/status"
    settings = TwilioSettings(
        account_sid=ACCOUNT, auth_token=TOKEN, callback_url=ours, from_number=NUMBER, base_url=twilio_fake.url
    )
    channel = WhatsAppChannel(settings, (SOON, PLAIN), now=now)
    try:
        receipt = await channel.send(SMS)
        await twilio_fake.provider.settled()
        (held,) = twilio_fake.provider.store.held("whatsapp:+8613800138000", since=0)
        assert (held.sid, held.status) == (receipt.provider_id, "delivered")
        told = []
        for asked in provider.asked:
            headers = {name.lower(): value for name, value in asked.headers.items()}
            told += channel.hear("status", Webhook(f"{ours}?attempt=attempt-1", asked.query, headers, asked.body)).told
        assert {(report.attempt, report.provider_id) for report in told} == {("attempt-1", held.sid)}  # type: ignore[union-attr]
        assert told[-1].status == "delivered"  # type: ignore[union-attr]
        with pytest.raises(Undeliverable) as refused:  # a template that Twilio was never told of
            await channel.send(OutgoingSms("k", "a", SMS.to, PLAIN.body))
        assert refused.value.reason == "no_template"
    finally:
        await channel.aclose()
