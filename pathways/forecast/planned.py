"""What stands in the months ahead of a patient, and what comes there by itself with time.

Rule: a text or task that the engine gives when its day comes is told in the words of the calendar; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pathways.engine.commands import Command, OpenTask, Part, SendMessage
from pathways.engine.plan import Plan, Service

Kind = Literal["visit", "screening", "reminder", "message", "refill", "call", "task"]
CALLS = frozenset({"phone_reminder", "phone_call", "urgent_call", "search", "check_on_rest"})


@dataclass(frozen=True, slots=True)
class Planned:
    """Something ahead on ``day``, in the patient's time zone.

    ``services``: what is done then, or what is reminded of; ``collects``: the readings to be taken, the union over the services.
    ``why`` is a code: agreed, booked, due or overdue for visits and screenings, asked_for for refills, by_plan for the rest.
    ``about``: the templates of a text, the medicine of a refill, the kind of a call or task (on the day on which it is opened).
    """

    day: date
    kind: Kind
    pathway: str
    services: tuple[str, ...] = ()
    collects: tuple[str, ...] = ()
    why: str = "by_plan"
    about: str = ""
    pathways: tuple[str, ...] = ()  # all that a visit or text serves; ``pathway`` is the first


def by_itself(plan: Plan, day: date, commands: Iterable[Command]) -> Iterator[Planned]:
    """Texts, calls and tasks that come with time; a screening's own task is the screening."""
    for command in commands:
        if isinstance(command, SendMessage) and command.to != "on_call":
            pathways = tuple(dict.fromkeys(part.pathway for part in command.parts))
            reminds, tells = _spoken_of(plan, command.parts)
            kind: Kind = "message" if tells and not reminds else "reminder"
            about = ", ".join(dict.fromkeys(part.template for part in command.parts))
            yield Planned(day, kind, pathways[0], tuple(dict.fromkeys((*reminds, *tells))), about=about, pathways=pathways)
        elif isinstance(command, OpenTask) and command.kind != command.service:
            kind = "call" if command.kind in CALLS else "task"
            services = (command.service,) if command.service else ()
            on = tuple(name for name in (command.pathway,) if name)
            yield Planned(day, kind, command.pathway, services, command.collects, about=command.kind, pathways=on)


def _spoken_of(plan: Plan, parts: Iterable[Part]) -> tuple[list[str], list[str]]:
    """The services that a text reminds of, and those that are this text."""
    reminds, tells = [], []
    for part in parts:
        pathway = plan.pathways.get(part.pathway)
        for service in pathway.services.values() if pathway is not None else ():
            if any(reminder.send == part.template for reminder in service.remind):
                reminds.append(service.name)
            if service.send == part.template:
                tells.append(service.name)
    return reminds, tells


def names(services: Iterable[Service]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(service.name for service in services))
