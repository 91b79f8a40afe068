"""Answering what a place was asked: one shape for referrals and refills.

Rule 1: a request that is not the caller's looks like one that is not there, before anything else is said about it.
Rule 2: told twice is one event; a wrong move is refused, and says where the request stands and what it could become.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from api.models.base import Written
from api.problems import Problem, not_found
from api.writing import Case, Writing
from pathways.engine.events import AnyEvent
from records.feed import Feed, fingerprint
from records.requests import Moves, Requests, WrongMove, check_move, etag
from records.scope import Scope
from records.tables import ReferralRow, RefillRow

R = TypeVar("R", ReferralRow, RefillRow)
Asked = Callable[[AsyncSession], Requests[R]]


async def one(requests: Requests[R], scope: Scope, id_: str) -> R:
    """The request. Raises Problem 404."""
    row = await requests.one(scope, id_)
    if row is None:
        raise not_found()
    return row


async def answer(
    writing: Writing, scope: Scope, asked: Asked[R], id_: str, change: Callable[[Case, R], Awaitable[AnyEvent | None]]
) -> Written:
    """Let ``change`` move the request while its patient is held. Raises Problem 404, 409, 412, and what ``change`` raises."""
    async with writing.parts.database.reading() as session:
        patient_id = (await one(asked(session), scope, id_)).patient_id

    async def held(case: Case) -> AnyEvent | None:
        row = await one(asked(case.session), scope, id_)
        writing.expects(etag(row))
        before = fingerprint(row)
        event = await change(case, row)
        if fingerprint(row) != before:
            await Feed(case.session).moved(row, case.person, by=writing.caller_id)
        return event

    return await writing.change(patient_id, held, by_patient=False)


def may_move(moves: Moves, was: str, stage: str, *, what: str) -> None:
    """Raises Problem 409 unless ``what`` may move from ``was`` to ``stage``."""
    try:
        check_move(moves, was, stage)
    except WrongMove as wrong:
        from_ = sorted(words(one) for one in moves[stage])
        could = f"it could become {_any_of(map(words, wrong.could))}" if wrong.could else "nothing more comes of it"
        only = f"only one that is {_any_of(from_)} can"
        raise Problem(409, f"This {what} is {words(was)} and cannot become {words(stage)}: {only}. From here {could}.") from None


def words(stage: str) -> str:
    """A stage in words."""
    return stage.replace("_", " ")


def _any_of(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
