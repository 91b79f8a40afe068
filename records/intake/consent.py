"""What a FHIR Consent says of texts: a hospital that asked need not be asked again.

Rule 1: only a Consent that speaks of texts counts; one about sharing records, or about treatment, says nothing of them.
Rule 2: of several the newest counts; of two that are as new, the one that says no.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from records.intake.fhir import Json, codings, day, moment, part, parts, said, text

CODES = frozenset({"sms", "text-message", "textmessage", "sms-consent"})
WORDS = ("sms", "text message", "texting", "短信", "簡訊", "mensajes de texto")
STANDS = frozenset({"active", "rejected"})  # the others: not yet, not any more, or never meant
LONG_AGO = datetime(1890, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Said:
    """When, and whether they agreed."""

    at: datetime
    agreed: bool


def texts_agreed(resources: list[Json], on: date | None) -> bool | None:
    """Whether the person agreed to be texted, as these Consents have it; None where none speaks of it."""
    words = [word for resource in resources if (word := _read(resource, on)) is not None]
    return min(words, key=lambda word: (-word.at.timestamp(), word.agreed)).agreed if words else None


def _read(resource: Json, on: date | None) -> Said | None:
    status = text(resource.get("status"))
    if status not in STANDS:
        return None
    root, about = part(resource, "provision"), any(map(_speaks_of_texts, [*parts(resource, "category"), part(resource, "scope")]))
    at = moment(resource.get("dateTime"), None) or LONG_AGO
    for provision in _provisions(root):
        if (about and provision is root) or any(map(_speaks_of_texts, _concepts(provision))):
            if not _holds(provision, on):
                return None
            kind = text(provision.get("type")) or ("permit" if status == "active" else "deny")
            if kind in ("permit", "deny"):
                return Said(at, kind == "permit" and status == "active")
    return Said(at, status == "active") if about else None


def _provisions(root: Json, depth: int = 0) -> Iterator[Json]:
    """What is said most precisely comes first."""
    for nested in parts(root, "provision") if depth < 5 else ():
        yield from _provisions(nested, depth + 1)
    yield root


def _concepts(provision: Json) -> list[Json]:
    """What a provision is about: CodeableConcepts, and Codings made into some."""
    coded = [{"coding": [coding]} for key in ("class", "purpose") for coding in parts(provision, key)]
    return [*parts(provision, "code"), *parts(provision, "action"), *coded]


def _speaks_of_texts(concept: Json) -> bool:
    written = " ".join([said(concept), *(coding.display for coding in codings(concept))]).lower()
    return any(coding.code.lower() in CODES for coding in codings(concept)) or any(word in written for word in WORDS)


def _holds(provision: Json, on: date | None) -> bool:
    until = day(part(provision, "period").get("end"))
    return on is None or until is None or until >= on
