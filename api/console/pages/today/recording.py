"""A follow-up is recorded: the fields of this patient's plan, what is known beside them, and what it will decide.

Rule 1: what is saved is what the API's own route saves, and what is foreseen is its preview.
Rule 2: saving asks nothing back: what is surprising is questioned while it is typed, what cannot be true is refused at its field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.ahead import Standing, standing
from api.console.desk import N_, Desk, at
from api.console.forms import Form
from api.console.pages.today.asked import PREFIX, Field, asked_of, at_form, filled, impossible, readings_in
from api.console.pages.today.going import after_saving, back_of
from api.console.pages.today.outcome import outcome
from api.depends import Parts, Session
from api.models.patients import PatientOut, VisitIn
from api.parts import ApiParts
from api.problems import Problem
from api.routes.visits import preview_visit, record_visit
from api.showing.patients import brief
from api.showing.words import word
from pathways.engine.plan import Plan, Service
from records.messages import Messages, Text
from records.patient_list import PatientList
from records.patients import Patients

router = APIRouter(include_in_schema=False)

DONE = "done"
LATEST = 6  # messages beside the form
SOON = 30  # days before it is due, in which a screening is offered to be ticked off

Records = Annotated[Desk, at("patients.record")]
Looks = Annotated[Desk, at("patients.record", looks=True)]


@dataclass(frozen=True, slots=True)
class Screening:
    """A screening that is due about now. ``ticked``: done at this visit."""

    name: str
    title: Any
    due: date
    ticked: bool


@dataclass(frozen=True)
class Whom:
    """The patient in front of whoever records: who they are, how they stand, what was texted last."""

    stands: Standing
    patient: PatientOut
    messages: list[Text]

    @property
    def plan(self) -> Plan:
        return self.stands.plan

    def fields(self, language: str, *, numbers_only: bool = False) -> list[Field]:
        return asked_of(self.plan, self.stands.state.readings, language, numbers_only=numbers_only)

    @property
    def age(self) -> int | None:
        born, today = self.patient.born, self.stands.today
        return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    @property
    def last_visit(self) -> date | None:
        return self.stands.patient.last_visit

    def screenings(self, form: Form) -> list[Screening]:
        """What is due about now besides the follow-up, by day."""
        found = {
            name: Screening(name, service.title, course.services[name].due, name in form.texts(DONE))
            for pathway, course in self.stands.state.courses.items()
            if (planned := self.plan.pathways.get(pathway)) is not None
            for name, service in planned.services.items()
            if self._is_offered(service) and name in course.services
            and ((course.services[name].due - self.stands.today).days <= SOON or name in form.texts(DONE))
        }  # fmt: skip
        return sorted(found.values(), key=lambda one: (one.due, one.name))

    def _is_offered(self, service: Service) -> bool:
        return service.kind == "screening"


async def whom(session: AsyncSession, parts: ApiParts, desk: Desk, patient_id: str) -> Whom:
    """Raises Problem 404, 409."""
    stands = await standing(session, parts, desk.caller.scope, patient_id)
    people = Patients(session, parts.vault)
    (listed,) = await PatientList(session, parts.vault).listed([stands.patient])
    messages = await Messages(session).of(await people.vault_of(patient_id), limit=LATEST)
    return Whom(stands, brief(listed), messages)


@router.get("/patients/{patient_id}/visit")
async def visit_page(desk: Records, session: Session, parts: Parts, patient_id: str) -> Response:
    """The form."""
    found = await whom(session, parts, desk, patient_id)
    return _form(desk, found, Form())


@router.post("/patients/{patient_id}/visit/foreseen")
async def visit_foreseen(desk: Looks, session: Session, parts: Parts, patient_id: str) -> Response:
    """What saving the form as it is would do; a part of the page."""
    stands = await standing(session, parts, desk.caller.scope, patient_id)
    fields = asked_of(stands.plan, stands.state.readings, desk.language)
    try:
        body = _visit(fields, desk)
        if not body.readings and not body.done:
            return desk.html("today/outcome.html", seen=None, refused=None)
        seen = await preview_visit(desk.caller, session, parts, patient_id, body, desk.language)
    except Problem as problem:
        if problem.status != 422:
            raise
        return desk.html("today/outcome.html", seen=None, refused=at_form(problem, desk.say))
    shown, labels = outcome(seen, stands.plan), {field.name: field.label for field in fields}
    placed = sorted(shown.missing, key=lambda name: list(labels).index(name) if name in labels else len(labels))
    missing = [labels.get(name) or word("words", name, desk.language) for name in placed]
    return desk.html("today/outcome.html", seen=shown, refused=None, missing=missing, zone=stands.patient.timezone)


@router.post("/patients/{patient_id}/visit")
async def visit_saved(desk: Records, session: Session, parts: Parts, patient_id: str) -> Response:
    """Stored once, and back to where they came from; refused, the form comes again with all that was typed."""
    stands = await standing(session, parts, desk.caller.scope, patient_id)
    fields = asked_of(stands.plan, stands.state.readings, desk.language)
    try:
        body = _visit(fields, desk)
        if not body.readings and not body.done:
            raise Problem(422, desk.say(N_("Nothing is filled in yet.")))
        written = await record_visit(desk.caller, desk.writing(), patient_id, body)
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        found = await whom(session, parts, desk, patient_id)
        return _form(desk, found, desk.refused(at_form(problem, desk.say)), status=422)
    return after_saving(desk, patient_id, acted_on=written.acted_on)


def _visit(fields: list[Field], desk: Desk) -> VisitIn:
    done = [name for name in desk.form.texts(DONE)][:100]
    return VisitIn(readings=readings_in(fields, desk.form, desk.say), done=done)


def _form(desk: Desk, found: Whom, form: Form, *, status: int = 200) -> Response:
    fields, say = filled(found.fields(desk.language), form), desk.say
    return desk.html(
        "today/visit.html",
        status=status,
        whom=found,
        patient=found.patient,
        fields=fields,
        screenings=found.screenings(form),
        form=form,
        back=back_of(desk, found.patient.id),
        impossible={field.name: impossible(field, say) for field in fields if field.low is not None and field.high is not None},
        prefix=PREFIX,
    )
