"""Tasks as the API and the pages show them, with one line that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from api.models.base import PersonBrief
from api.models.work import Claimer, TaskDetail, TaskMove, TaskOut
from api.showing.patients import Showing, name_of
from api.showing.words import in_language, inputs, word
from pathways.engine.life import CHOOSE
from pathways.engine.plan import Pathway
from pathways.engine.state import State
from records.patients import Patients, Profile
from records.tables import Patient, PersonKey, TaskRow
from records.tasks import Tasks, sealed_in
from records.vault import PersonVault


async def show_tasks(showing: Showing, rows: Sequence[TaskRow]) -> list[TaskOut]:
    """In their order; what each person's tasks are shown with is opened once a person."""
    session, ids = showing.session, {row.patient_id for row in rows}
    await showing.reads(sorted(ids))
    patients = {patient.id: patient for patient in await session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    # Held here while they are used: the session only remembers what somebody holds.
    keys = {key.patient_id: key for key in await session.scalars(select(PersonKey).where(PersonKey.patient_id.in_(ids)))}
    people = Patients(session, showing.vault)
    opened = {id_: (await people.vault_of(id_), await people.profile(patients[id_])) for id_ in keys}
    names = await Tasks(session).names(row.claimed_by for row in rows if row.claimed_by is not None)
    return [await _shown(showing, row, patients[row.patient_id], opened.get(row.patient_id), names) for row in rows]


async def show_task(showing: Showing, row: TaskRow) -> TaskDetail:
    """One task with what people did with it."""
    (shown,) = await show_tasks(showing, [row])
    history = await _history(showing, row)
    ids = [str(move[name]) for move in history for name in ("who", "claimed_by") if name in move]
    names = await Tasks(showing.session).names(ids)
    moves = [TaskMove.model_validate(_named(move, names)) for move in history]
    return TaskDetail(**shown.model_dump(), history=moves)


def task_etag(row: TaskRow) -> str:
    """Changes whenever the task does."""
    return f'"{row.version}"'


def _named(move: Mapping[str, str], names: Mapping[str, str]) -> dict[str, object]:
    named = {name: names.get(move[name], move[name]) for name in ("who", "claimed_by") if name in move}
    return {**move, **named, "at": datetime.fromisoformat(move["at"])}


async def _shown(
    showing: Showing, row: TaskRow, patient: Patient, opened: tuple[PersonVault, Profile] | None, names: Mapping[str, str]
) -> TaskOut:
    plan = await showing.plan(patient.id)
    pathway = plan.pathways.get(row.pathway)
    person, profile = opened if opened is not None else (None, None)
    collects = [] if person is None else sealed_in(row, person)["collects"]
    readings = showing.asked((pathway, name) for name in collects if pathway is not None)
    state = await showing.state(patient)
    claimer = row.claimed_by
    return TaskOut(
        id=f"{row.patient_id}:{row.key}",
        key=row.key,
        kind=row.kind,
        by=row.by,
        team=row.care_team_id,
        patient=PersonBrief(id=patient.id, name=name_of(profile), tag=patient.tag),
        pathway=row.pathway,
        service=row.service,
        about=row.about,
        urgent=row.urgent,
        due=row.due,
        postponed_to=row.postponed_to,
        claimed_by=Claimer(id=claimer, name=names.get(claimer, claimer)) if claimer is not None else None,
        opened=row.opened,
        status=row.status,
        outcome=row.outcome,
        collects=readings,
        why=_why(row, state, pathway, [reading.label for reading in readings], showing.language)
        + _unknown(row, profile, showing.language),
        version=row.version,
    )


async def _history(showing: Showing, row: TaskRow) -> list[dict[str, str]]:
    try:
        person = await Patients(showing.session, showing.vault).vault_of(row.patient_id)
    except LookupError:  # this person was forgotten
        return []
    history: list[dict[str, str]] = sealed_in(row, person)["history"]
    return history


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
    supplies = state.supplies.values() if state is not None and row.about is not None else ()
    about = (supply.medicine for supply in supplies if row.about in (supply.key, supply.refill))
    if medicine := next(iter(about), ""):
        return f"{said}: {medicine}"
    if row.kind != row.service and row.service:
        return f"{said}: {word('words', row.service, language)}"
    return said


def _unknown(row: TaskRow, profile: Profile | None, language: str) -> str:
    """What should be asked of somebody for whom a pathway is to be chosen, as nobody has told it yet."""
    if row.kind != CHOOSE or profile is None:
        return ""
    known = {"birth_date": profile.born is not None, "identifier": bool(profile.identifiers)}
    lacks = [word("words", name, language) for name, there in known.items() if not there]
    return f" ({word('words', 'not_known', language)}: {', '.join(lacks)})" if lacks else ""


def row_text(pathway: Pathway | None, row_id: str, language: str) -> str:
    """What a row of the pathway says in its own words; empty where it is not there any more."""
    if pathway is None:
        return ""
    rows = (row for table in pathway.tables.values() for row in table.rows)
    return next((in_language(row.because, language) for row in rows if row.id == row_id), "")
