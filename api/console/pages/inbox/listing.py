"""The list: what lies before a place, or what places wait for from a care team, with what cannot wait on top.

Rule 1: a script asks for the list again and again with what it has seen (``seen``); while nothing is new it is answered with
        nothing, and no record is opened.
Rule 2: one heap of one place at a time: a page costs what is on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from api.console.desk import N_, Desk, at
from api.console.pages.inbox.timing import Left, age, left
from api.depends import Parts, Session, now_of
from api.models.refills import RefillOut
from api.models.requests import ReferralOut
from api.parts import ApiParts
from api.problems import not_found
from api.showing.patients import Showing
from api.showing.requests import show_referrals, show_refills
from pathways.engine import calendar
from records.callers import OF_A_PLACE
from records.feed import Feed
from records.inboxes import Inbox, Whence, rank_of
from records.pages import BadCursor
from records.pages import Page as Slice
from records.places import Places
from records.referral_limits import NetworkLimits
from records.referrals import OPEN, referrals
from records.refills import refills
from records.tables import Organisation, ReferralRow, RefillRow

ON_A_PAGE = 15  # more come by themselves, once the end is seen
#: How often a list that nothing happened to is drawn again, so that the time that is left stays true; seconds.
DRAWN_AGAIN = 300
#: What each heap is called.
HEAPS = {
    "hospital": {
        "new": N_("New"),
        "asked": N_("Waiting for an answer"),
        "accepted": N_("To book"),
        "booked": N_("Booked"),
        "here": N_("With us"),
        "done": N_("Done"),
    },
    "pharmacy": {
        "new": N_("To prepare"),
        "doctor": N_("A doctor decides"),
        "ready": N_("Ready to collect"),
        "part": N_("Rest to come"),
        "done": N_("Done"),
    },
    "care": {"questions": N_("Questions to us"), "substitutes": N_("Other medicines"), "open": N_("Referrals on their way")},
}
#: What a form's fields may be told (forms.py), in the words of the catalogues.
FAULTS = (N_("Please fill this in."), N_("This is not a day: write it as YYYY-MM-DD."), N_("This is not a number."))
router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Referred:
    """A line of a hospital's list."""

    shown: ReferralOut
    whence: Whence | None
    left: Left | None
    age: int | None


@dataclass(frozen=True, slots=True)
class Supplied:
    """A line of a pharmacy's list. ``days``: for how many more days there is medicine, counting today; below 1 there is none."""

    shown: RefillOut
    whence: Whence | None
    days: int


@dataclass(frozen=True, slots=True)
class View:
    """Whose list it is. ``kind``: hospital, pharmacy or care; ``place``: whose inbox; ``choices``: among which one may change."""

    kind: str
    place: Organisation | None
    choices: Sequence[Organisation]

    @property
    def heaps(self) -> dict[str, str]:
        return HEAPS[self.kind]


