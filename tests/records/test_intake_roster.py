"""A health centre's roster becomes people; a bad row is refused with its number and the others go on."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from records.intake import ROSTER_COLUMNS, Identifier, Intake, Refused, read_path, read_roster

SHANGHAI = ZoneInfo("Asia/Shanghai")


def everybody(content: str | bytes, on: date | None = None) -> list[Intake | Refused]:
    return list(read_roster(content, "roster.csv", on=on))


def one(header: str, row: str) -> Intake:
    (found,) = everybody(f"identifier,born,timezone,{header}\nA1,1950-03-02,Asia/Shanghai,{row}\n")
    assert isinstance(found, Intake), found
    return found


def said(intake: Intake) -> str:
    return "\n".join(f"{note.place}: {note.what}; {note.remedy}" for note in intake.notes)


CHINESE = """\
档案号;姓名;性别;出生日期;电话;家属电话;家属姓名;疾病;血压;空腹血糖(mg/dL);随访日期;时区;用药;糖化血红蛋白;糖化检查;标签;语言
A1;王秀英;女;1950年3月2日;13800138000;13900139000;李强;高血压、2型糖尿病;150/95;130;2026/1/5;Asia/Shanghai;"二甲双胍:2026-01-01:30;氨氯地平";7,2;20251130;红;中文
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_chinese_roster_is_read_whatever_the_spreadsheet_made_of_it(encoding: str) -> None:
    (found,) = everybody(CHINESE.encode(encoding))
    assert isinstance(found, Intake)
    assert (found.place, found.identifiers) == ("row 2", (Identifier("urn:cairn:roster", "A1"),))
    assert (found.name.family, found.name.given, found.sex, found.born) == ("王", "秀英", "female", date(1950, 3, 2))
    assert [(p.number, p.owner, p.carer_name) for p in found.phones] == [
        ("+8613800138000", "self", None),
        ("+8613900139000", "carer", "李强"),
    ]
    assert found.conditions == {"hypertension", "type2_diabetes"}
    assert [(r.name, r.value) for r in found.readings] == [("sbp", 150), ("dbp", 95), ("fpg", 7.2), ("hba1c", 7.2)]
    assert found.readings[0].at == datetime(2026, 1, 5, 12, tzinfo=SHANGHAI)
    assert found.visits == (date(2026, 1, 5),)
    assert [(m.name, m.last_fill, m.days_supply) for m in found.medicines] == [
        ("metformin", date(2026, 1, 1), 30),
        ("amlodipine", None, None),
    ]
    assert (found.tag, found.language, found.services_done) == ("red", "zh-Hans", {"hba1c": date(2026, 1, 5)})
    assert found.notes == ()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_cells_may_be_parted_by_comma_semicolon_or_tab(separator: str) -> None:
    (found,) = everybody(separator.join(["id", "dob", "name"]) + "\n" + separator.join(["A1", "1950-03-02", "Ada Greenhill"]))
    assert isinstance(found, Intake)
    assert found.name.full == "Ada Greenhill"


def test_the_unit_of_a_cell_comes_before_its_column_and_that_before_ours() -> None:
    assert one("fpg,last_visit", "126 mg/dL,2026-01-05").readings[0].value == 7.0
    assert one("fpg,fpg_unit,last_visit", "126,mg/dL,2026-01-05").readings[0].value == 7.0
    assert one("fpg (mg/dL),last_visit", "126,2026-01-05").readings[0].value == 7.0
    assert one("fpg,last_visit", "7.0,2026-01-05").readings[0].original_unit == "mmol/L"


def test_a_glucose_in_mg_without_its_unit_is_not_believed() -> None:
    intake = one("fpg,last_visit", "126,2026-01-05")
    assert intake.readings == ()
    assert "fpg 126 mmol/L on 2026-01-05 is not believable" in said(intake)


