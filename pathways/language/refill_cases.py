"""Written cases of refills: is it due, may the prescription be long, how many days were covered.

Rule 1: days are counted by the engine, as for patients; the tables decide on them.
Rule 2: of a case only ``id`` and ``inputs`` are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

from pathways.engine.adherence import NoFills, proportion_of_days_covered
from pathways.engine.assess import Answer, assess, facts
from pathways.engine.events import Fill, Value
from pathways.engine.plan import Pathway, Reading
from pathways.engine.refills import supply_ends
from pathways.engine.state import Person
from pathways.language.errors import did_you_mean
from pathways.language.inputs import Case, Refused, day, number, words, wrong, yes_no

Complain = Callable[[str], None]
_ANY_DAY = date(2025, 1, 1)  # no condition of these tables asks for one
_COUNTED = frozenset({"last_fill", "carry_over", "today", "fills", "period", "overlap"})
_STOCK = frozenset({"stock", "in_stock", "pharmacy_stock"})  # none of it is a stock-out


def answers(rules: Pathway, cases: Case, complain: Complain) -> Iterator[dict[str, object]]:
    """One answer for each case. A case with ``fills`` is one of days covered, one that asks for a ``long_prescription`` is that."""
    sections = cases if isinstance(cases, Mapping) else {"": cases}
    for section, listed in sections.items():
        for count, case in enumerate(listed if isinstance(listed, list) else (), start=1):
            place = f"{section} case {count}".strip()
            try:
                if not isinstance(case, Mapping) or type(case.get("id")) not in (str, int):
                    raise Refused(f'{place}: a case needs an "id"; write {{"id": "C1", "inputs": {{...}}}}')
                inputs, place = case.get("inputs"), f"{place} ({case['id']})"
                if not isinstance(inputs, Mapping):
                    raise Refused(f'{place}: "inputs" are missing; write {{"id": "C1", "inputs": {{"today": "2025-03-21", ...}}}}')
                yield {"id": case["id"], **_answer(rules, inputs, place, complain)}
            except Refused as refused:
                complain(str(refused))


def _answer(rules: Pathway, inputs: Mapping[str, Case], place: str, complain: Complain) -> dict[str, object]:
    if "fills" in inputs:
        return _covered(rules, inputs, place)
    readings = _readings(rules, inputs, place, complain)
    if "long_prescription" in readings.get("request", ()):  # type: ignore[operator]
        answer = _ask(rules, "long_prescription", readings)
        return {**_told(answer), "reason": _because(answer)}
    days = _days(inputs, place)
    if isinstance(left := days.get("days_left"), int):
        readings["days_left"] = float(left)
    answer = _ask(rules, "refill", readings)
    state = answer.decision.name if answer.decision else None
    return {
        **_told(answer),
        "state": state,
        **{name: value.isoformat() if isinstance(value, date) else value for name, value in days.items()},
        "needs": _because(answer) if state in ("TOO_EARLY", "STOCK_OUT") else None,
        "reason": _because(answer),
    }


def _days(inputs: Mapping[str, Case], place: str) -> dict[str, int | date]:
    """``supply_ends``, ``days_left`` (today is one) and ``gap_days``; nothing when a day is missing."""
    if any(inputs.get(name) is None for name in ("last_fill", "days_supply", "today")):
        return {}
    fill = Fill("", day("last_fill", inputs["last_fill"], place), _whole("days_supply", inputs["days_supply"], place, least=1))
    carried = _whole("carry_over", inputs.get("carry_over") or 0, place, least=0)
    ends = supply_ends(None, fill) + timedelta(days=carried)
    left = (ends - day("today", inputs["today"], place)).days + 1
    return {
        "supply_ends": ends,
        "days_left": max(0, left),
        "gap_days": max(0, 1 - left),
    }


def _covered(rules: Pathway, inputs: Mapping[str, Case], place: str) -> dict[str, object]:
    fills, period = inputs["fills"], inputs.get("period")
    if not isinstance(fills, list) or not all(isinstance(one, list) and len(one) == 3 for one in fills):
        raise wrong("fills", fills, place, "a list of fills", 'write for example [["metformin", "2018-01-01", 90]]')
    if not isinstance(period, list) or len(period) != 2:
        raise wrong("period", period, place, "a period", 'write for example ["2018-01-01", "2018-12-31"]')
    dispensed = [
        Fill(str(medicine), day("fills", on, place), _whole("fills", days, place, least=0)) for medicine, on, days in fills
    ]
    shift = not str(inputs.get("overlap") or "shift").strip().lower().startswith(("no", "without"))
    first, last = day("period", period[0], place), day("period", period[1], place)
    if last < first:
        raise wrong("period", period, place, "a period", "write the earlier day first")
    try:
        covered = proportion_of_days_covered(dispensed, first, last, shift=shift)
    except NoFills:
        answer = _ask(rules, "adherence", {})
        return {**_told(answer), "covered_days": 0, "period_days": None, "pdc": None, "adherent_80": None}
    answer = _ask(rules, "adherence", {"pdc": float(covered.share)})
    return {
        **_told(answer),
        "covered_days": covered.covered_days,
        "period_days": covered.period_days,
        "pdc": round(float(covered.share), 4),
        "adherent_80": answer.decision is not None and answer.decision.name == "ADHERENT",
    }


def _readings(rules: Pathway, inputs: Mapping[str, Case], place: str, complain: Complain) -> dict[str, Value]:
    readings: dict[str, Value] = {}
    for name, written in inputs.items():
        reading = rules.readings.get(name)
        if written is None or name in _COUNTED:
            continue
        if name in _STOCK:
            left = float(written) if isinstance(written, bool) else number(name, written, place)
            readings["stock_out"] = left <= 0
        elif reading is None:
            complain(f"{place}: {rules.name} has no input {name!r}, it was not used; {did_you_mean(name, rules.readings)}")
        else:
            readings[name] = _taken(reading, written, place)
    return readings


def _taken(reading: Reading, written: Case, place: str) -> Value:
    match reading.kind:
        case "number":
            return number(reading.name, written, place)
        case "yes_no":
            return yes_no(reading.name, written, place)
        case "choices" | "list":
            listed = tuple(words(reading.name, [written] if isinstance(written, str) else written, place))
            for one in listed if reading.choices else ():
                if one not in reading.choices:
                    raise wrong(reading.name, one, place, "a word it may have", did_you_mean(one, reading.choices))
            return listed


def _ask(rules: Pathway, table: str, readings: Mapping[str, Value]) -> Answer:
    return assess(rules, rules.tables[table], facts(rules, Person(), None, readings, on=_ANY_DAY))


def _told(answer: Answer) -> dict[str, object]:
    return {"row": answer.row.id if answer.row else None, "decision": answer.decision.name if answer.decision else None}


def _because(answer: Answer) -> str | None:
    return answer.row.because.get("en") if answer.row else None


def _whole(name: str, written: Case, place: str, *, least: int) -> int:
    days = number(name, written, place)
    if days != int(days) or not least <= days <= 3660:
        raise wrong(name, written, place, "a number of days", f"write a whole number from {least} to 3660")
    return int(days)
