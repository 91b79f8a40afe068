"""Referrals as the place that is asked and the care team see them: how they move, and what was said about them.

Rule: what is said is kept, sealed, for as long as the referral is: who asks again, or reports again, overwrites nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from records.requests import Moves, Requests
from records.tables import ReferralRow
from records.vault import PersonVault

Side = Literal["place", "team"]
Kind = Literal["reason", "question", "reply", "report", "instructions"]

#: Stages in which somebody still has the next word.
OPEN = frozenset({"requested", "received", "more_asked", "accepted", "booked", "not_attended", "attended", "in_progress"})
CLOSED = frozenset({"refused", "completed", "sent_back", "cancelled", "aborted"})
#: Where the place has begun: it is asked to stop, and says that it has.
BEGUN = frozenset({"attended", "in_progress"})
#: Where a place that was asked has said something of its own: it is not passed over any more.
ANSWERED = (OPEN - {"requested", "received"}) | {"completed", "sent_back"}
_ASKED = frozenset({"requested", "received", "accepted", "booked"})

#: From which stages a referral may move to each stage. From ``more_asked`` it moves as from where it was when the place asked.
#: A referral that is ``cancelled`` was taken back by us, which may be at any stage before those of ``BEGUN``; ``aborted`` is the
#: place's answer to ours that it should stop (``abort_asked``).
MOVES: Moves = {
    "received": frozenset({"requested"}),
    "more_asked": _ASKED | {"not_attended", *BEGUN},
    "accepted": frozenset({"requested", "received"}),
    "refused": frozenset({"requested", "received", "accepted"}),
    "booked": _ASKED | {"not_attended"},
    "attended": _ASKED | {"not_attended"},
    "not_attended": frozenset({"accepted", "booked"}),
    "in_progress": _ASKED | {"not_attended", "attended"},
    "completed": _ASKED | BEGUN,
    "sent_back": frozenset({"received", "accepted", "booked", *BEGUN}),
    "aborted": BEGUN,
}


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the thread."""

    at: datetime
    side: Side
    kind: Kind
    text: str


def referrals(session: AsyncSession) -> Requests[ReferralRow]:
    """Referrals of one transaction."""
    return Requests(session, ReferralRow, ReferralRow.place_id)


def told(person: PersonVault, row: ReferralRow) -> dict[str, Any]:
    """What the place was told, ``{pathway, row, inputs, first_asked?}``, and what came of it, ``{thread?, goes_on?, cancelled?}``.

    ``first_asked``: when the first of the places was asked; ``cancelled``: why it was taken back, a code.
    """
    body: dict[str, Any] = person.open(f"referral/{row.key}", row.sealed)
    return body


def thread(body: dict[str, Any]) -> list[Said]:
    """All that was said about the referral of which ``body`` was told, oldest first."""
    return [Said(datetime.fromisoformat(one["at"]), one["side"], one["kind"], one["text"]) for one in body.get("thread", ())]


def say(person: PersonVault, row: ReferralRow, line: Said) -> bool:
    """Keep what was said; False where the same side said just the same last, of this kind."""
    body = told(person, row)
    same = [one.text for one in thread(body) if (one.side, one.kind) == (line.side, line.kind)]
    if same and same[-1] == line.text:
        return False
    kept = {"at": line.at.isoformat(), "side": line.side, "kind": line.kind, "text": line.text}
    row.sealed = person.seal(f"referral/{row.key}", {**body, "thread": [*body.get("thread", ()), kept]})
    return True


def wait_for_reply(person: PersonVault, row: ReferralRow) -> None:
    """The place asked to know more: it goes on afterwards from where it is now; who asks has received."""
    goes_on = row.goes_on = "received" if row.stage == "requested" else row.stage
    row.sealed = person.seal(f"referral/{row.key}", {**told(person, row), "goes_on": goes_on})


def move(row: ReferralRow, stage: str, *, at: datetime) -> None:
    """To ``stage``. Its age there begins, but not where the place only asks or is answered."""
    if stage != "more_asked" and row.stage != "more_asked":
        row.since = at
    elif row.stage == "requested" or (row.stage == "more_asked" and stage != row.goes_on):
        row.since = at  # who asks has received; who goes on without our reply has gone on
    row.stage, row.changed = stage, at


def take_back(person: PersonVault, row: ReferralRow, why: str, *, at: datetime) -> None:
    """Cancel it, where the place has not begun; else ask the place to stop. ``why``: a code that the place is shown."""
    body = {**told(person, row), "cancelled": why}
    row.sealed = person.seal(f"referral/{row.key}", body)
    if stands_at(body, row.stage) in BEGUN:
        row.abort_asked, row.changed = row.abort_asked or at, at
    else:
        move(row, "cancelled", at=at)


def attempt_of(row: ReferralRow) -> int:
    """Which of the places that were asked this one is, from 1; 0 where its key does not say."""
    last = row.key.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0


def stands_at(body: dict[str, Any], stage: str) -> str:
    """The stage from which a referral at ``stage`` moves on: where it was, while the place waits for our reply."""
    return str(body.get("goes_on", "received")) if stage == "more_asked" else stage
