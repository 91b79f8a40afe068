"""The rollouts that moved a patient, or called a move off, as their timeline tells of them: who, when, and which was taken back.

Rule: a rollout is named by the day on which it began, as on its own page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.ext.asyncio import AsyncSession

from api.showing.words import Titles, about, day_said, line, word
from pathways.engine.commands import Reason
from records.callers import names_of
from records.rollouts import Rollouts


@dataclass(frozen=True, slots=True)
class Rolled:
    """Who began a rollout, when and why. ``undoes``: when the one began that it takes back, None where it takes none back."""

    who: str
    on: date
    why: str
    undoes: date | None

    def told(self, reason: Reason, language: str, titles: Titles) -> str:
        """The reason in one plain line, with whose doing it was."""
        said = replace(reason, code="version_moved_back") if self.undoes and reason.code == "version_changed" else reason
        whose = word("rollouts", "taken_back" if self.undoes else "begun", language)
        parts = {"who": self.who, "day": day_said(self.on, language)}
        parts |= {"began": day_said(self.undoes, language)} if self.undoes else {}
        return about(line(said, language, titles), whose.format_map(parts), language)


NO_ROLLOUTS: Mapping[str, Rolled] = {}


def rollout_of(reason: Reason) -> str:
    """The id of the rollout that a reason comes from; "" where it comes from none."""
    return str(reason.detail.get("rollout", ""))


async def rolled(session: AsyncSession, reasons: Iterable[Reason]) -> Mapping[str, Rolled]:
    """By id, the rollouts that these reasons come from; nothing is asked where they come from none."""
    ids = {rollout_of(reason) for reason in reasons} - {""}
    if not ids:
        return NO_ROLLOUTS
    found = await Rollouts(session).with_what_they_undo(ids)
    names = await names_of(session, {one.by for one, _ in found})
    return {
        one.id: Rolled(names.get(one.by, one.by), one.started.date(), one.why, undone.date() if undone is not None else None)
        for one, undone in found
    }
