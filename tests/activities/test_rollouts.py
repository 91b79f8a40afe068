"""Rolling a version out and back: everybody is accounted for, nobody is moved twice, left silently or texted over the limit."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from spine.people import pressure, somebody
from sqlalchemy import select

from activities.channels.port import OutgoingSms, Receipt
from activities.channels.registry import Channels
from activities.enrolment import Enrolments
from activities.events import Events
from activities.messages import MessageActivities
from activities.places import PlaceActivities
from activities.plans import Plans
from activities.previews import Preview, Previews
from activities.rolling import BadMapping, CannotRoll, Rolling, decided
from activities.rollouts import RolloutActivities
from activities.steps import StepActivities
from activities.waking import NotWoken
from pathways.engine.events import Corrected, Died, VisitCompleted
from pathways.language import Loaded, library, load
from records.clock import Clock
from records.database import Database
from records.pathways import PublishedPathways, Retired
from records.patients import Patients
from records.rollouts import Counts, Rollouts, Wanted
from records.scope import NETWORK
from records.tables import (
    AuditRow,
    AuditSubject,
    CareTeam,
    Enrolment,
    Organisation,
    PathwayDeed,
    PathwayVersion,
    Patient,
    Rollout,
    RolloutPatient,
)
from records.vault import Vault
from workflows.contract import Deliver, RolledOn, RollOn, Step

START = datetime(2025, 3, 3, 1, 0, tzinfo=UTC)  # a Monday, nine o'clock in Shanghai
LAST_VISIT = date(2025, 2, 27)  # so that the next one is on 13 March
SHIPPED = library()["hypertension"]
assert SHIPPED.document is not None
TEXT = SHIPPED.document.text
REMINDER = "      - {when: 3 days before, send: visit_soon}"
SOONER = TEXT.replace(REMINDER, REMINDER.replace("3 days", "5 days")).replace("green: 90", "green: 60")
LOUDER = TEXT.replace(REMINDER, f"{REMINDER}\n      - {{when: 1 days before, send: visit_soon}}")
RENAMED = TEXT.replace("  annual_exam:", "  yearly_check:")


def _version(text: str) -> str:
    pathway = load(text, file="a version").pathway
    assert pathway is not None
    return pathway.version


_loaded: dict[str, Loaded] = {}  # a version never changes
OLD, NEW, OTHER, MORE = (_version(text) for text in (TEXT, SOONER, RENAMED, LOUDER))


@dataclass
class OnePhone:
    """Takes every text."""

    name: str = "one"
    sent: list[OutgoingSms] = field(default_factory=list)

    async def send(self, sms: OutgoingSms) -> Receipt:
        self.sent.append(sms)
        return Receipt("SM1", "sent")

    async def find(self, sms: OutgoingSms) -> object:
        raise AssertionError("nothing is in doubt here")


@dataclass
class Town:
    """Some people on the old version; steps are taken in process when somebody is woken. ``asleep``: nobody is."""

    database: Database
    now: datetime = START
    asleep: bool = False
    vault: Vault = field(default_factory=lambda: Vault(bytes(range(32))))
    phone: OnePhone = field(default_factory=OnePhone)
    plans: Plans = field(default_factory=lambda: Plans(loaded=_loaded))
    people: list[str] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now)

    async def begin(self, people: int) -> None:
        async with self.database.begin() as session:
            session.add(Organisation(id="centre-1", kind="centre", name="Centre", network_id="centre-1"))
            await session.flush()
            session.add(CareTeam(id="team-1", organisation_id="centre-1", name="Team"))
            for version, text in ((OLD, TEXT), (NEW, SOONER), (OTHER, RENAMED), (MORE, LOUDER)):
                row = {"version": version, "text": text, "published": START, "current": version == OLD}
                session.add(PathwayVersion(pathway="hypertension", **row))
        for n in range(people):
            done = await Enrolments(self.database, self.vault, self.plans, self.clock).enrol(somebody(n, last_visit=LAST_VISIT))
            assert done.patient_id is not None
            await self.wake(done.patient_id)
        self.people = sorted([row.id for row in await self._all(Patient)])

    async def _all(self, table: type) -> list:  # type: ignore[type-arg]
        async with self.database.reading() as session:
            return list(await session.scalars(select(table)))

    async def wake(self, patient: str, *, next_step: int = 1) -> None:
        """Take steps and hand over texts until the patient has settled."""
        if self.asleep:
            raise NotWoken("away")
        steps = StepActivities(self.database, self.vault, self.plans, self.clock)
        messages = MessageActivities(self.database, self.vault, self.plans, self.clock, Channels.of(self.phone))  # type: ignore[arg-type]
        places = PlaceActivities(self.database, self.vault, self.clock)
        while True:
            taken = await steps.take_step(Step(patient, next_step))
            for handover in taken.handovers:
                deliver = {"message": messages.deliver_message, "referral": places.deliver_referral}[handover.kind]
                await deliver(Deliver(patient, handover.key, handover.kind))
            if taken.next_step == next_step:
                return
            next_step = taken.next_step

    @property
    def rolls(self) -> RolloutActivities:
        return RolloutActivities(self.database, self.vault, self.plans, self.clock, self)

    async def start(self, version: str = NEW, policy: str = "now", **how: object) -> str:
        wanted = Wanted("hypertension", version, policy, **{"batch": 2, "pause_s": 0, **how})  # type: ignore[arg-type]
        async with self.database.begin() as session:
            return (await self._rolling(session).start(wanted, why="as agreed")).id

    def _rolling(self, session: object) -> Rolling:
        return Rolling(session, self.plans, "anna", self.now)  # type: ignore[arg-type]

    async def change(self, rollout: str, deed: str) -> None:
        async with self.database.begin() as session:
            found = await Rollouts(session).one(rollout, held=True)
            await getattr(self._rolling(session), deed)(found, why="because")

    async def back(self, rollout: str) -> str:
        async with self.database.begin() as session:
            undo = await self._rolling(session).back(rollout, why="calls", batch=2, pause_s=0, sms_per_day=None)
            return undo.id

    async def once(self, rollout: str) -> RolledOn:
        return await self.rolls.roll_on(RollOn(rollout))

    async def to_the_end(self, rollout: str) -> RolledOn:
        for _ in range(50):
            rolled = await self.once(rollout)
            if rolled.over or rolled.wait_s:
                return rolled
        raise AssertionError("it never ends")

    async def counts(self, rollout: str) -> Counts:
        async with self.database.reading() as session:
            return await Rollouts(session).counts(rollout)

    async def versions(self) -> dict[str, str]:
        return {row.patient_id: row.version for row in await self._all(Enrolment)}

    async def rows(self, rollout: str) -> dict[str, RolloutPatient]:
        return {row.patient_id: row for row in await self._all(RolloutPatient) if row.rollout_id == rollout}

    async def rollout(self, rollout: str) -> Rollout:
        async with self.database.reading() as session:
            return await session.get_one(Rollout, rollout)

    async def current(self) -> str:
        async with self.database.reading() as session:
            current = await PublishedPathways(session).current("hypertension")
        assert current is not None
        return current.version

    async def deeds(self) -> list[tuple[str, str, str, str]]:
        return [(row.did, row.version, row.by, row.why) for row in await self._all(PathwayDeed)]

    async def visited(self, patient: str) -> str:
        """A visit at which all was well: the next safe point. Answers its id."""
        readings, visit = pressure(128, 78), f"visit/{self.now}"
        await Events(self.database, self.vault, self.clock).store(
            patient, lambda now: VisitCompleted(id=visit, at=now, learnt=now, readings=readings)
        )
        await self.step(patient)
        return visit

    async def never_happened(self, patient: str, visit: str) -> None:
        """The visit was another patient's, entered here by mistake."""
        await Events(self.database, self.vault, self.clock).store(
            patient, lambda now: Corrected(id=f"never/{visit}", at=now, learnt=now, corrects=visit, void=True)
        )
        await self.step(patient)

    async def step(self, patient: str) -> None:
        async with self.database.reading() as session:
            last = (await session.get_one(Patient, patient)).last_step
        await self.wake(patient, next_step=last + 1)

    async def decide(self, rollout: str, patient: str, *, move: bool, accept: tuple[str, ...] = (), **services: str) -> None:
        async with self.database.begin() as session:
            rollouts = Rollouts(session)
            found, row = await rollouts.one(rollout), await rollouts.row(rollout, patient)
            held = await Patients(session, self.vault).held(patient)
            assert found is not None
            assert row is not None
            assert held is not None
            what = decided(found, services, {}) if move else None
            await self._rolling(session).decide(found, row, held, what, accept=frozenset(accept), why="replaced")

    async def retire(self, version: str, *, at: datetime | None) -> None:
        """Nobody is put on it any more; None: they are again."""
        async with self.database.begin() as session:
            (await session.get_one(PathwayVersion, version)).retired = at

    async def preview(self, version: str, **services: str) -> Preview:
        wanted = Wanted("hypertension", version, "now", services)
        return await Previews(self.database, self.vault, self.plans, self.clock).of(wanted, NETWORK, sample=100)


