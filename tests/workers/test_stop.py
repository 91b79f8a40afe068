"""Every process stops within ten seconds of being told, whatever it is doing, and what it had begun is not lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from spine.people import somebody
from spine.stack import HURRIED, Stack, moment, standing
from sqlalchemy import func, select
from temporalio.bridge import worker as bridge

from records.tables import EventRow, Patient
from workers.network import new_key
from workers.process import serving_api, serving_queues
from workers.settings import Settings
from workers.temporal import free_port
from workflows.contract import PATIENTS_QUEUE

CAIRN = Path(sys.executable).with_name("cairn")
START = moment("2025-03-03", "09:00")
LONGEST = 10.0  # seconds
PEOPLE = 20


@asynccontextmanager
async def cairn(home: Path, *words: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that has said its first line: it serves. It is ended on leaving."""
    environment = {**os.environ, "CAIRN_HOME": str(home), "CAIRN_LOG_LEVEL": "error", **settings}
    process = await asyncio.create_subprocess_exec(CAIRN, *words, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        first = await asyncio.wait_for(process.stdout.readline(), 60)
        assert first, f"cairn {words[0]} ended with {await process.wait()}"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told_to_stop(process: asyncio.subprocess.Process) -> float:
    """Seconds until it has ended, with 0."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = await asyncio.wait_for(process.wait(), 60)
    assert code == 0
    return time.monotonic() - began


@asynccontextmanager
async def pressing(url: str, key: str) -> AsyncIterator[list[int]]:
    """Twenty callers who ask without a pause; gives the statuses they got."""
    statuses: list[int] = []

    async def caller(http: httpx.AsyncClient) -> None:
        while True:
            try:
                answer = await http.get(f"{url}/api/v1/patients", headers={"Authorization": f"Bearer {key}"})
            except httpx.TransportError:
                return  # it has stopped
            statuses.append(answer.status_code)

    async with httpx.AsyncClient(timeout=30) as http:
        callers = [asyncio.create_task(caller(http)) for _ in range(20)]
        try:
            yield statuses
        finally:
            for one in callers:
                one.cancel()
            await asyncio.gather(*callers, return_exceptions=True)


async def until_answered(statuses: list[int], many: int = 20) -> None:
    """Until so many answers have come."""
    async with asyncio.timeout(60):
        while len(statuses) < many:  # noqa: ASYNC110  # the callers are in this loop, too
            await asyncio.sleep(0.01)


async def taken(stack: Stack) -> int:
    async with stack.parts.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Patient).where(Patient.last_step > 0)) or 0


@pytest.mark.timeout(200)
async def test_workers_and_housekeeping_stop_in_time_in_the_middle_of_their_work_and_nothing_is_lost(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START, task_timeout=HURRIED) as stack:
        where = {"CAIRN_TEMPORAL_ADDRESS": stack.server.address}
        patients = [await stack.parts.enrolments.enrol(somebody(n)) for n in range(1, PEOPLE + 1)]
        async with cairn(tmp_path, "worker", **where) as worker, cairn(tmp_path, "housekeeping", **where) as keeper:
            async with asyncio.timeout(60):
                while await taken(stack) < 3:
                    await stack.housekeeping.wake_due()
            in_time = await asyncio.gather(told_to_stop(worker), told_to_stop(keeper))
        assert max(in_time) < LONGEST
        async with serving_queues(stack.parts, stack.client):
            await stack.housekeeping.wake_due()
            await stack.settle()
        assert await taken(stack) == len(patients)
        keys = [(sms.to, sms.key) for sms in await stack.sms()]
        assert len(keys) == len(set(keys)), "nobody was texted twice"


async def test_a_process_whose_worker_fails_for_good_ends_at_once_with_what_was_wrong_and_does_not_live_on_serving_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def broken(_: bridge.Worker) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RuntimeError("the poller is lost")
        await asyncio.Event().wait()  # what the SDK drains while it shuts such a worker down may never end

    monkeypatch.setattr("workers.process.WORKERS_STOP_WITHIN", 0.5)
    async with standing(tmp_path, start=START) as stack:
        monkeypatch.setattr(bridge.Worker, "poll_activity_task", broken)
        with pytest.raises(RuntimeError, match="Activity worker failed") as raised:
            async with asyncio.timeout(30), serving_queues(stack.parts, stack.client, (PATIENTS_QUEUE,)) as failed:
                await failed()
        assert str(raised.value.__cause__) == "the poller is lost"


@pytest.mark.timeout(120)
async def test_the_whole_stack_stops_in_time_while_twenty_callers_press(tmp_path: Path) -> None:
    ports = {"CAIRN_API_PORT": str(free_port()), "CAIRN_TEMPORAL_PORT": str(free_port())}
    async with cairn(tmp_path, "up", **ports) as up:
        assert up.stdout is not None
        key = (tmp_path / "keys" / "api-keys.json").read_text().split('"coordinator": "')[1].split('"')[0]
        async with pressing(f"http://127.0.0.1:{ports['CAIRN_API_PORT']}", key) as statuses:
            await until_answered(statuses)
            assert await told_to_stop(up) < LONGEST
        assert set(statuses) == {200}


@pytest.mark.timeout(120)
async def test_the_api_stops_in_time_while_temporal_is_away_and_callers_press(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START):
        pass
    port = str(free_port())
    async with cairn(tmp_path, "api", CAIRN_API_PORT=port, CAIRN_TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}") as api:
        async with pressing(f"http://127.0.0.1:{port}", "nobody's") as statuses:
            await until_answered(statuses)
            assert await told_to_stop(api) < LONGEST
        assert set(statuses) == {401}


@pytest.mark.timeout(120)
async def test_a_nurse_whose_reading_waits_for_a_step_is_told_that_it_is_stored_when_the_api_stops(tmp_path: Path) -> None:
    async with standing(tmp_path, start=START, task_timeout=HURRIED) as stack:  # nobody serves the queue of patients
        patient = (await stack.parts.enrolments.enrol(somebody(1))).patient_id
        async with stack.parts.database.begin() as session:
            key = await new_key(session, "nurse", "health_manager", "*")
        before, port = await told_of(stack), str(free_port())
        async with (
            cairn(tmp_path, "api", CAIRN_API_PORT=port, CAIRN_TEMPORAL_ADDRESS=stack.server.address) as api,
            httpx.AsyncClient(timeout=30, headers={"Authorization": f"Bearer {key}"}) as http,
        ):
            url = f"http://127.0.0.1:{port}/api/v1/patients/{patient}/readings"
            sending = asyncio.create_task(http.post(url, json={"readings": {"sbp": 150, "dbp": 90}, "source": "staff"}))
            async with asyncio.timeout(60):
                while await told_of(stack) == before:  # noqa: ASYNC110  # another process writes it
                    await asyncio.sleep(0.01)
            assert await told_to_stop(api) < LONGEST
            answer = await sending
        assert (answer.status_code, answer.json()["acted_on"]) == (200, False)


async def told_of(stack: Stack) -> int:
    """How many events are stored."""
    async with stack.parts.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(EventRow)) or 0


async def test_a_worklist_that_is_being_watched_does_not_hold_the_api_up(tmp_path: Path) -> None:
    app, watched = FastAPI(), asyncio.Event()

    @app.get("/watch")
    async def watch() -> StreamingResponse:
        async def forever() -> AsyncIterator[str]:
            yield "data: 1\n\n"
            watched.set()
            await asyncio.Event().wait()

        return StreamingResponse(forever(), media_type="text/event-stream")

    settings = Settings.read({"CAIRN_HOME": str(tmp_path), "CAIRN_API_PORT": str(free_port())})

    async def watcher() -> None:
        url = f"http://127.0.0.1:{settings.api_port}/watch"
        async with httpx.AsyncClient(timeout=30) as http, http.stream("GET", url) as answer:
            async for _ in answer.aiter_bytes():
                pass

    async with serving_api(app, settings):
        watching = asyncio.create_task(watcher())
        await watched.wait()
        began = time.monotonic()
    assert time.monotonic() - began < LONGEST / 2
    with contextlib.suppress(httpx.TransportError):
        await watching
