"""What other people's codes and words mean in ours: diagnoses, measurements, services, medicines.

Rule: the tables are data (conditions.yaml, measurements.yaml, medicines.yaml); a code that is not there means nothing
to us, it is never guessed from its neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ruamel.yaml import YAML

LOINC = "http://loinc.org"


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of a coded word; any part may be empty."""

    system: str
    code: str
    display: str = ""


@dataclass(frozen=True, slots=True)
class ReadingKind:
    """A reading we know: ``measure`` is a key of units.MEASURES, ``plausible`` the lowest and highest believed."""

    name: str
    measure: str
    plausible: tuple[float, float]


@dataclass(frozen=True)
class Codes:
    """The code tables, ready to be asked."""

    condition_words: Mapping[str, str]
    icd10: Mapping[str, frozenset[str]]
    snomed: Mapping[str, frozenset[str]]
    readings: Mapping[str, ReadingKind]
    loinc: Mapping[str, ReadingKind]
    panels: frozenset[str]
    service_codes: Mapping[str, str]
    service_readings: Mapping[str, str]
    headers: Mapping[str, str]
    medicine_words: tuple[tuple[str, str], ...]
    rxnorm: Mapping[str, str]

    def conditions(self, codings: Iterable[Coding], text: str = "") -> frozenset[str] | None:
        """Our words for a diagnosis; empty when it is known and not ours, None when it is not known at all."""
        found: set[str] = set()
        known = False
        for coding in codings:
            words = self._condition_of(coding)
            if words is not None:
                known = True
                found |= words
        if not known and (word := self.condition_words.get(plain(text))):
            return frozenset({word})
        return frozenset(found) if known else None

    def _condition_of(self, coding: Coding) -> frozenset[str] | None:
        system = coding.system.lower()
        if "snomed" in system or system.endswith("6.96"):
            return self.snomed.get(coding.code)
        if ("icd" in system and "icd-9" not in system and "icd9" not in system) or system.endswith(("6.90", "6.3")):
            return self.icd(coding.code)
        return None

    def icd(self, code: str) -> frozenset[str] | None:
        """The words of the longest known prefix of an ICD-10 or ICD-10-CM code, with or without its dot."""
        written = code.upper().replace(".", "").strip()
        for length in range(len(written), 2, -1):
            if (words := self.icd10.get(written[:length])) is not None:
                return words
        return None

    def medicine(self, codings: Iterable[Coding], text: str) -> str | None:
        """The generic name, None when not known; parts of a fixed combination are joined by "/" as they are written."""
        written = " ".join([text, *(coding.display for coding in codings)]).casefold()
        found: dict[str, int] = {}
        for word, generic in self.medicine_words:
            place = written.find(word)
            if place >= 0:
                written = written.replace(word, " " * len(word))
                found[generic] = min(place, found.get(generic, place))
        if found:
            return "/".join(sorted(found, key=lambda generic: found[generic]))
        return next((self.rxnorm[c.code] for c in codings if "rxnorm" in c.system.lower() and c.code in self.rxnorm), None)


def plain(words: str) -> str:
    """Words without letter case, full-width forms and doubled spaces, for looking them up."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", words)).strip().casefold()


def read_table(name: str) -> Any:
    """One of the data files that lie beside this module."""
    return YAML(typ="safe", pure=True).load(resources.files("records.intake").joinpath(name).read_text(encoding="utf-8"))


@cache
def shipped_codes() -> Codes:
    """The tables we ship, read once."""
    conditions, measurements, medicines = (read_table(f"{name}.yaml") for name in ("conditions", "measurements", "medicines"))
    kinds = {
        name: ReadingKind(name, row["measure"], (float(row["plausible"][0]), float(row["plausible"][1])))
        for name, row in measurements["readings"].items()
    }
    readings, services = measurements["readings"], measurements["services"]
    return Codes(
        condition_words={plain(word): name for name, words in conditions["words"].items() for word in (name, *words)},
        icd10={str(code).replace(".", ""): frozenset(words) for code, words in conditions["icd10"].items()},
        snomed={code: frozenset(words) for code, words in conditions["snomed"].items()},
        readings=kinds,
        loinc={code: kinds[name] for name, row in readings.items() for code in row["loinc"]},
        panels=frozenset(measurements["panels"]),
        service_codes={code: name for name, row in services.items() for code in (*row.get("snomed", ()), *row.get("loinc", ()))},
        service_readings={reading: name for name, row in services.items() for reading in row.get("readings", ())},
        headers={plain(word): name for table in (services, readings) for name, row in table.items() for word in row["header"]},
        medicine_words=tuple(
            sorted(
                ((word.casefold(), name) for name, words in medicines["words"].items() for word in (name, *words)),
                key=lambda pair: len(pair[0]),
                reverse=True,
            )
        ),
        rxnorm=dict(medicines["rxnorm"]),
    )
