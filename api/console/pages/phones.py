"""Pretended phones of the embedded stack: read what a patient was sent, answer as they would, and let a day go by.

Rule 1: a phone's number is in no address: a token of it is.
Rule 2: whose phone it is, is said to whoever may read the patient, and to nobody else.
Rule 3: time goes on only when all that is due is done: a reminder that comes late is not sent at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, NOTICES, Desk, at
from api.depends import Parts, Session
from api.parts import ApiParts
from api.problems import not_found
from api.routes.clock import ClockOut, MoveTo, move_clock, read_clock
from api.routes.sandbox import phones_of, text_us
from api.showing.patients import name_of
from records.patient_list import PatientList
from records.tables import CareTeam, Patient, PersonToken

LONGEST = 1600  # characters of a text
SHOWN = 25  # phones on the page; whose last text is older is found by its number
GRID = timedelta(hours=2)  # what lies closer together happens at one moment, while a day goes by
SETTLES = 30.0  # seconds for which a moment is waited for; what takes longer is asked for again
router = APIRouter(include_in_schema=False)
NOTICES |= {
    "time_moved": N_("Time has moved on."),
    "time_stands": N_("Time stands until what is due now is done. Try again in a moment."),
    "nothing_due": N_("Nothing is due for anybody."),
}

PhonesDesk = Annotated[Desk, at("sandbox.use")]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose phone it is. ``name`` and ``id`` are empty for readers who may not read the patient."""

    name: str
    id: str
    zone: str


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as the list shows it. ``token`` stands for its number."""

    token: str
    number: str
    last: str
    at: datetime
    count: int
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class Bubble:
    """A text. ``mine``: from the phone to us. ``n`` counts up: it says which came first where the clock stands."""

    mine: bool
    text: str
    at: datetime
    n: int


@router.get("/phones")
async def phones_page(
    desk: PhonesDesk, session: Session, parts: Parts, seen: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """The one that was texted last on top, and open."""
    return await _page(desk, session, parts, "", seen)


@router.get("/phones/{token}")
async def phone_page(
    desk: PhonesDesk, session: Session, parts: Parts, token: str, seen: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """One phone: what it holds, and a box to text us from it."""
    return await _page(desk, session, parts, token, seen)


@router.post("/phones/clock")
async def time_goes_on(desk: Annotated[Desk, at("clock.move")], parts: Parts) -> Response:
    """To the next moment at which anything is due, or through a day as far as it gets; ``phone`` is where to come back to."""
    clock = await read_clock(desk.caller, parts, SETTLES)
    target = clock.next_due if desk.form.text("by") == "next" else clock.now + timedelta(days=1)
    back = f"/phones/{phone}" if (phone := desk.form.text("phone")).isalnum() else "/phones"
    if target is None:
        return desk.go(back, "nothing_due")
    while clock.settled and clock.now < target:
        clock = await move_clock(desk.caller, parts, MoveTo(to=_next_stop(clock, target)), SETTLES)
    return desk.go(back, "time_moved" if clock.settled else "time_stands")


@router.post("/phones/{token}")
async def phone_texts(desk: PhonesDesk, session: Session, parts: Parts, token: str) -> Response:
    """The phone texts us, the way of a provider's inbound webhook."""
    sent = (desk.form.text("quick") or desk.form.text("text"))[:LONGEST]
    number = _number(await _numbers(parts), token)
    if sent:
        await text_us(parts, number, sent)
    return await _page(desk, session, parts, token, "") if desk.within else desk.go(f"/phones/{token}")


def _next_stop(clock: ClockOut, target: datetime) -> datetime:
    """Where time stands still next on its way: what is due soonest, but not every minute."""
    due = clock.next_due
    return target if due is None else min(target, max(due, clock.now + GRID))


