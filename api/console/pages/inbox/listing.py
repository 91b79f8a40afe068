"""The list: what lies before a place, or what places wait for from a care team, with what cannot wait on top.

Rule 1: a script asks for the list again and again with what it has seen (``seen``); while nothing is new it is answered with
        nothing, and no record is opened.
Rule 2: one heap of one place at a time: a page costs what is on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlencode

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
from pathways.engine.limits import Limits
from records.callers import OF_A_PLACE
from records.inboxes import REFERRALS, REFILLS, Asked, Inbox, heap_of, rank_of
from records.looking_up import Whence
from records.pages import BadCursor
from records.pages import Page as Slice
from records.places import Places
from records.referral_limits import NetworkLimits
from records.referrals import OPEN, referrals
from records.refills import refills
from records.tables import Organisation, ReferralRow, RefillRow

ON_A_PAGE = 15  # more come by themselves, once the end is seen
MOST_SHOWN = 150  # lines that are drawn again together: whoever has read on keeps what they see
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
    whence: Whence
    left: Left | None
    age: int | None

    @property
    def heap(self) -> str:
        return heap_of(self.shown.stage, REFERRALS)


@dataclass(frozen=True, slots=True)
class Supplied:
    """A line of a pharmacy's list. ``days``: for how many more days there is medicine, counting today; below 1 there is none."""

    shown: RefillOut
    whence: Whence
    days: int

    @property
    def heap(self) -> str:
        return heap_of(self.shown.stage, REFILLS)


@dataclass(frozen=True, slots=True)
class View:
    """Whose list it is. ``kind``: hospital, pharmacy or care; ``asked``: whose inbox; ``choices``: among which one may change."""

    kind: str
    asked: Asked | None
    choices: Sequence[Organisation]

    @property
    def place(self) -> Organisation | None:
        return self.asked.place if self.asked is not None else None

    @property
    def heaps(self) -> dict[str, str]:
        return HEAPS[self.kind]

    def address(self, path: str, **asked: str) -> str:
        """A list of this place. What is searched for is in it: it is in no log (see the desk's third rule)."""
        kept = asked | ({"place": self.place.id} if self.place and len(self.choices) > 1 else {})
        return f"{path}?{urlencode(kept)}" if kept else path


