"""Written cases of medicines taken together: ``enalapril + valsartan``, ``metformin (new start)``, ``simvastatin 40 + amlodipine``.

Rule 1: of a case only ``id``, ``drugs`` and ``context`` are read.
Rule 2: a context word that is no reading and is true is a condition of the person (``asthma: true``); null means not known.
Rule 3: a medicine that nobody knows is told, and still checked by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from pathways.engine.events import Value
from pathways.engine.medication import Checks, Finding, Taken, findings
from pathways.engine.plan import Pathway
from pathways.engine.state import Person
from pathways.language.errors import did_you_mean
from pathways.language.inputs import Case, Refused, number, words, wrong, yes_no
from pathways.language.medicines import checks_of

_ANY_DAY = date(2025, 1, 1)  # ages come as inputs, so that no day matters
_STARTS = re.compile(r"\b(?:new start|newly started|new|start(?:ing)?|initiat\w+)\b|新用|新启")
_DOSE = re.compile(r"(\d+(?:\.\d+)?)\s*(mg|g|mcg|ug|毫克)?(?![\w/])")
_TIMES: Mapping[str, int] = {"bid": 2, "b.i.d": 2, "twice": 2, "tid": 3, "t.i.d": 3, "qid": 4}
_MILLIGRAMS: Mapping[str, float] = {"g": 1000.0, "mcg": 0.001, "ug": 0.001}
_FILLERS = re.compile(r"\b(?:bid|b\.i\.d|tid|t\.i\.d|qid|qd|od|twice|daily|once|a day|tablets?|mg|g)\b\.?|[()（）]|继续")
_SAME: Mapping[str, str] = {
    "k": "potassium",
    "serum_potassium": "potassium",
    "gfr": "egfr",
    "hr": "heart_rate",
    "pulse": "heart_rate",
    "days_since_egfr": "egfr_age_days",
    "pregnant": "pregnant_or_lactating",
    "pregnancy": "pregnant_or_lactating",
    "lactating": "pregnant_or_lactating",
    "iodinated_contrast": "contrast",
}


def answers(rules: Pathway, cases: Case, complain: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """``{"id", "row", "decision", "reason", "findings"}`` for each case.

    ``findings``: all of them, the worst first; ``decision`` is the word of the first, ``none`` where there is none.
    """
    checks = checks_of(rules)
    sections = cases if isinstance(cases, Mapping) else {"": cases}
    for section, listed in sections.items():
        for count, case in enumerate(listed if isinstance(listed, list) else (), start=1):
            try:
                yield _answer(checks, case, f"{section} case {count}".strip(), complain)
            except Refused as refused:
                complain(str(refused))


def taken_of(text: str) -> list[Taken]:
    """The medicines in a text, divided by ``+``, ``,``, ``;`` or ``and``, each with its dose and whether it is new."""
    parts = re.split(r"\s*(?:[+＋,，;；、]|\band\b)\s*", text.lower())
    return [_taken(part) for part in parts if part.strip()]


def _taken(part: str) -> Taken:
    starting = _STARTS.search(part) is not None
    plain = _STARTS.sub(" ", part)
    dose = None
    for found in _DOSE.finditer(plain):
        dose = float(found[1]) * _MILLIGRAMS.get(found[2] or "", 1.0)
        break
    times = next((times for word, times in _TIMES.items() if re.search(rf"\b{re.escape(word)}\b", plain)), 1)
    name = " ".join(_FILLERS.sub(" ", _DOSE.sub(" ", plain)).split())
    return Taken(re.sub(r"\s*/\s*", "/", name), None if dose is None else dose * times, starting)


def _answer(checks: Checks, case: Case, place: str, complain: Callable[[str], None]) -> dict[str, object]:
    if not isinstance(case, Mapping) or type(case.get("id")) not in (str, int):
        raise Refused(f'{place}: a case needs an "id"; write {{"id": "C1", "drugs": "enalapril + valsartan", "context": {{}}}}')
    place = f"{place} ({case['id']})"
    inputs = case.get("inputs")
    written = dict(inputs) if isinstance(inputs, Mapping) else {}
    drugs = case.get("drugs", written.pop("drugs", None))
    context = case.get("context", written.pop("context", written))
    if isinstance(drugs, list) and all(isinstance(one, str) for one in drugs):
        drugs = " + ".join(drugs)
    if not isinstance(drugs, str):
        raise wrong("drugs", drugs, place, "a text of medicines", 'write for example "enalapril + valsartan"')
    if not isinstance(context, Mapping):
        raise wrong("context", context, place, "what is known", 'write for example {"egfr": 40, "age": 70}')
    taken = _known_names(checks, taken_of(drugs), place, complain)
    readings, given = _context(checks.rules, context, place, complain)
    person = Person(conditions=tuple(given.pop("conditions", ())))  # type: ignore[arg-type]
    found = findings(checks, taken, person, readings, on=_ANY_DAY, given=given)
    return {
        "id": case["id"],
        "row": found[0].row.id if found else None,
        "decision": found[0].word if found else "none",
        "reason": _reason(found[0]) if found else None,
        "findings": [
            {"row": one.row.id, "decision": one.word, "reason": _reason(one), "basis": one.row.basis, "cites": one.row.cites}
            for one in found
        ],
    }


def _reason(finding: Finding) -> str:
    return finding.row.because.get("en") or next(iter(finding.row.because.values()), "")


def _known_names(checks: Checks, taken: list[Taken], place: str, complain: Callable[[str], None]) -> list[Taken]:
    """``a/b`` that is no combination we know is a and b, each by itself."""
    divided: list[Taken] = []
    for one in taken:
        names = [one.name] if checks.own_name(one.name) in checks.medicines else one.name.split("/")
        divided += [Taken(name, one.dose if len(names) == 1 else None, one.starting) for name in names if name]
    for one in divided:
        if checks.own_name(one.name) not in checks.medicines:
            remedy = did_you_mean(one.name, [*checks.medicines, *checks.also])
            complain(f"{place}: no medicine called {one.name!r}, its class is not known; {remedy}")
    return divided


def _context(
    rules: Pathway, context: Mapping[str, Case], place: str, complain: Callable[[str], None]
) -> tuple[dict[str, Value], dict[str, object]]:
    """The readings, and what else conditions may ask."""
    readings: dict[str, Value] = {}
    given: dict[str, object] = {}
    conditions: list[str] = []
    for key, written in context.items():
        name = _SAME.get(key.lower(), key.lower())
        reading = rules.readings.get(name)
        if written is None:
            continue
        if name in ("conditions", "diagnoses", "comorbidities", "history"):
            conditions += [_as_word(one) for one in words(key, [written] if isinstance(written, str) else written, place)]
        elif name == "age":
            given["age"] = number(key, written, place)
        elif name == "sex" and isinstance(written, str):
            given["sex"] = written
        elif reading is not None and reading.kind == "number":
            readings[name] = number(key, written, place)
        elif reading is not None and reading.kind == "yes_no":
            readings[name] = bool(readings.get(name)) or yes_no(key, written, place)
        elif reading is not None:
            listed = [written] if isinstance(written, str) else written
            given[name] = [_as_word(one) for one in words(key, listed, place)]
        elif isinstance(written, bool):
            conditions += [name] if written else []
        else:
            remedy = did_you_mean(name, [*rules.readings, "age", "conditions"])
            complain(f"{place}: {rules.name} has no input {key!r}, it was not used; {remedy}")
    return readings, {**given, "conditions": conditions}


def _as_word(text: str) -> str:
    return re.sub(r"[\s-]+", "_", text.strip().lower())