def test_a_reading_whose_day_nobody_knows_is_kept_out_and_said() -> None:
    intake = one("sbp", "150")
    assert intake.readings == ()
    assert "measured_on" in said(intake)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("A1,1950-02-30,Ada", "column born"),
        ("A1,02/03/1950,Ada", "column born"),
        ("A1,,Ada", "column born"),
        ("A1,2030-01-01,Ada", "column born"),
        (",1950-03-02,Ada", "column identifier"),
        ("1.10101E+17,1950-03-02,Ada", "column identifier"),
        ("A1,1950-03-02,Greenhill, Ada", "4 cells under 3 columns"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_and_the_others_go_on(row: str, column: str) -> None:
    first, bad, last = everybody(f"identifier,born,name\nA0,1950-01-01,B\n{row}\n\nA2,1950-01-01,C\n", on=date(2026, 1, 5))
    assert isinstance(bad, Refused)
    assert (bad.source, bad.place) == ("roster.csv", "row 3")
    assert column in bad.what
    assert bad.remedy
    assert (first.place, last.place) == ("row 2", "row 5")
    assert isinstance(last, Intake)


def test_a_cell_that_is_not_understood_is_said_and_the_person_comes_in() -> None:
    header = "name,sex,phone,conditions,bp,hba1c,last_visit,medicines,language,shoe size,tag"
    intake = one(header, "Ada,x,12,flu;HTN,abc,high,2026-13-01,abc:1:2,Klingon,41,")
    assert intake.conditions == {"hypertension"}
    told = said(intake)
    for words in (
        "column sex: 'x'",
        "phone '12'",
        "'flu' has no word",
        "'abc' is not a value",
        "'high'",
        "column last_visit",
        "the fill of 'abc:1:2'",
        "'Klingon'",
        "'shoe size' is not used",
    ):
        assert words in told


def test_a_time_zone_that_is_none_is_not_used_and_said() -> None:
    (found,) = everybody("identifier,born,timezone\nA1,1950-01-01,Mars/Olympus\n")
    assert isinstance(found, Intake)
    assert found.timezone is None
    assert "'Mars/Olympus' is not a time zone" in said(found)


def test_somebody_marked_dead_is_dead_even_without_a_proper_day() -> None:
    assert one("died", "2025-06-01").died == date(2025, 6, 1)
    assert one("died", "yes").died is not None


def test_a_roster_without_the_needed_columns_is_refused_as_a_whole() -> None:
    (refused,) = everybody("name,phone\nAda,1\n")
    assert isinstance(refused, Refused)
    assert refused.place == "row 1"
    assert "identifier and born" in refused.remedy


def test_every_column_name_is_a_header_of_its_own_and_none_means_two_columns() -> None:
    headers = [header for headers in ROSTER_COLUMNS.values() for header in headers]
    assert all(name in headers for name in ROSTER_COLUMNS)
    assert len(headers) == len(set(headers))


def test_a_folder_is_read_by_what_is_in_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("identifier,born\nA1,1950-01-01\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "b.csv").write_text('\ufeff {"resourceType": "Patient", "id": "1", "birthDate": "1950-01-01"}')
    (tmp_path / "c.xlsx").write_bytes(b"PK\x03\x04")
    (tmp_path / "d.md").write_text("Licence")
    (tmp_path / "e.json").touch()
    (tmp_path / ".hidden").write_text("{}")
    found = list(read_path(tmp_path))
    assert [(type(one).__name__, one.source) for one in found] == [
        ("Intake", "a.txt"),
        ("Refused", "c.xlsx"),
        ("Refused", "d.md"),
        ("Intake", "deeper/b.csv"),
        ("Refused", "e.json"),
    ]


def test_a_path_that_is_not_there_is_refused_in_words(tmp_path: Path) -> None:
    (missing,) = read_path(tmp_path / "nowhere.csv")
    assert isinstance(missing, Refused)
    assert "No such file" in missing.what
    (empty,) = read_path(tmp_path)
    assert isinstance(empty, Refused)


@pytest.mark.parametrize(
    ("written", "texts", "noted"),
    [
        ("yes", True, False),
        ("是", True, False),
        ("No", False, False),
        ("否", False, False),
        ("", None, False),
        ("perhaps", False, True),
    ],
)
def test_whether_they_agreed_to_be_texted_is_read_and_a_doubt_is_a_no(written: str, texts: bool | None, noted: bool) -> None:
    (person,) = read_roster(f"identifier,born,name,sms_consent\nA-1,1960-05-01,Li,{written}\n", "roster.csv")
    assert isinstance(person, Intake)
    assert person.texts is texts
    assert any("sms_consent" in note.what for note in person.notes) is noted
