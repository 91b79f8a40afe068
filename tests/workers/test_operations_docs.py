"""What the documentation tells an operator to type exists, and each alert finds its runbook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
NAMED = (
    "due-moments-late", "workflow-tasks-fail", "messages-unknown", "database-unreachable", "temporal-unreachable",
    "housekeeping-not-running", "audit-chain-broken", "backup-too-old", "deliveries-fail", "temporal-cluster-lost",
)  # fmt: skip


def anchors() -> set[str]:
    """Of headings as they are shown, and those that are written out."""
    headings = {
        re.sub(r"[^a-z -]", "", line.lower()).strip().replace(" ", "-") for line in re.findall(r"^## (.+)$", RUNBOOKS, re.M)
    }
    return headings | set(re.findall(r'<a id="([a-z-]+)">', RUNBOOKS))


@pytest.mark.parametrize("name", NAMED)
def test_there_is_a_runbook_for(name: str) -> None:
    assert name in anchors()


def test_every_alert_and_every_finding_of_the_doctor_leads_to_a_runbook_that_is_there() -> None:
    sources = [*(ROOT / "ops").glob("*.yaml"), *(ROOT / "workers").rglob("*.py"), *(ROOT / "docs").glob("*.md")]
    for source in sources:
        for name in re.findall(r"runbooks\.md#([a-z-]+)", source.read_text("utf-8")):
            assert name in anchors(), f"{source.name} leads to {name}"


def test_every_runbook_says_what_is_seen_what_to_look_at_what_to_do_and_when_it_is_over() -> None:
    for runbook in RUNBOOKS.split("\n## ")[1:]:
        places = [runbook.find(f"**{words}") for words in ("What is seen.", "Look at.", "Do.", "Over when")]
        assert places == sorted(places), runbook.splitlines()[0]
        assert -1 not in places, runbook.splitlines()[0]
