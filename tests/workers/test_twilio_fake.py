"""The fake Twilio behaves as the real one: on good days, on bad days, and when it is killed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from spine.twilio_fakes import fake_process, faking
from twilio.request_validator import HMAC_SHA256, RequestValidator, get_signature_algorithm  # type: ignore[import-untyped]

from workers.twilio_fake import __main__ as program
from workers.twilio_fake.faults import BadFault, Faults
from workers.twilio_fake.serving import ACCOUNT, NUMBER, SERVICE, TOKEN, Served

PHONE, OTHER = "+8613812345678", "+8613812345670"
NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"


@dataclass
class Ours:
    """Our webhooks: what was told to them. ``answers``: statuses to give, in turn, before the good ones."""

    url: str = ""
    told: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    twiml: str = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.told.append({name: str(value) for name, value in (await request.post()).items()})
        self.headers.append({**request.headers, "address": f"{self.url}{request.path_qs}"})
        status = self.answers.pop(0) if self.answers else 200
        if status == 0 and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 200, text=self.twiml, content_type="text/xml")

    def statuses(self, sid: str) -> list[str]:
        return [form["MessageStatus"] for form in self.told if form.get("MessageSid") == sid and "MessageStatus" in form]


@asynccontextmanager
async def listening() -> AsyncIterator[Ours]:
    ours = Ours()
    app = web.Application()
    app.router.add_post("/status", ours.hear)
    app.router.add_post("/inbound", ours.hear)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ours.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield ours
    await runner.cleanup()


@pytest.fixture
async def ours() -> AsyncIterator[Ours]:
    async with listening() as ours:
        yield ours


@pytest.fixture
async def fake(tmp_path: Path, ours: Ours) -> AsyncIterator[Served]:
    async with faking(tmp_path / "twilio.db", inbound_url=f"{ours.url}/inbound") as served:
        yield served


async def create(url: str, *, seconds: float = 30, **form: str) -> tuple[int, dict[str, Any]]:
    """Ask for one message; answers the HTTP status and the body."""
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
    data = {"To": PHONE, "From": NUMBER, "Body": "Please come on Monday", **form}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as http,
        http.post(url + MESSAGES, data={name: value for name, value in data.items() if value}, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def listed(url: str) -> list[str]:
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCOUNT, TOKEN)}
    async with aiohttp.ClientSession() as http, http.get(url + MESSAGES, headers=headers) as answer:
        return [one["sid"] for one in (await answer.json())["messages"]]


def signed(headers: dict[str, str], form: dict[str, str], secret: str) -> bool:
    algorithm = get_signature_algorithm(headers.get("X-Twilio-Webhooks-Signature-Settings"))
    return bool(RequestValidator(secret).validate(headers["address"], form, headers["X-Twilio-Signature"], algorithm))


async def test_a_message_is_queued_sent_and_delivered_and_each_is_told_signed(fake: Served, ours: Ours) -> None:
    status, made = await create(fake.url, StatusCallback=f"{ours.url}/status?attempt=q7Zk")
    await fake.provider.settled()

    assert (status, made["status"]) == (201, "queued")
    assert ours.statuses(made["sid"]) == ["queued", "sent", "delivered"]
    assert all(signed(headers, form, TOKEN) for headers, form in zip(ours.headers, ours.told, strict=True))
    assert not signed(ours.headers[0], ours.told[1], TOKEN)
    assert len({headers["I-Twilio-Idempotency-Token"] for headers in ours.headers}) == 3
    assert {form["AccountSid"] for form in ours.told} == {ACCOUNT}


async def test_where_a_shared_key_is_used_webhooks_are_signed_with_sha_256(tmp_path: Path, ours: Ours) -> None:
    async with faking(tmp_path / "twilio.db", shared_secret="shared") as fake:
        await create(fake.url, StatusCallback=f"{ours.url}/status")
        await fake.provider.settled()

    assert get_signature_algorithm(ours.headers[0]["X-Twilio-Webhooks-Signature-Settings"]) == HMAC_SHA256
    assert signed(ours.headers[0], ours.told[0], "shared")


async def test_asked_twice_it_texts_twice_and_the_counts_show_it(fake: Served) -> None:
    await create(fake.url)
    await create(fake.url)
    await create(fake.url, To=OTHER)

    assert fake.provider.store.counts(["to_"]) == [(OTHER, 1), (PHONE, 2)]
    assert fake.provider.store.counts(["to_", "body"])[1] == (PHONE, "Please come on Monday", 2)


async def test_a_phone_that_texts_stop_is_told_to_us_and_never_texted_again_until_start(fake: Served, ours: Ours) -> None:
    await fake.provider.hear(PHONE, " Stop ")
    assert (ours.told[-1]["Body"], ours.told[-1]["OptOutType"], ours.told[-1]["From"]) == (" Stop ", "STOP", PHONE)
    assert signed(ours.headers[-1], ours.told[-1], TOKEN)

    for form in ({}, {"From": "", "MessagingServiceSid": SERVICE}):
        assert ((await create(fake.url, **form))[1])["code"] == 21610
    assert (await create(fake.url, To=OTHER))[0] == 201

    await fake.provider.hear(PHONE, "START")
    assert (await create(fake.url))[0] == 201
    held = [(sms.direction, sms.status) for sms in fake.provider.store.held(PHONE, since=0)]
    assert [direction for direction, _ in held] == ["inbound", "outbound-reply", "inbound", "outbound-reply", "outbound-api"]


async def test_an_answer_is_told_as_it_was_written_and_our_twiml_answers_the_phone(fake: Served, ours: Ours) -> None:
    ours.twiml = "<Response><Message>Thank you</Message></Response>"

    await fake.provider.hear(PHONE, "血压 150/95")

    told = ours.told[-1]
    assert (told["Body"], told["From"], told["To"], told["NumMedia"]) == ("血压 150/95", PHONE, NUMBER, "0")
    assert "OptOutType" not in told
    assert [sms.body for sms in fake.provider.store.held(PHONE, since=0)] == ["血压 150/95", "Thank you"]


@pytest.mark.parametrize(
    ("code", "last", "price"),
    [
        (30003, "undelivered", "-0.00790"),
        (30006, "undelivered", "-0.00790"),
        (30007, "undelivered", "-0.00790"),
        (30002, "failed", None),
    ],
)
async def test_a_number_that_cannot_be_reached_is_told_later_with_twilios_code(
    fake: Served, ours: Ours, code: int, last: str, price: str | None
) -> None:
    fake.provider.store.mark(PHONE, code)
    status, made = await create(fake.url, StatusCallback=f"{ours.url}/status")
    await fake.provider.settled()

    assert status == 201
    assert (ours.told[-1]["MessageStatus"], ours.told[-1]["ErrorCode"]) == (last, str(code))
    stored = fake.provider.store.fetch(made["sid"])
    assert stored is not None
    assert (stored.error_code, stored.price) == (code, price)


async def test_a_message_that_waits_beyond_its_validity_is_given_up(fake: Served, ours: Ours) -> None:
    fake.provider.faults = fake.provider.faults.changed({"sent_after": 30, "delivered_after": 0})
    await create(fake.url, StatusCallback=f"{ours.url}/status", ValidityPeriod="10")
    await fake.provider.settled()

    assert (ours.told[-1]["MessageStatus"], ours.told[-1]["ErrorCode"]) == ("failed", "30036")


async def test_whatsapp_takes_free_words_only_after_the_person_wrote_and_templates_always(fake: Served, ours: Ours) -> None:
    there = {"To": f"whatsapp:{PHONE}", "From": f"whatsapp:{NUMBER}", "StatusCallback": f"{ours.url}/status"}
    await create(fake.url, **there)
    await fake.provider.settled()
    assert (ours.told[-1]["MessageStatus"], ours.told[-1]["ErrorCode"]) == ("failed", "63016")

    content = "HX" + "1" * 32
    fake.provider.store.keep_content(content, "We expect you on {{1}}.")
    await create(fake.url, **there, Body="", ContentSid=content, ContentVariables='{"1": "Monday"}')
    await fake.provider.settled()
    assert ours.told[-1]["MessageStatus"] == "delivered"
    assert fake.provider.store.held(there["To"], since=1)[0].body == "We expect you on Monday."

    await fake.provider.hear(there["To"], "1")
    assert (ours.told[-1]["WaId"], ours.told[-1]["From"]) == (PHONE[1:], there["To"])
    await create(fake.url, **there)
    await fake.provider.settled()
    assert ours.told[-1]["MessageStatus"] == "delivered"


async def test_taken_and_not_answered_in_time_is_on_the_phone_all_the_same(fake: Served) -> None:
    fake.provider.faults = fake.provider.faults.changed({"hang": 1, "hang_seconds": 60})
    with pytest.raises(TimeoutError):
        await create(fake.url, seconds=0.3)
    fake.provider.faults = fake.provider.faults.changed({"hang": 0, "cut_after": 1})
    with pytest.raises(aiohttp.ClientError):
        await create(fake.url)
    fake.provider.faults = fake.provider.faults.changed({"cut_after": 0, "error_after": 1})
    assert (await create(fake.url))[0] == 500
    fake.provider.faults = fake.provider.faults.changed({"error_after": 0, "gateway_after": 1})
    with pytest.raises(aiohttp.ContentTypeError):
        await create(fake.url)

    assert fake.provider.store.counts(["to_"]) == [(PHONE, 4)]


async def test_refused_or_cut_before_it_was_taken_is_on_no_phone(fake: Served) -> None:
    for fault in ("throttle", "down", "error_before"):
        fake.provider.faults = Faults().changed({fault: 1})
        assert (await create(fake.url))[0] in (429, 503, 500)
    for fault in ("cut_before", "gateway_before"):
        fake.provider.faults = Faults().changed({fault: 1})
        with pytest.raises(aiohttp.ClientError):
            await create(fake.url)

    assert fake.provider.store.counts(["to_"]) == []


async def test_more_than_the_limit_within_a_second_is_throttled(fake: Served) -> None:
    fake.provider.faults = Faults().changed({"most_per_second": 2, "retry_after": 3})
    at = 100.0
    fake.provider.beat = lambda: at

    assert [(await create(fake.url))[0] for _ in range(4)] == [201, 201, 429, 429]
    at += 1
    assert [(await create(fake.url))[0] for _ in range(3)] == [201, 201, 429]
    assert fake.provider.most_in_a_second == 2


async def test_callbacks_are_lost_doubled_and_out_of_order_as_often_as_it_was_asked_for(fake: Served, ours: Ours) -> None:
    fake.provider.faults = fake.provider.faults.changed({"lose": 0.2, "repeat": 0.2, "shuffle": 0.5})
    sids = []
    for n in range(60):
        _, made = await create(fake.url, To=f"+86138{n:08}", StatusCallback=f"{ours.url}/status")
        sids.append(made["sid"])
    await fake.provider.settled()

    told = Counter((form["MessageSid"], form["MessageStatus"]) for form in ours.told)
    lost, doubled = 180 - len(told), sum(1 for count in told.values() if count == 2)
    assert 15 < lost < 60
    assert 10 < doubled < 50
    assert lost == fake.provider.store.outcomes()["lost"]
    assert sum(1 for sid in sids if "sent" in (said := ours.statuses(sid)) and said[-1] == "sent" and len(said) > 1) > 10


async def test_the_same_requests_meet_the_same_faults_in_any_order(tmp_path: Path) -> None:
    async def refused(name: str, numbers: list[int]) -> set[str]:
        async with faking(tmp_path / name, faults={"throttle": 0.3, "seed": 7}) as fake:
            phones = [f"+86138{n:08}" for n in numbers]
            answers = await asyncio.gather(*(create(fake.url, To=phone) for phone in phones))
            return {phone for phone, (status, _) in zip(phones, answers, strict=True) if status == 429}

    first, second = await refused("a.db", list(range(40))), await refused("b.db", list(range(40))[::-1])
    assert first == second
    assert 4 < len(first) < 22


async def test_nobody_there_is_asked_once_more_and_a_refusal_is_not(fake: Served, ours: Ours) -> None:
    ours.answers = [503, 503, 0, 0]
    await create(fake.url, StatusCallback=f"{ours.url}/status")
    await fake.provider.settled()
    assert Counter(form["MessageStatus"] for form in ours.told) == {"queued": 1, "sent": 1, "delivered": 1}

    ours.told.clear()
    ours.answers = [503, 503]
    await create(fake.url, StatusCallback=f"{ours.url}/status#rc=3&rp=5xx")
    await fake.provider.settled()
    assert [form["MessageStatus"] for form in ours.told] == ["queued", "queued", "queued", "sent", "delivered"]
    assert signed(ours.headers[-1], ours.told[-1], TOKEN)


async def test_an_address_that_cannot_be_called_stops_nobody_elses_callbacks(fake: Served, ours: Ours) -> None:
    await create(fake.url, StatusCallback="http://127.0.0.1:99999/status")
    await create(fake.url, To=OTHER, StatusCallback=f"{ours.url}/status")
    await fake.provider.settled()

    assert [form["MessageStatus"] for form in ours.told] == ["queued", "sent", "delivered"]
    assert fake.provider.store.outcomes() == {"answered 200": 3, "not answered": 3}


async def test_a_list_that_lags_shows_a_message_only_later(fake: Served) -> None:
    fake.provider.faults = fake.provider.faults.changed({"list_lag": 3600})
    _, made = await create(fake.url)
    assert await listed(fake.url) == []
    assert fake.provider.store.fetch(made["sid"]) is not None


async def test_during_an_outage_nothing_is_answered_and_afterwards_everything(tmp_path: Path) -> None:
    at = NINE

    async def now() -> datetime:
        return at

    outage = {"outage_from": NINE.isoformat(), "outage_to": (NINE + timedelta(hours=24)).isoformat(), "outage_by_gateway": True}
    async with faking(tmp_path / "twilio.db", now=now, faults=outage) as fake:
        with pytest.raises(aiohttp.ContentTypeError):
            await create(fake.url)
        at = NINE + timedelta(hours=24)
        status, made = await create(fake.url)
        assert (status, made["date_created"]) == (201, "Tue, 03 Mar 2026 09:00:00 +0000")


async def test_what_was_taken_survives_a_kill_and_goes_on_where_it_was(tmp_path: Path, ours: Ours) -> None:
    with fake_process(tmp_path / "twilio.db", sent_after=3600, delivered_after=3600) as fake:
        status, made = await create(fake.url, StatusCallback=f"{ours.url}/status")
        assert status == 201
        await asyncio.to_thread(fake.kill)
        await asyncio.to_thread(fake.start)
        [held] = (await asyncio.to_thread(fake.ask, "GET", "messages"))["items"]
        assert (held["sid"], held["text"]) == (made["sid"], "Please come on Monday")
        assert await listed(fake.url) == [made["sid"]]
    async with faking(tmp_path / "twilio.db") as again:
        left = again.provider.store.steps_due(10**11)
        assert "delivered" in [step.status for step in left]


async def test_it_is_steered_from_outside(tmp_path: Path, ours: Ours) -> None:
    with fake_process(tmp_path / "twilio.db", inbound_url=f"{ours.url}/inbound") as fake:

        async def ask(verb: str, path: str, body: dict[str, Any] | None = None) -> Any:
            return await asyncio.to_thread(fake.ask, verb, path, body)

        await ask("POST", "clock", {"at": NINE.isoformat()})
        await ask("POST", "numbers", {"number": OTHER, "is": "landline"})
        await ask("POST", "opt-outs", {"number": "+8613812345671", "out": True})
        assert (await ask("PATCH", "faults", {"undelivered": 0.5}))["undelivered"] == 0.5
        await ask("PATCH", "faults", {"undelivered": 0})
        _, made = await create(fake.url)
        await create(fake.url, To=OTHER)
        assert (await create(fake.url, To="+8613812345671"))[1]["code"] == 21610
        assert made["date_created"] == "Mon, 02 Mar 2026 09:00:00 +0000"
        said = await ask("POST", "replies", {"from": PHONE, "text": "1"})
        assert (said["to"], said["answered"], ours.told[-1]["Body"]) == (NUMBER, 200, "1")
        await ask("POST", "settle")
        held = (await ask("GET", "messages?phone=%2B8613812345670"))["items"]
        assert [(one["status"], one["error_code"]) for one in held] == [("undelivered", 30006)]
        assert (await ask("GET", "counts"))["items"] == [{"to": OTHER, "count": 1}, {"to": PHONE, "count": 1}]
        assert (await ask("GET", "counts?by=minute"))["items"] == [{"minute": "2026-03-02T09:00", "count": 2}]
        assert (await ask("GET", "state"))["asked"] == {"taken": 2, "21610": 1}
        await ask("POST", "forget")
        assert (await ask("GET", "messages"))["items"] == []


async def test_a_page_of_another_site_cannot_steer_it(fake: Served) -> None:
    async with aiohttp.ClientSession() as http, http.post(f"{fake.url}/_fake/forget", data="{}") as answer:
        assert answer.status == 415


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"throtle": 0.1}, "there is no fault 'throtle'"),
        ({"throttle": 2}, "a share from 0 to 1"),
        ({"throttle": "often"}, "throttle is a number"),
        ({"no_credit": 1}, "true or false"),
        ({"outage_from": "2026-03-02T09:00:00"}, "with its offset"),
    ],
)
def test_a_fault_that_there_is_not_is_refused_in_one_sentence(values: dict[str, Any], said: str) -> None:
    with pytest.raises(BadFault, match=said):
        Faults().changed(values)


def test_start_options_say_which_faults_it_begins_with(tmp_path: Path) -> None:
    words = ["--file", str(tmp_path / "f.db"), "--fault", "throttle=0.05", "--fault", "no_credit=true", "--number", "+15005550111"]
    plan, ends_with_stdin = program.plan_of(words)

    assert (plan.numbers, ends_with_stdin) == (("+15005550111",), False)
    faults = Faults().changed(plan.faults)
    assert (faults.throttle, faults.no_credit) == (0.05, True)
    assert Faults().changed(faults.written()) == faults
