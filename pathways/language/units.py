"""Units of measurement: whether a unit is one of UCUM's, and whether a reading has the unit that it has elsewhere.

Rule 1: a word that is no unit is an error: no laboratory's value can ever be turned into it.
Rule 2: a reading that other pathways share under its name has their unit, since one measurement serves all.
Source: UCUM, the atoms and prefixes that are of use in care; what stands in braces is a note and may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pathways.language.document import Document, Value
from pathways.language.errors import DoubtfulUnit, PathwayError, UnknownUnit, did_you_mean

_PREFIX = "da|[kMGhdcmunpf]"
_ATOM = (
    r"m\[Hg\]|m\[H2O\]|\[(?:IU|iU|arb'U|degF|pH|in_i|ft_i|lb_av|oz_av|drp|CFU|pfu)\]|10[*^]\d{1,2}|mol|min|mo|wk|deg|osm|"
    r"kat|cal|bar|Cel|Pa|eq|Hz|Sv|Gy|Bq|%|[gmslLhdaKUJWVAN]"
)
_PART = rf"(?:(?:(?:{_PREFIX})?(?:{_ATOM})-?\d?|1|\d{{1,4}})(?:\{{[^{{}}]*\}})?|\{{[^{{}}]+\}})"
_UNIT = re.compile(rf"/?{_PART}(?:[./]{_PART})*")
_COMMON = (
    "mm[Hg]", "kPa", "mmol/L", "umol/L", "nmol/L", "mg/dL", "g/L", "g/dL", "mg/g", "mg/mmol", "mg/L", "mL/min/{1.73_m2}", "%",
    "/min", "kg", "g", "mg", "cm", "m", "kg/m2", "Cel", "d", "wk", "mo", "a", "h", "min", "mL", "L", "L/min", "U/L", "m[IU]/L",
    "10*9/L", "{score}", "{count}",
)  # fmt: skip
#: What is written elsewhere, and what UCUM calls it.
_CALLED: Mapping[str, str] = {
    "mmhg": "mm[Hg]", "mm hg": "mm[Hg]", "bpm": "/min", "beats/min": "/min", "°c": "Cel", "c": "Cel", "celsius": "Cel",
    "percent": "%", "kg/m²": "kg/m2", "kg/m^2": "kg/m2", "μmol/l": "umol/L", "µmol/l": "umol/L", "days": "d", "day": "d",
    "weeks": "wk", "months": "mo", "years": "a", "year": "a", "hours": "h", "minutes": "min", "score": "{score}",
    "points": "{score}", "count": "{count}", "times": "{count}", "lb": "[lb_av]", "ml/min/1.73m2": "mL/min/{1.73_m2}",
}  # fmt: skip
#: The units of readings that the shipped pathways share.
SHARED: Mapping[str, str] = {
    "sbp": "mm[Hg]", "dbp": "mm[Hg]", "fpg": "mmol/L", "other_glucose": "mmol/L", "hba1c": "%", "ldl": "mmol/L",
    "egfr": "mL/min/{1.73_m2}", "acr": "mg/g", "potassium": "mmol/L", "weight": "kg", "bmi": "kg/m2", "waist_cm": "cm",
    "heart_rate": "/min", "spo2": "%", "temperature": "Cel",
}  # fmt: skip


def check_units(document: Document, data: Mapping[str, Value]) -> Iterator[PathwayError]:
    """Words that are no unit, numbers without one, and units that differ from those of other pathways."""
    for name, reading in (data.get("readings") or {}).items():
        here, unit = ("readings", name), reading.get("unit")
        if any(kind in reading for kind in ("choices", "yes_no", "list")):
            continue
        for written in () if unit is None else (unit,):
            if not is_unit(written):
                yield UnknownUnit(written, at=document.at(*here, "unit"), remedy=_meant(written, _COMMON))
        for other in reading.get("also_in") or ():
            if not is_unit(other):
                yield UnknownUnit(other, at=document.key(*here, "also_in", other), remedy=_meant(other, _COMMON))
        if unit is None:
            what, remedy = f"nobody is told in which unit {name!r} is", f"add unit: {_quoted(SHARED.get(name, '...'))}"
            yield DoubtfulUnit(what, at=document.key(*here), remedy=remedy)
        elif SHARED.get(name, unit) != unit and is_unit(unit):
            what = f"{name!r} is in {SHARED[name]} in other pathways, and one measurement serves all that a patient is on"
            remedy = f"write {_quoted(SHARED[name])}, or give the reading another name"
            yield DoubtfulUnit(what, at=document.at(*here, "unit"), remedy=remedy)


def is_unit(written: str) -> bool:
    """Whether UCUM has it, as far as care needs UCUM."""
    return _UNIT.fullmatch(written) is not None


def _meant(written: str, known: Iterable[str]) -> str:
    called = _CALLED.get(written.strip().lower())
    return f"write {_quoted(called)}" if called else did_you_mean(written, known)


def _quoted(unit: str) -> str:
    return f'"{unit}"' if set(unit) & set("[]{}%,:#*") else unit
