"""Plans and patients that the engine's tests share."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

from pathways.engine import State, events
from pathways.engine.plan import Plan, Service
from pathways.engine.state import Occurrence
from pathways.language.catalogue import library
from pathways.language.narrate import Narrator
from pathways.language.play import Player
from pathways.serial import dump_state, load_state
from pathways.shipped import CO_MANAGED

CALM: dict[str, events.Value] = {"sbp": 128.0, "dbp": 78.0, "symptoms": ()} | dict.fromkeys(
    (
        "pregnant_or_lactating",
        "other_disease_cannot_handle",
        "adr",
        "adr_hard_to_control",
        "new_complication",
        "worse_complication",
    ),
    False,
)
HIGH = CALM | {"sbp": 152.0}
CRITICAL = CALM | {"sbp": 190.0}
MONDAY = date(2025, 3, 3)


def plan() -> Plan:
    """The pathways that a network follows when nothing says otherwise."""
    return Plan({name: pathway for name, pathway in library().pathways().items() if name in CO_MANAGED})


def changed(service: str, **changes: Any) -> Plan:
    """The shipped hypertension pathway with one service otherwise."""
    pathway = plan().pathways["hypertension"]
    other: Service = replace(pathway.services[service], **changes)
    return Plan({"hypertension": replace(pathway, services={**pathway.services, service: other})})


def written_and_read(state: State) -> State:
    """The state as it comes back from the database."""
    return load_state(dump_state(state))


def patient(following: Plan | None = None, **known: object) -> Player:
    """Somebody with hypertension, enrolled on Monday 3 March 2025 in Shanghai at eight."""
    player = Player(following or plan(), "Asia/Shanghai", Narrator(plan(), None, "en"), between=written_and_read)
    enrolment = {"pathways": ("hypertension",), "born": date(1975, 4, 1), "timezone": "Asia/Shanghai", **known}
    player.happens(events.Enrolled, MONDAY, time(8, 0), **enrolment)
    return player


def tasks(player: Player) -> list[str]:
    """The kinds of the open tasks."""
    return [task.kind for task in player.state.tasks.values()]


def task(player: Player, kind: str) -> str:
    """The key of the open task of that kind."""
    return next(key for key, one in player.state.tasks.items() if one.kind == kind)


def follow_up(player: Player) -> Occurrence:
    """The next follow-up for hypertension."""
    return player.state.courses["hypertension"].services["follow_up"]


def told(player: Player) -> str:
    """Everything that was told so far, as one text."""
    return "\n".join(f"{line.at:%Y-%m-%d %H:%M} {line.who} {line.what} {line.why}" for line in player.lines)
