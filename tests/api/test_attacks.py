"""Somebody tries what they may not: to see patients of others, to be more than they are, to keep others out."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.types import Message

from api.app import create_app
from api.bodies import LARGEST, Bodies
from records.accounts import Crowded, Passwords
from records.database import Database
from records.tables import AuditRow, CareTeam, EventRow, Organisation, Patient
from tests.api.conftest import WANG, WELL, Network, a_network
from tests.api.test_network_places import a_key, put

GOOD = "four words nobody guesses"
PUBLISH = {"Content-Type": "application/yaml"}


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def _another_network(network: Network) -> None:
    async with network.parts.database.begin() as session:
        session.add(Organisation(id="network-9", kind="network", name="Other", network_id="network-9"))
        await session.flush()
        session.add(CareTeam(id="team-9", organisation_id="network-9", name="Team-1", on_call_phone="+8613800000001"))
    network.parts.keys.forget()


async def _written_down(network: Network, action: str) -> list[tuple[str, int, str]]:
    async with network.parts.database.reading() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.action == action).order_by(AuditRow.at, AuditRow.seq))
        return [(row.who, row.status, row.record) for row in rows]


async def _events(network: Network, patient: str) -> int:
    async with network.parts.database.reading() as session:
        return len(list(await session.scalars(select(EventRow).where(EventRow.patient_id == patient))))


async def test_an_administrator_who_makes_a_key_to_patients_is_seen_doing_it(network: Network) -> None:
    centre = await a_key(network, "centre-admin", "administrator", "centre-1")
    assert (await network.get("/patients", centre)).status_code == 403
    doctor = (await network.post("/keys", {"name": "x", "role": "doctor", "place": "team-1"}, centre)).json()
    assert (await network.get("/patients", doctor["key"])).status_code == 200
    begun, ended = await _written_down(network, "keys.manage")
    assert begun[1:] == (0, "")
    assert ended[1:] == (201, f"{doctor['id']} doctor team-1")
    for far in ("network", "*", "team-3"):
        assert (await network.post("/keys", {"name": "x", "role": "doctor", "place": far}, centre)).status_code == 403
    refused = [row for row in await _written_down(network, "keys.manage") if row[1] == 403]
    assert len(refused) == 3


async def _signed_in(network: Network, login: str, role: str) -> tuple[str, str]:
    """An account's id and a token of it."""
    made = await network.post("/accounts", {"login": login, "role": role, "place": "*", "password": GOOD}, "administrator")
    token = (await network.post("/sessions", {"login": login, "password": GOOD}, "")).json()["token"]
    return made.json()["id"], token


async def test_nobody_gives_themselves_another_role_nor_a_password_without_the_old_one(network: Network) -> None:
    root, token = await _signed_in(network, "root", "administrator")
    same = {"name": "Root", "role": "administrator", "place": "*", "disabled": False}
    for change in ({"role": "doctor", "place": "team-1"}, {"place": "centre-1"}, {"disabled": True}, {"password": GOOD + "!"}):
        answer = await put(network, f"/accounts/{root}", {**same, **change}, token, If_Match='"1"')
        assert answer.status_code == 403, change
    assert (await put(network, f"/accounts/{root}", same, token, If_Match='"1"')).status_code == 200
    other = await put(network, f"/accounts/{root}", {**same, "role": "auditor"}, If_Match='"2"')
    assert other.status_code == 200
    assert (await _written_down(network, "accounts.manage"))[-1][1:] == (200, f"{root} auditor *")
    assert (await network.get("/accounts", token)).status_code == 403, "the new role holds for who is signed in already"


async def test_a_patient_is_not_handed_to_another_network(place: Network) -> None:
    await _another_network(place)
    patient = await place.enrol()
    missing = await place.post(f"/patients/{patient}/move", {"care_team": "nowhere"})
    foreign = await place.post(f"/patients/{patient}/move", {"care_team": "team-9"})
    assert (foreign.status_code, foreign.json()) == (422, missing.json()), "a foreign team looks like a missing one"
    assert (await place.post(f"/patients/{patient}/move", {"care_team": "team-3"})).status_code == 200


