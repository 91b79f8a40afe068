"""The care team: a health manager works down the list, a doctor answers, the office does what nobody else does.

Rule 1: they see what the API shows them and nothing else; a patient's character only decides whether they come or take the phone.
Rule 2: a kind of task that is not known here is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from workers.play.bodies import Asked
from workers.play.patients import Patients
from workers.play.people import Person
from workers.play.places import Hospital
from workers.play.scene import Scene
from workers.play.service import Refused, moment

Task = Mapping[str, Any]

CALLS = frozenset(
    {"phone_call", "phone_reminder", "find_another_day", "call_about_reading", "urgent_call", "refill_gap", "overdue_service"}
)
WAITS = {"search": 3, "home_visit": 2, "complete_readings": 1}  # days after it was opened
TRIES = 3
MORNING, AFTERNOON, DOCTORS_HOUR, OFFICE_HOUR = time(9), time(15), time(9), time(9)


@dataclass
class Staff:
    """Somebody who closes tasks. ``tries``: calls that nobody took, by task."""

    scene: Scene
    patients: Patients
    tries: Counter[str] = field(default_factory=Counter)

    async def complete(self, task: Task, person: Person, key: str, outcome: str = "done") -> bool:
        """Close a task."""
        body = {"key": task["key"], "outcome": outcome}
        path, once = f"/tasks/{person.id}/complete", f"complete/{task['id']}/{outcome}"
        return await self.scene.tell(person, path, body, key=key, once=once)

    async def call(self, person: Person, key: str, *, agree_on_day: bool = False) -> str:
        """Call somebody now; answers the outcome."""
        now, character = self.scene.now, person.character
        body: dict[str, Any] = {"outcome": "reached" if character.takes_the_phone(now) else "no_answer"}
        if character.wrong_number(person.phone):
            body["outcome"] = "wrong_number"
        elif body["outcome"] == "reached":
            if self.scene.dice.chance(0.01, character.who, now, "refuses"):
                body["outcome"] = "refused"
            elif agree_on_day:
                day = person.day(now) + timedelta(days=self.scene.dice.between(1, 4, character.who, now, "agreed"))
                body["day"] = day.isoformat()
        await self.scene.tell(person, f"/patients/{person.id}/calls", body, key=key, once=f"call/{person.id}/{now}")
        self.scene.tally.count("calls")
        return str(body["outcome"])


@dataclass
class HealthManager(Staff):
    """One care team's health manager. ``open``: the tasks on the list when it was last looked at."""

    team: str = ""
    open: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return self.scene.service.keys.of_team(self.team)

    async def begin(self) -> None:
        """Start with today's list; patients whose visit day has passed may still come."""
        today = self.scene.today(self.scene.zone(self.team))
        booked = {str(p.record.get("visit_day") or today) for p in self.scene.people.values() if p.team == self.team}
        for day in sorted(day for day in map(date.fromisoformat, booked) if day < today):
            for visit in (await self._list(day))["visits"]:
                await self.patients.invited(visit, counted=False)
        self._morning_at(self.scene.now)

    async def _list(self, on: date) -> Mapping[str, Any]:
        worklist: Mapping[str, Any] = await self.scene.service.get("/worklist", key=self.key, team=self.team, on=on.isoformat())
        return worklist

    def _morning_at(self, at: datetime) -> None:
        async def morning() -> None:
            today = self.scene.today(self.scene.zone(self.team))
            await self._work_down(await self._list(today))
            self.patients.morning([p for p in self.scene.people.values() if p.team == self.team], today)
            self._morning_at(self.scene.next_at(MORNING, self.scene.zone(self.team)))

        self.scene.agenda.plan(at, f"morning/{self.team}", morning, whom=f"team/{self.team}")

    def look_again(self) -> None:
        """Something came in: look at the list again in the afternoon."""

        async def afternoon() -> None:
            await self._work_down(await self._list(self.scene.today(self.scene.zone(self.team))))

        at = self.scene.next_at(AFTERNOON, self.scene.zone(self.team))
        self.scene.agenda.plan(at, f"afternoon/{self.team}", afternoon, whom=f"team/{self.team}")

    async def _work_down(self, worklist: Mapping[str, Any]) -> None:
        for visit in worklist["visits"]:
            await self.patients.invited(visit)
        mine = [task for task in worklist["tasks"] if task["by"] == "health_manager" and task["status"] == "open"]
        self.open = {str(task["id"]) for task in mine}
        for task in mine:
            await self._take_on(task)

    async def _take_on(self, task: Task) -> None:
        person = await self.scene.person(str(task["patient"]["id"]))
        if task["kind"] == "search" and person.record.get("reach") == "reachable":
            self.scene.lost(person)
        if task["kind"] == task["service"]:
            self._screening(task, person)
            return
        opened, due = moment(str(task["opened"])), date.fromisoformat(str(task["due"]))
        at = opened + timedelta(days=WAITS.get(str(task["kind"]), 0))
        if task["kind"] == "referral_check":
            at = max(at, person.at(due, time(10)))
        self._at(self.scene.decent(person, max(at, self.scene.now)), task, person)

    def _at(self, at: datetime, task: Task, person: Person) -> None:
        async def act() -> None:
            if task["id"] in self.open and await self._do(task, person):
                self.open.discard(str(task["id"]))

        self.scene.agenda.plan(at, f"task/{task['id']}", act, whom=person.id)

    def _screening(self, task: Task, person: Person) -> None:
        """It is done at the next visit, or they come for it when it falls due."""
        service, due = str(task["service"]), date.fromisoformat(str(task["due"]))
        asked = [Asked.read(item) for item in task["collects"]]
        self.patients.screenings.setdefault(person.id, {})[service] = asked
        today = person.day(self.scene.now)
        day = person.character.comes(due, promised=False) or due + timedelta(days=21)
        if day < today:
            day = today + timedelta(days=self.scene.dice.between(2, 9, person.character.who, task["id"]))
        self._comes_for(service, person, day, f"task/{task['id']}")

    def _comes_for(self, service: str, person: Person, day: date, name: str) -> None:
        async def done() -> None:
            today, waiting = person.day(self.scene.now), self.patients.screenings.get(person.id, {})
            if service not in waiting or not self.scene.is_followed(person) or person.character.gone(today):
                return
            del self.patients.screenings[person.id]  # who comes for one has all of them done
            asked = [one for each in waiting.values() for one in each]
            readings = await self.patients.measured(person, asked, forgetting=False) if asked else {}
            for name, its in sorted(waiting.items()):
                body = {"service": name, "readings": {one.name: readings[one.name] for one in its if one.name in readings}}
                path, once = f"/patients/{person.id}/services", f"service/{person.id}/{name}/{today}"
                if await self.scene.tell(person, path, body, key=self.key, once=once):
                    self.scene.tally.count("screenings")

        at = person.at(day, person.character.hour(day, "screening"))
        self.scene.agenda.plan(max(at, self.scene.now + timedelta(hours=1)), name, done, whom=person.id)

    async def _do(self, task: Task, person: Person) -> bool:
        """Do the work; answers whether it is off the list."""
        today = person.day(self.scene.now)
        match task["kind"]:
            case kind if kind in CALLS:
                return await self._by_phone(task, person)
            case "home_visit":
                there = person.character.found_by_search(today) and not self.scene.dice.chance(0.15, task["id"], "out")
                await self.complete(task, person, self.key, "found" if there else "not_found")
                self.scene.tally.count("home visits")
                if there:
                    await self.patients.visit(person, "home")
                return True
            case "search":
                return await self.complete(
                    task, person, self.key, "found" if person.character.found_by_search(today) else "not_found"
                )
            case "complete_readings":
                return await self._complete_readings(task, person)
            case "find_number":
                body = {"phone": person.phone[:-1] + "7"} if person.phone else {}
                once = f"number/{task['id']}"
                if body and await self.scene.tell(person, f"/patients/{person.id}/move", body, key=self.key, once=once):
                    await self.scene.tell(person, f"/patients/{person.id}/numbers/confirm", {}, key=self.key)  # she called it
                    await self.scene.shown(person)
                    return True
                return await self.complete(task, person, self.key)
            case "referral_check":
                closed = self.scene.dice.chance(0.3, task["id"], "closed")
                return await self.complete(task, person, self.key, "completed" if closed else "done")
            case _:
                return await self.complete(task, person, self.key)

    async def _by_phone(self, task: Task, person: Person) -> bool:
        kind, booked = task["kind"], self.patients.expected.get(person.id)
        overdue = booked is not None and booked[0] <= person.day(self.scene.now)
        agree = kind == "find_another_day" or (overdue and kind in ("phone_call", "overdue_service"))
        outcome = await self.call(person, self.key, agree_on_day=agree)
        if outcome == "no_answer":
            self.tries[str(task["id"])] += 1
            if self.tries[str(task["id"])] < TRIES:
                later = self.scene.now + timedelta(days=1, hours=self.scene.dice.between(-2, 4, task["id"], self.scene.now))
                self._at(self.scene.decent(person, later), task, person)
                return False
        if outcome == "reached" and kind == "phone_call" and task["service"] in self.patients.screenings.get(person.id, {}):
            days = self.scene.dice.between(1, 6, task["id"])
            self._comes_for(
                str(task["service"]), person, person.day(self.scene.now) + timedelta(days=days), f"promised/{task['id']}"
            )
        closed_by_the_call = outcome == "reached" and (kind in ("phone_call", "phone_reminder") or agree)
        if closed_by_the_call and kind != "overdue_service":
            return True
        return await self.complete(task, person, self.key, "not_reached" if outcome == "no_answer" else "done")

    async def _complete_readings(self, task: Task, person: Person) -> bool:
        if person.character.gone(person.day(self.scene.now)):
            return await self.complete(task, person, self.key, "not_reached")
        asked = [Asked.read(item) for item in task["collects"]] or [Asked("sbp", "number"), Asked("dbp", "number")]
        readings = await self.patients.measured(person, asked, forgetting=False)
        body = {"readings": readings, "source": "staff"}
        if not readings or not await self.scene.tell(
            person, f"/patients/{person.id}/readings", body, key=self.key, once=f"completed/{task['id']}"
        ):
            return await self.complete(task, person, self.key)
        return True


