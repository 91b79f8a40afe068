"""The fake Twilio is held to Twilio's own description: what passes here will not surprise a patient's message in earnest.

Three judges: Twilio's OpenAPI document, Twilio's official SDK, and Prism, which reads the document by itself.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from spine.twilio_fakes import faking
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from tests.workers.twilio_document import BALANCE, LIST, MEDIA, ONE, PRISM, answer_faults, document, needed, request_faults
from workers.temporal import free_port
from workers.twilio_fake.serving import ACCOUNT, NUMBER, SERVICE, TOKEN, Served

PHONE = "+8613812345678"
RIGHT = aiohttp.encode_basic_auth(ACCOUNT, TOKEN)
FORM = {"To": PHONE, "From": NUMBER, "Body": "Please come on Monday"}


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[Served]:
    async with faking(tmp_path / "twilio.db") as served:
        yield served


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def asked(
    http: aiohttp.ClientSession,
    fake: Served,
    verb: str,
    path: str,
    *,
    form: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    sid: str = "",
    auth: str = RIGHT,
    account: str = ACCOUNT,
) -> tuple[int, Any]:
    """Ask, hold the answer to the document, and answer its status and body."""
    where = path.format(AccountSid=account, Sid=sid, MessageSid=sid)
    headers = {"Authorization": auth}
    async with http.request(verb, fake.url + where, data=form, params=query, headers=headers) as answer:
        body = json.loads(text) if (text := await answer.text()) else None
        assert answer_faults(path, verb, answer.status, body) == []
        if body is not None and answer.status >= 400:
            assert body["status"] == answer.status
            assert body["more_info"].endswith(f"/{body['code']}")
        return answer.status, body


async def test_every_operation_on_messages_answers_as_the_document_says(fake: Served, http: aiohttp.ClientSession) -> None:
    walked = set()

    async def walk(verb: str, path: str, **asking: Any) -> Any:
        status, body = await asked(http, fake, verb, path, **asking)
        assert status < 300, body
        walked.add((path, verb.lower()))
        return body

    sid = (await walk("POST", LIST, form=FORM))["sid"]
    await walk("GET", ONE, sid=sid)
    await fake.provider.settled()
    one = await walk("GET", ONE, sid=sid)
    assert (one["status"], one["price"], one["num_segments"]) == ("delivered", "-0.00790", "1")
    await fake.provider.hear(PHONE, "1")
    for query in ({}, {"To": PHONE}, {"PageSize": "1"}, {"DateSent>": "2026-01-01"}, {"From": "+15005550999"}):
        await walk("GET", LIST, query=query)
    await walk("GET", MEDIA, sid=sid)
    await walk("GET", BALANCE)
    assert (await walk("POST", ONE, sid=sid, form={"Body": ""}))["body"] == ""
    await walk("DELETE", ONE, sid=sid)

    described = {
        (path, verb) for path, verbs in document()["paths"].items() for verb in verbs if verb in ("get", "post", "delete", "put")
    }
    assert walked == described


REFUSED: list[tuple[dict[str, str], int, int]] = [
    ({"To": ""}, 400, 21604),
    ({"From": ""}, 400, 21603),
    ({"Body": ""}, 400, 21602),
    ({"Body": "x" * 1601}, 400, 21617),
    ({"To": "12"}, 400, 21211),
    ({"To": "+8600"}, 400, 21211),
    ({"From": "hospital"}, 400, 21212),
    ({"From": "+15005550001"}, 400, 21659),
    ({"To": NUMBER}, 400, 21266),
    ({"From": "", "MessagingServiceSid": "MG" + "0" * 32}, 404, 21701),
    ({"StatusCallback": "not an address"}, 400, 21609),
    ({"ValidityPeriod": "36001"}, 400, 20001),
    ({"To": f"whatsapp:{PHONE}"}, 400, 21910),
    ({"To": f"whatsapp:{PHONE}", "From": "whatsapp:+15005550999"}, 400, 63007),
    ({"ContentSid": "HX" + "0" * 32}, 400, 21655),
    ({"ScheduleType": "fixed"}, 400, 35111),
    ({"SendAt": "2126-03-02T09:00:00Z", "ScheduleType": "fixed"}, 400, 35118),
]


@pytest.mark.parametrize(("change", "status", "code"), REFUSED, ids=[f"{code}-{n}" for n, (_, _, code) in enumerate(REFUSED)])
async def test_a_request_that_cannot_be_sent_is_refused_in_twilios_words(
    fake: Served, http: aiohttp.ClientSession, change: dict[str, str], status: int, code: int
) -> None:
    answered, body = await asked(http, fake, "POST", LIST, form={**FORM, **change})

    assert (answered, body["code"]) == (status, code)
    assert fake.provider.store.held(None, since=0) == []


async def test_strangers_and_things_that_are_not_there_are_refused(fake: Served, http: aiohttp.ClientSession) -> None:
    nobody = aiohttp.encode_basic_auth(ACCOUNT, "wrong")
    other = "AC" + "1" * 32
    for answered, code in (
        (await asked(http, fake, "POST", LIST, form=FORM, auth=nobody), 20003),
        (await asked(http, fake, "GET", LIST, auth="Bearer x"), 20003),
        (await asked(http, fake, "GET", LIST, auth="Basic %%%"), 20003),
        (await asked(http, fake, "GET", LIST, account=other), 20003),
        (await asked(http, fake, "GET", ONE, sid="SM" + "0" * 32), 20404),
        (await asked(http, fake, "DELETE", ONE, sid="SM" + "0" * 32), 20404),
        (await asked(http, fake, "GET", LIST, query={"PageSize": "none"}), 20006),
        (await asked(http, fake, "GET", LIST, query={"DateSent": "yesterday"}), 20001),
    ):
        assert answered[1]["code"] == code


async def test_faults_answer_in_twilios_words_too(fake: Served, http: aiohttp.ClientSession) -> None:
    for fault, status, code in (
        ({"throttle": 1.0}, 429, 20429),
        ({"down": 1.0}, 503, 20503),
        ({"error_before": 1.0}, 500, 20500),
        ({"error_after": 1.0}, 500, 20500),
        ({"no_credit": True}, 403, 20005),
        ({"outage_from": "2020-01-01T00:00:00+00:00"}, 503, 20503),
    ):
        none = fake.provider.faults
        fake.provider.faults = none.changed(fault)
        answered, body = await asked(http, fake, "POST", LIST, form=FORM)
        assert (answered, body["code"]) == (status, code)
        fake.provider.faults = none


class _Recorded:
    """What the SDK asked, for the document to judge."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.asked = 0

    def judge(self, method: str, url: str, params: Any, data: Any) -> None:
        path = LIST if url.split("?")[0].endswith("/Messages.json") else ONE
        self.asked += 1
        self.faults += request_faults(path, method, query=dict(params or {}), form=dict(data or {}))


