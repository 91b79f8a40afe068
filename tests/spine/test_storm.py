"""Three hundred texts while the provider stumbles and our processes die: one SMS each; and no storm after a provider was away.

In this process and by a clock of its own, so that it is quick: what dies is cut off wherever it stands, its transactions undone and
its connections broken, as SIGKILL leaves them; in Temporal's place is a queue with its retries, priorities and rate. The same with
real processes, a real server, ten thousand texts and a whole day: ``python -m bench storm``.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from spine.stack import moment
from spine.twilio_fakes import faking
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.channels.port import DeliveryReport, Webhook
from activities.channels.registry import Channels
from activities.channels.twilio import TwilioChannel, TwilioSettings
from activities.messages import MessageActivities
from activities.plans import Plans
from activities.sending.reports import Reports
from bench.storm_outage import inversions
from pathways.engine.commands import Part, SendMessage
from pathways.serial import dump_command
from records.clock import Clock
from records.database import Database
from records.patients import NewPatient, Patients, Profile
from records.tables import Attempt, Delivery
from records.vault import Vault
from workers.network import set_up_network
from workers.twilio_fake.serving import ACCOUNT, NUMBER, TOKEN, Served
from workflows.contract import Deliver

MANY = 300
SEED = 20250303  # of whom and when
TEN = moment("2025-03-03", "10:00")
FAULTS = {"throttle": 0.05, "hang": 0.02, "hang_seconds": 60.0, "lose": 0.02, "repeat": 0.02}
A_SECOND = timedelta(seconds=1)
#: A try whose worker died is given to another when its time is over.
LOST_TURN = timedelta(minutes=1)
KEY = "message/1"
AWAY = timedelta(minutes=10)
PER_SECOND = 10


@dataclass
class Rig:
    """Records, provider, webhooks, and the queue in Temporal's place. ``caught``: texts in hand when a worker was killed."""

    database: Database
    now: datetime = TEN
    vault: Vault = field(default_factory=lambda: Vault(bytes(range(32))))
    queue: list[tuple[datetime, int, str]] = field(default_factory=list)  # ready at, priority, patient
    phones: dict[str, str] = field(default_factory=dict)
    caught: set[str] = field(default_factory=set)
    api_lives: bool = True
    _fake: Served | None = None
    _url: str = ""

    @property
    def fake(self) -> Served:
        assert self._fake is not None
        return self._fake

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now)

    async def moment(self) -> datetime:
        return self.now

    def channel(self) -> TwilioChannel:
        settings = TwilioSettings(
            account_sid=ACCOUNT,
            auth_token=TOKEN,
            from_number=NUMBER,
            callback_url=f"{self._url}/status",
            base_url=self.fake.url,
            answer_timeout=0.4,
        )
        return TwilioChannel(settings, now=self.moment)

    async def hear(self, request: web.Request) -> web.Response:
        """Our webhook; while the API is dead nobody answers."""
        if not self.api_lives:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        channel = self.channel()
        heard = channel.hear(
            "status", Webhook(str(request.url), dict(request.query), _lower(request.headers), await request.read())
        )
        for told in heard.told:
            assert isinstance(told, DeliveryReport)
            await Reports(self.database, self.vault, self.clock, Channels.of(channel), None).take(told, channel="twilio")
        return web.Response(status=204)

    async def plan(self, priorities: list[int], not_after: list[datetime]) -> None:
        """A text for each of as many patients, due now."""
        async with self.database.begin() as session:
            await set_up_network(session)
            for number, (priority, until) in enumerate(zip(priorities, not_after, strict=True)):
                profile = Profile(given=f"Person {number}", phone=f"+86138{number:08d}")
                patient, person = await Patients(session, self.vault).add(
                    NewPatient(profile, "team-1", "en", "Asia/Shanghai"), at=self.now
                )
                patient.life = "active"
                command = SendMessage(KEY, "patient", (Part("", "on_call_alert"),), until, priority=priority)
                sealed = person.seal(f"delivery/{KEY}", dump_command(command))
                session.add(
                    Delivery(
                        patient_id=patient.id,
                        key=KEY,
                        kind="message",
                        status="planned",
                        planned=self.now,
                        not_after=until,
                        priority=priority,
                        sealed=sealed,
                    )
                )
                assert profile.phone is not None
                self.phones[patient.id] = profile.phone
                heapq.heappush(self.queue, (self.now, priority, patient.id))

    def ready(self, most: int) -> list[tuple[int, str]]:
        """Of what is ready, the lowest priority number first; time moves on to where something is."""
        if self.queue[0][0] > self.now:
            self.now = self.queue[0][0]
        due = [heapq.heappop(self.queue) for _ in range(sum(1 for at, _, _ in self.queue if at <= self.now))]
        due.sort(key=lambda one: (one[1], one[0], one[2]))
        for later in due[most:]:
            heapq.heappush(self.queue, later)
        return [(priority, patient) for _, priority, patient in due[:most]]

    async def hand_over(self, messages: MessageActivities, priority: int, patient: str) -> None:
        """One try of the workflow's activity; what is to be tried again comes back to the queue."""
        try:
            await messages.deliver_message(Deliver(patient, KEY, "message"))
        except ApplicationError as later:
            heapq.heappush(self.queue, (self.now + (later.next_retry_delay or A_SECOND), priority, patient))

    async def a_batch(self, messages: MessageActivities, most: int, *, dies_after: int | None = None) -> None:
        """Up to ``most`` at the same time; with ``dies_after`` the worker is killed when so many of them are through."""
        tasks = {
            asyncio.create_task(self.hand_over(messages, priority, patient)): (priority, patient)
            for priority, patient in self.ready(most)
        }
        left = set(tasks)
        while left and (dies_after is None or len(tasks) - len(left) < dies_after):
            _, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
            priority, patient = tasks[task]
            self.caught.add(patient)
            heapq.heappush(self.queue, (self.now + LOST_TURN, priority, patient))
        for came_of in await asyncio.gather(*tasks, return_exceptions=True):
            assert came_of is None or isinstance(came_of, asyncio.CancelledError), came_of
        self.now += A_SECOND

    async def deliveries(self) -> list[Delivery]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Delivery)))

    async def attempts(self) -> list[Attempt]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Attempt).order_by(Attempt.at, Attempt.number)))

    def texted(self) -> Counter[str]:
        """How many SMS each phone got, as the provider counts."""
        return Counter(dict(self.fake.provider.store.counts(["to_"])))


