"""The patients: they come or do not come, text back, measure at home, fetch their medicine, and have a life.

Rule 1: what a patient does follows from who they are, the day and what they were told; never from what the service means to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from workers.play.bodies import Asked, Body
from workers.play.people import Person
from workers.play.scene import Scene
from workers.play.service import moment

ASKS_FOR_AN_ANSWER = re.compile(r"(reply|responda|回复|回覆)\s*1", re.IGNORECASE)
AWAKE_FROM, AWAKE_UNTIL = time(7), time(22)
IN_HOSPITAL_FOR, AWAY_FOR = timedelta(days=9), timedelta(days=35)
ELSEWHERE = ("Asia/Urumqi", "America/Chicago", "Europe/Lisbon")


@dataclass
class Patients:
    """All patients of the community. ``expected``: the visit each is to come for; ``screenings``: what else is to be done then."""

    scene: Scene
    expected: dict[str, tuple[date, list[Asked]]] = field(default_factory=dict)
    screenings: dict[str, dict[str, list[Asked]]] = field(default_factory=dict)
    not_coming: set[str] = field(default_factory=set)

    async def invited(self, visit: Mapping[str, Any], *, counted: bool = True) -> None:
        """A visit is booked for a day; they come on that day, later, or not until called."""
        person, booked = await self.scene.person(str(visit["patient"]["id"])), date.fromisoformat(visit["day"])
        known = self.expected.get(person.id)
        if known is not None and known[0] == booked:
            return
        self.expected[person.id] = (booked, [Asked.read(item) for item in visit["collects"]])
        if counted:
            self.scene.tally.count("visits due")
        coming = person.character.comes(booked, promised=bool(visit.get("confirmed")))
        if coming is None:
            self.not_coming.add(person.id)
        else:
            self.comes(person, booked, coming)

    def comes(self, person: Person, booked: date, day: date) -> None:
        """They will come on ``day`` for the visit of ``booked``."""
        self.not_coming.discard(person.id)
        at = person.at(day, person.character.hour(day, "visit"))
        if at <= self.scene.now:
            at = self.scene.now + timedelta(minutes=20)

        async def arrive() -> None:
            if self.expected.get(person.id, (None,))[0] == booked:
                await self.visit(person, "centre")

        self.scene.agenda.plan(at, f"visit/{person.id}/{booked}/{day}", arrive, whom=person.id)

    async def visit(self, person: Person, where: str) -> bool:
        """A visit takes place: what is asked for is measured, and screenings that wait are done."""
        now, today = self.scene.now, person.day(self.scene.now)
        if self.scene.ended(person) or (where == "centre" and person.character.gone(today)):
            return False
        _, asked = self.expected.get(person.id, (today, self._asked_of_the_like(person)))
        screenings = self.screenings.get(person.id, {}) if where == "centre" else {}
        wanted = {one.name: one for one in (*asked, *(one for each in screenings.values() for one in each))}
        body = {"readings": await self.measured(person, list(wanted.values())), "done": sorted(screenings)}
        path = f"/patients/{person.id}/visits"
        if not await self.scene.tell(person, path, body, key=self.scene.key(person), once=f"visit/{person.id}/{now}"):
            return False
        self.scene.tally.count("visits done")
        self.expected.pop(person.id, None)
        self.not_coming.discard(person.id)
        if screenings:
            self.screenings.pop(person.id, None)
        return True

    async def measured(self, person: Person, asked: Sequence[Asked], *, forgetting: bool = True) -> dict[str, Any]:
        """Readings taken now."""
        shown = await self.scene.shown(person)
        last = {name: known["value"] for name, known in (shown.get("readings") or {}).items()}
        body = Body(person.character, person.day(self.scene.now), last, self.scene.eased[person.id])
        return body.measured(asked, forgetting=forgetting)

    def _asked_of_the_like(self, person: Person) -> list[Asked]:
        """What is asked of somebody with the same pathways; of someone whose visit we have not been told of."""
        like = [
            asked
            for id_, (_, asked) in self.expected.items()
            if self.scene.people[id_].record.get("pathways") == person.record.get("pathways")
        ]
        return like[0] if like else [Asked("sbp", "number"), Asked("dbp", "number")]

    # What their phone shows, and what they text.

    def texted(self, person: Person, key: str, text: str, at: datetime) -> None:
        """They got an SMS."""
        day = person.day(at)
        if self.scene.ended(person) or person.character.gone(day):
            return
        dice, who = self.scene.dice, person.character.who
        if person.id in self.not_coming and person.id in self.expected and dice.chance(0.35, who, key, "reminded"):
            booked = self.expected[person.id][0]
            if day > booked:
                self.comes(person, booked, day + timedelta(days=dice.between(1, 3, who, key)))
        if person.character.wrong_number(person.phone):
            answer = "wrong number, who is this?" if dice.chance(0.3, who, key, "stranger") else None
        else:
            answer = person.character.answers(key, day) if ASKS_FOR_AN_ANSWER.search(text) else None
        if answer is not None:
            self.text_back(person, answer, self._awake(person, at + timedelta(minutes=dice.between(3, 240, who, key))), key)

    def text_back(self, person: Person, words: str, at: datetime, name: str) -> None:
        """They will text ``words``; what lies in the past was texted before a restart."""
        if at <= self.scene.now:
            return

        async def text() -> None:
            if self.scene.ended(person):
                return
            body = {"from": person.phone, "text": words}
            if await self.scene.tell(None, "/sandbox/replies", body, key=self.scene.service.keys.gateway):
                self.scene.tally.count("answers")

        self.scene.agenda.plan(at, f"text/{person.id}/{name}", text, whom=person.id)

    def _awake(self, person: Person, at: datetime) -> datetime:
        there = at.astimezone(person.zone)
        if AWAKE_FROM <= there.time() < AWAKE_UNTIL:
            return at
        day = there.date() if there.time() < AWAKE_FROM else there.date() + timedelta(days=1)
        return person.at(day, time(7, 30))

    # What befalls them.

    def morning(self, people: Iterable[Person], day: date) -> None:
        """A day begins for these people."""
        for person in people:
            if self.scene.ended(person):
                continue
            if person.character.fate is not None:
                self._befalls(person, day)
            if person.life == "active" and person.character.texts_home_reading(day):
                night = self.scene.dice.chance(0.2, person.character.who, day, "night")
                self._texts_reading(person, person.at(day, time(23, 40) if night else time(7, 20)), day)

    def _texts_reading(self, person: Person, at: datetime, day: date) -> None:
        words = Body(person.character, day, {}).home_text([str(name) for name in person.record.get("pathways") or ()])
        self.text_back(person, words, at, f"reading/{day}")

    def _befalls(self, person: Person, day: date) -> None:
        fate, on = person.character.fate, person.character.fate_day(day.year)
        at = person.at(day, person.character.hour(day, "fate"))
        match fate:
            case "stops" if day == on:
                self.text_back(person, "STOP", at, f"stop/{day}")
            case "night_emergency" if day == on:
                sugar = not any("hypertension" in str(name) for name in person.record.get("pathways") or ())
                self.text_back(
                    person, "GLU 18.4" if sugar else "192/118", person.at(day + timedelta(days=1), time(2)), f"night/{day}"
                )
            case "moves" if day == on:
                self._write(person, at, "move", self._new_home(person))
            case "dies" if day == on:
                self._write(person, at, "died", {})
            case "moves_away" if day == on:
                self._write(person, at, "moved-away", {})
            case "travels" if day == on and person.life == "active":
                self._write(person, at, "pause", {"until": (day + AWAY_FOR).isoformat()})
            case "in_hospital" if day == on and person.life == "active":
                self._write(person, at, "hospitalised", {})
            case "in_hospital" if day >= on + IN_HOSPITAL_FOR and person.life == "in_hospital":
                self._write(person, at, "discharged", {})
            case _:
                pass

    def _new_home(self, person: Person) -> dict[str, Any]:
        teams = sorted(self.scene.service.keys.health_manager)
        zone = next(name for name in ELSEWHERE if name != person.zone.key)
        team = next((name for name in teams if name != person.team), None)
        return {"timezone": zone} | ({"care_team": team} if team else {})

    def _write(self, person: Person, at: datetime, what: str, body: Mapping[str, Any]) -> None:
        async def write() -> None:
            key = self.scene.service.keys.coordinator if what == "move" else self.scene.key(person)
            once = f"{what}/{person.id}/{person.day(self.scene.now)}/{sorted(body.items())}"
            if await self.scene.tell(person, f"/patients/{person.id}/{what}", body, key=key, once=once) and what == "move":
                await self.scene.shown(person)

        name = f"{what}/{person.id}/{at.date()}/{sorted(body.items())}"
        self.scene.agenda.plan(max(at, self.scene.now), name, write, whom=person.id)

    def fetches(self, refill: Mapping[str, Any], person: Person, ready: date, key: str) -> None:
        """They will fetch what the pharmacy has ready."""
        day = person.character.collects_after(ready)
        at = person.at(day, person.character.hour(day, f"fetch/{refill['id']}"))
        self._fetch_at(refill, person, at if at > self.scene.now else self.scene.now + timedelta(hours=1), key)

    def _fetch_at(self, refill: Mapping[str, Any], person: Person, at: datetime, key: str) -> None:
        async def fetch() -> None:
            if self.scene.ended(person):
                return
            if person.life == "in_hospital" or person.character.gone(person.day(self.scene.now)):
                self._fetch_at(refill, person, self.scene.now + timedelta(days=7), key)
                return
            days = self.scene.dice.weighted(((30, 3), (60, 4), (90, 3)), person.character.who, refill["medicine"], "days")
            path, once = f"/refills/{refill['id']}/dispense", f"dispense/{refill['id']}"
            if await self.scene.tell(person, path, {"days": days, "without_code": "known_in_person"}, key=key, once=once):
                self.scene.tally.count("refills dispensed")

        self.scene.agenda.plan(at, f"fetch/{refill['id']}", fetch, whom=person.id)


def sent_at(item: Mapping[str, Any]) -> datetime:
    """When an SMS was sent."""
    return moment(str(item["at"]))
