"""Whether a refill may be asked for, and for how many days: the tables asked with what is known of the patient.

Rule 1: what a finding means for a request stands in a table (``before_request`` of the refill rules); so do the limits of days.
Rule 2: what a doctor has allowed in spite of a finding is asked for with a warning, and is not held again for it.
Rule 3: without tables nothing is held: who runs without checks asks as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from pathways.engine.adherence import NoFills, proportion_of_days_covered
from pathways.engine.assess import Answer, assess, facts
from pathways.engine.at_home import taken_by
from pathways.engine.commands import Warned
from pathways.engine.events import Value
from pathways.engine.medication import Checks, Finding, Taken, findings_about, known_of
from pathways.engine.plan import Pathway
from pathways.engine.state import Supply
from pathways.engine.turn import Turn

Verdict = Literal["go", "warn", "ask_pharmacist", "hold"]
_VERDICTS: Mapping[str, Verdict] = {"HOLD": "hold", "ASK_PHARMACIST": "ask_pharmacist", "WARN": "warn", "GO": "go"}
NOT_KNOWN = "not_known"  # the word of a finding that only says what is missing

MOST_LIMITS = 5
MEASURED_OVER = timedelta(days=365)  # the share of days covered, at most so far back
MEASURED_FROM = timedelta(days=91)  # with less of a history, or one fill, it says nothing (PQA)


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the check: what is to happen with the request, and all that was found about the medicine."""

    verdict: Verdict
    found: tuple[Finding, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def holding(self) -> Finding | None:
        """The worst that was found and that nobody has allowed."""
        return next((one for one in self.found if not one.row.incomplete and one.name not in self.allowed), None)

    @property
    def names(self) -> tuple[str, ...]:
        """All that was found, by name: what is allowed by whoever allows the medicine in spite of it."""
        return tuple(one.name for one in self.found if not one.row.incomplete)

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What the pharmacy is told; what is merely not known is nothing to warn of."""
        told = (one for one in self.found if not one.row.incomplete)
        return tuple(Warned(one.row.id, one.word, dict(one.row.because), one.row.cites or one.row.basis) for one in told)


def check(turn: Turn, supply: Supply, *, instead: str = "") -> Checked:
    """Let the tables look at ``supply`` among all that the patient takes; ``instead``: at this medicine in its place."""
    checks = turn.plan.checks
    if checks is None or checks.refills is None:
        return Checked("go")
    medicine = instead or supply.medicine
    taken = [one for one in taken_by(turn) if one.name != supply.medicine]
    starting = bool(instead) and not _is_same(checks, instead, supply.medicine)
    known = known_of(turn.state.readings, turn.today)
    known["indication"] = _prescribed_for(turn, supply.medicine)
    one = Taken(medicine, starting=starting)
    found = findings_about(checks, medicine, [*taken, one], turn.state.person, known, on=turn.today)
    words = [word for finding in found for word in _words(finding, allowed=finding.name in supply.allowed)]
    answer = _asked(checks.refills, "before_request", {"findings": tuple(dict.fromkeys(words))}, turn)
    decision = answer.decision.name if answer is not None and answer.decision is not None else ""
    return Checked(_VERDICTS.get(decision, "go"), found, supply.allowed)


def _prescribed_for(turn: Turn, medicine: str) -> tuple[str, ...]:
    """The patient's pathways that keep the medicine: what it is prescribed for, as far as we know."""
    return tuple(pathway.name for pathway, service in turn.active_services("refill") if medicine in service.medicines)


def _words(finding: Finding, *, allowed: bool) -> tuple[str, ...]:
    """What the table may ask for: what was found, and by which row."""
    if finding.row.incomplete:
        return (NOT_KNOWN,)
    return ("warn",) if allowed else (finding.word, finding.row.id)


def _is_same(checks: Checks, one: str, other: str) -> bool:
    """Whether two names stand for one substance, by its ATC code."""
    names = checks.own_name(one), checks.own_name(other)
    known = [checks.medicines[name].atc for name in names if name in checks.medicines]
    return names[0] == names[1] or (len(known) == 2 and known[0] == known[1])


def may_replace(checks: Checks, medicine: str, other: str) -> bool:
    """Whether a pharmacy may propose ``other`` in place of ``medicine``: the same substance, or one that is listed for it."""
    return _is_same(checks, medicine, other) or checks.own_name(other) in checks.substitutes.get(checks.own_name(medicine), ())


def days_to_ask(turn: Turn, pathway: Pathway, supply: Supply) -> int | None:
    """For how many days it is asked for: as many as last time, within the limits of long prescriptions; None: not known."""
    rules = turn.plan.checks.refills if turn.plan.checks is not None else None
    last = supply.days or None
    if rules is None or last is None:
        return last
    course = turn.state.courses.get(pathway.name)
    tag = course.tag if course is not None else None
    asked: dict[str, Value] = {
        "request": ("long_prescription",),
        "drug_class": _classes(turn, supply.medicine),
        "diagnosis_clear": True,  # they are followed for it
        "first_long": False,  # no more is asked for than was handed out before
    }
    if tag is not None and len(pathway.tags) > 1:
        asked["stable"] = tag != pathway.tags[0]
    if (adherent := _adherent(turn, rules, supply)) is not None:
        asked["adherent"] = adherent
    days, limited_by = last, None
    for _ in range(MOST_LIMITS):  # what is left after one limit may be too long by another
        answer = _asked(rules, "long_prescription", {**asked, "days": float(days)}, turn)
        limit = answer.gives.get("at_most") if answer is not None else None
        if answer is None or not isinstance(limit, int | float) or isinstance(limit, bool) or days <= limit:
            break
        days, limited_by = max(1, int(limit)), answer.row
    if limited_by is not None:
        turn.because(
            "refill_days_limited",
            pathway=pathway.name,
            service=supply.service,
            row=limited_by.id,
            because=dict(limited_by.because),
            cites=limited_by.cites or limited_by.basis,
            detail={"medicine": supply.medicine, "days": str(days), "last": str(last)},
        )
    return days


def _classes(turn: Turn, medicine: str) -> tuple[str, ...]:
    """The medicine's name, and the legal classes that its ATC code stands for."""
    checks = turn.plan.checks
    known = checks.medicines.get(checks.own_name(medicine)) if checks is not None else None
    return (medicine, *(known.legal if known is not None else ()))


def _adherent(turn: Turn, rules: Pathway, supply: Supply) -> bool | None:
    """Whether it was taken as agreed, by the share of days covered; with too short a history, whether there is a gap now."""
    if len(supply.fills) < 2 or turn.today - supply.fills[0].on < MEASURED_FROM:
        return turn.today <= supply.ends
    first = max(supply.fills[0].on, turn.today - MEASURED_OVER)
    try:
        covered = proportion_of_days_covered(supply.fills, first, turn.today)
    except (NoFills, ValueError):
        return None
    answer = _asked(rules, "adherence", {"pdc": float(covered.share)}, turn)
    return None if answer is None or answer.decision is None else answer.decision.name == "ADHERENT"


def _asked(rules: Pathway, table: str, readings: Mapping[str, Value], turn: Turn) -> Answer | None:
    if table not in rules.tables:  # a network's own rules may have none
        return None
    return assess(rules, rules.tables[table], facts(rules, turn.state.person, None, readings, on=turn.today))
