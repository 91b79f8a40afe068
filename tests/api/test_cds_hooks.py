"""A doctor's record system asks what Cairn would advise: before a patient, while writing, before signing."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from pathways.language.checks_of_medicine import taken_of
from pathways.language.medicines import shipped_checks
from records.callers import hashed
from records.database import Database, migrate
from records.tables import ApiKey, AuditSubject, HookFeedback, Organisation
from tests.api.asking_hooks import asked, bundle, call, medicine, observation, person
from tests.api.conftest import KEYS, START, Network, a_network

ROOT = Path(__file__).resolve().parents[2]
GIVEN = Path(os.environ.get("CAIRN_CLINICAL_CASES") or next(ROOT.parent.glob("*/clinical"), ROOT / "no-cases-given"))
SIGN, SELECT, VIEW = "cairn-order-sign", "cairn-order-select", "cairn-patient-view"
TODAY = START.date()


pytestmark = pytest.mark.asyncio(loop_scope="module")
shared = pytest_asyncio.fixture(scope="module", loop_scope="module")


@asynccontextmanager
async def _over_sqlite(folder: Path) -> AsyncIterator[Network]:
    database = Database.open(f"sqlite+aiosqlite:///{folder / 'cairn.db'}")
    await migrate(database)
    async with a_network(database, folder) as network:
        yield network
    await database.close()


@shared
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    """Shared: hooks change nothing but the list of cards that were shown."""
    async with _over_sqlite(tmp_path_factory.mktemp("hooks")) as network:
        yield network


@shared
async def wang(place: Network) -> str:
    """Enrolled with the identifier A-1; her blood pressure is controlled, amlodipine lasts until 22 March."""
    return await place.enrol(readings={"sbp": 132, "dbp": 82, "egfr": 28}, measured_on="2025-02-20")


async def _cards(place: Network, service: str, body: Any, key: str = "doctor", **headers: str) -> list[dict[str, Any]]:
    answer = await call(place.http, service, body, key, **headers)
    assert answer.status_code == 200, answer.text
    cards: list[dict[str, Any]] = answer.json()["cards"]
    for card in cards:
        assert 0 < len(card["summary"]) < 140
        assert card["indicator"] in ("info", "warning", "critical")
        assert card["source"]["label"]
    return cards


def _identified(value: str = "A-1") -> dict[str, Any]:
    return person(identifier=[{"system": "urn:cairn:roster", "value": value}])


async def test_anybody_may_ask_which_services_there_are(place: Network) -> None:
    services = {one["id"]: one for one in (await place.http.get("/cds-services")).json()["services"]}
    assert {id_: one["hook"] for id_, one in services.items()} == {VIEW: "patient-view", SELECT: "order-select", SIGN: "order-sign"}
    for one in services.values():
        assert {"title", "description", "prefetch"} <= one.keys()
    assert "{{context.patientId}}" in services[SIGN]["prefetch"]["observations"]


async def test_a_doctor_who_opens_a_patient_sees_tag_what_is_overdue_and_why(place: Network, wang: str) -> None:
    (card,) = await _cards(place, VIEW, asked("patient-view", patientId=wang))
    assert "nothing overdue" in card["summary"]
    assert "HTN" in card["detail"]
    assert card["links"] == [{"label": "Open in Cairn", "url": f"https://cairn.example/patients/{wang}", "type": "absolute"}]
    (chinese,) = await _cards(place, VIEW, asked("patient-view", patientId=wang), **{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "无超期" in chinese["summary"]
    (by_number,) = await _cards(place, VIEW, asked("patient-view", prefetch={"patient": _identified()}), "hospital-1")
    assert by_number["summary"] == card["summary"]
    assert "links" not in by_number  # a hospital has no page of ours to open
    async with place.parts.database.reading() as session:
        assert wang in set(await session.scalars(select(AuditSubject.patient_id)))


@pytest.mark.parametrize(
    ("key", "who"),
    [
        ("doctor", {"patientId": "somebody"}),
        ("other-manager", {"patientId": "wang"}),  # of another team
        ("foreign-hospital", {"patientId": "wang"}),  # of another network
        ("hospital-1", {"prefetch": {"patient": _identified("B-2")}}),
    ],
)
async def test_somebody_elses_patient_is_silent_as_nobody_is(place: Network, wang: str, key: str, who: dict[str, Any]) -> None:
    if key not in KEYS:
        await _another_network(place)
    told = {name: wang if value == "wang" else value for name, value in who.items()}
    assert await _cards(place, VIEW, asked("patient-view", **told), key) == []


async def _another_network(place: Network) -> None:
    async with place.parts.database.begin() as session:
        session.add(Organisation(id="network-9", kind="network", name="Other", network_id="network-9"))
        await session.flush()
        session.add(Organisation(id="hospital-9", kind="hospital", name="9", parent_id="network-9", network_id="network-9"))
        key = "foreign-hospital"
        session.add(ApiKey(hash=hashed(key), id=key, name=key, role="clinic", place="hospital-9", created=START))


async def test_whoever_has_left_is_silent_and_whoever_is_late_is_told(tmp_path: Path) -> None:
    async with _over_sqlite(tmp_path) as network:
        patient = await network.enrol()
        await network.move_to("2025-07-01T01:00:00Z")
        (card,) = await _cards(network, VIEW, asked("patient-view", patientId=patient))
        assert card["indicator"] == "warning"
        assert "overdue" in card["summary"]
        assert "the supply ended on" in card["detail"]
        await network.post(f"/patients/{patient}/withdraw", {})
        assert await _cards(network, VIEW, asked("patient-view", patientId=patient)) == []


async def test_what_cairn_knows_of_the_patient_is_used_where_nothing_came_along(place: Network, wang: str) -> None:
    (card,) = await _cards(place, SIGN, asked("order-sign", patientId=wang, drafts=[medicine("Metformin 500 MG", "d1")]))
    assert card["indicator"] == "critical"
    assert card["source"]["topic"]["code"] == "MED-M1"
    assert "28" in card["detail"]
    assert "FDA Drug Safety Communication" in card["source"]["label"]
    assert {one["code"] for one in card["overrideReasons"]} >= {"will-monitor", "other"}
    (twice,) = await _cards(place, SIGN, asked("order-sign", patientId=wang, drafts=[medicine("硝苯地平控释片", "d1")]))
    assert twice["source"]["topic"]["code"] == "MED-D1"
    assert "amlodipine" in twice["detail"]
    again = asked("order-sign", patientId=wang, drafts=[medicine("amlodipine 5 mg", "d1")])
    assert await _cards(place, SIGN, again) == []  # what she takes, written anew, is not taken twice


async def test_the_newer_of_two_readings_counts(place: Network, wang: str) -> None:
    for value, day, rows in ((80.0, "2025-03-01", []), (80.0, "2025-01-01", ["MED-M1"])):
        sent = {"patient": _identified(), "observations": bundle([observation("egfr", value, day)])}
        cards = await _cards(
            place, SIGN, asked("order-sign", patientId=wang, drafts=[medicine("metformin", "d1")], prefetch=sent), "hospital-1"
        )
        assert [card["source"]["topic"]["code"] for card in cards] == rows


async def test_a_patient_who_is_not_ours_is_checked_with_what_came_along(place: Network) -> None:
    sent = {
        "patient": person(),
        "medications": bundle([medicine("warfarin 3 mg", "m1", status="active"), medicine("ibuprofen", "m2", status="stopped")]),
        "conditions": bundle([
            {"resourceType": "Condition", "clinicalStatus": {"coding": [{"code": "active"}]}, "code": {"text": "Asthma"}}
        ]),
        "observations": None,
    }  # fmt: skip
    drafts = [medicine("naproxen 500 mg", "d1"), medicine("propranolol", "d2")]
    cards = await _cards(place, SIGN, asked("order-sign", drafts=drafts, prefetch=sent))
    assert [card["source"]["topic"]["code"] for card in cards] == ["MED-B2", "MED-H5"]
    assert "naproxen" in cards[0]["summary"]
    assert "propranolol" not in cards[0]["summary"]
    assert "warfarin" in cards[0]["detail"]


async def test_while_writing_only_what_is_selected_is_looked_at(place: Network) -> None:
    drafts = [medicine("enalapril", "d1"), medicine("valsartan", "d2"), medicine("bisoprolol", "d3")]
    for chosen, said in (["d1"], ["MED-R2"]), (["d3"], []), ([], []):
        body = asked(
            "order-select", drafts=drafts, selections=[f"MedicationRequest/{one}" for one in chosen], prefetch={"patient": person()}
        )
        cards = await _cards(place, SELECT, body)
        assert [card["source"]["topic"]["code"] for card in cards] == said


async def test_what_cannot_be_known_is_said_and_not_passed_over(place: Network) -> None:
    nothing = await call(place.http, SIGN, asked("order-sign", drafts=[medicine("metformin", "d1")]), "doctor")
    assert (nothing.status_code, "prefetch" in nothing.json()["detail"]) == (412, True)
    failed = asked("order-sign", drafts=[medicine("metformin", "d1")], prefetch={"patient": {"resourceType": "OperationOutcome"}})
    assert (await call(place.http, SIGN, failed, "doctor")).status_code == 412
    referred = {**medicine("", "d1"), "medicationReference": {"reference": "Medication/7"}}
    del referred["medicationCodeableConcept"]
    answer = await call(place.http, SIGN, asked("order-sign", drafts=[referred], prefetch={"patient": person()}), "doctor")
    assert (answer.status_code, "medicationCodeableConcept" in answer.json()["detail"]) == (412, True)
    there = {
        "resourceType": "Medication",
        "id": "7",
        "code": {"coding": [{"system": "http://www.whocc.no/atc", "code": "C07AA05"}]},
    }
    cards = await _cards(place, SIGN, asked("order-sign", drafts=[referred, there], prefetch={"patient": person()}))
    assert cards == []
    (unknown,) = await _cards(
        place, SIGN, asked("order-sign", drafts=[medicine("marvelmycin", "d1")], prefetch={"patient": person()})
    )
    assert (unknown["indicator"], "marvelmycin" in unknown["summary"]) == ("info", True)


async def test_a_doctors_answer_to_a_card_is_counted_by_row_and_says_nothing_of_anybody(place: Network, wang: str) -> None:
    (card,) = await _cards(place, SIGN, asked("order-sign", patientId=wang, drafts=[medicine("metformin", "d1")]), "hospital-1")
    why = {"reason": {"code": "will-monitor", "system": "urn:cairn:cds"}, "userComment": "王秀英 asked for it"}
    told = {"feedback": [
        {"card": card["uuid"], "outcome": "overridden", "overrideReason": why, "outcomeTimestamp": "2025-03-03T01:00:00Z"},
        {"card": "never-shown", "outcome": "accepted", "acceptedSuggestions": [{"id": "x"}]},
    ]}  # fmt: skip
    for key, known in (("hospital-2", 0), ("hospital-1", 1), ("hospital-1", 1)):
        answer = await call(place.http, f"{SIGN}/feedback", told, key)
        assert (answer.status_code, answer.json()) == (200, {"cards": known})
    counts = (await place.get("/hook-feedback", "supervisor")).json()["items"]
    assert {"service": SIGN, "row": "MED-M1", "outcome": "overridden", "reason": "will-monitor", "cards": 1} in counts
    async with place.parts.database.reading() as session:
        for row in await session.scalars(select(HookFeedback)):
            assert "王" not in str(vars(row))


@pytest.mark.parametrize(
    ("service", "body", "status"),
    [
        ("cairn-nothing", asked("order-sign"), 404),
        (SIGN, asked("patient-view"), 422),
        (SIGN, {**asked("order-sign"), "context": {"patientId": "1"}}, 422),
        (VIEW, {**asked("patient-view"), "context": {}}, 422),
        (VIEW, {"hook": "patient-view"}, 422),
        (SIGN, asked("order-sign", drafts=[medicine("metformin", str(n)) for n in range(61)]), 422),
    ],
)
async def test_a_call_that_cannot_be_understood_is_told_what_would_be_right(
    place: Network, service: str, body: Any, status: int
) -> None:
    answer = await call(place.http, service, body, "doctor")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", ["", "supervisor", "administrator", "pharmacy-1", "gateway"])
async def test_who_may_not_call_is_turned_away(place: Network, key: str) -> None:
    answer = await call(place.http, VIEW, asked("patient-view"), key)
    assert answer.status_code == (403 if key else 401)


def _case(case: dict[str, Any]) -> dict[str, Any]:
    """A given case as a record system would send it: what is not newly started is taken already, the last one is written."""
    context, taken = case["context"], taken_of(case["drugs"])
    measured = TODAY - timedelta(days=context.get("egfr_age_days", 10))
    readings = {name: value for name, value in context.items() if name in ("egfr", "potassium")}
    readings |= {"egfr": 80.0} if "egfr_age_days" in context else {}
    observations = [observation(name, value, measured.isoformat()) for name, value in readings.items()]
    born = date(TODAY.year - context.get("age", 50), 1, 1).isoformat()
    written = [
        medicine(f"{one.name} {one.dose:g} mg" if one.dose else one.name, f"d{n}", reason=context.get("indication", ""))
        for n, one in enumerate(taken)
    ]
    already = [{**one, "id": f"m{n}", "status": "active"} for n, one in enumerate(written) if not taken[n].starting]
    sent = {"patient": person(birthDate=born), "medications": bundle(already), "observations": bundle(observations)}
    return asked("order-sign", drafts=written[-1:], prefetch=sent)


async def test_the_given_cases_come_out_at_signing_as_expected(place: Network) -> None:
    file = GIVEN / "cases_medication_checks.json"
    if not file.exists():
        pytest.skip(f"no {file.name}: name the folder that holds it in CAIRN_CLINICAL_CASES")
    indicators = {"block": "critical", "block_start": "critical", "insurance_deny": "warning", "warn": "warning"}
    decisions = {row.id: row.decision for table in shipped_checks().rules.tables.values() for row in table.rows}
    wrong = []
    for case in json.loads(file.read_text("utf-8")):
        found = [(decisions[card["source"]["topic"]["code"]], card["indicator"]) for card in await _cards(place, SIGN, _case(case))]
        if found[:1] != [(case["expected"], indicators[case["expected"]])]:
            wrong.append(f"{case['id']}: {found}")
    assert not wrong, "\n".join(wrong)
