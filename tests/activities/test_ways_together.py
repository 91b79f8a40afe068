"""A person who chose WhatsApp gets what WhatsApp may not carry by the country's own gateway, and the report of it is understood."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from installation import START, Installation
from sqlalchemy import select
from vendor import vendor

from activities.channels.gateway import GatewayChannel
from activities.channels.gateway_check import gateway_file
from activities.channels.port import DeliveryReport, Webhook
from activities.channels.twilio import TwilioSettings
from activities.channels.whatsapp import WhatsAppChannel
from records.database import Database
from records.tables import Attempt
from workflows.contract import Delivered

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "gateway-form.yaml"
OPTIONS = {"account": "cairn", "password": "word", "push_word": "pine"}


@pytest.mark.parametrize("chosen", [("whatsapp", "gateway"), ()])
async def test_what_whatsapp_may_not_carry_goes_by_the_gateway(database: Database, tmp_path: Path, chosen: tuple[str, ...]) -> None:
    async def now() -> datetime:
        return START

    async with vendor() as provider:
        file = tmp_path / "gateway.yaml"
        file.write_text(EXAMPLE.read_text("utf-8").replace("https://sms.songhua.example", provider.url), "utf-8")
        settings = TwilioSettings(
            account_sid="AC1", auth_token="t", callback_url="x", from_number="+1555", base_url="http://[::1]:9"
        )
        whatsapp: Any = WhatsAppChannel(settings, (), now=now)
        gateway: Any = GatewayChannel("gateway", gateway_file(file, OPTIONS), OPTIONS, now=now)
        installation = Installation(database, channel=whatsapp, more=(gateway,))
        await installation.begin(channels=chosen)
        message = await installation.until("message")
        provider.says("0,77")
        assert await installation.deliver(message) == Delivered(status="handed")
        (asked,) = provider.asked
        assert parse_qs(asked.body.decode(), encoding="gb18030")["mobile"] == ["13900000001"]
        async with database.reading() as session:
            tries = list(await session.scalars(select(Attempt).order_by(Attempt.number)))
        assert [(one.channel, one.status, one.reason) for one in tries] == [
            ("whatsapp", "refused", "no_template"),
            ("gateway", "taken", ""),
        ]
        webhook = Webhook("https://c.example/x", {"word": "pine"}, {}, b"msgid=77&stat=DELIVRD")
        for told in gateway.hear("status", webhook).told:
            assert isinstance(told, DeliveryReport)
            await installation.reports.take(told, channel="gateway")
        assert (await installation.delivery(message.key)).arrived == "delivered"
        await gateway.aclose()
