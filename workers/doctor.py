"""What is wrong with this installation, and how to mend it.

Rule 1: a doctor looks and changes nothing; what is to be done is a command that the finding names.
Rule 2: one thing that is wrong hides no other: each look stands by itself, and one that fails is a finding, too.
Rule 3: findings hold counts, codes and opaque ids.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from records.clock import system_time
from records.database import DatabaseNotReady, check_ready
from records.tables import Delivery, JobRow, LeaseRow, Patient, PersonKey
from records.vault import WrongKey
from workers.chores import BACKUP, EVERY
from workers.keeping import LEASE
from workers.parts import Parts
from workflows.contract import PATIENTS_QUEUE, QUEUES, WEBHOOKS_QUEUE

LATE = timedelta(minutes=5)
SKEW = timedelta(seconds=5)
BACKUP_OLD = timedelta(hours=26)
ROOM = 1_000_000_000  # bytes
WITHIN = timedelta(seconds=5)
LOOK_AGAIN = "mend what else is wrong, then look again"
HOUSE = "docs/runbooks.md#housekeeping-not-running"
Wrong = tuple[str, str] | tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Finding:
    """``about``: what was looked at; ``grave``: somebody's care may suffer, so that the command's exit code tells it."""

    about: str
    wrong: str
    remedy: str
    grave: bool = True


@dataclass(frozen=True)
class Doctor:
    """``client`` is None where Temporal could not be reached at ``address``."""

    parts: Parts
    client: Client | None
    address: str
    system: Callable[[], datetime] = system_time
    looked_at: list[str] = field(default_factory=list)

    async def look(self) -> list[Finding]:
        """Everything that is wrong."""
        findings = await self._of("database", self._database())
        if not findings:
            for about, look in (
                ("clock", self._clock()),
                ("master key", self._master_key()),
                ("patients", self._patients()),
                ("messages", self._messages()),
                ("housekeeping", self._housekeeping()),
                ("backup", self._backup()),
            ):
                findings += await self._of(about, look)
        for about, look in (("temporal", self._temporal()), ("channel", self._channel()), ("disk", self._disk())):
            findings += await self._of(about, look)
        return findings

    async def _of(self, about: str, look: AsyncIterator[Wrong]) -> list[Finding]:
        found: list[Finding] = []
        try:
            async with asyncio.timeout(30):
                async for one in look:
                    found.append(Finding(about, *one))
        except Exception as fault:  # a look that fails is a finding
            found.append(
                Finding(about, f"it cannot be looked at ({type(fault).__name__})", "mend what else is wrong, then look again")
            )
        self.looked_at.append(about)
        return found

    async def _database(self) -> AsyncIterator[Wrong]:
        try:
            await check_ready(self.parts.database)
        except DatabaseNotReady as not_ready:
            yield str(not_ready), "cairn db upgrade"
        except Exception as away:
            kind = "the SQLite file" if self.parts.database.is_sqlite else "PostgreSQL"
            yield f"{kind} does not answer ({type(away).__name__})", "start it, and look at CAIRN_DATABASE_URL with: cairn settings"

    async def _clock(self) -> AsyncIterator[Wrong]:
        if self.parts.database.is_sqlite:
            return
        async with self.parts.database.reading() as session:
            before = self.system()
            theirs = await session.scalar(text("SELECT clock_timestamp() AT TIME ZONE 'UTC'"))
            between = before + (self.system() - before) / 2
        skew = abs(theirs.replace(tzinfo=UTC) - between)
        if skew > SKEW:
            yield (
                f"this machine's clock and the database's differ by {skew.total_seconds():.0f} s",
                "set both by NTP: chronyc makestep",
            )

    async def _master_key(self) -> AsyncIterator[Wrong]:
        async with self.parts.database.reading() as session:
            keys = list(await session.scalars(select(PersonKey).order_by(PersonKey.patient_id).limit(20)))
            strangers = await session.scalar(
                select(func.count()).select_from(PersonKey).where(PersonKey.master != self.parts.vault.name)
            )
        try:
            for key in keys:
                self.parts.vault.person(key.patient_id, key.wrapped)
        except WrongKey:
            strangers = strangers or 1
        if strangers:
            yield (
                f"{strangers} people's data is under another master key than this one ({self.parts.vault.name})",
                "set CAIRN_MASTER_KEY to the key that was kept apart from the backups",
            )

    async def _patients(self) -> AsyncIterator[Wrong]:
        async with self.parts.database.reading() as session:
            now = await self.parts.clock.now(session)
            untaken = await session.scalar(select(func.count()).where(Patient.last_event > Patient.taken_event))
            overdue = await session.scalar(select(func.count()).where(Patient.next_due <= now - LATE))
            faults = await session.scalar(select(func.count()).where(Patient.fault.is_not(None)))
            worst = await session.execute(
                select(Patient.fault, func.count()).where(Patient.fault.is_not(None)).group_by(Patient.fault).limit(1)
            )
            kinds = [str(fault) for fault, _ in worst]
        wake = "see that `cairn worker --queue patients` and `cairn housekeeping` run; then: cairn doctor --deep --mend"
        if overdue:
            yield f"{overdue} patients have had something due for more than {LATE.seconds // 60} minutes", wake
        if untaken and not overdue:
            yield f"{untaken} patients have events that no step has taken", wake
        if faults:
            yield (
                f"the last step of {faults} patients failed, the first of them with {kinds[0]}",
                "docs/runbooks.md#workflow-tasks-fail; they are tried again by themselves once the cause is gone",
            )

    async def _messages(self) -> AsyncIterator[Wrong]:
        async with self.parts.database.reading() as session:
            now = await self.parts.clock.now(session)
            of_messages = select(func.count()).select_from(Delivery)
            unknown = await session.scalar(
                of_messages.where(Delivery.status == "unknown", Delivery.planned > now - timedelta(days=3))
            )
            hanging = await session.scalar(
                of_messages.where(Delivery.status.in_(("planned", "attempting")), Delivery.planned <= now - 3 * LATE)
            )
        if unknown:
            yield f"of {unknown} messages nobody knows whether they went out", "docs/runbooks.md#messages-unknown"
        if hanging:
            yield (
                f"{hanging} deliveries have been waiting for more than {3 * LATE.seconds // 60} minutes",
                "see that `cairn worker --queue messages --queue referrals --queue refills` runs; docs/runbooks.md#deliveries-fail",
            )

    async def _housekeeping(self) -> AsyncIterator[Wrong]:
        now = self.system()
        async with self.parts.database.reading() as session:
            lease = await session.get(LeaseRow, LEASE)
            jobs = {row.name: row.succeeded for row in await session.scalars(select(JobRow))}
        if lease is None or lease.until < now:
            yield "nobody keeps house", "start it: cairn housekeeping (`cairn up` does it by itself)"
            return
        for name, every in EVERY.items():
            if name in jobs and now - jobs[name] > 3 * every + timedelta(minutes=1):
                yield f"the job {name} last succeeded {_ago(now - jobs[name])}", HOUSE
            elif name not in jobs:
                yield (
                    f"the job {name} has not succeeded yet",
                    "wait a minute; then docs/runbooks.md#housekeeping-not-running",
                    False,
                )

    async def _backup(self) -> AsyncIterator[Wrong]:
        async with self.parts.database.reading() as session:
            last = await session.get(JobRow, BACKUP)
        if last is None:
            yield "no backup was made by `cairn backup`", "cairn backup FOLDER, every night", False
        elif self.system() - last.succeeded > BACKUP_OLD:
            yield f"the last backup was made {_ago(self.system() - last.succeeded)}", "cairn backup FOLDER, every night", True

    async def _temporal(self) -> AsyncIterator[Wrong]:
        if self.client is None:
            yield f"Temporal does not answer at {self.address}", "docs/runbooks.md#temporal-unreachable"
            return
        service, namespace = self.client.workflow_service, self.client.namespace
        try:
            await service.describe_namespace(DescribeNamespaceRequest(namespace=namespace), timeout=WITHIN)
        except RPCError as refused:
            if refused.status is RPCStatusCode.NOT_FOUND:
                yield f"Temporal has no namespace {namespace}", f"temporal operator namespace create --namespace {namespace}"
            else:
                yield f"Temporal does not answer ({refused.status.name})", "docs/runbooks.md#temporal-unreachable"
            return
        for queue in (PATIENTS_QUEUE, *QUEUES.values(), WEBHOOKS_QUEUE):
            kind = TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW if queue == PATIENTS_QUEUE else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY
            asked = DescribeTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind)
            told = await service.describe_task_queue(asked, timeout=WITHIN)
            if not told.pollers:
                yield f"no worker serves the queue {queue}", f"cairn worker --queue {queue}"

    async def _channel(self) -> AsyncIterator[Wrong]:
        settings = self.parts.settings
        if settings.channels == ("sandbox",) and not self.parts.database.is_sqlite:
            yield "patients are not texted: the channel is the sandbox", "set CAIRN_CHANNEL=twilio", False
        outside = [name for name in settings.channels if name != "sandbox"]
        if outside and not settings.public_url:
            who = ", ".join("Twilio" if name == "twilio" else name for name in outside)
            yield f"{who} cannot tell us what became of a message, nor what patients answer", "set CAIRN_PUBLIC_URL", True

    async def _disk(self) -> AsyncIterator[Wrong]:
        if not self.parts.database.is_sqlite and self.parts.settings.temporal_address:
            return
        free = shutil.disk_usage(self.parts.settings.home).free
        if free < ROOM:
            yield (
                f"{free / 1e6:.0f} MB are left in {self.parts.settings.home}",
                "make room: a full disk stops every write",
            )


def _ago(since: timedelta) -> str:
    minutes = int(since.total_seconds() // 60)
    return f"{minutes} minutes ago" if minutes < 120 else f"{minutes // 60} hours ago"


def grave(findings: Sequence[Finding]) -> bool:
    """Whether somebody's care may suffer."""
    return any(finding.grave for finding in findings)
