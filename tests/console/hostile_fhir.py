"""What record systems write at the FHIR door, with probes in it: a hospital's words and report, a reason, a person's name."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Network
from tests.api.fhir.test_fhir_writes import business, fhir, merges, output
from tests.console.hostile_api import Api

MOST = 200  # characters


async def record_systems(network: Network, api: Api, worked: str, rejected: str) -> list[str]:
    """``worked`` and ``rejected``: patients with a referral each; answers the pages of the two."""

    def of(element: str, most: int = MOST) -> str:
        api.taken.add(f"FHIR {element}")
        return api.probes.of(f"FHIR {element}", most)

    def says(words: str) -> dict[str, Any]:
        about = [{"reference": f"Task/{task}"}]
        return {"resourceType": "Communication", "status": "completed", "basedOn": about, "payload": [{"contentString": words}]}

    task, other = [
        (await network.get("/referrals", "hospital-1", patient=patient)).json()["items"][0]["id"] for patient in (worked, rejected)
    ]
    report = output("report", of("Task.output"))
    for key, changes in (
        ("hospital-1", {"status": "received"}),
        ("hospital-1", {"businessStatus": business("more-asked"), "note": [{"text": of("Task.note of a question")}]}),
        ("manager", {"note": [{"text": of("Task.note of a reply")}]}),
        ("hospital-1", {"status": "accepted"}),
        ("hospital-1", {"status": "in-progress"}),
    ):
        answer = await merges(network, task, key, **changes)
        assert answer.status_code == 200, f"{changes}: {answer.text}"
    told = await fhir(network, "POST", "Communication", says(of("Communication.payload")))
    assert told.status_code == 201, told.text
    done = await merges(network, task, status="completed", output=[report])
    assert done.status_code == 200, done.text
    refused = await merges(network, other, status="rejected", statusReason={"text": of("Task.statusReason")})
    assert refused.status_code == 200, refused.text
    names = [{"family": of("Patient.name.family", 60), "given": [of("Patient.name.given", 60)]}]
    somebody = await fhir(network, "POST", "Patient", {"resourceType": "Patient", "name": names}, "manager")
    assert somebody.status_code == 201, somebody.text
    return [f"/inbox/referrals/{task}", f"/inbox/referrals/{other}", f"/patients/{somebody.json()['id']}"]
