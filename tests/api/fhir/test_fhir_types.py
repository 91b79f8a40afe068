"""What record systems read of a living community: every resource is sound, and each caller sees their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import fhirkit
import pytest
import pytest_asyncio

from api.fhir.registry import KINDS
from api.fhir.required_codes import wrong_codes
from tests.api.fhir.living import Living, ask, every, everything, living_community

pytestmark = pytest.mark.asyncio(loop_scope="module")
shared = pytest_asyncio.fixture(scope="module", loop_scope="module")


@shared
async def living(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Living]:
    """Only read."""
    async with living_community(tmp_path_factory.mktemp("fhir")) as found:
        yield found


async def test_everything_that_is_told_of_a_community_is_sound_r4_and_readable_by_its_id(
    living: Living,
) -> None:
    network, ids = living
    found = await everything(network)
    people = [one for one in found if one["resourceType"] == "Patient"]
    assert len(people) == 7
    assert len({one["id"] for one in people}) == 7
    counted = Counter(one["resourceType"] for one in found)
    assert counted.keys() >= KINDS.keys() - {"Subscription"}, counted
    wrong = [(one["resourceType"], str(issue)) for one in found for issue in fhirkit.validate(one)]
    assert not wrong, wrong[:10]
    codes = [(one["resourceType"], *issue[:2]) for one in found for issue in wrong_codes(one)]
    assert not codes, codes[:10]
    assert max(counted, key=lambda type_: counted[type_]) == "Observation"
    keys = [f"{one['resourceType']}/{one['id']}" for one in found]
    assert len(keys) == len(set(keys))
    for one in {one["resourceType"]: one for one in found}.values():  # one of each
        assert await ask(network, f"{one['resourceType']}/{one['id']}", "coordinator") == one
    assert ids["zhang"] in {one["id"] for one in people}


async def test_a_place_learns_of_a_patient_what_its_own_request_shows_and_nothing_more(
    living: Living,
) -> None:
    network, ids = living
    zhang, referral, refill = ids["zhang"], ids["referral"], ids["refill"]
    seen, supplied = [await ask(network, f"Patient/{zhang}", key) for key in ("hospital-1", "pharmacy-1")]
    basis = {"resourceType", "id", "meta", "name", "telecom"}
    assert (set(seen), set(supplied)) == (basis | {"gender", "birthDate"}, basis)
    others = [one["id"] for one in await every(network, "Patient", "coordinator") if one["id"] != zhang]
    for key in ("hospital-2", "pharmacy-2", "other-manager", "foreign-manager"):
        for path in (f"Patient/{zhang}", f"MedicationRequest/{refill}", f"ServiceRequest/{referral}"):
            assert (await network.http.get(f"/fhir/{path}", headers={"Authorization": f"Bearer {key}"})).status_code in (403, 404)
    assert (await ask(network, "Patient", "hospital-1", _id=",".join([zhang, *others])))["total"] == 1
    assert [one["id"] for one in await every(network, "Patient", "pharmacy-1", name="zhang")] == [zhang]
    why = await ask(network, "Patient", "hospital-1", 400)
    assert "_include=Task:patient" in why["issue"][0]["diagnostics"]
    thread = await every(network, "Communication", "hospital-1", **{"based-on": f"ServiceRequest/{referral}", "_sort": "sent"})
    assert sorted(one["category"][0]["text"] for one in thread) == ["question", "reply"]
    assert len(await every(network, "Communication", patient=zhang)) > len(thread)  # her care team reads the texts, too
    assert await every(network, "Communication", "hospital-2", patient=zhang) == []
    for path, key in (
        ("Observation?patient=x", "hospital-1"),
        ("CarePlan?patient=x", "pharmacy-1"),
        ("PlanDefinition", "pharmacy-1"),
    ):
        assert (await ask(network, path, key, 403))["issue"][0]["code"] == "forbidden"
    handed = await every(network, "MedicationDispense", "pharmacy-1", patient=zhang)
    assert [one["daysSupply"]["value"] for one in handed] == [20, 10]
    assert {one["authorizingPrescription"][0]["reference"] for one in handed} == {f"MedicationRequest/{refill}"}
    assert await every(network, "MedicationDispense", "pharmacy-2", patient=zhang) == []
    assert {one["id"] for one in await every(network, "Organization", "hospital-1")} == {"hospital-1", "network"}
    assert {one["id"] for one in await every(network, "Practitioner", "hospital-1")} == {"key-hospital-1"}


async def test_a_reading_that_was_put_right_is_the_next_version_and_one_that_never_was_stays_as_an_error(
    living: Living,
) -> None:
    network, ids = living
    zhang = ids["zhang"]
    pressures = await every(network, "Observation", patient=zhang, code="http://loinc.org|85354-9", _sort="date")
    shown = [[part["valueQuantity"]["value"] for part in one["component"]] for one in pressures]
    assert (shown[0], sorted(shown[1:3]), shown[3]) == ([150, 95], [[164, 91], [192, 112]], [128, 78])
    (put_right,) = [one for one in pressures if one["status"] == "corrected"]
    history = await ask(network, f"Observation/{put_right['id']}/_history")
    was = [
        (one["resource"]["meta"]["versionId"], one["resource"]["component"][0]["valueQuantity"]["value"])
        for one in history["entry"]
    ]
    assert was == [("2", 164), ("1", 146)]
    (lost,) = await every(network, "Observation", patient=zhang, status="entered-in-error")
    assert lost["code"]["coding"][0]["code"] == "14771-0"  # millimoles: not the code of milligrams
    assert {one["status"] for one in await every(network, "Observation", patient=zhang, **{"status:not": "entered-in-error"})} == {
        "final",
        "corrected",
    }
    assert len(await every(network, "Observation", patient=zhang, **{"combo-code": "8480-6"})) == len(pressures)
    pages = await every(network, "Observation", patient=zhang, _count=2, _sort="-date,code")
    assert len({one["id"] for one in pages}) == len(pages) == len(await every(network, "Observation", subject=f"Patient/{zhang}"))
    days = [one["effectiveDateTime"] for one in pages]
    assert days == sorted(days, reverse=True)
    assert {one["effectiveDateTime"][:10] for one in await every(network, "Observation", patient=zhang, date="ge2025-04-01")} == {
        "2025-04-07"
    }
    assert await every(network, "Observation", patient=zhang, category="laboratory", date="lt2025-01-01") == []
    assert "patient=Patient/id" in (await ask(network, "Observation", expected=400))["issue"][0]["diagnostics"]


async def test_a_patient_is_found_by_what_a_record_system_knows_of_them(living: Living) -> None:
    network, ids = living
    zhang = ids["zhang"]

    async def found(key: str = "coordinator", **query: str) -> list[str]:
        return [one["id"] for one in await every(network, "Patient", key, **query)]

    for query in (
        {"identifier": "urn:cairn:roster|mrn-7"},
        {"family": "zha", "birthdate": "1958-04-02"},
        {"family:exact": "Zhang", "given": "ming"},
        {"phone": "+8613800000009"},
        {"telecom": "13800000010"},  # the carer's, as it is dialled there
        {"name": "wei zhang", "gender": "male", "active": "true"},
        {"_id": zhang, "_lastUpdated": "ge2025-04-07"},
        {"general-practitioner": "Organization/team-1"},
    ):
        assert await found(**query) == [zhang], query
    for query in ({"family": "wei"}, {"family:exact": "zhang"}, {"name": "zhang", "birthdate": "gt1958-04-02"}, {"phone": "120"}):
        assert await found(**query) == [], query
    assert len(await found(organization="Organization/centre-1")) == 7
    assert await found("other-manager", identifier="urn:cairn:roster|mrn-7") == []
    for query, word in (
        ({"birthdate": "1958-04-02"}, "add identifier"),
        ({"identifier": "mrn-7"}, "system|value"),
        ({"active": "false"}, "add organization"),
    ):
        assert word in (await ask(network, "Patient", "coordinator", 400, **query))["issue"][0]["diagnostics"]
    both = await ask(network, "Patient", _id=zhang, _include="Patient:general-practitioner")
    assert [one["resource"]["resourceType"] for one in both["entry"]] == ["Patient", "Organization"]


async def test_what_was_ordered_planned_and_done_is_found_by_its_own_words(living: Living) -> None:
    network, ids = living
    zhang, refill = ids["zhang"], ids["refill"]
    (request,) = await every(network, "MedicationRequest", "pharmacy-1", status="completed")
    assert (request["id"], request["medicationCodeableConcept"]["coding"][0]["code"]) == (refill, "C08CA01")
    active = await every(network, "MedicationRequest", "pharmacy-1", status="active", _count=2)
    assert len({one["id"] for one in active}) == len(active) > 2
    assert {one["status"] for one in active} == {"active"}
    assert [
        one["id"] for one in await every(network, "MedicationRequest", patient=zhang, code="http://www.whocc.no/atc|C08CA01")
    ] == [refill]
    versions = await ask(network, f"MedicationRequest/{refill}/_history")
    assert [one["resource"]["status"] for one in versions["entry"]] == ["completed", "active", "active", "active"]

    told = await every(network, "Provenance", "hospital-1", target=f"Task/{ids['referral']}", _sort="recorded")
    assert [one["recorded"] for one in told] == sorted(one["recorded"] for one in told)
    first, received, asked, replied = sorted(told, key=lambda one: int(one["target"][0]["reference"].rpartition("/")[2]))[:4]
    assert first["activity"]["coding"][0]["code"] == "CREATE"
    by = [(one["agent"][0]["who"], one["agent"][0].get("onBehalfOf", {}).get("reference")) for one in (received, replied)]
    assert by == [
        ({"reference": "Practitioner/key-hospital-1", "display": "hospital-1"}, "Organization/hospital-1"),
        ({"reference": "Organization/team-1"}, None),  # who it was there is for their own people
    ]
    assert asked["target"][0]["reference"] == f"Task/{ids['referral']}/_history/3"
    own = await every(
        network, "Provenance", "manager", target=f"ServiceRequest/{ids['referral']}", agent="Practitioner/key-manager"
    )
    assert [one["id"] for one in own] == [replied["id"]]

    (plan,) = await every(
        network, "CarePlan", patient=zhang, status="active", **{"instantiates-canonical": "urn:cairn:pathway:hypertension"}
    )
    assert {one["detail"]["kind"] for one in plan["activity"]} >= {"Appointment", "MedicationRequest", "CommunicationRequest"}
    url, version = plan["instantiatesCanonical"][0].split("|")
    (definition,) = await every(network, "PlanDefinition", url=url, version=version)
    assert definition["name"] == "Hypertension"
    assert [one["id"] for one in await every(network, "Organization", partof="Organization/centre-1", type="team")] == ["team-1"]
    assert (await ask(network, "Practitioner/key-doctor"))["name"] == [{"text": "doctor"}]
    assert await every(network, "CarePlan", "other-manager", patient=zhang) == []
