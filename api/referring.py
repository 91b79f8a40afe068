"""One answer to one referral, whichever door it came in by: REST, FHIR or the console.

Rule: what is said travels sealed beside the referral; the event that tells of the move carries no text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date

from api import answering
from api.believing import believe
from api.models.base import Happened, Written
from api.models.requests import Instructions, TakenBack
from api.problems import Problem, not_found, unusable
from api.writing import Case, Writing, happened_at
from pathways.engine.events import AnyEvent, ReadingReceived, ReferralMoved, ReferralStage, Value
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

    async def sends_back(self, said: Instructions) -> Written:
        """Back to the care team, with what it should do and, where the place says so, what it found."""
        found: tuple[Kind, str] | None = ("report", said.report) if said.report is not None else None
        return await self.moves("sent_back", ("instructions", said.instructions), also=found)

    async def moves(
        self,
        stage: ReferralStage,
        said: tuple[Kind, str] | None = None,
        *,
        also: tuple[Kind, str] | None = None,
        day: date | None = None,
    ) -> Written:
        """The place's answer: the referral moves to ``stage``, or something is added to what was told before."""

        async def change(case: Case, row: ReferralRow) -> ReferralMoved | None:
            again = row.stage == stage and (day is None or row.day == day)
            if not again:
                if stage == "aborted" and row.abort_asked is None:
                    raise Problem(409, "Nobody asked to stop this referral: report what was done, or send the patient back.")
                answering.may_move(MOVES, stands_at(told(case.person, row), row.stage), stage, what="referral")
            if day is not None and day < row.asked.date():
                raise unusable("day", "lies before the referral was asked for", "give the day on which the patient is expected")
            new = [self._keep(case, row, "place", *line) for line in (also, said) if line is not None]
            if again:
                row.changed = case.now if any(new) else row.changed
                return None
            if stage == "more_asked":
                wait_for_reply(case.person, row)
            move(row, stage, at=case.now)
            row.day = day or row.day
            return self._moved(case, row, stage)

        return await self._answer(change)

    async def believes(self, readings: Mapping[str, Value]) -> None:
        """Raises Problem 404, and 422 for readings that cannot be true: asked before a report that comes with them is kept."""
        async with self.writing.parts.database.reading() as session:
            row = await answering.one(referrals(session), self.scope, self.referral_id)
            await believe(session, self.writing.parts.plans, row.patient_id, readings)

    async def measured(self, readings: Mapping[str, Value]) -> Written:
        """Readings that were taken at the place: like all readings without a visit they inform, and may decide.

        Raises Problem 404 once the referral is refused or taken back, 422 for what cannot be true.
        """
        async with self.writing.parts.database.reading() as session:
            patient_id = (await answering.one(referrals(session), self.scope, self.referral_id)).patient_id

        async def change(case: Case) -> ReadingReceived:
            row = await answering.one(referrals(case.session), self.scope, self.referral_id)
            if row.stage in CLOSED - {"completed", "sent_back"}:
                raise not_found()
            await believe(case.session, self.writing.parts.plans, patient_id, readings)
            at, id_ = happened_at(self.body.at, case.now), self.writing.event_id("readings", self.body)
            return ReadingReceived(id=id_, at=at, learnt=case.now, readings=readings, source="hospital")

        return await self.writing.change(patient_id, change, by_patient=False)

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
