"""Carrying out what a step decided, in the step's own transaction: tasks, bookings, planned deliveries.

Rule 1: nothing here talks to the outside; what must leave is planned as a delivery, by key, and handed over later.
Rule 2: a key that is there already is not planned again, whatever the engine says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from pathways.engine import commands
from pathways.engine.commands import Command
from pathways.serial import dump_command, load_command
from records.bookings import Bookings
from records.tables import Delivery, Patient, TaskRow
from records.tasks import not_needed
from records.vault import PersonVault
from workflows.contract import Handover

#: What a team sees of a patient's step on its worklist.
ON_THE_WORKLIST = (commands.OpenTask, commands.CloseTask, commands.BookVisit, commands.ReleaseVisit)


@dataclass(frozen=True, slots=True)
class Booked:
    """A day was found for a visit."""

    booking: str
    day: date


@dataclass(frozen=True)
class Outbox:
    """The commands of one step of one patient."""

    session: AsyncSession
    patient: Patient
    person: PersonVault
    now: datetime
    today: date

    async def carry_out(self, decided: Iterable[Command]) -> tuple[list[Handover], list[Booked]]:
        """Write everything down; answers what is to be handed over, and the days that were booked."""
        handovers: list[Handover] = []
        booked: list[Booked] = []
        bookings = Bookings(self.session)
        for command in decided:
            match command:
                case commands.OpenTask():
                    await self._open_task(command)
                case commands.CloseTask():
                    await self._close_task(command)
                case commands.BookVisit():
                    day = await bookings.book(self.patient, command, today=self.today)
                    booked.append(Booked(command.key, day))
                case commands.ReleaseVisit():
                    await bookings.release(self.patient, command.key)
                case commands.SendMessage():
                    handovers += await self._plan("message", command, command.not_after, command.urgent, command.priority)
                case commands.RetractMessage():
                    await self._retract(command)
                case commands.SendAgain():
                    handovers += await self._again(command)
                case commands.RequestReferral():
                    handovers += await self._plan("referral", command, None, command.urgency == "emergency")
                case commands.CancelReferral() | commands.RemindPlace():
                    handovers += await self._plan("referral", command, None, False)
                case commands.RequestRefill() | commands.CancelRefill():
                    handovers += await self._plan("refill", command, None, False)
                case commands.AskAdvice():
                    handovers += await self._plan("advice", command, None, False)
        await self.session.flush()
        return handovers, booked

    async def _plan(
        self, kind: str, command: Command, not_after: datetime | None, urgent: bool, priority: int = 3
    ) -> list[Handover]:
        if await self.session.get(Delivery, (self.patient.id, command.key)) is not None:
            return []
        self.session.add(
            Delivery(
                patient_id=self.patient.id,
                key=command.key,
                kind=kind,
                status="planned",
                planned=self.now,
                not_after=not_after,
                urgent=urgent,
                priority=1 if urgent else priority,
                sealed=self.person.seal(f"delivery/{command.key}", dump_command(command)),
            )
        )
        return [Handover(command.key, kind, urgent, 1 if urgent else priority)]

    async def _again(self, command: commands.SendAgain) -> list[Handover]:
        delivery = await self.session.get(Delivery, (self.patient.id, command.key), with_for_update=True)
        if delivery is None or delivery.status != "failed":
            return []
        delivery.status, delivery.reason, delivery.settled = "planned", "", None
        return [Handover(command.key, delivery.kind, delivery.urgent, delivery.priority)]

    async def _retract(self, command: commands.RetractMessage) -> None:
        """Only what is merely planned: an attempt that was begun may have reached the provider, and stands."""
        delivery = await self.session.get(Delivery, (self.patient.id, command.key), with_for_update=True)
        if delivery is None or delivery.status != "planned":
            return
        sealed_as = f"delivery/{command.key}"
        planned = load_command(self.person.open(sealed_as, delivery.sealed))
        kept: tuple[commands.Part, ...] = ()
        if isinstance(planned, commands.SendMessage) and command.parts:
            kept = tuple(part for part in planned.parts if (part.pathway, part.template) not in command.parts)
            delivery.sealed = self.person.seal(sealed_as, dump_command(replace(planned, parts=kept or planned.parts)))
        if not kept:
            delivery.status, delivery.reason, delivery.settled = "dropped", command.why, self.now

    async def _open_task(self, command: commands.OpenTask) -> None:
        if await self.session.get(TaskRow, (self.patient.id, command.key)) is not None:
            return
        self.session.add(
            TaskRow(
                patient_id=self.patient.id,
                key=command.key,
                care_team_id=self.patient.care_team_id,
                kind=command.kind,
                by=command.by,
                pathway=command.pathway,
                service=command.service,
                about=command.about,
                urgent=command.urgent,
                due=command.due,
                status="open",
                opened=self.now,
                changed=self.now,
                sealed=self.person.seal(f"task/{command.key}", {"collects": list(command.collects)}),
            )
        )

    async def _close_task(self, command: commands.CloseTask) -> None:
        task = await self.session.get(TaskRow, (self.patient.id, command.key), with_for_update=True)
        if task is not None and task.status == "open":
            not_needed(task, command.why, at=self.now)
