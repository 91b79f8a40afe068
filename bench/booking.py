"""A thousand patients enrolled on one day: on which days do they come over the year?

``python -m bench.booking`` prints the busiest day of a team over its mean day, and how often a red patient found room, with
everybody on the last working day, with room alone, and with the booking rule (room, red first). The rhythm is that of the shipped
hypertension pathway, the holidays are those of China; no database, no network.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from pathways.engine.commands import BookVisit
from pathways.engine.plan import Service
from pathways.forecast.bookings import TeamCalendar, WorkingDays
from pathways.language.catalogue import library
from records.holidays import published_days

ENROLLED, DAYS = date(2025, 1, 6), 365
TAGS = {"red": 15, "yellow": 25, "green": 60}  # of a hundred patients; an assumption

Rule = Literal["last working day", "room alone", "room, red first"]
RULES: tuple[Rule, ...] = ("last working day", "room alone", "room, red first")


@dataclass
class Spread:
    """Where the visits of a year lie. ``by_day``: visits by team and day; ``worked``: working days, of all teams together."""

    worked: int
    by_day: Counter[tuple[int, date]] = field(default_factory=Counter)
    red: int = 0
    red_with_room: int = 0

    @property
    def peak_over_mean(self) -> float:
        """The busiest day of any team over the mean of all their working days."""
        return max(self.by_day.values()) * self.worked / self.by_day.total()


def spread(rule: Rule, tags: Sequence[str], *, teams: int, capacity: int, service: Service, worked: WorkingDays) -> Spread:
    """Patients with these ``tags``, all enrolled on one day, each coming on every booked day for a year."""
    last = ENROLLED + timedelta(days=DAYS)
    calendars = [TeamCalendar(capacity, worked) for _ in range(teams)]
    found = Spread(teams * len(worked.among(ENROLLED + timedelta(days=n) for n in range(1, DAYS + 1))))
    coming = [(ENROLLED, 0, n) for n in range(len(tags))]  # the day, which visit it is, whose
    while coming:
        today, visit, n = heapq.heappop(coming)
        tag, calendar = tags[n], calendars[n % teams]
        every = service.every.on(tag)
        due = today + timedelta(days=every if visit else min(service.first, every))
        if due > last:
            continue
        early = service.early.on(tag) if visit else every  # a first visit may be on any day until it is due
        earliest = max(today + timedelta(days=1), due - timedelta(days=early))
        day = worked.last(earliest, due)
        if rule != "last working day":
            first = rule == "room alone" or tag == "red"
            day = calendar.find(BookVisit("", "", "", earliest, due, tag, first), today)
        if tag == "red":
            found.red += 1
            found.red_with_room += calendar.taken[day] < capacity
        calendar.taken[day] += 1
        found.by_day[n % teams, day] += 1
        heapq.heappush(coming, (day, visit + 1, n))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--patients", type=int, default=1000)
    options.add_argument("--capacity", type=int, default=20, help="visits a day that a team has room for")
    chosen = options.parse_args()
    service = library().pathways()["hypertension"].services["follow_up"]
    holidays = published_days("CN", [ENROLLED.year, ENROLLED.year + 1])
    worked = WorkingDays({day: working for day, working, _ in holidays})
    tags = random.Random(1).choices(list(TAGS), list(TAGS.values()), k=chosen.patients)
    print(f"booking: {chosen.patients:,} patients enrolled on one day, a year of visits, room for {chosen.capacity} a day\n")
    print("| teams | visits a team's day, mean | rule | busiest day | over the mean | red patients who found room |")
    print("|---:|---:|---|---:|---:|---:|")
    for teams in (1, 3, 5):
        for rule in RULES:
            found = spread(rule, tags, teams=teams, capacity=chosen.capacity, service=service, worked=worked)
            mean, busiest = found.by_day.total() / found.worked, max(found.by_day.values())
            share = found.red_with_room / max(1, found.red)
            print(f"| {teams} | {mean:.1f} | {rule} | {busiest} | {found.peak_over_mean:.1f} | {share:.0%} |")


if __name__ == "__main__":
    main()
