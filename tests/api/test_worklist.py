"""A team's day: what is on it and why, in which order; and whoever watches it hears of every change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, update

from api.watching import Pace
from records.callers import KeyRing
from records.database import Database
from records.pulse import Pulse, touch
from records.tables import ApiKey, CareTeam, Patient, TaskRow
from tests.api.conftest import EMERGENCY, START, Network, a_network
from tests.api.serving import Served, served
from tests.kept import heard

TODAY = START.date()
SOON = 5.0  # seconds; a stream that is not heard of by then never will be


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over each kind of database."""
    async with a_network(database, tmp_path) as network:
        yield network


async def opened(network: Network, patient: str, key: str, *, due: date, urgent: bool = False) -> None:
    async with network.parts.database.begin() as session:
        session.add(
            TaskRow(
                patient_id=patient,
                key=key,
                care_team_id="team-1",
                kind="phone_call",
                by="health_manager",
                pathway="hypertension",
                service="follow_up",
                urgent=urgent,
                due=due,
                status="open",
                opened=START,
            )
        )


async def pulse_of(network: Network, team: str) -> int:
    async with network.parts.database.reading() as session:
        return await Pulse(session).of(team)


async def test_what_is_urgent_comes_first_then_red_patients_then_what_is_longest_overdue(place: Network) -> None:
    green = await place.enrol()
    red = await place.enrol(identifier="A-2", phone="+8613812345679")
    async with place.parts.database.begin() as session:
        await session.execute(update(Patient).where(Patient.id == red).values(tag="red"))
    day = timedelta(days=1)
    await opened(place, green, "late", due=TODAY - 9 * day)
    await opened(place, green, "soon", due=TODAY + 7 * day)
    await opened(place, green, "later", due=TODAY + 8 * day)
    await opened(place, green, "urgent", due=TODAY + day, urgent=True)
    await opened(place, red, "red", due=TODAY + 2 * day)
    work = (await place.get("/worklist")).json()
    assert [task["key"] for task in work["tasks"]] == ["urgent", "red", "late", "soon"]
    assert [task["overdue_days"] for task in work["tasks"]] == [0, 0, 9, 0]
    assert all(task["why"] for task in work["tasks"])
    assert work["more"] == {"visits": 0, "tasks": 0}
    short = (await place.get("/worklist", limit=1)).json()
    assert ([task["key"] for task in short["tasks"]], short["more"]["tasks"]) == (["urgent"], 3)


async def test_a_visit_says_in_one_line_why_it_is_there(network: Network) -> None:
    patient = await network.enrol()
    day = (await network.get(f"/patients/{patient}")).json()["visit_day"]
    (visit,) = (await network.get("/worklist", on=day)).json()["visits"]
    assert visit["why"] == "Green: Follow-up (hypertension)"
    assert visit["overdue_days"] == 0
    (visit,) = (await network.get("/worklist", on=day, language="zh-Hans")).json()["visits"]
    assert visit["why"] == "绿：随访（高血压）"


async def test_a_caller_with_several_teams_is_told_which_to_choose_from(network: Network) -> None:
    for path in ("/worklist", "/worklist/changes"):
        answer = await network.get(path, "centre-manager")
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["field"], fault["remedy"]) == (422, "team", "use one of: team-1, team-2"), path
        assert (await network.get(path, "centre-manager", team="team-3")).status_code == 404
    assert (await network.get("/worklist", "centre-manager", team="team-2")).json()["team"] == "team-2"
    async with network.parts.database.begin() as session:
        session.add_all(CareTeam(id=f"team-x{n:02d}", organisation_id="centre-1", name="X") for n in range(30))
    remedy = (await network.get("/worklist", "coordinator")).json()["errors"][0]["remedy"]
    assert remedy.count("team-") == 20
    assert remedy.endswith("...")


