"""The pathways that we ship decide as the specification does, case by case.

The cases beside this file are ours. Others of the same form are read from the folder that CAIRN_CLINICAL_CASES names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pathways.engine.plan import Pathway
from pathways.language import library
from pathways.language.decide import decide

ROOT = Path(__file__).resolve().parents[2]
OURS = Path(__file__).parent / "cases"
GIVEN = Path(os.environ.get("CAIRN_CLINICAL_CASES") or next(ROOT.parent.glob("*/clinical"), ROOT / "no-cases-given"))
FILES = {
    "hypertension": [OURS / "hypertension.json", GIVEN / "cases_hypertension.json"],
    "type2_diabetes": [OURS / "type2_diabetes.json", GIVEN / "cases_diabetes.json"],
    "chronic_kidney_disease": [OURS / "chronic_kidney_disease.json", GIVEN / "cases_kdigo.json"],
    "copd": [OURS / "copd.json", GIVEN / "cases_gold_copd.json"],
}
ALWAYS = ["id", "row", "decision", "tag", "interval_days", "referral", "due_on_or_before", "referral_followup_within_days"]


def pathway(name: str) -> Pathway:
    shipped = library()[name].pathway
    assert shipped is not None
    return shipped


def cases() -> Iterator[Any]:
    for name, files in FILES.items():
        for file in files:
            if not file.exists():
                why = f"no {file.name}: name the folder that holds it in CAIRN_CLINICAL_CASES"
                yield pytest.param(name, "", {}, id=file.stem, marks=pytest.mark.skip(reason=why))
                continue
            for section, listed in json.loads(file.read_text("utf-8")).items():
                for case in listed if isinstance(listed, list) else ():
                    yield pytest.param(name, section, case, id=f"{file.stem}-{case['id']}")


@pytest.mark.parametrize(("name", "section", "case"), list(cases()))
def test_a_patient_is_decided_on_as_the_specification_says(name: str, section: str, case: dict[str, Any]) -> None:
    asked = {"id": case["id"], "inputs": case["inputs"]}
    told: list[str] = []

    (answer,) = decide(pathway(name), {section: [asked]}, complain=told.append)

    expected = case["expected"]
    assert list(answer)[: len(ALWAYS)] == ALWAYS
    assert answer["id"] == case["id"]
    assert answer["row"] == case["rule_row"]
    assert {key: answer[key] for key in expected} == expected  # whatever is expected is told, under its own name
    assert told == []


@pytest.mark.parametrize("name", list(FILES))
def test_our_cases_come_to_every_row_of_the_tables_they_are_about(name: str) -> None:
    sections = json.loads(FILES[name][0].read_text("utf-8"))

    for section, listed in sections.items():
        rows = {row.id for row in pathway(name).tables[section].rows}
        assert rows == {case["rule_row"] for case in listed}


def test_each_case_is_there_once() -> None:
    ids = [case["id"] for files in FILES.values() for listed in json.loads(files[0].read_text("utf-8")).values() for case in listed]

    assert len(ids) == len(set(ids)) >= 60
