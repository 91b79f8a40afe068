"""How a spreadsheet's text, headers and days are read, before anybody is looked for in its rows.

Rule: a day is read only when the year comes first: 01/02/2025 is two days.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from records.intake.codes import Codes, plain

ROSTER_SYSTEM = "urn:cairn:roster"

ROSTER_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "identifier": ("identifier", "id", "mrn", "档案号", "编号", "健康档案号"),
        "identifier_system": ("identifier_system",),
        "national_id": ("national_id", "身份证号", "身份证"),
        "name": ("name", "姓名"),
        "family": ("family", "family_name", "姓"),
        "given": ("given", "given_name", "名"),
        "sex": ("sex", "gender", "性别"),
        "born": ("born", "birth_date", "birthdate", "date_of_birth", "dob", "出生日期", "生日"),
        "died": ("died", "死亡日期"),
        "phone": ("phone", "mobile", "电话", "手机", "手机号", "联系电话"),
        "carer_phone": ("carer_phone", "家属电话", "联系人电话"),
        "carer_name": ("carer_name", "家属姓名", "联系人"),
        "sms_consent": ("sms_consent", "短信同意", "同意短信", "同意接收短信"),
        "language": ("language", "语言"),
        "timezone": ("timezone", "time_zone", "时区"),
        "country": ("country", "国家"),
        "state": ("state", "province", "省", "省份"),
        "conditions": ("conditions", "diagnoses", "疾病", "诊断", "慢病"),
        "medicines": ("medicines", "medications", "用药", "药物"),
        "tag": ("tag", "risk", "标签", "风险等级"),
        "care_team": ("care_team", "团队", "责任医生团队"),
        "last_visit": ("last_visit", "上次随访", "最近随访日期", "随访日期"),
        "measured_on": ("measured_on", "测量日期"),
        "bp": ("bp", "blood_pressure", "血压"),
    }
)
"""Column names and the headers that mean them; readings and services have theirs in measurements.yaml."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: its ``name`` (ours), the ``unit`` its header gives, and the ``header`` as written."""

    name: str
    unit: str
    header: str


def column_of(header: str, codes: Codes) -> Column:
    """What the column under ``header`` holds; its name is empty when we do not know."""
    split = re.fullmatch(r"(.*?)\s*[((](.*)[))]\s*", header)
    word = plain(split.group(1) if split else header).replace(" ", "_")
    unit = split.group(2).strip() if split else ""
    base, is_unit = (
        (word.removesuffix("_unit"), True) if word.endswith("_unit") else (word.removesuffix("单位"), word.endswith("单位"))
    )
    if is_unit and base in codes.headers:
        return Column(f"{codes.headers[base]}_unit", "", header)
    ours = next((name for name, headers in ROSTER_COLUMNS.items() if word in headers), None)
    # A service and a reading may share a name (hba1c): the service's day has a header of its own.
    service = {"hba1c_done": "hba1c_done", "糖化检查": "hba1c_done"}.get(word)
    return Column(ours or service or codes.headers.get(word, ""), unit, header)


def decode(content: bytes) -> str | None:
    """Text of a spreadsheet's export, whichever encoding it chose; None if it is no text."""
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def read_day(written: str) -> date | None:
    """A day as people write it, year first; None when it is none."""
    found = re.fullmatch(r"(\d{4})(?:[-/.](\d{1,2})[-/.](\d{1,2})|年(\d{1,2})月(\d{1,2})日?|(\d{2})(\d{2}))(?:[ T].*)?", written)
    if not found:
        return None
    year, month, day = (int(group) for group in found.groups() if group)
    try:
        return date(year, month, day) if 1890 <= year <= 2200 else None
    except ValueError:
        return None
