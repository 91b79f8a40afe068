"""Odd values in every search parameter, cursor and id of the FHIR door, on both databases: refused, and nothing falls over."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from api.fhir.registry import KINDS
from records.database import Database
from tests.api.conftest import Network, a_network
from tests.api.fhir.test_fhir_patients import person
from tests.api.test_attacks_odd_values import ODD as ODD_JSON
from tests.api.test_attacks_odd_values import ODD_CURSORS, ODD_WORDS, _leaves, _with

ODD = (
    "9999-12-31T23:59:59.999999999Z",
    "ge0001-01-01T00:00:00+14:00",
    "a|b|c,|,\\,|x",
    "Patient/" + "9" * 64,
    "x" * 3000,
    "Task/..",
)


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    async with a_network(database, tmp_path) as network:
        yield network


def _cursor(*key: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.mark.timeout(240)
async def test_odd_values_are_refused_or_find_nothing_and_nothing_ever_falls_over(place: Network) -> None:
    patient = await place.enrol()
    wrong = []

    async def ask(path: str, key: str = "coordinator") -> int:
        answer = await place.http.get(f"/fhir/{path}", headers={"Authorization": f"Bearer {key}"})
        if answer.status_code >= 500 or (answer.status_code >= 400 and answer.json()["resourceType"] != "OperationOutcome"):
            wrong.append(f"{path[:200]}: {answer.status_code} {answer.text[:300]}")
        return answer.status_code

    by_our_tables = ("Task", "Patient", "MedicationRequest")  # the others' values are held against resources in memory
    for type_, kind in KINDS.items():
        if type_ not in by_our_tables and not place.parts.database.is_sqlite:
            continue
        key = "coordinator" if type_ != "Subscription" else "hospital-1"
        whose = f"patient={patient}&" if "patient" in kind.params else ""
        for name, param in {**kind.params, "_id": None, "_lastUpdated": None}.items():
            dates = param is not None and param.type == "date"
            for value in (*ODD[:2], "lt9999", "le0001", "²025") if dates else ODD if type_ == "Task" else ODD[2:4]:
                await ask(f"{type_}?{whose if name != 'patient' else ''}{name}={quote(value)}", key)
        if type_ in ("Task", "Observation"):
            for name in KINDS["Patient"].params:
                await ask(f"{type_}?patient.{name}={quote(ODD[len(name) % len(ODD)])}", key)
        for word in ODD_WORDS[:4]:
            for path in (f"{quote(word)}", f"{quote(word)}/_history/{quote(word)}"):
                await ask(f"{type_}/{path}", key)
    ours = [_cursor(moment, source, "x", "y", many) for moment in ("0001-01-01T00:00:00+14:00", "2025-03-03T00:00:00Z")
            for source in ("0", "2", "-1", "9" * 30) for many in ("0", "1", "2", "-1", "9" * 30)]  # fmt: skip
    for cursor in (*ODD_CURSORS, *ours):
        sort = "&_sort=-_lastUpdated" if len(cursor) % 2 else ""
        assert await ask(f"Task?_cursor=1.{quote(cursor)}{sort}") in (200, 400)
    assert not wrong, "\n".join(wrong)


async def test_an_odd_patient_is_refused_or_kept_and_nothing_ever_falls_over(place: Network) -> None:
    wrong, headers = [], {"Authorization": "Bearer manager", "Content-Type": "application/fhir+json"}
    made = await place.http.post("/fhir/Patient", json=person("1"), headers=headers)
    assert made.status_code == 201, made.text
    sent = {**person("2"), "contact": [{"name": {"text": "Li"}, "telecom": [{"system": "phone", "value": "138 0000 4712"}]}]}
    for n, at in enumerate(_leaves({**sent, "generalPractitioner": [{"reference": "Organization/team-1"}]})):
        for odd in ODD_JSON[n % 5 :: 5]:  # every element gets some of them, every value is in many elements
            for method, path, body in (("POST", "Patient", sent), ("PUT", f"Patient/{made.json()['id']}", made.json())):
                text = json.dumps(_with(body, at, "@odd@")).replace('"@odd@"', odd)
                answer = await place.http.request(method, f"/fhir/{path}", content=text.encode(), headers=headers)
                if answer.status_code >= 500:
                    wrong.append(f"{method} {at} {odd[:40]}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)
