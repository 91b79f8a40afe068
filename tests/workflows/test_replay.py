"""Patients who are followed already keep being followed by today's code, and the code knows nothing of care."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

import workflows.contract
import workflows.patient
from workflows.patient import PatientWorkflow

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*.json"))


def test_there_are_histories_to_replay() -> None:
    assert len(HISTORIES) >= 3
    events = "".join(history.read_text() for history in HISTORIES)
    for kind in ("TIMER_STARTED", "UPDATE_COMPLETED", "CONTINUED_AS_NEW", "ACTIVITY_TASK_FAILED", "SIGNALED", "MARKER_RECORDED"):
        assert kind in events, kind


@pytest.mark.parametrize("file", HISTORIES, ids=lambda file: file.stem)
async def test_a_recorded_patient_is_followed_on_by_todays_code(file: Path) -> None:
    replayer = Replayer(workflows=[PatientWorkflow], workflow_runner=UnsandboxedWorkflowRunner())
    await replayer.replay_workflow(recorded(file))


def recorded(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json("patient/p1", json.loads(file.read_text()))


@pytest.mark.parametrize("module", [workflows.patient, workflows.contract], ids=lambda module: module.__name__)
def test_a_workflow_imports_nothing_but_its_contract(module: object) -> None:
    source = ast.parse(Path(str(getattr(module, "__file__", ""))).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(source)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported - set(sys.stdlib_module_names) <= {"temporalio", "workflows"}
