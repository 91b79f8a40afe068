"""A team's day as the API and the pages show it: why each visit and each task is there, and how overdue it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from api.models.patients import ServiceOut
from api.models.work import TaskOut, VisitOut, WorklistTask
from api.showing.patients import Showing, services
from api.showing.words import word
from pathways.engine.state import State
from records.patient_list import UNREACHABLE
from records.patients import Stated
from records.tables import Patient


@dataclass(frozen=True, slots=True)
class Expected:
    """``why``: in one line; ``overdue``: days; ``confirmed``: they said that they will come."""

    why: str
    overdue: int
    confirmed: bool


async def show_visits(showing: Showing, patients: Sequence[Patient], *, on: date) -> list[VisitOut]:
    """In their order."""
    await showing.reads(patient.id for patient in patients)
    shown = await showing.many(patients)
    return [
        _with_why(await showing.visit(patient, out), await showing.state(patient), on, showing.language)
        for patient, out in zip(patients, shown, strict=True)
    ]


def with_overdue(tasks: Sequence[TaskOut], *, on: date) -> list[WorklistTask]:
    """In their order."""
    return [WorklistTask(**task.model_dump(), overdue_days=_days_over(task.due, on)) for task in tasks]


async def expected_on(showing: Showing, patient: Stated, on: date) -> Expected:
    """Why somebody is expected on this day; how they stand, how late it is and whether they come, the line says by itself."""
    state, language = await showing.state(patient), showing.language
    due = [service for service in services(state) if service.day == on] if state is not None else []
    said = _service(due, (await showing.plan(patient.id)).pathways, language)
    if patient.reach == UNREACHABLE:
        said += _comma(language) + word("worklist", UNREACHABLE, language)
    return Expected(said, _overdue(due, on), any(service.confirmed for service in due))


def _with_why(visit: VisitOut, state: State | None, on: date, language: str) -> VisitOut:
    expected = [service for service in services(state) if service.day == visit.day] if state is not None else []
    overdue = _overdue(expected, on)
    parts = [_service(expected, visit.pathways, language, visit.patient.tag)]
    if overdue:
        parts.append(word("worklist", "overdue_1" if overdue == 1 else "overdue", language).format(days=overdue))
    if visit.confirmed:
        parts.append(word("worklist", "confirmed", language))
    if visit.patient.reach == UNREACHABLE:
        parts.append(word("worklist", UNREACHABLE, language))
    return visit.model_copy(update={"why": _comma(language).join(parts), "overdue_days": overdue})


def _service(expected: Sequence[ServiceOut], pathways: Iterable[str], language: str, tag: str | None = None) -> str:
    """``Green: Follow-up (hypertension)``; without a tag what is behind the colon. ``pathways``: named where nothing is due."""
    names = {
        "tag": word("words", tag or "", language).capitalize(),
        "service": ", ".join(dict.fromkeys(word("words", one.service, language) for one in expected))
        or word("words", "follow_up", language),
        "pathways": ", ".join(dict.fromkeys(word("words", one.pathway, language) for one in expected))
        or ", ".join(word("words", pathway, language) for pathway in pathways),
    }
    return word("worklist", "visit" if tag else "untagged", language).format_map(names)


def _overdue(expected: Sequence[ServiceOut], on: date) -> int:
    return max((_days_over(service.due, on) for service in expected), default=0)


def _comma(language: str) -> str:
    return "，" if language.startswith("zh") else ", "


def _days_over(due: date, on: date) -> int:
    return max(0, (on - due).days)
