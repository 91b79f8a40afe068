"""The people of a rollout who need a decision: what keeps each of them, the choices, and what each will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form
from api.console.pages.change.common import A_PAGE, compiled, made, names_of_teams, title_of, told
from api.console.pages.change.gone import Gone, gone, named
from api.depends import After, Parts, PathwayName
from api.models.rollouts import DecisionIn, PatientStatus
from api.problems import Problem, not_found
from api.routes.rollouts import decide_patient
from api.showing.patients import name_of
from records.patient_list import PatientList
from records.rollouts import Rollouts
from records.tables import Patient, Rollout, RolloutPatient

router = APIRouter(include_in_schema=False)

NOTICES |= {
    "decided_move": N_("Decided: this patient moves."),
    "decided_stay": N_("Decided: this patient stays on their version."),
}
STATUSES: tuple[str, ...] = get_args(PatientStatus)
#: What keeps somebody, and what becomes of it where they are moved all the same.
CODES: Mapping[str, tuple[str, str]] = {
    "service_gone_while_due": (
        N_("A visit or check that they have is not in the new version."),
        N_("It is set aside, with its day; it is back if they return to their version."),
    ),
    "service_otherwise": (
        N_("The service of that name is of another kind in the new version."),
        N_("The old one is set aside, and the new one begins as for a new patient."),
    ),
    "tag_gone": (
        N_("Their tag is no tag of the new version."),
        N_("They have no tag until the next visit decides on one."),
    ),
    "referral_under_way": (
        N_("A referral is open whose service is not in the new version."),
        N_("The referral stays open as it is; look after it until it is closed."),
    ),
    "medicine_not_covered": (
        N_("No pathway of theirs would look after one of their medicines any more."),
        N_("A refill that was asked for is called off, and none is asked for."),
    ),
    "agreed_day_lost": (
        N_("A day was agreed with them that lies too far beyond the new due day."),
        N_("The agreed day falls; they are given another one. Tell them."),
    ),
    "not_for_this_person": (
        N_("The new version says that it is not for people like them."),
        N_("They follow it all the same."),
    ),
    "incomplete_visit": (
        N_("A visit of theirs waits for readings that the new version does not ask for."),
        N_("The visit is not completed by them any more."),
    ),
    "not_on_this_version": (
        N_("They are not on the version from which they were to be moved."),
        N_("They are moved from the version that they are on."),
    ),
    "sms_over_limit": (
        N_("Their move alone would cause more texts than a whole day may."),
        N_("They move, and these texts are sent."),
    ),
    "not_moved": (
        N_("They were told to move, and their own step could not carry it out."),
        N_("It is tried again."),
    ),
}
WHY: Mapping[str, str] = {
    "replaced": N_("what is gone has been replaced"),
    "clinician_decided": N_("a clinician decided it"),
    "patient_wishes": N_("the patient wishes it"),
    "ends_soon": N_("it ends soon anyway"),
}


@dataclass(frozen=True)
class Waiting:
    """Somebody of a rollout. ``codes``: what keeps them."""

    patient: str
    name: str | None
    tag: str | None
    team: str
    status: str
    codes: Sequence[str]


@router.get("/pathways/{name}/rollouts/{rollout_id}/people")
async def people_page(
    desk: Annotated[Desk, at("patients.read")],
    name: PathwayName,
    rollout_id: str,
    status: Annotated[str, Query(max_length=20)] = "",
    after: After = None,
) -> Response:
    """Those who need a decision; or all who stand at ``status``."""
    return await _page(desk, name, rollout_id, status, after, Form())


@router.post("/pathways/{name}/rollouts/{rollout_id}/people/{patient_id}")
async def decide(
    desk: Annotated[Desk, at("rollouts.run")], parts: Parts, name: PathwayName, rollout_id: str, patient_id: str
) -> Response:
    """Move them with what is said here, or let them stay."""
    form = desk.form
    try:
        async with parts.database.reading() as session:
            rollout = await _rollout(session, name, rollout_id)
            row = await Rollouts(session).row(rollout_id, patient_id)
            replaced = await _replaced(desk, session, rollout, [row.came_from]) if row is not None else []
            codes = row.why.split(",") if row is not None and row.why else []
        decision = form.text("decision")
        body = made(
            desk,
            DecisionIn,
            decision=decision,
            services=dict(named(form, "services", replaced)),
            tags=dict(named(form, "tags", replaced)),
            accept=[code for code in codes if code in form.texts("accept")],
            why=form.text("because"),
        )
        await decide_patient(desk.caller, desk.writing(), rollout_id, patient_id, body)
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, name, rollout_id, "", None, form.refused(told(desk, problem)), about=patient_id, code=422)
    return desk.go(f"/pathways/{name}/rollouts/{rollout_id}/people", f"decided_{decision}")


async def _page(
    desk: Desk, name: str, rollout_id: str, status: str, after: str | None, form: Form, *, about: str = "", code: int = 200
) -> Response:
    status = status if status in STATUSES else ""
    async with desk.parts.database.reading() as session:
        rollouts = Rollouts(session)
        rollout = await _rollout(session, name, rollout_id)
        page = await rollouts.patients(
            rollout_id, desk.caller.scope, status=status or "left", undecided=not status, limit=A_PAGE, after=after
        )
        title = await title_of(desk, session, name)
        people = await _people(desk, session, page.items)
        teams = await names_of_teams(session, {one.team for one in people})
        replaced = await _replaced(desk, session, rollout, sorted({row.came_from for row in page.items}))
        undone = await rollouts.undoing(rollout_id)
    return desk.html(
        "change/people.html",
        status=code,
        name=name,
        title=title,
        one=rollout,
        chosen=status,
        statuses=[one for one in STATUSES if one != "left"],
        people=people,
        teams=teams,
        replaced=replaced,
        codes=CODES,
        because=WHY,
        next=page.next,
        form=form,
        empty=Form(),
        about=about,
        over=rollout.status == "stopped" or undone is not None,
        decides=desk.may("rollouts.run"),
    )


async def _rollout(session: AsyncSession, name: str, rollout_id: str) -> Rollout:
    found = await Rollouts(session).one(rollout_id)
    if found is None or found.pathway != name:
        raise not_found()
    return found


async def _people(desk: Desk, session: AsyncSession, rows: Sequence[RolloutPatient]) -> list[Waiting]:
    patients = list(await session.scalars(select(Patient).where(Patient.id.in_(sorted(row.patient_id for row in rows)))))
    listed: dict[str, Any] = {one.patient.id: one for one in await PatientList(session, desk.parts.vault).listed(patients)}
    return [
        Waiting(
            row.patient_id,
            name_of(listed[row.patient_id].profile),
            listed[row.patient_id].patient.tag,
            listed[row.patient_id].patient.care_team_id,
            row.status,
            row.why.split(",") if row.why else [],
        )
        for row in rows
        if row.patient_id in listed
    ]


async def _replaced(desk: Desk, session: AsyncSession, rollout: Rollout, versions: Sequence[str]) -> list[Gone]:
    """What these versions have and the rollout's has not, without what the rollout itself names."""
    new = await compiled(session, desk.parts.plans, rollout.pathway, rollout.version)
    olds = [await compiled(session, desk.parts.plans, rollout.pathway, one) for one in versions if one]
    found = gone([old for old in olds if old is not None], new, desk.language) if new is not None else []
    return [one for one in found if one.name not in rollout.mapping.get(one.group, {})]
