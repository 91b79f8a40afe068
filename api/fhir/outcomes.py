"""OperationOutcome: what went wrong at the door, where, and what would be right.

Rule: nothing that was sent is quoted back, as with the REST routes' problems.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.exceptions import HTTPException

from api.fhir.exchange import Answered
from api.fhir.kinds import Refused, Resource
from api.problems import Problem
from records.accounts import Crowded
from records.database import DatabaseAway
from records.pages import BadCursor

#: HL7's IssueType for an HTTP status.
CODES = {
    400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported", 408: "timeout",
    409: "conflict", 410: "deleted", 412: "conflict", 413: "too-long", 415: "not-supported", 422: "business-rule", 428: "required",
    429: "throttled", 500: "exception", 501: "not-supported", 503: "transient",
}  # fmt: skip

_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}


def outcome(code: str, text: str, where: Iterable[str] = (), *, severity: str = "error") -> Resource:
    """An outcome of one issue."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(severity, code, text, where)]}


def outcome_of(fault: Exception) -> Answered:
    """What is answered when something went wrong; of a fault of ours nothing is said but that it is one."""
    match fault:
        case Refused():
            return Answered(fault.status, of_refused(fault), fault.headers)
        case BadCursor():
            text = f"_cursor: {fault}; follow the next link of the page before as it is."
            return Answered(400, outcome("invalid", text, ("_cursor",)))
        case Problem():
            return Answered(fault.status, of_problem(fault), _HEADERS.get(fault.status, {}))
        case HTTPException():
            return Answered(
                fault.status_code, outcome(CODES.get(fault.status_code, "processing"), fault.detail), dict(fault.headers or {})
            )
        case DatabaseAway() | Crowded():
            again = "The server is away for a moment. Repeat this, with the same Idempotency-Key where it changes something."
            return Answered(503, outcome("transient", again), _HEADERS[503])
    text = "Something went wrong on our side. Whether it was stored is not known: read it, or repeat with the same Idempotency-Key."
    return Answered(500, outcome("exception", text))


def of_refused(refused: Refused) -> Resource:
    """All that is wrong."""
    issues = [_issue("error", refused.code, refused.text, refused.where)]
    issues += [_issue("error", one.code, one.text, one.where) for one in refused.also]
    return {"resourceType": "OperationOutcome", "issue": issues}


def of_problem(problem: Problem) -> Resource:
    """What a REST route would have answered."""
    code = CODES.get(problem.status, "processing")
    if not problem.faults:
        return outcome(code, problem.detail)
    issues = [_issue("error", code, f"{f.field} {f.reason}: {f.remedy}", ()) for f in problem.faults]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _issue(severity: str, code: str, text: str, where: Iterable[str]) -> Resource:
    expression = [one for one in where if one]
    return {"severity": severity, "code": code, "diagnostics": text} | ({"expression": expression} if expression else {})
