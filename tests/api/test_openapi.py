"""The API's description: whoever builds on it finds an example of everything, and every refusal written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from api.rights import RIGHTS, ROLES
from tests.api.conftest import Network
from tests.kept import described

METHODS = ("get", "post", "put", "patch", "delete")
#: Answered with something else than JSON of ours.
OTHER_BODIES = (
    *("application/yaml", "application/fhir+json", "application/schema+json", "image/svg+xml"),
    *("text/event-stream", "text/xml", "text/html"),
)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                yield method, path, operations[method]


def _model(document: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    for choice in schema.get("anyOf", [schema]):
        if "$ref" in choice:
            found: dict[str, Any] = document["components"]["schemas"][choice["$ref"].rsplit("/", 1)[1]]
            return found
    return schema


async def test_every_route_says_what_it_takes_and_gives_by_an_example(network: Network) -> None:
    document = described(network.parts)
    silent = []
    for method, path, operation in _operations(document):
        assert operation.get("summary"), f"{method} {path} has no summary"
        if not path.startswith("/api/v1"):
            continue
        assert operation.get("description"), f"{method} {path} has no description"
        takes = operation.get("requestBody", {}).get("content", {})
        if takes and not any(kind in takes for kind in OTHER_BODIES) and not _model(document, takes).get("examples"):
            silent.append(f"{method} {path}: what it takes")
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if not status.startswith("2") or not content or any(kind in content for kind in OTHER_BODIES):
                continue
            if not _model(document, content).get("examples"):
                silent.append(f"{method} {path}: what it gives ({status})")
    assert not silent, "\n".join(silent)


def _may_be_left_out(schema: Any) -> Any:
    """The schema with what may be null not required: the description leaves nulls out of its examples."""
    if isinstance(schema, list):
        return [_may_be_left_out(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    lenient = {name: _may_be_left_out(part) for name, part in schema.items() if name != "examples"}
    if isinstance(lenient.get("required"), list) and "properties" in lenient:
        null = {"type": "null"}
        lenient["required"] = [name for name in lenient["required"] if null not in lenient["properties"][name].get("anyOf", ())]
    return lenient


async def test_every_example_is_one_that_the_api_itself_would_take(network: Network) -> None:
    document = described(network.parts)
    components, wrong = _may_be_left_out(document["components"]), []
    for name, schema in document["components"]["schemas"].items():
        whole = {**components["schemas"][name], "components": components}
        for shown in schema.get("examples", ()):
            wrong += [f"{name}: {fault.json_path} {fault.message}" for fault in Draft202012Validator(whole).iter_errors(shown)]
    assert not wrong, "\n".join(wrong)


async def test_every_route_writes_down_how_it_refuses(network: Network) -> None:
    document = described(network.parts)
    for method, path, operation in _operations(document):
        if path.startswith("/api/v1"):
            assert {"401", "403", "404", "422", "503"} <= set(operation["responses"]), f"{method} {path}"


def test_the_guide_shows_the_rights_as_they_are_declared() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    table = guide.split("<!-- rights -->")[1].split("<!-- end of rights -->")[0].strip().splitlines()
    shown = {}
    _, *roles = (cell.strip() for cell in table[0].strip("|").split("|"))
    for line in table[2:]:
        right, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        shown[right.strip("`")] = tuple(role for role, cell in zip(roles, cells, strict=True) if cell == "yes")
    assert tuple(roles) == tuple(ROLES)
    assert {right: set(which) for right, which in shown.items()} == {right: set(which) for right, which in RIGHTS.items()}
