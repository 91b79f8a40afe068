"""People who come by FHIR: stored once, laid before the care team where no pathway is for them, put right, found by name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from records.database import Database
from records.tables import Patient
from tests.api.conftest import Network, a_network
from tests.api.fhir.test_fhir_batches import bundle, entry
from tests.api.fhir.test_fhir_creates import coded, pressure, quantity
from tests.api.fhir.test_fhir_writes import fhir, why
from tests.api.test_changes import referred

MRN = "urn:hospital:mrn"
HEART_RATE = "8867-4"


def person(mrn: str = "4711", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": mrn}],
        "name": [{"family": "李", "given": ["小龙"]}],
        "gender": "male",
        "birthDate": "1959-11-27",
        "telecom": [{"system": "phone", "use": "mobile", "value": "138 0000 4711"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "zh-CN"}]}, "preferred": True}],
        "address": [{"country": "CN", "city": "上海"}],
    }
    return {name: value for name, value in (made | more).items() if value is not None}


async def _people(network: Network) -> int:
    async with network.parts.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Patient)) or 0


async def _task(network: Network, patient: str, key: str = "manager") -> dict[str, Any] | None:
    tasks = (await network.get("/tasks", key, kind="choose_pathway")).json()["items"]
    return next((task for task in tasks if task["patient"]["id"] == patient), None)


async def _found(network: Network, path: str, key: str = "manager") -> list[str]:
    answer = await fhir(network, "GET", path, key=key)
    assert answer.status_code == 200, answer.text
    return [one["resource"]["id"] for one in answer.json().get("entry", ()) if one["search"]["mode"] == "match"]


async def test_somebody_new_is_stored_once_and_laid_before_their_care_team_until_a_pathway_is_chosen(network: Network) -> None:
    sent = person(generalPractitioner=[{"reference": "Organization/team-2"}])
    made = await fhir(network, "POST", "Patient", sent, "coordinator")
    assert made.status_code == 201, made.text
    shown = made.json()
    assert (shown["name"][0]["text"], shown["birthDate"], shown["active"]) == ("李小龙", "1959-11-27", True)
    assert (shown["telecom"][0]["value"], shown["generalPractitioner"][0]["reference"]) == ("+8613800004711", "Organization/team-2")
    assert made.headers["etag"] == f'W/"{shown["meta"]["versionId"]}"'
    assert made.headers["location"].endswith(f"/fhir/Patient/{shown['id']}/_history/{shown['meta']['versionId']}")
    assert (await fhir(network, "GET", f"Patient/{shown['id']}", key="coordinator")).json() == shown
    task = await _task(network, shown["id"], "other-manager")
    assert task is not None
    assert (task["due"], task["why"], task["by"]) == ("2025-03-10", "Choose a pathway", "coordinator")
    assert await _task(network, shown["id"]) is None  # another team's

    again = await fhir(network, "POST", "Patient", person(), "coordinator")  # by whichever door: the one who is there
    assert (again.status_code, again.json()) == (200, shown)
    asked = await fhir(network, "POST", "Patient", person(), "coordinator", If_None_Exist=f"identifier={MRN}|4711")
    assert (asked.status_code, asked.json()["id"]) == (200, shown["id"])
    foreign = await fhir(network, "POST", "Patient", person(), "manager")
    assert (foreign.status_code, "another care team" in why(foreign), shown["id"] in foreign.text) == (409, True, False)
    assert await _people(network) == 1
    for path in ("", "/plan", "/timeline", "/events", "/messages", "/why?day=2025-03-10"):  # on no pathway, and on every page
        seen = await network.http.get(f"/api/v1/patients/{shown['id']}{path}", headers={"Authorization": "Bearer other-manager"})
        assert seen.status_code == 200, (path, seen.text)
    for type_ in ("CarePlan", "Observation", "Communication", "Task", "Provenance"):
        await _found(network, f"{type_}?patient={shown['id']}", "other-manager")

    told = await network.post(f"/patients/{shown['id']}/conditions", {"conditions": ["hypertension"]}, "other-manager")
    assert (told.json()["pathways"], bool(told.json()["due"])) == (["hypertension"], True), told.text
    assert await _task(network, shown["id"], "other-manager") is None


async def test_of_several_who_send_one_person_at_once_one_stores_them(database: Database, tmp_path: Path) -> None:
    async with a_network(database, tmp_path) as network:
        sent = [fhir(network, "POST", "Patient", person(telecom=None), "manager") for _ in range(3)]
        sent += [fhir(network, "POST", "", bundle("transaction", *arrival("4711", 72, n=n)), "manager") for n in (2, 4)]
        answers = await asyncio.gather(*sent)
        made = [str(one.status_code) for one in answers[:3]]
        made += [one.json()["entry"][0]["response"]["status"] for one in answers[3:] if one.status_code == 200]
        assert made.count("201") == 1, [one.text[:300] for one in answers]
        assert await _people(network) == 1
        (patient,) = await _found(network, f"Patient?identifier={MRN}|4711")
        assert (await network.get(f"/patients/{patient}")).json()["life"] == "active"


async def test_of_whom_only_a_name_is_known_is_taken_and_the_task_says_what_to_ask(network: Network) -> None:
    sent = {"resourceType": "Patient", "id": "mine", "name": [{"family": "Smith", "given": ["Ann"]}]}
    one = await fhir(network, "POST", "Patient", sent, "manager", Idempotency_Key="arrival 7")
    two = await fhir(network, "POST", "Patient", sent, "manager", Idempotency_Key="arrival 7")
    other = await fhir(network, "POST", "Patient", sent, "manager")
    assert [one.status_code, two.status_code, other.status_code] == [201, 200, 201]
    assert one.json()["id"] == two.json()["id"] != other.json()["id"]  # a sender's own id names nobody here
    patient = one.json()["id"]
    task = await _task(network, patient)
    assert task is not None
    assert task["why"] == "Choose a pathway (not known: birth date, a record number)"
    lines = (await network.get(f"/patients/{patient}/timeline")).json()["items"]
    assert "Not known of the person, to be asked: birth date, a record number" in [line["text"] for line in lines]

    # A pathway that asks for their age is not for somebody whose age nobody knows; once it is known, it is.
    early = (await network.post(f"/patients/{patient}/conditions", {"conditions": ["hypertension"]})).json()
    assert early["pathways"] == []
    assert any("cannot be told" in match["why"] for match in early["matches"])
    put = await fhir(network, "PUT", f"Patient/{patient}", person("4713", telecom=None), "manager")
    assert (put.status_code, put.json()["birthDate"], put.json()["identifier"][0]["value"]) == (200, "1959-11-27", "4713"), put.text
    task = await _task(network, patient)
    assert task is not None
    assert task["why"] == "Choose a pathway"
    told = await network.post(f"/patients/{patient}/conditions", {"conditions": ["hypertension"]})
    assert told.json()["pathways"] == ["hypertension"], told.text


async def test_whoever_cannot_be_taken_in_is_refused_with_what_is_wrong_and_nobody_is_stored(network: Network) -> None:
    for broken, says in (
        ({"name": None, "identifier": None}, "No name"),
        ({"name": None, "birthDate": None}, "No name"),
        ({"birthDate": "2031-01-01"}, "has not come"),
        ({"deceasedBoolean": True}, "Patient.deceased"),
        ({"deceasedDateTime": "2024-12-01"}, "Patient.deceased"),
        ({"active": False}, "Patient.active"),
        ({"link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]}, "Patient.link"),
        ({"telecom": [{"system": "phone", "value": "12"}]}, "country code"),
        ({"name": [{"family": "李" * 300}]}, "at most 200"),
        ({"identifier": [{"system": MRN, "value": "9" * 500}]}, "Patient.identifier"),
        ({"gender": "lady 李"}, "Patient.gender"),
        ({"nickname": "Li"}, "Patient"),
    ):
        answer = await fhir(network, "POST", "Patient", person(**broken), "manager")
        assert (answer.status_code, says in answer.text, "李" in answer.text) == (422, True, False), (broken, answer.text)
    for key in ("hospital-1", "pharmacy-1", "auditor"):
        assert (await fhir(network, "POST", "Patient", person(), key)).status_code == 403
    assert await _people(network) == 0


async def test_who_somebody_is_is_put_right_and_a_new_number_is_asked_first(network: Network) -> None:
    patient = (await fhir(network, "POST", "Patient", person(), "manager")).json()["id"]
    await fhir(network, "POST", "Patient", person("4799", telecom=None), "manager")
    before = await fhir(network, "GET", f"Patient/{patient}", key="manager")
    read = before.headers["etag"]
    new = {
        **before.json(),
        "name": [{"family": "李", "given": ["大龙"]}],
        "gender": "other",
        "birthDate": "1959-11-28",
        "identifier": [*before.json()["identifier"], {"system": "urn:insurer", "value": "77"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en"}]}}],
        "telecom": [{"system": "phone", "value": "138 0000 9999"}],
        "address": [{"country": "CN", "city": "北京"}],
    }
    put = await fhir(network, "PUT", f"Patient/{patient}", new, "manager", If_Match=read, Idempotency_Key="put 1")
    assert put.status_code == 200, put.text
    now = put.json()
    assert (now["name"][0]["text"], now["gender"], now["birthDate"]) == ("李大龙", "other", "1959-11-28")
    assert [one["value"] for one in now["identifier"]] == ["4711", "77"]
    assert (now["communication"][0]["language"]["coding"][0]["code"], "address" in now) == ("en", False)
    assert now["telecom"][0]["value"] == "+8613800004711"  # until the other one is confirmed
    waiting = (await network.get(f"/patients/{patient}/numbers")).json()["waiting"]
    assert [one["number"] for one in waiting] == ["+8613800009999"]
    assert put.headers["etag"] != read
    assert await _found(network, "Patient?identifier=urn:insurer|77") == [patient]
    assert (await _found(network, "Patient?given=大龙"), patient in await _found(network, "Patient?given=小龙")) == (
        [patient],
        False,
    )
    lines = [line["code"] for line in (await network.get(f"/patients/{patient}/timeline")).json()["items"]]
    assert "person_changed" in lines
    repeated = await fhir(network, "PUT", f"Patient/{patient}", new, "manager", If_Match=read, Idempotency_Key="put 1")
    assert (repeated.status_code, repeated.json()) == (200, now)
    stale = await fhir(network, "PUT", f"Patient/{patient}", new, "manager", If_Match=read)
    assert stale.status_code == 412
    same = await fhir(network, "PUT", f"Patient/{patient}", now, "manager", If_Match=put.headers["etag"])
    assert (same.status_code, same.json()) == (200, now)  # what was read, sent back, changes nothing
    given = [{"op": "replace", "path": "/name/0/given/0", "value": "二龙"}]
    patched = await fhir(network, "PATCH", f"Patient/{patient}", given, "manager", Content_Type="application/json-patch+json")
    assert patched.json()["name"][0]["text"] == "李二龙", patched.text

    # What a record system sends of its own world, again and again, changes nothing and is no reason to refuse the rest.
    theirs = {
        **person(gender="female", name=None, birthDate=None, telecom=None, communication=None),
        "extension": [{"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": "F"}],
        "managingOrganization": {"reference": "Organization/our-own-hospital"},
        "generalPractitioner": [{"reference": "Practitioner/dr-wu"}],
        "contact": [{"name": {"text": "李母"}}],
        "deceasedBoolean": False,
        "active": True,
        "maritalStatus": {"text": "married"},
    }
    put = await fhir(network, "PUT", f"Patient/{patient}", theirs, "manager")
    assert (put.status_code, put.json()["gender"], put.json()["name"][0]["text"]) == (200, "female", "李二龙"), put.text

    zone = "http://hl7.org/fhir/StructureDefinition/timezone"
    for broken, status, says in (
        ({"deceasedBoolean": True}, 422, "/died"),
        ({"deceasedDateTime": "2025-01-01"}, 422, "/died"),
        ({"active": False}, 422, "withdraw"),
        ({"managingOrganization": {"reference": "Organization/centre-2"}}, 422, "/move"),
        ({"extension": [{"url": zone, "valueCode": "Asia/Tokyo"}]}, 422, "/move"),
        ({"link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]}, 422, "Patient.link"),
        ({"generalPractitioner": [{"reference": "Organization/team-2"}]}, 422, "/move"),
        ({"contact": [{"telecom": [{"system": "phone", "value": "138 0000 1234"}]}]}, 422, "/move"),
        ({"identifier": [{"system": MRN, "value": "4799"}]}, 409, "somebody else's"),
        ({"birthDate": "2031-01-01"}, 422, "has not come"),
        ({"telecom": [{"system": "phone", "value": "12"}]}, 422, "country code"),
        ({"communication": [{"language": {"text": "the tongue of angels"}}]}, 422, "Patient.communication"),
    ):
        answer = await fhir(network, "PATCH", f"Patient/{patient}", broken, "manager")
        assert (answer.status_code, says in answer.text) == (status, True), (broken, answer.text)
    assert (await fhir(network, "PUT", f"Patient/{patient}", now, "other-manager")).status_code == 404
    assert (await fhir(network, "DELETE", f"Patient/{patient}", key="manager")).status_code == 405
    engine = (await network.get(f"/patients/{patient}")).json()
    assert (engine["born"], engine["sex"], engine["language"]) == ("1959-11-28", "female", "en")


def arrival(mrn: str, value: float, *, n: int = 1) -> list[dict[str, Any]]:
    urn = f"urn:uuid:3f1c7c3e-0000-4000-8000-{n:012d}"
    reading = {
        "resourceType": "Observation", "status": "final", "code": coded(HEART_RATE), "subject": {"reference": urn},
        "effectiveDateTime": "2025-03-02T23:30:00Z", "valueQuantity": quantity(value, "/min"),
    }  # fmt: skip
    who = {"fullUrl": urn, **entry("POST", "Patient", person(mrn, telecom=None))}
    return [entry("POST", "Observation", reading), who] if n % 2 else [who, entry("POST", "Observation", reading)]


async def test_a_new_person_and_their_readings_come_in_one_transaction_or_not_at_all(network: Network) -> None:
    answer = await fhir(network, "POST", "", bundle("transaction", *arrival("5001", 72, n=2)), "manager")
    assert answer.status_code == 200, answer.text
    assert [one["response"]["status"] for one in answer.json()["entry"]] == ["201", "201"]
    patient, reading = (one["resource"] for one in answer.json()["entry"])
    assert reading["subject"]["reference"] == f"Patient/{patient['id']}"
    shown = (await network.get(f"/patients/{patient['id']}")).json()
    assert (shown["life"], shown["readings"]["heart_rate"]["value"], shown["pathways"]) == ("active", 72.0, [])  # woken, and kept
    assert await _task(network, patient["id"]) is not None
    assert (await fhir(network, "GET", f"Patient/{patient['id']}", key="manager")).json()["meta"] == patient["meta"]

    known = await fhir(network, "POST", "", bundle("transaction", *arrival("5001", 75, n=4)), "manager")  # the one who is there
    assert [one["response"]["status"] for one in known.json()["entry"]] == ["200", "201"], known.text
    assert len(await _found(network, f"Observation?patient={patient['id']}")) == 2

    woken, people = len(network.waker.woken), await _people(network)
    wrong = await fhir(network, "POST", "", bundle("transaction", *arrival("5002", 7200, n=6)), "manager")
    assert (wrong.status_code, "nothing of the transaction was stored" in why(wrong)) == (422, True)
    assert (len(network.waker.woken), await _people(network)) == (woken, people)
    assert await _found(network, f"Patient?identifier={MRN}|5002") == []


async def _refused(network: Network, path: str, key: str = "manager") -> tuple[int, str]:
    answer: httpx.Response = await fhir(network, "GET", path, key=key)
    return answer.status_code, why(answer)


async def test_what_is_searched_through_a_patient_is_what_the_caller_finds_by_name_and_no_more(network: Network) -> None:
    task = await referred(network, 1)  # 王秀英, of team-1, to hospital-1
    patient = (await network.get(f"/referrals/{task}", "manager")).json()["patient"]["id"]
    other = await network.enrol(identifier="B-1", name="Smith", phone="")
    for one in (patient, other):
        await fhir(network, "POST", "Observation", pressure(one, 130, 80), "manager")

    theirs = set(await _found(network, f"Observation?patient={patient}"))
    assert theirs
    whole = (await fhir(network, "GET", f"Patient/{patient}", key="manager")).json()
    mrn = f"{whole['identifier'][0]['system']}|mrn-1"
    for chain in (
        "subject:Patient.name=王秀英",
        "patient.name:exact=王秀英",
        f"patient.identifier={mrn}",
        f"patient._id={patient}",
    ):
        assert set(await _found(network, f"Observation?{chain}")) == theirs, chain
    assert set(await _found(network, "Observation?subject:Patient.name=王&patient.gender=female")) == theirs
    assert await _found(network, "Observation?patient.name=王&patient.gender=male") == []
    assert set(await _found(network, "Observation?patient.name=王,Smith")) > theirs
    assert await _found(network, "Task?patient.name=王&code=fulfill") == [task]
    assert await _found(network, "Observation?patient.name=王", "other-manager") == []
    counted = await fhir(network, "GET", "Observation?patient.name=nobody&_summary=count", key="manager")
    assert counted.json()["total"] == 0
    paged = (await fhir(network, "GET", "Observation?patient.name=王&_count=1", key="manager")).json()
    (next_,) = [link["url"] for link in paged["link"] if link["relation"] == "next"]
    assert "patient.name" in next_
    assert set(await _found(network, next_.partition("/fhir/")[2])) < theirs

    # A place finds through a name whom its own requests are about, and cannot learn by what it is not shown.
    assert await _found(network, "Task?patient.name=王", "hospital-1") == [task]
    assert await _found(network, "Task?patient.name=Smith", "hospital-1") == []
    assert await _found(network, "Task?patient.name=王", "hospital-2") == []
    assert await _found(network, f"Task?patient.name=王&patient.identifier={mrn}", "hospital-1") == []
    assert (await _refused(network, "Task?patient.active=true", "hospital-1"))[0] == 400

    for n in range(21):
        await network.enrol(identifier=f"C-{n}", name=f"Jones {n:02d}", phone="")
    status, told = await _refused(network, "Observation?patient.name=Jones")
    assert (status, "More than 20 patients" in told) == (400, True)
    for path in (
        "Observation?patient.colour=red",
        "Observation?patient.organization.name=x",
        "Observation?performer.name=x",
        "Observation?patient.gender=female",
        "Observation?patient._count=3&patient=x",
        "Task?owner:Organization.name=x",
        "Task?owner:Patient.name=x",
    ):
        assert (await _refused(network, path))[0] == 400, path
    lenient = await fhir(
        network, "GET", f"Observation?patient={patient}&patient.colour=red", key="manager", Prefer="handling=lenient"
    )
    assert {one["resource"]["id"] for one in lenient.json()["entry"] if one["search"]["mode"] == "match"} == theirs
    said = (await network.http.get("/fhir/metadata")).json()["rest"][0]["resource"]
    (observation,) = [one for one in said if one["type"] == "Observation"]
    assert any("patient.family" in one["documentation"] for one in observation["searchParam"] if one["name"] == "subject")
    (people,) = [one for one in said if one["type"] == "Patient"]
    assert [one["code"] for one in people["interaction"]] == ["read", "update", "patch", "create", "search-type"]
