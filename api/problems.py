"""What went wrong, as RFC 9457 problem details: where, what, and the remedy.

Rule 1: a record that is not the caller's looks exactly like one that is not there.
Rule 2: nothing that was sent is quoted back: a body holds what is personal, and an answer may be logged on its way.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, TypeAdapter
from starlette.exceptions import HTTPException

from records.accounts import Crowded
from records.database import DatabaseAway
from records.pages import BadCursor
from records.sign_in_limits import TooManyTries

log = logging.getLogger(__name__)
MOST_SAID = 100  # faults of one request
TOO_MANY = "Too many tries to sign in have failed from where you are. Wait a quarter of an hour; then try again."


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request: the field, why, and what would be right."""

    field: str
    reason: str
    remedy: str


class Problem(Exception):
    """A request that is not carried out."""

    def __init__(self, status: int, detail: str, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(f"{status} {detail}")
        self.status, self.detail, self.faults = status, detail, tuple(faults)


def not_found() -> Problem:
    """There is no such record, or it is not the caller's."""
    return Problem(404, "There is no such record among yours.")


def changed_since() -> Problem:
    """Somebody else was quicker."""
    return Problem(412, "This has changed since you read it; nothing was stored. Read it again, and decide again.")


def unread() -> Problem:
    """Two people may edit this, and the caller did not say which state they had read."""
    return Problem(428, "Send the ETag of what you read as If-Match, so that nobody's work is overwritten. Nothing was stored.")


def unusable(field: str, reason: str, remedy: str) -> Problem:
    """One field cannot be used."""
    return Problem(422, "The request cannot be used as it is; nothing was stored.", faults=[Fault(field, reason, remedy)])


@contextmanager
def unusable_where(field: str, *faults: type[Exception]) -> Iterator[None]:
    """What raises one of ``faults``, whose text is "reason; remedy", is said of ``field``. Raises Problem 422."""
    try:
        yield
    except faults as wrong:
        reason, _, remedy = str(wrong).partition("; ")
        raise unusable(field, reason, remedy) from None


def answer(status: int, detail: str, faults: Sequence[Fault] = ()) -> JSONResponse:
    """The problem as it is sent."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [asdict(fault) for fault in faults],
    }
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "900"}, 503: {"Retry-After": "5"}}.get(status)
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def answer_at(path: str, status: int, detail: str) -> JSONResponse:
    """The problem as it is sent from ``path``, before any route is asked: a record system is answered in its own words."""
    if not path.startswith("/fhir"):
        return answer(status, detail)
    code = {404: "not-found", 413: "too-long", 503: "transient"}.get(status, "processing")
    body = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": code, "diagnostics": detail}]}
    return JSONResponse(body, status, {"Retry-After": "5"} if status == 503 else None, media_type="application/fhir+json")


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "The request cannot be used as it is; nothing was stored.",
                    "errors": [{"field": "body.at", "reason": "lies ahead", "remedy": "give the moment at which it happened"}],
                }
            ]
        }
    )
    type: str
    title: str
    status: int
    detail: str
    errors: list[FaultOut]


class FaultOut(BaseModel):
    """One thing that is wrong: where, why, and what would be right."""

    field: str
    reason: str
    remedy: str


_WHEN: Mapping[int, str] = {
    401: "No key, or one that is not known here, has expired or was revoked",
    403: "The caller's role, or this key, may not do this",
    404: "There is no such record among the caller's",
    405: "This address does not take that method",
    408: "The body did not come in time",
    409: "The record stands in a way that does not allow it",
    412: "The record has changed since it was read",
    413: "This is longer than the address takes",
    422: "The request cannot be used: each field, why, and the remedy",
    428: "Two people may edit this: say with If-Match what you read",
    503: "A part is away; nothing was shown. Repeat with the same Idempotency-Key",
}

#: What every route may answer besides its own; for the API's description.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": when, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}}
    for status, when in _WHEN.items()
}
#: Of the few that somebody may guess at.
TOO_OFTEN: dict[int | str, dict[str, Any]] = {
    429: {
        "description": "Too many tries have failed from this address; see Retry-After",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
    }
}


def handle(app: FastAPI) -> None:
    """Answer every failure of a route as a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return answer(problem.status, problem.detail, problem.faults)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, refused: RequestValidationError) -> Response:
        faults = [
            Fault("body", f"is not JSON, from character {fault['loc'][-1]} on", "send one JSON object, in UTF-8")
            if fault["type"] == "json_invalid"
            else Fault(_where(fault["loc"]), str(fault["msg"]).removeprefix("Value error, "), _remedy(str(fault["type"])))
            for fault in islice(refused.errors(), MOST_SAID)
        ]
        return answer(422, "The request cannot be used as it is; nothing was stored.", faults)

    @app.exception_handler(BadCursor)
    async def _cursor(request: Request, bad: BadCursor) -> Response:
        return answer(422, "The request cannot be used as it is.", [Fault("after", str(bad), "take `next` of the page before")])

    @app.exception_handler(HTTPException)
    async def _http(request: Request, failed: HTTPException) -> Response:
        if failed.status_code == 400:  # the framework's word for a body that is no text
            return answer(
                422,
                "The request cannot be used as it is; nothing was stored.",
                [Fault("body", "cannot be read", "send one JSON object, in UTF-8")],
            )
        detail = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        response = answer(failed.status_code, detail.get(failed.status_code, str(failed.detail)))
        response.headers.update(failed.headers or {})  # which methods the address does take
        return response

    @app.exception_handler(DatabaseAway)
    async def _away(request: Request, away: DatabaseAway) -> Response:
        return answer(503, "The database does not answer. Repeat this in a moment, with the same Idempotency-Key.")

    @app.exception_handler(Crowded)
    async def _crowded(request: Request, crowded: Crowded) -> Response:
        return answer(503, "Too many people sign in just now; nothing was changed. Please try again in a moment.")

    @app.exception_handler(TooManyTries)
    async def _too_many(request: Request, many: TooManyTries) -> Response:
        return answer(429, TOO_MANY)

    @app.exception_handler(Exception)
    async def _fault(request: Request, fault: Exception) -> Response:
        log.error("a request failed: %s", type(fault).__name__)  # the message may hold what is personal
        return answer(
            500,
            "Something went wrong on our side. Whether it was stored is not known: repeat it with the same Idempotency-Key.",
        )


def describe(app: FastAPI) -> None:
    """Put the shape of a problem into the API's description, for every route to refer to."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "ProblemOut" not in schemas:
            models = TypeAdapter(ProblemOut).json_schema(ref_template="#/components/schemas/{model}")
            schemas |= models.pop("$defs") | {"ProblemOut": models}
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _where(loc: Sequence[str | int]) -> str:
    """The field, by names of ours: a name that the caller made up may be anything, and is shown only where it looks like one."""
    return ".".join(str(part) if isinstance(part, int) or re.fullmatch(r"[A-Za-z0-9_@\[\]-]{1,60}", part) else "?" for part in loc)


def _remedy(kind: str) -> str:
    if kind == "missing":
        return "add this field"
    if kind == "extra_forbidden":
        return "leave this field out, or look for a slip of the pen in its name"
    if kind.startswith(("datetime", "timezone")):
        return "write a moment such as 2025-03-03T09:00:00Z"
    if kind.startswith("date"):
        return "write a day such as 2025-03-03"
    if kind == "value_error":
        return "correct it, and send it again"
    if kind in ("literal_error", "enum"):
        return "write one of the words named here"
    return "see /docs for what this field takes"
