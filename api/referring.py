"""One answer to one referral, whichever door it came in by: REST, FHIR or the console.

Rule: what is said travels sealed beside the referral; the event that tells of the move carries no text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

from api import answering
from api.models.base import Happened, Written
from api.models.requests import TakenBack
from api.problems import Problem, unusable
from api.writing import Case, Writing, happened_at
from pathways.engine.events import AnyEvent, ReferralMoved, ReferralStage
from records.referrals import (
    BEGUN,
    CLOSED,
    MOVES,
    Kind,
    Said,
    Side,
    attempt_of,
    move,
    referrals,
    say,
    stands_at,
    take_back,
    told,
    wait_for_reply,
)
from records.scope import Scope
from records.tables import ReferralRow


class Answer:
    """One answer to one referral."""

    def __init__(self, writing: Writing, scope: Scope, referral_id: str, body: Happened) -> None:
        self.writing, self.scope, self.referral_id, self.body = writing, scope, referral_id, body

    async def moves(self, stage: ReferralStage, said: tuple[Kind, str] | None = None, *, day: date | None = None) -> Written:
        """The place's answer: the referral moves to ``stage``, or something is added to what was told before."""

        async def change(case: Case, row: ReferralRow) -> ReferralMoved | None:
            again = row.stage == stage and (day is None or row.day == day)
            if not again:
                if stage == "aborted" and row.abort_asked is None:
                    raise Problem(409, "Nobody asked to stop this referral: report what was done, or send the patient back.")
                answering.may_move(MOVES, stands_at(told(case.person, row), row.stage), stage, what="referral")
            if day is not None and day < row.asked.date():
                raise unusable("day", "lies before the referral was asked for", "give the day on which the patient is expected")
            new = said is not None and self._keep(case, row, "place", *said)
            if again:
                row.changed = case.now if new else row.changed
                return None
            if stage == "more_asked":
                wait_for_reply(case.person, row)
            move(row, stage, at=case.now)
            row.day = day or row.day
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
            move(row, stands_at(told(case.person, row), row.stage), at=case.now)
            return self._moved(case, row, "more_given")

        return await self._answer(change)

    async def cancels(self, reason: str) -> TakenBack:
        """The care team calls it off: cancelled where the place has not begun, else the place is asked to stop."""

        async def change(case: Case, row: ReferralRow) -> ReferralMoved | None:
            stands = stands_at(told(case.person, row), row.stage)
            if row.stage in CLOSED - {"cancelled"}:
                raise Problem(409, f"This referral is {answering.words(row.stage)}: there is nothing to call off.")
            again = row.stage == "cancelled" or row.abort_asked is not None
            new = self._keep(case, row, "team", "reason", reason)
            if again:
                row.changed = case.now if new else row.changed
                return None
            take_back(case.person, row, "care_team", at=case.now)
            return self._moved(case, row, "abort_asked" if stands in BEGUN else "cancelled")

        written = await self._answer(change)
        async with self.writing.parts.database.reading() as session:
            row = await answering.one(referrals(session), self.scope, self.referral_id)
        came = "cancelled" if row.stage == "cancelled" else "abort_asked"
        return TakenBack(**written.model_dump(), came=came)

    async def _answer(self, change: Callable[[Case, ReferralRow], Awaitable[AnyEvent | None]]) -> Written:
        return await answering.answer(self.writing, self.scope, referrals, self.referral_id, change)

    def _keep(self, case: Case, row: ReferralRow, side: Side, kind: Kind, text: str) -> bool:
        return say(case.person, row, Said(happened_at(self.body.at, case.now), side, kind, text))

    def _moved(self, case: Case, row: ReferralRow, stage: ReferralStage) -> ReferralMoved:
        at, id_ = happened_at(self.body.at, case.now), self.writing.event_id(f"referral/{stage}", self.body)
        day = row.day if stage == "booked" else None
        return ReferralMoved(id=id_, at=at, learnt=case.now, referral=row.referral, stage=stage, day=day, attempt=attempt_of(row))
