"""The small parts that resources are made of: codes, references, quantities, and which code systems they are of."""

from __future__ import annotations

from functools import cache
from typing import Any

from api.fhir.kinds import Resource
from pathways.language.medicines import read_medicines
from records.intake.codes import shipped_codes

SYSTEM = "urn:cairn"  # code systems of ours begin so
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ATC = "http://www.whocc.no/atc"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LANGUAGES = "urn:ietf:bcp:47"
OURS = "urn:cairn"


def coding(system: str, code: str, display: str = "") -> dict[str, str]:
    """One code of a code system."""
    return {"system": system, "code": code} | ({"display": display} if display else {})


def ours(name: str, code: str, display: str = "") -> dict[str, str]:
    """A code of ours."""
    return coding(f"{OURS}:{name}", code, display)


def concept(*codings: dict[str, str], text: str = "") -> dict[str, Any]:
    """A CodeableConcept."""
    made: dict[str, Any] = {"coding": list(codings)} if codings else {}
    return made | ({"text": text} if text else {})


def reference(type_: str, id_: str, display: str = "") -> dict[str, str]:
    """A reference within this door."""
    return {"reference": f"{type_}/{id_}"} | ({"display": display} if display else {})


def quantity(value: float, unit: str) -> dict[str, Any]:
    """A quantity in a unit of UCUM."""
    whole = int(value) if float(value).is_integer() else value
    return {"value": whole, "unit": unit, "system": UCUM, "code": unit}


def days(number: int) -> dict[str, Any]:
    """A Duration of days."""
    return {"value": number, "unit": "days", "system": UCUM, "code": "d"}


def medicine(name: str) -> dict[str, Any]:
    """A medicine by its name, with the codes that our tables know it by: ATC, and RxNorm of a single ingredient."""
    plain = name.strip().lower()
    medicines, also = read_medicines()
    known = medicines.get(also.get(plain, plain))
    codes = [coding(ATC, known.atc)] if known is not None else []
    rxnorm = _rxnorm().get(known.name if known is not None else plain)
    return concept(*codes, *([coding(RXNORM, rxnorm)] if rxnorm else []), text=name)


@cache
def _rxnorm() -> dict[str, str]:
    return {name: code for code, name in shipped_codes().rxnorm.items()}


def without_nothing(resource: Resource) -> Resource:
    """Without what is empty: FHIR knows no null, no empty list and no empty text."""
    return {name: value for name, value in resource.items() if value not in (None, "", [], {})}
