"""An SMS to us becomes events of the patients whose phone it is.

Rule 1: a number that no patient has gets no answer and leaves no trace but a count: nothing is disclosed to it.
Rule 2: on a phone that several patients share STOP, START and danger are taken for all of them. Anything else is whose name stands
        in it, or whom the phone names when asked; where that does not help, a person reads it for each. Nobody is guessed.
Rule 3: the provider's id makes the event's, so that an SMS told twice is one event.
Rule 4: a number that waits to be confirmed as somebody's is no patient's yet (new_numbers.py).
Rule 5: while a phone is asked for whom its text was, nobody is told of the text; a day later, a person is, for each.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.answers import Answer, Kind, asks_help, read_answer
from activities.channels.port import InboundSms
from activities.new_numbers import NewNumbers
from activities.waking import NotWoken, Wakes
from activities.whose import labels, named, offered, picked
from pathways.engine.events import AnswerReceived
from pathways.engine.state import ENDED
from records.clock import Clock
from records.consents import TEXTS, Consents, Source
from records.database import Database
from records.eventlog import EventLog
from records.messages import Messages
from records.numbers import NumberChanges
from records.patients import Held, Patients, Profile, profile_in
from records.phone_questions import Asked, PhoneQuestions, opened
from records.tables import Message, Patient, PhoneQuestion
from records.vault import PersonVault, Vault

FOR_ALL: frozenset[Kind] = frozenset({"stop", "start", "danger"})
WORTH_ASKING: frozenset[Kind] = frozenset({"confirm", "another_day", "reading", "unclear"})
LONGEST_TEXT = 1600  # characters; what is longer is no SMS
AT_ONCE = 200  # expired questions in one round

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """``patients``: whose phone it was; ``new``: how many of them had not been told of this SMS before."""

    patients: tuple[str, ...] = field(default=())
    new: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """One of those whose phone it is."""

    patient: Patient
    person: PersonVault
    profile: Profile

    def holds(self, phone: str) -> Literal["patient", "carer"]:
        """Who of them has this phone."""
        return "patient" if self.profile.phone == phone else "carer"


@dataclass(frozen=True)
class Conversations:
    """Where SMS to us arrive. ``waker`` is None while Temporal is away; housekeeping wakes the patients then."""

    database: Database
    vault: Vault
    clock: Clock
    waker: Wakes | None

    async def take(self, sms: InboundSms) -> TakenIn:
        """Store one SMS for everybody whom it concerns, then wake them."""
        sms = replace(sms, text=sms.text[:LONGEST_TEXT])
        async with self.database.begin() as session:
            now = await self.clock.now(session)
            patients = Patients(session, self.vault)
            people, waiting = await _people(patients, sms.from_)
            taking = _Taking(session, self.vault.token("phone", sms.from_), sms, people, now)
            to_wake = await taking.take_from(patients, waiting)
        if not to_wake:
            log.info("an SMS came from a number that no patient has")
        for one in to_wake.values():
            if self.waker is None:
                break
            try:
                await self.waker.wake(one.patient.id, next_step=one.patient.last_step + 1)
            except NotWoken:
                break  # the events are stored; housekeeping wakes them later
        return TakenIn(tuple(people), taking.new)

    async def give_up(self) -> int:
        """Let a person read what no phone told us the owner of, for each; says how many questions. Housekeeping wakes them."""
        async with self.database.reading() as session:
            now = await self.clock.now(session)
            expired = await PhoneQuestions(session).expired(now, limit=AT_ONCE)
        given_up = 0
        for token, candidates in expired:
            async with self.database.begin() as session:
                people = await _held(Patients(session, self.vault), candidates)  # before the question, as ``take`` does
                question = await PhoneQuestions(session).of(token)
                if question is not None and question.expires <= now:
                    await _Taking(session, token, InboundSms("", "", "", ""), people, now).for_a_person(question)
                    given_up += 1
        return given_up


async def _people(patients: Patients, phone: str) -> tuple[dict[str, Heard], dict[str, Heard]]:
    """Whose phone it is, those who have left only where nobody else has it; and those for whom it waits to be confirmed."""
    theirs = {listed.id for listed in await patients.with_phone(phone)}
    waits = set(await NumberChanges(patients.session, patients.vault).on(phone))
    held = await _held(patients, [*theirs | waits])
    here = {key: one for key, one in held.items() if one.patient.life not in ENDED}
    people = {key: one for key, one in here.items() if key in theirs}
    people = people or {key: one for key, one in held.items() if key in theirs}
    return people, {key: one for key, one in here.items() if key in waits}


async def _held(patients: Patients, ids: list[str]) -> dict[str, Heard]:
    """Held against anybody else's change, always in the same order; without whoever was forgotten."""
    found: dict[str, Heard] = {}
    for patient_id in sorted(ids):
        held = await patients.held(patient_id)
        if held is not None:
            found[patient_id] = Heard(held.patient, held.person, profile_in(held.patient, held.person))
    return found


