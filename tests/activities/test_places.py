"""Referrals and refills reach the place's inbox once; where no place is left it is learnt, and what is given up is an event."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from installation import Installation
from sqlalchemy import delete, select

from pathways.engine.events import Died, ReferralMoved, RefillMoved, VisitCompleted
from records.database import Database
from records.tables import Closure, EventRow, Organisation, ReferralRow, RefillRow, Stock
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
    for n in (1, 2):
        assert await _refuse(installation, n) == Delivered(learnt=True, status="handed")  # another has it, or none is left
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


async def _close(installation: Installation, place: str, first: date, last: date) -> None:
    async with installation.database.begin() as session:
        session.add(Closure(id=f"{place}/{first}", organisation_id=place, first=first, last=last))


async def _open_again(installation: Installation) -> None:
    async with installation.database.begin() as session:
        await session.execute(delete(Closure))


async def _refuse(installation: Installation, n: int) -> Delivered:
    """The place that was asked last refuses; the patient is told besides, where another one has it."""
    await installation.tell(lambda now: ReferralMoved(id=f"no/{n}", at=now, learnt=now, referral="referral#1", stage="refused"))
    handovers = (await installation.step((await installation.row()).last_step + 1)).handovers
    (again,) = [handover for handover in handovers if handover.kind == "referral"]
    return await installation.deliver(again)


async def test_a_closed_hospital_is_passed_over_and_asked_once_it_opens_again(installation: Installation) -> None:
    today = installation.now.date()
    await _close(installation, "h0", today, today)
    await installation.deliver(await _referred(installation))
    assert [place for place, _ in await _referrals(installation)] == ["h1"]
    await _open_again(installation)
    assert await _refuse(installation, 1) == Delivered(learnt=True, status="handed")
    assert [place for place, _ in await _referrals(installation)] == ["h0", "h1"]
    assert await _refuse(installation, 2) == Delivered(learnt=True, status="handed"), "nobody is asked twice"
    assert len(await _referrals(installation)) == 2


async def test_a_hospital_that_closes_after_it_was_asked_does_not_make_another_one_be_skipped(installation: Installation) -> None:
    await installation.deliver(await _referred(installation))
    today = installation.now.date()
    await _close(installation, "h0", today, today + timedelta(days=7))
    await _refuse(installation, 1)
    assert [place for place, _ in await _referrals(installation)] == ["h0", "h1"]


async def test_only_the_days_of_a_closure_count_both_inclusive(installation: Installation) -> None:
    today = installation.now.date()
    await _close(installation, "h0", today - timedelta(days=9), today - timedelta(days=1))
    await _close(installation, "h0", today + timedelta(days=1), today + timedelta(days=9))
    await installation.deliver(await _referred(installation))
    assert [place for place, _ in await _referrals(installation)] == ["h0"]


async def test_where_every_hospital_is_closed_it_is_learnt(installation: Installation) -> None:
    today = installation.now.date()
    async with installation.database.begin() as session:
        for hospital in ("h0", "h1"):
            (await session.get_one(Organisation, hospital)).parent_id = "centre-1"
    await _close(installation, "centre-1", today, today)
    referral = await _referred(installation)
    assert await installation.deliver(referral) == Delivered(learnt=True, status="handed")
    await installation.step((await installation.row()).last_step + 1)
    assert "place_referral" in str((await installation.state())["tasks"])


async def test_a_hospital_of_another_network_is_never_asked(installation: Installation) -> None:
    async with installation.database.begin() as session:
        (await session.get_one(Organisation, "h0")).network_id = "elsewhere"
    await installation.deliver(await _referred(installation))
    assert [place for place, _ in await _referrals(installation)] == ["h1"]


@pytest.mark.parametrize(
    ("available", "until", "asked"),
    [(False, None, "p1"), (False, 90, "p1"), (False, 0, "p0"), (False, -1, "p0"), (True, None, "p0")],
)
async def test_a_pharmacy_that_lacks_the_medicine_is_passed_over_until_its_day(
    installation: Installation, available: bool, until: int | None, asked: str
) -> None:
    refill = await installation.until("refill")
    day = None if until is None else installation.now.date() + timedelta(days=until)
    async with installation.database.begin() as session:
        row = Stock(pharmacy_id="p0", medicine="amlodipine", available=available, until=day, changed=installation.now)
        other = Stock(pharmacy_id="p1", medicine="metformin", available=False, until=None, changed=installation.now)
        session.add_all([row, other])
    await installation.deliver(refill)
    async with installation.database.reading() as session:
        assert list(await session.scalars(select(RefillRow.pharmacy_id))) == [asked]


async def _silent(installation: Installation) -> Handover:
    """The first hospital has said nothing for three days: what is planned then."""
    await installation.deliver(await _referred(installation))
    installation.now += timedelta(days=3, minutes=1)
    handovers = (await installation.step((await installation.row()).last_step + 1)).handovers
    (again,) = [handover for handover in handovers if handover.key == "referral#1/2"]
    return again


async def test_a_silent_hospital_is_told_that_another_has_it_once_whoever_hands_it_over(
    installation: Installation,
) -> None:
    again = await _silent(installation)
    answers = await asyncio.gather(*(installation.deliver(again) for _ in range(3)))
    assert sorted(answer.status for answer in answers) == ["handed", "settled", "settled"]
    assert await _referrals(installation) == [("h0", "cancelled"), ("h1", "requested")]


async def test_a_hospital_that_answers_in_the_last_moment_keeps_the_patient(installation: Installation) -> None:
    again = await _silent(installation)
    async with installation.database.begin() as session:
        row = (await session.scalars(select(ReferralRow))).one()
        row.stage = "accepted"
    await installation.tell(
        lambda now: ReferralMoved(id="yes", at=now, learnt=now, referral="referral#1", stage="accepted", attempt=1)
    )
    assert await installation.deliver(again) == Delivered(learnt=False, status="handed")
    assert await _referrals(installation) == [("h0", "accepted")]
    await installation.step((await installation.row()).last_step + 1)
    assert "'stage': 'accepted'" in str((await installation.state())["referrals"])


async def test_a_silent_hospital_keeps_the_referral_where_no_other_is_left(installation: Installation) -> None:
    again = await _silent(installation)
    async with installation.database.begin() as session:
        await session.execute(delete(Organisation).where(Organisation.id == "h1"))
    assert await installation.deliver(again) == Delivered(learnt=True, status="handed")
    assert await _referrals(installation) == [("h0", "requested")]
    await installation.step((await installation.row()).last_step + 1)
    assert "place_referral" in str((await installation.state())["tasks"])
