"""Whoever opens a patient's record leaves an entry, whichever way they go; where it cannot be written, nothing is shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from sqlalchemy import select, text
from starlette.requests import Request
from starlette.responses import StreamingResponse

from api.app import create_app
from api.parts import ApiParts
from api.trail import NOT_KEPT
from records.audit import verify
from records.tables import AuditRow
from records.vault import OPENED
from tests.api.conftest import Network
from tests.kept import described


async def entries(network: Network, patient: str | None = None) -> list[AuditRow]:
    async with network.parts.database.reading() as session:
        rows = await session.scalars(select(AuditRow).order_by(AuditRow.at, AuditRow.chain, AuditRow.seq))
        return [row for row in rows if patient is None or patient in row.patients]


def _paths(parts: ApiParts) -> Iterator[tuple[str, str]]:
    for path, methods in described(parts)["paths"].items():
        for method in methods:
            yield method, path


async def test_every_route_that_shows_a_patient_leaves_an_entry(network: Network) -> None:
    patient = await network.enrol()
    shown = 0
    for method, path in _paths(network.parts):
        asked = path.replace("{patient_id}", patient)
        if method != "get" or "{" in asked or asked.endswith(("/changes", "/events")):  # a stream does not end
            continue
        for key in ("manager", "coordinator"):
            before = len(await entries(network))
            answer = await network.http.get(asked, headers={"Authorization": f"Bearer {key}"})
            fresh = (await entries(network))[before:]
            if patient in answer.text and answer.status_code == 200:
                shown += 1
                assert any(patient in row.patients and row.who == f"key-{key}" for row in fresh), asked
                assert all(row.status == 200 for row in fresh)
            elif "{patient_id}" in path:
                assert [row.status for row in fresh] == ([answer.status_code] if answer.status_code != 403 else []), asked
    assert shown >= 4
    assert (await verify(network.parts.database, network.parts.audit.key)).broken == []


async def test_a_list_leaves_one_entry_with_everybody_it_shows(network: Network) -> None:
    patients = [await network.enrol(identifier=f"A-{n}", phone=f"+861381234567{n}") for n in range(3)]
    before = len(await entries(network))
    assert (await network.get("/patients")).status_code == 200
    (entry,) = (await entries(network))[before:]
    assert entry.patients == sorted(patients)
    assert (entry.action, entry.role, entry.place, entry.status) == ("patients.read", "health_manager", "team-1", 200)


async def test_what_shows_nobody_leaves_nothing(network: Network) -> None:
    for path in ("/patients", "/places", "/me", "/clock"):
        assert (await network.get(path)).status_code == 200
    assert await entries(network) == []


async def test_a_foreign_reading_is_refused_and_found_by_its_patient(network: Network) -> None:
    patient = await network.enrol()
    assert (await network.get(f"/patients/{patient}", "foreign-manager")).status_code == 404
    (refused, *_) = (await network.get("/audit", "auditor", patient=patient, who="key-foreign-manager")).json()["items"]
    assert (refused["status"], refused["record"], refused["patients"]) == (404, patient, [])


async def test_a_change_is_written_down_before_it_is_made_and_after(network: Network) -> None:
    patient = await network.enrol()
    before = len(await entries(network))
    assert (await network.post(f"/patients/{patient}/move", {"phone": "+8613800000077"})).status_code == 200
    begun, done = (await entries(network))[before:]
    assert (begun.status, done.status) == (0, 200)
    assert begun.record == done.record == patient
    assert begun.request == done.request


async def test_pages_of_the_console_leave_entries_too(network: Network) -> None:
    patient = await network.enrol()
    await network.http.get("/", params={"key": "coordinator"})
    for path in ("/patients", f"/patients/{patient}"):
        before = len(await entries(network))
        assert (await network.http.get(path)).status_code == 200
        assert [patient in row.patients for row in (await entries(network))[before:]] == [True], path


async def test_reading_the_audit_log_is_written_to_it(network: Network) -> None:
    patient = await network.enrol()
    assert (await network.get("/audit", "auditor", patient=patient)).status_code == 200
    (newest, *_) = (await network.get("/audit", "auditor", who="key-auditor")).json()["items"]
    assert (newest["action"], newest["record"], newest["role"]) == ("audit.read", patient, "auditor")
    for key in ("administrator", "coordinator", "manager", "supervisor"):
        assert (await network.get("/audit", key)).status_code == 403
    assert (await network.get("/audit", "auditor", since="0001-01-01T00:00:00+14:00")).status_code == 422


async def test_a_key_that_is_made_is_written_down_before_and_with_what_it_opens(network: Network) -> None:
    made = await network.post("/keys", {"name": "x", "role": "auditor", "place": "*"}, "administrator")
    record = f"{made.json()['id']} auditor *"
    assert [(row.status, row.action, row.record) for row in await entries(network)] == [
        (0, "keys.manage", ""),
        (201, "keys.manage", record),
    ]


@pytest.mark.parametrize("path", ["/patients", "/patients/{patient}", "/patients/{patient}/timeline"])
async def test_where_it_cannot_be_written_nothing_is_shown(network: Network, path: str) -> None:
    patient = await network.enrol()
    async with network.parts.database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE audit RENAME TO gone"))
    answer = await network.get(path.format(patient=patient))
    assert (answer.status_code, answer.json()["detail"]) == (503, NOT_KEPT)
    assert patient not in answer.text
    assert "王" not in answer.text
    refused = await network.post(f"/patients/{patient}/move", {"phone": "+8613800000077"})
    assert refused.status_code == 503
    async with network.parts.database.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE gone RENAME TO audit"))
    again = await network.get(f"/patients/{patient}")
    assert again.status_code == 200
    assert "8613800000077" not in again.text, "what could not be written down was not done"


async def test_many_at_once_make_one_unbroken_chain(network: Network) -> None:
    patient = await network.enrol()
    answers = await asyncio.gather(*(network.get(f"/patients/{patient}") for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await verify(network.parts.database, network.parts.audit.key)).broken == []
    assert len(await entries(network, patient)) >= 40


async def test_a_stream_writes_down_what_it_opens_later_before_it_sends_it(network: Network) -> None:
    app = create_app(network.parts)
    seen: list[int] = []

    async def watch(request: Request) -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"first\n"
            opened = OPENED.get()
            assert opened is not None
            opened.add("p-later")
            yield b"second\n"
            seen.append(len(await entries(network, "p-later")))

        return StreamingResponse(lines())

    app.router.add_route("/watch", watch)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cairn.test") as http:
        assert (await http.get("/watch")).text == "first\nsecond\n"
    assert seen == [1]
