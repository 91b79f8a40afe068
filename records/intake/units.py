"""A value and the unit somebody wrote it in, into the one unit we use.

Rule 1: a unit that is not known is refused, never guessed: 126 could be mg/dL or a typing error for 12.6.
Rule 2: a converted value is rounded as laboratories report it (126 mg/dL is 7.0 mmol/L, not 6.99); a value sent in our
own unit stays exactly as sent.

Sources of the factors: glucose 180.16 g/mol, creatinine 113.12 g/mol, cholesterol 386.65 g/mol (molar masses);
HbA1c: the NGSP/IFCC master equation, NGSP % = 0.0915 x IFCC mmol/mol + 2.15; 1 kPa = 7.50062 mm[Hg],
1 lb = 0.45359237 kg, 1 inch = 2.54 cm (NIST SP 811); albumin to creatinine: 1 mg/mmol = 8.84 mg/g, from the molar mass
of creatinine.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field


class UnknownUnit(ValueError):
    """A unit we cannot convert from. ``what`` says which, ``remedy`` which units are known for this measure."""

    def __init__(self, measure: str, unit: str | None, known: tuple[str, ...]) -> None:
        self.what = f"{measure} in {unit!r}" if unit else f"{measure} without a unit"
        self.remedy = f"send it in one of: {', '.join(known)}"
        super().__init__(f"{self.what}; {self.remedy}")


@dataclass(frozen=True, slots=True)
class Measure:
    """One physical quantity: our unit, the decimals a converted value keeps, and ``ours = sent * factor + offset``.

    ``same`` are other spellings of our own unit.
    """

    unit: str
    decimals: int
    same: tuple[str, ...]
    others: Mapping[str, tuple[float, float]] = field(default_factory=dict)


_FAHRENHEIT = (1 / 1.8, -32 / 1.8)
_POUND, _INCH = (0.45359237, 0.0), (2.54, 0.0)

MEASURES: dict[str, Measure] = {
    "pressure": Measure("mm[Hg]", 0, ("mmHg", "毫米汞柱"), {"kPa": (7.50062, 0), "千帕": (7.50062, 0)}),
    "glucose": Measure(
        "mmol/L", 1, ("毫摩尔/升",), {"mg/dL": (1 / 18.016, 0), "mg/100mL": (1 / 18.016, 0), "g/L": (1 / 0.18016, 0)}
    ),
    "hba1c": Measure("%", 1, ("percent",), {"mmol/mol": (0.0915, 2.15)}),
    "cholesterol": Measure("mmol/L", 2, (), {"mg/dL": (1 / 38.67, 0)}),
    "temperature": Measure(
        "Cel",
        1,
        ("°C", "C", "degC", "摄氏度"),
        dict.fromkeys(("[degF]", "degF", "°F", "F"), _FAHRENHEIT),
    ),
    "mass": Measure(
        "kg",
        1,
        ("kgs", "公斤", "千克"),
        {"g": (0.001, 0.0), "斤": (0.5, 0.0)} | dict.fromkeys(("[lb_av]", "lb", "lbs"), _POUND),
    ),
    "length": Measure(
        "cm",
        1,
        ("厘米",),
        {"m": (100.0, 0.0), "mm": (0.1, 0.0)} | dict.fromkeys(("[in_i]", "[in_us]", "in", "inch", "inches"), _INCH),
    ),
    "rate": Measure("/min", 0, ("1/min", "bpm", "beats/min", "{beats}/min", "次/分")),
    "filtration": Measure(
        "mL/min/{1.73_m2}", 0, ("mL/min/1.73m2", "mL/min/1.73_m2", "mL/min/1.73.m2", "mL/min"), {"mL/s": (60, 0)}
    ),
    "albumin_creatinine": Measure("mg/g", 1, ("ug/mg", "mcg/mg"), {"mg/mmol": (8.84, 0), "g/mol": (8.84, 0), "g/g": (1000, 0)}),
    "creatinine": Measure("umol/L", 0, ("μmol/L", "微摩尔/升"), {"mg/dL": (88.4, 0), "mmol/L": (1000, 0)}),
    "potassium": Measure("mmol/L", 1, ("mEq/L",)),
    "body_mass_index": Measure("kg/m2", 1, ("kg/m^2",)),
}


def to_ours(measure: str, value: float, unit: str | None) -> float:
    """``value`` in our unit for ``measure``, a key of MEASURES. Raises UnknownUnit, or ValueError if not finite."""
    if not math.isfinite(value):
        raise ValueError("not a finite number")
    known = MEASURES[measure]
    written = _plain(unit or "")
    if written and written in {_plain(spelling) for spelling in (known.unit, *known.same)}:
        return value
    for spelling, (factor, offset) in known.others.items():
        if written and written == _plain(spelling):
            return round(value * factor + offset, known.decimals)
    raise UnknownUnit(measure.replace("_", " "), unit, (known.unit, *known.others))


def _plain(unit: str) -> str:
    """The unit without annotations, spaces, letter case and full-width forms: what people vary without meaning it."""
    folded = unicodedata.normalize("NFKC", unit).casefold().replace("µ", "μ").replace("μ", "u")
    return re.sub(r"\{[^}]*\}|\s", "", folded).rstrip("/")
