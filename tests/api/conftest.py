"""A small network over SQLite with a driven clock, and steps taken in process in place of Temporal."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from argon2 import PasswordHasher

from activities.advice import AdviceActivities
from activities.channels.registry import Channels
from activities.channels.sandbox import SandboxChannel
from activities.enrolment import Enrolments
from activities.events import Events
from activities.housekeeping import Housekeeping
from activities.messages import MessageActivities
from activities.places import PlaceActivities
from activities.plans import Plans
from activities.steps import StepActivities
from activities.waking import NotWoken, Waker
from api.parts import ApiParts
from pathways.language import Loaded
from records.accounts import Passwords
from records.callers import hashed
from records.clock import Clock
from records.database import Database
from records.tables import ApiKey, CareTeam, Organisation
from records.vault import Vault
from tests.kept import KeptEngine, kept_app
from workers.parts import publish_shipped
from workflows.contract import Deliver, Handover, Step

START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai

KEYS = {
    "administrator": ("administrator", "*"),
    "coordinator": ("coordinator", "*"),
    "manager": ("health_manager", "team-1"),
    "doctor": ("doctor", "team-1"),
    "other-manager": ("health_manager", "team-2"),
    "hospital-1": ("clinic", "hospital-1"),
    "hospital-2": ("clinic", "hospital-2"),
    "pharmacy-1": ("pharmacy", "pharmacy-1"),
    "pharmacy-2": ("pharmacy", "pharmacy-2"),
    "gateway": ("gateway", "*"),
    "centre-manager": ("health_manager", "centre-1"),
    "foreign-manager": ("health_manager", "team-3"),
    "approver": ("approver", "*"),
    "supervisor": ("supervisor", "network"),
    "auditor": ("auditor", "*"),
}


@dataclass
class InProcessWaker:
    """Takes steps and hands deliveries over in process until the patient has settled; ``away`` plays Temporal away."""

    steps: StepActivities
    messages: MessageActivities
    places: PlaceActivities
    advice: AdviceActivities
    away: bool = False
    woken: list[str] = field(default_factory=list)

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        await self.settle(patient, next_step=next_step)

    async def settle(self, patient: str, *, next_step: int = 1) -> None:
        if self.away:
            raise NotWoken("away")
        self.woken.append(patient)
        while True:
            taken = await self.steps.take_step(Step(patient, next_step))
            learnt = [await self._hand_over(patient, handover) for handover in taken.handovers]
            if taken.next_step == next_step and not any(learnt):
                return
            next_step = taken.next_step

    async def _hand_over(self, patient: str, handover: Handover) -> bool:
        deliver = {
            "message": self.messages.deliver_message,
            "referral": self.places.deliver_referral,
            "refill": self.places.deliver_refill,
            "advice": self.advice.deliver_advice,
        }[handover.kind]
        return (await deliver(Deliver(patient, handover.key, handover.kind))).learnt


@dataclass
class Network:
    """A network to try the API on. ``http`` has no key; ``get`` and ``post`` call with a key of ``KEYS``."""

    parts: ApiParts
    waker: InProcessWaker
    channel: SandboxChannel
    http: httpx.AsyncClient

    async def get(self, path: str, key: str = "manager", **query: Any) -> httpx.Response:
        return await self.http.get(f"/api/v1{path}", params=query, headers=_signed(key))

    async def post(self, path: str, body: Any = None, key: str = "manager", **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/api/v1{path}", json=body, headers={**_signed(key), **sent})

    async def enrol(self, **person: Any) -> str:
        """Enrol somebody and say their id."""
        answer = await self.post("/patients", {**WANG, **person})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["patient_id"])

    async def move_to(self, moment: str) -> dict[str, Any]:
        answer = await self.post("/clock", {"to": moment}, "administrator")
        assert answer.status_code == 200, answer.text
        return cast(dict[str, Any], answer.json())


WANG: dict[str, Any] = {
    "identifier": "A-1",
    "name": "王秀英",
    "sex": "female",
    "born": "1960-05-01",
    "phone": "+8613812345678",
    "language": "zh-Hans",
    "timezone": "Asia/Shanghai",
    "conditions": ["hypertension"],
    "last_visit": "2025-02-20",
    "readings": {"sbp": 132, "dbp": 82},
    "medicines": [{"name": "amlodipine", "last_fill": "2025-02-20", "days_supply": 30}],
    "care_team": "team-1",
}

WELL = {
    "sbp": 128,
    "dbp": 78,
    "symptoms": [],
    "pregnant_or_lactating": False,
    "other_disease_cannot_handle": False,
    "adr": False,
    "adr_hard_to_control": False,
    "new_complication": False,
    "worse_complication": False,
}
EMERGENCY = {**WELL, "sbp": 192, "dbp": 112}


def _signed(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


_loaded: dict[str, Loaded] = {}  # a version never changes
_engine = KeptEngine()
#: As ours, of next to no memory: a real one costs a fifth of a second, and what it costs is no test's business.
_hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


@pytest.fixture(scope="session")
def fresh_network(fresh_sqlite: Path) -> Path:
    """A file to copy, with the places, the teams and the keys."""

    file = fresh_sqlite.with_name("network.db")
    shutil.copy(fresh_sqlite, file)
    asyncio.run(settled_in(f"sqlite+aiosqlite:///{file}"))
    return file


async def settled_in(url: str) -> None:
    """The places, the teams and the keys into a migrated database."""
    database = Database.open(url)
    await _settle_in(database)
    await database.close()


@pytest.fixture
async def network(fresh_network: Path, tmp_path: Path) -> AsyncIterator[Network]:
    async with network_like(fresh_network, tmp_path) as network:
        yield network


@asynccontextmanager
async def network_like(fresh: Path, tmp_path: Path) -> AsyncIterator[Network]:
    """The network over SQLite, in a copy of ``fresh``."""
    shutil.copy(fresh, tmp_path / "cairn.db")
    database = _engine.turned_to(f"sqlite+aiosqlite:///{tmp_path / 'cairn.db'}")
    async with network_over(database, tmp_path) as network:
        yield network
    await database.close()


@asynccontextmanager
async def a_network(database: Database, folder: Path) -> AsyncIterator[Network]:
    """The network over a migrated database that is still empty."""
    await _settle_in(database)
    async with network_over(database, folder) as network:
        yield network


async def _settle_in(database: Database) -> None:
    async with database.begin() as session:
        await Clock().drive(session, START)
        await publish_shipped(session, at=START)
        session.add(Organisation(id="network", kind="network", name="Network", network_id="network"))
        await session.flush()
        places = [("centre-1", "centre"), ("centre-2", "centre"), ("hospital-1", "hospital"), ("hospital-2", "hospital")]
        places += [("pharmacy-1", "pharmacy"), ("pharmacy-2", "pharmacy")]
        session.add_all(
            Organisation(id=id_, kind=kind, name=id_.title(), rank=n, parent_id="network", network_id="network")
            for n, (id_, kind) in enumerate(places)
        )
        await session.flush()
        session.add_all(
            CareTeam(id=team, organisation_id=centre, name=team.title(), on_call_phone="+8613800000001")
            for team, centre in (("team-1", "centre-1"), ("team-2", "centre-1"), ("team-3", "centre-2"))
        )
        session.add_all(
            ApiKey(hash=hashed(key), id=f"key-{key}", name=key, role=role, place=place, created=START)
            for key, (role, place) in KEYS.items()
        )


@asynccontextmanager
async def network_over(database: Database, folder: Path) -> AsyncIterator[Network]:
    """The network over a database that has its places already."""
    vault, clock, plans = Vault(bytes(range(32))), Clock(), Plans(loaded=_loaded)

    async def now() -> datetime:
        async with database.reading() as session:
            return await clock.now(session)

    async with SandboxChannel(folder / "sandbox.db", now=now) as channel:
        waker = InProcessWaker(
            StepActivities(database, vault, plans, clock),
            MessageActivities(database, vault, plans, clock, Channels.of(channel)),
            PlaceActivities(database, vault, clock),
            AdviceActivities(database, vault, clock, plans, ("127.0.0.1",)),
        )
        parts = ApiParts(
            database=database,
            vault=vault,
            clock=clock,
            plans=plans,
            events=Events(database, vault, clock),
            enrolments=Enrolments(database, vault, plans, clock),
            waker=waker,
            housekeeping=Housekeeping(database, clock, cast(Waker, waker)),
            channels=Channels.of(channel),
            public_url="https://cairn.example",
            passwords=Passwords(_hasher),
        )
        with kept_app(parts) as app:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as http:
                yield Network(parts, waker, channel, http)
        await parts.checker.end()
