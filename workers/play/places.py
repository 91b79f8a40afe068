"""Hospitals and pharmacies: they look into their inbox some times a day, and are as slow, full or out of stock as real ones.

Rule 1: the first hospital is the slow one, and refuses now and then; the first pharmacy runs out of something for a month.
Rule 2: what is under way is found again in the inbox after a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from workers.play.patients import Patients
from workers.play.people import Person
from workers.play.scene import Scene
from workers.play.service import moment

REFUSES, COMES_TO_HOSPITAL, SLOW_IN = 0.1, 0.9, 0.25
OUT_OF_STOCK_MONTHS, OUT_OF_STOCK_SHARE = (4, 11), 0.4


@dataclass
class Hospital:
    """One hospital's desk. ``first`` in the network's order."""

    scene: Scene
    name: str
    key: str
    first: bool

    async def begin(self) -> None:
        """Go on with what is under way."""
        for referral in await self.scene.service.all("/referrals", key=self.key):
            if referral["stage"] == "requested":
                continue
            await self._goes_on(referral)
        self._look_at(self.scene.now, "")

    def look_soon(self, after: timedelta) -> None:
        """Look into the inbox again after a while: something urgent may come."""
        self._look_at(self.scene.now + after, f"/{self.scene.now}/{after}")

    def _look_at(self, at: datetime, name: str) -> None:
        async def look() -> None:
            for referral in await self.scene.service.all("/referrals", key=self.key, stage="requested"):
                await self._received(referral)
            if not name:
                self._look_at(self.scene.next_at(time(9), self.scene.zone()), "")

        self.scene.agenda.plan(at, f"look/{self.name}{name}", look, whom=self.name)

    async def _received(self, referral: Mapping[str, Any]) -> None:
        if await self._say(referral, "receive"):
            self.scene.tally.count("referrals asked")
            await self._goes_on({**referral, "stage": "received", "changed": self.scene.now.isoformat()})

    async def _goes_on(self, referral: Mapping[str, Any]) -> None:
        dice, id_, urgent = self.scene.dice, referral["id"], referral["urgency"] == "emergency"
        now, person = self.scene.now, await self.scene.person(str(referral["patient"]["id"]))
        match referral["stage"]:
            case "received" if self.first and dice.chance(REFUSES, id_, "refuses"):
                self._later(now + timedelta(minutes=30), referral, "refuse", {"reason": "no bed is free"}, "refused")
            case "received":
                slow = self.first and dice.chance(SLOW_IN, id_, "slow")
                wait = timedelta(minutes=30) if urgent else timedelta(days=5) if slow else timedelta(hours=4)
                self._later(self._working(person, now + wait, urgent=urgent), referral, "accept", {}, "accepted")
            case "accepted":
                today = person.day(now)
                day = today + timedelta(days=1 if urgent else dice.between(2, 6, id_, "day"))
                at = self._working(person, now + timedelta(minutes=20 if urgent else 60), urgent=urgent)
                self._later(at, referral, "book", {"day": day.isoformat()}, "booked")
            case "booked":
                day = date.fromisoformat(referral["day"])
                came = dice.chance(COMES_TO_HOSPITAL, id_, "comes") and not person.character.gone(day)
                at = max(person.at(day, time(11)), now + timedelta(minutes=5))
                self._later(at, referral, "attended" if came else "not-attended", {}, "attended" if came else "not_attended")
            case "attended":
                report = {"report": "seen and treated; goes on with the centre"}
                self._later(person.at(person.day(now) + timedelta(days=1), time(16)), referral, "complete", report, "completed")
            case _:
                pass

    def _later(self, at: datetime, referral: Mapping[str, Any], what: str, body: Mapping[str, Any], stage: str) -> None:
        async def act() -> None:
            if not await self._say(referral, what, body):
                return
            if stage in ("refused", "completed"):
                self.scene.tally.count(f"referrals {'refused' if stage == 'refused' else 'closed'}")
            if stage == "attended":
                self.scene.eased[str(referral["patient"]["id"])] += 2
            await self._goes_on({**referral, "day": body.get("day", referral.get("day")), "stage": stage})

        self.scene.agenda.plan(at, f"referral/{referral['id']}/{what}", act, whom=str(referral["patient"]["id"]))

    async def _say(self, referral: Mapping[str, Any], what: str, body: Mapping[str, Any] | None = None) -> bool:
        person = await self.scene.person(str(referral["patient"]["id"]))
        path = f"/referrals/{referral['id']}/{what}"
        return await self.scene.tell(person, path, body or {}, key=self.key, once=f"referral/{referral['id']}/{what}")

    def _working(self, person: Person, at: datetime, *, urgent: bool) -> datetime:
        return at if urgent else self.scene.decent(person, at)


@dataclass
class Pharmacy:
    """One pharmacy's counter."""

    scene: Scene
    patients: Patients
    name: str
    key: str
    first: bool

    async def begin(self) -> None:
        """Go on with what is under way."""
        for refill in await self.scene.service.all("/refills", key=self.key, stage="ready"):
            person = await self.scene.person(str(refill["patient"]["id"]))
            self.patients.fetches(refill, person, person.day(moment(str(refill["asked"]))) + timedelta(days=1), self.key)
        self._look_at(self.scene.now)

    def _look_at(self, at: datetime) -> None:
        async def look() -> None:
            for refill in await self.scene.service.all("/refills", key=self.key, stage="requested"):
                self._asked(refill)
            self._look_at(self.scene.next_at(time(9), self.scene.zone()))

        self.scene.agenda.plan(at, f"look/{self.name}", look, whom=self.name)

    def has(self, medicine: str, day: date) -> bool:
        """Whether it is in stock on ``day``."""
        dry = self.first and day.month == self.scene.dice.between(*OUT_OF_STOCK_MONTHS, self.name, "dry month")
        return not (dry and self.scene.dice.chance(OUT_OF_STOCK_SHARE, self.name, medicine, "dry"))

    def _asked(self, refill: Mapping[str, Any]) -> None:
        """What is not there is said at once; the rest is made ready the day after it was asked for."""
        zone = self.scene.zone()
        has = self.has(str(refill["medicine"]), self.scene.today(zone))
        if has and moment(str(refill["asked"])).astimezone(zone).date() == self.scene.today(zone):
            return

        async def answer() -> None:
            person = await self.scene.person(str(refill["patient"]["id"]))
            what = "ready" if has else "out-of-stock"
            once = f"refill/{refill['id']}/{what}"
            if has and refill.get("check") == "ask_pharmacist" and not refill.get("word"):
                path, word = f"/refills/{refill['id']}/clear", {"word": "looked at it with the patient"}
                await self.scene.tell(person, path, word, key=self.key, once=f"refill/{refill['id']}/clear")
            if not await self.scene.tell(person, f"/refills/{refill['id']}/{what}", {}, key=self.key, once=once):
                return
            self.scene.tally.count("refills asked")
            if has:
                self.patients.fetches(refill, person, person.day(self.scene.now), self.key)
            else:
                self.scene.tally.count("out of stock")

        self.scene.agenda.plan(self.scene.now, f"refill/{refill['id']}", answer, whom=str(refill["patient"]["id"]))
