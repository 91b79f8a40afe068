"""Patches: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396), over the resource as it is shown.

Rule 1: a patch says what it expects: ``test /meta/versionId`` that fails is 412, as a wrong If-Match is.
Rule 2: what is ours is not taken away: an element that a patch removes must be one that may be.
Rule 3: a patch makes nothing larger than a request may be.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import jsonpatch  # type: ignore[import-untyped,unused-ignore]
import jsonpointer  # type: ignore[import-untyped,unused-ignore]

from api.fhir.exchange import FHIR_JSON, JSON, JSON_PATCH, MERGE_PATCH
from api.fhir.kinds import Refused, Resource

MOST_OPERATIONS = 100
LARGEST = 1024 * 1024  # characters of the patched resource
TAKEN = f"{JSON_PATCH}, {MERGE_PATCH}"
VERSION = "/meta/versionId"
_FAULTS = (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, ValueError, LookupError, AttributeError)


def patched(before: Resource, body: Any, content_type: str, *, removable: Collection[str] = ()) -> Resource:
    """The resource after the patch. ``removable``: top-level elements that may be taken away. Raises Refused 400, 412, 415, 422."""
    match content_type.partition(";")[0].strip().lower(), body:
        case (t, list()) if t in (JSON_PATCH, JSON):
            after = _operations(before, body)
        case (t, {"resourceType": "Parameters"}) if t in (FHIR_JSON, JSON):
            raise Refused(
                415, "not-supported", f"A patch of Parameters is not taken: send {TAKEN}.", headers={"Accept-Patch": TAKEN}
            )
        case (t, dict()) if t in (MERGE_PATCH, JSON, FHIR_JSON):
            after = merged(before, body)
        case (t, _) if t in (JSON_PATCH, MERGE_PATCH, JSON, FHIR_JSON):
            raise Refused(400, "structure", "The body is no patch: send a list of operations (RFC 6902) or one object (RFC 7396).")
        case _:
            raise Refused(415, "not-supported", f"A patch is sent as {TAKEN}.", headers={"Accept-Patch": TAKEN})
    if not isinstance(after, dict):
        raise Refused(422, "invalid", "The patch leaves no resource: change elements of it, not the whole.")
    for name in ("resourceType", "id"):
        if after.get(name) != before.get(name):
            raise Refused(422, "business-rule", f"{name} stays as it is: leave it out of the patch.", (name,))
    gone = sorted(before.keys() - after.keys() - set(removable))
    if gone:
        where = tuple(f"{before['resourceType']}.{name}" for name in gone)
        raise Refused(422, "business-rule", f"Nothing may take this away: {', '.join(gone)}. Leave it out of the patch.", where)
    return after


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = merged(kept.get(name), value)
    return kept


def _operations(before: Resource, operations: list[Any]) -> Any:
    if len(operations) > MOST_OPERATIONS:
        raise Refused(422, "too-costly", f"A patch has at most {MOST_OPERATIONS} operations.")
    after: Any = before
    for n, operation in enumerate(operations):
        where = f"[{n}]"
        if not isinstance(operation, dict):
            raise Refused(400, "structure", f"Operation {n} is no object: send op and path.", (where,))
        try:
            after = jsonpatch.apply_patch(after, [operation])
        except jsonpatch.JsonPatchTestFailed:
            if operation.get("path") == VERSION:
                raise Refused(412, "conflict", "This has changed since you read it; nothing was stored. Read it again.") from None
            raise Refused(422, "business-rule", f"Operation {n}: the test does not hold; nothing was stored.", (where,)) from None
        except _FAULTS:
            remedy = "look at its op, path, from and value against the resource as it is read"
            raise Refused(422, "invalid", f"Operation {n} cannot be carried out: {remedy}.", (where,)) from None
        if operation.get("op") == "copy" and len(json.dumps(after)) > LARGEST:
            raise Refused(422, "too-costly", f"Operation {n} makes the resource too large.", (where,))
    return after