@router.get("/inbox")
async def inbox_page(
    desk: Annotated[Desk, at("inbox.read")],
    session: Session,
    parts: Parts,
    place: Annotated[str, Query(max_length=40)] = "",
    heap: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
    seen: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """One heap of it, and how much lies in the others."""
    view = await view_of(desk, session, place)
    now = await now_of(parts, session)
    chosen = heap if heap in view.heaps else next(iter(view.heaps))
    reached = await Feed(session).reached(view.place.id) if view.place is not None else 0
    mark = f"{reached}.{int(now.timestamp()) // DRAWN_AGAIN}"
    if desk.within and view.place is not None and seen == mark:
        return Response(status_code=204)
    counts = await Inbox(session).counts(view.place.id, pharmacy=view.kind == "pharmacy") if view.place is not None else {}
    lines, following = await _lines(desk, session, parts, view, chosen, after, now)
    return desk.html(
        "inbox/rows.html" if desk.within and not after else "inbox/more.html" if desk.within else "inbox/list.html",
        view=view,
        heap=chosen,
        counts=counts,
        lines=lines,
        next=following,
        mark=mark,
        news=reached - _number(seen) if seen else 0,
        query={"place": place} if place else {},
        now=now,
    )


async def view_of(desk: Desk, session: AsyncSession, place: str) -> View:
    """Whose list the caller is shown. Raises Problem 404 for a place that is not theirs."""
    caller = desk.caller
    if caller.role not in OF_A_PLACE and not caller.scope.whole_network:
        return View("care", None, ())
    seen = caller.scope.places if caller.role in OF_A_PLACE else await Places(session).seen_from(caller.place)
    kinds = {"clinic": ("hospital",), "pharmacy": ("pharmacy",)}.get(caller.role, ("hospital", "pharmacy"))
    choices = await Inbox(session).places(seen, kinds)
    chosen = next((one for one in choices if one.id == place), None) if place else next(iter(choices), None)
    if chosen is None:
        if place:
            raise not_found()
        return View("pharmacy" if caller.role == "pharmacy" else "hospital", None, ())
    return View("pharmacy" if chosen.kind == "pharmacy" else "hospital", chosen, choices)


async def _lines(
    desk: Desk, session: AsyncSession, parts: ApiParts, view: View, heap: str, after: str | None, now: datetime
) -> tuple[Sequence[Referred] | Sequence[Supplied], str | None]:
    showing = Showing(session, parts.vault, parts.plans, desk.language)
    try:
        if view.kind == "pharmacy" or heap == "substitutes":
            if not desk.may("refills.read"):
                return (), None
            supplies = await _supplies(desk, session, view, heap, after)
            return await _supplied(showing, supplies.items, now), supplies.next
        if not desk.may("referrals.read"):
            return (), None
        asked = await _asked(desk, session, view, heap, after)
    except BadCursor:
        return (), None
    return await referred(showing, asked.items, now, sort=heap not in ("done", "booked")), asked.next


async def _asked(desk: Desk, session: AsyncSession, view: View, heap: str, after: str | None) -> Slice[ReferralRow]:
    if view.kind == "care":
        stages = ("more_asked",) if heap == "questions" else tuple(sorted(OPEN))
        where = ReferralRow.stage.in_(stages)
        return await referrals(session).page(desk.caller.scope, where, limit=ON_A_PAGE, after=after)
    if view.place is None:
        return Slice((), None)
    return await Inbox(session).referrals(view.place.id, heap, limit=ON_A_PAGE, after=after)


async def _supplies(desk: Desk, session: AsyncSession, view: View, heap: str, after: str | None) -> Slice[RefillRow]:
    if view.kind == "care":
        where = RefillRow.stage == "substitute_proposed"
        return await refills(session).page(desk.caller.scope, where, limit=ON_A_PAGE, after=after)
    if view.place is None:
        return Slice((), None)
    return await Inbox(session).refills(view.place.id, heap, limit=ON_A_PAGE, after=after)


async def referred(showing: Showing, rows: Sequence[ReferralRow], now: datetime, *, sort: bool = True) -> list[Referred]:
    """Referrals with the time that is left. ``sort``: the most urgent first, then who has least time."""
    whence = await Inbox(showing.session).whence([row.patient_id for row in rows])
    shown = await show_referrals(showing, rows)
    networks = {row.place_id: row for row in rows}
    limits = {place: await limits_of(showing.session, place) for place in networks}
    lines = []
    for one in shown:
        at_ = whence.get(one.patient.id)
        zone = at_.timezone if at_ is not None else "UTC"
        remaining = left(one, limits[one.place], await showing.plan(one.patient.id), zone, now)
        lines.append(Referred(one, at_, remaining, age(one.patient.born, calendar.local_day(now, zone))))
    if sort:
        lines.sort(key=lambda line: (rank_of(line.shown.urgency), line.left.ends if line.left else now))
    return lines


async def limits_of(session: AsyncSession, place: str) -> Any:
    """The limits of the network that the place belongs to."""
    return await NetworkLimits(session).of((await session.get_one(Organisation, place)).network_id)


async def _supplied(showing: Showing, rows: Sequence[RefillRow], now: datetime) -> list[Supplied]:
    whence = await Inbox(showing.session).whence([row.patient_id for row in rows])
    lines = []
    for one in await show_refills(showing, rows):
        at_ = whence.get(one.patient.id)
        lines.append(Supplied(one, at_, days_left(one.runs_out, now, at_.timezone if at_ is not None else "UTC")))
    return lines


def days_left(runs_out: date, now: datetime, zone: str) -> int:
    """For how many days there is medicine, today among them; below 1: for so long there was none."""
    return (runs_out - calendar.local_day(now, zone)).days


def _number(seen: str) -> int:
    begun = seen.partition(".")[0]
    return int(begun) if begun.isdecimal() and len(begun) < 19 else 0
