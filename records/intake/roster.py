"""A roster as a health centre keeps it: one person in each row of a CSV file, read into Intakes.

Rule 1: a row is refused only when it cannot be said who it is or how old they are; any other cell that is not
understood is a note, and the person comes in without it.
Rule 2: a row that has more cells than the header is refused: its values may stand under the wrong names.

The file is UTF-8 (with or without BOM), UTF-16 or GB18030; cells are parted by comma, semicolon or tab; the first row
names the columns, in English or Chinese, in any order (see ROSTER_COLUMNS). Only ``identifier`` (or ``national_id``)
and ``born`` must be there.

identifier, identifier_system   the centre's record number (档案号); the system is ``urn:cairn:roster`` unless given
national_id                     resident identity card number (身份证号)
name, or family and given       姓名
sex                             male, female, m, f, 男, 女, 1, 2
born, died, last_visit          2025-02-01, 2025/2/1, 20250201 or 2025年2月1日, never 01/02/2025
phone, carer_phone, carer_name  several phones are parted by ;
sms_consent                     yes or no (是, 否; sí, no): whether they agreed to be texted; empty where nobody asked
language, timezone              en, zh-Hans, zh-Hant, es or their names; an IANA zone such as Asia/Shanghai
country, state                  used for phones, and for the time zone when that is empty
conditions                      our words or common ones in English, Chinese, Spanish, or ICD-10 codes, parted by ;
medicines                       name:last fill:days of supply, for example metformin:2025-02-01:30, parted by ;
tag, care_team                  red, yellow, green (红, 黄, 绿); the team's name
sbp, dbp, bp, fpg, hba1c, ...   every reading of measurements.yaml; bp is 145/92. The unit is ours unless the cell
                                ("126 mg/dL"), a column "fpg_unit" or the header "fpg (mg/dL)" says another
measured_on                     the day of the readings; last_visit when it is empty
annual_exam, eye_screening, foot_screening, kidney_screening, hba1c_done    the day each was last done
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from records.intake.chart import Chart
from records.intake.codes import Codes, Coding, plain, shipped_codes
from records.intake.columns import ROSTER_SYSTEM, Column, column_of, decode, read_day
from records.intake.fhir import noon, not_yet, text
from records.intake.notes import Notes
from records.intake.patient import NATIONAL_ID, NotAPerson, read_phone
from records.intake.people import Identifier, Intake, KnownMedicine, PersonName, Phone, Refused, Sex, newest_readings
from records.intake.places import Places, known_zone, shipped_places
from records.intake.prescriptions import LONGEST_SUPPLY_DAYS
from records.intake.units import MEASURES

_SEX_WORDS: Mapping[Sex, str] = {
    "male": "male m 男 男性 1 hombre",
    "female": "female f 女 女性 2 mujer",
    "other": "other o 其他",
}
_SEXES = {word: sex for sex, words in _SEX_WORDS.items() for word in words.split()}
_AGREED = {
    **dict.fromkeys(("yes", "y", "true", "1", "si", "sí", "s", "是", "同意"), True),
    **dict.fromkeys(("no", "n", "false", "0", "否", "不同意"), False),
}
_TAGS = {"红": "red", "黄": "yellow", "绿": "green", "红色": "red", "黄色": "yellow", "绿色": "green"}
_AS_ROSTER = "send CSV in UTF-8 with a first row that names the columns, at least identifier and born"


def read_roster(
    content: str | bytes, source: str, *, on: date | None = None, codes: Codes | None = None, places: Places | None = None
) -> Iterator[Intake | Refused]:
    """Everybody in one roster. ``source`` is the file's name; with ``on`` (today) later days are kept out. Never raises."""
    known, where = codes or shipped_codes(), places or shipped_places()
    written = content if isinstance(content, str) else decode(content)
    if written is None:
        yield Refused(source, "the file", "neither UTF-8 nor UTF-16 nor GB18030 text", _AS_ROSTER)
        return
    written = written.removeprefix("\ufeff").lstrip("\r\n")
    first = written.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(written, newline=""), delimiter=max(",;\t", key=first.count))
    columns: list[Column] | None = None
    row_no = 0
    while True:
        row_no += 1
        try:
            cells = [text(cell) for cell in next(rows)]
        except StopIteration:
            break
        except csv.Error as fault:
            yield Refused(source, f"row {row_no}", f"not CSV: {fault}", "look for a quotation mark that is not closed")
            continue
        if columns is None:
            columns = [column_of(header, known) for header in cells]
            names = {column.name for column in columns}
            if "born" not in names or not names & {"identifier", "national_id"}:
                yield Refused(source, "row 1", "no column for the birth date or for the identifier", _AS_ROSTER)
                return
        elif any(cells):
            try:
                yield _Row(source, f"row {row_no}", columns, cells, on, known, where).read()
            except NotAPerson as refusal:
                yield Refused(source, f"row {row_no}", refusal.what, refusal.remedy)
    if columns is None:
        yield Refused(source, "the file", "empty", _AS_ROSTER)


