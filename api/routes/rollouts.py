"""Rollouts: enrolled patients move to a version, in the open, and back.

Rule 1: a rollout is everybody's who follows the pathway: it is begun, held up and taken back by somebody of the whole network.
Rule 2: each of these leaves a deed; the workflow is told afterwards, and where it cannot be, housekeeping tells it.
Rule 3: counts are of the caller's own patients; who they are is shown to those who may read patients.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Response

from activities.events import NoSuchPatient
from activities.plans import UnknownVersion
from activities.previews import Previews
from activities.rolling import BadMapping, CannotRoll, Rolling, decided, versions_followed
from activities.waking import NotWoken
from api.definitions import everybodys
from api.depends import After, Limit, Parts, Session, may, now_of
from api.editing import as_read, etag, once
from api.models.base import Written
from api.models.rollouts import (
    BackIn,
    DecisionIn,
    PatientStatus,
    PreviewIn,
    PreviewOut,
    ProgressOut,
    RolloutIn,
    RolloutOut,
    RolloutPage,
    RolloutPatientOut,
    RolloutPatientPage,
    RolloutStatus,
    RolloutWhy,
)
from api.parts import ApiParts
from api.problems import Fault, Problem, not_found
from api.writing import Case, Writes, Writing
from pathways.engine.events import AnyEvent
from records.callers import Caller
from records.pathways import PublishedPathways, Retired
from records.patients import Held
from records.rollouts import Rollouts, Wanted
from records.tables import Rollout, RolloutPatient

router = APIRouter(tags=["rollouts"])

Reads = Annotated[Caller, may("rollouts.read")]
Runs = Annotated[Caller, may("rollouts.run")]

UNUSABLE = "A version of this pathway cannot be used by this Cairn; whoever runs it finds more with: cairn doctor"


@router.post("/pathways/{name}/versions/{version}/rollouts/preview", summary="What a rollout would find")
async def preview_rollout(
    caller: Annotated[Caller, may("rollouts.read", looks=True)], parts: Parts, name: str, version: str, body: PreviewIn
) -> PreviewOut:
    """Patients on other versions, looked at one by one, at random: how they fit, what keeps them, texts it would cause."""
    wanted = _wanted(name, version, body)
    async with parts.database.reading() as session:
        meant = await PublishedPathways(session).one(name, version)
        if meant is None:
            raise not_found()
        if meant.retired is not None:
            raise Problem(409, "This version was retired, nobody is put on it any more; choose another one.")
        try:
            await Rolling(session, parts.plans, caller.id, await now_of(parts, session)).check_mapping(wanted)
        except BadMapping as wrong:
            raise _mapped(wrong) from None
    previews = Previews(parts.database, parts.vault, parts.plans, parts.clock)
    try:
        found = await previews.of(wanted, caller.scope, sample=body.sample)
    except UnknownVersion:
        raise Problem(409, UNUSABLE) from None
    return PreviewOut(pathway=name, version=version, **{field: getattr(found, field) for field in found.__slots__})


@router.post("/pathways/{name}/versions/{version}/rollouts", summary="Roll a version out", status_code=202)
async def start_rollout(caller: Runs, writing: Writes, name: str, version: str, body: RolloutIn, response: Response) -> ProgressOut:
    """Move enrolled patients to this version, in batches; it becomes current. 409 while another rollout of the pathway goes on."""
    everybodys(caller)

    async def begin(rolling: Rolling) -> Rollout:
        return await rolling.start(_wanted(name, version, body), why=body.why)

    return await _begun(writing, caller, begin, response)


@router.get("/rollouts", summary="Rollouts")
async def list_rollouts(
    caller: Reads,
    session: Session,
    pathway: Annotated[str | None, Query(max_length=60)] = None,
    status: Annotated[RolloutStatus | None, Query()] = None,
    limit: Limit = 50,
    after: After = None,
) -> RolloutPage:
    """The latest first."""
    page = await Rollouts(session).page(pathway=pathway, status=status, limit=limit, after=after)
    return RolloutPage(items=[_shown(rollout) for rollout in page.items], next=page.next)


@router.get("/rollouts/{rollout_id}", summary="How far a rollout has come")
async def read_rollout(caller: Reads, parts: Parts, rollout_id: str, response: Response) -> ProgressOut:
    """Counts by fit and by status, over the caller's patients."""
    return await _progress(parts, caller, rollout_id, response)


