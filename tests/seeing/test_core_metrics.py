"""A workflow that stands still is seen: what the Temporal SDK counts is scraped with what we count."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from temporalio import workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.seeing import Seeing, core
from activities.seeing.core import CoreMetrics
from records.vault import Vault
from workers.temporal import TemporalServer, connect, free_port, runtime_for

FAILED = "temporal_workflow_task_execution_failed_total"


@workflow.defn(name="StandsStill")
class StandsStill:
    """Its workflow task fails, again and again, as a patient's would after a change that cannot replay."""

    @workflow.run
    async def run(self) -> None:
        raise RuntimeError("cannot go on")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TemporalServer]:
    server = await TemporalServer.start(None, free_port(), log=tmp_path / "temporal.log")
    yield server
    await server.stop()


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """Samples by name, added up over their labels."""
    told: dict[str, float] = {}
    for family in registry.collect():
        for sample in family.samples:
            told[sample.name] = told.get(sample.name, 0.0) + sample.value
    return told


async def test_workflow_tasks_that_fail_are_counted_beside_our_own(
    server: TemporalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "temporalio")
    seeing = Seeing()
    runtime = runtime_for(seeing)
    client = await connect(server.address, "default", Vault(bytes(32)), seeing=seeing, runtime=runtime)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue="q", workflows=[StandsStill], workflow_runner=runner), asyncio.timeout(20):
        await client.start_workflow("StandsStill", id="one", task_queue="q")
        told: dict[str, float] = {}
        while not told.get(FAILED):  # the core counts in a thread of its own
            told = await asyncio.to_thread(scraped, seeing.metrics.registry)
    assert told[FAILED] >= 1
    assert "temporal_worker_task_slots_available" in told
    ours = seeing.metrics.names()
    assert {name for name in told if name.startswith("temporal_")} <= core.names()
    assert {name for name in told if name.startswith("cairn_") and not name.endswith("_created")} <= ours


def test_a_core_that_does_not_answer_hides_nothing_of_ours() -> None:
    seeing = Seeing()
    CoreMetrics.beside(seeing.metrics.registry, free_port())
    seeing.metrics.audit_breaks.set(2)
    assert scraped(seeing.metrics.registry)["cairn_audit_breaks"] == 2
