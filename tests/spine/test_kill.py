"""Under fire: processes are killed at the worst moments and on purpose at any moment; the patient must not notice.

What is compared: the texts at the sandbox provider, which counts and forgives nothing, against the same life without kills.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from spine.people import pressure, somebody
from spine.stack import HURRIED, Happening, Stack, moment, standing, texts
from spine.supervisor import Breeder, supervised
from spine.worker_process import Order
from sqlalchemy import select, update

from pathways.engine.events import AnswerReceived, CallMade, Dispensed, Fill, VersionMoved, VisitCompleted
from pathways.language import library, load
from records.tables import Enrolment, PathwayVersion
from workflows.contract import Pace

START, MIDDLE, END = moment("2025-03-03", "08:30"), moment("2025-09-01", "06:00"), moment("2026-01-20", "09:00")
SOON = Pace(long_enough=60, attempt_s=3.0, longest_wait_s=2.0)
CHINA = ZoneInfo("Asia/Shanghai")


def a_visit(patient: str, n: int, sbp: float, dbp: float) -> Happening:
    return lambda stack: stack.tell(
        patient, lambda now: VisitCompleted(id=f"visit/{n}", at=now, learnt=now, readings=pressure(sbp, dbp))
    )


def a_dispense(patient: str, n: int) -> Happening:
    return lambda stack: stack.tell(
        patient, lambda now: Dispensed(id=f"fill/{n}", at=now, learnt=now, fill=Fill("amlodipine", now.date(), 60))
    )


def a_confirmation(patient: str, n: int) -> Happening:
    return lambda stack: stack.tell(patient, lambda now: AnswerReceived(id=f"answer/{n}", at=now, learnt=now, kind="confirm"))


def a_call(patient: str, n: int) -> Happening:
    return lambda stack: stack.tell(patient, lambda now: CallMade(id=f"call/{n}", at=now, learnt=now, outcome="reached"))


def a_year(patient: str) -> list[tuple[datetime, Happening]]:
    """A life with visits, answers and medicine, in which some visits are missed."""
    return [
        (moment("2025-03-06", "17:00"), a_visit(patient, 1, 150, 95)),
        (moment("2025-03-20", "17:00"), a_visit(patient, 2, 136, 84)),
        (moment("2025-05-12", "17:00"), a_dispense(patient, 1)),
        (moment("2025-06-10", "17:00"), a_confirmation(patient, 1)),
        (moment("2025-06-17", "17:00"), a_visit(patient, 3, 134, 82)),
        (moment("2025-09-12", "17:00"), a_visit(patient, 4, 155, 96)),
        (moment("2025-09-26", "17:00"), a_visit(patient, 5, 138, 84)),
        (moment("2025-10-20", "17:00"), a_dispense(patient, 2)),
        (moment("2026-01-05", "17:00"), a_call(patient, 1)),
    ]


async def the_rule_is_changed(stack: Stack, patient: str) -> None:
    """A new version of the pathway reminds five days before, and the patient is moved to it."""
    shipped = library()["hypertension"]
    assert shipped.document is not None
    text = shipped.document.text.replace("when: 3 days before, send: visit_soon", "when: 5 days before, send: visit_soon")
    changed = load(text, file="changed")
    assert changed.pathway is not None, changed
    async with stack.parts.database.begin() as session:
        now = await stack.parts.clock.now(session)
        await session.execute(update(PathwayVersion).where(PathwayVersion.pathway == "hypertension").values(current=False))
        version = changed.pathway.version
        session.add(PathwayVersion(version=version, pathway="hypertension", text=text, published=now, current=True))
        came_from = (await session.scalars(select(Enrolment.version).where(Enrolment.patient_id == patient))).one()
    await stack.tell(
        patient,
        lambda now: VersionMoved(id="moved/1", at=now, learnt=now, pathway="hypertension", came_from=came_from, to=version),
    )


@dataclass(frozen=True)
class Lived:
    """What came of a life."""

    texts: set[tuple[str, str, str]]
    codes: list[tuple[str, str]]
    deaths: list[str]


async def live_a_year(home: Path, breeder: Breeder, dying_at: tuple[str, ...], *, server_dies: bool = False) -> Lived:
    """The same year, with the worker process killed once at each of ``dying_at``, before and again after the change."""
    async with standing(home, start=START, pace=SOON, task_timeout=HURRIED) as stack, supervised(breeder) as workers:
        one = Order(str(home), stack.server.address)
        await workers.start([replace(one, die_at=at) for at in dying_at], one)
        patient = await stack.enrol(somebody(supply=("amlodipine", date(2025, 2, 20), 30), last_pressure=(150, 95)))
        year = a_year(patient)
        await stack.live(moment("2025-06-01"), [happening for happening in year if happening[0] < MIDDLE])
        if server_dies:
            await stack.kill_server()
        await stack.live(MIDDLE, [happening for happening in year if moment("2025-06-01") <= happening[0] < MIDDLE])
        await workers.stop()
        assert len(workers.deaths) == len(dying_at), f"only died at {workers.deaths}"
        past, told = await stack.past(patient), len(await stack.timeline(patient))
        sent = await stack.sms()

        await the_rule_is_changed(stack, patient)
        two = replace(one, engine="2")
        await workers.start([replace(two, die_at=at) for at in dying_at], two)
        await stack.live(END, [happening for happening in year if happening[0] >= MIDDLE])
        await workers.stop()
        assert len(workers.deaths) == 2 * len(dying_at), f"only died at {workers.deaths}"

        # The past stays as it was, byte for byte.
        assert [row for row in await stack.past(patient) if row in past] == past
        assert (await stack.sms())[: len(sent)] == sent
        timeline = await stack.timeline(patient)
        assert "engine_two_was_here" not in {reason.code for reason in timeline[:told]}
        assert "engine_two_was_here" in {reason.code for reason in timeline[told:]}

        # The future follows the new rule and the new engine: five days before, and not before two in the afternoon.
        for message in sent:
            assert 9 <= message.accepted_at.astimezone(CHINA).hour < 11, message
        later = [message for message in await stack.sms() if message.accepted_at > MIDDLE]
        for message in later:
            assert 14 <= message.accepted_at.astimezone(CHINA).hour < 16, message
        soon = [(days_before(message.text, message.accepted_at), message.accepted_at > MIDDLE) for message in await stack.sms()]
        assert {days for days, after in soon if days is not None and not after} == {3}
        assert {days for days, after in soon if days is not None and after} == {5}

        # Each message once, nothing failed on the way.
        assert set((await stack.channel.counts_by_key()).values()) == {1}
        assert await stack.failed_workflow_tasks(patient) == []
        runs = await stack.histories(patient)
        assert len(runs) > 3, "it never continued as new"
        codes = [(reason.code, reason.key) for reason in timeline]
        return Lived(texts(await stack.sms()), codes, [order.die_at for order in workers.deaths])


def days_before(text: str, sent: datetime) -> int | None:
    """How many days before the visit a ``visit_soon`` was sent."""
    marker = "your visit with us is on "
    if marker not in text:
        return None
    named = text.split(marker)[1].split(".")[0]
    year = sent.astimezone(CHINA).year
    days = [datetime.strptime(f"{named} {y}", "%B %d %Y").replace(tzinfo=UTC).date() for y in (year, year + 1)]
    return min((day - sent.astimezone(CHINA).date()).days for day in days if day >= sent.astimezone(CHINA).date())


async def test_a_year_under_fire_is_the_same_year(tmp_path: Path, breeder: Breeder) -> None:
    calm = await live_a_year(tmp_path / "calm", breeder, ())
    assert len(calm.texts) > 10
    fire = await live_a_year(
        tmp_path / "fire", breeder, ("after_accept", "after_step", "before_commit", "continue_as_new", "new_run"), server_dies=True
    )
    assert fire.texts == calm.texts
    # In the same order, too. A patient's moment of a day hangs on their id: they join before any of the two could have theirs.
    assert fire.codes == calm.codes
    assert fire.deaths == ["after_accept", "after_step", "before_commit", "continue_as_new", "new_run"] * 2


COMMUNITY_ENDS = moment("2025-06-03", "09:00")
A_FEW = 4  # patients
KILLS = 5  # more of them, of more people and on other moments: python -m bench storm
SEED = 20250303  # of the moments at which processes are killed


async def live_together(home: Path, breeder: Breeder, kills: list[int]) -> set[tuple[str, str, str]]:
    """A small community for three months, its worker process killed after so many activities, again and again."""
    # A care team each: who books first is nobody's business, so that the days do not depend on who was killed.
    async with (
        standing(home, start=START, teams=A_FEW, pace=SOON, task_timeout=HURRIED) as stack,
        supervised(breeder) as workers,
    ):
        plain = Order(str(home), stack.server.address)
        await workers.start([replace(plain, die_at="after_activity", die_after=n) for n in kills], plain)
        people = [somebody(n, team=f"team-{n}", supply=("amlodipine", date(2025, 2, n), 28 + n)) for n in range(1, A_FEW + 1)]
        patients = [await stack.enrol(person) for person in people]
        happenings = [
            (moment(day, "17:00"), a_visit(patient, visit, sbp, 84))
            for n, patient in enumerate(patients)
            for visit, (day, sbp) in enumerate([("2025-03-06", 150 - n), ("2025-03-20", 138), ("2025-05-06", 150)])
            if (n + visit) % 3  # each visit is missed by a third of them
        ]
        await stack.live(COMMUNITY_ENDS, happenings, at_least=timedelta(hours=2))
        await workers.stop()
        assert len(workers.deaths) == len(kills)
        # A message's key is the patient's own, and every patient has another phone.
        assert set(Counter((message.to, message.key) for message in await stack.sms()).values()) == {1}
        assert [await stack.failed_workflow_tasks(patient) for patient in patients] == [[]] * A_FEW
        return texts(await stack.sms())


@pytest.mark.timeout(500)
async def test_kills_at_random_lose_nothing_double_nothing_and_leave_nobody_stuck(tmp_path: Path, breeder: Breeder) -> None:
    chance = random.Random(SEED)
    kills = [chance.randint(3, 14) for _ in range(KILLS)]
    print(f"killed after so many activities (seed {SEED}): {kills}")
    calm = await live_together(tmp_path / "calm", breeder, [])
    assert len(calm) > 5 * A_FEW
    assert await live_together(tmp_path / "fire", breeder, kills) == calm
