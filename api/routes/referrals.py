"""Referrals: the asked place's inbox and its answers, and the care team's replies.

Rule: what is said travels sealed beside the referral; the event that tells of the move carries no text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answering
from api.depends import After, Language, Limit, Parts, Session, may
from api.models.base import Happened, Written
from api.models.requests import Appointment, Instructions, Question, ReferralOut, ReferralPage, Refusal, Reply, Report
from api.problems import Problem, unusable
from api.showing.patients import Showing
from api.showing.requests import show_referrals
from api.writing import Case, Writes, Writing, happened_at
from pathways.engine.events import AnyEvent, ReferralMoved, ReferralStage
from records.callers import Caller
from records.referrals import MOVES, OPEN, Kind, Said, Side, referrals, say, stands_at, told, wait_for_reply
from records.requests import etag
from records.scope import Scope
from records.tables import ReferralRow

router = APIRouter(prefix="/referrals", tags=["referrals"])

Reads = Annotated[Caller, may("referrals.read")]
Answers = Annotated[Caller, may("referrals.answer")]
Replies = Annotated[Caller, may("referrals.reply")]
Optional = Happened | None


@router.get("", summary="Referrals")
async def list_referrals(
    caller: Reads,
    session: Session,
    parts: Parts,
    stage: Annotated[str | None, Query(max_length=40)] = None,
    urgency: Annotated[str | None, Query(max_length=40)] = None,
    patient: Annotated[str | None, Query(max_length=40, description="a patient's id")] = None,
    open: Annotated[bool | None, Query(description="true: somebody still has the next word; false: closed")] = None,
    limit: Limit = 50,
    after: After = None,
    language: Language = "en",
) -> ReferralPage:
    """What the caller's place was asked, or was asked for the caller's patients; in the order in which it was asked."""
    wanted = ((ReferralRow.stage, stage), (ReferralRow.urgency, urgency), (ReferralRow.patient_id, patient))
    where = [column == value for column, value in wanted if value is not None]
    if open is not None:
        where.append(ReferralRow.stage.in_(OPEN) if open else ReferralRow.stage.not_in(OPEN))
    page = await referrals(session).page(caller.scope, *where, limit=limit, after=after)
    showing = Showing(session, parts.vault, parts.plans, language)
    return ReferralPage(items=await show_referrals(showing, page.items), next=page.next)


@router.get("/{referral_id}", summary="One referral")
async def read_referral(
    caller: Reads, session: Session, parts: Parts, referral_id: str, response: Response, language: Language = "en"
) -> ReferralOut:
    """With all that was said about it; its ETag changes whenever it moves or something is said."""
    row = await answering.one(referrals(session), caller.scope, referral_id)
    response.headers["ETag"] = etag(row)
    (shown,) = await show_referrals(Showing(session, parts.vault, parts.plans, language), [row])
    return shown


@router.post("/{referral_id}/receive", summary="The place has the referral")
async def receive(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """It was read, and is being looked at."""
    return await _Answer(writing, caller.scope, referral_id, body or Happened()).moves("received")


@router.post("/{referral_id}/accept", summary="The place accepts")
async def accept(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """The patient may come; a day is booked next."""
    return await _Answer(writing, caller.scope, referral_id, body or Happened()).moves("accepted")


@router.post("/{referral_id}/refuse", summary="The place refuses")
async def refuse(caller: Answers, writing: Writes, referral_id: str, body: Refusal) -> Written:
    """With its reason; the next place in the network's order is asked."""
    return await _Answer(writing, caller.scope, referral_id, body).moves("refused", ("reason", body.reason))


@router.post("/{referral_id}/ask-more", summary="The place wants to know more")
async def ask_more(caller: Answers, writing: Writes, referral_id: str, body: Question) -> Written:
    """The care team is given a task to reply; the referral goes on afterwards from where it is now."""
    return await _Answer(writing, caller.scope, referral_id, body).moves("more_asked", ("question", body.question))


