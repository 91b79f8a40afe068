"""Somebody joins: a short form, and beside it what it will mean before it is saved.

Rule: it is the roster's own reader and the engine's own first step that say it; what was not understood is said at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made, wrong
from api.console.pages.patients.known import told
from api.depends import Parts, Session, today_at
from api.enrolling import enrol, look
from api.models.patients import EnrolmentOut, MedicineIn, PersonIn
from api.parts import ApiParts
from api.problems import Problem
from pathways.engine.plan import Pathway
from records.intake.codes import shipped_codes
from records.tables import CareTeam
from records.worklist import Worklist

router = APIRouter(include_in_schema=False)
Enrols = Annotated[Desk, at("patients.enrol")]
Looks = Annotated[Desk, at("patients.enrol", looks=True)]
NAMED = 200  # teams to choose from
ROWS = 4  # medicines
#: Readings that the short form asks for; a visit asks for the rest.
READINGS: Mapping[str, tuple[str, str]] = {
    "sbp": (N_("Systolic pressure"), "mmHg"),
    "dbp": (N_("Diastolic pressure"), "mmHg"),
    "fpg": (N_("Fasting glucose"), "mmol/L"),
    "weight": (N_("Weight"), "kg"),
}
CONDITIONS = tuple(sorted({*shipped_codes().condition_words.values()} - {"prediabetes", "pregnancy"}))
NOTICES |= {
    "enrolled": N_("Enrolled. This is the plan from now on."),
    "enrolled_already": N_("This person is enrolled already: here they are. Nothing was changed."),
}


@router.get("/patients/new")
async def new_page(desk: Enrols, session: Session, parts: Parts) -> Response:
    """The form, empty."""
    return await _page(desk, session, parts, Form({"language": (desk.language,)}), None)


@router.post("/patients/new/preview")
async def new_preview(desk: Looks, session: Session, parts: Parts) -> Response:
    """What it would mean; for a script only that."""
    form, seen = desk.form, None
    try:
        seen = await look(parts, desk.caller.scope, await _person(desk, session, parts))
    except Problem as problem:
        if problem.status != 422:
            raise
        form = _at(form.refused(problem))
    return await _page(desk, session, parts, form, seen)


@router.post("/patients/new")
async def new_told(desk: Enrols, session: Session, parts: Parts) -> Response:
    """Enrolled, or the form again with what is wrong; somebody who is known already is shown."""
    try:
        outcome = await enrol(desk.writing(), desk.caller.scope, await _person(desk, session, parts))
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return await _page(desk, session, parts, _at(desk.form.refused(problem)), None, status=422)
    if outcome.patient_id is None:
        return await _page(desk, session, parts, desk.form, outcome, status=422)
    if outcome.status == "enrolled":
        return desk.go(f"/patients/{outcome.patient_id}", "enrolled" if outcome.acted_on else "stored_not_acted_on")
    return desk.go(f"/patients/{outcome.patient_id}", "enrolled_already")


async def _person(desk: Desk, session: AsyncSession, parts: ApiParts) -> PersonIn:
    """What the form says. Raises Problem 422, field by field."""
    form = desk.form
    for name, what in (
        ("identifier", N_("Write the number of their record, or of their card.")),
        ("name", N_("Write their name.")),
        ("born", N_("Write the day on which they were born.")),
    ):
        if not form.text(name):
            raise wrong(name, told(desk.language, what))
    team = form.text("care_team") or desk.caller.scope.team
    found = await session.get(CareTeam, team) if team and desk.caller.scope.covers_team(team) else None
    readings: dict[str, Any] = {name: number for name in READINGS if (number := form.number(name)) is not None}
    agreed = {"yes": True, "no": False}.get(form.text("sms_consent"))
    last_visit = form.day("last_visit")
    measured_on = None if last_visit is not None or not readings else await today_at(parts, session, found)
    return made(
        PersonIn,
        identifier=form.text("identifier"),
        name=form.text("name"),
        sex=form.text("sex"),
        born=form.day("born"),
        phone=form.text("phone"),
        carer_phone=form.text("carer_phone"),
        carer_name=form.text("carer_name"),
        sms_consent=agreed,
        language=form.text("language"),
        timezone=found.timezone if found is not None else "",
        conditions=list(form.texts("condition")),
        last_visit=last_visit,
        measured_on=measured_on,
        readings=readings,
        medicines=[one for n in range(ROWS) if (one := _medicine(form, n)) is not None],
        care_team=form.text("care_team"),
    )


def _medicine(form: Form, n: int) -> MedicineIn | None:
    name, days = form.text(f"medicine-{n}"), form.number(f"days-{n}")
    if not name:
        return None
    try:
        return made(MedicineIn, name=name, last_fill=form.day(f"fill-{n}"), days_supply=days)
    except Problem as problem:
        places = {"name": f"medicine-{n}", "last_fill": f"fill-{n}", "days_supply": f"days-{n}"}
        fault = problem.faults[0]
        raise wrong(places.get(fault.field, f"medicine-{n}"), fault.reason) from None


def _at(form: Form) -> Form:
    """What the reader says of the whole row is said of the whole form."""
    return Form(form.values, {"" if name == "body" else name: what for name, what in form.faults.items()})


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, form: Form, seen: EnrolmentOut | None, *, status: int = 200
) -> Response:
    current = await parts.plans.current(session)
    shown: dict[str, Any] = {
        "form": form,
        "seen": seen,
        "titles": {name: one.title for name, one in current.items()},
        "services": _services(current),
    }
    if desk.within and status == 200:
        return desk.html("patients/meaning.html", **shown)
    scope = desk.caller.scope
    return desk.html(
        "patients/new.html",
        status=status,
        teams=[] if scope.team else await Worklist(session).teams(scope, limit=NAMED),
        conditions=CONDITIONS,
        readings=READINGS,
        rows=range(ROWS),
        medicines=sorted(
            {medicine for one in current.values() for service in one.services.values() for medicine in service.medicines}
        ),
        **shown,
    )


def _services(current: Mapping[str, Pathway]) -> dict[str, Any]:
    """Titles by ``pathway.service``, as an enrolment's due days are named."""
    return {f"{name}.{service.name}": service.title for name, one in current.items() for service in one.services.values()}
