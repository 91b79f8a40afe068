"""Patient: everything for whoever looks after them; for a place, what its own referral or refill request shows of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, or_

from api.fhir import matching
from api.fhir.coding import LANGUAGES, coding, concept, reference, without_nothing
from api.fhir.kinds import Door, Found, Interaction, Param, Query, Refused, Resource, Token, meta
from api.fhir.of_patients import HL7, READ_ONLY
from api.rights import has
from api.showing.patients import name_of
from records.callers import Caller
from records.fhir_patients import PatientSearch, Sees
from records.intake.patient import TIMEZONE_EXTENSION
from records.pages import behind, cursor
from records.patient_list import PatientList
from records.patients import Profile
from records.tables import CareTeam, EventRow, Patient
from records.vault import fold

NARROWS = ("_id", "identifier", "name", "family", "given", "phone", "telecom")
OPENED = ("birthdate", "gender")  # known once a person is opened; a search by these alone would open everybody
WALKS = ("_lastUpdated", "active", "language")  # few of a network may be meant by these, and no index knows which
AT_A_TIME, MOST_LOOKED_AT = 200, 2000
IN_CARE = ("active", "paused", "in_hospital")
TEAM, PLACE = "general-practitioner", "organization"


def _individual(name: str) -> str:
    return f"{HL7}/individual-{name}"


class Patients:
    """The type."""

    type = "Patient"
    reads: tuple[str, ...] = ("patients.read", "referrals.read", "refills.read")
    params: Mapping[str, Param] = {
        "identifier": Param("token", "system|value, both", definition=f"{HL7}/Patient-identifier"),
        "name": Param("string", "beginnings of the name's words", modifiers=("exact",), definition=f"{HL7}/Patient-name"),
        "family": Param("string", "the beginning of the family name", modifiers=("exact",), definition=_individual("family")),
        "given": Param("string", "the beginning of a given name", modifiers=("exact",), definition=_individual("given")),
        "phone": Param("token", "the patient's or their carer's number", definition=_individual("phone")),
        "telecom": Param("token", "as phone", definition=_individual("telecom")),
        "birthdate": Param("date", "together with a name, identifier or phone", definition=_individual("birthdate")),
        "gender": Param("token", "together with a name, identifier or phone", definition=_individual("gender")),
        "language": Param("token", "the language that they are texted in", definition=f"{HL7}/Patient-language"),
        "active": Param("token", "whether they are looked after", definition=f"{HL7}/Patient-active"),
        "deceased": Param("token", "whether they have died", definition=f"{HL7}/Patient-deceased"),
        "organization": Param(
            "reference", "the centre of their care team", ("Organization",), definition=f"{HL7}/Patient-organization"
        ),
        "general-practitioner": Param(
            "reference", "their care team", ("Organization",), definition=f"{HL7}/Patient-general-practitioner"
        ),
    }
    paths: Mapping[str, tuple[str, ...]] = {
        "identifier": ("identifier",),
        "birthdate": ("birthDate",),
        "gender": ("gender",),
        "language": ("communication.language",),
        "active": ("active",),
        PLACE: ("managingOrganization",),
        TEAM: ("generalPractitioner",),
    }
    sorts: tuple[str, ...] = ("_id",)
    includes: Mapping[str, str] = {
        "Patient:organization": "managingOrganization",
        "Patient:general-practitioner": "generalPractitioner",
    }
    interactions: frozenset[Interaction] = READ_ONLY

    async def one(self, door: Door, id_: str) -> Resource | None:
        """The patient, if the caller may see them."""
        return (await self.many(door, [id_])).get(id_)

    async def many(self, door: Door, ids: Collection[str]) -> Mapping[str, Resource]:
        """Those of ``ids`` whom the caller may see, by id."""
        rows = await PatientSearch(door.session, door.parts.vault).some(
            sees(door.caller), [Patient.id.in_(sorted(ids))], limit=len(ids)
        )
        return {one["id"]: one for one in await self._shown(door, rows)}

    async def versions(self, door: Door, id_: str) -> Sequence[Resource]:
        """Only what is now: who somebody was is not kept."""
        one = await self.one(door, id_)
        return [] if one is None else [one]

    async def search(self, door: Door, query: Query) -> Found:
        """Patients by id. Raises BadCursor, Refused."""
        seen = sees(door.caller)
        _affordable(query, seen)
        if query.sort and query.sort != (("_id", False),):
            raise Refused(400, "not-supported", "Patients are sorted by _id, upwards: their names are sealed.", ("_sort",))
        people = PatientSearch(door.session, door.parts.vault)
        where = await self._where(people, query, seen.all_of_teams)
        last = (behind(query.after, 1) or [""])[0]
        found: list[Resource] = []
        looked_at, more = 0, True
        while more and len(found) <= query.count and looked_at < MOST_LOOKED_AT:
            batch = min(AT_A_TIME, query.count + 1 if not looked_at else AT_A_TIME)
            rows = await people.some(seen, where, limit=batch, after=last)
            more, looked_at = len(rows) == batch, looked_at + len(rows)
            last = rows[-1][0].id if rows else last
            found += [one for one in await self._shown(door, rows) if self._matches(one, query)]
        if len(found) > query.count:
            found, more = found[: query.count], True
            last = found[-1]["id"]
        total = len(found) if query.after is None and not more else None
        if total is None and getattr(query, "counted", "none") != "none" and not any(query.of(name) for name in OPENED):
            total = await people.count(seen, where)
        return Found(found, cursor(last) if more else None, total)

    def _matches(self, shown: Resource, query: Query) -> bool:
        """What the keyed hashes do not tell apart: family from given names; and what only the opened record says."""
        if not matching.matches(shown, query, self.params, self.paths):
            return False
        names = {"family": list(matching.at(shown, "name.family")), "given": list(matching.at(shown, "name.given"))}
        names["name"] = [*names["family"], *names["given"], *matching.at(shown, "name.text")]
        return all(
            any(_begins(name, matching.text_of(value), one.modifier == "exact") for name in names[one.name] for value in one.values)
            for one in query.filters
            if one.name in names and (one.name != "name" or one.modifier == "exact")
        )

    async def _where(self, people: PatientSearch, query: Query, all_of_teams: bool) -> list[ColumnElement[bool]]:
        where: list[ColumnElement[bool]] = []
        for one in query.filters:
            texts = [matching.text_of(value) for value in one.values]
            match one.name:
                case "_id":
                    where.append(Patient.id.in_(texts))
                case "identifier":
                    where.append(people.identified(f"{v.system}|{v.code}" for v in one.values if isinstance(v, Token) and v.system))
                case "phone" | "telecom":
                    where.append(await people.rung(texts))
                case "name" | "family" | "given":
                    where.append(people.called(texts))
                case "active":
                    where.append(Patient.life.in_(IN_CARE) if "true" in texts else Patient.life.not_in(IN_CARE))
                case "deceased":
                    where.append(Patient.life == "died" if "true" in texts else Patient.life != "died")
                case "language":
                    where.append(Patient.language.in_(texts))
                case "organization" | "general-practitioner":
                    named = [matching.text_of(value).removeprefix("Organization/") for value in one.values]
                    where.append(Patient.care_team_id.in_(await people.teams_of(named)))
                case "_lastUpdated" if all_of_teams:
                    where.append(or_(EventRow.seq.is_(None), matching.moments(EventRow.learnt, one)))
        return where

    async def _shown(self, door: Door, rows: Sequence[tuple[Patient, datetime]]) -> list[Resource]:
        seen, session = sees(door.caller), door.session
        profiles = await PatientList(session, door.parts.vault).profiles([patient for patient, _ in rows])
        if not seen.all_of_teams:
            at = await PatientSearch(session, door.parts.vault).asked_about(seen, [patient.id for patient, _ in rows])
            return [
                _asked_about(patient, profiles.get(patient.id), at[patient.id], whole=seen.referrals)
                for patient, _ in rows
                if patient.id in at
            ]
        teams = {patient.care_team_id: await session.get_one(CareTeam, patient.care_team_id) for patient, _ in rows}
        return [_whole(patient, profiles.get(patient.id), at, teams[patient.care_team_id]) for patient, at in rows]


def sees(caller: Caller) -> Sees:
    """What lets this caller see patients."""
    return Sees(
        caller.scope,
        all_of_teams=has(caller, "patients.read"),
        referrals=has(caller, "referrals.read"),
        refills=has(caller, "refills.read"),
    )


def _affordable(query: Query, seen: Sees) -> None:
    """Raises Refused for a search that would open everybody, or walk through everybody's requests."""
    narrowed = any(query.of(name) for name in NARROWS)
    for asked in query.of("identifier"):
        if not all(isinstance(value, Token) and value.system and value.code for value in asked.values):
            raise Refused(
                400, "value", "Write an identifier whole, as identifier=system|value: identifiers are sealed.", ("identifier",)
            )
    for name in OPENED:
        if query.of(name) and not narrowed:
            raise Refused(
                400, "too-costly", f"A search by {name} alone would open every record: add identifier, name or phone.", (name,)
            )
    if not narrowed and not seen.all_of_teams:
        remedy = "name them by _id, name or phone, or ask for your Tasks with _include=Task:patient"
        raise Refused(400, "too-costly", f"You see patients through your requests: {remedy}.")
    everywhere = seen.scope.whole_network and not (query.of(PLACE) or query.of(TEAM))
    for name in WALKS if everywhere and not narrowed else ():
        if any(name != "active" or "true" not in map(matching.text_of, one.values) for one in query.of(name)):
            remedy = "add organization or general-practitioner"
            raise Refused(400, "too-costly", f"A search by {name} over every network is not offered: {remedy}.", (name,))