def _lower(headers: object) -> dict[str, str]:
    return {name.lower(): value for name, value in dict(headers).items()}  # type: ignore[call-overload]


@asynccontextmanager
async def rigged(fresh: Path, folder: Path, **faults: object) -> AsyncIterator[Rig]:
    """A rig with nothing planned."""
    shutil.copy(fresh, folder / "cairn.db")
    async with AsyncExitStack() as leaving:
        rig = Rig(Database.open(f"sqlite+aiosqlite:///{folder / 'cairn.db'}"))
        leaving.push_async_callback(rig.database.close)
        app = web.Application()
        app.router.add_post("/status", rig.hear)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        leaving.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        rig._url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        rig._fake = await leaving.enter_async_context(faking(folder / "fake.db", now=rig.moment, faults=faults))
        yield rig


async def test_three_hundred_texts_arrive_once_each_though_provider_worker_and_api_fail(fresh_sqlite: Path, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    async with rigged(fresh_sqlite, tmp_path, **FAULTS) as rig:
        await rig.plan([3] * MANY, [TEN + timedelta(hours=10)] * MANY)
        kills = {chance.randrange(1, 18): chance.randrange(0, 16) for _ in range(4)}  # in which batch, after how many texts
        dead_api = {chance.randrange(0, 20) for _ in range(5)}
        batch = 0
        while rig.queue:
            async with rig.channel() as channel:  # of a new process
                messages = MessageActivities(rig.database, rig.vault, Plans(), rig.clock, Channels.of(channel))
                while rig.queue:
                    batch += 1
                    rig.api_lives = batch not in dead_api
                    await rig.a_batch(messages, 16, dies_after=kills.get(batch))
                    if batch in kills:
                        break
        rig.api_lives = True
        await rig.fake.provider.settled()

        texted, deliveries = rig.texted(), await rig.deliveries()
        assert max(texted.values()) == 1, "nobody is texted twice"
        assert {one.status for one in deliveries} <= {"handed", "unknown"}
        assert all(texted[rig.phones[one.patient_id]] == 1 for one in deliveries if one.status == "handed")
        unknown = {one.patient_id for one in deliveries if one.status == "unknown"}
        assert unknown <= rig.caught, "nobody knows of a text only where its worker died with it in hand"
        asked = rig.fake.provider.asked
        assert asked["20429"] > MANY * 0.02, "it was throttled"
        assert asked["hung"] > 0, "it took some and never said so"
        assert len(rig.caught) > len(kills), "workers died with texts in hand"
        of_text = Counter(one.patient_id for one in await rig.attempts() if one.status == "taken")
        assert set(of_text.values()) == {1}, "one try of each was taken"


async def test_after_the_provider_was_away_texts_go_out_within_the_limit_red_before_green_and_nothing_stale(
    fresh_sqlite: Path, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    back = TEN + AWAY
    away = {"outage_from": (TEN - A_SECOND).isoformat(), "outage_to": back.isoformat()}
    async with rigged(fresh_sqlite, tmp_path, **away) as rig:
        priorities = [chance.choice((2, 3, 4, 4)) for _ in range(MANY)]
        stale = {number for number in range(MANY) if number % 10 == 0}  # of use for as long as half of it
        until = [TEN + AWAY / 2 if number in stale else TEN + timedelta(hours=10) for number in range(MANY)]
        await rig.plan(priorities, until)
        async with rig.channel() as channel:
            messages = MessageActivities(rig.database, rig.vault, Plans(), rig.clock, Channels.of(channel))
            while rig.queue:
                await rig.a_batch(messages, PER_SECOND)
        await rig.fake.provider.settled()

        texted, deliveries, attempts = rig.texted(), await rig.deliveries(), await rig.attempts()
        dropped = {one.patient_id for one in deliveries if (one.status, one.reason) == ("dropped", "too_late")}
        assert dropped == {list(rig.phones)[number] for number in stale}
        assert {one.status for one in deliveries if one.patient_id not in dropped} == {"handed"}
        assert texted == Counter({phone: 1 for patient, phone in rig.phones.items() if patient not in dropped})

        assert sum(1 for one in attempts if one.status == "not_taken") < 40, "one text asks whether it is back, not all of them"
        taken = [one for one in attempts if one.status == "taken"]
        assert min(one.at for one in taken) >= back
        assert max(Counter(one.at for one in taken).values()) <= PER_SECOND, "no storm"
        first, *others = taken  # the one that asked
        of_text = {one.patient_id: one.priority for one in deliveries}
        order = [of_text[one.patient_id] for one in others]
        assert inversions(order) < 0.05, "red before yellow before green, but for the few that came while the first one asked"
        assert max(one.at for one in taken) - first.at < timedelta(minutes=15), "and nobody waits for hours"
