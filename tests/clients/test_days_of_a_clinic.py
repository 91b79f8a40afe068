"""A clinic's day by clients that we did not write and that know nothing of us: find what it was asked, accept it, book a day,
report back, page through five hundred, and be refused where somebody else was quicker.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fhirclient.models.task import Task  # type: ignore[import-untyped]
from fhirclient.server import FHIRServer  # type: ignore[import-untyped]
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound

from records.database import Database, migrate
from records.feed import Feed
from records.patients import Patients
from records.tables import ReferralRow
from tests.api.conftest import START, Network, a_network
from tests.api.elsewhere import key_set, pair
from tests.api.serving import served
from tests.api.test_changes import referred
from tests.clients.others import node, python

pytestmark = pytest.mark.asyncio(loop_scope="module")
MANY = 500
BOOKED = {"coding": [{"system": "urn:cairn:business-status", "code": "booked"}]}
REPORT = {"type": {"coding": [{"system": "urn:cairn:said", "code": "report"}]}, "valueString": "Seen; treated."}
DAY = ["requested", "accepted", "accepted", "in-progress", "completed"]


@dataclass
class Clinic:
    """The hospital's door at ``base``, where it may ask for as long as ``key`` holds."""

    network: Network
    base: str
    key: str = "hospital-1"
    place: str = "hospital-1"
    asked: int = 0

    async def is_asked(self) -> tuple[str, str]:
        """Another patient is referred: their id, and the Task's."""
        self.asked += 1
        task = await referred(self.network, self.asked)
        answer = await self.network.get(f"/referrals/{task}", "hospital-1")
        return str(answer.json()["patient"]["id"]), task

    async def said(self, task: str) -> tuple[str, str, str]:
        """What the care team sees of it: its stage, the day, and the report."""
        seen = (await self.network.get(f"/referrals/{task}", "manager")).json()
        return seen["stage"], seen["day"], seen["report"]

    async def by_sekmet(self, folder: Path, patient: str) -> str:
        """What the scenario's run printed; it signs in by SMART Backend Services."""
        settings, pem, keys = folder / "settings.yaml", folder / "private.pem", pair("RS384")
        pem.write_bytes(keys.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        scopes = ["system/Task.rus", "system/ServiceRequest.rs", "system/Patient.rs"]
        system = {"name": "its record system", "role": "clinic", "place": self.place, "jwks": key_set(keys), "scopes": scopes}
        registered = await self.network.post("/smart-clients", system, "administrator")
        assert registered.status_code == 201, registered.text
        auth = {"type": "smart", "client_id": registered.json()["id"], "private_key_path": str(pem), "kid": keys.kid}
        peer = {"base_url": self.base, "auth": {**auth, "scope": " ".join(scopes)}}
        settings.write_text(json.dumps({"data_dir": str(folder), "peers": {"cairn": peer}}), "utf-8")
        process = await asyncio.create_subprocess_exec(
            python("sekmet"), "scenario", "run", str(Path(__file__).with_name("referral_scenario.yaml")), "--peer", "cairn",
            "--config", str(settings), "--report-dir", str(folder / "reports"), "--no-serve",
            "--var", f"patient={patient}", "--var", f"place={self.place}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
        )  # fmt: skip
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()[-5000:]
        return out.decode()

    async def by_node(self, script: str, patient: str) -> dict[str, Any]:
        """What the script printed."""
        process = await asyncio.create_subprocess_exec(
            node(), str(Path(__file__).with_name(script)), self.base, self.key, self.place, patient,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()[-3000:]
        return dict(json.loads(out))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clinic(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clinic]:
    """A hospital that has finished five hundred referrals."""
    folder = tmp_path_factory.mktemp("clinic")
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'cairn.db'}")
    await migrate(database)
    async with a_network(database, folder) as network:
        patient = await network.enrol()
        async with database.begin() as session:
            person = await Patients(session, network.parts.vault).vault_of(patient)
            for n in range(MANY):
                key, at = f"hypertension.follow_up#{n}/referral/1", START - timedelta(days=1, minutes=n // 5)
                row = ReferralRow(
                    patient_id=patient, key=key, id=f"done{n:04d}", referral=f"hypertension.follow_up#{n}/referral",
                    place_id="hospital-1", urgency="routine", stage="completed", asked=at, since=at, changed=at,
                    sealed=person.seal(f"referral/{key}", {"pathway": "hypertension", "row": "HTN-R3", "inputs": {}}),
                )  # fmt: skip
                await Feed(session).came(row, person)
        async with served(replace(network.parts, public_url="")) as serving:
            yield Clinic(network, f"{serving.url}/fhir")
    await database.close()


def finished(ids: list[str], task: str) -> bool:
    """Whether every finished Task came once."""
    return len(ids) == len(set(ids)) and {task, *(f"done{n:04d}" for n in range(MANY))} <= set(ids)


async def test_fhirpy(clinic: Clinic) -> None:
    patient, id_ = await clinic.is_asked()
    client = AsyncFHIRClient(clinic.base, authorization=f"Bearer {clinic.key}")
    tasks = client.resources("Task").search(owner=f"Organization/{clinic.place}", patient=f"Patient/{patient}", status="requested")
    assert await tasks.count() == 1
    (task,) = await tasks.fetch_all()
    seen = [task["status"]]
    as_read = {"If-Match": f'W/"{task["meta"]["versionId"]}"'}
    late = AsyncFHIRClient(clinic.base, authorization=f"Bearer {clinic.key}", extra_headers=as_read)
    for changes in (
        {"status": "accepted"},
        {"businessStatus": BOOKED, "executionPeriod": {"start": "2025-03-06"}},
        {"status": "in-progress"},
        {"status": "completed", "output": [REPORT]},
    ):
        await task.patch(**changes)
        seen.append(task["status"])
        if seen[-1] == "accepted":
            with pytest.raises(MultipleResourcesFound, match="changed"):  # its word for any 412: a colleague read it before
                await late.resource("Task", id=id_).patch(status="rejected")
    assert (seen, await clinic.said(id_)) == (DAY, ("completed", "2025-03-06", "Seen; treated."))
    done = await client.resources("Task").search(status="completed").limit(100).fetch_all()
    assert finished([one["id"] for one in done], id_)
    observation = {
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2025-03-03T01:00:00Z",
        "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
        "identifier": [{"system": "urn:clinic", "value": "pulse-1"}],
    }
    made = [
        await client.resources("Observation").search(identifier="urn:clinic|pulse-1").get_or_create(
            client.resource("Observation", **observation)
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [created for _, created in made] == [True, False]
    assert made[0][0]["id"] == made[1][0]["id"]


async def test_fhirclient(clinic: Clinic) -> None:
    patient, id_ = await clinic.is_asked()

    def day() -> tuple[list[str], list[str], int]:
        server = FHIRServer(None, base_uri=clinic.base)
        server.session.headers["Authorization"] = f"Bearer {clinic.key}"
        assert server.capabilityStatement.fhirVersion == "4.0.1"
        wanted = {"owner": f"Organization/{clinic.place}", "patient": f"Patient/{patient}", "status": "requested"}
        (task,) = Task.where(struct=wanted).perform_resources_iter(server)
        first, seen = task.as_json(), [task.status]
        for changes in (
            {"status": "accepted"},
            {"businessStatus": BOOKED, "executionPeriod": {"start": "2025-03-06"}},
            {"status": "in-progress"},
            {"status": "completed", "output": [REPORT]},
        ):
            Task({**Task.read(task.id, server).as_json(), **changes}).update(server)
            seen.append(Task.read(task.id, server).status)
        server.session.headers["If-Match"] = 'W/"1"'
        try:
            Task(first).update(server)
            refused = 0
        except Exception as fault:
            refused = fault.response.status_code  # type: ignore[attr-defined]
        del server.session.headers["If-Match"]
        done = Task.where(struct={"status": "completed", "_count": "100"}).perform_resources_iter(server)
        return seen, [one.id for one in done], refused

    seen, ids, refused = await asyncio.to_thread(day)
    assert (seen, await clinic.said(id_)) == (DAY, ("completed", "2025-03-06", "Seen; treated."))
    assert (refused, finished(ids, id_)) == (412, True)


@pytest.mark.parametrize("script", ["day_fhir_kit_client.mjs", "day_medplum.mjs"])
async def test_by_node(clinic: Clinic, script: str) -> None:
    patient, id_ = await clinic.is_asked()
    saw = await clinic.by_node(script, patient)
    assert (saw["found"], saw["id"], saw["statuses"]) == (1, id_, DAY)
    assert await clinic.said(id_) == ("completed", "2025-03-06", "Seen; treated.")
    assert (saw["refused"], saw.get("together", [200, 404])) == (412, [200, 404])
    assert (saw["pages"] >= 5, finished(saw["ids"], id_)) == (True, True)


async def test_sekmet_by_a_scenario_of_ours(clinic: Clinic, tmp_path: Path) -> None:
    patient, id_ = await clinic.is_asked()
    await clinic.by_sekmet(tmp_path, patient)
    assert await clinic.said(id_) == ("completed", "2025-03-06", "Seen; treated.")
