"""A patient's timeline and texts, line by line."""

from __future__ import annotations

from collections.abc import Mapping

from api.models.story import MessageOut, TimelineLine
from api.showing.came_of import Behind, CameOf, came_of
from api.showing.rolled import NO_ROLLOUTS, Rolled, rollout_of
from api.showing.words import Titles, in_language, line, no_titles
from records.messages import Text
from records.timeline import Line


def timeline_line(
    found: Line,
    language: str,
    titles: Titles = no_titles,
    rollouts: Mapping[str, Rolled] = NO_ROLLOUTS,
    known: Behind | None = None,
) -> TimelineLine:
    """A reason in one plain line, and the codes behind it. ``rollouts``: by id, those that it may come from; ``known``: what
    stands behind the lines of its page, None where no step was taken.
    """
    reason = found.reason
    by = rollouts.get(rollout_of(reason))
    came = CameOf() if known is None else came_of(found, known, language, titles)
    says = "" if known is None else known.beginning(reason)
    return TimelineLine(
        at=reason.at,
        step=found.step,
        code=reason.code,
        text=line(reason, language, titles, says=says) if by is None else by.told(reason, language, titles),
        held_back=reason.held_back,
        pathway=reason.pathway,
        version=reason.version,
        service=reason.service,
        row=reason.row,
        decision=reason.decision,
        inputs=dict(reason.inputs),
        missing=list(reason.missing),
        because=in_language(reason.because, language) or (by.why if by is not None else ""),
        cites=reason.cites,
        key=reason.key,
        rollout=rollout_of(reason),
        came_of=came.text,
        event=came.code,
        who=came.who,
    )


def message(text: Text) -> MessageOut:
    """One SMS, and what became of it."""
    return MessageOut(
        at=text.at,
        direction=text.direction,
        text=text.text,
        key=text.key,
        status=text.status,
        reason=text.reason,
        settled=text.settled,
        who=text.who,
        channel=text.channel,
        arrived=text.arrived,
        segments=text.segments,
        cost=text.cost,
        currency=text.currency,
    )
