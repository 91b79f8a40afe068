"""Who somebody is: a FHIR Patient, and the people who care for them, into names, numbers and places.

Rule 1: a person is refused only without a birth date or without anything that identifies them; ``read_anybody`` takes whoever has
        a name, for a door that lays what is missing before the care team.
Rule 2: social security, driving licence and passport numbers are not taken in; nobody here needs them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from records.intake.fhir import Json, code_in, day, extension, part, parts, still_holds, text, texts
from records.intake.notes import Notes
from records.intake.people import Identifier, PersonName, Phone, PhoneOwner, Sex
from records.intake.places import Places, e164, known_zone

NOT_TAKEN_IN = {"SS", "SB", "DL", "PPN", "CC", "TAX", "BA", "BC"}
RECORD_NUMBERS = ("MR", "PI", "PT", "MC")
TIMEZONE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/timezone"
NATIONAL_ID = "urn:oid:2.16.156.10011.1.3"
"""The system of a resident identity card number in China (WS/T 500)."""

_LANGUAGE = re.compile(r"(?=.{2,20}$)[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)  # of BCP 47


class NotAPerson(Exception):
    """A Patient that cannot be taken in: ``what`` is wrong and the ``remedy``."""

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        super().__init__(f"{what}; {remedy}")


@dataclass(frozen=True, slots=True)
class Who:
    """The part of an Intake that a Patient resource answers."""

    identifiers: tuple[Identifier, ...]
    name: PersonName
    sex: Sex
    born: date | None
    died: date | None
    dead: bool
    phones: tuple[Phone, ...]
    language: str | None
    timezone: str | None


def read_who(patient: Json, full_url: str, carers: Sequence[Json], places: Places, notes: Notes) -> Who:
    """Read one Patient and their RelatedPersons. Raises NotAPerson."""
    born = _born(patient, notes)
    identifiers = identify(patient, full_url)
    if not identifiers:
        raise NotAPerson("no identifier and no id", "send a medical record number")
    return _read(patient, born, identifiers, carers, places, notes)


def read_anybody(patient: Json, places: Places, notes: Notes, *, country: str | None = None) -> Who:
    """Read one Patient of whom a name is enough; their ``id`` is the sender's own and names nobody here.

    ``country``: whose numbers these are, where no address says it. Raises NotAPerson.
    """
    born = _born(patient, notes) if text(patient.get("birthDate")) else None
    identifiers = identify({name: value for name, value in patient.items() if name != "id"}, "")
    who = _read(patient, born, identifiers, (), places, notes, country)
    if not who.name.full and (born is None or not identifiers):
        raise NotAPerson("no name, and no birth date or no identifier", "send the name")
    return who


def _read(
    patient: Json,
    born: date | None,
    identifiers: tuple[Identifier, ...],
    carers: Sequence[Json],
    places: Places,
    notes: Notes,
    otherwise: str | None = None,
) -> Who:
    zone = _zone(patient, places)
    if zone is None:
        notes.add("time zone not known", "send the address with country (and state), or the timezone extension")
    died = day(patient.get("deceasedDateTime"))
    country = next((c for a in parts(patient, "address") if (c := places.country(text(a.get("country"))))), None)
    country = country or places.country_of_zone(zone) or otherwise
    return Who(
        identifiers=identifiers,
        name=read_name(patient, places, notes),
        sex=read_sex(text(patient.get("gender"))),
        born=born,
        died=died,
        dead=died is not None or bool(text(patient.get("deceasedDateTime"))) or patient.get("deceasedBoolean") is True,
        phones=_phones(patient, carers, country, places, notes),
        language=language_of(patient, places, notes),
        timezone=zone,
    )


def identify(patient: Json, full_url: str) -> tuple[Identifier, ...]:
    """Identifiers, most stable first: record numbers, official ones, others; the resource id when there is none."""
    found: list[tuple[int, Identifier]] = []
    for one in parts(patient, "identifier"):
        value, kind, use = text(one.get("value")), code_in(one.get("type")), text(one.get("use"))
        if not value or kind in NOT_TAKEN_IN or use in ("old", "temp") or "us-ssn" in text(one.get("system")):
            continue
        rank = 0 if kind in RECORD_NUMBERS else 1 if use == "official" else 2 if kind else 3
        system = text(one.get("system")) or "urn:cairn:unnamed"
        # The last sign of an identity card number is written x and X for one and the same person.
        found.append((rank, Identifier(system, value.upper() if system == NATIONAL_ID else value)))
    if found:
        return tuple(dict.fromkeys(identifier for _, identifier in sorted(found, key=lambda pair: pair[0])))
    if own := text(patient.get("id")):
        base = re.fullmatch(r"(https?://.+)/Patient/[^/]+", full_url)
        return (Identifier(base.group(1) if base else "urn:cairn:patient-id", own),)
    return ()


def read_sex(written: str) -> Sex:
    """A FHIR gender code; "unknown" for anything else."""
    match written:
        case "male" | "female" | "other":
            return written
        case _:
            return "unknown"


def read_name(person: Json, places: Places, notes: Notes | None = None) -> PersonName:
    """The name in use: official before usual before others, maiden and old names never when there is another."""
    order = {"official": 0, "usual": 1, "": 2, "nickname": 4, "anonymous": 5, "maiden": 6, "old": 7}
    names = sorted(parts(person, "name"), key=lambda name: order.get(text(name.get("use")), 3))
    for name in names:
        family, given = text(name.get("family")), " ".join(texts(name, "given"))
        whole = text(name.get("text"))
        if whole and not family and not given:
            family, given = places.split_name(whole)
        if whole or family or given:
            chinese = any("\u4e00" <= letter <= "\u9fff" for letter in family + given)
            full = whole or (family + given if chinese else f"{given} {family}".strip())
            return PersonName(family, given, full, " ".join(texts(name, "prefix")))
    if notes is not None:
        notes.add("no name", "send a name: people are called by it")
    return PersonName("", "", "")


def _born(patient: Json, notes: Notes) -> date:
    written = text(patient.get("birthDate"))
    if found := day(written):
        return found
    remedy = "send birthDate as YYYY-MM-DD"
    if not written:
        raise NotAPerson("no birth date", remedy)
    partial = re.fullmatch(r"(\d{4})(?:-(\d{2}))?", written)
    middle = day(f"{partial.group(1)}-{partial.group(2) or '07'}-{'15' if partial.group(2) else '01'}") if partial else None
    if middle is None:
        raise NotAPerson(f"birth date {written!r} is not a day", remedy)
    notes.add(f"birth date {written!r} names no day; its middle, {middle}, is used", remedy)
    return middle


def _zone(patient: Json, places: Places) -> str | None:
    addresses = [one for one in parts(patient, "address") if still_holds(one)]
    for told in (patient, *addresses):
        zone = text(extension(told, TIMEZONE_EXTENSION).get("valueCode"))
        if zone and known_zone(zone):
            return zone
    found = (places.zone_of_address(text(a.get("country")), text(a.get("state"))) for a in addresses)
    return next((zone for zone in found if zone), None)


def language_of(patient: Json, places: Places, notes: Notes) -> str | None:
    """The language that they are texted in; one that we do not write in as it was sent, where that is a code."""
    spoken = sorted(parts(patient, "communication"), key=lambda one: one.get("preferred") is not True)
    sent = [word for one in spoken for word in (code_in(one.get("language")), text(part(one, "language").get("text"))) if word]
    if not sent and (written := text(patient.get("language"))):
        sent = [written]
    for word in sent:
        if code := places.language(word):
            return code
    if sent:
        notes.add(
            f"language {sent[0]!r} is not one we write in",
            "add wordings in it, or send the second language of this person",
        )
        return sent[0] if _LANGUAGE.fullmatch(sent[0]) else None
    notes.add("language not known", "send Patient.communication")
    return None


def _phones(patient: Json, carers: Sequence[Json], country: str | None, places: Places, notes: Notes) -> tuple[Phone, ...]:
    found = _phones_of(patient, "self", None, country, notes)
    for carer in (*parts(patient, "contact"), *(one for one in carers if one.get("active") is not False)):
        # Patient.contact holds its name as one object where RelatedPerson holds a list: parts() reads both.
        if not text(part(carer, "period").get("end")):
            found += _phones_of(carer, "carer", read_name(carer, places).full or None, country, notes)
    return tuple(dict.fromkeys(found))


def _phones_of(person: Json, owner: PhoneOwner, carer: str | None, country: str | None, notes: Notes) -> list[Phone]:
    return [read_phone(written, owner, carer, country, notes) for written in own_numbers(person)]


def own_numbers(person: Json) -> list[str]:
    """The person's own phones as they are written, mobile ones first."""
    ways = [
        w for w in parts(person, "telecom") if text(w.get("system")) in ("phone", "sms") and still_holds(w) and text(w.get("value"))
    ]
    ways.sort(key=lambda way: text(way.get("use")) != "mobile")
    return [text(way.get("value")) for way in ways]


def read_phone(
    written: str, owner: PhoneOwner, carer: str | None, country: str | None, notes: Notes, place: str | None = None
) -> Phone:
    """One phone as written; a number that cannot exist is kept as ``raw`` and noted."""
    number = e164(written, country)
    if number is None:
        whose = "phone" if owner == "self" else "carer's phone"
        notes.add(
            f"{whose} {written!r} is not a number that exists in {country or 'a country we know'}",
            "send it as +country code and number",
            place,
        )
    return Phone(number, written, owner, carer)
