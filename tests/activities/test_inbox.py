"""What an SMS to us does, whoever's phone it came from."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.channels.port import InboundSms
from activities.conversations import Conversations, TakenIn
from activities.waking import NotWoken
from pathways.engine.events import AnswerReceived, AnyEvent
from records.clock import Clock
from records.database import Database
from records.eventlog import EventLog
from records.messages import Messages, Text
from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Organisation
from records.vault import Vault

NOW = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)
PHONE, CARER = "+8613812345678", "+8613900000001"


@dataclass
class Woken:
    """Remembers who was woken; ``away`` plays Temporal away."""

    away: bool = False
    patients: list[str] = field(default_factory=list)

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        if self.away:
            raise NotWoken("away")
        self.patients.append(patient)


@dataclass
class House:
    """A database with people in it, and an inbox."""

    database: Database
    vault: Vault
    waker: Woken
    inbox: Conversations

    async def person(self, phone: str | None = PHONE, carer: str | None = None, language: str = "en") -> str:
        profile = Profile("Wang", "Fang", "Wang Fang", phone=phone, carer_phone=carer)
        async with self.database.begin() as session:
            new = NewPatient(profile, "team-1", language, "Asia/Shanghai")
            patient, _ = await Patients(session, self.vault).add(new, at=NOW)
        return patient.id

    async def texts(self, text: str, *, from_: str = PHONE, n: int = 1) -> TakenIn:
        return await self.inbox.take(InboundSms(f"RE{n}", from_, "+10000000000", text))

    async def log(self, patient: str) -> list[AnyEvent]:
        async with self.database.reading() as session:
            people = Patients(session, self.vault)
            row = await people.get(patient)
            assert row is not None
            return list(await EventLog(session, row, await people.vault_of(patient)).all())

    async def answer(self, patient: str) -> AnswerReceived:
        (event,) = await self.log(patient)
        assert isinstance(event, AnswerReceived)
        return event

    async def messages(self, patient: str) -> list[Text]:
        async with self.database.reading() as session:
            return await Messages(session).of(await Patients(session, self.vault).vault_of(patient), limit=10)


@pytest.fixture
async def house(fresh_sqlite: Path, tmp_path: Path) -> AsyncIterator[House]:
    database = Database.open(f"sqlite+aiosqlite:///{shutil.copy(fresh_sqlite, tmp_path / 'cairn.db')}")
    vault, clock, waker = Vault(bytes(32)), Clock(), Woken()
    async with database.begin() as session:
        await clock.drive(session, NOW)
        session.add(Organisation(id="centre-1", kind="centre", name="Centre", network_id="centre-1"))
        await session.flush()
        session.add(CareTeam(id="team-1", organisation_id="centre-1", name="Team 1"))
    yield House(database, vault, waker, Conversations(database, vault, clock, waker))
    await database.close()


async def test_a_digit_from_a_patient_is_an_answer_and_is_kept_as_it_was_written(house: House) -> None:
    patient = await house.person()
    assert await house.texts("1") == TakenIn((patient,), 1)
    assert (await house.answer(patient)).kind == "confirm"
    (kept,) = await house.messages(patient)
    assert (kept.direction, kept.text, kept.status, kept.who) == ("in", "1", "received", "patient")
    assert house.waker.patients == [patient]


async def test_a_reading_is_taken_with_its_values(house: House) -> None:
    patient = await house.person()
    await house.texts("BP 152/95")
    event = await house.answer(patient)
    assert (event.kind, dict(event.readings)) == ("reading", {"sbp": 152.0, "dbp": 95.0})


async def test_a_reading_that_cannot_be_is_to_be_asked_for_again(house: House) -> None:
    patient = await house.person()
    await house.texts("BP 952/95")
    event = await house.answer(patient)
    assert (event.kind, dict(event.readings)) == ("unclear", {})


async def test_an_sms_that_the_provider_tells_twice_is_one_answer(house: House) -> None:
    patient = await house.person()
    await house.texts("STOP")
    assert (await house.texts("STOP")).new == 0
    assert (await house.answer(patient)).kind == "stop"
    assert len(await house.messages(patient)) == 1


async def test_a_number_that_nobody_has_leaves_no_trace(house: House, caplog: pytest.LogCaptureFixture) -> None:
    patient = await house.person()
    with caplog.at_level("INFO"):
        assert await house.texts("help me", from_="+8613700000009") == TakenIn((), 0)
    assert await house.log(patient) == []
    assert house.waker.patients == []
    assert "13700000009" not in caplog.text, "long enough to be in no random id"
    assert "help me" not in caplog.text


@pytest.mark.parametrize(("text", "kind"), [("STOP", "stop"), ("START", "start"), ("chest pain since this morning", "danger")])
async def test_what_is_safe_for_everybody_on_a_shared_phone_is_taken_for_all(house: House, text: str, kind: str) -> None:
    both = [await house.person(), await house.person()]
    await house.texts(text)
    assert [(await house.answer(patient)).kind for patient in both] == [kind, kind]


@pytest.mark.parametrize("text", ["1", "2", "BP 152/95", "see you then"])
async def test_whose_answer_it_is_on_a_shared_phone_is_never_guessed(house: House, text: str) -> None:
    both = [await house.person(phone=CARER), await house.person(carer=CARER)]
    await house.texts(text, from_=CARER)
    for patient in both:
        event = await house.answer(patient)
        assert (event.kind, dict(event.readings)) == ("text", {})
    assert [(await house.messages(patient))[0].who for patient in both] == ["patient", "carer"]


async def test_an_answer_is_safe_while_temporal_is_away(house: House) -> None:
    patient = await house.person()
    house.waker.away = True
    await house.texts("1")
    assert (await house.answer(patient)).kind == "confirm"


async def test_somebody_who_was_forgotten_is_told_nothing(house: House) -> None:
    patient = await house.person()
    async with house.database.begin() as session:
        await Patients(session, house.vault).forget(patient)
    assert await house.texts("1") == TakenIn((), 0)
