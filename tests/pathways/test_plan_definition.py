"""A pathway as other systems read it: valid FHIR, and nothing that is followed left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import fhirkit
import pytest

from pathways.exchange.plan_definition import plan_definition
from pathways.language import library

#: Required bindings of R4 (4.0.1) on what we write, which the validator does not look into.
BOUND = {
    "relationship": {"before-start", "before", "before-end", "concurrent-with-start", "concurrent"}
    | {"concurrent-with-end", "after-start", "after", "after-end"},
    "kind": {"applicability", "start", "stop"},
    "groupingBehavior": {"visual-group", "logical-group", "sentence-group"},
    "selectionBehavior": {"any", "all", "all-or-none", "exactly-one", "at-most-one", "one-or-more"},
    "periodUnit": {"s", "min", "h", "d", "wk", "mo", "a"},
}


def _walk(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        yield node
        for part in node.values():
            yield from _walk(part)
    elif isinstance(node, list):
        for part in node:
            yield from _walk(part)


@pytest.mark.parametrize("name", sorted(library()))
def test_every_shipped_pathway_is_a_valid_plan_definition(name: str) -> None:
    pathway = library()[name].pathway
    assert pathway is not None
    resource = plan_definition(pathway)
    assert [str(issue) for issue in fhirkit.validate(resource)] == []
    for node in _walk(resource):
        for element, allowed in BOUND.items():
            assert node.get(element, next(iter(allowed))) in allowed
    ids = [node["id"] for node in _walk(resource["action"]) if "prefix" in node or "relatedAction" in node]
    assert len(ids) == len(set(ids))
    prefixes = {node["prefix"] for node in _walk(resource) if "prefix" in node}
    decided = {service.decide for service in pathway.services.values()}
    assert prefixes == {row.id for table in pathway.tables.values() if table.name in decided for row in table.rows}
    named = {action["id"] for action in resource["action"]}
    assert {near["actionId"] for node in _walk(resource) for near in node.get("relatedAction", ())} <= named
