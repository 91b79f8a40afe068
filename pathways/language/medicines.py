"""The medicines that the checks know, read from the shipped list, and the checks put together with them.

Rule: names are small letters; a name stands for one medicine only.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pathways.engine.medication import Checks, Medicine
from pathways.engine.plan import Pathway
from pathways.language import source
from pathways.language.document import Broken
from pathways.language.errors import report
from pathways.shipped import LIBRARY

_MEDICINES = LIBRARY / "medicines.yaml"
_RULES = LIBRARY / "medication_checks.yaml"


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
        medicines[name.lower()] = Medicine(name.lower(), what["atc"], tuple(what.get("contains") or ()))
        for other in what.get("also") or ():
            if also.setdefault(other.lower(), name.lower()) != name.lower():
                raise BadMedicines(f"{document.at(name)}: {other!r} is also called {also[other.lower()]!r}; keep one")
    return medicines, also


def checks_of(rules: Pathway) -> Checks:
    """``rules`` with the medicines that we ship."""
    medicines, also = read_medicines()
    return Checks(rules, medicines, also)


@cache
def shipped_checks() -> Checks:
    """The medication checks that we ship. Raises BadMedicines, which a test keeps from happening."""
    from pathways.language.catalogue import load_published  # the catalogue reads much; whoever asks no checks does without

    loaded = load_published(source.read_text(_RULES, file=_RULES.name), file=_RULES.name)
    if loaded.pathway is None:
        raise BadMedicines(report(loaded.errors))
    return checks_of(loaded.pathway)