async def _page(desk: Desk, session: AsyncSession, parts: ApiParts, token: str, seen: str) -> Response:
    pretended = phones_of(parts)
    clock = await read_clock(desk.caller, parts, 0)
    if desk.within and seen and await _nothing_new(parts, clock, seen):
        return Response(status_code=204)
    numbers = await _numbers(parts)
    number = _number(numbers, token) if token else next(iter(numbers), "")
    shown = list(numbers.items())[:SHOWN]
    if number and number not in dict(shown):
        shown.append((number, numbers[number]))
    owners = await _owners(desk, session, parts, [one for one, _ in shown])
    phones = [Phone(t, n, last, moment, count, owners.get(n)) for n, (t, last, moment, count) in shown]
    chosen = next((one for one in phones if one.number == number), None)
    held = await pretended.messages()
    return desk.html(
        "phones/parts.html" if desk.within else "phones/phones.html",
        phones=phones,
        more=len(numbers) - len(phones),
        chosen=chosen,
        named=bool(token),
        talk=await _talk(parts, number) if chosen is not None else [],
        zone=chosen.owner.zone if chosen is not None and chosen.owner is not None else await _zone(session),
        clock=clock,
        mark=_mark(_n(held[-1].sid) if held else 0, len(await pretended.replies()), clock),
    )


def _mark(last: int, replies: int, clock: ClockOut) -> str:
    return f"{last}.{replies}.{clock.now.isoformat() if clock.driven else ''}.{clock.settled}"


async def _nothing_new(parts: ApiParts, clock: ClockOut, seen: str) -> bool:
    begun = seen.partition(".")[0]
    last = int(begun) if begun.isdecimal() and len(begun) < 19 else 0
    pretended = phones_of(parts)
    return not await pretended.messages(after=last) and seen == _mark(last, len(await pretended.replies()), clock)


async def _numbers(parts: ApiParts) -> dict[str, tuple[str, str, datetime, int]]:
    """By number: its token, its last text, when, and how many; the one that was texted last first."""
    found: dict[str, tuple[str, str, datetime, int]] = {}
    for sms in await phones_of(parts).messages():
        count = found.pop(sms.to)[3] if sms.to in found else 0
        found[sms.to] = (parts.vault.token("phone page", sms.to).hex(), sms.text, sms.accepted_at, count + 1)
    return dict(reversed(found.items()))


def _number(numbers: Mapping[str, tuple[str, str, datetime, int]], token: str) -> str:
    for number, (known, *_) in numbers.items():
        if known == token:
            return number
    raise not_found()


async def _owners(desk: Desk, session: AsyncSession, parts: ApiParts, numbers: Sequence[str]) -> dict[str, Owner]:
    """Whose phones these are, where somebody's they are; of several the first by id."""
    tokens = {parts.vault.token("phone", number): number for number in numbers}
    query = (
        select(PersonToken.token, Patient)
        .join(Patient, Patient.id == PersonToken.patient_id)
        .where(PersonToken.kind == "phone", PersonToken.token.in_(list(tokens)))
        .order_by(Patient.id)
    )
    theirs: dict[str, Patient] = {}
    for token, patient in await session.execute(query):
        theirs.setdefault(tokens[token], patient)
    reads = desk.may("patients.read")
    seen = [one for one in theirs.values() if reads and desk.caller.scope.covers_team(one.care_team_id)]
    profiles = await PatientList(session, parts.vault).profiles(seen)
    return {
        number: Owner(name_of(profiles[one.id]) or "", one.id, one.timezone) if one.id in profiles else Owner("", "", one.timezone)
        for number, one in theirs.items()
    }


async def _zone(session: AsyncSession) -> str:
    """Where the clock hangs while no phone is open."""
    return await session.scalar(select(CareTeam.timezone).order_by(CareTeam.id).limit(1)) or "UTC"


async def _talk(parts: ApiParts, number: str) -> list[Bubble]:
    pretended = phones_of(parts)
    held = [Bubble(False, sms.text, sms.accepted_at, _n(sms.sid)) for sms in await pretended.messages(number)]
    replies = [Bubble(True, reply.text, reply.at, _n(reply.sid)) for reply in await pretended.replies(number)]
    return sorted([*held, *replies], key=lambda one: (one.at, one.n))


def _n(sid: str) -> int:
    """``sid`` counts up, in hexadecimal after two letters."""
    return int(sid[2:], 16)
