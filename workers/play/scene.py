"""What all players share: the time, the people, the plans and the count. Nothing here is lost with the process.

Rule 1: everything can be read again from the API; what is kept here saves asking.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workers.play.agenda import Agenda
from workers.play.dice import Dice
from workers.play.people import ENDED, Character, Person, cast
from workers.play.service import Refused, Service
from workers.play.tally import Tally

AN_ID = re.compile("[0-9a-f]{32}")


@dataclass
class Scene:
    """``now`` is the driven clock's time. ``refusals`` counts what the service said no to, by what it said."""

    service: Service
    dice: Dice
    now: datetime
    agenda: Agenda = field(default_factory=Agenda)
    tally: Tally = field(default_factory=Tally)
    people: dict[str, Person] = field(default_factory=dict)
    phones: dict[str, Person] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    eased: Counter[str] = field(default_factory=Counter)

    async def read_people(self) -> None:
        """Who is enrolled now, and how they are."""
        records = await self.service.all("/patients", key=self.service.keys.coordinator)
        characters = {p.id: p.character for p in self.people.values()}
        if any(str(record["id"]) not in characters for record in records):
            characters = cast(records, self.dice) | characters
        for record in records:
            self._meet(record, characters[str(record["id"])])

    async def person(self, id_: str) -> Person:
        """Somebody by id; asked for when they are new to us."""
        if id_ not in self.people:
            record = await self.service.get(f"/patients/{id_}", key=self.service.keys.coordinator)
            self._meet(record, cast([record], self.dice)[id_])
        return self.people[id_]

    def _meet(self, record: Mapping[str, Any], character: Character) -> None:
        id_ = str(record["id"])
        if id_ in self.people:
            self._changed(self.people[id_], record)
        else:
            self.people[id_] = Person(dict(record), character)
        self.phones[self.people[id_].phone] = self.people[id_]

    def _changed(self, person: Person, news: Mapping[str, Any]) -> None:
        before, after = person.record.get("reach"), news.get("reach", person.record.get("reach"))
        if before != after and {before, after} == {"reachable", "unreachable"}:
            self.tally.count("lost" if after == "unreachable" else "found")
        if news.get("life", person.life) != person.life and news["life"] == "died":
            self.tally.count("deaths")
        person.record = {**person.record, **news}

    def lost(self, person: Person) -> None:
        """Somebody is being searched for."""
        self._changed(person, {"reach": "unreachable"})

    async def shown(self, person: Person) -> Mapping[str, Any]:
        """What the service knows of somebody at this moment."""
        record: Mapping[str, Any] = await self.service.get(f"/patients/{person.id}", key=self.key(person))
        self._changed(person, record)
        self.phones[person.phone] = person
        return record

    async def tell(self, person: Person | None, path: str, body: Mapping[str, Any], *, key: str, once: str = "") -> bool:
        """Write something; answers whether it was taken. What is refused is counted, and the play goes on."""
        try:
            answer = await self.service.post(path, body, key=key, once=f"{once}/{self.dice.seed}" if once else "")
        except Refused as no:
            self.refusals[AN_ID.sub("{id}", str(no))] += 1
            return False
        news = answer.get("patient") if isinstance(answer, dict) else None
        if person is not None and isinstance(news, dict):
            self._changed(person, {k: v for k, v in news.items() if k in ("tag", "life", "reach", "next_due")})
        return True

    def key(self, person: Person) -> str:
        """The key of the health manager who looks after somebody."""
        return self.service.keys.of_team(person.team)

    def zone(self, team: str | None = None) -> ZoneInfo:
        """Where a team's people mostly live; all people's for the network's places."""
        counted = Counter(p.zone.key for p in self.people.values() if team is None or p.team == team)
        return ZoneInfo(min(counted, key=lambda z: (-counted[z], z)) if counted else "UTC")

    def next_at(self, clock: time, zone: ZoneInfo, *, today: bool = False) -> datetime:
        """The next time it is ``clock`` there; ``today``: now, where that has passed today."""
        there = self.now.astimezone(zone)
        at = datetime.combine(there.date(), clock, tzinfo=zone)
        if at <= there:
            return self.now if today else datetime.combine(there.date() + timedelta(days=1), clock, tzinfo=zone).astimezone(UTC)
        return at.astimezone(UTC)

    def decent(self, person: Person, at: datetime) -> datetime:
        """``at``, or the next morning at ten where it is night there."""
        there = at.astimezone(person.zone)
        if time(8) <= there.time() < time(20):
            return at
        day = there.date() if there.time() < time(8) else there.date() + timedelta(days=1)
        return person.at(day, time(10))

    def is_followed(self, person: Person) -> bool:
        """Whether somebody is among those cared for: not gone for good, at rest or in hospital."""
        return person.life == "active"

    def ended(self, person: Person) -> bool:
        return person.life in ENDED

    def today(self, zone: ZoneInfo) -> date:
        return self.now.astimezone(zone).date()
