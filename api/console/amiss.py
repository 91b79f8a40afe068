"""What goes wrong on a page, shown as a page: nobody at work should meet a line for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.console.desk import COOKIE, pages_of
from api.console.forms import csrf_token
from api.console.refusals import AWAY, FAULT, NOTHING, ODD_ADDRESS
from api.console.render import Reader, html
from api.problems import Problem
from records.callers import Caller
from records.database import DatabaseAway


def as_pages(app: FastAPI, machines: Sequence[str]) -> None:
    """Whoever asks for a page gets one, where the API answers with a problem. ``machines``: beginnings of addresses of the API."""

    def on_a_page(fault: type[Exception], problem: Problem) -> None:
        """What is answered as a problem elsewhere is ``problem`` to somebody who asked for a page."""
        elsewhere: Any = app.exception_handlers[fault]

        @app.exception_handler(fault)
        async def _answered(request: Request, error: Exception) -> Response:
            machine = request.url.path.startswith(tuple(machines)) or "text/html" not in request.headers.get("accept", "")
            if machine:
                answer: Response = await elsewhere(request, error)
                return answer
            return page_of(request, problem, None)

    on_a_page(HTTPException, Problem(404, NOTHING))
    on_a_page(RequestValidationError, Problem(422, ODD_ADDRESS))
    on_a_page(DatabaseAway, Problem(503, AWAY))
    on_a_page(Exception, Problem(500, FAULT))


def page_of(request: Request, problem: Problem, caller: Caller | None) -> Response:
    """The page that says what is the matter."""
    return html(
        "problem.html",
        status=problem.status,
        reader=Reader.of(request),
        caller=caller,
        pages=pages_of(caller) if caller else [],
        csrf=csrf_token(request.cookies.get(COOKIE, "")),
        notice="",
        problem=problem,
    )
