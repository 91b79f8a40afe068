"""Referrals and refills reach the place's inbox once; where no place is left it is learnt, and what is given up is an event."""

from __future__ import annotations

import asyncio

import pytest
from installation import Installation
from sqlalchemy import select

from pathways.engine.events import Died, ReferralMoved, RefillMoved, VisitCompleted
from records.database import Database
from records.tables import EventRow, ReferralRow, RefillRow
from workflows.contract import Deliver, Delivered, Handover

READINGS = {
    "sbp": 150.0, "dbp": 95.0, "symptoms": (), "pregnant_or_lactating": False, "other_disease_cannot_handle": False,
    "adr": False, "adr_hard_to_control": False, "new_complication": True, "worse_complication": False,
}  # fmt: skip


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    return there


async def _referred(installation: Installation) -> Handover:
    await installation.step(1)
    await installation.tell(lambda now: VisitCompleted(id="visit/1", at=now, learnt=now, readings=READINGS))
    taken = await installation.step(2)
    (referral,) = [handover for handover in taken.handovers if handover.kind == "referral"]
    return referral


async def _referrals(installation: Installation) -> list[tuple[str, str]]:
    async with installation.database.reading() as session:
        rows = await session.execute(select(ReferralRow.place_id, ReferralRow.stage).order_by(ReferralRow.place_id))
        return [(place, stage) for place, stage in rows]


async def test_a_referral_reaches_the_first_hospital_once_whoever_hands_it_over(installation: Installation) -> None:
    referral = await _referred(installation)
    answers = await asyncio.gather(*(installation.deliver(referral) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == ["handed", "settled", "settled", "settled"]
    assert await _referrals(installation) == [("h0", "requested")]


async def test_a_refusal_goes_to_the_next_hospital_and_the_last_refusal_is_learnt(installation: Installation) -> None:
    await installation.deliver(await _referred(installation))
    for n, learnt in ((1, False), (2, True)):
        await installation.tell(
            lambda now, n=n: ReferralMoved(id=f"no/{n}", at=now, learnt=now, referral="referral#1", stage="refused")
        )
        (again,) = (await installation.step((await installation.row()).last_step + 1)).handovers
        assert await installation.deliver(again) == Delivered(learnt=learnt, status="handed")
    assert [place for place, _ in await _referrals(installation)] == ["h0", "h1"]
    await installation.step((await installation.row()).last_step + 1)
    assert "place_referral" in str((await installation.state())["tasks"])


async def test_a_referral_of_somebody_who_died_is_taken_back(installation: Installation) -> None:
    await installation.deliver(await _referred(installation))
    await installation.tell(lambda now: Died(id="died", at=now, learnt=now))
    (cancel,) = [h for h in (await installation.step(3)).handovers if h.kind == "referral"]
    await installation.deliver(cancel)
    assert await _referrals(installation) == [("h0", "cancelled")]


async def test_a_refill_is_asked_of_the_next_pharmacy_when_the_first_has_none(installation: Installation) -> None:
    refill = await installation.until("refill")
    await installation.deliver(refill)
    await installation.deliver(refill)
    key = refill.key.split("/")[0]
    await installation.tell(lambda now: RefillMoved(id="none", at=now, learnt=now, refill=key, stage="out_of_stock"))
    await installation.deliver(await installation.until("refill"))
    async with installation.database.reading() as session:
        assert list(await session.scalars(select(RefillRow.pharmacy_id).order_by(RefillRow.key))) == ["p0", "p1"]


async def test_what_nobody_could_settle_becomes_an_event_once(installation: Installation) -> None:
    message = await installation.until("message")
    asked = Deliver(installation.patient, message.key, message.kind)
    assert await installation.places.give_up_delivery(asked) == Delivered(learnt=True, status="failed")
    assert await installation.places.give_up_delivery(asked) == Delivered(status="settled")
    async with installation.database.reading() as session:
        kinds = list(await session.scalars(select(EventRow.kind)))
    assert kinds.count("message_failed") == 1
    await installation.step((await installation.row()).last_step + 1)
    assert "phone_reminder" in str((await installation.state())["tasks"])


async def test_what_was_settled_is_not_given_up(installation: Installation) -> None:
    message = await installation.until("message")
    await installation.deliver(message)
    given_up = await installation.places.give_up_delivery(Deliver(installation.patient, message.key, message.kind))
    assert given_up == Delivered(status="settled")
    assert (await installation.delivery(message.key)).status == "handed"
