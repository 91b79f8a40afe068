"""Codes that R4 demands: elements with a binding of strength ``required`` take no other. ``fhirkit`` checks the rest of a resource.

The lists (``required_codes.json``) are HL7's, put together by ``bench/r4_codes.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

DEEPEST = 40  # nested contained resources, extensions and actions; deeper, nothing is looked at any more


class WrongCode(NamedTuple):
    """``expression``: FHIRPath of the element; ``code``: what is there (theirs: not for an outcome's text); ``allowed``: what
    may be there, sorted.
    """

    expression: str
    code: str
    allowed: Sequence[str]


def wrong_codes(resource: Mapping[str, Any]) -> list[WrongCode]:
    """Elements of a resource whose code is not among those that R4 demands of them; of a type that we do not serve, none."""
    name = str(resource.get("resourceType", ""))
    return list(_within(name, name, resource, 0))


def _within(type_: str, path: str, value: Mapping[str, Any], depth: int) -> Iterator[WrongCode]:
    if type_ == "Resource":
        type_ = str(value.get("resourceType", ""))
    elements = _tables()["types"].get(type_)
    if elements is None or depth > DEEPEST:
        return
    for key, found in value.items():
        element = elements.get(key)
        if element is None:
            continue
        many = found if isinstance(found, list) else [found]
        for n, one in enumerate(many):
            at = f"{path}.{key}[{n}]" if isinstance(found, list) else f"{path}.{key}"
            if isinstance(one, str) and "codes" in element:
                allowed = sorted({code for codes in _set(element["codes"]).values() for code in codes})
                if one not in allowed:
                    yield WrongCode(at, one, allowed)
            elif isinstance(one, Mapping):
                if "codes" in element:
                    yield from _coded(at, one, _set(element["codes"]))
                if "type" in element:
                    yield from _within(element["type"], at, one, depth + 1)


def _coded(path: str, value: Mapping[str, Any], allowed: Mapping[str, Sequence[str]]) -> Iterator[WrongCode]:
    """A Coding, or a CodeableConcept: one of its codings must be of the list. Text alone is no code."""
    codings = value.get("coding", []) if "coding" in value or "text" in value else [value]
    given = [(str(one.get("system", "")), str(one.get("code", ""))) for one in codings if isinstance(one, Mapping)]
    if not any(code in allowed.get(system, ()) for system, code in given):
        told = sorted(f"{system}|{code}" for system, codes in allowed.items() for code in codes)
        yield WrongCode(path, given[0][1] if given else "", told)


def _set(name: str) -> Mapping[str, Sequence[str]]:
    found: Mapping[str, Sequence[str]] = _tables()["sets"][name]
    return found


@cache
def _tables() -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(resources.files("api.fhir").joinpath("required_codes.json").read_text(encoding="utf-8"))
    return read
