"""Prescriptions as a record system writes them (FHIR R4 MedicationRequest), as the tables of the medication checks ask for them.

Rule 1: a medicine is known by its ATC code, else by any of its names in the text, else by its RxNorm ingredient; what none of
        them knows keeps its written name, and has no class.
Rule 2: a dose is milligrams a day, and is told only where it can be worked out; a tablet is as strong as its name says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from pathways.engine.medication import Checks
from pathways.language.medicines import shipped_checks
from records.intake.codes import Coding, shipped_codes
from records.intake.fhir import Json, codings, number, part, parts, said, text

ATC = frozenset({"http://www.whocc.no/atc", "https://www.whocc.no/atc", "urn:oid:2.16.840.1.113883.6.73"})
OVER = frozenset({"cancelled", "entered-in-error", "stopped", "completed", "on-hold"})
_MILLIGRAMS: Mapping[str, float] = {"mg": 1.0, "毫克": 1.0, "g": 1000.0, "克": 1000.0, "mcg": 0.001, "ug": 0.001, "µg": 0.001}
_STRENGTH = re.compile(r"(?<![\d.])(\d{1,5}(?:\.\d{1,3})?)\s*(mg|mcg|ug|µg|g|毫克|克)(?![a-z/])")
_DAYS: Mapping[str, float] = {"h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.0}
# fmt: off
_TIMES: Mapping[str, float] = {
    "qd": 1, "od": 1, "bid": 2, "tid": 3, "qid": 4, "qod": 0.5, "am": 1, "pm": 1, "q12h": 2, "q8h": 3, "q6h": 4, "q4h": 6,
    "twice": 2, "three times": 3, "每日两次": 2, "每日2次": 2, "每日三次": 3, "每日3次": 3,
}
# fmt: on
_LATIN = re.compile(r"[a-z]")


@dataclass(frozen=True, slots=True)
class Ordered:
    """One prescription. ``names``: the medicines in it, as the tables know them; ``dose``: milligrams a day, of a single one.

    ``reference``: as the record system calls it, ``MedicationRequest/1``; ``reasons``: what it is for, in words.
    """

    reference: str
    written: str
    names: tuple[str, ...]
    known: bool
    dose: float | None = None
    reasons: tuple[str, ...] = ()
    subject: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Around:
    """What a prescription may refer to: resources by ``Type/id``."""

    resources: Mapping[str, Json]

    def find(self, reference: Json, within: Json) -> Json:
        """The resource, or an empty one; ``#id`` is contained in ``within``."""
        target = text(reference.get("reference")).split("/_history/")[0]
        if target.startswith("#"):
            return next((one for one in parts(within, "contained") if text(one.get("id")) == target[1:]), {})
        return self.resources.get("/".join(target.rsplit("/", 2)[-2:]), {}) if target else {}


def around(*bundles: object) -> Around:
    """Everything in these Bundles (or bare resources) by ``Type/id``."""
    return Around({name: one for bundle in bundles for one in resources(bundle) if (name := name_of(one))})


def resources(sent: object, *kinds: str) -> Iterator[Json]:
    """The resources of a Bundle, or the one resource that was sent in its place, of these kinds (all, where none is named)."""
    every: Iterable[Json]
    if isinstance(sent, Mapping) and sent.get("resourceType") == "Bundle":
        every = (part(entry, "resource") for entry in parts(sent, "entry"))
    elif isinstance(sent, list):
        every = (one for one in sent if isinstance(one, Mapping))
    else:
        every = (sent,) if isinstance(sent, Mapping) else ()
    return (one for one in every if text(one.get("resourceType")) in kinds or not kinds)


def name_of(resource: Json) -> str:
    """``Type/id``; empty where it has no id."""
    return f"{text(resource.get('resourceType'))}/{text(resource.get('id'))}" if text(resource.get("id")) else ""


def ordered(resource: Json, known: Around) -> Ordered | None:
    """A MedicationRequest, MedicationStatement or MedicationDispense; None where it says nothing of what is taken.

    ``names`` is empty where the medicine is only referred to and is not at hand.
    """
    if text(resource.get("status")) in OVER or resource.get("doNotPerform") is True:
        return None
    concept = part(resource, "medicationCodeableConcept")
    reference = part(resource, "medicationReference")
    if not concept and reference:
        concept = part(known.find(reference, resource), "code") or {"text": text(reference.get("display"))}
    written = said(concept)
    names, sure = medicines_in(codings(concept), text(concept.get("text")))
    names = names or ((written.casefold(),) if written else ())
    words = " ".join([text(concept.get("text")), *(coding.display for coding in codings(concept))]).casefold()
    dose = daily_dose(resource, words) if len(names) == 1 and "/" not in names[0] else None
    return Ordered(name_of(resource), written, names, sure, dose, tuple(_reasons(resource, known)), part(resource, "subject"))