async def test_who_looks_after_several_teams_names_one_of_them_to_enrol(network: Network) -> None:
    person = {**WANG, "care_team": None}
    unnamed = await network.post("/patients", person, "centre-manager")
    assert (unnamed.status_code, unnamed.json()["errors"][0]["field"]) == (422, "care_team")
    assert (await network.post("/patients", {**person, "care_team": "team-3"}, "centre-manager")).status_code == 422
    assert (await network.post("/patients", {**person, "care_team": "team-2"}, "centre-manager")).status_code == 201


async def test_a_team_that_takes_the_name_of_another_gets_none_of_its_patients(place: Network) -> None:
    async with place.parts.database.begin() as session:
        session.add(CareTeam(id="a-team", organisation_id="centre-2", name="team-1", on_call_phone="+8613800000001"))
    patient = await place.enrol()
    async with place.parts.database.reading() as session:
        assert (await session.get_one(Patient, patient)).care_team_id == "team-1"


async def test_a_request_sent_again_says_nothing_of_a_patient_who_has_moved_on(network: Network) -> None:
    patient = await network.enrol()
    visit = {"readings": WELL}
    first = await network.post(f"/patients/{patient}/visits", visit, Idempotency_Key="v-1")
    assert (await network.post(f"/patients/{patient}/visits", visit, Idempotency_Key="v-1")).json() == first.json()
    await network.post(f"/patients/{patient}/move", {"care_team": "team-3"}, "coordinator")
    again = await network.post(f"/patients/{patient}/visits", visit, Idempotency_Key="v-1")
    assert again.status_code == 404
    assert (await network.get(f"/patients/{patient}")).status_code == 404


async def test_one_callers_key_of_a_request_is_nothing_to_another(network: Network) -> None:
    patient = await network.enrol()
    mine = await network.post(f"/patients/{patient}/visits", {"readings": WELL}, Idempotency_Key="v-1")
    theirs = await network.post(f"/patients/{patient}/visits", {"readings": WELL}, "foreign-manager", Idempotency_Key="v-1")
    assert theirs.status_code == 404
    doctors = await network.post(f"/patients/{patient}/visits", {"readings": WELL}, "doctor", Idempotency_Key="v-1")
    assert doctors.json()["event_id"] != mine.json()["event_id"]


async def test_a_cursor_of_anothers_list_opens_nothing_of_theirs(network: Network) -> None:
    for n in range(3):
        await network.enrol(identifier=f"B-{n}", phone=f"+861381234568{n}")
    page = (await network.get("/patients", limit=1)).json()
    assert page["next"]
    assert (await network.get("/patients", "foreign-manager", after=page["next"])).json()["items"] == []


async def test_one_centre_does_not_publish_what_every_team_follows(network: Network) -> None:
    centre = await a_key(network, "centre-coordinator", "coordinator", "centre-1")
    signed = {"Authorization": f"Bearer {centre}", **PUBLISH}
    for path in ("/pathways/hypertension/versions", "/pathways/hypertension/versions/1/make-current"):
        assert (await network.http.post(f"/api/v1{path}", content="pathway: x", headers=signed)).status_code == 403
    assert (await network.http.post("/api/v1/pathways/check", content="pathway: x", headers=signed)).status_code == 200


async def test_two_requests_with_one_key_at_once_are_one_visit(place: Network) -> None:
    patient = await place.enrol()
    before = await _events(place, patient)
    sent = [place.post(f"/patients/{patient}/visits", {"readings": WELL}, Idempotency_Key="v-1") for _ in range(6)]
    answers = await asyncio.gather(*sent)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    visits = [row async for row in _of_kind(place, patient, "visit_completed")]
    assert len(visits) == 1
    assert await _events(place, patient) > before


