"""What a provider says later of a text: it went, or it was lost and goes another way, or somebody calls; and nothing twice."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from installation import Installation, OneChannel
from sqlalchemy import select, update
from temporalio.exceptions import ApplicationError

from activities.channels.port import CannotTell, DeliveryReport, InDoubt, Reason, Status, TryLater
from activities.sending.doubting import PATIENCE
from pathways.engine.events import AnswerReceived, Died, Hospitalised
from records.database import Database
from records.tables import ChannelState, EventRow, Message, NumberMark, TaskRow
from workflows.contract import Delivered, Handover


@pytest.fixture
async def chat() -> OneChannel:
    return OneChannel("chat")


@pytest.fixture
async def installation(database: Database, chat: OneChannel) -> Installation:
    there = Installation(database, more=(chat,))
    await there.begin()
    return there


@pytest.fixture
async def handed(installation: Installation) -> Handover:
    message = await installation.until("message")
    await installation.deliver(message)
    return message


async def _told(installation: Installation, key: str, status: Status, reason: Reason | None = None, **more: object) -> bool:
    attempt = await installation.attempt(key)
    report = DeliveryReport(attempt.id, attempt.provider_id or "SM77", status, reason, **more)  # type: ignore[arg-type]
    return await installation.reports.take(report)


async def _count(installation: Installation, kind: str) -> int:
    async with installation.database.reading() as session:
        return list(await session.scalars(select(EventRow.kind))).count(kind)


async def _step(installation: Installation) -> list[Handover]:
    return (await installation.step((await installation.row()).last_step + 1)).handovers


async def test_where_a_text_is_only_goes_forward(installation: Installation, handed: Handover) -> None:
    assert await _told(installation, handed.key, "sent")
    assert await _told(installation, handed.key, "delivered", segments=2, cost=7500, currency="USD")
    for late in ("queued", "sent", "delivered"):
        assert await _told(installation, handed.key, late)  # type: ignore[arg-type]
    assert await _told(installation, handed.key, "undelivered", "unreachable")
    delivery, attempt = await installation.delivery(handed.key), await installation.attempt(handed.key)
    assert (delivery.status, delivery.arrived, attempt.arrived) == ("handed", "delivered", "delivered")
    assert (attempt.segments, attempt.cost, attempt.currency, attempt.status) == (2, 7500, "USD", "taken")
    assert await _count(installation, "message_failed") == 0


@pytest.mark.parametrize("order", list(itertools.permutations(("queued", "sent", "delivered"))))
async def test_reports_in_any_order_come_to_the_same(database: Database, order: tuple[Status, ...]) -> None:
    installation = Installation(database)
    await installation.begin()
    message = await installation.until("message")
    await installation.deliver(message)
    for status in (*order, *order):
        await _told(installation, message.key, status)
    assert (await installation.delivery(message.key)).arrived == "delivered"


async def test_a_text_that_was_lost_goes_another_way_once(installation: Installation, handed: Handover, chat: OneChannel) -> None:
    for _ in range(2):
        assert await _told(installation, handed.key, "undelivered", "unreachable", code=30003)
    assert await _count(installation, "message_failed") == 1
    (again,) = await _step(installation)
    assert (again.key, again.kind) == (handed.key, "message")
    assert await installation.deliver(again) == Delivered(status="handed")
    assert ([sms.key for sms in chat.sent], len(installation.channel.sent)) == ([handed.key], 1)
    assert "sent_another_way" in [reason.code for reason in await installation.timeline()]
    assert "phone_reminder" not in str((await installation.state())["tasks"])
    async with installation.database.reading() as session:
        assert len(list(await session.scalars(select(Message)))) == 1, "it is one text to the patient"
    await _told(installation, handed.key, "delivered")
    assert (await installation.delivery(handed.key)).arrived == "delivered"


async def test_a_text_that_was_lost_every_way_becomes_a_call(
    installation: Installation, handed: Handover, chat: OneChannel
) -> None:
    await _told(installation, handed.key, "undelivered", "unreachable")
    await installation.deliver((await _step(installation))[0])
    await _told(installation, handed.key, "failed", "refused")
    assert await _step(installation) == []
    assert "phone_reminder" in str((await installation.state())["tasks"])
    assert (len(installation.channel.sent), len(chat.sent)) == (1, 1)


@pytest.mark.parametrize(
    "event",
    [
        lambda now: Died(id="x", at=now, learnt=now),
        lambda now: Hospitalised(id="x", at=now, learnt=now),
        lambda now: AnswerReceived(id="x", at=now, learnt=now, kind="stop"),
    ],
    ids=["died", "in hospital", "said stop"],
)
async def test_nobody_is_sought_another_way_who_must_not_be_texted(
    installation: Installation, handed: Handover, event: object
) -> None:
    await _told(installation, handed.key, "undelivered", "unreachable")
    await installation.tell(event)  # type: ignore[arg-type]
    # The loss was written first, so the engine sends it on; the last look before the channel holds it back.
    for handover in await _step(installation):
        await installation.deliver(handover)
    assert (await installation.delivery(handed.key)).status in ("failed", "dropped")


async def test_a_text_that_is_of_no_use_any_more_goes_no_other_way(
    installation: Installation, handed: Handover, chat: OneChannel
) -> None:
    installation.now += timedelta(days=2)
    await _told(installation, handed.key, "undelivered", "landline")
    assert handed.key not in [handover.key for handover in await _step(installation)]
    assert chat.sent == []
    async with installation.database.reading() as session:
        assert [mark.channel for mark in await session.scalars(select(NumberMark))] == ["one"]
    assert "find_number" in str((await installation.state())["tasks"])


async def test_a_report_settles_a_text_of_which_nobody_knew(installation: Installation) -> None:
    message = await installation.until("message")
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    await _told(installation, message.key, "sent")
    assert (await installation.delivery(message.key)).status == "handed"
    assert (await installation.counts())["message"] == 1
    installation.channel.does = None
    assert await installation.deliver(message) == Delivered(status="settled")
    assert (installation.channel.sent, installation.channel.asked) == ([], []), "nothing is asked and nothing sent again"


async def test_a_report_that_comes_when_a_person_was_told_tells_the_person(installation: Installation) -> None:
    message = await installation.until("message")
    installation.channel.does, installation.channel.finds = InDoubt("no answer"), CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += PATIENCE
    assert (await installation.deliver(message)).status == "unknown"
    assert await _told(installation, message.key, "delivered")
    assert await _told(installation, message.key, "delivered")
    await _step(installation)
    codes = [reason.code for reason in await installation.timeline()]
    assert codes.count("message_arrived") == 1
    assert (await installation.delivery(message.key)).status == "handed"


@pytest.mark.parametrize(("claimed_by", "left"), [(None, "not_needed"), ("nurse", "open")])
async def test_the_call_for_a_text_that_did_arrive_is_not_needed_unless_somebody_is_at_it(
    installation: Installation, claimed_by: str | None, left: str
) -> None:
    message = await installation.until("message")
    installation.channel.does, installation.channel.finds = InDoubt("no answer"), CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    installation.now += PATIENCE
    await installation.deliver(message)
    await _step(installation)
    call = TaskRow.kind == "phone_reminder"
    async with installation.database.begin() as session:
        assert await session.scalar(select(TaskRow.status).where(call)) == "open"
        await session.execute(update(TaskRow).where(call).values(claimed_by=claimed_by))
    await _told(installation, message.key, "delivered")
    await _step(installation)
    async with installation.database.reading() as session:
        assert await session.scalar(select(TaskRow.status).where(call)) == left


async def test_a_text_in_doubt_that_was_lost_goes_another_way_without_a_step(installation: Installation, chat: OneChannel) -> None:
    message = await installation.until("message")
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    await _told(installation, message.key, "failed", "filtered")
    assert await installation.deliver(message) == Delivered(status="handed")
    assert len(chat.sent) == 1
    assert await _count(installation, "message_failed") == 0


async def test_a_provider_that_took_what_it_refused_is_believed_and_the_patient_texted_once(installation: Installation) -> None:
    message = await installation.until("message")
    installation.channel.does = TryLater("throttled")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    await _told(installation, message.key, "sent")
    installation.channel.does = None
    assert await installation.deliver(message) == Delivered(status="settled")
    assert installation.channel.sent == []


async def test_a_text_that_shows_on_the_phone_after_it_was_given_up_is_said(database: Database) -> None:
    installation = Installation(database)
    await installation.begin()
    message = await installation.until("message")
    await installation.deliver(message)
    await _told(installation, message.key, "undelivered", "unreachable")
    assert (await installation.delivery(message.key)).status == "failed"
    await _told(installation, message.key, "delivered")
    assert (await installation.delivery(message.key)).status == "handed"
    await _step(installation)
    assert [r.code for r in await installation.timeline() if r.code.startswith("message_a")] == ["message_arrived"]


async def test_a_report_of_another_channel_or_of_a_message_that_is_not_ours_changes_nothing(
    installation: Installation, handed: Handover
) -> None:
    attempt = await installation.attempt(handed.key)
    lost = DeliveryReport(attempt.id, attempt.provider_id or "", "failed", "refused")
    assert not await installation.reports.take(lost, channel="chat")
    assert not await installation.reports.take(DeliveryReport("guessed", "SM9", "failed", "refused"))
    assert not await installation.reports.take(DeliveryReport(None, "SM9", "delivered"))
    await installation.reports.take(DeliveryReport(attempt.id, "SM-of-somebody-else", "failed", "refused"))
    assert (await installation.delivery(handed.key)).status == "handed"


async def test_an_account_that_is_empty_is_noticed_from_what_is_lost(installation: Installation, handed: Handover) -> None:
    await _told(installation, handed.key, "failed", "refused", fault="no_credit")
    async with installation.database.reading() as session:
        (state,) = await session.scalars(select(ChannelState))
    assert (state.name, state.why) == ("one", "no_credit")
    assert state.paused_until == installation.now + timedelta(minutes=5)