@pytest.fixture
async def town(database: Database) -> Town:
    town = Town(database)
    await town.begin(5)
    return town


async def test_everybody_moves_in_batches_and_it_is_done_when_all_have_taken_their_step(town: Town) -> None:
    rollout = await town.start()
    assert await town.current() == NEW
    assert (await town.once(rollout)).looked_at == 2
    assert sorted((await town.versions()).values()).count(NEW) == 2
    assert (await town.to_the_end(rollout)).over
    assert set((await town.versions()).values()) == {NEW}
    counts = await town.counts(rollout)
    assert (counts.looked_at, counts.statuses, counts.fits) == (5, {"moved": 5}, {"clean": 5})
    assert (await town.rollout(rollout)).status == "done"
    assert (await town.once(rollout)).over  # asked again, nothing happens
    assert await town.deeds() == [("made_current", NEW, "anna", "as agreed"), ("rollout_started", NEW, "anna", "as agreed")]


async def test_rolled_back_everybody_is_where_they_were_and_nobody_is_texted_twice(town: Town) -> None:
    before = {row.id: row.next_due for row in await town._all(Patient)}
    rollout = await town.start()
    await town.to_the_end(rollout)
    undo = await town.back(rollout)
    assert await town.current() == OLD
    assert (await town.to_the_end(undo)).over
    assert set((await town.versions()).values()) == {OLD}
    assert (await town.counts(undo)).statuses == {"moved": 5}
    assert {row.id: row.next_due for row in await town._all(Patient)} == before
    for day in range(3, 12):
        town.now = datetime(2025, 3, day, 3, 0, tzinfo=UTC)  # the morning's texts were due within the last two hours
        for patient in town.people:
            await town.step(patient)
    keys = [(sms.to, sms.key) for sms in town.phone.sent]
    assert keys
    assert len(keys) == len(set(keys))
    days = [(sms.to, sms.text) for sms in town.phone.sent]
    assert len(days) == len(set(days))
    with pytest.raises(CannotRoll, match="taken back already"):
        await town.back(rollout)
    with pytest.raises(CannotRoll, match="roll its version out anew"):
        await town.back(undo)


