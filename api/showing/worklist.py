"""A team's day as the API and the pages show it: why each visit and each task is there, and how overdue it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from api.models.work import TaskOut, VisitOut, WorklistTask
from api.showing.patients import Showing, services
from api.showing.words import word
from pathways.engine.state import State
from records.tables import Patient


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


def _with_why(visit: VisitOut, state: State | None, on: date, language: str) -> VisitOut:
    expected = [service for service in services(state) if service.day == visit.day] if state is not None else []
    overdue = max((_days_over(service.due, on) for service in expected), default=0)
    names = {
        "tag": word("words", visit.patient.tag or "", language).capitalize(),
        "service": ", ".join(dict.fromkeys(word("words", one.service, language) for one in expected))
        or word("words", "follow_up", language),
        "pathways": ", ".join(dict.fromkeys(word("words", one.pathway, language) for one in expected))
        or ", ".join(word("words", pathway, language) for pathway in visit.pathways),
    }
    parts = [word("worklist", "visit" if visit.patient.tag else "untagged", language).format_map(names)]
    if overdue:
        parts.append(word("worklist", "overdue_1" if overdue == 1 else "overdue", language).format(days=overdue))
    if visit.confirmed:
        parts.append(word("worklist", "confirmed", language))
    if visit.patient.reach == "unreachable":
        parts.append(word("worklist", "unreachable", language))
    return visit.model_copy(update={"why": ("，" if language.startswith("zh") else ", ").join(parts), "overdue_days": overdue})


def _days_over(due: date, on: date) -> int:
    return max(0, (on - due).days)
