"""The composition root: every dependency is made here and handed in; nothing is global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import httpx
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import Client
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker

from activities.advice import AdviceActivities
from activities.channels.port import Channel
from activities.channels.registry import Channels
from activities.enrolment import Enrolments
from activities.events import Events
from activities.housekeeping import Housekeeping
from activities.messages import MessageActivities
from activities.places import PlaceActivities
from activities.plans import Plans
from activities.rollouts import RolloutActivities
from activities.seeing import Seeing
from activities.steps import Engine, StepActivities
from activities.waking import Waker
from activities.webhooks.pushing import PushActivities
from activities.webhooks.reaching import WITHIN, Reaching
from api.fhir.notifying import Notifying
from api.parts import ApiParts
from pathways.language import library
from pathways.shipped import CO_MANAGED
from records.clock import Clock
from records.database import Database
from records.tables import PathwayVersion
from records.vault import Vault
from workers.channels import opened
from workers.settings import Settings
from workflows.contract import PATIENTS_QUEUE, QUEUES, WEBHOOKS_QUEUE
from workflows.patient import PatientWorkflow
from workflows.push import PushWorkflow
from workflows.rollout import RolloutWorkflow

ALL_QUEUES = (PATIENTS_QUEUE, *QUEUES.values(), WEBHOOKS_QUEUE)
FINISHES_WITHIN = timedelta(seconds=3)  # activities that run when a worker stops; what is cut off is run again elsewhere
PUSHED_AT_ONCE = 200  # receivers; a slow one holds one place
STICKY = timedelta(seconds=4)  # after a worker was killed, the first touch of a patient waits this long


@dataclass(frozen=True)
class Parts:
    """Everything of one process that is not Temporal."""

    settings: Settings
    database: Database
    vault: Vault
    clock: Clock
    plans: Plans
    channels: Channels
    events: Events
    enrolments: Enrolments
    seeing: Seeing = field(default_factory=Seeing)

    @classmethod
    def make(cls, settings: Settings, *, seeing: Seeing | None = None) -> Parts:
        """Open what the settings name. Raises BadMasterKey, and BadSetting where a channel cannot be opened."""
        settings.home.mkdir(parents=True, exist_ok=True)
        vault = Vault.from_text(settings.master_key) if settings.master_key else Vault.at(settings.home / "keys" / "master.key")
        database = Database.open(settings.database_url)
        clock, plans = Clock(), Plans()
        return cls(
            settings,
            database,
            vault,
            clock,
            plans,
            opened(settings, database, clock),
            Events(database, vault, clock),
            Enrolments(database, vault, plans, clock),
            seeing or Seeing(),
        )

    @property
    def channel(self) -> Channel:
        """The network's first channel."""
        return self.channels.first

    def housekeeping(self, client: Client) -> Housekeeping:
        return Housekeeping(self.database, self.clock, Waker(client))

    def rollouts(self, client: Client) -> RolloutActivities:
        return RolloutActivities(self.database, self.vault, self.plans, self.clock, Waker(client), self.seeing)

    @cached_property
    def pushing(self) -> PushActivities:
        """Pushing to whoever asked for the changes of a place; its connections are this process's."""
        http = httpx.AsyncClient(timeout=WITHIN, trust_env=False, limits=httpx.Limits(max_connections=None))
        reaching = Reaching(http, self.settings.webhook_hosts)
        api = ApiParts(
            database=self.database,
            vault=self.vault,
            clock=self.clock,
            plans=self.plans,
            events=self.events,
            enrolments=self.enrolments,
            waker=None,
            housekeeping=None,
            channels=self.channels,
            public_url=self.settings.public_url,
        )
        url = self.settings.public_url
        return PushActivities(self.database, self.vault, self.clock, reaching, url, self.seeing, Notifying(api))

    def workers(
        self,
        client: Client,
        queues: tuple[str, ...] = ALL_QUEUES,
        *,
        engine: Engine | None = None,
        interceptors: Sequence[Interceptor] = (),
        sticky: timedelta = STICKY,
        on_fatal_error: Callable[[BaseException], Awaitable[None]] | None = None,
    ) -> list[Worker]:
        """A worker for each queue that this process serves. ``on_fatal_error``: told when one of them fails for good."""
        places = PlaceActivities(self.database, self.vault, self.clock, self.seeing)
        steps = StepActivities(self.database, self.vault, self.plans, self.clock, engine or Engine(), self.seeing)
        messages = MessageActivities(
            self.database, self.vault, self.plans, self.clock, self.channels, self.seeing, self.settings.sms_per_second
        )
        rollouts = self.rollouts(client)
        hosts = self.settings.webhook_hosts
        advice = AdviceActivities(self.database, self.vault, self.clock, self.plans, hosts, seeing=self.seeing)
        served: dict[str, dict[str, Any]] = {
            PATIENTS_QUEUE: {
                "workflows": [PatientWorkflow, RolloutWorkflow, PushWorkflow],
                "activities": [steps.take_step, places.give_up_delivery, rollouts.roll_on],
                "workflow_runner": UnsandboxedWorkflowRunner(),
                "max_cached_workflows": 2000,
                "sticky_queue_schedule_to_start_timeout": sticky,
            },
            QUEUES["message"]: {
                "activities": [messages.deliver_message],
                "max_task_queue_activities_per_second": self.settings.sms_per_second or None,
            },
            QUEUES["referral"]: {"activities": [places.deliver_referral]},
            QUEUES["refill"]: {"activities": [places.deliver_refill]},
            QUEUES["advice"]: {"activities": [advice.deliver_advice]},
        }
        if WEBHOOKS_QUEUE in queues:
            served[WEBHOOKS_QUEUE] = {"activities": [self.pushing.push], "max_concurrent_activities": PUSHED_AT_ONCE}
        return [
            Worker(
                client,
                task_queue=queue,
                graceful_shutdown_timeout=FINISHES_WITHIN,
                interceptors=interceptors,
                on_fatal_error=on_fatal_error,
                **served[queue],
            )
            for queue in queues
        ]

    async def close(self) -> None:
        await self.channels.aclose()
        if "pushing" in self.__dict__:
            await self.pushing.reaching.http.aclose()
        await self.database.close()


async def publish_shipped(session: AsyncSession, *, at: datetime, co_managed: Sequence[str] = CO_MANAGED) -> list[str]:
    """Publish those of the shipped pathways ``co_managed`` that have no published version yet; answers their names.

    One that is published and not co-managed any more stays: patients may be on it, and retiring it is a person's decision.
    """
    published = []
    for name in co_managed:
        loaded = library()[name]
        if loaded.pathway is None or loaded.document is None:
            continue
        has_one = select(PathwayVersion.version).where(PathwayVersion.pathway == name).limit(1)
        if (await session.scalars(has_one)).first() is not None:
            continue
        version = loaded.pathway.version
        session.add(PathwayVersion(version=version, pathway=name, text=loaded.document.text, published=at, current=True))
        published.append(name)
    return published