async def test_a_batch_that_is_run_again_or_beside_another_moves_nobody_twice(town: Town) -> None:
    rollout = await town.start(batch=3)
    await asyncio.gather(*(town.once(rollout) for _ in range(3)))
    await town.to_the_end(rollout)
    assert (await town.counts(rollout)).statuses == {"moved": 5}
    assert sorted(await town.rows(rollout)) == town.people


async def test_who_is_not_woken_is_asked_and_moves_with_their_next_step(town: Town) -> None:
    rollout = await town.start(batch=10)
    town.asleep = True
    await town.once(rollout)
    assert (await town.counts(rollout)).statuses == {"asked": 5}
    assert (await town.once(rollout)).summary == "awaits 5"
    assert (await town.rollout(rollout)).status == "running"
    town.asleep = False
    await town.once(rollout)
    assert (await town.once(rollout)).over
    assert (await town.counts(rollout)).statuses == {"moved": 5}


async def test_paused_it_moves_nobody_resumed_it_goes_on_stopped_it_never_does(town: Town) -> None:
    rollout = await town.start(batch=2)
    await town.once(rollout)
    await town.change(rollout, "pause")
    assert (await town.once(rollout)).summary == "paused"
    assert (await town.counts(rollout)).looked_at == 2
    with pytest.raises(CannotRoll, match="is paused; only one that is running can be paused"):
        await town.change(rollout, "pause")
    await town.change(rollout, "resume")
    await town.once(rollout)
    assert (await town.counts(rollout)).looked_at == 4
    with pytest.raises(CannotRoll, match=r"is running\. Wait until it is done, or stop it"):
        await town.start(OTHER)
    await town.change(rollout, "stop")
    assert (await town.once(rollout)).over
    assert (await town.counts(rollout)).statuses == {"moved": 4}
    undo = await town.back(rollout)
    await town.to_the_end(undo)
    assert (await town.counts(undo)).statuses == {"moved": 4}
    assert set((await town.versions()).values()) == {OLD}


