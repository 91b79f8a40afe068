"""What lies in the folder of documents that we ship: pathways to be on, rules that are only asked, and words for both.

Rule: the names of the files tell; nothing is read here, so that a setting can be checked before anything else is.
"""

from __future__ import annotations

from pathlib import Path

LIBRARY = Path(__file__).parent / "library"
CO_MANAGED = ("hypertension", "type2_diabetes")  # what a network follows when nothing says otherwise
RULES = ("medication_checks", "refill_rules")  # documents of the same language that nobody is enrolled on
NOT_PATHWAYS = frozenset({*RULES, "wording", "medicines", "substitutes", "adherence_classes", "referral_limits"})


def pathway_names() -> tuple[str, ...]:
    """The pathways that a person can be on, in order."""
    return tuple(path.stem for path in sorted(LIBRARY.glob("*.yaml")) if path.stem not in NOT_PATHWAYS)


def document_names() -> tuple[str, ...]:
    """The pathways, and the rules that are only asked."""
    there = (name for name in RULES if (LIBRARY / f"{name}.yaml").is_file())
    return tuple(sorted((*pathway_names(), *there)))
