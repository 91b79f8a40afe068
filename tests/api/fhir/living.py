"""A sample community five weeks on, read at the FHIR door: for whoever wants to judge all that is told there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from records.database import Database, migrate
from records.intake import Intake, read_path
from tests.api.conftest import EMERGENCY, START, WELL, Network, a_network
from workers.sample import make_community

Living = tuple[Network, Mapping[str, str]]

ZHANG = {
    "identifier": "mrn-7",
    "name": "",
    "family": "Zhang",
    "given": "Wei Ming",
    "sex": "male",
    "born": "1958-04-02",
    "phone": "+8613800000009",
    "carer_phone": "+8613800000010",
    "language": "en",
    "readings": {"sbp": 150, "dbp": 95},
}


@asynccontextmanager
async def living_community(folder: Path) -> AsyncIterator[Living]:
    """A sample community five weeks on, and one patient to whom everything has happened, with the ids of what did. Only read."""
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'cairn.db'}")
    await migrate(database)
    async with a_network(database, folder) as network:
        community = make_community(folder / "people", patients=6, seed=3, on=START.date())
        for intake in read_path(community.folder, on=START.date()):
            if isinstance(intake, Intake):
                enrolled = await network.parts.enrolments.enrol(replace(intake, care_team="team-2"))
                if enrolled.patient_id is not None and enrolled.status == "enrolled":
                    await network.waker.settle(enrolled.patient_id, next_step=enrolled.next_step)
        yield network, await _zhang(network)
    await database.close()


async def _zhang(network: Network) -> Mapping[str, str]:
    """Zhang is referred, seen and sent back; a reading is told from home and put right; a refill is handed out in two parts."""
    zhang = await network.enrol(**ZHANG)
    visit = await network.post(f"/patients/{zhang}/visits", {"readings": EMERGENCY})
    (task,) = (await network.get("/tasks", kind="confirm_referral")).json()["items"]
    await network.post(f"/tasks/{zhang}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")
    (referral,) = (await network.get("/referrals", "hospital-1", patient=zhang)).json()["items"]
    told: list[tuple[str, Any, str]] = [
        ("receive", None, "hospital-1"),
        ("ask-more", {"question": "Which medicines does he take?"}, "hospital-1"),
        ("reply", {"text": "Amlodipine, one in the morning."}, "manager"),
        ("accept", None, "hospital-1"),
        ("book", {"day": "2025-03-06"}, "hospital-1"),
    ]
    for what, body, key in told:
        answer = await network.post(f"/referrals/{referral['id']}/{what}", body, key)
        assert answer.status_code == 200, f"{what}: {answer.text}"
    home = await network.post(
        f"/patients/{zhang}/readings", {"readings": {"sbp": 146, "dbp": 91, "heart_rate": 77}, "source": "home"}
    )
    event = home.json()["event_id"]
    right = await network.post(
        f"/patients/{zhang}/events/{event}/corrections", {"readings": {"sbp": 164}, "why": "slip_of_the_pen"}
    )
    assert right.status_code == 200, right.text
    lost = await network.post(f"/patients/{zhang}/readings", {"readings": {"fpg": 6.4}, "source": "laboratory"})
    await network.post(f"/patients/{zhang}/events/{lost.json()['event_id']}/corrections", {"void": True, "why": "wrong_patient"})
    for day in ("2025-03-06", "2025-03-17"):
        await network.move_to(f"{day}T02:00:00Z")
    (refill,) = (await network.get("/refills", "pharmacy-1", patient=zhang)).json()["items"]
    await network.post(f"/refills/{refill['id']}/receive", None, "pharmacy-1")
    part = await network.post(f"/refills/{refill['id']}/dispense", {"days": 10, "part": True}, "pharmacy-1")
    assert part.status_code == 200, part.text
    await network.move_to("2025-03-18T02:00:00Z")
    whole = await network.post(f"/refills/{refill['id']}/dispense", {"days": 20}, "pharmacy-1")
    assert whole.status_code == 200, whole.text
    await network.move_to("2025-04-07T02:00:00Z")
    await network.post(f"/patients/{zhang}/visits", {"readings": WELL, "done": []})
    return {"zhang": zhang, "referral": referral["id"], "refill": refill["id"], "visit": visit.json()["event_id"], "home": event}


async def ask(network: Network, path: str, key: str = "manager", expected: int = 200, **query: Any) -> dict[str, Any]:
    answer = await network.http.get(f"/fhir/{path}", params=query or None, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == expected, f"{path} {query}: {answer.status_code} {answer.text}"
    found: dict[str, Any] = answer.json()
    return found


async def every(network: Network, path: str, key: str = "manager", **query: Any) -> list[dict[str, Any]]:
    """All pages."""
    bundle = await ask(network, path, key, **query)
    found = [entry["resource"] for entry in bundle.get("entry", ())]
    while (more := next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)) is not None:
        assert len(found) < 5000
        answer = await network.http.get(more, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        found += [entry["resource"] for entry in bundle.get("entry", ())]
    return found


async def everything(network: Network) -> list[dict[str, Any]]:
    """Every resource that a coordinator may read, the people first."""
    people = await every(network, "Patient", "coordinator", _count=3)
    found = list(people)
    for type_ in (
        "Observation",
        "MedicationRequest",
        "MedicationDispense",
        "CarePlan",
        "Communication",
        "Provenance",
        "ServiceRequest",
    ):
        for one in people:
            found += await every(network, type_, "coordinator", patient=one["id"])
    for type_ in ("Organization", "Practitioner", "PlanDefinition", "Task"):
        found += await every(network, type_, "coordinator")
    return found
