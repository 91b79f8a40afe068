"""Medicines that do not go together, or not with this person, are found; a doctor is asked once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pathways.engine.medication import Taken, findings
from pathways.engine.state import Person
from pathways.language import library, report
from pathways.language.catalogue import named
from pathways.language.checks_of_medicine import taken_of
from pathways.language.decide import decide
from pathways.language.medicines import read_medicines, shipped_checks

ROOT = Path(__file__).resolve().parents[2]
GIVEN = Path(os.environ.get("CAIRN_CLINICAL_CASES") or next(ROOT.parent.glob("*/clinical"), ROOT / "no-cases-given"))
RULES = named("medication_checks")


def answer(drugs: str, **context: object) -> dict[str, Any]:
    told: list[str] = []
    (found,) = decide(RULES, [{"id": "C1", "drugs": drugs, "context": context}], complain=told.append)
    assert told == []
    return found


# fmt: off
CASES: list[tuple[str, dict[str, object], str, str | None]] = [
    # metformin
    ("metformin", {"egfr": 29}, "block", "MED-M1"),
    ("metformin", {"egfr": 29.9}, "block", "MED-M1"),
    ("metformin", {"egfr": 30}, "warn", "MED-M3"),
    ("metformin", {"egfr": 44}, "warn", "MED-M3"),
    ("metformin", {"egfr": 45}, "none", None),
    ("metformin (new start)", {"egfr": 29}, "block", "MED-M1"),
    ("metformin (new start)", {"egfr": 30}, "block_start", "MED-M2"),
    ("metformin (new start)", {"egfr": 45}, "none", None),
    ("metformin (new start)", {}, "block_start", "MED-M6"),
    ("metformin", {}, "warn", "MED-M7"),
    ("metformin", {"egfr": 80, "egfr_age_days": 366}, "warn", "MED-M5"),
    ("metformin", {"egfr": 80, "egfr_age_days": 365}, "none", None),
    ("metformin", {"egfr": 55, "contrast": True}, "block", "MED-M4"),
    ("metformin", {"egfr": 61, "contrast": True}, "none", None),
    ("metformin", {"contrast": True}, "warn", "MED-M7"),
    ("sitagliptin/metformin", {"egfr": 20}, "block", "MED-M1"),
    # the renin-angiotensin system
    ("ramipril + losartan", {}, "block", "MED-R2"),
    ("enalapril + valsartan/amlodipine", {}, "block", "MED-R2"),
    ("enalapril + sacubitril/valsartan", {}, "block", "MED-R1"),
    ("losartan + aliskiren", {"conditions": ["type2_diabetes"]}, "block", "MED-R3"),
    ("losartan + aliskiren", {"egfr": 59}, "block", "MED-R3"),
    ("losartan + aliskiren", {"egfr": 90}, "warn", "MED-R4"),
    ("losartan + aliskiren", {}, "warn", "MED-R5"),
    ("enalapril + amlodipine", {}, "none", None),
    # anti-inflammatory medicines
    ("ibuprofen", {"egfr": 29}, "block", "MED-N1"),
    ("naproxen", {"egfr": 59}, "warn", "MED-N2"),
    ("ibuprofen", {"egfr": 60}, "none", None),
    ("ibuprofen", {}, "none", None),
    ("diclofenac + enalapril + furosemide", {}, "warn", "MED-N3"),
    ("ibuprofen + losartan/hydrochlorothiazide", {"egfr": 90}, "warn", "MED-N3"),
    ("ibuprofen + losartan", {"egfr": 90}, "none", None),
    ("paracetamol + losartan + hydrochlorothiazide", {"egfr": 40}, "none", None),
    ("ibuprofen + losartan + hydrochlorothiazide", {"egfr": 20}, "block", "MED-N1"),
    ("celecoxib", {"heart_failure": True}, "warn", "MED-N4"),
    ("ibuprofen + diclofenac", {}, "block", "MED-N5"),
    ("warfarin + ibuprofen", {}, "block", "MED-B2"),
    ("aspirin + ibuprofen", {}, "warn", "MED-B3"),
    ("warfarin + rivaroxaban", {}, "block", "MED-B1"),
    ("apixaban + aspirin", {}, "warn", "MED-B4"),
    ("aspirin + clopidogrel", {}, "warn", "MED-B5"),
    ("dabigatran", {"egfr": 25}, "block", "MED-B6"),
    # glucose
    ("glibenclamide", {"age": 64}, "none", None),
    ("glyburide", {"age": 65}, "warn", "MED-S1"),
    ("glimepiride", {"age": 80}, "warn", "MED-S1"),
    ("gliclazide", {"age": 80}, "none", None),
    ("glibenclamide", {"age": 50, "egfr": 50}, "warn", "MED-S2"),
    ("gliclazide + insulin glargine", {"age": 70}, "warn", "MED-S3"),
    ("sitagliptin + liraglutide", {}, "warn", "MED-G1"),
    ("semaglutide", {"history": ["medullary thyroid cancer"]}, "block", "MED-G2"),
    ("semaglutide", {"history": "pancreatitis"}, "warn", "MED-G3"),
    ("dapagliflozin", {"conditions": ["type1_diabetes"]}, "block", "MED-G4"),
    ("dapagliflozin (new start)", {"egfr": 19}, "block_start", "MED-G5"),
    ("dapagliflozin", {"egfr": 19}, "none", None),
    ("pioglitazone", {"heart_failure": True}, "block", "MED-H7"),
    # potassium
    ("spironolactone + enalapril", {"potassium": 5.1}, "block", "MED-K1"),
    ("spironolactone + enalapril", {"potassium": 5.0}, "none", None),
    ("eplerenone + valsartan", {}, "warn", "MED-K5"),
    ("spironolactone", {"potassium": 5.6}, "block", "MED-K2"),
    ("spironolactone", {"potassium": 5.3}, "warn", "MED-K4"),
    ("spironolactone (new start)", {"potassium": 5.1}, "block_start", "MED-K3"),
    ("potassium chloride", {"potassium": 5.2}, "block", "MED-K6"),
    ("potassium chloride + losartan", {"potassium": 4.0}, "warn", "MED-K7"),
    ("losartan", {"potassium": 5.6}, "warn", "MED-K10"),
    ("losartan", {"potassium": 6.1}, "block", "MED-K9"),
    ("losartan", {}, "none", None),
    ("finerenone", {"potassium": 4.5, "egfr": 28}, "warn", "MED-K11"),
    ("enalapril + co-trimoxazole", {}, "warn", "MED-K12"),
    # statins
    ("simvastatin 20 + amlodipine", {}, "none", None),
    ("simvastatin 20 mg + amlodipine 5 mg", {}, "none", None),
    ("simvastatin 10 mg bid + amlodipine", {}, "none", None),
    ("simvastatin 20 mg bid + amlodipine", {}, "warn", "MED-T2"),
    ("simvastatin + amlodipine", {}, "warn", "MED-T5"),
    ("simvastatin 20 + diltiazem", {}, "warn", "MED-T3"),
    ("simvastatin 40 + amiodarone", {}, "warn", "MED-T4"),
    ("simvastatin 80 (new start)", {}, "block_start", "MED-T6"),
    ("simvastatin 80", {}, "warn", "MED-T7"),
    ("simvastatin 10 + clarithromycin", {}, "block", "MED-T1"),
    ("atorvastatin 40 + clarithromycin", {}, "warn", "MED-T8"),
    ("atorvastatin 40 + amlodipine", {}, "none", None),
    ("rosuvastatin + gemfibrozil", {}, "warn", "MED-T9"),
    ("rosuvastatin 20", {"egfr": 25}, "warn", "MED-T11"),
    # the heart
    ("metoprolol + diltiazem", {}, "block", "MED-H1"),
    ("bisoprolol + amlodipine", {}, "none", None),
    ("ivabradine + verapamil", {}, "block", "MED-H2"),
    ("bisoprolol", {"heart_rate": 48}, "block", "MED-H3"),
    ("digoxin + verapamil", {}, "warn", "MED-H4"),
    ("propranolol", {"asthma": True}, "block", "MED-H5"),
    ("bisoprolol", {"asthma": True}, "warn", "MED-H6"),
    ("verapamil", {"heart_failure": True}, "block", "MED-H7"),
    ("saxagliptin", {"heart_failure": True}, "warn", "MED-H8"),
    ("isosorbide mononitrate + sildenafil", {}, "block", "MED-H9"),
    # two of one class
    ("atorvastatin + rosuvastatin", {}, "block", "MED-D1"),
    ("gliclazide + glimepiride", {}, "block", "MED-D1"),
    ("metoprolol + bisoprolol", {}, "block", "MED-D1"),
    ("amlodipine + valsartan/amlodipine", {}, "block", "MED-D1"),
    ("hydrochlorothiazide + indapamide", {}, "none", None),
    ("ivabradine + trimetazidine", {}, "none", None),
    ("nitroglycerin + isosorbide mononitrate", {}, "warn", "MED-D2"),
    ("salbutamol + formoterol", {}, "none", None),
    # pregnancy, lithium, the payer
    ("enalapril", {"pregnant": True}, "block", "MED-P1"),
    ("atorvastatin", {"pregnant": True}, "warn", "MED-P2"),
    ("labetalol", {"pregnant": True}, "none", None),
    ("lithium + indapamide", {}, "warn", "MED-L1"),
    ("semaglutide", {"indication": "obesity only"}, "insurance_deny", "MED-I1"),
    ("semaglutide", {"indication": "T2DM"}, "none", None),
    ("semaglutide", {"indication": "type 2 diabetes"}, "none", None),
    ("semaglutide", {}, "none", None),
    ("rosuvastatin + ciclosporin", {}, "block", "MED-T10"),
    ("potassium chloride", {}, "warn", "MED-K8"),
    ("dabigatran + metformin", {"egfr": 25}, "block", "MED-M1"),
    ("metformin + liraglutide", {"egfr": 80, "indication": ["weight loss"]}, "insurance_deny", "MED-I1"),
]
# fmt: on


@pytest.mark.parametrize(("drugs", "context", "word", "row"), CASES, ids=[f"{drugs} {context}" for drugs, context, *_ in CASES])
def test_what_is_found_first(drugs: str, context: dict[str, object], word: str, row: str | None) -> None:
    found = answer(drugs, **context)

    assert (found["decision"], found["row"]) == (word, row)


def test_the_document_is_sound_and_every_row_but_those_for_what_is_missing_is_come_to() -> None:
    assert RULES.pathway is not None, report(RULES.errors)
    assert report(RULES.problems) == "no errors, no warnings"
    met = {found["row"] for drugs, context, *_ in CASES for found in answer(drugs, **context)["findings"]}
    rows = {row.id for table in RULES.pathway.tables.values() for row in table.rows}
    assert rows - met == set()


def test_every_row_says_why_in_both_languages_and_where_it_comes_from() -> None:
    assert RULES.pathway is not None
    for table in RULES.pathway.tables.values():
        for row in table.rows:
            assert row.because.keys() == {"en", "zh-Hans"}
            assert row.basis.startswith(("cited", "recalled", "product"))


def test_all_that_is_found_is_told_the_worst_first_each_with_its_source() -> None:
    found = answer("glibenclamide + metformin + enalapril + valsartan", age=70, egfr=40)["findings"]

    assert [one["decision"] for one in found] == ["block", "warn", "warn", "warn"]
    assert [one["row"] for one in found] == ["MED-R2", "MED-M3", "MED-S1", "MED-S2"]
    assert found[1]["cites"].startswith("FDA")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("simvastatin 40 + amlodipine", [Taken("simvastatin", 40.0), Taken("amlodipine")]),
        ("metformin (new start)", [Taken("metformin", None, True)]),
        ("Metformin 0.5 g bid, insulin glargine", [Taken("metformin", 1000.0), Taken("insulin glargine")]),
        ("sacubitril / valsartan and bisoprolol 2.5 mg daily", [Taken("sacubitril/valsartan"), Taken("bisoprolol", 2.5)]),
        ("starting dapagliflozin 10mg", [Taken("dapagliflozin", 10.0, True)]),
        ("", []),
    ],
)
def test_medicines_are_read_as_people_write_them(text: str, taken: list[Taken]) -> None:
    assert taken_of(text) == taken


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"drugs": "x"}, 'a case needs an "id"'),
        ({"id": 1, "drugs": 5}, "not a text of medicines"),
        ({"id": 1, "drugs": "enalapril", "context": []}, "not what is known"),
        ({"id": 1, "drugs": "enalapryl", "context": {}}, "its class is not known; did you mean 'enalapril'?"),
        ({"id": 1, "drugs": "enalapril", "context": {"egfr": "low"}}, "not a number"),
        ({"id": 1, "drugs": "enalapril", "context": {"egrf": 30}}, "no input 'egrf', it was not used; did you mean 'egfr'?"),
    ],
)  # fmt: skip
def test_a_case_that_cannot_be_read_is_told_with_its_remedy(case: dict[str, object], said: str) -> None:
    told: list[str] = []

    list(decide(RULES, [case], complain=told.append))

    assert len(told) == 1
    assert said in told[0]


def test_every_medicine_of_the_shipped_pathways_is_known() -> None:
    medicines, also = read_medicines()
    listed = {m for pathway in library().pathways().values() for s in pathway.services.values() for m in s.medicines}

    assert {medicine for medicine in listed if medicine not in medicines and medicine not in also} == set()


def test_names_in_chinese_are_the_same_medicines() -> None:
    checks = shipped_checks()

    found = findings(checks, [Taken("依那普利"), Taken("缬沙坦")], Person(), {}, on=date(2025, 3, 3))

    assert [one.row.id for one in found] == ["MED-R2"]


def given_cases() -> Iterator[Any]:
    file = GIVEN / "cases_medication_checks.json"
    if not file.exists():
        why = f"no {file.name}: name the folder that holds it in CAIRN_CLINICAL_CASES"
        yield pytest.param({}, id=file.stem, marks=pytest.mark.skip(reason=why))
        return
    for case in json.loads(file.read_text("utf-8")):
        yield pytest.param(case, id=case["id"])


@pytest.mark.parametrize("case", list(given_cases()))
def test_a_given_case_comes_out_as_expected(case: dict[str, Any]) -> None:
    assert answer(case["drugs"], **case["context"])["decision"] == case["expected"]