class _SyncHttp(TwilioHttpClient):  # type: ignore[misc]  # the SDK ships no types
    def __init__(self, recorded: _Recorded) -> None:
        super().__init__(timeout=30)
        self.recorded = recorded

    def request(self, method: str, url: str, params: Any = None, data: Any = None, *rest: Any, **named: Any) -> Any:
        self.recorded.judge(method, url, params, data)
        return super().request(method, url, params, data, *rest, **named)


class _AsyncHttp(AsyncTwilioHttpClient):  # type: ignore[misc]
    def __init__(self, recorded: _Recorded) -> None:
        super().__init__()
        self.recorded = recorded

    async def request(
        self, method: str, url: str, params: Any = None, data: Any = None, *rest: Any, auth: Any = None, **named: Any
    ) -> Any:
        self.recorded.judge(method, url, params, data)
        signed_in = {"Authorization": aiohttp.encode_basic_auth(*auth)}  # the SDK's own way to sign in warns
        named["headers"] = {**(named.get("headers") or {}), **signed_in}
        return await super().request(method, url, params, data, *rest, **named)


def _with_the_sdk(url: str, recorded: _Recorded) -> None:
    http = _SyncHttp(recorded)
    client = Client(ACCOUNT, TOKEN, http_client=http)
    client.api.base_url = url
    made = client.messages.create(
        to=PHONE, from_=NUMBER, body="可以来吗？", status_callback="http://127.0.0.1:9/none?attempt=q7Zk", validity_period=1800
    )
    assert (made.status, made.price, made.direction, made.error_code) == ("queued", None, "outbound-api", None)
    assert made.sid.startswith("SM")
    for _ in range(3):
        client.messages.create(to=PHONE, messaging_service_sid=SERVICE, body="Please come on Monday")
    assert client.messages(made.sid).fetch().body == "可以来吗？"
    assert len(client.messages.list(to=PHONE, page_size=2)) == 4  # over pages
    assert [one.sid for one in client.messages.list(to=PHONE, limit=4)][-1] == made.sid
    future = datetime.now(UTC) + timedelta(hours=1)
    assert client.messages.list(date_sent_after=future) == []
    later = client.messages.create(
        to=PHONE, messaging_service_sid=SERVICE, body="later", schedule_type="fixed", send_at=future.isoformat()
    )
    assert later.status == "scheduled"
    assert client.messages(later.sid).update(status="canceled").status == "canceled"
    assert client.messages(later.sid).update(body="").body == ""
    assert client.messages(later.sid).delete() is True
    with pytest.raises(TwilioRestException) as gone:
        client.messages(later.sid).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=PHONE, from_="+15005550001", body="x")
    assert (refused.value.status, refused.value.code) == (400, 21659)
    http.session.close()


