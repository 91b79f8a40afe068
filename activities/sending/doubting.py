"""How long, and how often, a provider is asked about a text of which nobody knows whether it was taken."""

from __future__ import annotations

from datetime import timedelta

#: After this a person is told that nobody knows; a delivery report may settle it before, and still afterwards.
PATIENCE = timedelta(minutes=15)
ASKED_AT = tuple(timedelta(seconds=seconds) for seconds in (5, 35, 155, 455, 900))  # after the attempt
#: Where time stands until everything is settled, questions are counted instead.
DRIVEN_QUESTIONS = 4
DRIVEN_PAUSE = timedelta(milliseconds=500)


def asks_again(asked: int, since: timedelta, *, driven: bool) -> timedelta | None:
    """How long until the provider is asked again, ``asked`` times and ``since`` the attempt; None when that is over."""
    if driven:
        return DRIVEN_PAUSE if asked < DRIVEN_QUESTIONS else None
    if since >= PATIENCE:
        return None
    return next(at for at in ASKED_AT if at > since) - since
