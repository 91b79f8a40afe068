"""What is told of a patient, held against what can be true, before it is stored.

Rule 1: a reading is known by a name of the patient's pathways, of another current pathway, or of the measurements we take in
        everywhere; a slip of the pen in its name would otherwise be kept and never looked at.
Rule 2: a number outside what is believable is refused, as at enrolment: an emergency that rests on a slipped digit sends a
        frightened person to hospital. Whoever measured is still there and can measure, or write, again.
Rule 3: every reading that cannot be used is said at once; nothing of the request is stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import Plans, UnknownVersion
from api.problems import Fault, Problem
from pathways.engine.events import Value
from pathways.engine.plan import Pathway, Plan, Reading
from records.intake.codes import shipped_codes
from records.intake.units import MEASURES


async def believe(session: AsyncSession, plans: Plans, patient_id: str, readings: Mapping[str, Value]) -> None:
    """Raises Problem 422 that names every reading of ``readings`` that cannot be used, why, and what would be right."""
    if not readings:
        return
    try:
        plan, _ = await plans.of(session, patient_id)
    except UnknownVersion:  # what is told is kept until the pathway is mended
        plan = Plan({})
    known = _known(plan.pathways.values())
    if not readings.keys() <= known.keys():
        known = _known((await plans.current(session)).values()) | known
    faults = [
        Fault(f"body.readings.{name}", *wrong)
        for name, value in readings.items()
        if (wrong := _wrong(name, value, known)) is not None
    ]
    if faults:
        raise Problem(422, "A reading cannot be used as it is; nothing was stored.", faults=faults)


def _known(pathways: Iterable[Pathway]) -> dict[str, tuple[Reading, ...]]:
    """By name: how the pathways take it, or else how it is taken in everywhere."""
    found: dict[str, tuple[Reading, ...]] = {
        name: (Reading(name, "number", unit=MEASURES[kind.measure].unit, plausible=kind.plausible),)
        for name, kind in shipped_codes().readings.items()
    }
    asked: dict[str, tuple[Reading, ...]] = {}
    for pathway in pathways:
        for name, reading in pathway.readings.items():
            asked[name] = (*asked.get(name, ()), reading)
    return found | asked


def _wrong(name: str, value: Value, known: Mapping[str, tuple[Reading, ...]]) -> tuple[str, str] | None:
    """Reason and remedy, when no pathway can take the value."""
    if name not in known:
        near = get_close_matches(name, known, n=1)
        return "no reading is called so", f"write {near[0]}" if near else "leave it out, or look for a slip of the pen in its name"
    refusals = [_refusal(reading, value) for reading in known[name]]
    return None if None in refusals else refusals[0]


def _refusal(reading: Reading, value: Value) -> tuple[str, str] | None:
    match reading.kind:
        case "yes_no":
            return None if isinstance(value, bool) else ("is yes or no", "write true or false; leave it out when it was not asked")
        case "choices":
            if isinstance(value, tuple) and set(value) <= set(reading.choices):
                return None
            return "is a list of words that are known", f"write [] for none, or words of: {', '.join(reading.choices)}"
        case "number":
            return _no_number(reading, value)
    return None


def _no_number(reading: Reading, value: Value) -> tuple[str, str] | None:
    unit = f" {reading.unit}" if reading.unit else ""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "is a number", f"write a number{' in' + unit if unit else ''}; leave it out when it was not measured"
    if reading.plausible is not None and not reading.plausible[0] <= value <= reading.plausible[1]:
        low, high = reading.plausible
        return f"is not believable: {low:g} to {high:g}{unit} are", "measure again, or correct the number; look at its unit"
    return None
