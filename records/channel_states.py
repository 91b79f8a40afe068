"""How channels are doing: shared by all workers, so that a provider that is down is asked by one of them, not by all.

Rule: after a rest one text goes first; the others come when it was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import take_turns
from records.tables import ChannelState, SmsPace

#: How long the text that goes first has; longer than a provider's answer takes.
A_TRY = timedelta(seconds=40)
ALL_CHANNELS = "*"


@dataclass(frozen=True)
class ChannelStates:
    """Channels of one transaction."""

    session: AsyncSession

    async def of(self, names: Iterable[str]) -> dict[str, ChannelState]:
        """How those that have ever failed are doing, by name."""
        query = select(ChannelState).where(ChannelState.name.in_(tuple(names)))
        return {state.name: state for state in await self.session.scalars(query)}

    async def go_first(self, state: ChannelState, *, now: datetime) -> datetime | None:
        """None where a text may go; else until when it waits: the channel rests, or another was quicker to go first."""
        if state.paused_until is None:
            return None
        await self.session.refresh(state, with_for_update=True)
        if state.paused_until is None:
            return None
        if state.paused_until > now:
            return state.paused_until
        state.paused_until = now + A_TRY
        return None

    async def failed(
        self, name: str, why: str, rest: Callable[[int], timedelta | None], *, begun: datetime, now: datetime
    ) -> datetime | None:
        """A try that began at ``begun`` failed; ``rest``: for how long after so many in a row. Answers until when it rests.

        What was under way when the channel last failed counts once: twenty texts in one second are one failure.
        """
        await take_turns(self.session, f"channel/{name}")  # there may be no row yet to hold
        state = await self.session.get(ChannelState, name, with_for_update=True, populate_existing=True)
        if state is None:
            state = ChannelState(name=name, failures=0, why="", changed=begun)
            self.session.add(state)
        elif state.failures and begun < state.changed:
            return state.paused_until
        state.failures += 1
        state.why, state.changed = why, now
        length = rest(state.failures)
        if length is None and state.paused_until is not None:  # it rested, and what went first was not taken
            length = A_TRY
        state.paused_until = now + length if length is not None else None
        return state.paused_until

    async def well(self, name: str, *, begun: datetime, now: datetime) -> None:
        """A try that began at ``begun`` was answered as it should be."""
        state = await self.session.get(ChannelState, name)
        if state is None or not state.failures or begun < state.changed:
            return
        await self.session.refresh(state, with_for_update=True)
        state.failures, state.paused_until, state.why, state.changed = 0, None, "", now


async def next_turn(session: AsyncSession, *, apart: timedelta, within: timedelta, now: datetime) -> datetime | None:
    """The moment of the next text of all workers together: ``apart`` from the one before, and not before ``now``.

    None, and no turn is taken, where that is more than ``within`` away.
    """
    await take_turns(session, "sms pace")
    pace = await session.get(SmsPace, ALL_CHANNELS, populate_existing=True)
    if pace is None:
        session.add(SmsPace(name=ALL_CHANNELS, last=now))
        return now
    at = max(now, pace.last + apart)
    if at > now + within:
        return None
    pace.last = at
    return at
