"""The alert rules and the dashboard name metrics that exist, and an alert says what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector
from ruamel.yaml import YAML

from activities.seeing import Metrics, core

OPS = Path(__file__).parents[2] / "ops"
#: Told by Prometheus itself of whatever it scrapes.
OF_PROMETHEUS = {"up"}
WORDS = {
    "absent", "and", "by", "histogram_quantile", "increase", "le", "max", "min", "on", "or", "rate", "sum", "time", "topk",
}  # fmt: skip


def yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((OPS / name).read_text())


RULES = [rule for group in yaml("alerts.yaml")["groups"] for rule in group["rules"]]
PANELS = [panel for panel in json.loads((OPS / "grafana.json").read_text())["panels"] if panel["type"] != "row"]
EXPRESSIONS = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]


def names_in(expression: str) -> Iterator[str]:
    """The metrics that an expression reads: its words, without labels, strings, groupings and functions."""
    bare = re.sub(r"\{[^}]*\}", " ", expression)
    bare = re.sub(r"\b(by|on|without)\s*\([^)]*\)", " ", bare)
    bare = re.sub(r"\[[^\]]*\]", " ", bare)
    for name in re.findall(r"[a-zA-Z_:][\w:]*", bare):
        if name not in WORDS:
            yield name


def labels_in(expression: str) -> Iterator[tuple[str, str]]:
    """Which labels an expression picks by, with their metric."""
    for name, picked in re.findall(r"([a-z_]+)\{([^}]*)\}", expression):
        for label in re.findall(r"(\w+)\s*[=!]", re.sub(r'"[^"]*"', "", picked)):
            yield name, label


def known() -> set[str]:
    process = CollectorRegistry()
    ProcessCollector(registry=process)
    return {*Metrics.make().names(), *core.names(), *OF_PROMETHEUS, *(family.name for family in process.collect())}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_that_is_named_exists(expression: str) -> None:
    assert set(names_in(expression)) - known() == set()
    assert set(names_in(expression)), "it reads something"


def test_a_metric_that_does_not_exist_would_be_found() -> None:
    found = set(names_in('sum by (kind) (rate(cairn_deliverys_total{kind="a"}[5m])) / cairn_unsettled'))
    assert found == {"cairn_deliverys_total", "cairn_unsettled"}
    assert found - known() == {"cairn_deliverys_total"}


def test_labels_that_are_picked_by_are_labels_of_the_metric() -> None:
    metrics = Metrics.make()
    of_metric = {family.name: family for family in metrics.registry.collect()}
    assert of_metric
    have = {
        "cairn_unsettled": {"what"},
        "cairn_deliveries_total": {"kind", "outcome"},
        "cairn_part_up": {"part"},
        "cairn_housekeeping_last_run_timestamp_seconds": {"job"},
        "cairn_requests_total": {"method", "route", "status"},
        "up": {"job"},
        "process_resident_memory_bytes": {"job"},
    }
    for expression in EXPRESSIONS:
        for name, label in labels_in(expression):
            assert label in have[name], (name, label)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_how_urgent_it_is_and_where_its_runbook_is(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Cairn[A-Za-z]+", rule["alert"])
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    said = rule["annotations"]
    assert set(said) == {"summary", "description", "runbook"}
    assert re.fullmatch(r"docs/runbooks\.md#[a-z-]+", said["runbook"])
    assert len(said["description"]) > 20


def test_what_an_operator_must_be_told_of_is_told() -> None:
    told = {rule["alert"] for rule in RULES}
    assert len(told) == len(RULES), "two alerts of one name"
    assert {
        "CairnDueMomentsTakenLate",
        "CairnWorkflowTasksFail",
        "CairnMessagesUnknown",
        "CairnDatabaseNotReachable",
        "CairnHousekeepingHasNotRun",
        "CairnAuditChainBroken",
        "CairnBackupTooOld",
        "CairnDeliveriesFail",
    } <= told


def test_the_dashboard_can_be_loaded_and_has_a_row_for_each_part() -> None:
    dashboard = json.loads((OPS / "grafana.json").read_text())
    panels = dashboard["panels"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    assert rows == ["Patients' steps", "Deliveries", "Lag", "API", "Temporal", "Safety"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    (source,) = dashboard["templating"]["list"]
    assert all(panel["datasource"]["uid"] == f"${{{source['name']}}}" for panel in PANELS)
    assert all(target["expr"] for panel in PANELS for target in panel["targets"])


def test_the_scrape_example_loads_these_rules() -> None:
    example = yaml("prometheus.yaml")
    assert [(OPS / file).exists() for file in example["rule_files"]] == [True]
    assert [scrape["job_name"] for scrape in example["scrape_configs"]] == ["cairn"], "the rules pick by this name"


@pytest.mark.parametrize("arguments", [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")], ids=" ".join)
def test_prometheus_itself_takes_the_rules(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing = "promtool is missing; get it with: apt-get install prometheus"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    done = subprocess.run([promtool, *arguments], cwd=OPS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
