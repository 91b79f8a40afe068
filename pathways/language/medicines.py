"""The medicines that the checks know, read from the shipped list, and the checks put together with them.

Rule: names are small letters; a name stands for one medicine only.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from pathways.engine.adherence import Class
from pathways.engine.medication import Checks, Medicine
from pathways.engine.plan import Pathway
from pathways.language import source
from pathways.language.document import Broken
from pathways.language.errors import report
from pathways.shipped import LIBRARY

_MEDICINES = LIBRARY / "medicines.yaml"
_RULES = LIBRARY / "medication_checks.yaml"
_REFILLS = LIBRARY / "refill_rules.yaml"
_CLASSES = LIBRARY / "adherence_classes.yaml"
_SUBSTITUTES = LIBRARY / "substitutes.yaml"


class BadMedicines(ValueError):
    """The list of medicines, or the tables about them, cannot be used; the text says where and why."""


@cache
def read_medicines(path: Path = _MEDICINES) -> tuple[dict[str, Medicine], dict[str, str]]:
    """The medicines by name, and their other names. Raises BadMedicines."""
    try:
        document = source.read(source.read_text(path, file=path.name), file=path.name)
    except Broken as broken:
        raise BadMedicines(report(broken.problems)) from None
    medicines: dict[str, Medicine] = {}
    also: dict[str, str] = {}
    for name, what in document.data.items():
        if not isinstance(what, dict) or not isinstance(what.get("atc"), str):
            raise BadMedicines(f"{document.at(name)}: {name!r} has no ATC code; write {{atc: C09AA02}}")
        legal = tuple(what.get("legal") or ())
        medicines[name.lower()] = Medicine(name.lower(), what["atc"], tuple(what.get("contains") or ()), legal)
        for other in what.get("also") or ():
            if also.setdefault(other.lower(), name.lower()) != name.lower():
                raise BadMedicines(f"{document.at(name)}: {other!r} is also called {also[other.lower()]!r}; keep one")
    return medicines, also


def checks_of(rules: Pathway) -> Checks:
    """``rules`` with the medicines that we ship."""
    medicines, also = read_medicines()
    return Checks(rules, medicines, also)


@cache
def read_substitutes(path: Path = _SUBSTITUTES) -> dict[str, tuple[str, ...]]:
    """By medicine, which others may be proposed in its place. Raises BadMedicines."""
    try:
        document = source.read(source.read_text(path, file=path.name), file=path.name)
    except Broken as broken:
        raise BadMedicines(report(broken.problems)) from None
    known, substitutes = read_medicines()[0], {}
    for name, others in document.data.items():
        unknown = [one for one in (name, *(others if isinstance(others, list) else ())) if one not in known]
        if not isinstance(others, list) or unknown:
            what = f"{unknown[0]!r} is not in medicines.yaml" if unknown else f"{name!r} lists nothing"
            raise BadMedicines(f"{document.at(name)}: {what}; write for example {{losartan: [valsartan]}}")
        substitutes[name] = tuple(others)
    return substitutes


@cache
def read_classes(path: Path = _CLASSES) -> tuple[Class, ...]:
    """The classes of which days are counted together. Raises BadMedicines."""
    try:
        document = source.read(source.read_text(path, file=path.name), file=path.name)
    except Broken as broken:
        raise BadMedicines(report(broken.problems)) from None
    classes = []
    for name, what in document.data.items():
        if not isinstance(what, dict) or not isinstance(what.get("atc"), list) or not isinstance(what.get("title"), dict):
            raise BadMedicines(f"{document.at(name)}: {name!r} needs a title and codes; write {{title: {{en: ...}}, atc: [C09]}}")
        classes.append(Class(name, dict(what["title"]), tuple(what["atc"]), str(what.get("basis", "product"))))
    return tuple(classes)


@cache
def shipped_checks() -> Checks:
    """The medication checks that we ship, and what they mean for refills. Raises BadMedicines; a test keeps it from happening."""
    return replace(checks_of(_shipped(_RULES)), refills=_shipped(_REFILLS), substitutes=read_substitutes())


def _shipped(path: Path) -> Pathway:
    from pathways.language.catalogue import load_published  # the catalogue reads much; whoever asks no checks does without

    loaded = load_published(source.read_text(path, file=path.name), file=path.name)
    if loaded.pathway is None:
        raise BadMedicines(report(loaded.errors))
    return loaded.pathway
