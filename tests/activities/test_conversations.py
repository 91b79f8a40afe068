"""A phone of several patients: whose text it is is asked, never guessed; and every STOP and START is kept as a word of consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from activities.channels.port import InboundSms
from activities.conversations import Conversations, TakenIn
from activities.rendering import Rendering, network_wording
from pathways.engine.commands import Part, SendMessage
from pathways.engine.events import AnswerReceived
from records.clock import Clock
from records.consents import Consents
from records.database import Database
from records.eventlog import EventLog
from records.messages import Messages
from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Organisation, PhoneQuestion
from records.vault import Vault

NOW = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)
PHONE = "+8613812345678"


@dataclass
class Home:
    """People of one phone."""

    database: Database
    vault: Vault
    now: datetime = NOW
    texts_so_far: int = 0

    @property
    def conversations(self) -> Conversations:
        return Conversations(self.database, self.vault, Clock(lambda: self.now), None)

    async def person(self, given: str, family: str = "", *, phone: str | None = PHONE, carer: str | None = None) -> str:
        async with self.database.begin() as session:
            profile = Profile(family, given, f"{given} {family}".strip(), phone=phone, carer_phone=carer)
            new = NewPatient(profile, "team-1", "en", "Asia/Shanghai")
            patient, _ = await Patients(session, self.vault).add(new, at=NOW)
            return patient.id

    async def texts(self, text: str, n: int | None = None) -> TakenIn:
        self.texts_so_far = n or self.texts_so_far + 1
        return await self.conversations.take(InboundSms(f"RE{self.texts_so_far}", PHONE, "+1", text))

    async def answers(self, patient: str) -> list[tuple[str, dict[str, object]]]:
        async with self.database.reading() as session:
            people = Patients(session, self.vault)
            row = await people.get(patient)
            assert row is not None
            log = await EventLog(session, row, await people.vault_of(patient)).all()
        return [(one.kind, dict(one.readings)) for one in log if isinstance(one, AnswerReceived)]

    async def kept(self, patient: str) -> list[str]:
        async with self.database.reading() as session:
            person = await Patients(session, self.vault).vault_of(patient)
            return [text.text for text in await Messages(session).of(person, limit=20)]

    async def asked(self, patient: str) -> str:
        """The question as the phone is shown it."""
        async with self.database.reading() as session:
            people = Patients(session, self.vault)
            row = await people.get(patient)
            assert row is not None
            rendering = Rendering(session, row, await people.profile(row), network_wording(), await people.vault_of(patient))
            return await rendering.text(SendMessage("k", "patient", (Part("", "for_whom"),), NOW))

    async def open_questions(self) -> int:
        async with self.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(PhoneQuestion)) or 0


@pytest.fixture
async def home(database: Database) -> Home:
    """Over each kind of database."""
    async with database.begin() as session:
        session.add(Organisation(id="centre-1", kind="centre", name="Centre", network_id="centre-1", phone="555"))
        await session.flush()
        session.add(CareTeam(id="team-1", organisation_id="centre-1", name="Team 1"))
    return Home(database, Vault(bytes(32)))


async def _couple(home: Home) -> tuple[str, str, str, str]:
    """Li and Wang of one phone, and the same two in the order of their digits."""
    li, wang = await home.person("Li", "Chen"), await home.person("Wang", "Zhao")
    first, second = sorted((li, wang))
    return li, wang, first, second


async def test_a_reading_from_a_shared_phone_is_asked_about_and_told_to_nobody_yet(home: Home) -> None:
    li, wang, first, second = await _couple(home)
    await home.texts("150/95")
    assert await home.answers(first) == [("whose", {})]
    assert await home.answers(second) == []
    assert (await home.kept(li), await home.kept(wang)) == ([], [])
    names = {li: "Li", wang: "Wang"}
    question = await home.asked(first)
    assert f"1 {names[first]}, 2 {names[second]}" in question
    assert not any(word in question for word in ("150", "95", "Chen", "Zhao"))


@pytest.mark.parametrize("by_name", [False, True])
async def test_the_one_who_is_picked_has_the_reading_and_nobody_else(home: Home, by_name: bool) -> None:
    li, _, first, second = await _couple(home)
    await home.texts("150/95")
    await home.texts(("li" if second == li else "Wang.") if by_name else "２")
    assert ("reading", {"sbp": 150.0, "dbp": 95.0}) in await home.answers(second)
    assert [kind for kind, _ in await home.answers(first)] == ["whose"]
    assert (await home.kept(second))[0] == "150/95"
    assert await home.open_questions() == 0


async def test_an_answer_that_helps_nobody_is_for_a_person_for_each_and_is_not_asked_about_again(home: Home) -> None:
    _, _, first, second = await _couple(home)
    await home.texts("150/95")
    await home.texts("both of us")
    assert [kind for kind, _ in await home.answers(first)] == ["whose", "text", "text"]
    assert [kind for kind, _ in await home.answers(second)] == ["text", "text"]
    assert await home.open_questions() == 0


@pytest.mark.parametrize("said", ["Li 150/95", "150/95 li", "Li: 150/95", "li, bp 150/95"])
async def test_a_text_with_a_name_in_it_is_theirs(home: Home, said: str) -> None:
    li, wang, *_ = await _couple(home)
    await home.texts(said)
    assert await home.answers(li) == [("reading", {"sbp": 150.0, "dbp": 95.0})]
    assert await home.answers(wang) == []
    assert await home.kept(li) == [said]


@pytest.mark.parametrize(
    ("name", "said"), [("Will", "I will come"), ("May", "sugar may be 7.8"), ("明", "我明天来"), ("好", "好的")]
)
async def test_a_name_that_is_a_word_of_the_sentence_names_nobody(home: Home, name: str, said: str) -> None:
    named, other = await home.person(name), await home.person("Li")
    await home.texts(said)
    told = [kind for one in (named, other) for kind, _ in await home.answers(one)]
    assert told in (["whose"], ["text", "text"])  # asked about, or read for each


async def test_names_that_are_alike_are_told_apart_by_an_initial_and_else_nobody_is_asked(home: Home) -> None:
    first, _ = sorted([await home.person("Li", "Chen"), await home.person("Li", "Zhao")])
    await home.texts("1")
    question = await home.asked(first)
    assert "Li C" in question
    assert "Li Z" in question
    assert "Chen" not in question


async def test_twins_of_one_name_are_for_a_person(home: Home) -> None:
    both = [await home.person("Li", "Chen"), await home.person("Li", "Chao")]
    await home.texts("1")
    assert [await home.answers(one) for one in both] == [[("text", {})], [("text", {})]]


async def test_stop_reaches_everybody_also_while_a_question_is_open(home: Home) -> None:
    _, _, first, second = await _couple(home)
    await home.texts("150/95")
    await home.texts("STOP")
    assert [(await home.answers(one))[-1][0] for one in (first, second)] == ["stop", "stop"]


async def test_a_question_nobody_answers_is_for_a_person_a_day_later(home: Home) -> None:
    _, _, first, second = await _couple(home)
    await home.texts("150/95")
    assert await home.conversations.give_up() == 0
    home.now += timedelta(hours=25)
    assert await home.conversations.give_up() == 1
    assert [kind for kind, _ in await home.answers(first)] == ["whose", "text"]
    assert [kind for kind, _ in await home.answers(second)] == ["text"]
    assert await home.conversations.give_up() == 0


async def test_a_text_after_the_question_expired_is_asked_about_anew(home: Home) -> None:
    _, _, first, second = await _couple(home)
    await home.texts("150/95")
    home.now += timedelta(hours=25)
    await home.texts("2")
    assert [kind for kind, _ in await home.answers(first)] == ["whose", "text", "whose"]
    assert [kind for kind, _ in await home.answers(second)] == ["text"]


async def test_texts_that_the_provider_tells_twice_change_nothing(home: Home) -> None:
    _, _, first, second = await _couple(home)
    for n, said in ((1, "150/95"), (1, "150/95"), (2, "2"), (2, "2"), (1, "150/95")):
        await home.texts(said, n)
    assert [kind for kind, _ in await home.answers(first)] == ["whose"]
    assert [kind for kind, _ in await home.answers(second)] == ["reading"]
    assert await home.open_questions() == 0


async def test_the_phone_of_somebody_who_died_is_the_others_alone(home: Home) -> None:
    li, wang, *_ = await _couple(home)
    async with home.database.begin() as session:
        gone = await Patients(session, home.vault).get(wang, lock=True)
        assert gone is not None
        gone.life = "died"
    await home.texts("1")
    assert await home.answers(li) == [("confirm", {})]
    assert await home.answers(wang) == []


async def test_a_slip_beside_a_good_reading_is_asked_for_again(home: Home) -> None:
    li = await home.person("Li")
    await home.texts("150/95 GLU 900")
    assert await home.answers(li) == [("reading", {"sbp": 150.0, "dbp": 95.0}), ("unclear", {})]


async def test_stop_and_start_are_kept_as_words_of_consent(home: Home) -> None:
    li = await home.person("Li")
    await home.texts("TD")
    await home.texts("START")
    async with home.database.reading() as session:
        words = await Consents(session).words(li)
        holding = await Consents(session).holding(li)
    assert [(word.what, word.given, word.source, word.event) for word in words] == [
        ("texts", True, "sms", "sms/RE2"),
        ("texts", False, "sms", "sms/RE1"),
    ]
    assert holding["texts"].given


@pytest.mark.parametrize("said", ["chest pain", "胸口疼得厉害", "呼吸困難", "me duele el pecho"])
async def test_danger_on_a_shared_phone_is_everybodys(home: Home, said: str) -> None:
    _, _, first, second = await _couple(home)
    await home.texts(said)
    assert [await home.answers(one) for one in (first, second)] == [[("danger", {})], [("danger", {})]]