async def test_the_official_sdk_works_and_asks_only_for_what_the_document_has(fake: Served) -> None:
    recorded = _Recorded()

    await asyncio.to_thread(_with_the_sdk, fake.url, recorded)

    assert recorded.asked >= 12
    assert recorded.faults == []


async def test_the_asynchronous_sdk_works_too(fake: Served) -> None:
    recorded = _Recorded()
    async with _AsyncHttp(recorded) as http:
        client = Client(ACCOUNT, TOKEN, http_client=http)
        client.api.base_url = fake.url
        made = await client.messages.create_async(to=PHONE, messaging_service_sid=SERVICE, body="Please come on Monday")
        assert (made.status, made.num_segments, made.from_) == ("accepted", "0", None)
        await fake.provider.settled()
        made = await made.fetch_async()
        assert (made.status, made.num_segments, made.from_, made.price) == ("delivered", "1", NUMBER, "-0.00790")
        assert made.date_sent is not None
        assert [one.sid for one in await client.messages.list_async(to=PHONE, limit=5)] == [made.sid]
        assert (await made.update_async(body="")).body == ""
        assert await made.delete_async() is True

    assert recorded.faults == []


@contextmanager
def _prism(upstream: str, folder: Path) -> Iterator[str]:
    """Prism in front of the fake: it lets everything through and says in a header what is not as the document has it."""
    program, file, port = needed(PRISM), folder / "document.json", free_port()
    file.write_text(json.dumps(document()))
    command = [str(program), "proxy", str(file), upstream, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "is listening" in line:
                break
        else:
            pytest.fail("Prism did not start: " + "".join(said))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


class _Judged(_SyncHttp):
    """Keeps what Prism found fault with."""

    def __init__(self) -> None:
        super().__init__(_Recorded())
        self.violations: list[dict[str, Any]] = []
        self.session.hooks["response"].append(self._hear)

    def _hear(self, answer: Any, **_: Any) -> None:
        self.violations += json.loads(answer.headers.get("sl-violations", "[]"))


async def test_prism_finds_no_fault_with_a_run_of_the_sdk(fake: Served, tmp_path: Path) -> None:
    def run(url: str) -> list[dict[str, Any]]:
        http = _Judged()
        client = Client(ACCOUNT, TOKEN, http_client=http)
        client.api.base_url = url
        made = client.messages.create(to=PHONE, from_=NUMBER, body="Please come on Monday")
        client.messages.create(to=PHONE, messaging_service_sid=SERVICE, body="可以来吗？", validity_period=60)
        client.messages(made.sid).fetch()
        assert len(client.messages.list(to=PHONE, page_size=1)) == 2
        asyncio.run_coroutine_threadsafe(fake.provider.settled(), loop).result(30)
        client.messages(made.sid).update(body="")
        assert client.messages(made.sid).delete()
        http.session.close()
        return http.violations

    loop = asyncio.get_running_loop()
    with _prism(fake.url, tmp_path) as url:
        violations = await asyncio.to_thread(run, url)

    # The document calls page addresses "uri" and shows relative ones in its own examples; Prism wants absolute ones.
    pages = {("response", "body", name) for name in ("uri", "first_page_uri", "next_page_uri", "previous_page_uri")}
    relative = [one for one in violations if one.get("code") == "format" and tuple(one["location"]) in pages]
    assert relative
    assert [one for one in violations if one not in relative] == []
