"""The embedded stack: Temporal server, workers, API and housekeeping of a small network in one process.

Rule 1: what would stop it half-way (a taken port, a database of another revision) is looked at first, and said in one sentence.
Rule 2: whatever ends it, everything it started is ended, in the reverse order; what was begun goes on at the next start.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from temporalio.client import Client

from activities.channels.phones import Phones
from activities.housekeeping import Housekeeping
from activities.keysets import KeySets
from activities.rollouts import RolloutDoor
from activities.waking import Waker
from api.app import ApiParts, create_app
from api.oidc.provider import OpenIdProvider
from records.database import DatabaseNotReady, check_ready, migrate
from records.tables import ApiKey, CareTeam, Organisation
from workers.chores import Chores
from workers.network import new_key, set_up_network
from workers.parts import Parts, publish_shipped
from workers.process import process, serving_api, serving_queues, until_stopped
from workers.settings import Settings
from workers.temporal import ADDRESS_FILE, TemporalServer, embedded_address, kept_up, refuse_if_taken

__all__ = ["Stack", "api_parts", "embedded_address", "running", "set_up", "until_stopped", "write_keys"]

KEYS_FILE = "keys/api-keys.json"


@dataclass(frozen=True)
class Stack:
    """A running stack. ``keys_file``: API keys by role and place. ``ends``: each is over when a part of the stack is."""

    parts: Parts
    client: Client
    housekeeping: Housekeeping
    url: str
    keys_file: Path
    ends: Sequence[Callable[[], Awaitable[object]]] = ()

    def console_url(self, page: str = "/") -> str:
        """The console with the coordinator's key in it, for the person at this machine."""
        keys = json.loads(self.keys_file.read_text())
        return f"{self.url}{page}?key={keys['coordinator']}"


async def set_up(parts: Parts, *, driven_from: datetime | None = None) -> None:
    """Make the tables, a first network, the shipped pathways. A second call changes nothing.

    Raises DatabaseNotReady where the database is of another revision: it may hold patients, so an operator upgrades it.
    """
    try:
        await check_ready(parts.database)
    except DatabaseNotReady as not_ready:
        if "is empty" not in str(not_ready):
            raise
        await migrate(parts.database)
    async with parts.database.begin() as session:
        if driven_from is not None:
            await parts.clock.drive(session, driven_from)
        await set_up_network(session)
        await publish_shipped(session, at=await parts.clock.now(session), co_managed=parts.settings.co_managed)


async def write_keys(parts: Parts) -> Path:
    """API keys for every role and place of this network, in a file that only its owner may read; made once."""
    file = parts.settings.home / KEYS_FILE
    if file.exists():
        return file
    keys: dict[str, str | dict[str, str]] = {}
    async with parts.database.begin() as session:
        if (await session.scalars(select(ApiKey.hash).limit(1))).first() is not None:
            raise DatabaseNotReady(f"{file} is gone while its keys are in the database; make new ones with: cairn keys add")
        for role in ("administrator", "coordinator", "approver", "supervisor", "auditor", "gateway"):
            keys[role] = await new_key(session, role, role, "*")
        for role in ("health_manager", "doctor"):
            teams = await session.scalars(select(CareTeam.id).order_by(CareTeam.id))
            keys[role] = {team: await new_key(session, f"{role} of {team}", role, team) for team in teams}
        for kind, role in (("hospital", "clinic"), ("pharmacy", "pharmacy")):
            places = await session.scalars(select(Organisation.id).where(Organisation.kind == kind).order_by(Organisation.id))
            keys[role] = {place: await new_key(session, place, role, place) for place in places}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(keys, indent=2) + "\n")
    return file


@asynccontextmanager
async def running(settings: Settings, *, driven_from: datetime | None = None, phones: Phones | None = None) -> AsyncIterator[Stack]:
    """Bring everything up; on leaving, bring everything down. Raises PortTaken, DatabaseNotReady, NoTemporalServer.

    ``driven_from``: a demonstration, whose time begins there and stands until it is moved. ``phones``: those of a provider
    that stands beside.
    """
    refuse_if_taken(settings.api_host, settings.api_port, "CAIRN_API_PORT", what="API")
    async with process("up", settings, database_ready=False) as up, AsyncExitStack() as stack:
        parts = up.parts
        await set_up(parts, driven_from=driven_from)
        keys_file = await write_keys(parts)
        address = settings.temporal_address
        if not address:
            file, log = settings.home / "temporal.db", settings.home / "temporal.log"

            async def start() -> TemporalServer:
                return await TemporalServer.start(file, settings.temporal_port, log=log, hurried=driven_from is not None)

            def tell(what: str) -> None:
                parts.seeing.log.warning("temporal_ended", outcome=what)

            address = (await stack.enter_async_context(kept_up(start, tell))).address
            stack.enter_context(_address_known(settings, address))
        client = await up.connected(address, needed=False)
        housekeeping = parts.housekeeping(client)
        queues = await stack.enter_async_context(serving_queues(parts, client))
        app = create_app(api_parts(parts, client, housekeeping, phones))
        api = await stack.enter_async_context(serving_api(app, settings))
        await housekeeping.wake_due()
        async with parts.database.reading() as session:
            driven = await parts.clock.is_driven(session)
        await stack.enter_async_context(Chores.of(parts, client).keeper(driven=driven).keeping())
        yield Stack(parts, client, housekeeping, f"http://{settings.api_host}:{settings.api_port}", keys_file, (queues, api))


@contextlib.contextmanager
def _address_known(settings: Settings, address: str) -> Iterator[None]:
    file = settings.home / ADDRESS_FILE
    file.write_text(address + "\n")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _openid(settings: Settings) -> OpenIdProvider | None:
    if not settings.oidc_issuer:
        return None
    return OpenIdProvider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        settings.oidc_name,
        settings.oidc_link_by_email,
    )


def api_parts(parts: Parts, client: Client | None, housekeeping: Housekeeping | None, phones: Phones | None = None) -> ApiParts:
    """What the API is made of."""
    return ApiParts(
        database=parts.database,
        vault=parts.vault,
        clock=parts.clock,
        plans=parts.plans,
        events=parts.events,
        enrolments=parts.enrolments,
        waker=Waker(client) if client is not None else None,
        housekeeping=housekeeping,
        channels=parts.channels,
        public_url=parts.settings.public_url,
        trust_forwarded=parts.settings.trust_forwarded,
        webhook_hosts=parts.settings.webhook_hosts,
        cds_origins=parts.settings.cds_origins,
        keysets=KeySets(parts.settings.key_hosts),
        openid=_openid(parts.settings),
        four_eyes=parts.settings.four_eyes,
        idle=timedelta(minutes=parts.settings.idle_minutes),
        must_have_second=frozenset(parts.settings.second_factor),
        rollouts=RolloutDoor(client) if client is not None else None,
        seeing=parts.seeing,
        temporal_answers=client.service_client.check_health if client is not None else None,
        phones=phones,
    )
