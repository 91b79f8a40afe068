"""A referral is carried to a hospital's own FHIR server (sekmet's), worked off there, and what became of it carried back."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from records.database import Database, migrate
from tests.api.conftest import Network, a_network
from tests.api.serving import served
from tests.api.test_changes import referred
from tests.clients.others import python

REPORT = {"type": {"coding": [{"system": "urn:cairn:said", "code": "report"}]}, "valueString": "Seen; treated."}
Json = dict[str, Any]


@pytest_asyncio.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    database = Database.open(f"sqlite+aiosqlite:///{tmp_path / 'cairn.db'}")
    await migrate(database)
    async with a_network(database, tmp_path) as network:
        yield network
    await database.close()


@asynccontextmanager
async def the_hospital(folder: Path) -> AsyncIterator[str]:
    """Where its server answers. Nobody works there by itself: its simulator is off."""
    tool = python("sekmet")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/fhir"
    settings = {"base_url": base, "host": "127.0.0.1", "port": port, "data_dir": str(folder), "simulator": {"enabled": False}}
    (folder / "settings.yaml").write_text(json.dumps(settings), "utf-8")
    process = await asyncio.create_subprocess_exec(
        tool, "serve", "--config", str(folder / "settings.yaml"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    assert process.stdout is not None
    said = b""
    try:
        while b"running on" not in (line := await process.stdout.readline()):
            said += line
            assert line, said.decode()[-2000:]
        rest = asyncio.create_task(process.stdout.read())  # a full pipe would stop it
        try:
            yield base
        finally:
            process.terminate()
            await rest
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_what_a_hospital_does_in_its_own_records_reaches_the_care_team(network: Network, tmp_path: Path) -> None:
    id_ = await referred(network, 1)
    async with (
        the_hospital(tmp_path) as there,
        served(replace(network.parts, public_url="")) as serving,
        httpx.AsyncClient(base_url=f"{serving.url}/fhir/", headers={"Authorization": "Bearer hospital-1"}) as ours,
        httpx.AsyncClient(base_url=f"{there}/", headers={"Content-Type": "application/fhir+json"}, timeout=60) as theirs,
    ):
        found = await ours.get("Task", params={"status": "requested", "_include": ["Task:focus", "Task:patient"]})
        resources = [entry["resource"] for entry in found.json()["entry"]]
        assert {one["resourceType"] for one in resources} == {"Task", "ServiceRequest", "Patient"}
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}} for one in resources
        ]
        stored = await theirs.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert stored.status_code == 200, stored.text

        async def here_as_there() -> int:
            """The status, the day and the report as they are there, said here."""
            task: Json = (await theirs.get(f"Task/{id_}")).json()
            moved = {key: task[key] for key in ("status", "businessStatus", "executionPeriod", "output") if key in task}
            headers = {"Content-Type": "application/merge-patch+json"}
            return (await ours.patch(f"Task/{id_}", content=json.dumps(moved), headers=headers)).status_code

        booked = {"coding": [{"system": "urn:cairn:business-status", "code": "booked"}]}
        for changes in (
            {"status": "accepted"},
            {"businessStatus": booked, "executionPeriod": {"start": "2025-03-06"}},
            {"status": "in-progress", "businessStatus": None},
            {"status": "completed", "output": [REPORT]},
        ):
            task = (await theirs.get(f"Task/{id_}")).json()
            put = await theirs.put(f"Task/{id_}", json={key: value for key, value in {**task, **changes}.items() if value})
            assert put.status_code == 200, put.text
            assert await here_as_there() == 200
        seen = (await network.get(f"/referrals/{id_}", "manager")).json()
        assert (seen["stage"], seen["day"], seen["report"]) == ("completed", "2025-03-06", "Seen; treated.")
