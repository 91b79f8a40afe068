"""The sandbox provider keeps what it accepted, whatever happens to the process that asked."""

import multiprocessing
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.channels import Channel, Found, InboundSms, InDoubt, NotFound, OutgoingSms
from activities.channels.sandbox import SandboxChannel

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def nine_o_clock() -> datetime:
    return NINE


def sms(attempt: str = "a1", key: str = "visit/1", to: str = "+8613800000001") -> OutgoingSms:
    return OutgoingSms(key=key, attempt=attempt, to=to, text="请明天来复诊")


async def test_a_phone_holds_the_text_that_was_sent_to_it(tmp_path: Path) -> None:
    async with SandboxChannel(tmp_path / "sms.db", now=nine_o_clock) as sandbox:
        channel: Channel = sandbox
        receipt = await channel.send(sms())
        await channel.send(sms("a2", "visit/2", "+34600000002"))

        [held] = await sandbox.messages(to="+8613800000001")
        assert (held.sid, held.key, held.text, held.accepted_at) == (receipt.provider_id, "visit/1", sms().text, NINE)
        assert receipt.segments == 1
        assert len(await sandbox.messages()) == 2


async def test_a_text_sent_twice_arrives_twice_and_the_count_shows_it(tmp_path: Path) -> None:
    async with SandboxChannel(tmp_path / "sms.db", now=nine_o_clock) as sandbox:
        await sandbox.send(sms())
        await sandbox.send(sms())
        await sandbox.send(sms("b", "visit/2"))

        assert await sandbox.counts_by_key() == {"visit/1": 2, "visit/2": 1}


async def test_an_attempt_in_doubt_can_be_looked_up(tmp_path: Path) -> None:
    async def the_line_drops(_: OutgoingSms) -> None:
        raise InDoubt("the line dropped")

    async with SandboxChannel(tmp_path / "sms.db", now=nine_o_clock, after_accept=the_line_drops) as sandbox:
        with pytest.raises(InDoubt):
            await sandbox.send(sms())

        found = await sandbox.find(sms())
        assert isinstance(found, Found)
        assert found.receipt.provider_id == (await sandbox.messages())[0].sid
        assert await sandbox.find(sms("never sent")) == NotFound()


async def test_a_text_refused_before_acceptance_is_not_on_the_phone(tmp_path: Path) -> None:
    async def refuse(_: OutgoingSms) -> None:
        raise InDoubt("lost on the way")

    async with SandboxChannel(tmp_path / "sms.db", now=nine_o_clock, before_accept=refuse) as sandbox:
        with pytest.raises(InDoubt):
            await sandbox.send(sms())

        assert await sandbox.messages() == []


def _send_and_be_killed(file: Path) -> None:
    import asyncio

    async def die(_: OutgoingSms) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(SandboxChannel(file, now=nine_o_clock, after_accept=die).send(sms()))


async def test_what_was_accepted_survives_the_kill_of_the_sender(tmp_path: Path) -> None:
    file = tmp_path / "sms.db"
    killed = multiprocessing.get_context("spawn").Process(target=_send_and_be_killed, args=(file,))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL

    async with SandboxChannel(file, now=nine_o_clock) as sandbox:
        assert isinstance(await sandbox.find(sms()), Found)
        assert await sandbox.counts_by_key() == {"visit/1": 1}


async def test_a_reply_is_stored_before_anybody_hears_of_it(tmp_path: Path) -> None:
    heard: list[InboundSms] = []

    async def listen(inbound: InboundSms) -> None:
        heard.append(inbound)
        raise ConnectionError("our side is away")

    async with SandboxChannel(tmp_path / "sms.db", now=nine_o_clock, on_inbound=listen) as sandbox:
        with pytest.raises(ConnectionError):
            await sandbox.reply("+34600000002", "1")

        [stored] = await sandbox.replies(from_="+34600000002")
        assert (stored.sid, stored.text, stored.at) == (heard[0].provider_id, "1", NINE)


async def test_a_clock_without_a_zone_is_refused(tmp_path: Path) -> None:
    async def zoneless() -> datetime:
        return NINE.replace(tzinfo=None)

    async with SandboxChannel(tmp_path / "sms.db", now=zoneless) as sandbox:
        with pytest.raises(ValueError, match="without a zone"):
            await sandbox.send(sms())


def test_a_message_shown_in_a_log_shows_no_number_and_no_text() -> None:
    assert "138" not in repr(sms())
    assert "复诊" not in repr(sms())


async def test_where_the_clock_stands_the_numbers_say_which_text_came_first(tmp_path: Path) -> None:
    async with SandboxChannel(tmp_path / "sms.db", now=nine_o_clock) as sandbox:
        asked = await sandbox.send(sms())
        reply = await sandbox.reply("+8613800000001", "192/112")
        answered = await sandbox.send(sms("a2", "seek_help"))

        sids = (asked.provider_id, reply.provider_id, answered.provider_id)
        assert [int(str(sid)[2:], 16) for sid in sids] == [1, 2, 3]
        [_, last] = await sandbox.messages()
        assert await sandbox.messages(after=2) == [last], "whoever asks for what is new misses nothing"