@router.post("/rollouts/{rollout_id}/pause", summary="Pause a rollout")
async def pause_rollout(caller: Runs, writing: Writes, rollout_id: str, body: RolloutWhy, response: Response) -> ProgressOut:
    """Nobody more is told to move until it is resumed. Who was told already still moves."""
    return await _changed(writing, caller, rollout_id, lambda rolling, rollout: rolling.pause(rollout, why=body.why), response)


@router.post("/rollouts/{rollout_id}/resume", summary="Resume a rollout")
async def resume_rollout(caller: Runs, writing: Writes, rollout_id: str, body: RolloutWhy, response: Response) -> ProgressOut:
    """On from where it was paused."""
    return await _changed(writing, caller, rollout_id, lambda rolling, rollout: rolling.resume(rollout, why=body.why), response)


@router.post("/rollouts/{rollout_id}/stop", summary="Stop a rollout")
async def stop_rollout(caller: Runs, writing: Writes, rollout_id: str, body: RolloutWhy, response: Response) -> ProgressOut:
    """For good. Who has moved stays on the version; take it back to return them."""
    return await _changed(writing, caller, rollout_id, lambda rolling, rollout: rolling.stop(rollout, why=body.why), response)


@router.post("/rollouts/{rollout_id}/rollback", summary="Take a rollout back", status_code=202)
async def roll_back(caller: Runs, writing: Writes, rollout_id: str, body: BackIn, response: Response) -> ProgressOut:
    """Stop it, make the former version current again, and return everybody it moved who has not moved on since.

    The answer is the rollout that does so; those who have moved on are listed in it.
    """
    everybodys(caller)

    async def begin(rolling: Rolling) -> Rollout:
        return await rolling.back(rollout_id, why=body.why, batch=body.batch, pause_s=body.pause_s, sms_per_day=body.sms_per_day)

    return await _begun(writing, caller, begin, response, also=rollout_id)


@router.get("/rollouts/{rollout_id}/patients", summary="Patients of a rollout")
async def list_rollout_patients(
    caller: Annotated[Caller, may("patients.read")],
    session: Session,
    rollout_id: str,
    status: Annotated[PatientStatus | None, Query(description="left: those who need a person")] = None,
    limit: Limit = 50,
    after: After = None,
) -> RolloutPatientPage:
    """Of the caller's teams, with what keeps those who were left; nobody is left on a version silently."""
    rollouts = Rollouts(session)
    if await rollouts.one(rollout_id) is None:
        raise not_found()
    page = await rollouts.patients(rollout_id, caller.scope, status=status, limit=limit, after=after)
    return RolloutPatientPage(items=[_patient(row) for row in page.items], next=page.next)


@router.post("/rollouts/{rollout_id}/patients/{patient_id}", summary="Decide about a patient who was left")
async def decide_patient(caller: Runs, writing: Writes, rollout_id: str, patient_id: str, body: DecisionIn) -> Written:
    """Move them with what is said here, or let them stay. 409 says what is still to be decided."""
    plans = writing.parts.plans

    async def change(case: Case) -> AnyEvent | None:
        if not caller.scope.covers_team(case.patient.care_team_id):
            raise not_found()
        rollouts = Rollouts(case.session)
        rollout, row = await rollouts.one(rollout_id), await rollouts.row(rollout_id, patient_id)
        if rollout is None or row is None:
            raise Problem(409, "This patient is not in that rollout; see GET /rollouts/{rollout_id}/patients.")
        move = decided(rollout, _named(body.services), _named(body.tags)) if body.decision == "move" else None
        rolling = Rolling(case.session, plans, caller.id, case.now)
        try:
            held = Held(case.patient, case.person)
            await rolling.decide(rollout, row, held, move, accept=frozenset(body.accept), why=body.why)
        except CannotRoll as refused:
            raise Problem(409, str(refused)) from None
        except UnknownVersion:
            raise Problem(409, UNUSABLE) from None
        return None

    try:
        return await writing.change(patient_id, change)
    except NoSuchPatient:
        raise not_found() from None


