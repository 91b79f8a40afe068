"""Alerts: what people must look at, one open for each thing that is wrong, cleared when it is no longer so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from records.pages import Page, cursor, moment_behind
from records.scope import Scope
from records.tables import Alert, Moment

MUCH_WORSE = 10
"""Times as many waiting."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong now. ``about`` tells it from others of its ``kind``; ``care_team`` where it concerns one alone."""

    kind: str
    about: str
    cause: str
    channel: str = ""
    care_team: str | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many messages or people wait; 0 where it is not of that kind."""
        return int(self.counts.get("waiting") or self.counts.get("people") or 0)


@dataclass(frozen=True)
class Alerts:
    """Alerts of one transaction."""

    session: AsyncSession

    async def open(self) -> Sequence[Alert]:
        """Those that stand, the oldest first."""
        query = select(Alert).where(Alert.cleared.is_(None)).order_by(Alert.raised, Alert.id)
        return list(await self.session.scalars(query))

    async def compare(self, troubles: Iterable[Trouble], *, kinds: Iterable[str], at: datetime) -> tuple[list[Alert], list[Alert]]:
        """Raise what is wrong and was not, clear what was wrong and is not, of the ``kinds`` that were looked at.

        Answers (raised, cleared). What goes on being wrong keeps its alert, with its newest counts and cause; where it has become
        ``MUCH_WORSE`` than when it was told, it is told anew: somebody may have thought that they could wait.
        """
        wrong = {(trouble.kind, trouble.about): trouble for trouble in troubles}
        looked_at = set(kinds)
        standing = {(alert.kind, alert.about): alert for alert in await self.open() if alert.kind in looked_at}
        cleared = [alert for name, alert in standing.items() if name not in wrong]
        for alert in cleared:
            alert.cleared, alert.told = at, None
        raised = []
        for name, trouble in wrong.items():
            one = standing.get(name)
            told_of = one.body.get("told_of", 0) if one is not None else 0
            worse = one is not None and trouble.size >= MUCH_WORSE * max(1, told_of)
            counts = {**trouble.counts, **({"told_of": trouble.size if worse or one is None else told_of} if trouble.size else {})}
            if one is not None:
                one.body, one.cause = counts, trouble.cause
                if worse:
                    one.told, one.seen, one.seen_by = None, None, ""
                    raised.append(one)
                continue
            alert = Alert(
                id=uuid4().hex,
                kind=trouble.kind,
                about=trouble.about,
                care_team_id=trouble.care_team,
                channel=trouble.channel,
                cause=trouble.cause,
                body=counts,
                raised=at,
            )
            self.session.add(alert)
            raised.append(alert)
        await self.session.flush()
        return raised, cleared

    async def page(self, scope: Scope, *, only_open: bool, limit: int, after: str | None) -> Page[Alert]:
        """Alerts that concern the caller, newest first: of their teams, and those of no single team. Raises BadCursor."""
        query = select(Alert).order_by(Alert.raised.desc(), Alert.id.desc()).limit(limit + 1)
        if scope.teams is not None:
            query = query.where(or_(Alert.care_team_id.is_(None), Alert.care_team_id.in_(sorted(scope.teams))))
        if only_open:
            query = query.where(Alert.cleared.is_(None))
        last = moment_behind(after)
        if last is not None:
            query = query.where(tuple_(Alert.raised, Alert.id) < tuple_(literal(last[0], Moment()), literal(last[1])))
        found = list(await self.session.scalars(query))
        shown = found[:limit]
        return Page(shown, cursor(shown[-1].raised.isoformat(), shown[-1].id) if len(found) > limit else None)

    async def one(self, alert_id: str, scope: Scope) -> Alert | None:
        """The alert, held against anybody else's change; one that is not the caller's looks like a missing one."""
        alert = await self.session.get(Alert, alert_id, with_for_update=True, populate_existing=True)
        mine = alert is not None and (alert.care_team_id is None or scope.covers_team(alert.care_team_id))
        return alert if mine else None

    async def untold(self, limit: int = 50) -> Sequence[Alert]:
        """Those of which the network's own webhook has not heard as they are now."""
        query = select(Alert).where(Alert.told.is_(None)).order_by(Alert.raised, Alert.id).limit(limit)
        return list(await self.session.scalars(query))
