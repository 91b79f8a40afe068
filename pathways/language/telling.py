"""Scenarios out of a document: from well-shaped YAML to what ``play`` can run.

Rule 1: every step gets a day, and days never go back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta
from typing import get_args

from pathways.language.document import Document, Steps, Value
from pathways.language.errors import BadScenario, PathwayError
from pathways.language.scenarios import (
    Action,
    Answer,
    Call,
    Confirmed,
    Dispensed,
    Done,
    Expect,
    HandedOver,
    Home,
    KnownReading,
    Lab,
    LifeChange,
    LifeWord,
    Medicine,
    Nothing,
    Patient,
    Postponed,
    Readings,
    ReferralNews,
    Scenario,
    Step,
    StockOut,
    Taken,
    Visit,
)

ACTIONS = (
    *("visit", "home", "lab", "call", "done", "dispensed", "stock_out", "answer", "referral", "confirm"),
    *("postponed", "handed_over"),
    *get_args(LifeWord),
    "nothing",
)


def parse_scenarios(document: Document, data: Mapping[str, Value], section: str) -> tuple[list[Scenario], list[PathwayError]]:
    """The scenarios in ``section`` of well-shaped ``data``, and what keeps others from being played."""
    problems: list[PathwayError] = []
    scenarios = [
        Scenario(
            name=one["name"],
            patient=_patient(one["patient"]),
            enrolled=date.fromisoformat(one["enrolled"]),
            steps=tuple(_steps(document, one, (section, number), problems)),
            place=(section, number),
        )
        for number, one in enumerate(data.get(section) or ())
        if isinstance(one, dict)
    ]
    return scenarios, problems


def _steps(document: Document, scenario: Value, place: Steps, problems: list[PathwayError]) -> Iterator[Step]:
    enrolled = last = date.fromisoformat(scenario["enrolled"])
    for number, step in enumerate(scenario["steps"]):
        here = (*place, "steps", number)
        at = document.at(*here)
        if "on" in step and "day" in step:
            problems.append(BadScenario("both 'on' and 'day' say when", at=at, remedy="keep one"))
        on = last
        if "on" in step:
            on = date.fromisoformat(step["on"])
        elif "day" in step:
            on = enrolled + timedelta(days=step["day"])
        if on < last:
            what = f"{on} is before {last}, where the story already is"
            problems.append(BadScenario(what, at=at, remedy="put the steps in the order of their days"))
        last = max(on, last)
        actions = [name for name in ACTIONS if name in step]
        if len(actions) > 1:
            what = f"two things happen in one step: {' and '.join(actions[:2])}"
            problems.append(BadScenario(what, at=document.key(*here, actions[1]), remedy="make it two steps of one day"))
        rest = [step[name] for name in ("visit", "home") if name in step] + [step.get("lab", {}).get("readings", {})]
        if any(readings.get("rest", "normal") != "normal" for readings in rest):
            problems.append(BadScenario("'rest' can only be normal", at=at, remedy='write "rest: normal" or leave it out'))
        yield Step(
            on=on,
            at=time.fromisoformat(step["at"]) if "at" in step else None,
            action=_action(actions[0], step[actions[0]]) if actions else Nothing(),
            expect=_expect(step.get("expect") or {}),
            place=here,
        )


def _action(name: str, what: Value) -> Action:
    match name:
        case "visit":
            return Visit(_readings(what))
        case "home":
            return Home(_readings(what))
        case "lab":
            return Lab(_readings(what["readings"]), what.get("service"))
        case "call":
            return Call(what["outcome"])
        case "done":
            return Done(what)
        case "dispensed":
            return Dispensed(what["medicine"], what["days"], bool(what.get("part")))
        case "stock_out":
            return StockOut(what["medicine"])
        case "answer":
            return Answer(str(what))
        case "referral":
            return ReferralNews(what["stage"], date.fromisoformat(what["day"]) if "day" in what else None)
        case "confirm":
            return Confirmed(what)
        case "postponed":
            return Postponed(what["task"], date.fromisoformat(what["until"]), what["reason"])
        case "handed_over":
            return HandedOver(what["task"], what["to"])
        case "nothing":
            return Nothing()
        case _:
            return LifeChange(next(word for word in get_args(LifeWord) if word == name))


def _readings(written: Mapping[str, Value]) -> Readings:
    given = {name: taken(value) for name, value in written.items() if name != "rest" and value is not None}
    return Readings(given, written.get("rest") == "normal")


def taken(value: Value) -> Taken:
    """A reading's value as the engine takes it: numbers are floats, lists are tuples of words."""
    if isinstance(value, bool | str):
        return value
    return tuple(str(one) for one in value) if isinstance(value, list) else float(value)


def _expect(written: Mapping[str, Value]) -> Expect:
    due = {name: date.fromisoformat(on) if on else None for name, on in (written.get("due") or {}).items()}
    return Expect(
        given=frozenset(written),
        due=due,
        sent=tuple(written.get("sent") or ()),
        tasks=tuple(written.get("tasks") or ()),
        **{name: written.get(name) for name in ("row", "decision", "tag", "status", "reach")},
    )


def _patient(written: Mapping[str, Value]) -> Patient:
    return Patient(
        born=date.fromisoformat(written["born"]),
        sex=written["sex"],
        conditions=tuple(written["conditions"]),
        timezone=written.get("timezone", "Asia/Shanghai"),
        language=written.get("language", "en"),
        medicines=tuple(
            Medicine(one["name"], one["days_supply"], date.fromisoformat(one["last_fill"]))
            for one in written.get("medicines") or ()
        ),
        last_done={name: date.fromisoformat(on) for name, on in (written.get("last_done") or {}).items()},
        known={
            name: KnownReading(taken(one["value"]), date.fromisoformat(one["on"]))
            for name, one in (written.get("known") or {}).items()
            if one["value"] is not None
        },
        carer=bool(written.get("carer")),
    )