async def _begun(
    writing: Writing, caller: Caller, begin: Callable[[Rolling], Awaitable[Rollout]], response: Response, *, also: str = ""
) -> ProgressOut:
    """Begin a rollout, once for one Idempotency-Key; ``also``: another that stands otherwise now."""
    parts = writing.parts
    async with parts.database.begin() as session:
        sent = await once(writing, session)
        if sent.made is None:
            try:
                rollout = await begin(Rolling(session, parts.plans, caller.id, await now_of(parts, session)))
            except LookupError as missing:
                raise (Problem(409, UNUSABLE) if isinstance(missing, UnknownVersion) else not_found()) from None
            except BadMapping as wrong:
                raise _mapped(wrong) from None
            except Retired:
                raise Problem(
                    409, "A version was retired that this would put patients on. Publish and roll out another one."
                ) from None
            except CannotRoll as refused:
                raise Problem(409, str(refused)) from None
            await session.flush()
            sent.note(rollout.id)
            made = rollout.id
        else:
            made = sent.made
    told = all([await _told(parts, rollout_id) for rollout_id in (also, made) if rollout_id])
    return await _progress(parts, caller, made, response, told=told)


async def _changed(
    writing: Writing,
    caller: Caller,
    rollout_id: str,
    change: Callable[[Rolling, Rollout], Awaitable[None]],
    response: Response,
) -> ProgressOut:
    everybodys(caller)
    parts = writing.parts
    async with parts.database.begin() as session:
        rollout = await Rollouts(session).one(rollout_id, held=True)
        if rollout is None:
            raise not_found()
        sent = await once(writing, session)
        if sent.made is None:
            as_read(writing.if_match, rollout.edit, needed=False)
            try:
                await change(Rolling(session, parts.plans, caller.id, await now_of(parts, session)), rollout)
            except CannotRoll as refused:
                raise Problem(409, str(refused)) from None
            sent.note(rollout.id)
    return await _progress(parts, caller, rollout_id, response, told=await _told(parts, rollout_id))


async def _told(parts: ApiParts, rollout_id: str) -> bool:
    if parts.rollouts is None:
        return False
    try:
        await parts.rollouts.wake(rollout_id)
    except NotWoken:
        return False
    return True


async def _progress(parts: ApiParts, caller: Caller, rollout_id: str, response: Response, *, told: bool = True) -> ProgressOut:
    async with parts.database.reading() as session:
        rollouts = Rollouts(session)
        rollout = await rollouts.one(rollout_id)
        if rollout is None:
            raise not_found()
        counts = await rollouts.counts(rollout_id, caller.scope)
        ahead = await rollouts.ahead(rollout, caller.scope) if rollout.status in ("running", "paused") else 0
        undone = await rollouts.undoing(rollout_id)
        versions = await versions_followed(session, rollout.pathway)
    response.headers["ETag"] = etag(rollout.edit)
    return ProgressOut(
        **_shown(rollout).model_dump(),
        **{field: getattr(counts, field) for field in counts.__slots__},
        told=told,
        ahead=ahead,
        versions=versions,
        undone_by=undone.id if undone is not None else None,
    )


def _wanted(name: str, version: str, body: RolloutIn | PreviewIn) -> Wanted:
    asked = Wanted(name, version, body.policy, _named(body.services), _named(body.tags))
    if isinstance(body, PreviewIn):
        return asked
    return Wanted(
        name, version, body.policy, asked.services, asked.tags, batch=body.batch, pause_s=body.pause_s, sms_per_day=body.sms_per_day
    )


def _named(said: Mapping[str, str | None]) -> dict[str, str]:
    return {old: new or "" for old, new in said.items()}


def _mapped(wrong: BadMapping) -> Problem:
    faults = [Fault(f"body.{field}", reason, remedy) for field, reason, remedy in wrong.faults]
    return Problem(422, "The request cannot be used as it is; nothing was stored.", faults=faults)


def _shown(rollout: Rollout) -> RolloutOut:
    fields = {field: getattr(rollout, field) for field in RolloutOut.model_fields if field not in ("services", "tags")}
    mapping = {field: {old: new or None for old, new in rollout.mapping.get(field, {}).items()} for field in ("services", "tags")}
    return RolloutOut(**fields, **mapping)


def _patient(row: RolloutPatient) -> RolloutPatientOut:
    fields = {field: getattr(row, field) for field in RolloutPatientOut.model_fields if field != "codes"}
    return RolloutPatientOut(**fields, codes=row.why.split(",") if row.why else [])
