"""Holds, closures and what a pharmacy lacks, in real steps: what they keep from whom, and that one text goes in the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from installation import Installation
from sqlalchemy import delete, select

from pathways.engine.commands import SendMessage
from pathways.engine.events import RefillMoved
from pathways.engine.plan import Hold
from pathways.serial import dump_command, load_command
from records.closures import Closures
from records.database import Database
from records.holds import Holds, supply_changed
from records.patients import Patients
from records.places import Places
from records.refills import lacks
from records.stock import Stocks
from records.tables import Closure, Delivery, MessageHold, Organisation, RefillRow, TaskRow
from workflows.contract import Delivered, Handover


@pytest.fixture
async def installation(database: Database) -> Installation:
    there = Installation(database)
    await there.begin()
    return there


async def holds_of(installation: Installation) -> tuple[Hold, ...]:
    async with installation.database.reading() as session:
        person = await Patients(session, installation.vault).vault_of(installation.patient)
        plan, _ = await installation.plans.of(session, installation.patient, on=installation.now.date(), person=person)
    return plan.holds


async def close(installation: Installation, place: str, first: date, last: date) -> str:
    async with installation.database.begin() as session:
        return (await Closures(session).add(place, first, last, "")).id


async def hold(installation: Installation, place: str, medicine: str = "", *, days: int = 7, **more: object) -> str:
    first = installation.now.date()
    what = {"first": first, "last": first + timedelta(days=days), "action": "hold", "reason": "", **more}
    async with installation.database.begin() as session:
        return (await Holds(session).add(place, medicine, "key", **what)).id


async def ready(installation: Installation) -> str:
    """The patient's refill is asked of a pharmacy, which has it ready; answers its key."""
    refill = await installation.until("refill")
    await installation.deliver(refill)
    key = refill.key.split("/")[0]
    await installation.tell(lambda at: RefillMoved(id="ready", at=at, learnt=at, refill=key, stage="ready"))
    return key


async def lives(installation: Installation, days: int) -> list[str]:
    """Let days go by; the texts that went out."""
    before = len(installation.channel.sent)
    for _ in range(days * 4):
        again = True
        while again:
            taken = await installation.step((await installation.row()).last_step + 1)
            again = False
            for handover in taken.handovers:
                if handover.kind == "message":
                    again |= (await installation.deliver(handover)).learnt
        installation.now += timedelta(hours=6)
    return [sms.text for sms in installation.channel.sent[before:]]


async def open_tasks(installation: Installation) -> list[str]:
    async with installation.database.reading() as session:
        return list(await session.scalars(select(TaskRow.kind).where(TaskRow.status == "open")))


async def drop(installation: Installation, handover: Handover) -> Delivered:
    """The last look at a text that was planned before the hold."""
    delivered = await installation.deliver(handover)
    row = await installation.delivery(handover.key)
    assert (row.status, row.settled is not None) == ("dropped", True)
    return delivered


async def test_a_network_that_never_closed_anything_has_no_holds_and_reads_none(installation: Installation) -> None:
    assert await holds_of(installation) == ()
    assert installation.plans._supply == {}


async def test_what_is_closed_is_read_again_only_when_somebody_changed_it(installation: Installation) -> None:
    day = installation.now.date()
    closure = await close(installation, "centre-1", day, day)
    (first,) = await holds_of(installation)
    kept = installation.plans._supply["centre-1"]
    assert (first.id, first.action, first.visits) == (f"closure/{closure}", "reword", True)
    await holds_of(installation)
    assert installation.plans._supply["centre-1"] is kept
    async with installation.database.begin() as session:
        await session.execute(delete(Closure))
        await supply_changed(session, "centre-1")
    assert await holds_of(installation) == ()


async def test_a_closed_place_is_said_to_open_on_the_next_day_that_is_worked(installation: Installation) -> None:
    await close(installation, "centre-1", date(2025, 3, 10), date(2025, 3, 14))  # Monday to Friday
    await close(installation, "centre-1", date(2025, 3, 17), date(2025, 3, 17))
    first, second = sorted(await holds_of(installation), key=lambda one: one.first)
    assert (first.opens, second.opens) == (date(2025, 3, 18), date(2025, 3, 18))
    assert (first.spread_days, second.spread_days) == (2, 0)


async def test_a_text_planned_before_the_centre_closed_is_not_sent_and_the_patient_is_told_once(installation: Installation) -> None:
    reminder = await installation.until("message")
    days = timedelta(days=10)
    await close(installation, "centre-1", installation.now.date() - timedelta(days=1), installation.now.date() + days)
    assert await drop(installation, reminder) == Delivered(learnt=True, status="dropped")
    assert installation.channel.sent == []
    texts = await lives(installation, 9)
    assert len(texts) == 1, texts
    assert "we are closed on" in texts[0]
    assert "find_another_day" in await open_tasks(installation)


