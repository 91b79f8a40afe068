"""Every interaction of the FHIR door, by every role, from its own place, a sister's and a foreign one: what is declared here.

The table is written out on purpose: whoever gives a role more than it had changes a line of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.fhir.capability import interactions
from api.fhir.registry import KINDS, WRITES
from api.rights import ROLES
from records.callers import Caller
from records.scope import of_places
from tests.api.conftest import Network
from tests.api.test_matrix import _a_referred_patient, _keys

CARE = frozenset({"coordinator", "health_manager", "doctor"})
CLINIC, PHARMACY = CARE | {"clinic"}, CARE | {"pharmacy"}
PLACES = CLINIC | PHARMACY
HOOKS = frozenset({"clinic", "pharmacy", "administrator"})
EVERYBODY = frozenset(ROLES)

#: By what is read: which roles may ask, and which of them see the sample from where it belongs.
READ: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "Task/referral": (PLACES, CLINIC),
    "Task/refill": (PLACES, PHARMACY),
    "Task/work": (PLACES, CARE),
    "ServiceRequest/referral": (CLINIC, CLINIC),
    "MedicationRequest/refill": (PHARMACY, PHARMACY),
    "MedicationDispense/dispense": (PHARMACY, PHARMACY),
    "Patient/patient": (PLACES, PLACES),
    "Observation/observation": (CARE, CARE),
    "CarePlan/patient": (CARE, CARE),
    "Communication/message": (CLINIC, CARE),
    "Provenance/provenance": (PLACES, CLINIC),
    "Subscription/subscription": (HOOKS, frozenset({"clinic", "administrator"})),
}
#: No patient's; what is seen of them is tested elsewhere.
PLAIN: Mapping[str, frozenset[str]] = {
    "Organization": EVERYBODY,
    "Practitioner": PLACES,
    "PlanDefinition": CARE | {"approver", "supervisor", "auditor"},
}
CREATE: Mapping[str, frozenset[str]] = {
    "Task": CARE,
    "Patient": CARE,
    "Observation": CLINIC,
    "MedicationDispense": frozenset({"coordinator", "pharmacy"}),
    "Communication": CLINIC,
    "Subscription": HOOKS,
}
UPDATE: Mapping[str, frozenset[str]] = {
    "Task/referral": PLACES,
    "Task/refill": PLACES,
    "Task/work": PLACES,
    "Observation/observation": CARE,
    "Patient/patient": CARE,
    "ServiceRequest/referral": CARE,
    "Subscription/subscription": HOOKS,
}
NO_SUCH_RIGHT, NOT_THERE = 403, 404


async def fhir(network: Network, method: str, path: str, key: str, body: Any = None, **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {key}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await network.http.request(method, f"/fhir/{path}", json=body, headers=sent)


async def _samples(network: Network) -> dict[str, str]:
    """An id of each thing, all of one patient of team-1, hospital-1 and pharmacy-1."""
    known = await _a_referred_patient(network)
    patient, refill = known["patient_id"], known["refill_id"]
    out = await network.post(f"/refills/{refill}/dispense", {"days": 30, "part": True}, "pharmacy-1")
    assert out.status_code == 200, out.text

    async def first(path: str, **query: str) -> str:
        answer = await network.http.get(f"/fhir/{path}", params=query, headers={"Authorization": "Bearer coordinator"})
        return str(answer.json()["entry"][0]["resource"]["id"])

    hook = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to be told",
        "criteria": "Task?owner=Organization/hospital-1",
        "channel": {"type": "rest-hook", "endpoint": "https://hospital.example/hook", "payload": "application/fhir+json"},
    }
    made = await fhir(network, "POST", "Subscription", "hospital-1", hook)
    assert made.status_code == 201, made.text
    return {
        "patient": patient,
        "referral": known["referral_id"],
        "refill": refill,
        "work": await first("Task", **{"code:not": "fulfill", "status": "requested"}),
        "dispense": await first("MedicationDispense", patient=patient),
        "observation": await first("Observation", patient=patient),
        "message": await first("Communication", patient=patient),
        "provenance": await first("Provenance", target=f"Task/{known['referral_id']}"),
        "subscription": made.json()["id"],
    }


def _ways(type_: str) -> Iterator[str]:
    can = interactions(KINDS[type_], WRITES.get(type_))
    yield from (one for one in ("read", "vread", "history-instance", "search-type") if one in can)


@pytest.mark.timeout(240)
async def test_every_interaction_by_every_role_from_every_place_is_exactly_what_is_declared(network: Network) -> None:
    ids, keys = await _samples(network), await _keys(network)
    wrong: list[str] = []
    asked = 0
    for what, (may, see) in READ.items():
        type_, _, name = what.partition("/")
        id_ = ids[name]
        for (role, which), key in keys.items():
            for way in _ways(type_) if which == "own" else ("read", "search-type"):
                path = {"read": "/{}", "vread": "/{}/_history/1", "history-instance": "/{}/_history", "search-type": "?_id={}"}[way]
                answer = await fhir(network, "GET", f"{type_}{path.format(id_)}", key)
                asked += 1
                there = which == "own" and role in see
                if role not in may:
                    fits = answer.status_code == NO_SUCH_RIGHT
                elif way == "search-type":
                    fits = answer.status_code == 200 and (id_ in answer.text.replace(f"_id={id_}", "")) == there
                else:
                    fits = answer.status_code == (200 if there else NOT_THERE)
                if not fits:
                    wrong.append(f"{way} {what} as {role} of {which}: {answer.status_code} {answer.text[:200]}")
    for what, may in {**PLAIN, **UPDATE}.items():
        type_, _, name = what.partition("/")
        body = (await fhir(network, "GET", f"{type_}/{ids[name]}", _seer(what))).json() if name else None
        for (role, which), key in keys.items():
            asked += 1
            if name:
                answer = await fhir(network, "PUT", f"{type_}/{ids[name]}", key, body, If_Match='W/"0"')
                there = which == "own" and role in READ[what][1]
                fits = answer.status_code == (NO_SUCH_RIGHT if role not in may else 412 if there else NOT_THERE)
            else:
                answer = await fhir(network, "GET", f"{type_}?_count=1", key)
                fits = answer.status_code == (200 if role in may else NO_SUCH_RIGHT)
            if not fits:
                wrong.append(f"{'PUT' if name else 'GET'} {what} as {role} of {which}: {answer.status_code} {answer.text[:200]}")
    for type_ in KINDS:
        for (role, which), key in keys.items():
            if which == "own":
                answer = await fhir(network, "POST", type_, key, {"resourceType": type_})
                asked += 1
                may = CREATE.get(type_, frozenset())
                refused = {422} if role in may else {NO_SUCH_RIGHT} if may else {405}
                if answer.status_code not in refused:
                    wrong.append(f"create {type_} as {role}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert asked > 700
    written = {what.partition("/")[0] for what in (*READ, *PLAIN)}
    assert written == set(KINDS), "a type has no line in the table"
    assert {t for t, w in WRITES.items() if "create" in w.writes} == set(CREATE)
    assert {t for t, w in WRITES.items() if "update" in w.writes} == {what.partition("/")[0] for what in UPDATE}


def _seer(what: str) -> str:
    return "hospital-1" if what.startswith("Subscription") else "coordinator"


async def test_a_record_system_does_what_its_scopes_say_and_no_more(network: Network) -> None:
    known = await _a_referred_patient(network)
    referral = known["referral_id"]
    system = Caller("smart", "smart", "clinic", "hospital-1", of_places("clinic", ["hospital-1"]), None, "smart")

    async def ask(scopes: set[str], method: str, path: str, body: Any = None) -> httpx.Response:
        network.parts.keys.keep("token", replace(system, scopes=frozenset(scopes)))
        return await fhir(network, method, path, "token", body)

    for scopes, method, path, status in (
        ({"system/Task.rs"}, "GET", f"Task/{referral}", 200),
        ({"system/Task.rs"}, "GET", "Task", 200),
        ({"system/Task.rs"}, "GET", f"ServiceRequest/{referral}", 403),
        ({"system/Task.rs"}, "PUT", f"Task/{referral}", 403),
        ({"system/Task.r"}, "GET", "Task", 403),
        ({"system/*.r"}, "GET", f"ServiceRequest/{referral}/_history", 200),
        ({"system/Task.u"}, "GET", f"Task/{referral}", 403),
        ({"system/*.cruds"}, "GET", f"Observation?patient={known['patient_id']}", 403),  # a scope is no right
        (set(), "GET", "Task", 403),
        ({"system/Task.rs", "system/Patient.r"}, "GET", "Task?patient.name=王", 403),
        ({"system/Task.rs", "system/Patient.s"}, "GET", "Task?patient.name=王", 200),
        ({"system/Patient.cruds"}, "PUT", f"Patient/{known['patient_id']}", 403),
    ):
        answer = await ask(scopes, method, path, {"resourceType": "Task"} if method == "PUT" else None)
        assert answer.status_code == status, (scopes, method, path, answer.text)
    brought = (await ask({"system/Task.rs"}, "GET", "Task?_include=Task:focus&_include=Task:patient")).json()
    assert {one["resource"]["resourceType"] for one in brought["entry"]} == {"Task"}
    brought = (await ask({"system/Task.rs", "system/Patient.r"}, "GET", "Task?_include=Task:focus&_include=Task:patient")).json()
    assert {one["resource"]["resourceType"] for one in brought["entry"]} == {"Task", "Patient"}
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in (f"Task/{referral}", f"ServiceRequest/{referral}")],
    }
    answers = (await ask({"system/Task.rs"}, "POST", "", batch)).json()
    assert [one["response"]["status"][:3] for one in answers["entry"]] == ["200", "403"]