def _begins(name: str, wanted: str, exact: bool) -> bool:
    if exact:
        return name == wanted
    plain, asked = fold(name), fold(wanted)
    return plain.startswith(asked) or any(word.startswith(asked) for word in plain.replace("-", " ").split())


def _whole(patient: Patient, profile: Profile | None, at: datetime, team: CareTeam) -> Resource:
    known = profile or Profile()
    body = without_nothing({
        "extension": [{"url": TIMEZONE_EXTENSION, "valueCode": patient.timezone}],
        "identifier": [_identifier(one) for one in known.identifiers],
        "name": _name(profile),
        "telecom": _phone(known.phone),
        "gender": known.sex,
        "birthDate": known.born.isoformat() if known.born else None,
        "contact": [_carer(known)] if known.carer_phone or known.carer_name else None,
        "communication": [{"language": concept(coding(LANGUAGES, patient.language)), "preferred": True}],
        "generalPractitioner": [reference("Organization", team.id, team.name)],
        "managingOrganization": reference("Organization", team.organisation_id),
    })  # fmt: skip
    coming = patient.life == "not_enrolled" and patient.last_event > patient.taken_event  # the first step is about to be taken
    body["active"] = coming or patient.life in IN_CARE
    if patient.life == "died":
        body["deceasedBoolean"] = True
    return _versioned(patient, body, at)


