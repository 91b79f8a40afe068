"""Cards, as CDS Hooks 2.0 has them: one thing said in a line, why, where it comes from, and how to answer.

Rule: a summary is shorter than 140 signs; what is longer is cut at a word and told whole in the detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from api.hooks.checking import Found
from api.hooks.orders import Ordered
from api.models.cds import Action, Card, Code, Link, OverrideReason, Source, Suggestion
from api.showing.words import in_language as told_in
from api.showing.words import inputs, word
from pathways.engine.plan import Text
from pathways.language import source
from pathways.language.medicines import shipped_checks

LONGEST = 139  # signs of a summary
MOST_SUGGESTED = 3
ATC = "http://www.whocc.no/atc"
CODES = "urn:cairn:cds"  # the system of our codes
INDICATOR: Mapping[str, str] = {"block": "critical", "block_start": "critical", "insurance_deny": "warning", "warn": "warning"}
_LONG = frozenset(
    {"classes", "twice", "known", "starting", "doses", "medicines", "conditions"}
)  # lists, which a line has no room for


@cache
def texts() -> Mapping[str, Any]:
    """``cards.yaml``: sections of texts by language."""
    loaded: Mapping[str, Any] = source.shipped(Path(__file__).with_name("cards.yaml"))
    return loaded


def say(section: str, name: str, language: str, **filled: object) -> str:
    """A text of ``cards.yaml``, filled in."""
    return told_in(texts()[section][name], language).format(**filled)


def comma(language: str) -> str:
    return "、" if language.startswith("zh") else ", "


def short(summary: str) -> str:
    """Cut at a word where it is too long."""
    if len(summary) <= LONGEST:
        return summary
    cut = summary[: LONGEST - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut[LONGEST // 2 :] else cut}…"


def overrides() -> tuple[str, ...]:
    """The codes of the reasons for going on."""
    return tuple(texts()["overrides"])


def of_finding(one: Found, language: str) -> Card:
    """What the tables found in a prescription."""
    finding, row = one.finding, one.finding.row
    medicines = comma(language).join(dict.fromkeys(order.written for order in one.orders if order.written))
    decision, because = say("decisions", finding.word, language), told_in(row.because, language)
    read = {name: value for name, value in finding.inputs.items() if name not in _LONG and value is not None}
    lines = [say("finding", "all", language, decision=decision, because=because)]
    if one.together:
        lines.append(say("finding", "taken", language, medicines=comma(language).join(one.together)))
    if read:
        lines.append(say("finding", "read", language, inputs=inputs(read, language)))
    if finding.missing:
        missing = comma(language).join(word("words", name, language) for name in finding.missing)
        lines.append(say("finding", "missing", language, missing=missing))
    if row.cites:
        lines.append(say("finding", "cites", language, cites=row.cites))
    lines.append(say("finding", "basis", language, row=row.id, basis=row.basis))
    return _card(
        say("finding", "summary", language, decision=decision, medicines=medicines, because=because),
        "\n\n".join(lines),
        INDICATOR.get(finding.word, "info"),
        say("finding", "source", language) + (f": {row.cites}" if row.cites else ""),
        row.id,
        told_in(row.because, "en"),
        reasons=language,
        suggestions=[_suggestion(one.orders[0], medicine, language) for medicine in one.instead[:MOST_SUGGESTED]],
    )


def _suggestion(order: Ordered, medicine: str, language: str) -> Suggestion:
    """Another medicine in place of this one; how much of it, the doctor says."""
    known = shipped_checks().medicines.get(medicine)
    coding = [{"system": ATC, "code": known.atc}] if known is not None else []
    anew = {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "subject": dict(order.subject),
        "medicationCodeableConcept": {"coding": coding, "text": medicine},
    }
    left_out = say("suggestion", "leave_out", language, medicine=order.written)
    return Suggestion(
        label=say("suggestion", "instead", language, medicine=medicine),
        uuid=str(uuid4()),
        actions=[
            Action(type="delete", description=left_out, resource_id=order.reference),
            Action(type="create", description=say("suggestion", "write", language, medicine=medicine), resource=anew),
        ],
    )


def of_unknown(orders: Sequence[Ordered], language: str) -> Card:
    """That these medicines were not checked: nobody may take silence for consent."""
    medicines = comma(language).join(dict.fromkeys(order.written for order in orders))
    return _card(
        say("unknown", "summary", language, medicines=medicines),
        say("unknown", "detail", language),
        "info",
        say("finding", "source", language),
        "unknown-medicine",
        "medicine that is not known",
    )


def of_patient(summary: str, lines: Sequence[str], indicator: str, row: str, link: str, language: str) -> Card:
    """How a patient stands."""
    links = [Link(label=say("patient", "link", language), url=link, type="absolute")] if link else None
    return _card(
        summary, "\n".join(lines), indicator, say("patient", "source", language), row or "patient-view", "how the patient stands",
        links=links,
    )  # fmt: skip


def _card(
    summary: str,
    detail: str,
    indicator: str,
    label: str,
    row: str,
    about: str,
    *,
    reasons: str = "",
    links: Sequence[Link] | None = None,
    suggestions: Sequence[Suggestion] = (),
) -> Card:
    why: Mapping[str, Text] = texts()["overrides"] if reasons else {}
    return Card(
        uuid=str(uuid4()),
        summary=short(summary),
        detail=detail,
        indicator=indicator,
        source=Source(label=label, topic=Code(system=CODES, code=row, display=about)),
        suggestions=list(suggestions) or None,
        selection_behavior="at-most-one" if suggestions else None,
        override_reasons=[OverrideReason(system=CODES, code=code, display=told_in(text, reasons)) for code, text in why.items()]
        or None,
        links=list(links) if links else None,
    )