async def test_at_a_safe_point_who_waits_is_counted_and_moves_with_the_next_visit(town: Town) -> None:
    rollout = await town.start(policy="safe_point")
    assert (await town.to_the_end(rollout)).over  # everybody was told
    assert (await town.counts(rollout)).statuses == {"waiting": 5}
    first, second, *_ = town.people
    await town.visited(first)
    assert await town.rolls.keep() == 1
    assert (await town.counts(rollout)).statuses == {"waiting": 4, "moved": 1}
    assert (await town.versions())[first] == NEW
    undo = await town.back(rollout)
    await town.to_the_end(undo)
    assert (await town.counts(undo)).statuses == {"moved": 5}
    await town.visited(second)  # what waited was called off
    assert set((await town.versions()).values()) == {OLD}


async def test_who_moved_at_a_visit_that_never_happened_waits_for_the_next_one_and_moves_then(town: Town) -> None:
    rollout = await town.start(policy="safe_point")
    await town.to_the_end(rollout)
    first, second, *_ = town.people
    visit = await town.visited(first)
    await town.visited(second)
    assert await town.rolls.keep() == 2
    town.now += timedelta(days=2)
    await town.never_happened(first, visit)
    assert (await town.versions())[first] == OLD
    assert await town.rolls.keep() == 1
    assert await town.rolls.keep() == 0
    assert {patient: row.status for patient, row in (await town.rows(rollout)).items() if patient in (first, second)} == {
        first: "waiting",
        second: "moved",
    }
    town.now += timedelta(days=1)
    await town.visited(first)
    assert await town.rolls.keep() == 1
    assert (await town.counts(rollout)).statuses == {"waiting": 3, "moved": 2}
    assert (await town.versions())[first] == NEW


async def test_who_was_taken_back_by_a_correction_is_returned_with_everybody_and_moves_no_more(town: Town) -> None:
    rollout = await town.start(policy="safe_point")
    await town.to_the_end(rollout)
    first = town.people[0]
    visit = await town.visited(first)
    await town.rolls.keep()
    town.now += timedelta(days=2)
    await town.never_happened(first, visit)
    undo = await town.back(rollout)  # before anybody saw that they were back
    await town.to_the_end(undo)
    assert (await town.counts(undo)).statuses == {"moved": 5}
    town.now += timedelta(days=1)
    await town.visited(first)
    assert set((await town.versions()).values()) == {OLD}
    assert await town.rolls.keep() == 0
    assert (await town.rows(rollout))[first].status == "moved"  # what the first one did; the one that took it back has the say


