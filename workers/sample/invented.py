"""People who do not exist: who they are, what they have, what was measured at their last visits.

Rule 1: everything comes from the random source that is handed in, so one seed is one community.
Rule 2: how a person behaves is not here; that is for whoever plays them.
Rule 3: outside the range reserved for fiction in the United States the phone numbers could be somebody's: never text a
sample community through a real provider.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any, Literal

from ruamel.yaml import YAML

RECORD_SYSTEM = "https://example.org/cairn/sample/records"

Band = Literal["green", "yellow", "red"]

MIXTURES: tuple[tuple[frozenset[str], int], ...] = (
    (frozenset({"hypertension"}), 40),
    (frozenset({"type2_diabetes"}), 20),
    (frozenset({"hypertension", "type2_diabetes"}), 25),
    (frozenset({"hypertension", "type2_diabetes", "chronic_kidney_disease"}), 8),
    (frozenset({"hypertension", "chronic_kidney_disease"}), 7),
)
BANDS: tuple[tuple[Band, int], ...] = (("green", 50), ("yellow", 30), ("red", 20))


@dataclass(frozen=True, slots=True)
class Region:
    """Where somebody lives: time zone, language (ours and as a tag), country, state, shapes of phone numbers, habits."""

    zone: str
    language: str
    tag: str
    country: str
    state: str
    share: int
    phones: tuple[str, ...]
    american_units: bool = False
    ifcc: bool = False
    say_zone: bool = False


@dataclass(frozen=True, slots=True)
class Checkup:
    """One past visit and what was measured at it: mm[Hg], mmol/L, Cel; None for what was not."""

    on: date
    sbp: int | None = None
    dbp: int | None = None
    fpg: float | None = None
    temperature: float = 36.6
    hba1c: float | None = None


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine taken now; ``filled`` is None where no dispense is known, ``days`` is what one fill covers."""

    name: str
    text: str
    since: date
    filled: date | None
    days: int


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """One invented person. ``band`` is how well their values are; ``checkups`` are newest first."""

    record: str
    region: Region
    family: str
    given: str
    sex: Literal["female", "male"]
    born: date
    phone: str
    carer: tuple[str, str] | None
    conditions: frozenset[str]
    band: Band
    checkups: tuple[Checkup, ...]
    medicines: tuple[Medicine, ...]
    died: date | None = None

    @property
    def full_name(self) -> str:
        return self.family + self.given if self.region.language.startswith("zh") else f"{self.given} {self.family}"


@cache
def shipped_table() -> Any:
    """Names, regions and medicines."""
    return YAML(typ="safe", pure=True).load(resources.files("workers.sample").joinpath("names.yaml").read_text("utf-8"))


@dataclass
class Inventor:
    """Invents people one after the other. ``on`` is today; no phone number is given twice."""

    random: random.Random
    on: date
    table: Mapping[str, Any] = field(default_factory=shipped_table)
    _phones: set[str] = field(default_factory=set)
    _invented: int = 0

    def person(self) -> SamplePerson:
        """The next person, old enough for every pathway we ship and ill with something one of them is for."""
        self._invented += 1
        pick, region = self.random, self._region()
        sex: Literal["female", "male"] = pick.choice(("female", "male"))
        family, given = self._name(region, sex)
        conditions = pick.choices([m for m, _ in MIXTURES], [share for _, share in MIXTURES])[0]
        band = pick.choices([b for b, _ in BANDS], [share for _, share in BANDS])[0]
        carer = None
        if pick.random() < 0.4:
            carer_family, carer_given = self._name(region, pick.choice(("female", "male")))
            carer = (
                carer_family + carer_given if region.language.startswith("zh") else f"{carer_given} {carer_family}",
                self._phone(region),
            )
        return SamplePerson(
            record=f"S{self._invented:05d}",
            region=region,
            family=family,
            given=given,
            sex=sex,
            born=self.on - timedelta(days=pick.randint(38 * 366, 84 * 365)),
            phone=self._phone(region),
            carer=carer,
            conditions=conditions,
            band=band,
            checkups=self._checkups(conditions, band),
            medicines=self._medicines(conditions, region),
        )

    def _region(self) -> Region:
        rows = [Region(**{**row, "phones": tuple(row["phones"])}) for row in self.table["regions"]]
        return self.random.choices(rows, [row.share for row in rows])[0]

    def _name(self, region: Region, sex: str) -> tuple[str, str]:
        names = self.table["names"][region.language]
        return self.random.choice(names["families"]), self.random.choice(names["women" if sex == "female" else "men"])

    def _phone(self, region: Region) -> str:
        # The range reserved for fiction is small: a community larger than it shares numbers rather than never end.
        for _ in range(200):
            phone = "".join(str(self.random.randint(0, 9)) if sign == "#" else sign for sign in self.random.choice(region.phones))
            if phone not in self._phones:
                break
        self._phones.add(phone)
        return phone

    def _checkups(self, conditions: frozenset[str], band: Band) -> tuple[Checkup, ...]:
        if self.random.random() < 0.15:
            return ()
        last = self.on - timedelta(days=self.random.randint(3, 88))
        before = last - timedelta(days=self.random.randint(14, 30) if band == "red" else self.random.randint(60, 95))
        # Red is somebody uncontrolled twice running; yellow was well the time before.
        return (self._checkup(last, conditions, band), self._checkup(before, conditions, "yellow" if band == "red" else "green"))

    def _checkup(self, on: date, conditions: frozenset[str], band: Band) -> Checkup:
        pick, high = self.random, band != "green"
        sick_pressure, sick_sugar = high and "hypertension" in conditions, high and "type2_diabetes" in conditions
        return Checkup(
            on=on,
            sbp=pick.randint(152, 174) if sick_pressure else pick.randint(112, 136),
            dbp=pick.randint(91, 104) if sick_pressure else pick.randint(66, 86),
            fpg=round(pick.uniform(7.4, 12.5) if sick_sugar else pick.uniform(4.6, 6.7), 1)
            if "type2_diabetes" in conditions
            else None,
            temperature=round(pick.uniform(36.2, 36.9), 1),
            hba1c=round(pick.uniform(7.3, 9.4) if sick_sugar else pick.uniform(5.8, 6.8), 1)
            if "type2_diabetes" in conditions and pick.random() < 0.5
            else None,
        )

    def _medicines(self, conditions: frozenset[str], region: Region) -> tuple[Medicine, ...]:
        pick, names = self.random, []
        if "hypertension" in conditions:
            names.append(pick.choice(("amlodipine", "valsartan", "losartan", "hydrochlorothiazide")))
        if "type2_diabetes" in conditions:
            names.append(pick.choice(("metformin", "metformin", "gliclazide")))
        taken = []
        for name in names:
            days = pick.choice((28, 30, 30, 60, 90))
            filled = self.on - timedelta(days=pick.randint(0, days + 8))
            since = filled - timedelta(days=pick.randint(30, 900))
            told = pick.random() < 0.8
            taken.append(Medicine(name, self.table["medicines"][name][region.language], since, filled if told else None, days))
        return tuple(taken)
