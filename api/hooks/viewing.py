"""How a patient stands, in one card: tag, what is overdue, the next screening, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.ahead import Standing
from api.hooks.cards import of_patient, say
from api.models.cds import Card
from api.showing.words import in_language, word
from pathways.engine.plan import Row, Service
from pathways.engine.state import ENDED, Course, Occurrence

MOST_LINES = 12


@dataclass(frozen=True, slots=True)
class _Due:
    """A service and the day it is expected. ``days``: how long it is overdue, 0 or less where it is not."""

    service: Service | None
    name: str
    occurrence: Occurrence
    days: int

    def called(self, language: str) -> str:
        title = in_language(self.service.title, language) if self.service is not None and self.service.title else ""
        return title or word("words", self.name, language)


def card(stands: Standing, link: str, language: str) -> Card | None:
    """The card; None for whoever is on no pathway, or has left care."""
    state = stands.state
    if state.life in ENDED or not state.courses:
        return None
    dues = sorted(_dues(stands), key=lambda due: due.occurrence.day)
    overdue = [due for due in dues if due.days > 0]
    lines = [line for name in state.courses for line in _pathway(stands, name, language)]
    lines += [line for due in dues[:MOST_LINES] if (line := _line(due, language))]
    lines += [
        say("patient", "supply_over", language, medicine=supply.medicine, day=supply.ends)
        for supply in state.supplies.values()
        if supply.ends < stands.today
    ][:MOST_LINES]
    lines += [
        say("patient", "referral", language, urgency=word("words", one.urgency, language), stage=word("words", one.stage, language))
        for one in state.referrals.values()
    ][:MOST_LINES]
    worst = stands.patient.tag or ""
    summary = say("patient", "language_joins", language).join(_summary(stands, worst, dues, overdue, language))
    row = next((course.row for course in state.courses.values() if course.tag == worst), "")
    return of_patient(summary, lines, "warning" if overdue or worst == "red" else "info", row, link, language)


def _summary(stands: Standing, worst: str, dues: list[_Due], overdue: list[_Due], language: str) -> Iterator[str]:
    if worst:
        yield say("patient", "tag", language, tag=word("words", worst, language))
    if stands.state.life != "active":
        yield say("patient", "life", language, life=word("held_back", stands.state.life, language))
    if not overdue:
        yield say("patient", "nothing_overdue", language)
    elif len(overdue) == 1:
        yield say("patient", "overdue_one", language, service=overdue[0].called(language), days=overdue[0].days)
    else:
        first = overdue[0]
        yield say("patient", "overdue", language, count=len(overdue), service=first.called(language), days=first.days)
    ahead = [due for due in dues if due.days <= 0]
    screening = next((due for due in ahead if due.service is not None and due.service.kind == "screening"), None)
    if screening is not None:
        yield say("patient", "screening", language, service=screening.called(language), day=screening.occurrence.day)
    elif ahead:
        yield say("patient", "next", language, service=ahead[0].called(language), day=ahead[0].occurrence.day)


def _dues(stands: Standing) -> Iterator[_Due]:
    for name, course in stands.state.courses.items():
        pathway = stands.plan.as_of(stands.state).pathways.get(name)
        for service, occurrence in course.services.items():
            known = pathway.services.get(service) if pathway is not None else None
            if known is None or known.kind in ("follow_up", "screening"):
                yield _Due(known, service, occurrence, (stands.today - occurrence.day).days)


def _line(due: _Due, language: str) -> str:
    if due.days > 0:
        return say("patient", "line_overdue", language, service=due.called(language), due=due.occurrence.day, days=due.days)
    return say("patient", "line_due", language, service=due.called(language), day=due.occurrence.day)


def _pathway(stands: Standing, name: str, language: str) -> Iterator[str]:
    """What a pathway is called, its tag, and the row that gave it."""
    course: Course = stands.state.courses[name]
    pathway = stands.plan.as_of(stands.state).pathways.get(name)
    title = in_language(pathway.title, language) if pathway is not None else name
    yield say("patient", "title", language, pathway=title, tag=word("words", course.tag or "none", language)) + "\n"
    row = _row(stands, name, course.row)
    if row is not None:
        told = {"row": row.id, "because": in_language(row.because, language)}
        if course.decided_on is None:
            yield say("patient", "why_first", language, **told)
        else:
            yield say("patient", "why", language, day=course.decided_on, **told)
        if row.cites:
            yield say("patient", "cites", language, cites=row.cites)
        yield ""


def _row(stands: Standing, name: str, row: str) -> Row | None:
    pathway = stands.plan.as_of(stands.state).pathways.get(name)
    tables = pathway.tables.values() if pathway is not None and row else ()
    return next((one for table in tables for one in table.rows if one.id == row), None)
