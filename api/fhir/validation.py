"""What is sent must be R4, and codes must be those that R4 demands.

Rule 1: everything that is wrong is said at once, each with its FHIRPath.
Rule 2: nothing that was sent is quoted back: neither a value nor a name that a caller made up.
Source: HL7 FHIR R4 (4.0.1): shape by ``fhirkit``, required bindings by ``required_codes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import fhirkit

from api.fhir.kinds import Issue, Refused, Resource
from api.fhir.required_codes import wrong_codes

MOST_SAID = 50  # faults of one resource
CODES_NAMED = 30  # of a list of codes that may be there
DEEPEST = 40  # levels of a resource; nothing that means anything here has ten
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STEP = re.compile(r"[A-Za-z][A-Za-z0-9]{0,60}(\[\d{1,6}\]|\[x\])?")


def check(resource: Any, type_: str, *, id_: str | None = None) -> Resource:
    """The resource, when it is one of ``type_`` that R4 allows. ``id_``: the id it must have, where it has one.

    Raises Refused 400 where it is no such resource, 422 where something in it is wrong.
    """
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise Refused(400, "structure", f"The body is no resource: send one {type_} as JSON, with its resourceType.")
    if resource["resourceType"] != type_:
        raise Refused(
            400, "invalid", f"This address takes a {type_}: send one, or send this to its own address.", ("resourceType",)
        )
    if id_ is not None and resource.get("id", id_) != id_:
        raise Refused(
            400, "invalid", f"{type_}.id is not the id of the address: leave it out, or make them the same.", (f"{type_}.id",)
        )
    if _deeper(resource, DEEPEST):
        raise Refused(400, "structure", f"The resource is nested deeper than {DEEPEST} levels; nothing here is.")
    faults = list(islice(_faults(resource), MOST_SAID))
    if faults:
        first, *rest = faults
        raise Refused(422, first.code, first.text, first.where, also=tuple(rest))
    return resource


def _faults(resource: Resource) -> Iterator[Issue]:
    for where in _holding_nul(resource, resource["resourceType"]):
        yield Issue("invalid", f"{where}: holds a NUL character, which no database keeps; leave it out.", (where,))
    try:
        found = fhirkit.validate(resource)
    except ValueError:
        yield Issue("structure", "The resource cannot be read: send JSON as R4 has it.")
        return
    for one in found:
        if one.severity == "error":
            where = _path(one.path)
            code = "required" if "missing" in one.message else "structure"
            yield Issue(code, f"{where}: {_QUOTED.sub('what is there', one.message)}.", (where,))
    for wrong in wrong_codes(resource):
        where = _path(wrong.expression)
        told = ", ".join(wrong.allowed[:CODES_NAMED]) + (", ..." if len(wrong.allowed) > CODES_NAMED else "")
        yield Issue("code-invalid", f"{where}: R4 does not know this code; use one of: {told}.", (where,))


def _path(path: str) -> str:
    """The path, as far as its names look like names of elements."""
    return ".".join(step if _STEP.fullmatch(step) else "?" for step in path.split("."))


def _deeper(value: Any, left: int) -> bool:
    if isinstance(value, dict):
        return left == 0 or any(_deeper(one, left - 1) for one in value.values())
    if isinstance(value, list):
        return left == 0 or any(_deeper(one, left - 1) for one in value)
    return False


def _holding_nul(value: Any, where: str) -> Iterator[str]:
    if isinstance(value, str) and "\x00" in value:
        yield _path(where)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _holding_nul(one, f"{where}.{name}")
    elif isinstance(value, list):
        for n, one in enumerate(value):
            yield from _holding_nul(one, f"{where}[{n}]")
