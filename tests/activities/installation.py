"""An installation without Temporal: the activities over a database of either kind, called by the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from activities.channels.port import (
    CannotTell,
    Finding,
    Heard,
    InDoubt,
    NotFound,
    NotSigned,
    OutgoingSms,
    Receipt,
    TryLater,
    Undeliverable,
    Webhook,
)
from activities.channels.registry import Channels
from activities.events import Events
from activities.messages import MessageActivities
from activities.places import PlaceActivities
from activities.plans import Plans
from activities.sending.reports import Reports
from activities.steps import Engine, StepActivities
from pathways.engine.commands import Reason
from pathways.engine.events import AnyEvent, Enrolled, Fill
from pathways.language import library
from pathways.serial import load_reason
from records.attempts import Attempts
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.patients import NewPatient, Patients, Profile
from records.tables import (
    Attempt,
    CareTeam,
    Delivery,
    Message,
    Organisation,
    PathwayVersion,
    Patient,
    StepRow,
    TaskRow,
    TimelineRow,
)
from records.vault import Vault
from workflows.contract import Deliver, Delivered, Handover, Step, Taken

START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai


@dataclass
class OneChannel:
    """A channel that does what it is told to: ``does`` raises or not, ``finds`` is what it knows of an attempt."""

    name: str = "one"
    does: Exception | None = None
    finds: Finding = field(default_factory=NotFound)
    then: list[Exception | None] = field(default_factory=list)  # what the next calls do, before ``does``
    sent: list[OutgoingSms] = field(default_factory=list)
    asked: list[OutgoingSms] = field(default_factory=list)

    async def send(self, sms: OutgoingSms) -> Receipt:
        does = self.then.pop(0) if self.then else self.does
        if does is not None:
            raise does
        self.sent.append(sms)
        return Receipt(f"SM{len(self.sent)}", "sent", segments=1)

    async def find(self, sms: OutgoingSms) -> Finding:
        self.asked.append(sms)
        return self.finds

    def hear(self, what: Literal["inbound", "status"], webhook: Webhook) -> Heard:
        raise NotSigned("nobody calls")

    async def aclose(self) -> None:
        return


@dataclass
class Installation:
    """``now`` is moved by the test."""

    database: Database
    now: datetime = START
    vault: Vault = field(default_factory=lambda: Vault(bytes(range(32))))
    channel: OneChannel = field(default_factory=OneChannel)
    more: tuple[OneChannel, ...] = ()
    plans: Plans = field(init=False)
    clock: Clock = field(init=False)
    patient: str = ""

    def __post_init__(self) -> None:
        self.plans = Plans(loaded={one.pathway.version: one for one in library().values() if one.pathway is not None})
        self.clock = Clock(lambda: self.now)

    @property
    def steps(self) -> StepActivities:
        return StepActivities(self.database, self.vault, self.plans, self.clock)

    @property
    def messages(self) -> MessageActivities:
        return MessageActivities(self.database, self.vault, self.plans, self.clock, Channels.of(self.channel, *self.more))

    @property
    def reports(self) -> Reports:
        return Reports(self.database, self.vault, self.clock, self.messages.channels, None)

    @property
    def places(self) -> PlaceActivities:
        return PlaceActivities(self.database, self.vault, self.clock)

    async def begin(
        self,
        *,
        hospitals: int = 2,
        pharmacies: int = 2,
        phone: str | None = "+8613900000001",
        channels: tuple[str, ...] = (),
    ) -> str:
        """A network, the shipped hypertension pathway, and one patient whose enrolment no step has taken yet."""
        shipped = library()["hypertension"]
        assert shipped.pathway is not None
        assert shipped.document is not None
        version = shipped.pathway.version
        async with self.database.begin() as session:
            session.add(Organisation(id="centre-1", kind="centre", name="Centre", phone="555", network_id="centre-1"))
            session.add_all(
                Organisation(id=f"h{n}", kind="hospital", name=f"Hospital {n}", rank=n, network_id="centre-1")
                for n in range(hospitals)
            )
            session.add_all(
                Organisation(id=f"p{n}", kind="pharmacy", name=f"Pharmacy {n}", rank=n, network_id="centre-1")
                for n in range(pharmacies)
            )
            await session.flush()
            session.add(CareTeam(id="team-1", organisation_id="centre-1", name="Team", on_call_phone="+8613800000001"))
            text = shipped.document.text
            session.add(PathwayVersion(version=version, pathway="hypertension", text=text, published=START, current=True))
            await session.flush()
            profile = Profile(given="Anna", shown="Anna Li", phone=phone, identifiers=("mrn|1",), channels=channels)
            new = NewPatient(profile, "team-1", "en", "Asia/Shanghai", {"hypertension": version})
            patient, person = await Patients(session, self.vault).add(new, at=self.now)
            enrolled = Enrolled(
                id="enrolled",
                at=self.now,
                learnt=self.now,
                pathways=("hypertension",),
                born=date(1960, 5, 5),
                timezone="Asia/Shanghai",
                phone=phone is not None,
                last_visit=date(2025, 2, 20),
                tag="yellow",
                fills=(Fill("amlodipine", date(2025, 2, 10), 30),),
            )
            await EventLog(session, patient, person).append(enrolled)
            self.patient = patient.id
        return self.patient

    async def tell(self, make: Callable[[datetime], AnyEvent]) -> None:
        await Events(self.database, self.vault, self.clock).store(self.patient, make)

    async def step(self, number: int, engine: Engine | None = None) -> Taken:
        steps = self.steps if engine is None else replace(self.steps, engine=engine)
        return await steps.take_step(Step(self.patient, number))

    async def until(self, kind: str, *, days: int = 60) -> Handover:
        """Let days go by until something of this kind is planned."""
        for _ in range(days * 4):
            row = await self.row()
            for handover in (await self.step(row.last_step + 1)).handovers:
                if handover.kind == kind:
                    return handover
            self.now += timedelta(hours=6)
        raise AssertionError(f"no {kind} within {days} days")

    async def deliver(self, handover: Handover) -> Delivered:
        asked = Deliver(self.patient, handover.key, handover.kind)
        if handover.kind == "message":
            return await self.messages.deliver_message(asked)
        return await (self.places.deliver_referral if handover.kind == "referral" else self.places.deliver_refill)(asked)

    async def row(self) -> Patient:
        async with self.database.reading() as session:
            return await session.get_one(Patient, self.patient)

    async def delivery(self, key: str) -> Delivery:
        async with self.database.reading() as session:
            return await session.get_one(Delivery, (self.patient, key))

    async def attempt(self, key: str) -> Attempt:
        """The last try of a delivery."""
        async with self.database.reading() as session:
            found = await Attempts(session).last(self.patient, key)
            assert found is not None
            return found

    async def counts(self) -> Mapping[str, int]:
        """Rows by table."""
        async with self.database.reading() as session:
            tables = (StepRow, TimelineRow, TaskRow, Delivery, Message)
            return {t.__tablename__: (await session.scalar(select(func.count()).select_from(t))) or 0 for t in tables}

    async def timeline(self) -> list[Reason]:
        async with self.database.reading() as session:
            person = await Patients(session, self.vault).vault_of(self.patient)
            rows = await session.scalars(select(TimelineRow).order_by(TimelineRow.step, TimelineRow.line))
            return [load_reason(person.open(f"timeline/{row.step}/{row.line}", row.sealed)) for row in rows]

    async def state(self) -> dict[str, object]:
        async with self.database.reading() as session:
            patient = await session.get_one(Patient, self.patient)
            person = await Patients(session, self.vault).vault_of(self.patient)
            state: dict[str, object] = person.open("state", patient.state or b"")
            return state


__all__ = ["START", "CannotTell", "InDoubt", "Installation", "NotFound", "OneChannel", "TryLater", "Undeliverable"]
