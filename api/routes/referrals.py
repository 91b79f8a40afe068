"""Referrals: the asked place's inbox and its answers, and the care team's replies.

Rule: what is said travels sealed beside the referral; the event that tells of the move carries no text.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api import answering
from api.depends import After, Language, Limit, Parts, Session, may
from api.models.base import Happened, Written
from api.models.requests import (
    Appointment,
    Cancellation,
    Instructions,
    Question,
    ReferralDetail,
    ReferralPage,
    Refusal,
    Reply,
    Report,
    TakenBack,
)
from api.referring import Answer
from api.showing.patients import Showing
from api.showing.referred import show_referral
from api.showing.requests import show_referrals
from api.writing import Writes
from records.callers import Caller
from records.referrals import OPEN, referrals
from records.requests import etag
from records.tables import ReferralRow

router = APIRouter(prefix="/referrals", tags=["referrals"])

Reads = Annotated[Caller, may("referrals.read")]
Answers = Annotated[Caller, may("referrals.answer")]
Replies = Annotated[Caller, may("referrals.reply")]
Cancels = Annotated[Caller, may("referrals.cancel")]
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
) -> ReferralDetail:
    """With all that was said about it, and, while it is open, what the place should know of the patient.

    Its ETag changes whenever it moves or something is said.
    """
    row = await answering.one(referrals(session), caller.scope, referral_id)
    response.headers["ETag"] = etag(row)
    return await show_referral(Showing(session, parts.vault, parts.plans, language), row)


@router.post("/{referral_id}/receive", summary="The place has the referral")
async def receive(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """It was read, and is being looked at."""
    return await Answer(writing, caller.scope, referral_id, body or Happened()).moves("received")


@router.post("/{referral_id}/accept", summary="The place accepts")
async def accept(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """The patient may come; a day is booked next."""
    return await Answer(writing, caller.scope, referral_id, body or Happened()).moves("accepted")


@router.post("/{referral_id}/refuse", summary="The place refuses")
async def refuse(caller: Answers, writing: Writes, referral_id: str, body: Refusal) -> Written:
    """With its reason; the next place in the network's order is asked."""
    return await Answer(writing, caller.scope, referral_id, body).moves("refused", ("reason", body.reason))


@router.post("/{referral_id}/ask-more", summary="The place wants to know more")
async def ask_more(caller: Answers, writing: Writes, referral_id: str, body: Question) -> Written:
    """The care team is given a task to reply; the referral goes on afterwards from where it is now."""
    return await Answer(writing, caller.scope, referral_id, body).moves("more_asked", ("question", body.question))


@router.post("/{referral_id}/reply", summary="The care team replies")
async def reply(caller: Replies, writing: Writes, referral_id: str, body: Reply) -> Written:
    """To what the place asked; the next word is the place's again."""
    return await Answer(writing, caller.scope, referral_id, body).replies(body.text)


@router.post("/{referral_id}/book", summary="The place booked a day")
async def book(caller: Answers, writing: Writes, referral_id: str, body: Appointment) -> Written:
    """The patient is told the day; another day may be booked until the patient was there."""
    return await Answer(writing, caller.scope, referral_id, body).moves("booked", day=body.day)


@router.post("/{referral_id}/attended", summary="The patient was there")
async def attended(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """Seen by the place."""
    return await Answer(writing, caller.scope, referral_id, body or Happened()).moves("attended")


@router.post("/{referral_id}/start", summary="Treatment began")
async def start(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """The patient is being treated: from now on the care team can only ask the place to stop."""
    return await Answer(writing, caller.scope, referral_id, body or Happened()).moves("in_progress")


@router.post("/{referral_id}/abort", summary="The place has stopped")
async def abort(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """What it had begun, as the care team asked; what it reports in place of this counts as well."""
    return await Answer(writing, caller.scope, referral_id, body or Happened()).moves("aborted")


@router.post("/{referral_id}/cancel", summary="The care team calls it off")
async def cancel(caller: Cancels, writing: Writes, referral_id: str, body: Cancellation) -> TakenBack:
    """``came`` says which: cancelled, where the place has not begun; else the place is asked to stop, and confirms it."""
    return await Answer(writing, caller.scope, referral_id, body).cancels(body.reason)


@router.post("/{referral_id}/not-attended", summary="The patient did not come")
async def not_attended(caller: Answers, writing: Writes, referral_id: str, body: Optional = None) -> Written:
    """The care team is given a task to call."""
    return await Answer(writing, caller.scope, referral_id, body or Happened()).moves("not_attended")


@router.post("/{referral_id}/complete", summary="The place reports back")
async def complete(caller: Answers, writing: Writes, referral_id: str, body: Report) -> Written:
    """With its report; a further report is added to the first."""
    return await Answer(writing, caller.scope, referral_id, body).moves("completed", ("report", body.report))


@router.post("/{referral_id}/send-back", summary="The place sends the patient back")
async def send_back(caller: Answers, writing: Writes, referral_id: str, body: Instructions) -> Written:
    """With instructions for the care team, which is given a task to read them."""
    return await Answer(writing, caller.scope, referral_id, body).sends_back(body)
