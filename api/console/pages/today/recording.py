"""A follow-up is recorded: the fields of this patient's plan, what is known beside them, and what it will decide.

Rule 1: what is saved is what the API's own route saves, and what is foreseen is its preview.
Rule 2: saving asks nothing back: what is surprising is questioned while it is typed, what cannot be true is refused at its field.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import UnknownVersion
from api.ahead import standing_of
from api.console.desk import N_, Desk, at
from api.console.forms import Form
from api.console.pages.today.asked import PREFIX, Field, asked_of, at_form, filled, impossible, readings_in
from api.console.pages.today.going import after_saving, back_of
from api.console.pages.today.outcome import outcome
from api.depends import Parts, Session
from api.models.patients import PatientOut, VisitIn
from api.parts import ApiParts
from api.problems import Problem, not_found
from api.routes.visits import preview_visit, record_visit
from api.showing.patients import brief
from api.showing.words import word
from pathways.engine import State, calendar
from pathways.engine.plan import Plan, Service
from pathways.serial import OldSchema, load_state
from records.looking_up import Found, look_up
from records.messages import Messages, Text
from records.patient_list import Listed
from records.patients import STATE, profile_in
from records.vault import PersonVault

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
class Known:
    """A patient as they are asked about: ``state`` with all that was told, ``today`` where they live."""

    found: Found
    person: PersonVault
    plan: Plan
    state: State
    today: date

    def fields(self, language: str, *, numbers_only: bool = False) -> list[Field]:
        return asked_of(self.plan, self.state.readings, language, numbers_only=numbers_only)


@dataclass(frozen=True)
class Whom:
    """The patient in front of whoever records: who they are, how they stand, what was texted last."""

    known: Known
    patient: PatientOut
    messages: list[Text]

    @property
    def today(self) -> date:
        return self.known.today

    @property
    def age(self) -> int | None:
        born, today = self.patient.born, self.today
        return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))

    @property
    def last_visit(self) -> date | None:
        return self.known.found.patient.last_visit

    def screenings(self, form: Form) -> list[Screening]:
        """What is due about now besides the follow-up, by day."""
        found = {
            name: Screening(name, service.title, course.services[name].due, name in form.texts(DONE))
            for pathway, course in self.known.state.courses.items()
            if (planned := self.known.plan.pathways.get(pathway)) is not None
            for name, service in planned.services.items()
            if self._is_offered(service) and name in course.services
            and ((course.services[name].due - self.today).days <= SOON or name in form.texts(DONE))
        }  # fmt: skip
        return sorted(found.values(), key=lambda one: (one.due, one.name))

    def _is_offered(self, service: Service) -> bool:
        return service.kind == "screening"


async def known(session: AsyncSession, parts: ApiParts, desk: Desk, patient_id: str) -> Known:
    """Raises Problem 404, 409."""
    found = await look_up(session, parts.vault, desk.caller.scope, patient_id)
    if found is None or found.person is None:
        raise not_found()
    row, person = found.patient, found.person
    if row.last_event == row.taken_event and row.state is not None:
        with suppress(OldSchema, UnknownVersion):  # then it takes longer, or cannot be done
            state = load_state(person.open_bytes(STATE, row.state))
            plan, _ = await parts.plans.made_of(session, found.pinned)
            today = calendar.local_day(await parts.clock.now(session), row.timezone)
            return Known(found, person, plan, state, today)
    stands = await standing_of(session, parts, found, person)  # with what no step has taken yet, and days of the team for it
    return Known(found, person, stands.plan, stands.state, stands.today)


async def whom(session: AsyncSession, parts: ApiParts, desk: Desk, patient_id: str) -> Whom:
    """Raises Problem 404, 409."""
    them = await known(session, parts, desk, patient_id)
    row = them.found.patient
    listed = Listed(row, profile_in(row, them.person), them.found.pathways, them.found.booked)
    return Whom(them, brief(listed), await Messages(session).of(them.person, limit=LATEST))


@router.get("/patients/{patient_id}/visit")
async def visit_page(desk: Records, session: Session, parts: Parts, patient_id: str) -> Response:
    """The form."""
    found = await whom(session, parts, desk, patient_id)
    return _form(desk, found, Form())


@router.post("/patients/{patient_id}/visit/foreseen")
async def visit_foreseen(desk: Looks, session: Session, parts: Parts, patient_id: str) -> Response:
    """What saving the form as it is would do; a part of the page."""
    them = await known(session, parts, desk, patient_id)
    fields = them.fields(desk.language)
    try:
        body = _visit(fields, desk)
        if not body.readings and not body.done:
            return desk.html("today/outcome.html", seen=None, refused=None)
        seen = await preview_visit(desk.caller, session, parts, patient_id, body, desk.language)
    except Problem as problem:
        if problem.status != 422:
            raise
        return desk.html("today/outcome.html", seen=None, refused=at_form(problem, desk.say))
    shown, labels = outcome(seen, them.plan), {field.name: field.label for field in fields}
    placed = sorted(shown.missing, key=lambda name: list(labels).index(name) if name in labels else len(labels))
    missing = [labels.get(name) or word("words", name, desk.language) for name in placed]
    return desk.html("today/outcome.html", seen=shown, refused=None, missing=missing, zone=them.found.patient.timezone)


@router.post("/patients/{patient_id}/visit")
async def visit_saved(desk: Records, session: Session, parts: Parts, patient_id: str) -> Response:
    """Stored once, and back to where they came from; refused, the form comes again with all that was typed."""
    them = await known(session, parts, desk, patient_id)
    fields = them.fields(desk.language)
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
    fields, say = filled(found.known.fields(desk.language), form), desk.say
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
