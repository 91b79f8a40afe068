"""What went wrong, as RFC 9457 problem details: where, what, and the remedy.

Rule 1: a record that is not the caller's looks exactly like one that is not there.
Rule 2: nothing that was sent is quoted back: a body holds what is personal, and an answer may be logged on its way.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from records.pages import BadCursor

log = logging.getLogger(__name__)


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


def unusable(field: str, reason: str, remedy: str) -> Problem:
    """One field cannot be used."""
    return Problem(422, "The request cannot be used as it is; nothing was stored.", faults=[Fault(field, reason, remedy)])


def answer(status: int, detail: str, faults: Sequence[Fault] = ()) -> JSONResponse:
    """The problem as it is sent."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [asdict(fault) for fault in faults],
    }
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def handle(app: FastAPI) -> None:
    """Answer every failure of a route as a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, problem: Problem) -> Response:
        return answer(problem.status, problem.detail, problem.faults)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, refused: RequestValidationError) -> Response:
        faults = [
            Fault(".".join(str(part) for part in fault["loc"]), str(fault["msg"]), _remedy(str(fault["type"])))
            for fault in refused.errors()
        ]
        return answer(422, "The request cannot be used as it is; nothing was stored.", faults)

    @app.exception_handler(BadCursor)
    async def _cursor(request: Request, bad: BadCursor) -> Response:
        return answer(422, "The request cannot be used as it is.", [Fault("after", str(bad), "take `next` of the page before")])

    @app.exception_handler(HTTPException)
    async def _http(request: Request, failed: HTTPException) -> Response:
        detail = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        return answer(failed.status_code, detail.get(failed.status_code, str(failed.detail)))

    @app.exception_handler(Exception)
    async def _fault(request: Request, fault: Exception) -> Response:
        log.error("a request failed: %s", type(fault).__name__)  # the message may hold what is personal
        return answer(500, "Something went wrong on our side; what you sent was not acted on. Please try again.")


def _remedy(kind: str) -> str:
    if kind == "missing":
        return "add this field"
    if kind == "extra_forbidden":
        return "leave this field out, or look for a slip of the pen in its name"
    if kind.startswith(("datetime", "timezone")):
        return "write a moment such as 2025-03-03T09:00:00Z"
    if kind.startswith("date"):
        return "write a day such as 2025-03-03"
    return "see /docs for what this field takes"
