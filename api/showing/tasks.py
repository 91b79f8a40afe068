"""Tasks as the API and the pages show them, with one line that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select

from api.models.base import PersonBrief, ReadingAsked
from api.models.work import Claimer, TaskDetail, TaskMove, TaskOut
from api.showing.patients import Showing, name_of
from api.showing.words import about, aside, in_language, inputs, listed, word
from pathways.engine.life import CHOOSE
from pathways.engine.plan import Pathway
from pathways.engine.state import State
from records.patients import Patients, Profile, Stated, profile_in
from records.tables import Patient, TaskRow
from records.tasks import Brief, Tasks, sealed_in

INCOMPLETE = "complete_readings"


async def show_tasks(showing: Showing, rows: Sequence[TaskRow]) -> list[TaskOut]:
    """In their order; what each person's tasks are shown with is opened once a person."""
    session, ids = showing.session, {row.patient_id for row in rows}
    await showing.reads(sorted(ids))
    patients = {patient.id: patient for patient in await session.scalars(select(Patient).where(Patient.id.in_(ids)))}
    profiles = {id_: await _profile(showing, patient) for id_, patient in patients.items()}
    names = await Tasks(session).names(row.claimed_by for row in rows if row.claimed_by is not None)
    return [await _shown(showing, row, patients[row.patient_id], profiles[row.patient_id], names) for row in rows]


async def _profile(showing: Showing, patient: Patient) -> Profile | None:
    person = await showing.vault_of(patient.id)
    return None if person is None else profile_in(patient, person)


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


async def _shown(showing: Showing, row: TaskRow, patient: Patient, profile: Profile | None, names: Mapping[str, str]) -> TaskOut:
    readings = await _collected(showing, row)
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
        why=await why_of(showing, row, patient, profile, readings),
        version=row.version,
    )


async def why_of(
    showing: Showing,
    row: TaskRow | Brief,
    patient: Patient | Stated,
    profile: Profile | None,
    collected: Sequence[ReadingAsked] | None = None,
) -> str:
    """In one line why it is there; what is sealed is opened only for what the line says. ``collected``: what is to be measured."""
    if collected is None:
        collected = await _collected(showing, row) if row.kind == INCOMPLETE else ()
    pathway = (await showing.plan(patient.id)).pathways.get(row.pathway)
    state = await showing.state(patient) if row.about is not None or row.by == "doctor" else None
    labels = [reading.label for reading in collected]
    return _why(row, state, pathway, labels, showing.language) + _unknown(row, profile, showing.language)


async def _collected(showing: Showing, row: TaskRow | Brief) -> list[ReadingAsked]:
    person = await showing.vault_of(row.patient_id)
    pathway = (await showing.plan(row.patient_id)).pathways.get(row.pathway)
    if person is None or pathway is None or row.sealed is None:
        return []
    return showing.asked((pathway, name) for name in sealed_in(row, person)["collects"])


async def _history(showing: Showing, row: TaskRow) -> list[dict[str, str]]:
    try:
        person = await Patients(showing.session, showing.vault).vault_of(row.patient_id)
    except LookupError:  # this person was forgotten
        return []
    history: list[dict[str, str]] = sealed_in(row, person)["history"]
    return history


def _why(row: TaskRow | Brief, state: State | None, pathway: Pathway | None, labels: list[str], language: str) -> str:
    said = word("tasks", row.kind, language)
    if row.kind == INCOMPLETE and labels:
        return about(said, listed(labels, language), language)
    referral = state.referrals.get(row.about or "") if state is not None else None
    if referral is not None:
        because = row_text(pathway, referral.row, language) or referral.row
        measured = {name: value for name, value in referral.inputs.items() if isinstance(value, float) and "." not in name}
        return about(said, because + (aside(inputs(measured, language), language) if measured else ""), language)
    supplies = state.supplies.values() if state is not None and row.about is not None else ()
    medicines = (supply.medicine for supply in supplies if row.about in (supply.key, supply.refill))
    if medicine := next(iter(medicines), ""):
        return about(said, medicine, language)
    course = state.courses.get(row.pathway) if state is not None else None
    if row.by == "doctor" and course is not None and (because := _opened_by(pathway, course.row, row.kind, language)):
        return about(said, because, language)
    if row.kind != row.service and row.service:
        return about(said, word("words", row.service, language), language)
    return said


def _unknown(row: TaskRow | Brief, profile: Profile | None, language: str) -> str:
    """What should be asked of somebody for whom a pathway is to be chosen, as nobody has told it yet."""
    if row.kind != CHOOSE or profile is None:
        return ""
    known = {"birth_date": profile.born is not None, "identifier": bool(profile.identifiers)}
    lacks = [word("words", name, language) for name, there in known.items() if not there]
    return aside(about(word("words", "not_known", language), listed(lacks, language), language), language) if lacks else ""


def _opened_by(pathway: Pathway | None, last: str, kind: str, language: str) -> str:
    """What the row says that opened such work: the one that decided last, else one for readings sent from home, which leaves what
    was decided as it is. Empty where neither opens it, or where it may have been any of several.
    """
    if pathway is None:
        return ""
    opens = {name for name, decision in pathway.decisions.items() if any(task.kind == kind for task in decision.open_tasks)}
    at_home = pathway.tables[pathway.home_readings].rows if pathway.home_readings is not None else ()
    decided = [row for table in pathway.tables.values() for row in table.rows if row.id == last and row.decision in opens]
    rows = decided or [row for row in at_home if row.decision in opens]
    for told in (row.because for row in rows), (pathway.decisions[row.decision].title for row in rows):
        said = {in_language(text, language) for text in told}
        if len(said) == 1:
            return said.pop()
    return ""


def row_text(pathway: Pathway | None, row_id: str, language: str) -> str:
    """What a row of the pathway says in its own words; empty where it is not there any more."""
    if pathway is None:
        return ""
    rows = (row for table in pathway.tables.values() for row in table.rows)
    return next((in_language(row.because, language) for row in rows if row.id == row_id), "")
