"""The dead-man switch: what should have gone out beside what did, and what people hear of it when the two part.

It looks at five things: messages whose moment has passed and that nobody handed over; people whose due moment nobody came for;
far fewer messages planned than on the same weekday and hours of the last weeks; far fewer arriving than usual; far fewer
answers than usual. Each becomes one alert, with the cause that can be seen, and clears when it is over.

Rule 1: it counts what lies in the records, so that it needs no trust in what it watches.
Rule 2: holidays and closed places are no trouble; a team too small to tell from chance is seen with its zone or the whole.
Rule 3: all times are the installation's; hours are compared by the wall clock of those who are texted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.causes import Causes
from activities.usual import fallen, share_fallen
from pathways.engine.calendar import is_quiet, local_day, zone
from pathways.engine.plan import ContactRules
from records.alerts import Alerts, Trouble
from records.bookings import working_days
from records.clock import Clock
from records.contact_rules import NetworkRules
from records.database import Database
from records.figures import LATELY
from records.tables import Alert, CareTeam, Delivery, Patient
from records.traffic import HOUR, WAITING, TrafficCounts, hour_of

LATE = timedelta(minutes=20)  # what is due is handed over within seconds, a batch within minutes
SOME = 3  # of anything late; one alone has a longer time
ONE_ALONE = timedelta(minutes=50)
WEEKS = 4
SHORT, DAY = (1, 3), (24,)  # hours that are looked at together, each time and once an hour
REPORTED_BY = timedelta(hours=2)  # of tries in which what became of them is told meanwhile
TOO_YOUNG = timedelta(minutes=10)  # for a report to be missed
USUAL_OVER = timedelta(days=7)
RECOUNTED = 3  # hours, each time
REPORTS_COME_FOR = 72  # hours in which a provider may still say what became of a message
KINDS = ("not_handed_over", "not_stepped", "planned_fewer", "not_arriving")
HOURLY_KINDS = ("planned_fewer_day", "answered_fewer")

Usual = Mapping[str, Sequence[float]]
"""By care team, the messages of the same hours in each week before."""

Probe = Callable[[], Awaitable[str]]
"""What the outside says: ``temporal_away``, ``no_worker``, or nothing."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of a look."""

    raised: Sequence[Alert]
    cleared: Sequence[Alert]
    open: int


async def _nothing_seen() -> str:
    return ""