async def test_a_text_planned_before_a_hold_goes_once_when_it_is_over(installation: Installation) -> None:
    await ready(installation)
    text = await installation.until("message", days=1)
    await hold(installation, "p0", days=5, spread_days=0)
    await drop(installation, text)
    sent = [reason for reason in await installation.timeline() if reason.code == "message_sent"]
    assert (sent[-1].key, sent[-1].detail["template"]) == (text.key, "refill_ready")
    assert [one for one in await lives(installation, 5) if "ready" in one] == []
    assert len([one for one in await lives(installation, 3) if "ready" in one]) == 1
    codes = [reason.held_back for reason in await installation.timeline() if reason.code == "message_held"]
    assert codes == ["place_closed"]


@pytest.mark.parametrize("place", ["p0", "centre-1"])
async def test_a_medicine_that_cannot_be_had_keeps_its_own_texts_back(installation: Installation, place: str) -> None:
    key = await ready(installation)
    await hold(installation, place, "  AMLODIPINE ")
    await hold(installation, place, "losartan")
    (mine,) = await holds_of(installation)
    assert (mine.why, mine.refills, mine.visits) == ("out_of_stock", frozenset({key}), False)


async def test_what_the_pharmacy_has_set_aside_is_there_though_it_lacks_the_medicine(installation: Installation) -> None:
    refill = await installation.until("refill")
    await installation.deliver(refill)
    async with installation.database.begin() as session:
        await lacks(session, "p0", "amlodipine", until=None, at=installation.now)
    (mine,) = await holds_of(installation)
    assert (mine.action, mine.why) == ("reword", "out_of_stock")
    assert "amlodipine" not in mine.id
    async with installation.database.begin() as session:
        (row,) = await session.scalars(select(RefillRow))
        row.stage = "ready"
    assert await holds_of(installation) == ()


async def test_a_pharmacy_that_has_it_again_ends_it(installation: Installation) -> None:
    await installation.deliver(await installation.until("refill"))
    at = installation.now
    async with installation.database.begin() as session:
        await Stocks(session).say("p0", "Amlodipine", available=False, until=at.date() + timedelta(days=3), at=at)
    assert len(await holds_of(installation)) == 1
    async with installation.database.begin() as session:
        await Stocks(session).say("p0", "Amlodipine", available=True, until=None, at=at)
    assert await holds_of(installation) == ()


async def test_a_hold_elsewhere_concerns_nobody_here(installation: Installation) -> None:
    async with installation.database.begin() as session:
        session.add(Organisation(id="centre-2", kind="centre", name="Other", network_id="centre-1", parent_id="centre-1"))
    await hold(installation, "centre-2")
    await hold(installation, "p1")
    await hold(installation, "h1")
    assert await holds_of(installation) == ()


async def test_a_place_that_is_deleted_takes_its_holds_with_it(installation: Installation) -> None:
    await hold(installation, "p1")
    async with installation.database.begin() as session:
        await Places(session).remove(await session.get_one(Organisation, "p1"))
    async with installation.database.reading() as session:
        assert list(await session.scalars(select(MessageHold))) == []


async def test_whoever_only_looks_ahead_sees_no_holds(installation: Installation) -> None:
    await hold(installation, "centre-1")
    async with installation.database.reading() as session:
        plan, _ = await installation.plans.of(session, installation.patient)
    assert plan.holds == ()


async def test_an_urgent_text_goes_out_whatever_is_closed(installation: Installation) -> None:
    text = await installation.until("message")
    await hold(installation, "centre-1", days=30)
    async with installation.database.begin() as session:
        held = await Patients(session, installation.vault).held(installation.patient)
        assert held is not None
        row = await session.get_one(Delivery, (installation.patient, text.key))
        command = load_command(held.person.open(f"delivery/{text.key}", row.sealed))
        assert isinstance(command, SendMessage)
        row.sealed = held.person.seal(f"delivery/{text.key}", dump_command(replace(command, urgent=True)))
    assert await installation.deliver(text) == Delivered(status="handed")


async def test_while_another_centre_sees_them_patients_are_told_which(installation: Installation) -> None:
    async with installation.database.begin() as session:
        session.add(Organisation(id="centre-2", kind="centre", name="River Centre", network_id="centre-1"))
    await hold(installation, "centre-1", days=60, action="redirect", redirect_to="centre-2")
    assert await installation.deliver(await installation.until("message")) == Delivered(status="handed")
    (sms,) = installation.channel.sent
    assert "your visit with us is" in sms.text
    assert "For now, please come to River Centre." in sms.text


async def test_a_refill_is_fetched_where_the_pharmacy_s_patients_are_sent(installation: Installation) -> None:
    await ready(installation)
    await hold(installation, "p0", days=60, action="redirect", redirect_to="p1")
    assert [one for one in await lives(installation, 2) if "collect it at Pharmacy 1" in one]