@router.post("/{referral_id}/reply", summary="The care team replies")
async def reply(caller: Replies, writing: Writes, referral_id: str, body: Reply) -> Written:
    """To what the place asked; the next word is the place's again."""
    return await _Answer(writing, caller.scope, referral_id, body).replies(body.text)


@router.post("/{referral_id}/book", summary="The place booked a day")
async def book(caller: Answers, writing: Writes, referral_id: str, body: Appointment) -> Written:
    """The patient is told the day; another day may be booked until the patient was there."""
    return await _Answer(writing, caller.scope, referral_id, body).moves("booked", day=body.day)


@router.post("/{referral_id}/attended", summary="The patient was there")
async def attended(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """Seen by the place."""
    return await _Answer(writing, caller.scope, referral_id, body or Happened()).moves("attended")


@router.post("/{referral_id}/not-attended", summary="The patient did not come")
async def not_attended(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """The care team is given a task to call."""
    return await _Answer(writing, caller.scope, referral_id, body or Happened()).moves("not_attended")


@router.post("/{referral_id}/complete", summary="The place reports back")
async def complete(caller: Answers, writing: Writes, referral_id: str, body: Report) -> Written:
    """With its report; a further report is added to the first."""
    return await _Answer(writing, caller.scope, referral_id, body).moves("completed", ("report", body.report))


@router.post("/{referral_id}/send-back", summary="The place sends the patient back")
async def send_back(caller: Answers, writing: Writes, referral_id: str, body: Instructions) -> Written:
    """With instructions for the care team, which is given a task to read them."""
    return await _Answer(writing, caller.scope, referral_id, body).moves("sent_back", ("instructions", body.instructions))


class _Answer:
    """One answer to one referral."""

    def __init__(self, writing: Writing, scope: Scope, referral_id: str, body: Happened) -> None:
        self.writing, self.scope, self.referral_id, self.body = writing, scope, referral_id, body

    async def moves(self, stage: ReferralStage, said: tuple[Kind, str] | None = None, *, day: date | None = None) -> Written:
        """The place's answer: the referral moves to ``stage``, or something is added to what was told before."""

        async def change(case: Case, row: ReferralRow) -> ReferralMoved | None:
            again = row.stage == stage and (day is None or row.day == day)
            if not again:
                answering.may_move(MOVES, stands_at(told(case.person, row), row.stage), stage, what="referral")
            if day is not None and day < row.asked.date():
                raise unusable("day", "lies before the referral was asked for", "give the day on which the patient is expected")
            new = said is not None and self._keep(case, row, "place", *said)
            if again:
                row.changed = case.now if new else row.changed
                return None
            if stage == "more_asked":
                wait_for_reply(case.person, row)
            row.stage, row.changed, row.day = stage, case.now, day or row.day
            return self._moved(case, row, stage)

        return await self._answer(change)

    async def replies(self, text: str) -> Written:
        """The care team's reply: the referral goes on from where it was."""

        async def change(case: Case, row: ReferralRow) -> ReferralMoved | None:
            new = self._keep(case, row, "team", "reply", text)
            if row.stage != "more_asked":
                if not new:
                    return None  # told twice
                raise Problem(409, f"Nobody waits for a reply: this referral is {answering.words(row.stage)}.")
            row.stage, row.changed = stands_at(told(case.person, row), row.stage), case.now
            return self._moved(case, row, "more_given")

        return await self._answer(change)

    async def _answer(self, change: Callable[[Case, ReferralRow], Awaitable[AnyEvent | None]]) -> Written:
        return await answering.answer(self.writing, self.scope, referrals, self.referral_id, change)

    def _keep(self, case: Case, row: ReferralRow, side: Side, kind: Kind, text: str) -> bool:
        return say(case.person, row, Said(happened_at(self.body.at, case.now), side, kind, text))

    def _moved(self, case: Case, row: ReferralRow, stage: ReferralStage) -> ReferralMoved:
        at, id_ = happened_at(self.body.at, case.now), self.writing.event_id(f"referral/{stage}", self.body)
        day = row.day if stage == "booked" else None
        return ReferralMoved(id=id_, at=at, learnt=case.now, referral=row.referral, stage=stage, day=day)
