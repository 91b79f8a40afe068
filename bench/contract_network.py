"""The network that random requests are sent to: it counts what it answers, and tells what there is in it just now.

Rule 1: it never runs dry. Requests end tasks, close referrals and withdraw people; whoever asks what there is finds enough of each.
Rule 2: what is told here is never the subject of a check: it only makes requests reach something.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from socket import socket
from typing import Any, TypeVar, cast

import httpx
import uvicorn
from sqlalchemy import select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from activities.rollouts import RolloutActivities
from api.app import create_app
from api.models.smart import SmartClientIn
from bench.contract import COUNTED, KNOWN, SOMEBODY
from bench.contract_parts import CheckedHere, MadeSeldom
from pathways.language import library
from records.database import Database, migrate
from records.drafts import OPEN, version_of
from records.tables import (
    Account,
    AdviceService,
    ApiKey,
    CareTeam,
    Closure,
    ContactRulesRow,
    EventRow,
    ForecastRow,
    MessageHold,
    Organisation,
    PathwayDraft,
    PathwayVersion,
    Patient,
    ReferralRow,
    RefillRow,
    RequestLimits,
    Rollout,
    RolloutPatient,
    SmartClient,
    TaskRow,
    Webhook,
)
from tests.api.conftest import EMERGENCY, KEYS, Network, a_network
from workflows.contract import RollOn

T = TypeVar("T")
CLOSED = ("completed", "sent_back", "refused", "declined", "cancelled", "withdrawn", "expired", "dispensed", "not_needed")
ENOUGH, AT_ONCE, MOST = 3, 2, 400  # open ones of each kind; people enrolled at one asking; people enrolled in all
SPARE: list[tuple[str, dict[str, Any]]] = [  # to be changed and deleted; nobody stands there
    ("/accounts", SOMEBODY),
    ("/accounts", {**SOMEBODY, "login": "nurse.wu"}),
    *(("/places", {"id": f"pharmacy-spare-{n}", "kind": "pharmacy", "name": "Spare", "parent": "network"}) for n in range(3)),
    *(("/closures", {"place": "hospital-2", "first": "2025-05-01", "last": f"2025-05-0{n}"}) for n in range(2, 5)),
    *(("/holds", {"place": "hospital-2", "first": "2025-05-01", "last": f"2025-05-0{n}", "action": "hold"}) for n in range(2, 5)),
    *(("/keys", {"name": f"spare {n}", "role": "clinic", "place": "hospital-2"}) for n in range(3)),
    *(("/smart-clients", {**SmartClientIn.model_config["json_schema_extra"]["examples"][0], "name": str(n)}) for n in range(3)),
]
FOLLOWED = "hypertension"
LATEST = 30  # events, rollouts, forecasts that are told of
OTHER = "type2_diabetes"  # of which a rollout comes no further: paused and resumed by turns
CALLS = 6  # for each of them
FIRST = 3  # times that it is filled up before anybody asks


@dataclass
class Filled:
    """The network, and how many people were enrolled into it."""

    network: Network
    people: int = 0
    drafts: int = 0
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def known(self) -> dict[str, Any]:
        """What there is just now, open things first; filled up before, where there is little."""
        async with self.busy:
            found = await self._read()
            for _ in range(AT_ONCE):
                if self.people >= MOST or all(len(found[what]) >= ENOUGH for what in ("patients", "tasks", "referrals", "refills")):
                    break
                await self._enrol()
                found = await self._read()
            await self._edit(found)
            return await self._read()

    async def _enrol(self) -> None:
        """Somebody in an emergency, whose medicine ends as well: tasks, a referral that a doctor let go out, a refill request."""
        n, today = self.people, await self._today()
        self.people += 1
        last = date.fromordinal(today.toordinal() - 28).isoformat()
        person = {
            "identifier": f"P-{n}", "name": "王秀英", "sex": "female", "born": "1960-05-01", "phone": f"+86138{n:08d}",
            "language": "zh-Hans", "timezone": "Asia/Shanghai", "conditions": ["hypertension"], "last_visit": last,
            "readings": {"sbp": 132, "dbp": 82}, "care_team": "team-1",
            "medicines": [{"name": "amlodipine", "last_fill": last, "days_supply": 30}],
        }  # fmt: skip
        answer = await self.network.post("/patients", person, "coordinator")
        if answer.status_code != 201:
            raise RuntimeError(f"nobody can be enrolled any more: {answer.text}")
        patient = answer.json()["patient_id"]
        await self.network.post(f"/patients/{patient}/visits", {"readings": EMERGENCY}, "coordinator")
        await self._calls(patient, today)
        if n % 2:
            return  # whether the referral goes out waits for a doctor
        listed = await self.network.get("/tasks", "coordinator", kind="confirm_referral", limit=200)
        for task in listed.json()["items"]:
            if task["patient"]["id"] == patient:
                await self.network.post(f"/tasks/{patient}/complete", {"key": task["key"], "outcome": "approved"}, "doctor")

    async def _edit(self, found: dict[str, Any]) -> None:
        """A draft of each kind, and a rollout that leaves somebody; those that go on come a batch further."""
        standing = {status for _, _, _, status in found["drafts"]}
        for status in OPEN:
            if status not in standing:
                await self._draft(status)
        parts = self.network.parts
        rolls = RolloutActivities(parts.database, parts.vault, parts.plans, parts.clock, self.network.waker)
        going = [one for one in found["rollouts"] if one[1] in ("running", "paused")]
        for rollout, status, pathway in going:
            if status == "running" and pathway == FOLLOWED:
                await rolls.roll_on(RollOn(rollout))
        if not found["left"] and FOLLOWED not in {pathway for _, _, pathway in going}:
            await self._roll_out(FOLLOWED, version_of(renamed()))
        waiting = next((one for one in going if one[2] == OTHER), None)
        if waiting is None:
            await self._roll_out(OTHER, next(one[1] for one in found["pathways"] if one[0] == OTHER and one[2]))
        else:
            turn = "pause" if waiting[1] == "running" else "resume"
            await self.network.post(f"/rollouts/{waiting[0]}/{turn}", {"why": "as agreed"}, "coordinator")

    async def _roll_out(self, pathway: str, version: str) -> httpx.Response:
        body = {"why": "as agreed", "policy": "now", "batch": AT_ONCE, "pause_s": 0}
        return await self.network.post(f"/pathways/{pathway}/versions/{version}/rollouts", body, "coordinator")

    async def _draft(self, status: str) -> str:
        """A sound one that stands so."""
        self.drafts += 1
        text = f"{renamed()}\n# {self.drafts}"
        signed = {"Authorization": "Bearer coordinator"}
        answer = await self.network.http.post(f"/api/v1/pathways/{FOLLOWED}/drafts", content=text, headers=signed)
        draft = str(answer.json()["id"])
        if status != "draft":
            await self.network.post(f"/drafts/{draft}/check", key="coordinator")
        if status == "approved":
            await self.network.post(f"/drafts/{draft}/approve", key="approver", If_Match="*")
        return draft

    async def begin(self) -> None:
        """A version that renames a service, beside the one that is followed; and a forecast."""
        draft = await self._draft("approved")
        async with self.network.parts.database.begin() as session:
            now = await self.network.parts.clock.now(session)
            text = renamed()
            session.add(PathwayVersion(pathway=FOLLOWED, version=version_of(text), text=text, published=now, current=False))
        asked = f"/pathways/{FOLLOWED}/forecasts?draft={draft}&sample=5&weeks=2"
        await self.network.post(asked, key="coordinator")

    async def _calls(self, patient: str, today: date) -> None:
        """Phone calls to make, for a team to work through."""
        async with self.network.parts.database.begin() as session:
            now = await self.network.parts.clock.now(session)
            session.add_all(
                TaskRow(
                    patient_id=patient, key=f"task/phone_call/{today}#{n}", care_team_id="team-1", kind="phone_call",
                    by="health_manager", pathway="hypertension", service="follow_up", due=today + timedelta(days=n - 2),
                    status="open", urgent=False, opened=now,
                )
                for n in range(CALLS)
            )  # fmt: skip

    async def _today(self) -> date:
        async with self.network.parts.database.reading() as session:
            return (await self.network.parts.clock.now(session)).date()

    async def _read(self) -> dict[str, Any]:
        async with self.network.parts.database.reading() as session:

            async def rows(of: type[T], order: Any, *where: Any) -> list[T]:
                return list((await session.scalars(select(of).where(*where).order_by(order))).all())

            now: datetime = await self.network.parts.clock.now(session)
            going = RolloutPatient.rollout_id.in_(select(Rollout.id).where(Rollout.status != "stopped"))
            told = select(EventRow).where(EventRow.kind.in_(("visit_completed", "reading_received", "corrected")))
            events = await session.scalars(told.order_by(EventRow.learnt.desc(), EventRow.event_id).limit(LATEST))
            keys = await rows(ApiKey, ApiKey.created, ApiKey.revoked.is_(None), ApiKey.account_id.is_(None))
            return {
                "now": now.isoformat(),
                "patients": [
                    [one.id, f'"{one.last_event}.{one.care_team_id}"']
                    for one in await rows(Patient, Patient.created, Patient.life == "active")
                ],
                "tasks": [
                    [one.patient_id, one.key, f'"{one.version}"']
                    for one in await rows(TaskRow, TaskRow.due, TaskRow.status == "open")
                ],
                "drafts": [
                    [one.id, one.pathway, f'"{one.edit}"', one.status]
                    for one in await rows(PathwayDraft, PathwayDraft.changed, PathwayDraft.status.in_(OPEN))
                ],
                "rollouts": [[one.id, one.status, one.pathway] for one in await rows(Rollout, Rollout.started)][-LATEST:],
                "left": [
                    [one.rollout_id, one.patient_id]
                    for one in await rows(RolloutPatient, RolloutPatient.at, RolloutPatient.status == "left", going)
                ],
                "forecasts": [[one.id, one.pathway, one.status] for one in await rows(ForecastRow, ForecastRow.at)][:LATEST],
                "events": [[one.patient_id, one.event_id] for one in events],
                "referrals": [one.id for one in await rows(ReferralRow, ReferralRow.asked, ReferralRow.stage.not_in(CLOSED))],
                "refills": [one.id for one in await rows(RefillRow, RefillRow.asked, RefillRow.stage.not_in(CLOSED))],
                "places": [[one.id, f'"{one.version}"'] for one in await rows(Organisation, Organisation.id)],
                "contact_rules": [
                    [one.network_id, f'"{one.version}"'] for one in await rows(ContactRulesRow, ContactRulesRow.changed)
                ]
                or [["network", '"0"']],
                "referral_limits": [
                    [one.network_id, f'"{one.version}"'] for one in await rows(RequestLimits, RequestLimits.changed)
                ]
                or [["network", '"0"']],
                "teams": [[one.id, f'"{one.version}"'] for one in await rows(CareTeam, CareTeam.id)],
                "closures": [[one.id, f'"{one.version}"'] for one in await rows(Closure, Closure.id)],
                "holds": [[one.id, f'"{one.version}"'] for one in await rows(MessageHold, MessageHold.id)],
                "advice": [[one.id, f'"{one.version}"'] for one in await rows(AdviceService, AdviceService.id)],
                "webhooks": [[one.id, f'"{one.version}"'] for one in await rows(Webhook, Webhook.id)],
                "smart_clients": [[one.id, f'"{one.version}"'] for one in await rows(SmartClient, SmartClient.id)],
                "accounts": [[one.id, one.login, f'"{one.version}"'] for one in await rows(Account, Account.login)],
                "keys": [one.id for one in keys if one.name not in KEYS],  # a run must not withdraw the keys that it asks with
                "pathways": [
                    [one.pathway, one.version, one.current] for one in await rows(PathwayVersion, PathwayVersion.published)
                ],
            }


@dataclass
class Counting:
    """The application; answers at ``/counted`` what was answered, and at ``/known`` what there is."""

    app: ASGIApp
    filled: Filled
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in (COUNTED, KNOWN):
            counted = [[operation, status, n] for (operation, status), n in sorted(self.answers.items())]
            body = counted if scope["path"] == COUNTED else await self.filled.known()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
            await send({"type": "http.response.body", "body": json.dumps(body).encode()})
            return

        async def counts(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "elsewhere").replace(":path}", "}")
                self.answers[(f"{scope['method']} {route}", int(message["status"]))] += 1
            await send(message)

        await self.app(scope, receive, counts if scope["type"] == "http" else send)


def renamed() -> str:
    """The pathway that is followed, with a service of another name: who has it due needs a person."""
    shipped = library()[FOLLOWED].document
    assert shipped is not None
    return shipped.text.replace("  annual_exam:", "  yearly_check:")


async def serve(url: str, folder: Path, door: socket) -> None:
    """The network over an empty database at ``url``, to whoever comes to ``door``, until the process is ended.

    Two people publish where it is PostgreSQL, one where it is SQLite: so both ways are asked for.
    """
    database = Database.open(url)
    await migrate(database)
    async with a_network(database, folder) as plain:
        four_eyes = url.startswith("postgresql")
        parts = replace(plain.parts, checker=CheckedHere(), forecaster=MadeSeldom(), four_eyes=four_eyes)
        transport = httpx.ASGITransport(app=create_app(parts))
        network = replace(plain, parts=parts, http=httpx.AsyncClient(transport=transport, base_url="http://cairn.test"))
        filled = Filled(network)
        await filled.begin()
        for _ in range(FIRST):
            await filled.known()
        for path, body in SPARE:
            await network.post(path, body, "administrator")
        app = Counting(cast(ASGIApp, create_app(network.parts)), filled)
        config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
        await uvicorn.Server(config).serve([door])
    await database.close()
