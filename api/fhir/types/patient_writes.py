"""A Patient that comes in: somebody new is stored by the reader of bundles and enrolled, somebody known is put right.

Rule 1: whoever has one of the identifiers is the one who is there; nobody is stored twice.
Rule 2: whoever no pathway is for, or of whom only a name is known, is laid before the care team: a Patient tells no condition.
Rule 3: what is kept here and may not be changed here is refused and named; what is not kept (address, photo) is passed over,
        and the answer shows what is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from api.fhir.conditional import CHANGED
from api.fhir.differing import rule, same
from api.fhir.exchange import Desk
from api.fhir.kinds import Door, Refused, Resource
from api.fhir.making import Exists, Making
from api.fhir.types.patients import Patients
from api.problems import not_found
from api.profiles import Who, put_right
from api.writing import Case
from pathways.engine.calendar import local_day
from records.fhir_patients import PatientSearch
from records.intake.fhir import day, extension, not_yet, part, parts, text
from records.intake.notes import Notes
from records.intake.patient import (
    TIMEZONE_EXTENSION,
    NotAPerson,
    identify,
    language_of,
    own_numbers,
    read_anybody,
    read_name,
    read_sex,
)
from records.intake.people import Identifier, Intake
from records.intake.places import e164, known_zone, shipped_places
from records.patients import Patients as People
from records.patients import Profile
from records.tables import CareTeam, Patient

LONGEST_NAME, LONGEST_IDENTIFIER, MOST_IDENTIFIERS = 200, 400, 20
NO_NUMBER = "This is no number that can exist: write it with its country code, such as +86 138 0000 0000."
#: What is not kept; extensions of others, and places that are not ours, are passed over, too.
_NOT_KEPT = frozenset({"address", "maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo", "contained"})
_PASSED_OVER = _NOT_KEPT | {"resourceType", "id", "meta", "text", "implicitRules", "language"}
_MAY_CHANGE = ("birthDate", "communication", "gender", "identifier", "name", "telecom")
_ELSEWHERE: Mapping[str, str] = {
    "active": "tell by REST what has become of them, such as POST /api/v1/patients/ID/withdraw",
    "deceasedBoolean": "tell it by REST: POST /api/v1/patients/ID/died",
    "deceasedDateTime": "tell it by REST: POST /api/v1/patients/ID/died",
    "contact": "tell the carer's number by REST: POST /api/v1/patients/ID/move",
    "generalPractitioner": "tell a move by REST: POST /api/v1/patients/ID/move",
    "managingOrganization": "tell a move by REST: POST /api/v1/patients/ID/move",
    "extension": "tell another time zone by REST: POST /api/v1/patients/ID/move",
}


class PatientWrites:
    """Write side of Patient."""

    writes: Mapping[Literal["create", "update", "delete"], tuple[str, ...]] = {
        "create": ("patients.enrol",),
        "update": ("patients.change",),
    }
    removable: frozenset[str] = frozenset()

    async def create(self, desk: Desk, making: Making, resource: Resource) -> str:
        """Somebody new, on the pathways that are for them. Raises Exists for somebody who is there, Refused."""
        for name, told in (("link", "merged records"), ("modifierExtension", "what changes the meaning of the rest")):
            if resource.get(name):
                raise rule(f"Patient.{name}: {told} cannot be taken in here: leave it out.", f"Patient.{name}")
        async with desk.parts.database.reading() as session:
            team = await _team(desk, session, resource)
            today = local_day(await desk.parts.clock.now(session), team.timezone if team is not None else "UTC")
            country = shipped_places().country_of_zone(team.timezone) if team is not None else None
        intake = _intake(resource, team, country)
        if intake.born is not None and not_yet(intake.born, today):
            raise rule("Patient.birthDate has not come yet: send the day on which they were born.", "Patient.birthDate")

        async def once(session: AsyncSession, patient_id: str) -> None:
            remembered, repeated = await making.remembered(session)
            if remembered is not None and repeated:
                raise Exists(remembered.event_id)
            if remembered is not None:
                remembered.event_id = patient_id

        outcome = await desk.parts.enrolments.enrol(intake, unplaced=True, also=once, by=desk.caller.id)
        if outcome.patient_id is None:
            raise rule("No care team is set up that could look after them: make one with POST /api/v1/teams.")
        if outcome.status == "already_enrolled":
            raise await _there(desk, outcome.patient_id)
        await making.settle(outcome.patient_id, outcome.next_step)
        return outcome.patient_id

    async def update(self, desk: Desk, making: Making, id_: str, before: Resource, after: Resource) -> None:
        """What differs is put right. Raises Refused where it may not be changed here."""
        async with desk.parts.database.reading() as session:
            people = People(session, desk.parts.vault)
            patient = await session.get_one(Patient, id_)
            try:
                profile = await people.profile(patient)
            except LookupError:  # this person was forgotten
                raise not_found() from None
            today = local_day(await desk.parts.clock.now(session), patient.timezone)
            country = shipped_places().country_of_zone(patient.timezone)
            moved = await _moved(desk, session, after, patient)
        _only_what_may(desk, before, after, {*moved, *_told_of_carer(after, profile, country), *_told_of_life(before, after)})
        who = _who(before, after, profile, country)
        if who.born is not None and not_yet(who.born, today):
            raise rule("Patient.birthDate has not come yet: send the day on which they were born.", "Patient.birthDate")

        async def check(case: Case) -> None:
            if making.if_match in (None, "*"):
                return
            door = Door(desk.parts, case.session, desk.caller, desk.base, desk.language)
            now = await Patients().one(door, id_)  # If-Match once more, as they are while nobody else can change them
            if now is None or now["meta"]["versionId"] != before["meta"]["versionId"]:
                raise Refused(412, "conflict", CHANGED)

        if who != Who():
            await put_right(replace(making, if_match=None), desk.caller.scope, id_, who, check=check)

    async def delete(self, desk: Desk, making: Making, id_: str) -> None:
        raise Refused(405, "not-supported", "A Patient is not deleted: tell by REST what has become of them.")


async def _there(desk: Desk, patient_id: str) -> Exception:
    """That they are there already, for whom they are not the caller's without their id."""
    async with desk.parts.database.reading() as session:
        if await People(session, desk.parts.vault).in_scope(desk.caller.scope, patient_id) is not None:
            return Exists(patient_id)
    told = "Somebody with this identifier is looked after by another care team: ask them to hand the patient over."
    return Refused(409, "duplicate", told, ("Patient.identifier",))