async def test_a_worklist_costs_as_many_queries_with_fifty_tasks_as_with_five(place: Network) -> None:
    patient = await place.enrol()
    asked: list[str] = []
    counts = []
    for n in range(2):
        for k in range(5 if n == 0 else 45):
            await opened(place, patient, f"task/{n}/{k}", due=TODAY)
        place.parts.keys.forget()  # else the caller's key is asked for again only where five seconds have passed
        asked.clear()
        with heard(place.parts.database, asked):
            assert len((await place.get("/worklist")).json()["tasks"]) == (5 if n == 0 else 50)
        counts.append(sum(one.startswith(("SELECT", "WITH")) for one in asked))
    assert counts[0] == counts[1]


async def test_the_pulse_of_a_team_goes_up_with_its_work_and_with_no_one_elses(place: Network) -> None:
    patient = await place.enrol()
    pulse, other = await pulse_of(place, "team-1"), await pulse_of(place, "team-2")
    assert pulse > 0, "a visit was booked"

    async def moved() -> bool:
        nonlocal pulse
        before, pulse = pulse, await pulse_of(place, "team-1")
        return pulse > before

    await opened(place, patient, "call", due=TODAY)
    await opened(place, patient, "visit", due=TODAY)
    until = (TODAY + timedelta(days=2)).isoformat()
    for action, body in (
        ("claim", {"key": "call"}),
        ("release", {"key": "call"}),
        ("postpone", {"key": "call", "until": until, "reason": "other"}),
        ("hand-over", {"key": "call", "to": "doctor", "reason": "other"}),
        ("complete", {"key": "call"}),
    ):
        await place.post(f"/tasks/{patient}/{action}", body)
        assert await moved(), action
    await place.post(f"/tasks/{patient}/complete", {"key": "call"})
    assert not await moved(), "told twice"
    await place.post(f"/patients/{patient}/visits", {"readings": EMERGENCY})
    assert await moved(), "the patient is red now"
    assert await pulse_of(place, "team-2") == other
    await place.post(f"/patients/{patient}/move", {"care_team": "team-2"}, "centre-manager")
    assert await moved(), "the patient left"
    assert await pulse_of(place, "team-2") > other, "and came"


async def test_many_who_touch_the_pulses_of_many_teams_at_once_never_wait_for_each_other(place: Network) -> None:
    async def one(*teams: str) -> None:
        async with place.parts.database.begin() as session:
            await touch(session, *teams)

    await asyncio.gather(*(one(*("team-1", "team-2", "team-3")[:: 1 if n % 2 else -1]) for n in range(20)))
    async with place.parts.database.reading() as session:
        assert await Pulse(session).of_all(["team-1", "team-2", "team-3"]) == {"team-1": 20, "team-2": 20, "team-3": 20}


@dataclass(frozen=True)
class Heard:
    """One listener's stream."""

    lines: AsyncIterator[str]

    async def next(self) -> dict[str, str]:
        """The next event. Raises StopAsyncIteration at the end of the stream."""
        found: dict[str, str] = {}
        async with asyncio.timeout(SOON):
            async for line in self.lines:
                name, _, value = line.partition(":")
                if line and name:
                    found[name] = value.strip()
                if not line and found:
                    return found
        raise StopAsyncIteration

    async def over(self) -> None:
        """Wait for the end of the stream, whatever is heard until then."""
        async with asyncio.timeout(SOON):
            async for _ in self.lines:
                pass