@router.get("/inbox")
async def inbox_page(
    desk: Annotated[Desk, at("inbox.read")],
    session: Session,
    parts: Parts,
    place: Annotated[str, Query(max_length=40)] = "",
    heap: Annotated[str, Query(max_length=20)] = "",
    after: Annotated[str | None, Query(max_length=400)] = None,
    seen: Annotated[str, Query(max_length=60)] = "",
    shown: Annotated[int, Query(ge=0, le=MOST_SHOWN)] = 0,
) -> Response:
    """One heap of it, and how much lies in the others. ``shown``: how many lines are on the page already."""
    view = await view_of(desk, session, place)
    now = await now_of(parts, session)
    chosen = heap if heap in view.heaps else next(iter(view.heaps))
    reached = view.asked.reached if view.asked is not None else 0
    mark = f"{reached}.{int(now.timestamp()) // DRAWN_AGAIN}"
    if desk.within and view.place is not None and seen == mark:
        return Response(status_code=204)
    counts = await Inbox(session).counts(view.place.id, pharmacy=view.kind == "pharmacy") if view.place is not None else {}
    limit = ON_A_PAGE if after else max(ON_A_PAGE, shown)
    lines, following = await _lines(desk, session, parts, view, chosen, limit, after, now)
    return desk.html(
        "inbox/rows.html" if desk.within and not after else "inbox/lines.html" if desk.within else "inbox/list.html",
        view=view,
        heap=chosen,
        counts=counts,
        lines=lines,
        next=following,
        further=view.address("/inbox", heap=chosen),
        sought="",
        shown=min(len(lines) + (shown if after else 0), MOST_SHOWN),
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
    chosen = next((one for one in choices if one.place.id == place), None) if place else next(iter(choices), None)
    if chosen is None:
        if place:
            raise not_found()
        return View("pharmacy" if caller.role == "pharmacy" else "hospital", None, ())
    return View("pharmacy" if chosen.place.kind == "pharmacy" else "hospital", chosen, [one.place for one in choices])


async def _lines(
    desk: Desk, session: AsyncSession, parts: ApiParts, view: View, heap: str, limit: int, after: str | None, now: datetime
) -> tuple[Sequence[Referred] | Sequence[Supplied], str | None]:
    showing = Showing(session, parts.vault, parts.plans, desk.language)
    try:
        if view.kind == "pharmacy" or heap == "substitutes":
            if not desk.may("refills.read"):
                return (), None
            supplies = await _supplies(desk, session, view, heap, limit, after)
            return await supplied(showing, supplies.items, now), supplies.next
        if not desk.may("referrals.read"):
            return (), None
        asked = await _asked(desk, session, view, heap, limit, after)
    except BadCursor:
        return (), None
    limits = await limits_at(session, parts, view)
    return await referred(showing, asked.items, now, sort=heap not in ("done", "booked"), limits=limits), asked.next


async def limits_at(session: AsyncSession, parts: ApiParts, view: View) -> Mapping[str, Limits] | None:
    """By place, the limits of the network whose inbox it is; None where it is nobody's."""
    if view.asked is None:
        return None
    return {view.asked.place.id: await parts.plans.limits(session, view.asked.place.network_id, view.asked.limits)}


async def _asked(desk: Desk, session: AsyncSession, view: View, heap: str, limit: int, after: str | None) -> Slice[ReferralRow]:
    if view.kind == "care":
        stages = ("more_asked",) if heap == "questions" else tuple(sorted(OPEN))
        where = ReferralRow.stage.in_(stages)
        return await referrals(session).page(desk.caller.scope, where, limit=limit, after=after)
    if view.place is None:
        return Slice((), None)
    return await Inbox(session).referrals(view.place.id, heap, limit=limit, after=after)


async def _supplies(desk: Desk, session: AsyncSession, view: View, heap: str, limit: int, after: str | None) -> Slice[RefillRow]:
    if view.kind == "care":
        where = RefillRow.stage == "substitute_proposed"
        return await refills(session).page(desk.caller.scope, where, limit=limit, after=after)
    if view.place is None:
        return Slice((), None)
    return await Inbox(session).refills(view.place.id, heap, limit=limit, after=after)


async def referred(
    showing: Showing,
    rows: Sequence[ReferralRow],
    now: datetime,
    *,
    sort: bool = True,
    limits: Mapping[str, Limits] | None = None,
) -> list[Referred]:
    """Referrals with the time that is left. ``sort``: the most urgent first, then who has least time; ``limits``: by place."""
    about = await showing.about(row.patient_id for row in rows)
    limits = limits or await limits_of(showing, {row.place_id for row in rows})
    lines = []
    for one in await show_referrals(showing, rows):
        whence = about[one.patient.id].whence
        remaining = left(one, limits[one.place], await showing.plan(one.patient.id), whence.timezone, now)
        lines.append(Referred(one, whence, remaining, age(one.patient.born, calendar.local_day(now, whence.timezone))))
    if sort:
        lines.sort(key=lambda line: (rank_of(line.shown.urgency), line.left.ends if line.left else now))
    return lines


async def limits_of(showing: Showing, places: Iterable[str]) -> dict[str, Limits]:
    """By place, the limits of its network."""
    edits = await NetworkLimits(showing.session).edits(places)
    return {place: await showing.plans.limits(showing.session, *known) for place, known in edits.items()}


async def supplied(showing: Showing, rows: Sequence[RefillRow], now: datetime) -> list[Supplied]:
    """Refill requests with how long the medicine lasts."""
    about = await showing.about(row.patient_id for row in rows)
    lines = []
    for one in await show_refills(showing, rows):
        whence = about[one.patient.id].whence
        lines.append(Supplied(one, whence, days_left(one.runs_out, now, whence.timezone)))
    return lines


def days_left(runs_out: date, now: datetime, zone: str) -> int:
    """For how many days there is medicine, today among them; below 1: for so long there was none."""
    return (runs_out - calendar.local_day(now, zone)).days


def _number(seen: str) -> int:
    begun = seen.partition(".")[0]
    return int(begun) if begun.isdecimal() and len(begun) < 19 else 0