async def test_whose_records_a_batch_opened_is_written_down_for_whoever_started_it(town: Town) -> None:
    rollout = await town.start()
    await town.once(rollout)
    await town.once(rollout)
    entries = await town._all(AuditRow)
    assert [(row.who, row.role, row.action, row.record) for row in entries] == [
        ("anna", "rollout", "rollouts.run", f"rollout/{rollout}")
    ] * 2
    assert [row.patients for row in entries] == [town.people[:2], town.people[2:4]]
    subjects = {row.patient_id for row in await town._all(AuditSubject)}
    assert subjects == set(town.people[:4])
    await town.to_the_end(rollout)
    assert sorted(patient for row in await town._all(AuditRow) for patient in row.patients) == town.people


async def test_who_was_asked_and_has_not_moved_yet_is_taken_back_too(town: Town) -> None:
    rollout = await town.start(batch=10)
    town.asleep = True
    await town.once(rollout)
    undo = await town.back(rollout)
    await town.once(undo)
    town.asleep = False
    await town.to_the_end(undo)
    assert (await town.to_the_end(undo)).over
    assert (await town.counts(undo)).statuses == {"moved": 5}
    assert set((await town.versions()).values()) == {OLD}
    assert (await town.counts(rollout)).statuses == {"moved_on": 5}


async def test_taking_back_leaves_alone_and_lists_who_has_moved_on_or_has_left(town: Town) -> None:
    rollout = await town.start()
    await town.to_the_end(rollout)
    gone, *_ = town.people
    await Events(town.database, town.vault, town.clock).store(gone, lambda now: Died(id="died", at=now, learnt=now))
    await town.step(gone)
    later = await town.start(OTHER, services={"annual_exam": "yearly_check"}, batch=2)
    await town.once(later)
    await town.change(later, "stop")
    undo = await town.back(rollout)
    await town.to_the_end(undo)
    statuses = (await town.counts(undo)).statuses
    assert statuses["gone"] == 1
    assert statuses["moved_on"] + statuses["moved"] == 4
    listed = [patient for patient, row in (await town.rows(undo)).items() if row.status == "moved_on"]
    assert sorted(patient for patient, version in (await town.versions()).items() if version == OTHER) == sorted(listed)
    assert await town.current() == OTHER  # somebody made another one current since


async def test_who_needs_a_person_is_left_with_the_reason_until_somebody_decides(town: Town) -> None:
    rollout = await town.start(OTHER)
    await town.to_the_end(rollout)
    counts = await town.counts(rollout)
    assert (counts.statuses, counts.codes) == ({"left": 5}, {"service_gone_while_due": 5})
    assert set((await town.versions()).values()) == {OLD}
    assert counts.sms == 0  # nobody was moved, so no text was caused
    moves, stays, *_ = town.people
    with pytest.raises(CannotRoll, match="Still to be decided: service_gone_while_due"):
        await town.decide(rollout, moves, move=True)
    await town.retire(OTHER, at=town.now)
    with pytest.raises(CannotRoll, match="retired since"):
        await town.decide(rollout, moves, move=True, annual_exam="yearly_check")
    await town.retire(OTHER, at=None)
    await town.decide(rollout, moves, move=True, annual_exam="yearly_check")
    await town.decide(rollout, stays, move=False)
    await town.step(moves)
    await town.rolls.keep()
    rows = await town.rows(rollout)
    assert (rows[moves].status, rows[stays].status, rows[stays].why) == ("moved", "left", "stays")
    assert (await town.versions())[moves] == OTHER
    with pytest.raises(CannotRoll, match="the status is moved"):
        await town.decide(rollout, moves, move=False)
    assert [did for did, *_ in await town.deeds()].count("patient_decided") == 2


async def test_a_service_that_is_named_by_its_successor_moves_and_is_back_under_its_name(town: Town) -> None:
    preview = await town.preview(OTHER, annual_exam="yearly_check")
    assert (preview.enrolled, preview.looked_at, preview.fits) == (5, 5, {"mapped": 5})
    assert (await town.preview(OTHER)).codes == {"service_gone_while_due": 5}
    before = {row.id: row.next_due for row in await town._all(Patient)}
    rollout = await town.start(OTHER, services={"annual_exam": "yearly_check"})
    await town.to_the_end(rollout)
    assert (await town.counts(rollout)).fits == {"mapped": 5}
    await town.to_the_end(await town.back(rollout))
    assert set((await town.versions()).values()) == {OLD}
    assert {row.id: row.next_due for row in await town._all(Patient)} == before


