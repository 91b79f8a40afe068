"""The whole way of a text by HTTP: handed to a Twilio, told back signed, answered from the phone, read by us."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from spine.twilio_fakes import faking

from activities.channels.phones import FakeTwilioPhones
from activities.channels.registry import Channels
from activities.channels.twilio import TwilioChannel, TwilioSettings
from api.app import create_app
from tests.api.conftest import Network
from workers.process import serving_api
from workers.settings import Settings
from workers.temporal import free_port
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN, Served

WANG_PHONE = "+8613812345678"


@dataclass(frozen=True)
class OverHttp:
    """A network whose texts go to a fake Twilio, and the provider."""

    network: Network
    twilio: Served


@pytest.fixture
async def over_http(network: Network, tmp_path: Path) -> AsyncIterator[OverHttp]:
    async def now() -> datetime:
        async with network.parts.database.reading() as session:
            return await network.parts.clock.now(session)

    ours = Settings.read({"CAIRN_API_PORT": str(free_port()), "CAIRN_HOME": str(tmp_path)})
    url = f"http://127.0.0.1:{ours.api_port}"
    async with faking(tmp_path / "twilio.db", inbound_url=f"{url}/api/v1/hooks/twilio/inbound", now=now) as twilio:
        settings = TwilioSettings(
            account_sid=ACCOUNT,
            auth_token=TOKEN,
            from_number=NUMBER,
            callback_url=f"{url}/api/v1/hooks/twilio/status",
            base_url=twilio.url,
        )
        phones = FakeTwilioPhones(twilio.url)
        async with TwilioChannel(settings, now=now) as channel:
            channels = Channels.of(channel)
            network.waker.messages = replace(network.waker.messages, channels=channels)
            parts = replace(network.parts, channels=channels, phones=phones, public_url=url)
            async with serving_api(create_app(parts), ours), httpx.AsyncClient(base_url=url, timeout=30) as http:
                yield OverHttp(replace(network, parts=parts, http=http), twilio)
        await phones.aclose()


async def test_a_reminder_goes_the_whole_way_and_its_answer_comes_back(over_http: OverHttp) -> None:
    network, twilio = over_http.network, over_http.twilio
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    await network.move_to(f"{day}T06:00:00Z")
    await twilio.provider.settled()

    held = (await network.get("/sandbox/messages", "gateway")).json()["items"]
    assert [one["to"] for one in held] == [WANG_PHONE] * len(held)
    assert held[0]["at"][:4] == day[:4]  # dates are the installation's own
    assert twilio.provider.store.outcomes() == {"answered 204": 3 * len(held)}
    assert (await network.get("/sandbox/messages", "gateway", since=held[-1]["n"])).json()["items"] == []

    assert (await network.http.get("/", params={"key": "gateway"})).status_code == 303
    page = (await network.http.get("/phones")).text
    link, csrf = re.findall(r'href="(/phones/[0-9a-f]+)"', page)[0], re.findall(r'name="csrf" value="([0-9a-f]+)"', page)[0]
    assert (await network.http.post(link, data={"text": "1"})).status_code == 403, "no form of ours"
    before = (await network.http.get(link)).text.count("mine")
    assert (await network.http.post(link, data={"text": "1", "csrf": csrf})).status_code == 303
    assert (await network.http.get(link)).text.count("mine") == before + 1
    shown = (await network.get(f"/patients/{patient}")).json()
    assert any(service["confirmed"] for service in shown["services"])


async def test_whose_phone_it_is_stays_unsaid_where_the_provider_tells_us_of_the_text(over_http: OverHttp) -> None:
    network = over_http.network
    patient = await network.enrol()

    for phone in (WANG_PHONE, "+8613812345670"):
        answer = await network.post("/sandbox/replies", {"from": phone, "text": "STOP"}, "gateway")
        assert answer.json() == {"known": None}

    codes = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert "opted_out" in codes


async def test_a_text_that_reached_no_phone_is_shown_on_none(over_http: OverHttp) -> None:
    network, twilio = over_http.network, over_http.twilio
    twilio.provider.store.mark(WANG_PHONE, 30006)
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    await network.move_to(f"{day}T06:00:00Z")
    await twilio.provider.settled()

    assert (await network.get("/sandbox/messages", "gateway")).json()["items"] == []
