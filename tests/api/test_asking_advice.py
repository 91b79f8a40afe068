"""An outside service is asked for advice: well, slow, lying, down and switched off; the visit goes on whatever it does."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from activities.advice import RESTS, TRIES, Breaker
from pathways.language import library
from records.drafts import version_of
from records.tables import AdviceService, Delivery, PathwayVersion
from tests.api.conftest import START, WELL, Network
from workflows.contract import Deliver

CARD = {"summary": "High risk of a fall\u0000\u202e", "indicator": "critical", "source": {"label": "Risk Lab"}, "detail": "..."}
Answers = Callable[[dict[str, Any]], bytes | Awaitable[bytes]]


def _http(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *more))
    return f"{head}\r\n\r\n".encode() + body


@asynccontextmanager
async def service(answers: Answers) -> AsyncIterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """A service on the loopback: its address, and what it was asked (head and body)."""
    heard: list[tuple[str, dict[str, Any]]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
        heard.append((head, json.loads(await reader.readexactly(length))))
        answer = answers(heard[-1][1])
        try:
            writer.write(answer if isinstance(answer, bytes) else await answer)
            await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/cds-services/risk", heard
    finally:
        server.close()


@pytest.fixture
async def asking(network: Network) -> Network:
    """A network whose routine visits ask ``risk_model``; its services may be on the loopback."""
    document = library()["hypertension"].document
    assert document is not None
    text = document.text.replace("  ROUTINE:\n", "  ROUTINE:\n    ask: {service: risk_model, by: doctor, within: 3 days}\n", 1)
    async with network.parts.database.begin() as session:
        await session.execute(update(PathwayVersion).where(PathwayVersion.pathway == "hypertension").values(current=False))
        version = version_of(text)
        session.add(PathwayVersion(pathway="hypertension", version=version, text=text, published=START, current=True))
    object.__setattr__(network.parts, "webhook_hosts", ("127.0.0.1",))
    return network


async def _registered(network: Network, url: str, **more: Any) -> dict[str, Any]:
    body = {"network": "network", "name": "risk_model", "url": url, "timeout_ms": 5000, **more}
    answer = await network.post("/advice-services", body, "administrator")
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _visit(network: Network) -> tuple[str, list[dict[str, Any]]]:
    """Somebody new comes to a visit; what the timeline then says of advice."""
    number = f"V-{len(network.waker.woken)}"
    patient = await network.enrol(identifier=number, phone="")
    visited = await network.post(f"/patients/{patient}/visits", {"readings": WELL})
    assert (visited.status_code, visited.json()["patient"]["tag"]) == (200, "green"), visited.text
    lines = (await network.get(f"/patients/{patient}/timeline", limit=200)).json()["items"]
    return patient, [line for line in lines if line["code"].startswith("advice_")]


async def test_what_it_advises_stands_in_the_story_with_its_source_and_a_doctor_looks_at_it(asking: Network) -> None:
    def answers(_: dict[str, Any]) -> bytes:
        return _http(json.dumps({"cards": [CARD, {"summary": "", "indicator": "x"}, "nonsense"]}).encode())

    async with service(answers) as (url, heard):
        await _registered(asking, url, token="a-token")
        patient, (asked, given) = await _visit(asking)
    assert (asked["code"], asked["text"]) == ("advice_asked", "Advice asked of risk model")
    assert (given["because"], given["cites"]) == ("High risk of a fall", "Risk Lab")
    (task,) = (await asking.get("/tasks", "doctor", kind="look_at_advice")).json()["items"]
    assert (task["patient"]["id"], task["urgent"], task["due"]) == (patient, True, "2025-03-06")
    ((head, body),) = heard
    assert "authorization: bearer a-token" in head.lower()
    assert body["hook"] == "patient-view"
    assert body["prefetch"]["patient"]["birthDate"] == "1960"
    assert {one["resource"]["valueQuantity"]["value"] for one in body["prefetch"]["observations"]["entry"]} >= {128.0, 78.0}
    sent = json.dumps(body, ensure_ascii=False)
    for personal in ("王", "1960-05", "V-", patient):
        assert personal not in sent


LIES = (
    (_http(b"<html>"), "not_understood"),
    (_http(b'{"cards": 5}'), "not_understood"),
    (_http(b"[" * 5000), "not_understood"),
    (_http(b"x" * 300_000), "not_understood"),
    (_http(b"", "503 Away"), "refused_to_answer"),
    (_http(b"", "302 Found", "Location: http://127.0.0.1:1/"), "refused_to_answer"),
    (b"nothing of HTTP\r\n\r\n", "no_connection"),
)


async def test_a_service_that_lies_or_is_slow_costs_the_advice_and_nothing_else(asking: Network) -> None:
    async def never() -> bytes:
        await asyncio.Event().wait()
        return b""

    hours = itertools.count(0.0, 3600.0)
    asking.waker.advice = replace(asking.waker.advice, breaker=Breaker(lambda: next(hours)))  # never left alone here
    left = [answer for answer, _ in LIES]
    came: list[tuple[str, str]] = []
    async with service(lambda _: left.pop(0) if left else never()) as (url, _heard):
        made = await _registered(asking, url)
        for _ in LIES:
            came += [(line["code"], line["held_back"]) for line in (await _visit(asking))[1]]
        hurried = {"url": url, "timeout_ms": 100}
        headers = {"Authorization": "Bearer administrator", "If-Match": '"1"'}
        assert (await asking.http.put(f"/api/v1/advice-services/{made['id']}", json=hurried, headers=headers)).status_code == 200
        came += [(line["code"], line["held_back"]) for line in (await _visit(asking))[1]]
    wanted = [*(reason for _, reason in LIES), "too_slow"]
    assert came == [one for reason in wanted for one in (("advice_asked", ""), ("advice_not_given", reason))]


async def test_a_service_that_is_down_is_left_alone_for_a_while_and_then_asked_again(asking: Network) -> None:
    now = 0.0
    advice = replace(asking.waker.advice, breaker=Breaker(lambda: now))
    asking.waker.advice = advice
    up: list[bytes] = []
    async with service(lambda _: up[0] if up else _http(b"", "500 Down")) as (url, heard):
        await _registered(asking, url)
        reasons = [(await _visit(asking))[1][-1]["held_back"] for _ in range(TRIES + 1)]
        assert reasons == ["refused_to_answer"] * TRIES + ["resting"]
        assert len(heard) == TRIES
        now, up = RESTS + 1, [_http(b'{"cards": []}')]
        assert (await _visit(asking))[1][-1]["code"] == "advice_silent"


async def test_a_service_that_nobody_registered_or_that_is_switched_off_is_not_asked(asking: Network) -> None:
    assert (await _visit(asking))[1][-1]["held_back"] == "not_registered"
    async with service(lambda _: _http(b'{"cards": []}')) as (url, heard):
        made = await _registered(asking, url)
        headers = {"Authorization": "Bearer administrator", "If-Match": '"1"'}
        off = await asking.http.put(f"/api/v1/advice-services/{made['id']}", json={"url": url, "enabled": False}, headers=headers)
        assert (off.status_code, off.json()["enabled"]) == (200, False)
        assert (await _visit(asking))[1][-1]["held_back"] == "switched_off"
        assert heard == []


async def test_it_is_asked_once_however_often_the_delivery_is_run(asking: Network) -> None:
    async with service(lambda _: _http(b'{"cards": []}')) as (url, heard):
        await _registered(asking, url)
        patient, lines = await _visit(asking)
        again = await asking.waker.advice.deliver_advice(Deliver(patient, lines[0]["key"], "advice"))
    assert (again.learnt, len(heard)) == (False, 1)
    async with asking.parts.database.reading() as session:
        delivery = await session.get_one(Delivery, (patient, lines[0]["key"]))
        assert (delivery.kind, delivery.status) == ("advice", "handed")


async def test_an_address_within_our_own_network_is_refused_and_a_token_is_shown_to_nobody(network: Network) -> None:
    for url in ("http://advice.example/x", "https://10.0.0.8/x"):
        body = {"network": "network", "name": "risk_model", "url": url}
        assert (await network.post("/advice-services", body, "administrator")).status_code == 422
    made = await _registered(network, "https://advice.example/x", token="hidden")
    again = await network.post("/advice-services", {**{k: made[k] for k in ("network", "name", "url")}}, "administrator")
    assert again.status_code == 409
    (listed,) = (await network.get("/advice-services", "administrator")).json()["items"]
    assert (listed, listed["signs_in"]) == (made, True)
    assert "hidden" not in json.dumps(listed)
    async with network.parts.database.reading() as session:
        row = await session.get_one(AdviceService, made["id"])
        assert row.sealed is not None
        assert b"hidden" not in row.sealed
    gone = await network.http.delete(f"/api/v1/advice-services/{made['id']}", headers={"Authorization": "Bearer administrator"})
    assert gone.status_code == 204