async def test_no_day_sees_more_texts_than_the_limit_and_the_rest_wait_for_the_next(town: Town) -> None:
    town.now = datetime(2025, 3, 6, 1, 0, tzinfo=UTC)  # all visits are next week
    for patient in town.people:
        await town.step(patient)
    assert (await town.preview(MORE)).sms == 5
    rollout = await town.start(MORE, batch=10, sms_per_day=2)
    rolled = await town.to_the_end(rollout)
    assert rolled.summary == "sms_limit"
    assert (await town.rollout(rollout)).held == "sms_limit"
    first = await town.counts(rollout)
    assert 0 < first.sms <= 2
    assert (await town.to_the_end(rollout)).summary == "sms_limit"  # the same day
    days = 0
    while (await town.rollout(rollout)).status == "running" and days < 10:
        town.now += timedelta(days=1)
        days += 1
        await town.to_the_end(rollout)
        rows = await town.rows(rollout)
        today = sum(row.sms for row in rows.values() if row.at > town.now - timedelta(hours=8))
        assert today <= 2
    assert (await town.counts(rollout)).looked_at == 5
    assert (await town.rollout(rollout)).held == ""


async def test_whoever_alone_is_over_the_limit_is_left_for_a_person_and_holds_up_nobody(town: Town) -> None:
    town.now = datetime(2025, 3, 6, 1, 0, tzinfo=UTC)
    for patient in town.people:
        await town.step(patient)
    rollout = await town.start(MORE, batch=10, sms_per_day=0)
    assert (await town.to_the_end(rollout)).over
    counts = await town.counts(rollout)
    assert counts.codes["sms_over_limit"] == counts.statuses["left"] > 0
    assert sum(counts.statuses.values()) == 5


async def test_new_enrolments_only_moves_nobody_and_is_kept_with_its_reason(town: Town) -> None:
    rollout = await town.start(policy="new_only")
    assert ((await town.rollout(rollout)).status, await town.current()) == ("done", NEW)
    assert set((await town.versions()).values()) == {OLD}
    assert (await town.once(rollout)).over
    undo = await town.back(rollout)
    assert ((await town.rollout(undo)).status, await town.current()) == ("done", OLD)


async def test_who_enrols_while_it_goes_on_is_on_the_new_version_and_who_slipped_in_before_is_found(town: Town) -> None:
    rollout = await town.start(batch=10)
    await town.once(rollout)
    late = await Enrolments(town.database, town.vault, town.plans, town.clock).enrol(somebody(90))
    assert late.patient_id is not None
    assert (await town.versions())[late.patient_id] == NEW
    async with town.database.begin() as session:  # somebody whose enrolment began before the version became current
        row = await session.get_one(Enrolment, (late.patient_id, "hypertension"))
        row.version = OLD
    await town.to_the_end(rollout)
    assert (await town.rows(rollout))[late.patient_id].status == "moved"


async def test_names_that_are_not_there_and_versions_that_may_not_be_are_refused(town: Town) -> None:
    with pytest.raises(BadMapping, match=r"services\.exam is in no version that patients are on") as wrong:
        await town.start(OTHER, services={"exam": "yearly_check", "annual_exam": "check"})
    assert len(wrong.value.faults) == 2
    with pytest.raises(LookupError):
        await town.start("0000")
    async with town.database.begin() as session:
        (await session.get_one(PathwayVersion, OTHER)).retired = town.now
    with pytest.raises(Retired):
        await town.start(OTHER)
    assert await town._all(Rollout) == []


async def test_a_version_of_before_is_current_again_also_where_publishing_made_the_new_one_so(town: Town) -> None:
    async with town.database.begin() as session:
        await PublishedPathways(session).publish("hypertension", NEW, SOONER, by="anna", at=town.now + timedelta(hours=1))
    rollout = await town.start()
    assert (await town.rollout(rollout)).former in (OLD, OTHER)
    await town.back(rollout)
    assert await town.current() != NEW
