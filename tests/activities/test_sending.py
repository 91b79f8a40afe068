"""Which way a text goes, and what is learnt on the way: another channel, a marked number, a channel that rests."""

from __future__ import annotations

from datetime import timedelta

import pytest
from installation import Installation, OneChannel
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.channels.port import CannotTell, InDoubt, Misconfigured, TryLater, Undeliverable
from records.consents import Consents
from records.database import Database
from records.number_marks import NumberMarks
from records.tables import Attempt, ChannelState, Delivery, NumberMark
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
async def message(installation: Installation) -> Handover:
    return await installation.until("message")


async def _rows(installation: Installation, table: type) -> list:  # type: ignore[type-arg]
    async with installation.database.reading() as session:
        return list(await session.scalars(select(table)))


async def _make_urgent(installation: Installation, message: Handover) -> None:
    async with installation.database.begin() as session:
        (await session.get_one(Delivery, (installation.patient, message.key))).urgent = True


async def test_a_text_that_one_channel_refuses_goes_by_the_next_one(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    installation.channel.does = Undeliverable("unreachable", code=30003)
    assert await installation.deliver(message) == Delivered(status="handed")
    assert [sms.key for sms in chat.sent] == [message.key]
    tries = await _rows(installation, Attempt)
    assert [(one.channel, one.status, one.reason, one.code) for one in sorted(tries, key=lambda one: one.number)] == [
        ("one", "refused", "unreachable", 30003),
        ("chat", "taken", "", None),
    ]
    assert (await installation.delivery(message.key)).channel == "chat"
    assert await _rows(installation, NumberMark) == []


async def test_a_landline_is_not_texted_again_but_other_channels_are(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    installation.channel.does = Undeliverable("landline")
    await installation.deliver(message)
    (mark,) = await _rows(installation, NumberMark)
    assert (mark.who, mark.channel, mark.reason) == ("patient", "one", "landline")
    installation.channel.does = None
    installation.now += timedelta(days=1)
    await installation.deliver(await installation.until("message"))
    assert (len(installation.channel.sent), len(chat.sent)) == (0, 2)


async def test_a_mark_that_is_lifted_lets_texts_through_again(installation: Installation, message: Handover) -> None:
    async with installation.database.begin() as session:
        marks = NumberMarks(session)
        await marks.put(installation.patient, "patient", "one", "landline", at=installation.now)
        await marks.put(installation.patient, "patient", "one", "no_such_number", at=installation.now)
        assert await marks.of(installation.patient, "patient") == {"one": "no_such_number"}
        await marks.lift(installation.patient, "patient")
    await installation.deliver(message)
    assert len(installation.channel.sent) == 1


async def test_a_text_that_no_channel_carries_is_said_to_a_person_once(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    installation.channel.does, chat.does = Undeliverable("landline"), Undeliverable("filtered")
    assert await installation.deliver(message) == Delivered(learnt=True, status="failed")
    assert (await installation.delivery(message.key)).reason == "filtered"
    await installation.step((await installation.row()).last_step + 1)
    assert [reason.held_back for reason in await installation.timeline() if reason.code == "message_failed"] == ["filtered"]
    installation.now += timedelta(days=1)
    again = await installation.until("message")
    assert again.key != message.key


async def test_whoever_opted_out_on_one_channel_is_not_sought_on_another(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    installation.channel.does = Undeliverable("opted_out")
    assert await installation.deliver(message) == Delivered(learnt=True, status="failed")
    assert chat.sent == []
    await installation.step((await installation.row()).last_step + 1)
    assert (await installation.state())["opted_out"] is True
    async with installation.database.reading() as session:
        (word,) = await Consents(session).words(installation.patient)
    assert (word.what, word.given, word.source) == ("texts", False, "provider")


async def test_a_person_is_texted_by_their_own_channels_in_their_own_order(database: Database) -> None:
    chat = OneChannel("chat")
    there = Installation(database, more=(chat,))
    await there.begin(channels=("chat", "pigeon"))
    chat.does = Undeliverable("refused")
    assert (await there.deliver(await there.until("message"))).status == "failed"
    assert there.channel.sent == [], "they did not choose it"


async def test_a_channel_that_fails_again_and_again_is_left_alone_by_everybody(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    installation.channel.does = TryLater("the provider is down")
    for _ in range(2):
        with pytest.raises(ApplicationError) as waits:
            await installation.deliver(message)
        installation.now += timedelta(seconds=5)
    assert waits.value.next_retry_delay == timedelta(seconds=10)
    (state,) = await _rows(installation, ChannelState)
    assert (state.name, state.failures, state.why) == ("one", 2, "their_fault")
    installation.channel.does = None
    with pytest.raises(ApplicationError) as rests:
        await installation.deliver(message)
    assert rests.value.type == "Resting"
    assert rests.value.next_retry_delay is not None
    assert timedelta(seconds=5) <= rests.value.next_retry_delay <= timedelta(minutes=2)
    assert (installation.channel.sent, chat.sent) == ([], []), "it is of use for hours yet: no other channel is troubled"
    installation.now += timedelta(seconds=6)
    assert await installation.deliver(message) == Delivered(status="handed")
    (state,) = await _rows(installation, ChannelState)
    assert (state.failures, state.paused_until, state.why) == (0, None, "")


async def test_after_a_rest_one_text_goes_first_and_the_others_wait_for_it(installation: Installation, message: Handover) -> None:
    async with installation.database.begin() as session:
        over = installation.now - timedelta(seconds=1)
        session.add(ChannelState(name="one", failures=4, paused_until=over, why="their_fault", changed=over))
    installation.channel.does = InDoubt("no answer")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    (state,) = await _rows(installation, ChannelState)
    assert state.paused_until is not None
    assert state.paused_until > installation.now


async def test_what_is_urgent_goes_another_way_at_once(installation: Installation, message: Handover, chat: OneChannel) -> None:
    await _make_urgent(installation, message)
    installation.channel.does = TryLater("throttled", after=timedelta(seconds=30))
    assert await installation.deliver(message) == Delivered(status="handed")
    assert len(chat.sent) == 1


async def test_what_is_urgent_waits_only_where_no_channel_takes_it(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    await _make_urgent(installation, message)
    installation.channel.does = Misconfigured("fill up the account", fault="no_credit")
    chat.does = TryLater("throttled")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    assert (await installation.delivery(message.key)).status == "planned"
    assert {state.name: state.why for state in await _rows(installation, ChannelState)} == {"one": "no_credit", "chat": "throttled"}
    chat.does = None
    assert await installation.deliver(message) == Delivered(status="handed")


async def test_what_a_foreign_channel_raises_is_a_doubt_and_its_words_stay_here(
    installation: Installation, message: Handover, chat: OneChannel
) -> None:
    installation.channel.does = RuntimeError("+8613900000001 could not be texted")
    with pytest.raises(ApplicationError) as doubt:
        await installation.deliver(message)
    assert (doubt.value.type, doubt.value.message) == ("InDoubt", "RuntimeError")
    assert (await installation.delivery(message.key)).status == "attempting"
    installation.channel.finds = CannotTell("the list may lag")
    with pytest.raises(ApplicationError):
        await installation.deliver(message)
    assert chat.sent == [], "never another way before it is known"


async def test_a_doubt_under_a_clock_that_stands_is_settled_by_counting(installation: Installation, message: Handover) -> None:
    async with installation.database.begin() as session:
        await installation.clock.drive(session, installation.now)
    installation.channel.does, installation.channel.finds = InDoubt("no answer"), CannotTell("the list may lag")
    for _ in range(4):
        with pytest.raises(ApplicationError) as doubt:
            await installation.deliver(message)
        assert doubt.value.next_retry_delay is not None
        assert doubt.value.next_retry_delay <= timedelta(seconds=5)
    assert await installation.deliver(message) == Delivered(learnt=True, status="unknown")
    assert len(installation.channel.asked) == 4


async def test_an_alert_of_the_clinician_on_call_that_comes_too_late_is_said_to_a_person(
    installation: Installation, message: Handover
) -> None:
    from pathways.engine.commands import Part, SendMessage
    from pathways.serial import dump_command
    from records.patients import Patients

    async with installation.database.begin() as session:
        person = await Patients(session, installation.vault).vault_of(installation.patient)
        row = await session.get_one(Delivery, (installation.patient, message.key))
        row.not_after = installation.now + timedelta(hours=6)
        alert = SendMessage(message.key, "on_call", (Part("", "on_call_alert"),), row.not_after, urgent=True)
        row.sealed = person.seal(f"delivery/{message.key}", dump_command(alert))
    installation.now += timedelta(hours=7)
    assert await installation.deliver(message) == Delivered(learnt=True, status="dropped")
    await installation.step((await installation.row()).last_step + 1)
    assert "on_call_not_told" in str((await installation.state())["tasks"])


async def test_a_new_number_is_texted_whatever_was_learnt_of_the_old_one(installation: Installation, message: Handover) -> None:
    from dataclasses import replace

    from records.patients import Patients

    async with installation.database.begin() as session:
        await NumberMarks(session).put(installation.patient, "patient", "one", "landline", at=installation.now)
        patients = Patients(session, installation.vault)
        patient = await patients.get(installation.patient, lock=True)
        assert patient is not None
        profile = await patients.profile(patient)
        await patients.update_profile(patient, replace(profile, phone="+8613900000009"))
    await installation.deliver(message)
    assert [sms.to for sms in installation.channel.sent] == ["+8613900000009"]