@dataclass
class _Taking:
    """One SMS, within its transaction. ``token``: of the phone."""

    session: AsyncSession
    token: bytes
    sms: InboundSms
    people: Mapping[str, Heard]
    now: datetime
    new: int = 0

    async def take_from(self, patients: Patients, waiting: Mapping[str, Heard]) -> dict[str, Heard]:
        """Take it for those for whom the number waits to be confirmed, then for those whose it is; answers all of them."""
        concerned = {**self.people, **waiting}
        if not concerned or await self._told_before(concerned):
            return concerned
        held = {key: Held(one.patient, one.person) for key, one in waiting.items()}
        numbers = NewNumbers(self.session, patients, held, self.sms, self.now)
        came = await numbers.take(shared=bool(self.people))
        self.new += numbers.new
        if came == "for_a_person" and await PhoneQuestions(self.session).of(self.token) is None:
            await self._to_each(self.sms.provider_id, self.sms.text)
        elif came != "taken" and self.people:
            await self.take()
        return concerned

    async def take(self) -> None:
        """For those whose phone it is."""
        if len(self.people) == 1:
            (one,) = self.people.values()
            await self._tell(one, self.sms.provider_id, self.sms.text)
            return
        answer = self._read(self.sms.text, "")
        if answer.kind in FOR_ALL:
            for one in self.people.values():
                await self._tell(one, self.sms.provider_id, self.sms.text, without_readings=True)
            return
        question = await PhoneQuestions(self.session).of(self.token)
        if question is not None and question.expires <= self.now:
            await self.for_a_person(question)
            question = None
        if question is not None:
            await self._reply(question)
        elif not await self._to_whom_is_named() and not await self._ask(answer):
            await self._to_each(self.sms.provider_id, self.sms.text)

    async def _told_before(self, concerned: Iterable[str]) -> bool:
        """Whether this SMS was told before: kept as somebody's, or what the phone was asked about."""
        kept = select(Message.id).where(
            Message.patient_id.in_(list(concerned)), Message.direction == "in", Message.key == f"sms/{self.sms.provider_id}"
        )
        if (await self.session.scalars(kept.limit(1))).first() is not None:
            return True
        question = await PhoneQuestions(self.session).of(self.token) if len(self.people) > 1 else None
        return question is not None and question.provider_id == self.sms.provider_id

    async def _reply(self, question: PhoneQuestion) -> None:
        """The phone was asked; whatever it says now, the question is over."""
        candidates = [one for one in question.candidates if one in self.people]
        whose = picked(self.sms.text, question.candidates)
        meant = named(self.sms.text, self._profiles) if whose is None else None
        if meant is not None and not meant.rest:
            whose = meant.patient
        if whose is not None and whose in candidates:
            one = self.people[whose]
            text = opened(question, one.person).text
            await self._tell(one, question.provider_id, text)
            self._keep(one, self.sms.provider_id, self.sms.text)
            await self.session.delete(question)
            return
        await self.for_a_person(question)
        if not await self._to_whom_is_named():
            await self._to_each(self.sms.provider_id, self.sms.text)

    async def for_a_person(self, question: PhoneQuestion) -> None:
        """Nobody told us whose it is: a person reads it, for each."""
        for patient in question.candidates:
            if patient in self.people:
                one = self.people[patient]
                await self._tell(one, question.provider_id, opened(question, one.person).text, kind="text")
        await self.session.delete(question)
        await self.session.flush()  # the phone may be asked anew in this very transaction

    async def _to_whom_is_named(self) -> bool:
        meant = named(self.sms.text, self._profiles)
        if meant is None or not meant.rest:
            return False
        await self._tell(self.people[meant.patient], self.sms.provider_id, meant.rest, said=self.sms.text)
        return True

    async def _ask(self, answer: Answer) -> bool:
        names = labels(self._profiles)
        if answer.kind not in WORTH_ASKING or names is None:
            return False
        asks = next((one for one in self.people.values() if _may_be_asked(one, self.sms.from_)), None)
        if asks is None:
            return False
        asked = Asked(self.sms.text, offered(list(names.values())))
        vaults = {patient: self.people[patient].person for patient in names}
        PhoneQuestions(self.session).ask(self.token, self.sms.provider_id, vaults, asked, at=self.now)
        by = asks.holds(self.sms.from_)
        event = AnswerReceived(id=f"whose/{self.sms.provider_id}", at=self.now, learnt=self.now, kind="whose", by=by)
        self.new += await EventLog(self.session, asks.patient, asks.person).append(event)
        return True

    async def _to_each(self, provider_id: str, text: str) -> None:
        for one in self.people.values():
            await self._tell(one, provider_id, text, kind="text")

    async def _tell(
        self,
        one: Heard,
        provider_id: str,
        text: str,
        *,
        said: str | None = None,
        kind: Kind | None = None,
        without_readings: bool = False,
    ) -> None:
        """Tell ``one`` of ``text``, read as it stands unless ``kind`` says how; keep what was ``said``."""
        answer = self._read(text, one.patient.language)
        by = one.holds(self.sms.from_) if self.sms.from_ else "patient"
        kind = kind or answer.kind
        readings = dict(answer.readings) if kind in ("reading", "danger") and not without_readings else {}
        event = AnswerReceived(id=f"sms/{provider_id}", at=self.now, learnt=self.now, kind=kind, readings=readings, by=by)
        events = EventLog(self.session, one.patient, one.person)
        if not await events.append(event):
            return
        self.new += 1
        if kind == "reading" and answer.ask_again:  # one of several values was a slip
            await events.append(replace(event, id=f"{event.id}/again", kind="unclear", readings={}))
        if kind == "reading" and answer.more:
            await events.append(replace(event, id=f"{event.id}/words", kind="text", readings={}))
        if kind in ("stop", "start") and (by == "patient" or not one.profile.phone):
            source: Source = "provider" if self.sms.opt_out == kind else "sms"
            Consents(self.session).keep(one.patient.id, TEXTS, given=kind == "start", source=source, at=self.now, event=event.id)
        self._keep(one, provider_id, said or text)

    def _read(self, text: str, language: str) -> Answer:
        """As it stands, unless the provider says what it took it for; a *HELP* that it has answered is for a person to read."""
        match self.sms.opt_out:
            case "stop" | "start" as kind:
                return Answer(kind)
        answer = read_answer(text, language=language)
        if self.sms.opt_out == "help" and answer.kind != "danger":
            return Answer("text")
        alone = len(self.people) == 1
        return Answer("help") if alone and answer.kind == "text" and asks_help(text) else answer

    def _keep(self, one: Heard, provider_id: str, text: str) -> None:
        who = one.holds(self.sms.from_) if self.sms.from_ else "patient"
        Messages(self.session).keep_inbound(one.person, key=f"sms/{provider_id}", at=self.now, text=text, who=who)

    @property
    def _profiles(self) -> dict[str, Profile]:
        return {patient: one.profile for patient, one in self.people.items()}


def _may_be_asked(one: Heard, phone: str) -> bool:
    """Whether the question can go through this patient: texted, not opted out, and not in hospital."""
    if one.patient.life not in ("active", "not_enrolled"):
        return False
    state = one.person.open("state", one.patient.state) if one.patient.state else {}
    return not state.get("opted_out") and (one.holds(phone) == "patient" or bool(one.profile.carer_phone))
