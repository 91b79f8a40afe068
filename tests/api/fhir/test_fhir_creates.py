"""What record systems make at the FHIR door: readings, dispenses, words, subscriptions; each once, each as REST has it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from activities.webhooks.pushing import PushActivities
from activities.webhooks.reaching import Answer, Reaching
from api.fhir.notifying import Notifying
from tests.api.conftest import Network
from tests.api.fhir.test_fhir_writes import SAID, fhir, merges, why
from tests.api.test_changes import referred
from workflows.contract import Push

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def quantity(value: float, unit: str = "mm[Hg]") -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": LOINC, "code": code}]}


def pressure(patient: str, sbp: float, dbp: float, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": coded("85354-9"),
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2025-03-02T23:30:00Z",
        "component": [
            {"code": coded("8480-6"), "valueQuantity": quantity(sbp)},
            {"code": coded("8462-4"), "valueQuantity": quantity(dbp)},
        ],
        **more,
    }


async def _patient_of(network: Network, referral: str) -> str:
    return str((await network.get(f"/referrals/{referral}", "manager")).json()["patient"]["id"])


async def _events(network: Network, patient: str) -> list[dict[str, Any]]:
    return list((await network.get(f"/patients/{patient}/events")).json()["items"])


async def test_a_reading_becomes_an_event_of_the_patients_and_is_put_right_or_voided(network: Network) -> None:
    patient = await network.enrol()
    made = await fhir(network, "POST", "Observation", pressure(patient, 186, 84), "manager")
    assert (made.status_code, made.headers["etag"]) == (201, 'W/"1"'), made.text
    observation = made.json()
    assert made.headers["location"] == f"https://cairn.example/fhir/Observation/{observation['id']}/_history/1"
    event = (await _events(network, patient))[0]
    assert (event["kind"], event["readings"], event["details"]["source"]) == ("reading_received", {"sbp": 186, "dbp": 84}, "staff")
    assert event["at"] == "2025-03-02T23:30:00Z"

    observation["component"][0]["valueQuantity"]["value"] = 136
    right = await fhir(network, "PUT", f"Observation/{observation['id']}", observation | {"status": "corrected"}, "manager")
    assert (right.status_code, right.json()["meta"]["versionId"]) == (200, "2"), right.text
    assert (await _events(network, patient))[0]["readings"] == {"sbp": 136}  # of the correction
    moved = await fhir(
        network, "PUT", f"Observation/{observation['id']}", right.json() | {"effectiveDateTime": "2025-03-01"}, "manager"
    )
    assert (moved.status_code, "effectiveDateTime" in why(moved)) == (422, True)
    void = await fhir(network, "PATCH", f"Observation/{observation['id']}", {"status": "entered-in-error"}, "manager")
    assert (void.status_code, void.json()["status"]) == (200, "entered-in-error"), void.text
    back = await fhir(network, "PATCH", f"Observation/{observation['id']}", {"status": "final"}, "manager")
    assert back.status_code == 422

    for broken, status, says in (
        ({"status": "preliminary"}, 422, "final"),
        ({"status": "sure"}, 422, "Observation.status"),
        ({"code": coded("1-1"), "component": [], "valueQuantity": quantity(1)}, 422, "Observation.component"),
        ({"component": [{"code": coded("1-1"), "valueQuantity": quantity(1)}]}, 422, "component[0].code"),
        ({"component": [{"code": coded("8480-6"), "valueQuantity": quantity(18, "stone")}]}, 422, "kPa"),
        ({"component": [{"code": coded("8480-6"), "valueQuantity": quantity(1860)}]}, 422, "not believable"),
        ({"component": [{"code": coded("8480-6")}]}, 422, "no value"),
        ({"effectiveDateTime": "2025-04-02T00:00:00Z"}, 422, "lies ahead"),
        ({"subject": {"reference": "Patient/none"}}, 422, "no such patient"),
        ({"subject": {"display": "王秀英"}}, 422, "Patient/id"),
        ({"valueQuantity": {"value": "a lot 王"}}, 422, "Observation.value"),
    ):
        answer = await fhir(network, "POST", "Observation", pressure(patient, 130, 80, **broken), "manager")
        assert (answer.status_code, says in answer.text) == (status, True), (broken, answer.text)
        assert "王" not in answer.text
    foreign = await fhir(network, "POST", "Observation", pressure(patient, 130, 80), "other-manager")
    assert foreign.status_code == 422
    assert (await fhir(network, "POST", "Observation", pressure(patient, 130, 80), "pharmacy-1")).status_code == 403
    kpa = pressure(patient, 17.3, 10.7)
    for component in kpa["component"]:
        component["valueQuantity"] |= {"unit": "kPa", "code": "kPa"}
    assert (await fhir(network, "POST", "Observation", kpa, "manager")).status_code == 201
    assert (await _events(network, patient))[0]["readings"] == {"sbp": 130, "dbp": 80}


async def test_a_clinic_tells_readings_of_whom_it_was_referred_and_of_nobody_else(network: Network) -> None:
    patient, other = await _patient_of(network, await referred(network, 1)), await network.enrol(identifier="A-9")
    told = await fhir(network, "POST", "Observation", pressure(patient, 150, 90), "hospital-1")
    assert told.status_code == 201, told.text
    assert (await _events(network, patient))[0]["details"]["source"] == "hospital"
    for key, whose in (("hospital-1", other), ("hospital-2", patient)):
        assert (await fhir(network, "POST", "Observation", pressure(whose, 150, 90), key)).status_code == 422


async def test_what_is_named_is_made_once_however_it_is_sent(network: Network) -> None:
    patient = await network.enrol()
    named = pressure(patient, 130, 80, identifier=[{"system": "urn:lab", "value": "4711"}])
    asked = {"If_None_Exist": "identifier=urn:lab|4711"}
    answers = await asyncio.gather(*(fhir(network, "POST", "Observation", named, "manager", **asked) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201], [a.text for a in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    again = await fhir(network, "POST", "Observation?identifier=urn:lab|4711", named, "manager")  # as fhirpy does
    assert again.status_code == 200
    put = await fhir(network, "PUT", "Observation?identifier=urn:lab|4711", named | {"status": "entered-in-error"}, "manager")
    assert put.status_code == 200, put.text
    assert (put.status_code, put.json()["status"], put.json()["id"]) == (200, "entered-in-error", again.json()["id"]), put.text
    fresh = named | {"identifier": [{"system": "urn:lab", "value": "4712"}]}
    assert (await fhir(network, "PUT", "Observation?identifier=urn:lab|4712", fresh, "manager")).status_code == 201
    one, two = [await fhir(network, "POST", "Observation", fresh, "manager", Idempotency_Key="k") for _ in range(2)]
    assert (one.status_code, one.json()["id"]) == (201, two.json()["id"])
    assert sum(event["kind"] == "reading_received" for event in await _events(network, patient)) == 3
    short = await fhir(network, "POST", "Observation", pressure(patient, 131, 81), "manager", Prefer="return=minimal")
    assert (short.status_code, short.content) == (201, b"")
    nothing = await fhir(network, "POST", "Observation", named, "manager", If_None_Exist="_format=json")
    assert nothing.status_code == 400


async def _refill(network: Network) -> tuple[str, str]:
    patient = await network.enrol()
    await network.move_to("2025-03-16T02:00:00Z")
    (refill,) = (await network.get("/refills", "pharmacy-1", open=True, patient=patient)).json()["items"]
    return patient, str(refill["id"])


async def test_a_pharmacy_prepares_and_dispenses_in_part_and_in_full(network: Network) -> None:
    patient, id_ = await _refill(network)
    assert (await merges(network, id_, "pharmacy-1", status="received")).json()["status"] == "received"
    early = await merges(network, id_, "pharmacy-1", status="completed")
    assert early.status_code == 422
    ready = await merges(network, id_, "pharmacy-1", status="in-progress")
    assert ready.json()["businessStatus"]["coding"][0]["code"] == "ready-for-pickup", ready.text
    asks = await merges(network, id_, "pharmacy-1", status="completed")
    assert (asks.status_code, "MedicationDispense" in why(asks)) == (422, True)
    out = {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "medicationCodeableConcept": {"text": "amlodipine"},
        "subject": {"reference": f"Patient/{patient}"},
        "authorizingPrescription": [{"reference": f"MedicationRequest/{id_}"}],
        "daysSupply": {"value": 10, "unit": "d", "system": UCUM, "code": "d"},
        "whenHandedOver": "2025-03-16",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "RFP"}]},
    }
    some = await fhir(network, "POST", "MedicationDispense", out, "pharmacy-1")
    assert some.status_code == 201, some.text
    assert (await fhir(network, "GET", f"MedicationDispense/{some.json()['id']}", key="pharmacy-1")).json() == some.json()
    task = (await fhir(network, "GET", f"Task/{id_}", key="pharmacy-1")).json()
    assert (task["status"], task["businessStatus"]["coding"][0]["code"]) == ("in-progress", "part-dispensed")
    rest = {name: value for name, value in out.items() if name != "type"} | {"daysSupply": {"value": 20}}
    assert (await fhir(network, "POST", "MedicationDispense", rest, "pharmacy-1")).status_code == 201
    assert (await fhir(network, "POST", "MedicationDispense", rest, "pharmacy-1")).status_code == 409
    assert (await network.get(f"/refills/{id_}", "manager")).json()["stage"] == "dispensed"
    for broken in (
        {"daysSupply": {"value": 0.5}},
        {"authorizingPrescription": []},
        {"status": "declined"},
        {"status": "cancelled"},
    ):
        assert (await fhir(network, "POST", "MedicationDispense", out | broken, "pharmacy-1")).status_code == 422, broken
    assert (await fhir(network, "POST", "MedicationDispense", out, "pharmacy-2")).status_code == 422
    assert (await fhir(network, "POST", "MedicationDispense", out, "hospital-1")).status_code == 403


async def test_a_pharmacy_that_lacks_the_medicine_says_so_and_the_next_is_asked(network: Network) -> None:
    _, id_ = await _refill(network)
    lacks = {"coding": [{"system": "urn:cairn:business-status", "code": "out-of-stock"}]}
    answer = await merges(network, id_, "pharmacy-1", status="rejected", businessStatus=lacks)
    assert (answer.status_code, answer.json()["status"]) == (200, "rejected"), answer.text
    assert len((await network.get("/refills", "pharmacy-2")).json()["items"]) == 1


async def test_a_question_a_reply_and_a_report_travel_as_communications(network: Network) -> None:
    id_ = await referred(network, 1)

    def said(words: str, kind: str = "") -> dict[str, Any]:
        category = {"category": [{"coding": [{"system": SAID, "code": kind}]}]} if kind else {}
        about = [{"reference": f"ServiceRequest/{id_}"}]
        return {
            "resourceType": "Communication", "status": "completed", "basedOn": about, "payload": [{"contentString": words}],
        } | category  # fmt: skip

    asked = await fhir(network, "POST", "Communication", said("Which medicines?"))
    assert (asked.status_code, asked.json()["payload"][0]["contentString"]) == (201, "Which medicines?"), asked.text
    assert (await fhir(network, "POST", "Communication", said("Amlodipine."), "manager")).status_code == 201
    assert (await fhir(network, "POST", "Communication", said("Well.", "report"))).status_code == 201
    seen = (await network.get(f"/referrals/{id_}", "manager")).json()
    assert (seen["stage"], [line["text"] for line in seen["thread"]]) == ("completed", ["Which medicines?", "Amlodipine.", "Well."])
    assert (await fhir(network, "POST", "Communication", said("x", "reply"))).status_code == 403
    assert (await fhir(network, "POST", "Communication", said(""))).status_code == 422
    assert (await fhir(network, "POST", "Communication", said("x"), "hospital-2")).status_code == 422


def _subscription(criteria: str = "Task?status=requested", **channel: Any) -> dict[str, Any]:
    there = {"type": "rest-hook", "endpoint": "https://hospital.example/notify", **channel}
    return {"resourceType": "Subscription", "status": "requested", "reason": "inbox", "criteria": criteria, "channel": there}


@pytest.mark.parametrize("payload", ["", "application/fhir+json"])
async def test_a_subscription_tells_a_place_of_its_own_tasks_and_of_nothing_else(network: Network, payload: str) -> None:
    body = _subscription(**({"payload": payload} if payload else {}), header=["Authorization: Bearer of-the-hospital"])
    made = await fhir(network, "POST", "Subscription", body)
    assert (made.status_code, made.json()["status"]) == (201, "active"), made.text
    assert "of-the-hospital" not in made.text
    hook = made.json()["id"]
    assert (await network.get("/webhooks", "hospital-1")).json()["items"] == []
    assert (await fhir(network, "GET", f"Subscription/{hook}", key="hospital-2")).status_code == 404
    id_ = await referred(network, 1)
    await merges(network, id_, status="received")
    sent: list[httpx.Request] = []

    async def takes(self: Reaching, url: str, body: bytes, headers: Any, *, method: str = "POST") -> Answer:
        sent.append(httpx.Request(method, url, content=body, headers=dict(headers)))
        return Answer("taken", 200)

    async with httpx.AsyncClient() as http:
        reaching = type("Takes", (Reaching,), {"post": takes})(http)
        parts = network.parts
        pushing = PushActivities(parts.database, parts.vault, parts.clock, reaching, subscriptions=Notifying(parts))
        pushed = await pushing.push(Push(hook))
    assert pushed.taken == 2  # the second is no longer requested: not sent, and done with
    (request,) = sent
    assert request.headers["authorization"] == "Bearer of-the-hospital"
    if payload:
        assert (request.method, request.url.path) == ("PUT", f"/notify/Task/{id_}")
        assert b'"status":"requested"' in request.content
    else:
        assert (request.method, request.url.path, request.content) == ("POST", "/notify", b"")
    off = await fhir(network, "PUT", f"Subscription/{hook}", made.json() | {"status": "off"}, If_Match='W/"1"')
    assert (off.status_code, off.json()["status"]) == (200, "off"), off.text
    assert (await fhir(network, "PUT", f"Subscription/{hook}", made.json(), If_Match='W/"1"')).status_code == 412
    found = await fhir(network, "GET", "Subscription?status=off")
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == [hook]
    assert (await fhir(network, "DELETE", f"Subscription/{hook}")).status_code == 204
    assert (await fhir(network, "GET", f"Subscription/{hook}")).status_code == 404


async def test_a_subscription_that_leads_elsewhere_is_refused(network: Network) -> None:
    for body, says in (
        (_subscription(endpoint="http://10.0.0.1/x"), "encrypted"),
        (_subscription(endpoint="https://127.0.0.1/x"), "own network"),
        (_subscription("Patient?name=Wang"), "Task"),
        (_subscription("Task?colour=red"), "cannot be meant"),
        (_subscription("Task?owner=Organization/hospital-2"), "of yours"),
        (_subscription(type="websocket"), "rest-hook"),
        (_subscription(payload="application/fhir+xml"), "application/fhir+json"),
        (_subscription(header=["Host: elsewhere"]), "ours to set"),
        (_subscription(header=["Evil: a\r\nHost: b"]), "Name: value"),
    ):
        answer = await fhir(network, "POST", "Subscription", body)
        assert (answer.status_code, says in answer.text) == (422, True), (body, answer.text)
    assert (await fhir(network, "POST", "Subscription", _subscription(), "manager")).status_code == 403