@dataclass(frozen=True)
class _Row:
    source: str
    place: str
    columns: list[Column]
    cells: list[str]
    on: date | None
    codes: Codes
    places: Places

    def cell(self, name: str) -> str:
        return next((cell for column, cell in zip(self.columns, self.cells, strict=False) if column.name == name and cell), "")

    def many(self, name: str) -> list[str]:
        return [one.strip() for one in re.split(r"[;;|、\n]", self.cell(name)) if one.strip()]

    def read(self) -> Intake:
        if any(self.cells[len(self.columns) :]):
            raise NotAPerson(
                f"{len(self.cells)} cells under {len(self.columns)} columns", "put cells that hold the separator in quotes"
            )
        notes = Notes(self.place)
        identifiers, born = self._identifiers(), self._born()
        zone = self.cell("timezone") or self.places.zone_of_address(self.cell("country"), self.cell("state")) or ""
        if known_zone(zone) is None:
            notes.add(
                f"column timezone: {zone!r} is not a time zone" if zone else "time zone not known",
                "use an IANA name such as Asia/Shanghai",
            )
        chart = Chart(self.codes, known_zone(zone), self.on, notes)
        last_visit = self._day("last_visit", notes)
        if last_visit:
            chart.visits.add(last_visit)
        self._conditions(chart, notes)
        self._readings(chart, self._day("measured_on", notes) or last_visit, notes)
        for column in ("annual_exam", "eye_screening", "foot_screening", "kidney_screening", "hba1c_done"):
            if done := self._day(column, notes):
                chart.service(column.removesuffix("_done"), done)
        for unused, cell in zip(self.columns, self.cells, strict=False):
            if cell and not unused.name:
                notes.add(f"column {unused.header!r} is not used", "nothing to do, or use a name from the list of columns")
        readings, _ = newest_readings(chart.readings)
        return Intake(
            source=self.source,
            place=self.place,
            identifiers=identifiers,
            name=self._name(notes),
            sex=self._sex(notes),
            born=born,
            died=self._death(notes),
            phones=self._phones(zone, notes),
            language=self._language(notes),
            timezone=zone if known_zone(zone) else None,
            conditions=frozenset(chart.conditions),
            readings=readings,
            visits=tuple(chart.visits),
            medicines=self._medicines(notes),
            care_team=self.cell("care_team") or None,
            tag=_TAGS.get(self.cell("tag"), self.cell("tag").casefold()) or None,
            texts=self._texts(notes),
            services_done=MappingProxyType(chart.services),
            notes=notes.done(),
        )

    def _identifiers(self) -> tuple[Identifier, ...]:
        own, national = self.cell("identifier"), self.cell("national_id")
        for column, value in (("identifier", own), ("national_id", national)):
            if re.fullmatch(r"\d(\.\d+)?[eE]\+\d+", value):
                raise NotAPerson(
                    f"column {column}: {value!r} was rounded by a spreadsheet", "format the column as text and export again"
                )
        found = [Identifier(self.cell("identifier_system") or ROSTER_SYSTEM, own)] if own else []
        found += [Identifier(NATIONAL_ID, national.upper())] if national else []
        if not found:
            raise NotAPerson("column identifier: empty", "give every person a number of their own")
        return tuple(found)

    def _born(self) -> date:
        written, remedy = self.cell("born"), "write the birth date as YYYY-MM-DD"
        born = read_day(written)
        if born is None:
            raise NotAPerson(f"column born: {written!r} is not a day" if written else "column born: empty", remedy)
        if not_yet(born, self.on):
            raise NotAPerson(f"column born: {born} has not come yet", remedy)
        return born

    def _name(self, notes: Notes) -> PersonName:
        family, given, whole = self.cell("family"), self.cell("given"), self.cell("name")
        if whole and not (family or given):
            family, given = self.places.split_name(whole)
        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in family + given)
        full = whole or (family + given if chinese else f"{given} {family}".strip())
        if not full:
            notes.add("column name: empty", "send a name: people are called by it")
        return PersonName(family, given, full)

    def _sex(self, notes: Notes) -> Sex:
        written = self.cell("sex")
        if written and plain(written) not in _SEXES:
            notes.add(f"column sex: {written!r} is not understood", "write male, female or other")
        return _SEXES.get(plain(written), "unknown")

    def _day(self, column: str, notes: Notes) -> date | None:
        written = self.cell(column)
        found = read_day(written)
        if written and found is None:
            notes.add(f"column {column}: {written!r} is not a day", "write it as YYYY-MM-DD")
        elif found and not_yet(found, self.on):
            notes.add(f"column {column}: {found} has not come yet", "correct the day")
            return None
        return found

    def _death(self, notes: Notes) -> date | None:
        died = self._day("died", notes)
        if died is None and self.cell("died"):
            # Whatever was meant, somebody wrote under "died": they are not texted until it is put right.
            return self.on or self._born()
        return died

    def _phones(self, zone: str, notes: Notes) -> tuple[Phone, ...]:
        country = self.places.country(self.cell("country")) or self.places.country_of_zone(zone)
        carer = self.cell("carer_name") or None
        own = [read_phone(phone, "self", None, country, notes) for phone in self.many("phone")]
        return (*own, *(read_phone(phone, "carer", carer, country, notes) for phone in self.many("carer_phone")))

    def _language(self, notes: Notes) -> str | None:
        written = self.cell("language")
        code = self.places.language(written) if written else None
        if code is None:
            what = f"column language: {written!r} is not one we write in" if written else "language not known"
            notes.add(what, "write en, zh-Hans, zh-Hant or es")
        return code or written or None

    def _texts(self, notes: Notes) -> bool | None:
        written = self.cell("sms_consent")
        agreed = _AGREED.get(plain(written)) if written else None
        if written and agreed is None:
            notes.add(f"column sms_consent: {written!r} is neither yes nor no; not texted until it is known", "write yes or no")
            return False
        return agreed

    def _conditions(self, chart: Chart, notes: Notes) -> None:
        for written in self.many("conditions"):
            found = self.codes.conditions([Coding("icd-10", written)], written)
            if found is None:
                notes.add(
                    f"column conditions: {written!r} has no word here",
                    f"use one of: {', '.join(sorted(set(self.codes.condition_words.values())))}",
                )
            chart.conditions |= found or frozenset()

    def _readings(self, chart: Chart, day: date | None, notes: Notes) -> None:
        for column, cell in zip(self.columns, self.cells, strict=False):
            if column.name == "bp" and (pair := re.fullmatch(r"(\d{2,3})\s*[/／]\s*(\d{2,3})", cell)):
                found = [("sbp", pair.group(1)), ("dbp", pair.group(2))]
            elif column.name in self.codes.readings or column.name == "bp":
                found = [(column.name, cell)]
            else:
                continue
            for name, written in found:
                if written:
                    self._reading(chart, name, written, column, day, notes)

    def _reading(self, chart: Chart, name: str, written: str, column: Column, day: date | None, notes: Notes) -> None:
        # Half of Europe writes 7,2; a comma with three digits after it could be a thousand, so it is not read.
        parsed = re.fullmatch(r"(\d{1,15}(?:[.,]\d{1,2}|\.\d+)?)\s*([^\d\s].*)?", written)
        if name == "bp" or not parsed:
            notes.add(f"column {column.header}: {written!r} is not a value", "write a number, or 145/92 for a blood pressure")
        elif day is None:
            notes.add(f"column {column.header}: nobody knows which day {written!r} is of", "fill in measured_on or last_visit")
        else:
            kind = self.codes.readings[name]
            unit = parsed.group(2) or self.cell(f"{name}_unit") or column.unit or MEASURES[kind.measure].unit
            chart.reading(
                kind,
                float(parsed.group(1).replace(",", ".")),
                unit,
                noon(day, chart.zone),
                None,
                f"{self.place}, column {column.header}",
            )

    def _medicines(self, notes: Notes) -> tuple[KnownMedicine, ...]:
        found: dict[str, KnownMedicine] = {}
        for written in self.many("medicines"):
            name, last_fill, days = ([one.strip() for one in re.split("[::]", written)] + ["", ""])[:3]
            filled, supply = read_day(last_fill), int(days) if re.fullmatch(r"[0-9]{1,3}", days) else None
            if (last_fill and filled is None) or (days and not (supply and supply <= LONGEST_SUPPLY_DAYS)):
                notes.add(
                    f"column medicines: the fill of {written!r} is not understood",
                    "write name:YYYY-MM-DD:days, such as metformin:2025-02-01:30",
                )
                filled = supply = None
            generic = self.codes.medicine((), name)
            if generic is None:
                notes.add(
                    f"column medicines: {name!r} is not in our list, kept as written", "add the ingredient to the medicine table"
                )
            medicine = KnownMedicine(generic or name.casefold(), None, name, None, supply, filled)
            found[medicine.name] = medicine
        return tuple(found.values())