@dataclass(frozen=True)
class DeadMan:
    """Looks when it is told to. ``probe`` asks Temporal; without one that cause is not seen."""

    database: Database
    clock: Clock
    probe: Probe = _nothing_seen

    async def count(self) -> int:
        """Count the hours that may still change: the last ones each time, the older ones in turn, and before them those that
        nobody counted while housekeeping was away, or which a driven clock leapt over; answers how many messages.
        """
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            hour, turn = hour_of(now), int(now.timestamp() // 300)
            missed = await self._missed(TrafficCounts(session), hour)
        older = RECOUNTED + turn % (REPORTS_COME_FOR - RECOUNTED)
        many = 0
        for at in (*missed, *(hour - back * HOUR for back in (*range(RECOUNTED), older))):
            async with self.database.begin() as session:  # one each: none holds up the others
                many += await TrafficCounts(session).count(at)
        return many

    async def _missed(self, traffic: TrafficCounts, hour: datetime) -> list[datetime]:
        """The hours in which messages were due, from the one in which the counting broke off; none where it did not."""
        broke_off = await traffic.newest() or hour - LATELY
        missed = [broke_off]
        while (at := await traffic.first_due(max(missed[-1] + HOUR, hour - LATELY), hour - (RECOUNTED - 1) * HOUR)) is not None:
            missed.append(hour_of(at))
        return missed if len(missed) > 1 else []

    async def look(self, *, thoroughly: bool) -> Looked:
        """Compare, and keep what stands. ``thoroughly``: whole days and answers too, which once an hour is enough for."""
        seen_outside = await self.probe()
        async with self.database.begin() as session:
            now = await self.clock.now(session)
            troubles = await _Look(session, now, Causes(session, now, seen_outside)).all(thoroughly=thoroughly)
            alerts = Alerts(session)
            kinds = KINDS + HOURLY_KINDS if thoroughly else KINDS
            raised, cleared = await alerts.compare(troubles, kinds=kinds, at=now)
            return Looked(raised, cleared, len(await alerts.open()))


@dataclass(frozen=True)
class _Look:
    """One look, within one transaction."""

    session: AsyncSession
    now: datetime
    causes: Causes

    async def all(self, *, thoroughly: bool) -> list[Trouble]:
        found = [*await self._not_handed_over(), *await self._not_stepped(), *await self._not_arriving()]
        fewer = await self._planned_fewer("planned_fewer", SHORT)
        found += fewer
        if thoroughly:
            found += [] if fewer else await self._planned_fewer("planned_fewer_day", DAY)
            found += await self._answered_fewer()
        return found

    async def _not_handed_over(self) -> list[Trouble]:
        query = (
            select(Patient.care_team_id, Delivery.channel, func.count(), func.min(Delivery.planned))
            .join(Patient, Patient.id == Delivery.patient_id)
            .where(Delivery.status.in_(WAITING), Delivery.kind == "message", Delivery.planned <= self.now - LATE)
            .group_by(Patient.care_team_id, Delivery.channel)
        )
        rows = (await self.session.execute(query)).all()
        if not self._enough(sum(row[2] for row in rows), [row[3] for row in rows]):
            return []
        teams, channels = {row[0] for row in rows}, Counter({row[1]: 0 for row in rows})
        for row in rows:
            channels[row[1]] += row[2]
        channel = channels.most_common(1)[0][0]
        counts = {"waiting": channels.total(), "oldest": min(row[3] for row in rows).isoformat(), "teams": len(teams)}
        cause = await self.causes.of_deliveries(channel)
        return [Trouble("not_handed_over", "all", cause, channel, next(iter(teams)) if len(teams) == 1 else None, counts)]

    async def _not_stepped(self) -> list[Trouble]:
        late = select(Patient.timezone, func.count(), func.min(Patient.next_due)).where(Patient.next_due <= self.now - LATE)
        found = await self.session.execute(late.group_by(Patient.timezone))
        rows = [(timezone, people, oldest) for timezone, people, oldest in found if oldest is not None]
        if not self._enough(sum(row[1] for row in rows), [row[2] for row in rows]):
            return []
        where = rows[0][0] if len(rows) == 1 else "all"
        counts = {"people": sum(row[1] for row in rows), "oldest": min(row[2] for row in rows).isoformat(), "zones": len(rows)}
        return [Trouble("not_stepped", where, await self.causes.of_steps(), counts=counts)]

    def _enough(self, many: int, oldest: Sequence[datetime]) -> bool:
        return many >= SOME or (many > 0 and min(oldest) <= self.now - ONE_ALONE)

    async def _planned_fewer(self, kind: str, windows: Sequence[int]) -> list[Trouble]:
        """Of the whole, else of zones, else of teams: whoever sees the wood is not told of every tree."""
        zones: dict[str, list[str]] = defaultdict(list)
        for team, timezone in await self.session.execute(select(CareTeam.id, CareTeam.timezone)):
            zones[timezone].append(team)
        for window in windows:
            seen, usual = await self._counts(zones, window)
            groups = (
                {"all": list(usual)},
                {timezone: teams for timezone, teams in zones.items() if len(zones) > 1},
                {team: [team] for team in usual},
            )
            if not any(_sunk(teams, seen, usual) for group in groups for teams in group.values()):
                continue
            at_work = await self._at_work([team for team in usual if seen[team] < median(usual[team])])
            for group in groups:
                sunk = [
                    (about, working)
                    for about, teams in group.items()
                    if _sunk(working := [team for team in teams if at_work.get(team, True)], seen, usual)
                ]
                if sunk:
                    cause = await self.causes.of_plans()
                    return [self._fewer(kind, about, teams, seen, usual, window, cause) for about, teams in sunk]
        return []

    @staticmethod
    def _fewer(kind: str, about: str, teams: list[str], seen: Mapping[str, int], usual: Usual, window: int, cause: str) -> Trouble:
        counts = {
            "planned": sum(seen[team] for team in teams),
            "usual": round(_usual_of(teams, usual)),
            "hours": window,
            "teams": len(teams),
        }
        return Trouble(kind, about, cause, care_team=about if teams == [about] else None, counts=counts)

    async def _counts(self, zones: Mapping[str, Sequence[str]], window: int) -> tuple[Counter[str], dict[str, list[float]]]:
        """By care team: messages of the last ``window`` hours and of the one that has begun; and the same of each week before."""
        traffic, hour = TrafficCounts(self.session), hour_of(self.now)
        share = (self.now - hour) / HOUR
        hours = [hour - back * HOUR for back in range(window)]
        begun = await traffic.begun()
        seen: Counter[str] = Counter()
        usual: dict[str, list[float]] = {}
        for timezone, teams in zones.items():
            seen.update(await traffic.by_team(hours, teams))
            weeks = []
            for week in range(1, WEEKS + 1):
                then = [_weeks_before(one, week, zone(timezone)) for one in hours]
                if begun is None or min(then) < begun:
                    break
                before, at_last = await traffic.by_team(then[1:], teams), await traffic.by_team(then[:1], teams)
                weeks.append({team: before.get(team, 0) + share * at_last.get(team, 0) for team in {*before, *at_last}})
            if len(weeks) >= 2:
                for team in {team for week_of in weeks for team in week_of}:
                    usual[team] = [week_of.get(team, 0) for week_of in weeks]
        return seen, usual

    async def _at_work(self, teams: Iterable[str]) -> dict[str, bool]:
        """Whether today is a day like others there: no holiday, no closure, and none on which the network texts nobody."""
        found = {}
        rules: dict[str, ContactRules] = {}
        for team in await self.session.scalars(select(CareTeam).where(CareTeam.id.in_(sorted(teams)))):
            today = local_day(self.now, team.timezone)
            days = await working_days(self.session, team.organisation_id, today, today)
            closed = any(first <= today <= last for first, last in days.closed)
            if team.organisation_id not in rules:
                rules[team.organisation_id] = await NetworkRules(self.session).of(team.organisation_id)
            closed = closed or is_quiet(today, rules[team.organisation_id])
            found[team.id] = days.otherwise.get(today, True) and not closed
        return found

    async def _not_arriving(self) -> list[Trouble]:
        traffic, hour = TrafficCounts(self.session), hour_of(self.now)
        lately = await traffic.taken(self.now - REPORTED_BY, self.now - TOO_YOUNG)
        usually = await traffic.by_channel(hour - USUAL_OVER, hour - REPORTED_BY + HOUR)
        found = []
        for channel, counts in lately.items():
            before = usually.get(channel, {})
            taken = before.get("handed", 0) + before.get("lost", 0)  # what is lost for good counts as failed, not as handed
            usual = before.get("arrived", 0) / taken if taken else 0.0
            if share_fallen(counts["arrived"], counts["handed"], usual):
                cause = "refused_on_the_way" if counts["lost"] * 2 > counts["handed"] - counts["arrived"] else "no_reports"
                body = {"handed": counts["handed"], "arrived": counts["arrived"], "lost": counts["lost"], "usual": round(usual, 3)}
                found.append(Trouble("not_arriving", channel, cause, channel, counts=body))
        return found

    async def _answered_fewer(self) -> list[Trouble]:
        traffic, day = TrafficCounts(self.session), timedelta(days=1)
        begun = await traffic.begun()
        weeks = [week * timedelta(days=7) for week in range(1, WEEKS + 1)]
        known = [back for back in weeks if begun is not None and self.now - back - day >= begun]
        if len(known) < 2:
            return []
        usual = median([await traffic.answers(self.now - back - day, self.now - back) for back in known])
        seen = await traffic.answers(self.now - day, self.now)
        if not fallen(seen, usual):
            return []
        return [Trouble("answered_fewer", "all", await self.causes.of_answers(), counts={"answers": seen, "usual": round(usual)})]


def _sunk(teams: Sequence[str], seen: Mapping[str, int], usual: Usual) -> bool:
    return fallen(sum(seen.get(team, 0) for team in teams), _usual_of(teams, usual))


def _usual_of(teams: Sequence[str], usual: Usual) -> float:
    """Of these teams together, the median of the weeks: neither a holiday nor a week of ten times as many is usual."""
    weeks = list(zip_longest(*(usual[team] for team in teams if team in usual), fillvalue=0.0))
    return median(map(sum, weeks)) if weeks else 0.0


def _weeks_before(hour: datetime, weeks: int, timezone: ZoneInfo) -> datetime:
    """The hour that had the same weekday and wall clock; summer time may have begun or ended since."""
    return hour_of((hour.astimezone(timezone) - timedelta(weeks=weeks)).replace(fold=0))
