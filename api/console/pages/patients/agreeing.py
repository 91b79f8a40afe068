"""Texts and consent: what a patient said about being texted, told on a page that shows what follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.console.forms import Form, made
from api.console.pages.patients.known import whom
from api.depends import Parts, Session
from api.foreseeing import WOULD, foresee
from api.models.consent import ConsentIn
from api.models.story import PreviewOut
from api.parts import ApiParts
from api.problems import Problem
from api.routes.consent import change_consent, read_consent
from pathways.engine.events import AnswerReceived, AnyEvent, TextsChosen
from records.tasks import Tasks

router = APIRouter(include_in_schema=False)
Changes = Annotated[Desk, at("patients.change")]
Looks = Annotated[Desk, at("patients.change", looks=True)]
#: Kinds of text that may be refused, and what they are.
KINDS: dict[str, str] = {
    "reminders": N_("Reminders of visits and tests"),
    "refills": N_("About medicine that is ready or running out"),
    "referrals": N_("About referrals to a hospital"),
}
NOTICES |= {"consent_kept": N_("Saved. It holds at once, for every pathway.")}


@router.get("/patients/{patient_id}/consent")
async def consent_page(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """How it stands, every word that was said, and what may be changed."""
    return await _page(desk, session, parts, patient_id, None)


@router.post("/patients/{patient_id}/consent/preview")
async def consent_preview(desk: Looks, session: Session, parts: Parts, patient_id: str) -> Response:
    """What the choice would do."""
    return await _page(desk, session, parts, patient_id, desk.form)


@router.post("/patients/{patient_id}/consent")
async def consent_told(desk: Changes, session: Session, parts: Parts, patient_id: str) -> Response:
    """What the patient said, written down."""
    try:
        await change_consent(desk.caller, desk.writing(), patient_id, _body(desk.form), Response())
    except Problem as problem:
        if problem.status not in (409, 412, 422):
            raise
        return await _page(desk, session, parts, patient_id, desk.form.refused(problem), status=422)
    return desk.go(f"/patients/{patient_id}", "consent_kept")


def _body(form: Form) -> ConsentIn:
    wanted = form.texts("kind")
    texts = form.text("texts", "yes") == "yes"
    return made(
        ConsentIn,
        texts=texts,
        refused=[kind for kind in KINDS if kind not in wanted] if texts else [],
        channels=[form.text("channel"), *(one for one in form.texts("others") if one != form.text("channel"))]
        if form.text("channel")
        else [],
    )


async def _page(
    desk: Desk, session: AsyncSession, parts: ApiParts, patient_id: str, form: Form | None, *, status: int = 200
) -> Response:
    them = await whom(session, parts, desk.caller.scope, patient_id, desk.language)
    stands = await read_consent(desk.caller, session, parts, patient_id, Response())
    seen: PreviewOut | None = None
    if form is not None:
        wanted = _body(form)
        refused = tuple(sorted(set(wanted.refused)))

        def event(now: datetime) -> AnyEvent:
            if wanted.texts != stands.texts:
                return AnswerReceived(id=WOULD, at=now, learnt=now, kind="start" if wanted.texts else "stop")
            return TextsChosen(id=WOULD, at=now, learnt=now, refused=refused)

        if wanted.texts != stands.texts or refused != tuple(sorted(stands.refused)):
            seen = await foresee(session, parts, desk.caller.scope, patient_id, event, desk.language)
    if desk.within and status == 200:
        return desk.html("patients/would.html", them=them, seen=seen, form=form or Form(), fits=True)
    names = await Tasks(session).names(word.by for word in stands.words if word.by)
    return desk.html(
        "patients/consent.html",
        status=status,
        them=them,
        form=form or Form(),
        typed=form is not None,
        stands=stands,
        kinds=KINDS,
        seen=seen,
        names=names,
        channels=sorted(parts.channels.by_name),
        fits=True,
    )
