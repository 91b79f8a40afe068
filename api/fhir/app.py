"""The FHIR door at ``/fhir``: HTTP in, HTTP out; what is asked is answered by ``reading`` and ``writing``.

Rule 1: whatever goes wrong is answered as an OperationOutcome that says the remedy, and holds nothing of what was sent.
Rule 2: who calls is known before anything is looked at; only the door's own description is for everybody.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.depends import Allowed, caller_of
from api.fhir import reading, writing
from api.fhir.exchange import FHIR_JSON, Answered, Asked, Desk
from api.fhir.kinds import Refused
from api.fhir.negotiation import FORM, answered_in, readable
from api.fhir.outcomes import outcome_of
from api.parts import ApiParts
from api.problems import Problem
from api.rights import has
from api.smart.scopes import allows
from api.trail import NOT_KEPT, trail_of
from records.audit import NotWrittenDown
from records.callers import Caller

log = logging.getLogger(__name__)
ROOT = "/fhir"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
LONGEST = 1900  # characters of a path; what there is is shorter
MOST_PARAMS = 200
OPEN = frozenset({"metadata"})
_SHOWN = Allowed("self.read")  # reads the key that a request shows


def door_at(app: FastAPI) -> None:
    """Put the door beneath ``/fhir``; after everything else that is there."""
    for path in (ROOT, f"{ROOT}/", f"{ROOT}/metadata", f"{ROOT}/{{type}}", f"{ROOT}/{{type}}/{{id}}", f"{ROOT}/{{path:path}}"):
        app.router.routes.append(Route(path, _Here(path), include_in_schema=False))


@dataclass(frozen=True)
class _Here:
    """The door as an ASGI application. ``path``: the template that requests are counted by."""

    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self
        request = Request(scope, receive)
        kind, answered = FHIR_JSON, Answered(500)
        try:
            answered, kind = await _answer(request)
        except Exception as fault:
            answered = outcome_of(fault)
            if answered.status >= 500:
                log.error("a request at the FHIR door failed: %s", type(fault).__name__)  # the message may hold what is personal
        await _response(request, answered, kind)(scope, receive, send)


async def _answer(request: Request) -> tuple[Answered, str]:
    """The answer, and the content type that it goes out in."""
    if request.method not in METHODS:
        raise Refused(405, "not-supported", f"This server takes: {', '.join(METHODS)}.", headers={"Allow": ", ".join(METHODS)})
    query = _params(request.url.query)
    kind = answered_in(request.headers.get("accept", ""), query)
    path = request.url.path.removeprefix(ROOT).strip("/")
    if len(path) > LONGEST:
        raise Refused(404, "not-found", "There is nothing at this address.")
    parts: ApiParts = request.app.state.parts
    base = f"{(parts.public_url or str(request.base_url)).rstrip('/')}{ROOT}"
    if path in OPEN and request.method in ("GET", "HEAD"):
        return reading.described(base), kind
    text = await request.body()
    caller = await caller_of(parts, _SHOWN.shown(request))
    searches = request.method in ("GET", "HEAD") or path.endswith("/_search")
    desk = _desk(request, parts, caller, base, looks=searches)
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    if searches:
        if request.method not in ("GET", "HEAD"):
            query = (*query, *_form(request, text))
        return await reading.read(desk, Asked("GET", path, query, headers)), kind
    media = readable(request.method, request.headers.get("content-type", "")) if request.method != "DELETE" else FHIR_JSON
    body = _json(text) if request.method != "DELETE" else None
    return await writing.answer(desk, Asked(request.method, path, query, headers, media, body, text)), kind


def _desk(request: Request, parts: ApiParts, caller: Caller, base: str, *, looks: bool) -> Desk:
    trail = trail_of(request)

    async def enter(
        type: str, letter: str, rights: tuple[str, ...], *, record: str = "", changes: bool = False, about: str = ""
    ) -> None:
        if not allows(caller.scopes, type, letter):
            raise Refused(403, "forbidden", f"Your token takes no system/{type}.{letter}: ask for it, and have it registered.")
        right = next((one for one in rights if has(caller, one)), None)
        if right is None:
            raise Refused(
                403, "forbidden", f"The role {caller.role} may not do this with {type}, or this key is limited to other things."
            )
        named = record or (type if changes else "")
        try:
            await trail.begins(request, caller, right, looks=not changes, record=named, about=about)
        except NotWrittenDown:
            raise Problem(503, NOT_KEPT) from None

    async def leave(status: int) -> None:
        try:
            await trail.ends(status)
        except NotWrittenDown:
            raise Problem(503, NOT_KEPT) from None

    return Desk(parts, caller, base, _language(request), enter, reading.read, leave)


def _form(request: Request, text: bytes) -> tuple[tuple[str, str], ...]:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM and text.strip():
        raise Refused(415, "not-supported", f"A posted search has its parameters as {FORM}.")
    try:
        return _params(text.decode())
    except UnicodeDecodeError:
        raise Refused(400, "invalid", f"The body cannot be read: send parameters as {FORM}, in UTF-8.") from None


def _params(written: str) -> tuple[tuple[str, str], ...]:
    try:
        return tuple(parse_qsl(written, keep_blank_values=True, max_num_fields=MOST_PARAMS, errors="replace"))
    except ValueError:
        raise Refused(400, "too-costly", f"No request has more than {MOST_PARAMS} parameters: ask in parts.") from None


def _json(text: bytes) -> Any:
    """The body. Raises Refused 400 for what is no JSON, or holds what no database keeps."""
    try:
        body = json.loads(text.decode("utf-8-sig"), parse_constant=_no_constant)
        if _is_odd(body):
            raise ValueError
    except (ValueError, RecursionError):
        raise Refused(400, "structure", "The body is no JSON of UTF-8 text: send one JSON object.") from None
    return body


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _is_odd(body: Any) -> bool:
    """Whether a text in it is none: half a pair of letters, or the letter that ends texts; or a number is beyond all measure."""
    match body:
        case str():
            return "\x00" in body or any("\ud800" <= letter <= "\udfff" for letter in body)
        case dict():
            return any(_is_odd(name) or _is_odd(value) for name, value in body.items())
        case list():
            return any(_is_odd(one) for one in body)
        case float():
            return body in (float("inf"), float("-inf"))
        case int():
            return abs(body) >= 2**63
    return False


def _language(request: Request) -> str:
    first = request.headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip()
    return "zh-Hans" if first.lower().startswith("zh") else first[:2].lower() if first[:2].isalpha() else "en"


def _response(request: Request, answered: Answered, kind: str) -> Response:
    headers = dict(answered.headers)
    changed = headers.get("Last-Modified", "")
    if changed.endswith("Z"):
        headers["Last-Modified"] = format_datetime(datetime.fromisoformat(changed).astimezone(UTC), usegmt=True)
    if answered.resource is None:
        return Response(b"", answered.status, headers)
    pretty = any(one == ("_pretty", "true") for one in parse_qsl(request.url.query, errors="replace"))
    body = json.dumps(answered.resource, ensure_ascii=False, allow_nan=False, indent=2 if pretty else None).encode()
    return Response(body, answered.status, headers, media_type=f"{kind}; charset=utf-8")
