"""What a hospital exports as FHIR becomes a person in our words, or is refused with its place."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from records.intake import Intake, Refused, read_bundle
from records.intake.people import Identifier

Json = dict[str, Any]
SHANGHAI = ZoneInfo("Asia/Shanghai")
ME = {"reference": "Patient/1"}


def patient(**changed: Any) -> Json:
    return {
        "resourceType": "Patient",
        "id": "1",
        "identifier": [{"system": "urn:h", "value": " 42 ", "type": {"coding": [{"code": "MR"}]}}],
        "name": [{"text": "王秀英"}],
        "gender": "female",
        "birthDate": "1950-03-02",
        "telecom": [{"system": "phone", "value": "13800138000"}],
        "address": [{"country": "CN"}],
        "communication": [{"language": {"coding": [{"code": "zh-CN"}]}}],
    } | changed


def observation(
    code: str, value: float | None, unit: str = "mm[Hg]", at: str = "2026-01-05T08:00:00+08:00", **changed: Any
) -> Json:
    quantity = {} if value is None else {"valueQuantity": {"value": value, "unit": unit}}
    coded = {"coding": [{"system": "http://loinc.org", "code": code, "display": code}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": ME,
        "code": coded,
        "effectiveDateTime": at,
        **quantity,
        **changed,
    }


def condition(
    code: str, clinical: str | None = "active", verified: str = "confirmed", system: str = "http://snomed.info/sct", **changed: Any
) -> Json:
    status = {"clinicalStatus": {"coding": [{"code": clinical}]}} if clinical else {}
    coded = {"coding": [{"system": system, "code": code, "display": f"display {code}"}]}
    return {
        "resourceType": "Condition",
        "subject": ME,
        "code": coded,
        "verificationStatus": {"coding": [{"code": verified}]},
        **status,
        **changed,
    }


def bundle(*resources: Json, kind: str = "collection") -> str:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": [{"resource": one} for one in resources]})


def everybody(content: str | bytes, **options: Any) -> list[Intake | Refused]:
    return list(read_bundle(content, "sent.json", **options))


def one(*resources: Json, **options: Any) -> Intake:
    (found,) = everybody(bundle(*resources), **options)
    assert isinstance(found, Intake), found
    return found


def said(intake: Intake) -> str:
    return "\n".join(f"{note.place}: {note.what}; {note.remedy}" for note in intake.notes)


def test_a_patient_comes_through_with_name_phone_language_and_time_zone() -> None:
    intake = one(patient())
    assert intake.identifiers == (Identifier("urn:h", "42"),)
    assert (intake.name.family, intake.name.given, intake.name.full) == ("王", "秀英", "王秀英")
    assert (intake.sex, intake.born, intake.died) == ("female", date(1950, 3, 2), None)
    assert [(phone.number, phone.owner) for phone in intake.phones] == [("+8613800138000", "self")]
    assert (intake.language, intake.timezone, intake.place) == ("zh-Hans", "Asia/Shanghai", "entry 1")
    assert intake.notes == ()


def test_a_bare_patient_is_a_person_too() -> None:
    (found,) = everybody(json.dumps(patient()).encode("utf-8-sig"))
    assert isinstance(found, Intake)


def test_numbers_nobody_here_needs_are_not_taken_in_and_the_record_number_comes_first() -> None:
    numbers = [
        {"system": "urn:other", "value": "7"},
        {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-11-2222"},
        {"type": {"coding": [{"code": "DL"}]}, "system": "urn:dl", "value": "S1"},
        {"type": {"coding": [{"code": "MR"}]}, "system": "urn:h", "value": "42"},
    ]
    assert one(patient(identifier=numbers)).identifiers == (Identifier("urn:h", "42"), Identifier("urn:other", "7"))
    assert one(patient(identifier=[])).identifiers == (Identifier("urn:cairn:patient-id", "1"),)


def test_a_carer_is_rung_under_their_own_name() -> None:
    daughter = {
        "resourceType": "RelatedPerson",
        "patient": ME,
        "name": [{"text": "李梅"}],
        "telecom": [{"system": "phone", "value": "13900139000"}],
    }
    contact = [{"name": {"family": "李", "given": ["强"]}, "telecom": [{"system": "phone", "value": "+8613700137000"}]}]
    phones = one(patient(contact=contact), daughter).phones
    assert [(p.number, p.owner, p.carer_name) for p in phones[1:]] == [
        ("+8613700137000", "carer", "李强"),
        ("+8613900139000", "carer", "李梅"),
    ]


def test_a_phone_that_cannot_exist_is_kept_as_written_and_said() -> None:
    intake = one(patient(telecom=[{"system": "phone", "value": "12-34"}, {"system": "phone", "value": "1", "use": "old"}]))
    assert [(phone.number, phone.raw) for phone in intake.phones] == [(None, "12-34")]
    assert "+country code" in said(intake)


def test_only_what_holds_now_and_is_confirmed_counts_as_a_condition() -> None:
    intake = one(
        patient(),
        condition("38341003"),
        condition("44054006", clinical="relapse"),
        condition("13645005", clinical="resolved"),
        condition("84114007", verified="refuted"),
        condition("709044004", verified="entered-in-error"),
        condition("230690007", verified="provisional"),
        condition("I25.1", clinical=None, system="http://hl7.org/fhir/sid/icd-10"),
        condition("414916001", clinical=None, abatementDateTime="2020-01-01"),
        condition("40055000"),
    )
    assert intake.conditions == {"hypertension", "type2_diabetes", "coronary_heart_disease"}
    assert "display 230690007 is provisional" in said(intake)
    assert "1 active conditions without a word here: display 40055000" in said(intake)


def test_a_blood_pressure_panel_and_glucose_in_other_units_become_our_readings() -> None:
    components = [observation("8480-6", 152), observation("8462-4", 13, "kPa")]
    intake = one(
        patient(),
        observation("85354-9", None, component=components),
        observation("1558-6", 126, "mg/dL"),
        observation("2339-0", 200, "mg/dL"),
        observation("59261-8", 53, "mmol/mol"),
        observation("8310-5", 99.5, "[degF]"),
    )
    assert {(r.name, r.value, r.unit) for r in intake.readings} == {
        ("sbp", 152, "mm[Hg]"),
        ("dbp", 98, "mm[Hg]"),
        ("fpg", 7.0, "mmol/L"),
        ("other_glucose", 11.1, "mmol/L"),
        ("hba1c", 7.0, "%"),
        ("temperature", 37.5, "Cel"),
    }
    fpg = next(r for r in intake.readings if r.name == "fpg")
    assert (fpg.original_value, fpg.original_unit, fpg.loinc) == (126, "mg/dL", "1558-6")
    assert fpg.at == datetime(2026, 1, 5, 8, tzinfo=SHANGHAI)
    assert intake.services_done == {"hba1c": date(2026, 1, 5)}


def test_what_cannot_be_a_reading_is_kept_out_and_said() -> None:
    intake = one(
        patient(),
        observation("8480-6", 1520),
        observation("14771-0", 6.1, "grains/pint"),
        observation("8462-4", 80, at="2027-05-01"),
        observation("8867-4", None),
        observation("33914-3", 90, "mL/min", valueQuantity={"value": 90, "unit": "mL/min", "comparator": ">"}),
        observation("8867-4", 70, "/min", at="2019"),
        observation("8867-4", 70, "/min", status="preliminary"),
        observation("8867-4", 70, "/min", status="entered-in-error"),
        on=date(2026, 2, 1),
    )
    assert intake.readings == ()
    told = said(intake)
    for words in (
        "entry 2: sbp 1520",
        "grains/pint",
        "has not come yet",
        "without a value",
        "says only > 90",
        "without a day",
        "not final",
    ):
        assert words in told


def test_a_bare_day_is_local_noon_and_a_time_keeps_its_instant() -> None:
    intake = one(patient(), observation("8480-6", 140, at="2026-01-05"), observation("8462-4", 90, at="2026-01-04T23:30:00Z"))
    assert [(r.name, r.at.isoformat()) for r in intake.readings] == [
        ("sbp", "2026-01-05T12:00:00+08:00"),
        ("dbp", "2026-01-05T07:30:00+08:00"),
    ]


def test_the_newest_five_of_each_reading_are_taken_over_newest_first() -> None:
    intake = one(
        patient(), *(observation("8480-6", 120 + day, at=f"2026-01-{day:02}") for day in range(1, 10)), observation("8462-4", 80)
    )
    assert [r.value for r in intake.readings if r.name == "sbp"] == [129, 128, 127, 126, 125]
    assert "4 older readings" in said(intake)


def test_visits_are_ambulatory_days_in_the_patients_own_time_zone() -> None:
    def visit(start: str, kind: str = "AMB", status: str = "finished", **more: Any) -> Json:
        return {
            "resourceType": "Encounter",
            "status": status,
            "class": {"code": kind},
            "subject": ME,
            "period": {"start": start},
            **more,
        }

    checkup = [{"coding": [{"system": "http://snomed.info/sct", "code": "185349003"}]}]
    intake = one(
        patient(),
        visit("2025-11-01T20:00:00Z", type=checkup),
        visit("2025-12-01T01:00:00Z"),
        visit("2025-12-02T01:00:00Z", kind="EMER"),
        visit("2025-12-03T01:00:00Z", status="planned"),
    )
    assert intake.visits == (date(2025, 12, 1), date(2025, 11, 2))
    assert intake.services_done == {"annual_exam": date(2025, 11, 2)}


def test_medicines_are_the_active_ones_with_their_last_fill() -> None:
    def request(text: str, status: str = "active", **more: Any) -> Json:
        return {
            "resourceType": "MedicationRequest",
            "status": status,
            "subject": ME,
            "medicationCodeableConcept": {"text": text},
            **more,
        }

    def fill(day: str, days: int, **what: Any) -> Json:
        return {
            "resourceType": "MedicationDispense",
            "status": "completed",
            "subject": ME,
            "whenHandedOver": day,
            "daysSupply": {"value": days},
            **what,
        }

    intake = one(
        patient(),
        request("盐酸二甲双胍片", id="r1", authoredOn="2025-06-01"),
        request("Amlodipine 5 MG", authoredOn="2025-01-01", dispenseRequest={"expectedSupplyDuration": {"value": 4, "unit": "wk"}}),
        request("Naproxen", status="stopped"),
        {**request("x", medicationReference={"reference": "Medication/m"}), "medicationCodeableConcept": None},
        {"resourceType": "Medication", "id": "m", "code": {"text": "Losartan potassium 50 MG"}},
        fill("2025-12-01", 30, authorizingPrescription=[{"reference": "MedicationRequest/r1"}]),
        fill("2025-11-01", 60, medicationCodeableConcept={"text": "metformin"}),
        fill("2025-11-01", 60, medicationCodeableConcept={"text": "warfarin"}),
    )
    assert [(m.name, m.since, m.days_supply, m.last_fill) for m in intake.medicines] == [
        ("amlodipine", date(2025, 1, 1), 28, None),
        ("losartan", None, None, None),
        ("metformin", date(2025, 6, 1), 30, date(2025, 12, 1)),
    ]
    assert "dispensed that nobody has them on now: warfarin" in said(intake)


def test_the_dead_come_through_as_dead_even_when_the_day_was_not_sent() -> None:
    assert one(patient(deceasedDateTime="2025-03-01T10:00:00Z")).died == date(2025, 3, 1)
    intake = one(patient(deceasedBoolean=True), observation("8480-6", 120))
    assert intake.died == date(2026, 1, 5)
    assert "deceasedDateTime" in said(intake)
    assert one(patient(deceasedBoolean=False)).died is None


@pytest.mark.parametrize("born", [None, "", "1950-02-30", "soon", "0001-01-01", 1950, ["1950-01-01"]])
def test_nobody_comes_in_without_a_birth_date(born: object) -> None:
    (refused,) = everybody(bundle(patient(birthDate=born)))
    assert isinstance(refused, Refused)
    assert (refused.source, refused.place) == ("sent.json", "entry 1")
    assert "YYYY-MM-DD" in refused.remedy


def test_a_birth_year_stands_for_its_middle_and_says_so() -> None:
    intake = one(patient(birthDate="1950"))
    assert intake.born == date(1950, 7, 1)
    assert "'1950' names no day" in said(intake)


def test_each_reading_goes_to_the_person_it_names_and_to_nobody_else() -> None:
    def entry(url: str, resource: Json) -> Json:
        return {"fullUrl": url, "resource": resource}

    def of(value: int, reference: str) -> Json:
        return {"resource": observation("8480-6", value, subject={"reference": reference})}

    def numbered(value: str) -> Json:
        return patient(id="1" if value != "c" else "3", identifier=[{"system": "urn:h", "value": value}])

    content = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            entry("https://a.example/fhir/Patient/1", numbered("a")),
            entry("https://b.example/fhir/Patient/1", numbered("b")),
            entry("urn:uuid:cccc", numbered("c")),
            of(101, "https://a.example/fhir/Patient/1"),
            of(102, "https://b.example/fhir/Patient/1/_history/7"),
            of(103, "urn:uuid:cccc"),
            of(113, "Patient/3"),
            of(123, "Patient?identifier=urn:h|c"),
            of(104, "Patient/1"),
            of(105, "https://elsewhere.example/fhir/Patient/1"),
            {"resource": observation("8480-6", 106, subject=None)},
        ],
    }
    found = [intake for intake in everybody(json.dumps(content)) if isinstance(intake, Intake)]
    assert [sorted(r.value for r in intake.readings) for intake in found] == [[101], [102], [103, 113, 123]]
    assert "3 resources that belong to nobody in this file: Observation 3" in said(found[0])


def test_a_bad_person_is_refused_and_the_others_go_on() -> None:
    bad, good = everybody(bundle(patient(birthDate=None, id="2"), patient()))
    assert isinstance(bad, Refused)
    assert isinstance(good, Intake)


def test_what_is_not_used_here_is_counted_once_by_kind() -> None:
    claims = [{"resourceType": "Claim", "patient": ME}] * 17
    intake = one(patient(), *claims, {"resourceType": "CarePlan", "subject": ME})
    assert [note.what for note in intake.notes] == ["18 resources of kinds not used here: Claim 17, CarePlan"]


def test_ndjson_of_bundles_reads_each_line_and_refuses_the_broken_one() -> None:
    found = everybody("\n".join([bundle(patient()), '{"resourceType": "Bundle"', "", bundle(patient(id="2"))]))
    assert [(type(one).__name__, one.place) for one in found] == [
        ("Refused", "line 2"),
        ("Intake", "line 1, entry 1"),
        ("Intake", "line 4, entry 1"),
    ]


def test_ndjson_of_resources_is_one_bundle() -> None:
    (intake,) = everybody("\n".join(json.dumps(one) for one in (patient(), condition("38341003"))))
    assert isinstance(intake, Intake)
    assert intake.conditions == {"hypertension"}


@pytest.mark.parametrize(
    ("content", "place", "what"),
    [
        ('{"resourceType": "Bundle", "entry": [', "line 1, column 38", "not JSON"),
        (b"\xff\xfe\x00", "byte 0", "not UTF-8"),
        ("[1]", "the file", "not a FHIR resource"),
        ('{"resourceType": "Claim"}', "the file", "a Claim"),
        ('{"resourceType": "Bundle"}', "the Bundle", "no Patient"),
        ("[" * 200_000, "the file", "beyond reason"),
        ("", "line 1, column 1", "not JSON"),
    ],
)
def test_a_bad_file_is_refused_with_its_place(content: str | bytes, place: str, what: str) -> None:
    (refused,) = everybody(content)
    assert isinstance(refused, Refused)
    assert refused.place == place
    assert what in refused.what


def test_an_intake_in_a_log_line_gives_nobody_away() -> None:
    shown = repr(one(patient(), condition("38341003"), observation("8480-6", 187)))
    for personal in ("王", "13800138000", "1950", "hypertension", "187", "42"):
        assert personal not in shown
