"""The console: a team's day, one patient with every reason, pretended phones, the numbers.

Rule 1: a page shows what the API shows to the same key; the key is in a cookie that no script reads and no other site sends.
Rule 2: pages work without script and load nothing from elsewhere; what people wrote is escaped.
Rule 3: an address holds opaque ids only: no name and no phone number. A search is the exception; it is in no log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api import problems
from api.console.render import html
from api.depends import Allowed, Language, Parts, Session, caller_of, now_of, parts_of
from api.parts import ApiParts
from api.problems import Problem, not_found
from api.routes.messages import opened, timeline_line
from api.routes.overview import overview
from api.routes.sandbox import phones_of, text_us
from api.routes.worklist import worklist
from api.showing.patients import Showing, brief
from api.showing.tasks import show_tasks
from pathways.engine import calendar
from records.callers import Caller, Keys
from records.messages import Messages
from records.patient_list import PatientList
from records.patients import Patients
from records.tasks import Tasks
from records.timeline import Timeline
from records.worklist import Worklist

COOKIE = "cairn_key"
A_WORKING_DAY = 12 * 3600  # seconds that a sign-in lasts
LINES = 300

MACHINES = ("/api/", "/cds-services", "/auth/", "/fhir")  # what is asked for there is answered as a problem, never as a page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class SignedIn(Allowed):
    """Lets callers in who have this right, by the cookie that signing in left."""

    def shown(self, request: Request) -> str | None:
        return request.cookies.get(COOKIE)


CarePage = Annotated[Caller, Depends(SignedIn("worklist.read"))]
PatientPage = Annotated[Caller, Depends(SignedIn("patients.read"))]
OverviewPage = Annotated[Caller, Depends(SignedIn("overview.read"))]
PhonesPage = Annotated[Caller, Depends(SignedIn("sandbox.use"))]


def handle(app: FastAPI) -> None:
    """Answer what goes wrong on a page with a page."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        if request.url.path.startswith(MACHINES):
            return problems.answer(problem.status, problem.detail, problem.faults)
        template = "sign_in.html" if problem.status == 401 else "problem.html"
        return html(template, status=problem.status, detail=problem.detail, provider=parts_of(request).openid)

    @app.get("/", include_in_schema=False)
    async def sign_in_or_work(request: Request, parts: Parts, key: str | None = None) -> Response:
        """``/?key=...`` signs in; the key leaves the address at once."""
        if key is None:
            return RedirectResponse("/worklist", 303)
        holder = await caller_of(parts, key)
        response = RedirectResponse("/phones" if holder.role == "gateway" else "/worklist", 303)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, key, max_age=A_WORKING_DAY, httponly=True, samesite="strict", secure=secure)
        return response

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        """Every route in one table; the whole description is in /openapi.json."""
        return html("docs.html", paths=app.openapi()["paths"])


@router.get("/sign-out")
async def sign_out(request: Request, parts: Parts) -> Response:
    """The cookie is forgotten, and whoever signed in with an account is so no more; a key is a tool's, and stays."""
    key = request.cookies.get(COOKIE, "")
    if key:
        async with parts.database.begin() as session:
            await Keys(session).end_sign_in(key)
        parts.keys.forget()
    response = html("sign_in.html", status=200, detail="You are signed out.", provider=parts.openid)
    response.delete_cookie(COOKIE)
    return response


@router.get("/worklist")
async def worklist_page(
    caller: CarePage, session: Session, parts: Parts, team: str | None = None, on: date | None = None, language: Language = "en"
) -> HTMLResponse:
    """One team's day."""
    teams = await Worklist(session).teams(caller.scope)
    work = await worklist(session, parts, caller.scope, team=team or None, on=on, language=language)
    step = timedelta(days=1)
    return html(
        "worklist.html", caller=caller, teams=teams, work=work, before=work.on - step, following=work.on + step, language=language
    )