@dataclass
class Doctor(Staff):
    """One care team's doctor: looks once a day, and soon after an alert unless the phone lies elsewhere."""

    team: str = ""
    key: str = ""
    hospitals: list[Hospital] = field(default_factory=list)

    def begin(self) -> None:
        """Look into the tasks now, then daily."""
        self._look_at(self.scene.now, daily=True)

    def alerted(self) -> None:
        """The on-call phone rang."""
        dice, at = self.scene.dice, self.scene.now
        if not dice.chance(0.2, self.team, at, "phone lies elsewhere"):
            self._look_at(at + timedelta(minutes=dice.between(10, 90, self.team, at, "looks")), daily=False)
        for hospital in self.hospitals:
            hospital.look_soon(timedelta(hours=2, minutes=10))

    def _look_at(self, at: datetime, *, daily: bool) -> None:
        async def look() -> None:
            for task in await self.scene.service.all("/tasks", key=self.key, status="open", by="doctor"):
                await self._answer(task)
            if daily:
                self._look_at(self.scene.next_at(DOCTORS_HOUR, self.scene.zone(self.team)), daily=True)

        self.scene.agenda.plan(at, f"doctor/{self.team}" + ("" if daily else f"/{at}"), look, whom=f"team/{self.team}")

    async def _answer(self, task: Task) -> None:
        person, dice = await self.scene.person(str(task["patient"]["id"])), self.scene.dice
        match task["kind"]:
            case "confirm_referral":
                outcome = dice.weighted((("approved", 82), ("declined", 12), ("", 6)), task["id"], "confirms")
                if outcome and await self.complete(task, person, self.key, outcome) and outcome == "approved":
                    for hospital in self.hospitals:
                        hospital.look_soon(timedelta(minutes=15))
            case "refill_held":  # what the checks of medicines hold is stopped, or goes on with the doctor's word
                outcome = dice.weighted((("stopped", 60), ("go_on", 40)), task["id"], "held")
                await self.complete(task, person, self.key, outcome)
            case "adjust_medicine":
                if await self.complete(task, person, self.key):
                    self.scene.eased[person.id] += 1
            case "urgent_call":
                outcome = await self.call(person, self.key)
                await self.complete(task, person, self.key, "not_reached" if outcome == "no_answer" else "done")
            case _:
                await self.complete(task, person, self.key)


@dataclass
class Office(Staff):
    """Coordinator and pharmacist in one: tasks of any other role, some times a week."""

    roles: tuple[str, ...] = ("coordinator", "pharmacist")
    days: tuple[int, ...] = (0, 2, 4)

    def begin(self) -> None:
        """Look now, then on its days."""
        self._look_at(self.scene.now)

    def _look_at(self, at: datetime) -> None:
        async def look() -> None:
            key = self.scene.service.keys.coordinator
            for role in self.roles if self.scene.now.weekday() in self.days else ():
                try:
                    tasks = await self.scene.service.all("/tasks", key=key, status="open", by=role)
                except Refused as no:
                    self.scene.refusals[str(no)] += 1
                    continue
                for task in tasks:
                    await self.complete(task, await self.scene.person(str(task["patient"]["id"])), key)
            self._look_at(self.scene.next_at(OFFICE_HOUR, self.scene.zone()))

        self.scene.agenda.plan(at, "office", look, whom="office")