@asynccontextmanager
async def listening(
    it: Served, client: httpx.AsyncClient, *, by: str = "manager", last: str | None = None, team: str = "team-1"
) -> AsyncIterator[Heard]:
    headers = {"Authorization": f"Bearer {by}"} | ({"Last-Event-ID": last} if last is not None else {})
    async with client.stream("GET", f"{it.url}/api/v1/worklist/changes", params={"team": team}, headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        yield Heard(stream.aiter_lines())


@asynccontextmanager
async def on_loopback(network: Network, *, asks_every: float = 60.0) -> AsyncIterator[tuple[Served, httpx.AsyncClient]]:
    parts = replace(network.parts, pace=Pace(looks_every=0.02, asks_every=asks_every), keys=KeyRing(kept_for=0))
    async with served(parts) as it, httpx.AsyncClient(timeout=SOON) as client:
        yield it, client


async def _complete(it: Served, client: httpx.AsyncClient, patient: str, key: str) -> None:
    signed = {"Authorization": "Bearer doctor"}
    answer = await client.post(f"{it.url}/api/v1/tasks/{patient}/complete", json={"key": key}, headers=signed)
    assert answer.status_code == 200, answer.text


async def test_two_who_watch_hear_of_a_task_that_another_finished_and_one_who_comes_back_hears_at_once(place: Network) -> None:
    patient = await place.enrol()
    await opened(place, patient, "call", due=TODAY)
    async with on_loopback(place) as (it, client):
        async with listening(it, client) as first, listening(it, client, by="centre-manager") as second:
            begun = await first.next()
            assert (begun["event"], begun["data"]) == ("changed", '{"team":"team-1"}')
            assert await second.next() == begun, "the first comes at once, and says where it begins"
            assert it.parts.watch.listeners == 2
            await _complete(it, client, patient, "call")
            heard = await first.next()
            assert int(heard["id"]) > int(begun["id"])
            assert int((await second.next())["id"]) > int(begun["id"])
        async with listening(it, client, last=begun["id"]) as again:
            assert int((await again.next())["id"]) >= int(heard["id"])
        last = str(await pulse_of(place, "team-1"))
        async with listening(it, client, last=last) as again:
            await opened(place, patient, "another", due=TODAY)
            await _complete(it, client, patient, "another")
            assert int((await again.next())["id"]) > int(last), "nothing was missed, so nothing was told before"


async def test_however_many_watch_the_pulses_are_looked_at_by_one_and_no_connection_is_held(network: Network) -> None:
    await network.enrol()
    async with on_loopback(network) as (it, client), AsyncExitStack() as streams, asyncio.timeout(20):
        listeners = [await streams.enter_async_context(listening(it, client)) for _ in range(12)]
        for one in listeners:
            await one.next()
        assert it.parts.watch.listeners == 12
        looks = asyncio.Queue[str]()
        engine = it.parts.database.engine

        def looked(*args: Any) -> None:
            if "team_pulse" in args[2]:
                looks.put_nowait(args[2])

        pollers = [task for task in asyncio.all_tasks() if "Watch._poll" in repr(task.get_coro())]
        assert len(pollers) == 1
        event.listen(engine.sync_engine, "before_cursor_execute", looked)
        try:
            for _ in range(3):
                assert "IN" in await looks.get()
        finally:
            event.remove(engine.sync_engine, "before_cursor_execute", looked)
        held = engine.sync_engine.pool.checkedout()  # type: ignore[attr-defined]
        assert held <= 1, "at the most the one who looks"
    assert it.parts.watch.listeners == 0


async def test_streams_end_when_the_server_stops(network: Network) -> None:
    await network.enrol()
    async with on_loopback(network) as (it, client), listening(it, client) as first, listening(it, client) as second:
        await first.next()
        await second.next()
        async with asyncio.timeout(2):
            await asyncio.gather(it.stop(), first.over(), second.over())


async def test_a_stream_ends_when_the_key_is_withdrawn(network: Network) -> None:
    await network.enrol()
    async with on_loopback(network, asks_every=0.05) as (it, client), listening(it, client) as stays:
        async with listening(it, client, by="centre-manager") as ends:
            await ends.next()
            await stays.next()
            async with network.parts.database.begin() as session:
                await session.execute(update(ApiKey).where(ApiKey.name == "centre-manager").values(revoked=START))
            await ends.over()
        async with network.parts.database.begin() as session:
            await touch(session, "team-1")
        assert (await stays.next())["event"] == "changed"


async def test_whoever_may_not_see_the_worklist_may_not_watch_it(network: Network) -> None:
    assert (await network.get("/worklist/changes", "other-manager", team="team-1")).status_code == 404
    for by in ("supervisor", "hospital-1", "administrator"):
        assert (await network.get("/worklist/changes", by, team="team-1")).status_code == 403
    assert (await network.get("/worklist/changes", "", team="team-1")).status_code == 401