@router.get("/patients")
async def patients_page(
    caller: PatientPage,
    session: Session,
    parts: Parts,
    search: Annotated[str, Query(max_length=100)] = "",
    tag: str | None = None,
    after: str | None = None,
) -> HTMLResponse:
    """Patients found by the beginnings of their name's words, or by a phone."""
    page = await PatientList(session, parts.vault).page(caller.scope, words=search, tag=tag or None, limit=50, after=after)
    return html(
        "patients.html", caller=caller, found=[brief(listed) for listed in page.items], search=search, tag=tag, next=page.next
    )


@router.get("/patients/{patient_id}")
async def patient_page(
    caller: PatientPage, session: Session, parts: Parts, patient_id: str, language: Language = "en", after: str | None = None
) -> HTMLResponse:
    """One patient: the plan, what is known, the texts, and every reason."""
    people = Patients(session, parts.vault)
    person = await opened(people, caller.scope, patient_id)
    patient = await people.in_scope(caller.scope, patient_id)
    if patient is None:
        raise not_found()
    showing = Showing(session, parts.vault, parts.plans, language)
    plan = await showing.plan(patient.id)
    page = await Timeline(session).of(person, limit=LINES, after=after, newest_first=True)
    lines = [timeline_line(found, language) for found in page.items]
    return html(
        "patient.html",
        caller=caller,
        zone=patient.timezone,
        today=calendar.local_day(await now_of(parts, session), patient.timezone),
        patient=await showing.detail(patient),
        readings={name: reading for one in plan.pathways.values() for name, reading in one.readings.items()},
        titles={one.name: one.title for one in plan.pathways.values()},
        tasks=await show_tasks(showing, await Tasks(session).of(patient.id)),
        messages=await Messages(session).of(person, limit=60),
        steps=[(at, list(group)[::-1]) for at, group in groupby(lines, key=lambda line: line.at)],
        next=page.next,
        language=language,
    )


@router.get("/overview")
async def overview_page(caller: OverviewPage, session: Session, parts: Parts) -> HTMLResponse:
    """The numbers."""
    return html("overview.html", caller=caller, numbers=await overview(session, parts, caller.scope))


@router.get("/phones")
async def phones_page(caller: PhonesPage, parts: Parts) -> HTMLResponse:
    """Pretended phones, the one that was texted last on top."""
    return html("phones.html", caller=caller, phones=await _phones(parts), chosen=None, talk=[])


@router.get("/phones/{token}")
async def phone_page(caller: PhonesPage, parts: Parts, token: str) -> HTMLResponse:
    """One phone: what it holds, and a box to text us from it."""
    phones = await _phones(parts)
    number = _number(phones, token)
    return html("phones.html", caller=caller, phones=phones, chosen=token, number=number, talk=await _talk(parts, number))


@router.post("/phones/{token}")
async def phone_texts(caller: PhonesPage, request: Request, parts: Parts, token: str) -> Response:
    """The phone texts us, the way of a provider's inbound webhook."""
    sent = parse_qs((await request.body()).decode(errors="replace")).get("text", [""])[0].strip()[:1600]
    number = _number(await _phones(parts), token)
    if sent:
        await text_us(parts, number, sent)
    return RedirectResponse(f"/phones/{token}#last", 303)


async def _phones(parts: ApiParts) -> list[dict[str, Any]]:
    phones: dict[str, dict[str, Any]] = {}
    for sms in await phones_of(parts).messages():
        count = phones.pop(sms.to, {"count": 0})["count"]
        token = parts.vault.token("phone page", sms.to).hex()
        phones[sms.to] = {"number": sms.to, "token": token, "last": sms.text, "at": sms.accepted_at, "count": count + 1}
    return list(phones.values())[::-1]


def _number(phones: list[dict[str, Any]], token: str) -> str:
    for phone in phones:
        if phone["token"] == token:
            return str(phone["number"])
    raise not_found()


async def _talk(parts: ApiParts, number: str) -> list[dict[str, Any]]:
    pretended = phones_of(parts)

    def said() -> Iterator[dict[str, Any]]:
        yield from ({"mine": False, "text": sms.text, "at": sms.accepted_at} for sms in held)
        yield from ({"mine": True, "text": reply.text, "at": reply.at} for reply in replies)

    held, replies = await pretended.messages(number), await pretended.replies(number)
    return sorted(said(), key=lambda one: one["at"])
