"""Rules of contact: when and how often a network's patients are texted.

Rule 1: a row holds what differs from the shipped rules; a network without a row keeps those.
Rule 2: ``version`` counts the edits that people make, ``calendar_edits`` those of calendars and places that the rules read: whoever
        keeps what was worked out of a row keeps it for as long as both stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine.plan import ContactRules
from records.bookings import kept_calendar
from records.tables import ContactRulesRow, Holiday, NetworkSupply, Organisation

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EARLIEST, LATEST = time(6, 0), time(22, 0)
SHORTEST, MINUTE = timedelta(hours=2), timedelta(minutes=1)


class NotDecent(ValueError):
    """Rules that no network may keep: ``field`` is which, ``remedy`` what would be right."""

    def __init__(self, field: str, what: str, remedy: str) -> None:
        super().__init__(f"{field} {what}; {remedy}")
        self.field, self.what, self.remedy = field, what, remedy


@dataclass(frozen=True)
class NetworkRules:
    """Rules of contact of networks, in one transaction."""

    session: AsyncSession

    async def row(self, network: str, *, lock: bool = False) -> ContactRulesRow | None:
        """What the network wrote down, if it did. ``lock``: held against anybody else's change."""
        return await self.session.get(ContactRulesRow, network, with_for_update=lock or None, populate_existing=lock)

    async def write(self, network: str, body: Mapping[str, Any], *, by: str, at: datetime) -> ContactRulesRow:
        """Replace what the network wrote down. Raises NotDecent."""
        rules_in(body)
        row = await self.row(network, lock=True)
        if row is None:
            row = ContactRulesRow(network_id=network, body=dict(body), changed=at, by=by, version=1, calendar_edits=0)
            self.session.add(row)
        else:
            row.body, row.changed, row.by, row.version = dict(body), at, by, row.version + 1
        return row

    async def of(self, organisation: str, *, base: ContactRules | None = None) -> ContactRules:
        """The rules by which patients of an organisation's teams are texted: two queries at most."""
        network = select(Organisation.network_id).where(Organisation.id == organisation).scalar_subquery()
        body = await self.session.scalar(select(ContactRulesRow.body).where(ContactRulesRow.network_id == network))
        rules = base or ContactRules()
        if body is None:
            return rules
        rules = rules_in(body, base=rules)
        if not body.get("quiet_holidays"):
            return rules
        days = select(Holiday.day).where(Holiday.calendar == kept_calendar(organisation), Holiday.working.is_(False))
        return replace(rules, quiet_dates=rules.quiet_dates | frozenset(await self.session.scalars(days)))

    async def calendar_changed(self, calendar: str) -> None:
        """Somebody said what days of a calendar are: the networks that keep it read it anew."""
        keepers = select(Organisation.network_id).where(Organisation.calendar == calendar)
        await self._read_anew(ContactRulesRow.network_id.in_(keepers))

    async def place_changed(self, *networks: str) -> None:
        """A place keeps another calendar, or hangs elsewhere."""
        await self._read_anew(ContactRulesRow.network_id.in_(sorted(set(networks))))
        holding = update(NetworkSupply).where(NetworkSupply.network_id.in_(sorted(set(networks))))
        raised = holding.values(edits=NetworkSupply.edits + 1)
        await self.session.execute(raised, execution_options={"synchronize_session": False})

    async def _read_anew(self, which: Any) -> None:
        raised = update(ContactRulesRow).where(which).values(calendar_edits=ContactRulesRow.calendar_edits + 1)
        await self.session.execute(raised, execution_options={"synchronize_session": False})


def rules_in(body: Mapping[str, Any], *, base: ContactRules | None = None) -> ContactRules:
    """The rules that ``body`` writes down over ``base``, without the holidays of a calendar. Raises NotDecent."""
    rules = base or ContactRules()
    weekdays = body.get("quiet_weekdays")
    dates = body.get("quiet_dates")
    rules = replace(
        rules,
        opens=_clock(body, "opens", rules.opens),
        closes=_clock(body, "closes", rules.closes),
        spread_minutes=body.get("spread_minutes", rules.spread_minutes),
        weekly_cap=body.get("weekly_cap", rules.weekly_cap),
        quiet_weekdays=rules.quiet_weekdays if weekdays is None else frozenset(map(WEEKDAYS.index, weekdays)),
        quiet_dates=rules.quiet_dates if dates is None else frozenset(map(date.fromisoformat, dates)),
        texts_need_consent=body.get("texts_need_consent", rules.texts_need_consent),
    )
    window = _since_midnight(rules.closes) - _since_midnight(rules.opens)
    if rules.opens < EARLIEST:
        raise NotDecent("opens", f"is {rules.opens:%H:%M}", f"nobody is texted before {EARLIEST:%H:%M}")
    if rules.closes > LATEST:
        raise NotDecent("closes", f"is {rules.closes:%H:%M}", f"nobody is texted after {LATEST:%H:%M}")
    if window < SHORTEST:
        raise NotDecent("closes", f"is {rules.closes:%H:%M}", f"it is two hours or more after {rules.opens:%H:%M}, the same day")
    if not timedelta(minutes=rules.spread_minutes) < window:
        raise NotDecent("spread_minutes", f"is {rules.spread_minutes}", f"it is less than the window of {window // MINUTE} minutes")
    if len(rules.quiet_weekdays) == len(WEEKDAYS):
        raise NotDecent("quiet_weekdays", "leaves no day", "leave at least one day of the week on which texts go out")
    return rules


def _clock(body: Mapping[str, Any], name: str, otherwise: time) -> time:
    return time.fromisoformat(body[name]) if name in body else otherwise


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute)
