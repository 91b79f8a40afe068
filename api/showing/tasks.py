"""Tasks as the API and the pages show them, with one line that says why."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from api.models.work import TaskOut
from api.showing.patients import Showing
from api.showing.words import in_language, inputs, word
from pathways.engine.plan import Pathway
from pathways.engine.state import State
from records.patients import Patients
from records.tables import Patient, TaskRow


async def show_tasks(showing: Showing, rows: Sequence[TaskRow]) -> list[TaskOut]:
    """In their order."""
    ids = {row.patient_id for row in rows}
    patients = {p.id: p for p in await showing.session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    return [await _shown(showing, row, patients[row.patient_id]) for row in rows]


async def _shown(showing: Showing, row: TaskRow, patient: Patient) -> TaskOut:
    person, _ = await showing.person(patient)
    plan = await showing.plan(patient.id)
    pathway = plan.pathways.get(row.pathway)
    collects = await _collects(showing, row)
    readings = showing.asked((pathway, name) for name in collects if pathway is not None)
    state = await showing.state(patient)
    return TaskOut(
        id=f"{row.patient_id}:{row.key}",
        key=row.key,
        kind=row.kind,
        by=row.by,
        patient=person,
        pathway=row.pathway,
        service=row.service,
        about=row.about,
        urgent=row.urgent,
        due=row.due,
        opened=row.opened,
        status=row.status,
        outcome=row.outcome,
        collects=readings,
        why=_why(row, state, pathway, [reading.label for reading in readings], showing.language),
    )


async def _collects(showing: Showing, row: TaskRow) -> list[str]:
    if row.sealed is None:
        return []
    try:
        person = await Patients(showing.session, showing.vault).vault_of(row.patient_id)
    except LookupError:
        return []
    return list(person.open(f"task/{row.key}", row.sealed)["collects"])


def _why(row: TaskRow, state: State | None, pathway: Pathway | None, labels: list[str], language: str) -> str:
    said = word("tasks", row.kind, language)
    if row.kind == "complete_readings" and labels:
        return f"{said}: {', '.join(labels)}"
    referral = state.referrals.get(row.about or "") if state is not None else None
    if referral is not None:
        because = row_text(pathway, referral.row, language) or referral.row
        measured = {name: value for name, value in referral.inputs.items() if isinstance(value, float) and "." not in name}
        return f"{said}: {because} ({inputs(measured, language)})" if measured else f"{said}: {because}"
    course = state.courses.get(row.pathway) if state is not None else None
    if row.by == "doctor" and course is not None and (because := row_text(pathway, course.row, language)):
        return f"{said}: {because}"
    if row.kind != row.service and row.service:
        return f"{said}: {word('words', row.service, language)}"
    return said


def row_text(pathway: Pathway | None, row_id: str, language: str) -> str:
    """What a row of the pathway says in its own words; empty where it is not there any more."""
    if pathway is None:
        return ""
    rows = (row for table in pathway.tables.values() for row in table.rows)
    return next((in_language(row.because, language) for row in rows if row.id == row_id), "")