async def _team(desk: Desk, session: AsyncSession, resource: Resource) -> CareTeam | None:
    """The care team that is named, where it is the caller's; else the caller's own, else the network's first."""
    scope, people = desk.caller.scope, PatientSearch(session, desk.parts.vault)
    for one in (*parts(resource, "generalPractitioner"), part(resource, "managingOrganization")):
        type_, _, id_ = text(one.get("reference")).removeprefix(f"{desk.base}/").partition("/")
        for team in await people.teams_of([id_]) if type_ == "Organization" and id_ else ():
            if scope.covers_team(team):
                return await session.get(CareTeam, team)
    first = scope.of_teams(select(CareTeam), CareTeam.id).order_by(CareTeam.id).limit(1)
    return (await session.scalars(first)).first()


def _intake(resource: Resource, team: CareTeam | None, country: str | None) -> Intake:
    """The person as the reader of bundles has them. Raises Refused 422."""
    notes = Notes("Patient")
    try:
        who = read_anybody(resource, shipped_places(), notes, country=country)
    except NotAPerson as fault:
        told = "The birth date is no day" if fault.remedy.startswith("send birthDate") else fault.what.capitalize()
        raise rule(f"{told}: {fault.remedy}.", "Patient") from None
    if who.dead or resource.get("active") is False:
        where = "Patient.active" if resource.get("active") is False else "Patient.deceased"
        raise rule("Nobody is enrolled who has died or is not looked after: leave it out, or do not send them.", where)
    _fits(who.name.full, who.identifiers)
    own = [phone for phone in who.phones if phone.owner == "self"]
    if own and all(phone.number is None for phone in own):
        raise rule(NO_NUMBER, "Patient.telecom")
    zone = who.timezone if who.timezone is not None and known_zone(who.timezone) is not None else None
    return Intake(
        source="fhir",
        place="Patient",
        identifiers=who.identifiers,
        name=who.name,
        sex=who.sex,
        born=who.born,
        phones=who.phones,
        language=who.language,
        timezone=zone,
        care_team=team.id if team is not None else None,
        notes=notes.done(),
    )


def _fits(name: str, identifiers: tuple[Identifier, ...]) -> None:
    """Raises Refused for what no record has room for."""
    if len(name) > LONGEST_NAME:
        raise rule(f"A name has at most {LONGEST_NAME} characters here: shorten it.", "Patient.name")
    longest = max((len(one.system) + len(one.value) for one in identifiers), default=0)
    if len(identifiers) > MOST_IDENTIFIERS or longest > LONGEST_IDENTIFIER:
        told = f"At most {MOST_IDENTIFIERS} identifiers are kept, each of {LONGEST_IDENTIFIER} characters with its system."
        raise rule(told, "Patient.identifier")


