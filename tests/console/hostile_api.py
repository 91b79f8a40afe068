"""Every free text that the API's own description names is told with a probe in it: a new field is tried by itself.

Rule: all fields of a call are hostile at once; what the refusal names is told as it should be, and so on until it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.api.conftest import Network
from tests.api.test_attacks_odd_values import ENDS, _key
from tests.console.probes import Probes
from tests.kept import described

ANY = "*"  # whatever name a part has


@dataclass
class Api:
    """``taken``: the fields that took a probe; ``refused``: those that a refusal named, or that stood in its way."""

    network: Network
    probes: Probes
    taken: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)

    async def tell(
        self,
        method: str,
        path: str,
        body: dict[str, Any],
        key: str = "manager",
        *,
        only: tuple[str, ...] = (),
        must: bool = True,
        **ids: str,
    ) -> dict[str, Any]:
        """What was answered in the end. ``only``: the hostile fields, else all. ``must``: fails where the body is refused."""
        operation = f"{method} {path}"
        named = [(at, most) for at, most in self.free(method, path) if not only or at[0] in only]
        free = {at: most for every, most in named for at in _within(body, every)}
        headers = {"Authorization": f"Bearer {key}", "If-Match": "*"}
        while True:
            sent = body
            for at, most in free.items():
                sent = _with(sent, at, self.probes.of(f"{operation} {'.'.join(at)}", most))
            answer = await self.network.http.request(method, f"/api/v1{path.format(**ids)}", json=sent, headers=headers)
            self.probes.judge(answer, operation)
            if answer.status_code < 400 or not free:
                break
            named = [tuple(fault["field"].removeprefix("body.").split(".")) for fault in answer.json().get("errors", ())]
            out = [at for at in free if at in named] or [at for at in free if at[:1] in [one[:1] for one in named]]
            out = out or [next(iter(free))]
            for at in out:
                del free[at]
                self.refused.add(f"{operation} {'.'.join(at)}")
        self.calls.add(operation)
        if answer.status_code >= 400:
            assert not must, f"{operation}: {answer.status_code} {answer.text}"
            return {}
        self.taken |= {f"{operation} {'.'.join(at)}" for at in free}
        return dict(answer.json()) if answer.content else {}

    async def tell_the_rest(self, bodies: dict[tuple[str, str], Any], **ids: str) -> None:
        """Whatever nobody has told yet, with the example of the API's description; what it is about may be there or not."""
        for (method, path), example in bodies.items():
            path = path.removeprefix("/api/v1")
            if f"{method} {path}" not in self.calls and not path.startswith("/cds-services") and not path.endswith(ENDS):
                found = {name: ids.get(name, "x") for name in re.findall(r"{([a-z_]+)}", path)}
                await self.tell(method, path, dict(example), _key(path), must=False, **found)

    def described(self) -> Iterator[tuple[str, str]]:
        """Every call that takes a text."""
        for path, operations in described(self.network.parts)["paths"].items():
            for method in operations:
                at = path.removeprefix("/api/v1")
                if path != at and not at.endswith(ENDS) and any(self.free(method.upper(), at)):
                    yield method.upper(), at

    def free(self, method: str, path: str) -> Iterator[tuple[tuple[str, ...], int | None]]:
        """The texts of a call's body that are no code, number, day or name of something else, with the most characters of each."""
        document = described(self.network.parts)
        content = document["paths"][f"/api/v1{path}"][method.lower()].get("requestBody", {}).get("content", {})
        yield from dict(_texts(content.get("application/json", {}).get("schema", {}), document["components"]["schemas"])).items()


def _texts(schema: dict[str, Any], known: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int | None]]:
    schema = known[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _texts(choice, known, at)
    if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "format"}:
        yield at, schema.get("maxLength")
    elif schema.get("type") == "array":
        yield from _texts(schema.get("items", {}), known, (*at, "0"))
    elif schema.get("type") == "object":
        more = schema.get("additionalProperties")
        for name, part in {**schema.get("properties", {}), **({ANY: more} if isinstance(more, dict) else {})}.items():
            yield from _texts(part, known, (*at, name))


def _within(body: Any, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Where in this body such a text stands, or may be added; what the body has no list or part for is left out."""
    if isinstance(body, list):
        if body and at[0] == "0":
            yield from (("0", *rest) for rest in _within(body[0], at[1:])) if at[1:] else [at]
    elif isinstance(body, dict) and at:
        names = [name for name, said in body.items() if at[1:] or isinstance(said, str)] if at[0] == ANY else [at[0]]
        for name in names:
            if not at[1:]:
                yield (name,)
            elif name in body:
                yield from ((name, *rest) for rest in _within(body[name], at[1:]))


def _with(body: Any, at: tuple[str, ...], value: str) -> Any:
    if not at:
        return value
    if isinstance(body, list):
        return [_with(body[0], at[1:], value), *body[1:]]
    return {**body, at[0]: _with(body.get(at[0]), at[1:], value)}
