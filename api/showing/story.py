"""A patient's timeline and texts, line by line."""

from __future__ import annotations

from api.models.story import MessageOut, TimelineLine
from api.showing.words import Titles, in_language, line, no_titles
from records.messages import Text
from records.timeline import Line


def timeline_line(found: Line, language: str, titles: Titles = no_titles) -> TimelineLine:
    """A reason in one plain line, and the codes behind it."""
    reason = found.reason
    return TimelineLine(
        at=reason.at,
        step=found.step,
        code=reason.code,
        text=line(reason, language, titles),
        held_back=reason.held_back,
        pathway=reason.pathway,
        version=reason.version,
        service=reason.service,
        row=reason.row,
        decision=reason.decision,
        inputs=dict(reason.inputs),
        missing=list(reason.missing),
        because=in_language(reason.because, language),
        cites=reason.cites,
        key=reason.key,
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
