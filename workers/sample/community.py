"""A sample community on disk: FHIR Bundles for two thirds, one roster for a third, and the faults real data has.

Rule 1: one seed and one day are one community, byte for byte.
Rule 2: what should come of it stands in Community, so that a test can hold a run against it.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from workers.sample.bundles import bundle_of
from workers.sample.invented import RECORD_SYSTEM, Inventor, SamplePerson

ROSTER = "roster.csv"
BROKEN = "patient-broken.json"
COLUMNS = (
    "identifier",
    "identifier_system",
    "name",
    "family",
    "given",
    "sex",
    "born",
    "phone",
    "carer_phone",
    "carer_name",
    "language",
    "timezone",
    "conditions",
    "tag",
    "last_visit",
    "sbp",
    "dbp",
    "fpg",
    "fpg_unit",
    "temperature",
    "temperature_unit",
    "medicines",
    "care_team",
)


@dataclass(frozen=True, slots=True)
class ExpectedRefusal:
    """A file or row that must be refused: ``source``, how its ``place`` begins, and a word of ``what`` is said."""

    source: str
    place: str
    what: str


@dataclass(frozen=True)
class Community:
    """What was written to ``folder`` and what should come of reading it.

    ``people`` are everybody once; ``enrollable`` the record numbers (in RECORD_SYSTEM) of those some shipped pathway is for:
    as many as were asked for. ``intakes`` is how many persons are read in all, the one sent twice counted twice.
    ``strange_unit`` is enrollable, but one value is not understood.
    """

    folder: Path
    bundles: tuple[Path, ...]
    roster: Path
    people: tuple[SamplePerson, ...]
    enrollable: frozenset[str]
    died: str
    too_young: str
    sent_twice: str
    strange_unit: str
    refusals: tuple[ExpectedRefusal, ...]
    intakes: int


def make_community(folder: Path, *, patients: int = 60, seed: int = 1, on: date) -> Community:
    """Write a community with ``patients`` enrollable people as it is on the day ``on``, and a few who are not.

    Besides them: one has died, one is too young, one row has an impossible birth date, one file is broken off. An
    earlier sample in ``folder`` is replaced. Raises ValueError for fewer than 6 patients.
    """
    if patients < 6:
        raise ValueError("a community has 6 patients or more, so that every kind of fault has somebody to happen to")
    source = random.Random(seed)
    inventor = Inventor(source, on)
    people = [inventor.person() for _ in range(patients)]
    in_bundles, in_roster = people[: patients - patients // 3], people[patients - patients // 3 :]
    # The unknown unit needs a visit that its value belongs to.
    strange = in_roster[0] = _with_pressure(in_roster[0], inventor, on)
    people[patients - patients // 3] = strange
    twice = in_bundles[1]
    died = replace(inventor.person(), died=on - timedelta(days=40))
    young = replace(
        inventor.person(), born=on - timedelta(days=15 * 365), conditions=frozenset({"hypertension"}), checkups=(), medicines=()
    )
    impossible = inventor.person()

    folder.mkdir(parents=True, exist_ok=True)
    for earlier in (*folder.glob("patient-*.json"), *folder.glob(ROSTER)):
        earlier.unlink()
    bundles = [_write_bundle(folder / f"patient-{one.record}.json", one, source) for one in (*in_bundles, died, young)]
    whole = json.dumps(bundle_of(impossible, source), ensure_ascii=False, indent=1)
    (folder / BROKEN).write_text(whole[: len(whole) * 2 // 3], encoding="utf-8")
    bad_row = {**_row(impossible), "born": "1961-02-30"}
    rows = [_row(one) for one in in_roster]
    rows[0]["fpg"], rows[0]["fpg_unit"] = "6.1", "grains/pint"
    rows = [*rows[:2], bad_row, *rows[2:], _row(twice)]
    roster = _write_roster(folder / ROSTER, rows)
    return Community(
        folder=folder,
        bundles=(*bundles, folder / BROKEN),
        roster=roster,
        people=(*people, died, young),
        enrollable=frozenset(one.record for one in people),
        died=died.record,
        too_young=young.record,
        sent_twice=twice.record,
        strange_unit=strange.record,
        refusals=(ExpectedRefusal(BROKEN, "line", "not JSON"), ExpectedRefusal(ROSTER, "row 4", "1961-02-30")),
        intakes=len(people) + 3,
    )


def _with_pressure(person: SamplePerson, inventor: Inventor, on: date) -> SamplePerson:
    while not person.checkups:
        person = replace(person, checkups=inventor.person().checkups)
    return replace(person, conditions=person.conditions | {"hypertension"})


def _write_bundle(path: Path, person: SamplePerson, source: random.Random) -> Path:
    path.write_text(json.dumps(bundle_of(person, source), ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _write_roster(path: Path, rows: Sequence[dict[str, str]]) -> Path:
    # With the mark that spreadsheets put before UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _row(person: SamplePerson) -> dict[str, str]:
    region, last = person.region, person.checkups[0] if person.checkups else None
    american = region.american_units
    chinese = region.language.startswith("zh")
    row = {
        "identifier": person.record,
        "identifier_system": RECORD_SYSTEM,
        "name": person.full_name if chinese else "",
        "family": "" if chinese else person.family,
        "given": "" if chinese else person.given,
        "sex": {"female": "女", "male": "男"}[person.sex] if chinese else person.sex,
        "born": person.born.isoformat(),
        "phone": person.phone,
        "carer_phone": person.carer[1] if person.carer else "",
        "carer_name": person.carer[0] if person.carer else "",
        "language": region.language,
        "timezone": region.zone,
        "conditions": "; ".join(sorted(person.conditions)),
        "tag": person.band if last else "",
        "medicines": "; ".join(f"{m.text}:{m.filled}:{m.days}" if m.filled else m.text for m in person.medicines),
        "care_team": "",
    }
    if last:
        row |= {"last_visit": last.on.isoformat(), "sbp": str(last.sbp), "dbp": str(last.dbp)}
        row |= {"temperature": str(round(last.temperature * 1.8 + 32, 1) if american else last.temperature)}
        row |= {"temperature_unit": "degF" if american else "Cel"}
        if last.fpg is not None:
            row |= {"fpg": str(round(last.fpg * 18.016) if american else last.fpg), "fpg_unit": "mg/dL" if american else "mmol/L"}
    return row
