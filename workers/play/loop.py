"""The play itself: wait until the service has come to rest, let everybody act, move the clock to the next thing that happens.

Rule 1: time is moved only when all that is due has settled and nobody has anything to do; it never goes back.
Rule 2: everything needed to go on is read from the API at the start, so a play can end anywhere and be taken up again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from workers.play.dice import Dice
from workers.play.patients import Patients, sent_at
from workers.play.places import Hospital, Pharmacy
from workers.play.scene import Scene
from workers.play.service import NotSettled, PlayStopped, Refused, Service, moment, written
from workers.play.show import Show
from workers.play.staff import Doctor, HealthManager, Office
from workers.play.tally import is_on_call

SETTLES_WITHIN = 120.0  # seconds
NUDGED_EVERY = 10.0
REPLIES_WITHIN = timedelta(days=1)
WAITS_FOR = 5  # seconds for which the service itself waits until everything has settled
SETTLING = f"/clock?wait={WAITS_FOR}"


@dataclass
class Play:
    """One play of the players' side. ``ticks`` counts real seconds.

    ``grid``: time is moved to full multiples of it, so that what lies close together happens at one moment; 0 for none.
    """

    service: Service
    dice: Dice
    grid: timedelta = timedelta(0)
    ticks: Callable[[], float] = time.monotonic
    scene: Scene = field(init=False)
    patients: Patients = field(init=False)
    managers: list[HealthManager] = field(default_factory=list)
    doctors: list[Doctor] = field(default_factory=list)
    moments: int = 0
    waited: float = 0.0
    _next_due: datetime | None = None
    _seen: int = 0

    async def begin(self) -> datetime:
        """Read how everything stands; answers the time. Raises PlayStopped."""
        try:
            clock = await self._clock()
        except Refused as no:
            raise PlayStopped(f"the service does not take the administrator's key ({no}); give its own file of keys") from None
        if not clock["driven"]:
            raise PlayStopped("this service runs in real time, and a play moves the clock; start one with a driven clock")
        self.scene = Scene(self.service, self.dice, moment(clock["now"]))
        self.patients = Patients(self.scene)
        await self._settle(clock)
        await self.scene.read_people()
        keys = self.service.keys
        hospitals = [Hospital(self.scene, name, key, at == 0) for at, (name, key) in enumerate(sorted(keys.clinic.items()))]
        pharmacies = [
            Pharmacy(self.scene, self.patients, name, key, at == 0) for at, (name, key) in enumerate(sorted(keys.pharmacy.items()))
        ]
        self.managers = [HealthManager(self.scene, self.patients, team=team) for team in sorted(keys.health_manager)]
        self.doctors = [
            Doctor(self.scene, self.patients, team=team, key=key, hospitals=hospitals) for team, key in sorted(keys.doctor.items())
        ]
        await self._read_texts(earlier=True)
        for manager in self.managers:
            await manager.begin()
        for place in hospitals:
            await place.begin()
        for counter in pharmacies:
            await counter.begin()
        for doctor in self.doctors:
            doctor.begin()
        Office(self.scene, self.patients).begin()
        return self.scene.now

    async def until(self, end: datetime, show: Show) -> None:
        """Play to ``end``. Raises PlayStopped."""
        while True:
            while await self.scene.agenda.do(self.scene.now):
                await self._settle(await self._clock())
                await self._read_texts()
            if self.scene.now >= end:
                if self.scene.tally.week:  # the week is not over, but the play is
                    await self.week_ends(show)
                return
            first = min(at for at in (self._next_due, self.scene.agenda.next(), end) if at is not None)
            await self._move(self._on_grid(first, end), show)

    def _on_grid(self, at: datetime, end: datetime) -> datetime:
        rest = (at - datetime.min.replace(tzinfo=UTC)) % self.grid if self.grid else timedelta(0)
        return min(at + (self.grid - rest), end) if rest else at

    async def _move(self, to: datetime, show: Show) -> None:
        before = self.scene.now
        to = max(to, before)
        something_due = self._next_due is not None and self._next_due <= to
        if to.isocalendar()[:2] != before.isocalendar()[:2]:
            await self.week_ends(show)
        try:
            clock = await self.service.post(SETTLING, {"to": written(to)}, key=self.service.keys.administrator)
        except Refused as no:
            raise PlayStopped(f"the clock was not moved ({no}); see that no other play runs against this service") from None
        self.scene.now = max(before, moment(clock["now"]))
        self.moments += 1
        show.at(self.scene.now)
        await self._settle(clock)
        if something_due:
            await self._read_texts()

    async def week_ends(self, show: Show) -> None:
        """Say how the week was."""
        await self.scene.read_people()
        records = [person.record for person in self.scene.people.values()]
        show.line(self.scene.tally.close_week(self.scene.now.date(), records))

    async def summary(self) -> list[str]:
        """The end of the play."""
        await self.scene.read_people()
        people = list(self.scene.people.values())
        lines = self.scene.tally.summary([p.record for p in people], [p.phone for p in people])
        if self.scene.refusals:
            lines.append(f"requests that were refused, most because somebody was quicker: {self.scene.refusals.total()}")
            lines.extend(f"  {number} x {what}" for what, number in self.scene.refusals.most_common(8))
        return lines

    async def _clock(self) -> dict[str, Any]:
        clock: dict[str, Any] = await self.service.get("/clock", key=self.service.keys.administrator, wait=WAITS_FOR)
        return clock

    async def _settle(self, clock: dict[str, Any]) -> None:
        """Wait until all that is due is done. Whoever was not woken is woken again by moving the clock to where it stands."""
        began = nudged = self.ticks()
        while not clock["settled"]:
            now = self.ticks()
            if now - began > SETTLES_WITHIN:
                raise NotSettled(
                    f"{clock['unsettled']} patients or messages at {clock['now']} have been due for {SETTLES_WITHIN:.0f} s "
                    "and stay undone; look into the worker's log, then play again"
                )
            if now - nudged > NUDGED_EVERY:
                nudged = now
                clock = await self.service.post(SETTLING, {"to": clock["now"]}, key=self.service.keys.administrator)
            else:
                clock = await self._clock()
        self._next_due = moment(clock["next_due"]) if clock["next_due"] else None
        self.waited += self.ticks() - began

    async def _read_texts(self, *, earlier: bool = False) -> None:
        """Phones ring. ``earlier``: what was sent before this process began is counted, and answered only where that lies ahead."""
        while True:
            page = await self.service.get("/sandbox/messages", key=self.service.keys.gateway, since=self._seen)
            for item in page["items"]:
                self._seen = max(self._seen, int(item["n"]))
                self.scene.tally.text(item["to"], item["key"], item["text"], earlier=earlier)
                self._rings(item, earlier=earlier)
            if not page["items"] or not earlier:
                return

    def _rings(self, item: dict[str, Any], *, earlier: bool) -> None:
        at = sent_at(item)
        if earlier and at < self.scene.now - REPLIES_WITHIN:
            return
        if is_on_call(str(item["key"])):
            for doctor in self.doctors if not earlier else ():
                doctor.alerted()
        elif (person := self.scene.phones.get(item["to"])) is not None:
            self.patients.texted(person, str(item["key"]), str(item["text"]), at)