def _asked_about(patient: Patient, profile: Profile | None, at: datetime, *, whole: bool) -> Resource:
    """As a place is shown them with a request; a pharmacy (not ``whole``) learns neither birth date nor sex."""
    known = profile or Profile()
    body = without_nothing({"name": _name(profile), "telecom": _phone(known.phone)})
    if whole:
        body |= without_nothing({"gender": known.sex, "birthDate": known.born.isoformat() if known.born else None})
    return _versioned(patient, body, at)


def _versioned(patient: Patient, body: Resource, at: datetime) -> Resource:
    """The version is made of what is shown: who sees less is not told that something else has changed."""
    version = sha256(json.dumps([patient.id, body], sort_keys=True).encode()).hexdigest()[:16]
    return {"resourceType": "Patient", "id": patient.id, "meta": meta(version, at), **body}


def _identifier(written: str) -> Resource:
    system, _, value = written.rpartition("|")
    return without_nothing({"system": system, "value": value})


def _name(profile: Profile | None) -> list[Resource]:
    if profile is None:
        return []
    given = profile.given.split() if profile.given else []
    made = without_nothing({"use": "official", "text": name_of(profile), "family": profile.family, "given": given})
    return [made] if len(made) > 1 else []


def _phone(number: str | None) -> list[Resource]:
    return [{"system": "phone", "value": number}] if number else []


def _carer(profile: Profile) -> Resource:
    return without_nothing({
        "relationship": [concept(text="carer")],
        "name": {"text": profile.carer_name} if profile.carer_name else None,
        "telecom": _phone(profile.carer_phone),
    })  # fmt: skip
