"""Whether a process is ready is answered soon and truly, whatever is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from activities.seeing import Metrics, readiness
from activities.seeing.readiness import Ready
from activities.seeing.serving import MetricsPortTaken, serve_metrics
from api.observing import ready_route
from records.database import Database


async def answers() -> bool:
    return True


async def away() -> bool:
    raise ConnectionError("10.0.0.1 with password")


async def never() -> bool:
    await asyncio.Event().wait()
    return True


async def test_with_database_and_temporal_all_is_well(database: Database) -> None:
    metrics = Metrics.make()
    told = await Ready(database, answers, metrics=metrics).look()
    assert told.as_json() == {"ready": True, "database": "ready", "temporal": "answers"}
    assert metrics.registry.get_sample_value("cairn_part_up", {"part": "database"}) == 1


async def test_the_api_is_ready_while_temporal_is_away_and_a_worker_is_not(database: Database) -> None:
    api = await Ready(database, away).look()
    worker = await Ready(database, away, needs_temporal=True).look()
    assert (api.ready, worker.ready) == (True, False)
    assert api.temporal == worker.temporal == "away"


async def test_an_empty_database_is_not_ready_and_the_answer_says_what_to_do(empty_database: Database) -> None:
    told = await Ready(empty_database).look()
    assert (told.ready, told.database) == (False, "wrong_revision")
    assert "cairn db upgrade" in told.detail


async def test_a_database_of_another_revision_is_not_ready(database: Database) -> None:
    told = await Ready(database, wanted="9999").look()
    assert (told.ready, told.database) == (False, "wrong_revision")


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:////nowhere/cairn.db", "postgresql+asyncpg://u:secret@127.0.0.1:1/x"])
async def test_a_database_that_is_away_is_told_in_a_word(url: str) -> None:
    database = Database.open(url)
    metrics = Metrics.make()
    told = await Ready(database, metrics=metrics).look()
    await database.close()
    assert told.as_json() == {"ready": False, "database": "away", "temporal": "not_used"}
    assert metrics.registry.get_sample_value("cairn_part_up", {"part": "database"}) == 0


async def test_a_temporal_that_never_answers_holds_nobody_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PATIENCE", 0.05)
    told = await Ready(database, never).look()
    assert told.temporal == "away"


async def test_whoever_asks_fast_is_told_the_same_without_asking_again(database: Database) -> None:
    asked = []

    async def counts() -> bool:
        asked.append(1)
        return True

    ready = Ready(database, counts)
    told = await asyncio.gather(*(ready.look() for _ in range(20)))
    assert len(asked) == 1
    assert len(set(told)) == 1


@pytest.fixture
async def sqlite(fresh_sqlite: Path) -> AsyncIterator[Database]:
    database = Database.open(f"sqlite+aiosqlite:///{fresh_sqlite}")
    yield database
    await database.close()


@pytest.mark.parametrize(("temporal", "status"), [(answers, 200), (away, 503)])
async def test_a_worker_tells_on_its_metrics_port_whether_it_is_ready(sqlite: Database, temporal: Any, status: int) -> None:
    metrics = Metrics.of_process("worker", "1")
    ready = Ready(sqlite, temporal, needs_temporal=True, metrics=metrics)
    with serve_metrics(metrics.registry, ready=ready) as served:
        async with httpx.AsyncClient(base_url=f"http://{served.host}:{served.port}") as http:
            told = await http.get("/readyz")
            alive = await http.get("/healthz")
            scraped = await http.get("/metrics")
            other = await http.get("/patients")
    assert (told.status_code, alive.status_code, other.status_code) == (status, 200, 404)
    assert f'cairn_part_up{{part="temporal"}} {1.0 if status == 200 else 0.0}' in scraped.text
    assert 'cairn_build_info{process="worker",version="1"} 1.0' in scraped.text
    assert "process_resident_memory_bytes" in scraped.text


async def test_a_taken_metrics_port_is_said_in_one_sentence() -> None:
    with (
        serve_metrics(CollectorRegistry()) as served,
        pytest.raises(MetricsPortTaken, match="CAIRN_METRICS_PORT"),
        serve_metrics(CollectorRegistry(), port=served.port),
    ):
        pass


@pytest.mark.parametrize(("wanted", "status"), [(None, 200), ("9999", 503)])
async def test_the_api_tells_whether_it_is_ready(sqlite: Database, wanted: str | None, status: int) -> None:
    app = FastAPI()
    ready_route(app, Ready(sqlite, away) if wanted is None else Ready(sqlite, away, wanted=wanted))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cairn.test") as http:
        answer = await http.get("/readyz")
    assert answer.status_code == status
    assert answer.json()["temporal"] == "away"