async def _moved(desk: Desk, session: AsyncSession, after: Resource, patient: Patient) -> set[str]:
    """Elements that name another care team of ours, or another time zone; what is of the sender's own world is passed over."""
    moved, people = set[str](), PatientSearch(session, desk.parts.vault)
    for name in ("generalPractitioner", "managingOrganization"):
        for one in parts(after, name):
            type_, _, id_ = text(one.get("reference")).removeprefix(f"{desk.base}/").partition("/")
            teams = await people.teams_of([id_]) if type_ == "Organization" and id_ else []
            moved |= {name} if teams and patient.care_team_id not in teams else set()
    zone = text(extension(after, TIMEZONE_EXTENSION).get("valueCode"))
    return moved | ({"extension"} if zone not in ("", patient.timezone) else set())


def _told_of_carer(after: Resource, profile: Profile, country: str | None) -> set[str]:
    """``contact``, where it has a number and none is the carer's; their name alone is passed over."""
    found = [e164(written, country) for one in parts(after, "contact") for written in own_numbers(one)]
    return {"contact"} if found and profile.carer_phone not in found else set()


def _told_of_life(before: Resource, after: Resource) -> set[str]:
    """What is told of whether they live and are looked after; ``false`` of somebody who is not known to have died says nothing."""
    told = {name: after.get(name) or None for name in ("deceasedBoolean", "deceasedDateTime")}
    differs = {name for name, value in told.items() if value is not None and not before.get("deceasedBoolean")}
    return differs | ({"active"} if after.get("active", before["active"]) != before["active"] else set())


def _only_what_may(desk: Desk, before: Resource, after: Resource, elsewhere: set[str]) -> None:
    """Raises Refused 422 that names what else differs, and where it is told. ``elsewhere``: what is told by REST."""
    over = {*_PASSED_OVER, *_MAY_CHANGE, *_ELSEWHERE}
    unknown = {name for name in after if name not in over and not same(before.get(name), after[name], desk.base)}
    if changed := sorted(unknown | elsewhere):
        where = tuple(f"Patient.{name}" for name in changed)
        remedies = dict.fromkeys(_ELSEWHERE.get(name, f"{name} cannot be taken in here: leave it out") for name in changed)
        may = ", ".join(_MAY_CHANGE)
        raise rule(f"{', '.join(where)} does not change here: {'; '.join(remedies)}. What may change: {may}.", *where)


def _who(before: Resource, after: Resource, profile: Profile, country: str | None) -> Who:
    """What is told that is not known. Raises Refused 422."""
    who, places = Who(), shipped_places()
    if "name" in after and not same(before.get("name"), after["name"]):
        name = read_name({"name": list(_renamed(before, after))}, places)
        if not name.full:
            raise rule("There is no name in it: send family, given or text.", "Patient.name")
        who = replace(who, family=name.family, given=name.given, shown=name.full)
    if text(after.get("gender")) and read_sex(text(after["gender"])) != profile.sex:
        who = replace(who, sex=read_sex(text(after["gender"])))
    born = text(after.get("birthDate"))
    if born and not text(before.get("birthDate")).startswith(born):
        if (found := day(born)) is None:
            raise rule("Send the whole day, such as 1971-02-03.", "Patient.birthDate")
        who = replace(who, born=found)
    if "communication" in after and not same(before.get("communication"), after["communication"]):
        language = language_of(after, places, Notes("Patient"))
        if language is None:
            raise rule("The language is not known: send its code of BCP 47, such as en or zh-Hans.", "Patient.communication")
        who = replace(who, language=language)
    identifiers = identify({"identifier": after.get("identifier", [])}, "")
    _fits(who.shown or "", identifiers)
    sent = [f"{one.system}|{one.value}" for one in identifiers]
    added = tuple(one for one in sent if one not in profile.identifiers)
    if len(profile.identifiers) + len(added) > MOST_IDENTIFIERS:
        raise rule(f"At most {MOST_IDENTIFIERS} identifiers are kept.", "Patient.identifier")
    return replace(who, identifiers=added, phone=_phone(after, profile, country))


def _renamed(before: Resource, after: Resource) -> Iterator[Resource]:
    """The names as they are sent; one whose words were changed, but not the text that shows them whole, is shown by its words."""
    had = {text(one.get("text")) for one in parts(before, "name")}
    words = [(one.get("family"), one.get("given")) for one in parts(before, "name")]
    for one in parts(after, "name"):
        stale = text(one.get("text")) in had and (one.get("family"), one.get("given")) not in words
        yield {name: value for name, value in one.items() if not (stale and name == "text")}


def _phone(after: Resource, profile: Profile, country: str | None) -> str | None:
    """A number that is not the one in use, where none of those sent is. Raises Refused 422 for one that cannot exist."""
    written = own_numbers(after)
    found = [e164(one, country) for one in written]
    if not written or profile.phone in found:
        return None
    if found[0] is None:
        raise rule(NO_NUMBER, "Patient.telecom")
    return found[0]
