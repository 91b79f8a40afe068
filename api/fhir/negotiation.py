"""Which form an answer takes: JSON, by either of its two names. XML is not spoken here, and that is said.

Source: HL7 FHIR R4 (4.0.1), RESTful API, content types and the ``_format`` parameter.
"""

from __future__ import annotations

from collections.abc import Iterable

from api.fhir.exchange import FHIR_JSON, JSON, JSON_PATCH, MERGE_PATCH
from api.fhir.kinds import Refused

FORM = "application/x-www-form-urlencoded"
_ASKED = {"json": FHIR_JSON, "text/json": JSON, JSON: JSON, FHIR_JSON: FHIR_JSON, "application/json+fhir": FHIR_JSON}
_BODIES = {
    "POST": (FHIR_JSON, JSON, "application/json+fhir"),
    "PUT": (FHIR_JSON, JSON, "application/json+fhir"),
    "PATCH": (JSON_PATCH, MERGE_PATCH, FHIR_JSON, JSON),
}


def answered_in(accept: str, params: Iterable[tuple[str, str]]) -> str:
    """The content type of the answer. Raises Refused 406."""
    wanted = next((value for name, value in params if name == "_format"), None)
    if wanted is not None:
        found = _ASKED.get(wanted.partition(";")[0].strip().lower())
        if found is None:
            raise _none()
        return found
    best: tuple[float, int, str] | None = None
    for n, one in enumerate(accept.split(",") if accept.strip() else ["*/*"]):
        media, *parameters = [part.strip().lower() for part in one.split(";")]
        given = dict(part.partition("=")[::2] for part in parameters)
        if given.get("fhirversion", "4.0").strip('"') not in ("4.0", "4.0.1"):
            continue
        found = FHIR_JSON if media in ("*/*", "application/*", "application/fhir+*") else _ASKED.get(media)
        weight = _weight(given.get("q", "1"))
        if found is not None and weight > 0 and (best is None or (weight, -n) > best[:2]):
            best = (weight, -n, found)
    if best is None:
        raise _none()
    return best[2]


def readable(method: str, content_type: str) -> str:
    """The media type of a body that can be read. Raises Refused 415."""
    media = content_type.partition(";")[0].strip().lower() or FHIR_JSON
    takes = _BODIES.get(method, ())
    if media not in takes:
        raise Refused(415, "not-supported", f"A {method} takes a body in: {', '.join(takes)}. Set Content-Type to one of them.")
    return FHIR_JSON if media == "application/json+fhir" else media


def _weight(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        return 0.0


def _none() -> Refused:
    text = f"This is FHIR 4.0.1 in JSON only: accept {FHIR_JSON} or {JSON}, or leave Accept and _format out."
    return Refused(406, "not-supported", text)
