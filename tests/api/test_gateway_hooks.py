"""A national vendor that is described by a file is heard at our webhooks like any other provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import func, select

from activities.channels.gateway import GatewayChannel
from activities.channels.gateway_check import gateway_file
from activities.channels.registry import Channels
from api.app import create_app
from records.tables import Message
from tests.api.conftest import START, Network

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "gateway-form.yaml"
OPTIONS = {"account": "cairn", "password": "word", "push_word": "pine"}


async def now() -> datetime:
    return START


@pytest.fixture
async def vendor_calls(network: Network) -> AsyncIterator[httpx.AsyncClient]:
    channel = GatewayChannel("north", gateway_file(EXAMPLE, OPTIONS), OPTIONS, now=now)
    app = create_app(replace(network.parts, channels=Channels.of(channel)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://inside:8733") as http:
        yield http


async def _said(network: Network) -> int:
    async with network.parts.database.reading() as session:
        return (await session.scalar(select(func.count()).select_from(Message))) or 0


async def test_an_answer_in_the_vendor_s_charset_is_kept_once(network: Network, vendor_calls: httpx.AsyncClient) -> None:
    await network.enrol()
    form = urlencode({"mobile": "13812345678", "dest": "1069", "content": "血压 150 95"}, encoding="gb18030")
    for _ in range(2):
        answer = await vendor_calls.post("/api/v1/hooks/north/inbound?word=pine", content=form)
        assert (answer.status_code, answer.text) == (200, "0"), "the vendor is told what it wants to hear"
    assert await _said(network) == 1
    stranger = await vendor_calls.post("/api/v1/hooks/north/inbound?word=oak", content=form)
    assert stranger.status_code == 403
    odd = await vendor_calls.post("/api/v1/hooks/north/inbound?word=pine", content="mobile=13812345678")
    assert odd.status_code == 422
    assert "13812345678" not in odd.text
    assert await _said(network) == 1


async def test_a_report_of_a_text_that_nobody_sent_is_taken_without_a_word(vendor_calls: httpx.AsyncClient) -> None:
    answer = await vendor_calls.post("/api/v1/hooks/north/status?word=pine", content="msgid=77&stat=DELIVRD")
    assert (answer.status_code, answer.text) == (200, "0")
    assert (await vendor_calls.post("/api/v1/hooks/gateway/status?word=pine", content="msgid=77&stat=DELIVRD")).status_code == 403
