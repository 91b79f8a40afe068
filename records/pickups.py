"""Codes by which a patient, or whom they send, collects what is ready.

Rule 1: a code stands in the text to the patient and nowhere else: it is worked out of the person's key, and compared so.
Rule 2: made ready again, it has another code; forgotten with the person.
Rule 3: a wrong code is counted where it is tried, whatever becomes of the rest; five on one day, and no code is taken that day.
"""

from __future__ import annotations

import hmac
import re
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from records.refills import asked_of
from records.tables import RefillRow
from records.vault import PersonVault

MOST_WRONG = 5  # on one day


class WrongCode(ValueError):
    """It is not the code; ``left``: how often it may still be tried today."""

    def __init__(self, left: int) -> None:
        super().__init__(f"not the code; {left} tries left today")
        self.left = left


class NoCode(ValueError):
    """No code was ever sent for this request."""


def code_of(person: PersonVault, row: RefillRow) -> str | None:
    """The six digits that open it now; None where it was never made ready."""
    times = asked_of(person, row).get("ready", 0)
    return person.code(f"pickup/{row.id}/{times}") if times else None


def shown(code: str) -> str:
    """As it is read out: in two groups."""
    return f"{code[:3]} {code[3:]}"


async def tried(session: AsyncSession, person: PersonVault, row: RefillRow, code: str, today: date) -> None:
    """Compare a code and count it where it is wrong: call it in a transaction of its own. Raises WrongCode, NoCode."""
    right = code_of(person, row)
    if right is None:
        raise NoCode("no code was sent")
    wrong = row.wrong_codes if row.wrong_on == today else 0
    if wrong < MOST_WRONG and hmac.compare_digest(right.encode(), re.sub(r"[^0-9]", "", code).encode()):
        return
    row.wrong_codes, row.wrong_on = min(wrong + 1, MOST_WRONG), today
    await session.flush()
    raise WrongCode(MOST_WRONG - row.wrong_codes)