async def _of_kind(network: Network, patient: str, kind: str) -> AsyncIterator[EventRow]:
    async with network.parts.database.reading() as session:
        for row in await session.scalars(select(EventRow).where(EventRow.patient_id == patient, EventRow.kind == kind)):
            yield row


async def test_a_cookie_opens_no_api_and_a_key_no_page(network: Network) -> None:
    patient = await network.enrol()
    network.http.cookies.set("cairn_key", "manager")
    assert (await network.http.get(f"/api/v1/patients/{patient}")).status_code == 401
    foreign = await network.http.get(f"/api/v1/patients/{patient}", headers={"Authorization": "Bearer foreign-manager"})
    assert foreign.status_code == 404, "the key that is shown counts, whatever the cookie says"
    network.http.cookies.clear()
    assert (await network.http.get(f"/patients/{patient}", headers={"Authorization": "Bearer manager"})).status_code == 401


async def test_a_body_that_is_too_long_is_refused_before_a_key_is_asked_for(network: Network) -> None:
    async def dripped() -> AsyncIterator[bytes]:
        for _ in range(LARGEST // 65536 + 2):
            yield b" " * 65536

    said: dict[str, Any] = {"content": b" " * (LARGEST + 1)}
    for sent in (said, {"content": dripped()}):
        for path in ("/api/v1/patients", "/api/v1/sessions", "/api/v1/keys"):
            answer = await network.http.post(path, headers={"Content-Type": "application/json"}, **sent)
            assert answer.status_code == 413, path
            assert answer.json()["status"] == 413
            if sent is not said:
                sent = {"content": dripped()}


async def test_a_body_that_does_not_come_is_not_waited_for(network: Network) -> None:
    never = asyncio.Event()
    told: list[Message] = []

    async def receive() -> Message:
        await never.wait()
        raise AssertionError

    async def send(message: Message) -> None:
        told.append(message)

    app = create_app(network.parts)
    path = "/api/v1/sessions"
    headers = [(b"content-type", b"application/json"), (b"content-length", b"10")]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": path, "raw_path": path.encode(),
        "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("cairn.test", 80),
    }  # fmt: skip
    await Bodies(app, slowest=0.01)(scope, receive, send)
    assert told[0]["status"] == 408


async def test_a_document_that_is_nested_without_end_is_refused(network: Network) -> None:
    patient = await network.enrol()
    headers = {"Authorization": "Bearer manager", "Content-Type": "application/json"}
    for deep in (100, 400, 900, 5000, 100_000):
        sent = '{"readings": ' + "[" * deep + "]" * deep + "}"
        answer = await network.http.post(f"/api/v1/patients/{patient}/visits", content=sent, headers=headers)
        assert answer.status_code in (400, 422), deep


async def test_many_who_try_to_sign_in_at_once_are_told_to_come_again() -> None:
    passwords = Passwords(at_once=1, most_waiting=2)
    tries = await asyncio.gather(*(passwords.matches(None, "x") for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in tries] == [bool, bool, Crowded, Crowded, Crowded]
    assert await passwords.matches(None, "x") is False, "and the next one has their turn"


async def test_who_goes_home_before_a_password_is_compared_makes_no_room_for_another_one_meanwhile() -> None:
    passwords, compared = Passwords(at_once=1, most_waiting=1), threading.Event()
    begun = asyncio.create_task(passwords._in_a_thread(compared.wait))
    await asyncio.sleep(0)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    with pytest.raises(Crowded):
        await passwords.matches(None, "x")
    compared.set()


async def test_a_sign_in_that_finds_no_turn_is_told_so(network: Network) -> None:
    network.parts.passwords._waiting.extend([None] * network.parts.passwords.most_waiting)
    answer: httpx.Response = await network.post("/sessions", {"login": "x", "password": "y"}, "")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