def medicines_in(codes: Iterable[Coding], written: str) -> tuple[tuple[str, ...], bool]:
    """The medicines that codes and text name, by the names of the tables, and whether they are known there."""
    codes, checks = tuple(codes), shipped_checks()
    by_atc = [name for coding in codes if coding.system in ATC and (name := _by_atc().get(coding.code.upper()))]
    if by_atc:
        return tuple(dict.fromkeys(by_atc)), True
    found = _named(" ".join([written, *(coding.display for coding in codes)]).casefold())
    if not found and (generic := shipped_codes().medicine(codes, written)):
        found = [
            checks.own_name(name) for name in ([generic] if checks.own_name(generic) in checks.medicines else generic.split("/"))
        ]
    whole = checks.own_name("/".join(found))
    names = (whole,) if whole in checks.medicines else tuple(found)
    return names, bool(names) and all(name in checks.medicines for name in names)


def daily_dose(resource: Json, words: str) -> float | None:
    """Milligrams a day by all dosage instructions together; without any, the strength that ``words`` name, once a day."""
    strength = _milligrams(words)
    instructions = [*parts(resource, "dosageInstruction"), *parts(resource, "dosage")]
    if not instructions:
        return strength
    doses = [_dose(one, strength) for one in instructions]
    return sum(one for one in doses if one is not None) if all(one is not None for one in doses) else None


def _dose(instruction: Json, strength: float | None) -> float | None:
    told = text(instruction.get("text")).casefold()
    quantity = next(
        (
            q
            for one in parts(instruction, "doseAndRate")
            if (q := part(one, "doseQuantity") or part(part(one, "doseRange"), "high"))
        ),
        {},
    )
    value, unit = number(quantity.get("value")), (text(quantity.get("code")) or text(quantity.get("unit"))).casefold()
    if value is None:
        once = _milligrams(told) or strength
    elif unit in _MILLIGRAMS:
        once = value * _MILLIGRAMS[unit]
    else:
        once = None if strength is None else value * strength
    return None if once is None else once * _times(instruction, told)


def _times(instruction: Json, told: str) -> float:
    """How often a day; once where nothing says."""
    timing = part(instruction, "timing")
    repeat = part(timing, "repeat")
    frequency, period = number(repeat.get("frequency")), number(repeat.get("period"))
    days = _DAYS.get(text(repeat.get("periodUnit")), 1.0) * (period or 1.0)
    if frequency is not None or period is not None:
        return (frequency or 1.0) / days if days > 0 else 1.0
    said_so = [coding.code.casefold() for coding in codings(timing.get("code"))]
    words = f"{said(part(timing, 'code')).casefold()} {told}"
    return next(
        (times for word, times in _TIMES.items() if word in said_so or re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", words)),
        1.0,
    )


def _milligrams(words: str) -> float | None:
    """The one strength that a text names; two are a combination's, or two ways to say it, and tell nothing."""
    found = {float(value) * _MILLIGRAMS[unit] for value, unit in _STRENGTH.findall(words)}
    return next(iter(found)) if len(found) == 1 else None


def _reasons(resource: Json, known: Around) -> Iterator[str]:
    for concept in parts(resource, "reasonCode"):
        yield from words_of(concept)
    for reference in parts(resource, "reasonReference"):
        yield from words_of(part(known.find(reference, resource), "code"))


def words_of(concept: Json) -> list[str]:
    """A diagnosis in the words that conditions use: those of our code tables, and its own text and displays as one word each."""
    ours = shipped_codes().conditions(codings(concept), said(concept)) or frozenset()
    own = [text(concept.get("text")), *(coding.display for coding in codings(concept))]
    return list(dict.fromkeys([*sorted(ours), *(word for one in own if (word := as_word(one)))]))


def as_word(written: str) -> str:
    """``Asthma (disorder)`` as ``asthma``."""
    return re.sub(r"[\s-]+", "_", re.sub(r"\s*\([^)]*\)\s*$", "", written.strip().casefold()))


@cache
def _by_atc() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, medicine in shipped_checks().medicines.items():
        found.setdefault(medicine.atc, name)
    return found


@cache
def _words() -> tuple[re.Pattern[str], Mapping[str, str]]:
    """Every name of every medicine, the longest first, and the medicine that each stands for."""
    checks: Checks = shipped_checks()
    names = {
        **{word: generic for word, generic in shipped_codes().medicine_words},
        **checks.also,
        **{n: n for n in checks.medicines},
    }
    names = {word: checks.own_name(generic) for word, generic in names.items()}
    longest = sorted(names, key=len, reverse=True)
    return re.compile("|".join(rf"(?<![a-z]){re.escape(w)}(?![a-z])" if _LATIN.search(w) else re.escape(w) for w in longest)), names


def _named(words: str) -> list[str]:
    pattern, names = _words()
    return list(dict.fromkeys(names[found] for found in pattern.findall(words)))
