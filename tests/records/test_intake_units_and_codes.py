"""Other people's units and codes mean in ours what they mean."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from records.intake.codes import Coding, shipped_codes
from records.intake.places import e164, shipped_places
from records.intake.units import MEASURES, UnknownUnit, to_ours

ICD, SNOMED = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("measure", "value", "unit", "ours"),
    [
        ("glucose", 126, "mg/dL", 7.0),
        ("glucose", 70, "mg/dl", 3.9),
        ("glucose", 300, "MG/DL", 16.7),
        ("glucose", 7.05, "mmol/L", 7.05),
        ("pressure", 120, "mmHg", 120),
        ("pressure", 120, "mm[Hg]", 120),
        ("pressure", 120, "mm Hg", 120),
        ("pressure", 16, "kPa", 120),
        ("hba1c", 48, "mmol/mol", 6.5),
        ("hba1c", 53, "mmol/mol", 7.0),
        ("hba1c", 7.2, "%", 7.2),
        ("temperature", 98.6, "[degF]", 37.0),
        ("temperature", 98.6, "degF", 37.0),
        ("temperature", 37.3, "℃", 37.3),
        ("mass", 150, "[lb_av]", 68.0),
        ("mass", 130, "斤", 65.0),
        ("length", 70, "[in_i]", 177.8),
        ("length", 1.72, "m", 172.0),
        ("albumin_creatinine", 3.4, "mg/mmol", 30.1),
        ("albumin_creatinine", 30, "ug/mg", 30),
        ("albumin_creatinine", 30, "mg/g{creat}", 30),
        ("creatinine", 1.0, "mg/dL", 88),
        ("creatinine", 80, "µmol/L", 80),
        ("filtration", 55, "mL/min/{1.73_m2}", 55),
        ("filtration", 55, "mL/min/1.73m²", 55),
        ("cholesterol", 100, "mg/dL", 2.59),
        ("potassium", 4.1, "mEq/L", 4.1),
        ("body_mass_index", 24.5, "kg/m²", 24.5),
    ],
)
def test_a_value_keeps_its_meaning_whatever_unit_it_came_in(measure: str, value: float, unit: str, ours: float) -> None:
    assert to_ours(measure, value, unit) == pytest.approx(ours, abs=1e-9)


@pytest.mark.parametrize("unit", [None, "", "mg", "grains/pint", "%"])
def test_an_unknown_unit_of_glucose_is_refused_with_the_units_we_know(unit: str | None) -> None:
    with pytest.raises(UnknownUnit, match="mmol/L, mg/dL"):
        to_ours("glucose", 126, unit)


@pytest.mark.parametrize(
    ("coding", "words"),
    [
        (Coding(ICD, "I10"), {"hypertension"}),
        (Coding(ICD, "i11.9"), {"hypertension"}),
        (Coding(ICD, "I13.0"), {"hypertension", "chronic_kidney_disease", "heart_failure"}),
        (Coding(ICD, "E11.65"), {"type2_diabetes"}),
        (Coding(ICD, "E1122"), {"type2_diabetes", "chronic_kidney_disease"}),
        (Coding(ICD, "E10.9"), {"type1_diabetes"}),
        (Coding(ICD, "N18.3"), {"chronic_kidney_disease"}),
        (Coding(ICD, "J44.9"), {"copd"}),
        (Coding(ICD, "I25.10"), {"coronary_heart_disease"}),
        (Coding(ICD, "I63.9"), {"stroke"}),
        (Coding(ICD, "E66.9"), {"obesity"}),
        (Coding(ICD, "E66.3"), set()),
        (Coding(SNOMED, "44054006"), {"type2_diabetes"}),
        (Coding(SNOMED, "38341003"), {"hypertension"}),
        (Coding("urn:oid:2.16.840.1.113883.6.96", "38341003"), {"hypertension"}),
    ],
)
def test_a_diagnosis_code_becomes_our_word(coding: Coding, words: set[str]) -> None:
    found = shipped_codes().conditions([coding])
    assert found is not None
    assert set(found) == words


@pytest.mark.parametrize(
    "coding",
    [Coding(ICD, "E14.9"), Coding(SNOMED, "73211009"), Coding("http://hl7.org/fhir/sid/icd-9-cm", "E10"), Coding("", "I10")],
)
def test_a_diabetes_of_unsaid_type_and_a_code_of_another_system_are_not_guessed(coding: Coding) -> None:
    assert shipped_codes().conditions([coding]) is None


@pytest.mark.parametrize(
    ("written", "generic"),
    [
        ("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", "metformin"),
        ("盐酸二甲双胍片 0.5g", "metformin"),
        ("缬沙坦氨氯地平片", "valsartan/amlodipine"),
        ("Lasix 40mg", "furosemide"),
        ("Insulina glargina", "insulin"),
        ("chamomile tea", None),
    ],
)
def test_a_medicine_is_known_by_its_ingredient(written: str, generic: str | None) -> None:
    assert shipped_codes().medicine((), written) == generic


def test_a_medicine_that_is_only_a_code_is_known_by_it() -> None:
    assert shipped_codes().medicine([Coding("http://www.nlm.nih.gov/research/umls/rxnorm", "6809")], "") == "metformin"


def test_every_reading_has_a_measure_and_no_loinc_code_means_two_things() -> None:
    codes = shipped_codes()
    assert all(kind.measure in MEASURES for kind in codes.readings.values())
    assert {codes.loinc["8480-6"].name, codes.loinc["33914-3"].name, codes.loinc["2339-0"].name} == {"sbp", "egfr", "other_glucose"}
    assert set(codes.service_readings.values()) == {"kidney_screening", "hba1c"}


def test_every_time_zone_in_the_table_exists() -> None:
    places = shipped_places()
    zones = {*places.country_zones.values(), *places.state_zones.values(), *places.zone_countries}
    assert all(ZoneInfo(zone) for zone in zones)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("en-US", "en"),
        ("zh-CN", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh_TW", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"),
        ("es-419", "es"),
        ("Español", "es"),
        ("中文", "zh-Hans"),
        ("ug", None),
    ],
)
def test_a_language_is_one_of_ours_or_said_not_to_be(written: str, code: str | None) -> None:
    assert shipped_places().language(written) == code


def test_a_country_with_several_times_is_not_given_one_without_its_state() -> None:
    places = shipped_places()
    assert places.zone_of_address("US", "") is None
    assert places.zone_of_address("USA", "Massachusetts") == "America/New_York"
    assert places.zone_of_address("中国", "江苏省") == "Asia/Shanghai"
    assert places.zone_of_address("ES", "Las Palmas") == "Atlantic/Canary"


def test_a_phone_is_read_as_one_of_its_country_or_not_at_all() -> None:
    assert e164("138 0013 8000", "CN") == "+8613800138000"
    assert e164("+34 612 345 678", None) == "+34612345678"
    assert e164("555-467-4794", "US") is None
    assert e164("ring my daughter", "US") is None


def test_chinese_names_in_one_piece_are_told_apart() -> None:
    places = shipped_places()
    assert places.split_name("王秀英") == ("王", "秀英")
    assert places.split_name("欧阳建国") == ("欧阳", "建国")
    assert places.split_name("Ada Greenhill") == ("", "")
