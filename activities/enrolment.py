"""Enrolling a person: which pathways match, who they are, and what is known of their past.

Rule 1: the person, the event and the pinned versions are stored in one transaction; a second enrolment of the same
        identifiers changes nothing.
Rule 2: what the first step will decide is shown by the same engine that will take it.
Rule 3: whoever is stored on no pathway is laid before the care team by the first step; nobody is stored and forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from activities.plans import Plans
from activities.steps import worst_tag
from pathways.engine import State, calendar, step
from pathways.engine.assess import facts
from pathways.engine.events import AnswerReceived, Enrolled, Fill, Known
from pathways.engine.plan import ContactRules, Pathway, Plan
from pathways.engine.state import Person
from records.clock import Clock
from records.consents import TEXTS, Consents
from records.database import Database
from records.eventlog import EventLog
from records.intake.people import Intake
from records.patients import NewPatient, Patients, Profile
from records.tables import CareTeam, Patient
from records.tables import Enrolment as Pinned
from records.vault import Vault

DEFAULT_LANGUAGE = "en"
LOOKED_AT = "nobody"  # the patient of a look: stored nowhere


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a pathway is for this person: ``why`` is its condition with what it read."""

    pathway: str
    matched: bool
    why: str


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of one person. ``status``: enrolled, already_enrolled, no_pathway, died, no_care_team; of a look: would_enrol."""

    place: str
    status: str
    patient_id: str | None = None
    next_step: int = 1
    matches: tuple[Match, ...] = ()
    tag: str | None = None
    due: tuple[tuple[str, date], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Enrolments:
    """The door into the network."""

    database: Database
    vault: Vault
    plans: Plans
    clock: Clock
    contact: ContactRules = field(default_factory=ContactRules)

    async def enrol(
        self,
        intake: Intake,
        *,
        only: Sequence[str] | None = None,
        unplaced: bool = False,
        also: Callable[[AsyncSession, str], Awaitable[None]] | None = None,
        by: str | None = None,
    ) -> Enrolment:
        """Enrol one person. ``only`` limits the pathways that are looked at.

        ``unplaced``: somebody for whom no pathway is, is stored all the same. ``also``: what is written with the new patient, by
        their id, in the same transaction; what it raises undoes all of it. ``by``: the key or account that enrols.
        """
        place = f"{intake.source}: {intake.place}"
        notes = tuple(f"{note.place}: {note.what}; {note.remedy}" for note in intake.notes)
        identifiers = tuple(f"{identifier.system}|{identifier.value}" for identifier in intake.identifiers)
        async with self.database.begin() as session:
            patients = Patients(session, self.vault)
            await patients.alone(identifiers)
            known = await patients.known_as(identifiers)
            if known is not None:
                patient = await patients.get(known)
                next_step = patient.last_step + 1 if patient else 1
                notes = (*notes, *await _other_number(patients, patient, intake, place))
                if await session.scalar(select(Pinned.pathway).where(Pinned.patient_id == known).limit(1)) is None:
                    remedy = "tell what they have with: POST /api/v1/patients/ID/conditions"
                    notes = (*notes, f"{place}: known already, and on no pathway; {remedy}")
                return Enrolment(place, "already_enrolled", known, next_step, notes=notes)
            if intake.died is not None:
                return Enrolment(place, "died", notes=notes)
            now = await self.clock.now(session)
            team = await self._team(session, intake.care_team)
            if team is not None and intake.care_team not in (None, team.id, team.name):
                notes = (*notes, f"{place}: there is no care team of the name that is given; looked after by {team.id} for now")
            if team is None:
                return Enrolment(place, "no_care_team", notes=(*notes, "no care team is set up; make one with: POST /api/v1/teams"))
            timezone = intake.timezone or team.timezone
            current = await self.plans.current(session)
            wanted = {name: pathway for name, pathway in current.items() if only is None or name in only}
            matches = matching(wanted, intake, calendar.local_day(now, timezone))
            chosen = [match.pathway for match in matches if match.matched]
            if not chosen and not unplaced:
                return Enrolment(place, "no_pathway", matches=matches, notes=notes)
            new = NewPatient(
                _profile(intake, identifiers),
                team.id,
                intake.language or DEFAULT_LANGUAGE,
                timezone,
                {name: current[name].version for name in chosen},
            )
            patient, person = await patients.add(new, at=now)
            if also is not None:
                await also(session, patient.id)
            event = _event(intake, tuple(chosen), timezone, now)
            events = EventLog(session, patient, person, by)
            await events.append(event)
            if intake.texts is not None:
                refused = AnswerReceived(id="enrolled/sms_consent", at=now, learnt=now, kind="stop")
                if not intake.texts:  # before the first step is taken, so that not even its texts go out
                    await events.append(refused)
                said = event.id if intake.texts else refused.id
                Consents(session).keep(patient.id, TEXTS, given=intake.texts, source=intake.texts_source, at=now, event=said)
            plan = Plan({name: current[name] for name in chosen}, contact=self.contact)
            foreseen = step(plan, State(patient=patient.id), event).state
            return Enrolment(
                place,
                "enrolled",
                patient.id,
                matches=matches,
                tag=worst_tag(plan, foreseen),
                due=dues(foreseen),
                notes=(*notes, *_unsupplied(intake)),
            )

    async def look(self, intake: Intake) -> Enrolment:
        """What ``enrol`` would answer; nothing is stored. ``status`` is would_enrol where it would be enrolled."""
        place = f"{intake.source}: {intake.place}"
        notes = tuple(f"{note.place}: {note.what}; {note.remedy}" for note in intake.notes)
        identifiers = tuple(f"{identifier.system}|{identifier.value}" for identifier in intake.identifiers)
        async with self.database.reading() as session:
            known = await Patients(session, self.vault).known_as(identifiers)
            if known is not None:
                return Enrolment(place, "already_enrolled", known, notes=notes)
            if intake.died is not None:
                return Enrolment(place, "died", notes=notes)
            now = await self.clock.now(session)
            team = await self._team(session, intake.care_team)
            if team is None:
                return Enrolment(place, "no_care_team", notes=notes)
            timezone = intake.timezone or team.timezone
            current = await self.plans.current(session)
            matches = matching(current, intake, calendar.local_day(now, timezone))
            chosen = tuple(match.pathway for match in matches if match.matched)
            if not chosen:
                return Enrolment(place, "no_pathway", matches=matches, notes=notes)
            plan = Plan({name: current[name] for name in chosen}, contact=self.contact)
            foreseen = step(plan, State(patient=LOOKED_AT), _event(intake, chosen, timezone, now)).state
            tag, due = worst_tag(plan, foreseen), dues(foreseen)
            return Enrolment(place, "would_enrol", matches=matches, tag=tag, due=due, notes=(*notes, *_unsupplied(intake)))

    async def _team(self, session: AsyncSession, name: str | None) -> CareTeam | None:
        if name is not None:
            found = await session.get(CareTeam, name)  # its id before any name: names are anybody's choice
            if found is None:
                named = select(CareTeam).where(CareTeam.name == name).order_by(CareTeam.id)
                found = (await session.scalars(named.limit(1))).first()
            if found is not None:
                return found
        return (await session.scalars(select(CareTeam).order_by(CareTeam.id).limit(1))).first()


async def _other_number(patients: Patients, patient: Patient | None, intake: Intake, place: str) -> tuple[str, ...]:
    """A list sent once more may be older than what we know: another number in it is said, and used by nobody."""
    own = next((phone.number for phone in intake.phones if phone.owner == "self" and phone.number), None)
    if patient is None or own is None:
        return ()
    try:
        profile = await patients.profile(patient)
    except LookupError:
        return ()
    if own in (profile.phone, profile.carer_phone):
        return ()
    return (f"{place}: another phone than the one known; if it is the newer one, tell it with: POST /api/v1/patients/ID/move",)


def matching(pathways: Mapping[str, Pathway], intake: Intake, on: date) -> tuple[Match, ...]:
    """Every pathway, whether it is for somebody who is sent, and what its condition read."""
    person = Person(intake.born, intake.sex, tuple(sorted(intake.conditions)))
    return matching_now(pathways, person, (medicine.name for medicine in intake.medicines), on)


def matching_now(pathways: Mapping[str, Pathway], person: Person, medicines: Iterable[str], on: date) -> tuple[Match, ...]:
    """Every pathway, whether it is for this person, and what its condition read."""
    matches, taken = [], tuple(medicines)
    for name, pathway in pathways.items():
        known = facts(pathway, person, None, {}, on=on, medicines=taken)
        held = pathway.enrol_when.holds(known)
        read = ", ".join(f"{word} = {_shown(known[word])}" for word in sorted(pathway.enrol_when.names) if word in known)
        verdict = {True: "holds", False: "does not hold", None: "cannot be told"}[held]
        matches.append(Match(name, held is True, f"{pathway.enrol_when.source} {verdict} ({read})"))
    return tuple(matches)


def _shown(value: object) -> str:
    return "[" + ", ".join(str(item) for item in value) + "]" if isinstance(value, list | tuple) else str(value)


def _profile(intake: Intake, identifiers: tuple[str, ...]) -> Profile:
    own = next((phone.number for phone in intake.phones if phone.owner == "self" and phone.number), None)
    carer = next((phone for phone in intake.phones if phone.owner == "carer" and phone.number), None)
    return Profile(
        family=intake.name.family,
        given=intake.name.given,
        shown=intake.name.full,
        born=intake.born,
        sex=intake.sex,
        phone=own,
        carer_phone=carer.number if carer else None,
        carer_name=(carer.carer_name or "") if carer else "",
        identifiers=identifiers,
        conditions=tuple(sorted(intake.conditions)),
    )


def _event(intake: Intake, pathways: tuple[str, ...], timezone: str, now: datetime) -> Enrolled:
    readings: dict[str, Known] = {}
    for reading in intake.readings:  # newest first
        readings.setdefault(reading.name, Known(reading.value, calendar.local_day(reading.at, timezone)))
    return Enrolled(
        id="enrolled",
        at=now,
        learnt=now,
        pathways=pathways,
        born=intake.born,
        sex=intake.sex,
        conditions=tuple(sorted(intake.conditions)),
        timezone=timezone,
        phone=any(phone.owner == "self" and phone.number for phone in intake.phones),
        carer=any(phone.owner == "carer" and phone.number for phone in intake.phones),
        texts=intake.texts,
        lacks=_lacks(intake),
        tag=intake.tag,
        last_visit=intake.visits[0] if intake.visits else None,
        readings=readings,
        done=dict(intake.services_done),
        fills=tuple(
            Fill(medicine.name, medicine.last_fill, medicine.days_supply)
            for medicine in intake.medicines
            if medicine.last_fill is not None and medicine.days_supply
        ),
    )


def _lacks(intake: Intake) -> tuple[str, ...]:
    """What a person should be asked for: by words of ours (api/showing/timeline.yaml)."""
    known = {"birth_date": intake.born is not None, "identifier": bool(intake.identifiers)}
    return tuple(name for name, there in known.items() if not there)


def _unsupplied(intake: Intake) -> tuple[str, ...]:
    unknown = sorted({m.name for m in intake.medicines if m.last_fill is None or not m.days_supply})
    if not unknown:
        return ()
    return (f"supply not known for {', '.join(unknown)}; it is followed from the next dispense",)


def dues(state: State) -> tuple[tuple[str, date], ...]:
    """What falls due, by ``pathway.service``, the earliest first."""
    found = {
        (f"{pathway}.{service}", occurrence.due)
        for pathway, course in state.courses.items()
        for service, occurrence in course.services.items()
    }
    return tuple(sorted(found, key=lambda due: (due[1], due[0])))
