"""A diagnosis that comes later, or was wrong: the record, the pathways that are pinned, and the event that tells of it, together.

Rule 1: nobody is taken off a pathway in silence: without names the pathways that they are on stay, and new ones come.
Rule 2: a pathway that begins is pinned at its current version; the version of one that ends stays in the event, for what is learnt
        later of the time before.
Rule 3: what the answer says is worked out by the engine of the live patient, from what is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.enrolment import Match, dues, matching_now
from activities.steps import worst_tag
from api.ahead import standing
from api.models.base import Written
from api.models.conditions import ConditionsIn, ConditionsOut
from api.models.patients import DueOut, MatchOut
from api.parts import ApiParts
from api.problems import Problem, not_found, unusable
from api.writing import Case, Writing, happened_at
from pathways.engine.events import PathwaysChanged
from pathways.engine.plan import Pathway
from pathways.engine.state import ENDED, State
from pathways.forecast.preview import Preview, preview
from records.intake.codes import Coding, shipped_codes
from records.scope import Scope
from records.tables import Enrolment


@dataclass(frozen=True)
class Meant:
    """What a request comes to. ``begins`` and ``ends``: pathways to the version that is pinned, or was.

    ``unmet``: pathways that go on although they are not for this person any more.
    """

    conditions: tuple[str, ...]
    pathways: tuple[str, ...]
    begins: Mapping[str, str]
    ends: Mapping[str, str]
    unmet: tuple[str, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        return {**self.ends, **self.begins}


async def tell(writing: Writing, scope: Scope, patient_id: str, body: ConditionsIn) -> ConditionsOut:
    """Store it and answer what is due from now. Raises Problem 404, 409, 412, 422."""
    conditions = _words(body.conditions)
    async with writing.parts.database.reading() as session:
        medicines = tuple((await standing(session, writing.parts, scope, patient_id)).state.supplies)

    async def change(case: Case) -> PathwaysChanged | None:
        if not scope.covers_team(case.patient.care_team_id):
            raise not_found()
        if case.patient.life in ENDED:
            raise Problem(409, "This patient is not looked after any more; nothing was changed. Enrol them again, or leave it.")
        profile = await case.patients.profile(case.patient)
        person = State(patient_id).person
        person = replace(person, born=profile.born, sex=profile.sex, conditions=conditions)
        current = await writing.parts.plans.current(case.session)
        matches = matching_now(current, person, medicines, case.today)
        pinned = await _pinned(case.session, patient_id)
        meant = _meant(conditions, body.pathways, matches, pinned, current)
        if not meant.versions and conditions == profile.conditions:
            return None
        await case.patients.update_profile(case.patient, replace(profile, conditions=conditions))
        await _pin(case, meant)
        return PathwaysChanged(
            id=writing.event_id("conditions", body),
            at=happened_at(body.at, case.now),
            learnt=case.now,
            pathways=meant.pathways,
            conditions=conditions,
            versions=meant.versions,
        )

    written = await writing.change(patient_id, change)
    async with writing.parts.database.reading() as session:
        return await _answer(session, writing, scope, written)


async def foresee(session: AsyncSession, parts: ApiParts, scope: Scope, patient_id: str, body: ConditionsIn) -> Preview:
    """What telling it would decide; nothing is stored. Raises Problem 404, 409, 422."""
    return (await look(session, parts, scope, patient_id, body))[0]


async def look(session: AsyncSession, parts: ApiParts, scope: Scope, patient_id: str, body: ConditionsIn) -> tuple[Preview, Meant]:
    """The same, and which pathways would begin and end. Raises Problem 404, 409, 422."""
    conditions = _words(body.conditions)
    stands = await standing(session, parts, scope, patient_id)
    state = stands.state
    if stands.patient.life in ENDED:
        raise Problem(409, "This patient is not looked after any more: nothing would change. Enrol them again, or leave it.")
    current = await parts.plans.current(session)
    matches = matching_now(current, replace(state.person, conditions=conditions), tuple(state.supplies), stands.today)
    meant = _meant(conditions, body.pathways, matches, await _pinned(session, patient_id), current)
    begins = {name: current[name] for name in meant.begins}
    plan = replace(stands.plan, pathways={**stands.plan.pathways, **begins})
    event = PathwaysChanged(
        id="preview",
        at=happened_at(body.at, stands.now),
        learnt=stands.now,
        pathways=meant.pathways,
        conditions=conditions,
        versions=meant.versions,
    )
    return preview(plan, state, event, find_day=stands.calendar.find), meant


def _words(written: Iterable[str]) -> tuple[str, ...]:
    """Our words for them, in order. Raises Problem 422 for one that has none."""
    codes = shipped_codes()
    found: set[str] = set()
    for n, word in enumerate(written):
        meant = codes.conditions([Coding("icd-10", word)], word)
        if meant is None:
            known = ", ".join(sorted(set(codes.condition_words.values())))
            raise unusable(f"body.conditions.{n}", "has no word here", f"leave it out, send an ICD-10 code, or one of: {known}")
        found |= meant
    return tuple(sorted(found))


def _meant(
    conditions: tuple[str, ...],
    named: list[str] | None,
    matches: Sequence[Match],
    pinned: Mapping[str, str],
    current: Mapping[str, Pathway],
) -> Meant:
    if named is None:
        wanted = [*pinned, *(match.pathway for match in matches if match.matched and match.pathway not in pinned)]
    else:
        wanted = list(dict.fromkeys(named))
        for n, name in enumerate(named):
            if name not in pinned and name not in current:
                known = ", ".join(sorted({*current, *pinned})) or "none is published"
                raise unusable(f"body.pathways.{n}", "is no pathway that is published", f"name one of: {known}")
    begins = {name: current[name].version for name in wanted if name not in pinned}
    ends = {name: version for name, version in pinned.items() if name not in wanted}
    fit = {match.pathway for match in matches if match.matched}
    return Meant(conditions, tuple(wanted), begins, ends, tuple(name for name in wanted if name in pinned and name not in fit))


async def _pinned(session: AsyncSession, patient_id: str) -> dict[str, str]:
    rows = select(Enrolment.pathway, Enrolment.version).where(Enrolment.patient_id == patient_id).order_by(Enrolment.pathway)
    return {name: version for name, version in await session.execute(rows)}


async def _pin(case: Case, meant: Meant) -> None:
    gone = delete(Enrolment).where(Enrolment.patient_id == case.patient.id, Enrolment.pathway.in_(sorted(meant.ends)))
    if meant.ends:
        await case.session.execute(gone)
    case.session.add_all(
        Enrolment(patient_id=case.patient.id, pathway=name, version=version, since=case.now)
        for name, version in meant.begins.items()
    )


async def _answer(session: AsyncSession, writing: Writing, scope: Scope, written: Written) -> ConditionsOut:
    stands = await standing(session, writing.parts, scope, written.patient.id)
    state, plans = stands.state, writing.parts.plans
    pinned = await _pinned(session, written.patient.id)
    matches = matching_now(await plans.current(session), state.person, tuple(state.supplies), stands.today)
    return ConditionsOut(
        event_id=written.event_id,
        acted_on=written.acted_on,
        conditions=list(state.person.conditions),
        pathways=sorted(pinned),
        matches=[MatchOut(pathway=match.pathway, matched=match.matched, why=match.why) for match in matches],
        tag=worst_tag(stands.plan.as_of(state), state),
        due=[DueOut(service=service, day=day) for service, day in dues(state)],
        notes=_notes(matches, pinned),
        patient=written.patient,
    )


def _notes(matches: Iterable[Match], pinned: Mapping[str, str]) -> list[str]:
    notes = []
    for match in matches:
        if match.pathway in pinned and not match.matched:
            notes.append(
                f"{match.pathway} goes on although its condition does not hold: to end it, name in pathways those that stay"
            )
        elif match.matched and match.pathway not in pinned:
            notes.append(f"{match.pathway} is for this person, and was not named")
    return notes if pinned else [*notes, "on no pathway: a task asks the care team to choose one"]
