"""Searches through a reference to a patient: ``subject:Patient.family``, ``patient.identifier``; one step, to patients only.

Rule 1: the patients are found by the Patient search itself, under the caller's own scope: nobody finds through a chain whom they
        do not find by name.
Rule 2: what means many patients is refused, never cut short.

Source: HL7 FHIR R4 (4.0.1), Search, "Chained Parameters".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from api.fhir.exchange import Desk
from api.fhir.kinds import Door, Filter, Kind, Param, Ref, Refused
from api.fhir.searching import COMMON, Search, read_search
from api.rights import has
from api.smart.scopes import allows

PATIENT = "Patient"
MOST = 20  # patients that a chain may mean
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """``by``: the parameter that refers to the patient; ``patients``: the search that says whom; ``used``: as it was written."""

    by: str
    patients: Search
    used: tuple[Pair, ...]


def is_chained(param: Param) -> bool:
    """Whether a parameter may be followed to a patient."""
    return param.type == "reference" and PATIENT in param.targets


def split(kind: Kind, people: Kind, params: Iterable[Pair], *, base: str, lenient: bool) -> tuple[list[Chain], list[Pair]]:
    """The chains to a patient, and the parameters that are none. Raises Refused 400."""
    known, by, others = {**COMMON, **kind.params}, dict[str, list[tuple[Pair, Pair]]](), list[Pair]()
    for name, value in params:
        reference, dot, asked = name.partition(".")
        head, _, type_ = reference.partition(":")
        param = known.get(head)
        to_patient = type_ == PATIENT or (not type_ and param is not None and param.targets == (PATIENT,))
        of_the_answer = asked.startswith("_") and asked.partition(":")[0] not in COMMON
        if not dot or param is None or not is_chained(param) or not to_patient or of_the_answer:
            others.append((name, value))
        elif value:
            same = "patient" if head == "subject" and "patient" in known else head  # two names of one reference
            by.setdefault(same, []).append(((asked, value), (name, value)))
    return [_chain(people, head, asked, base=base, lenient=lenient) for head, asked in by.items()], others


def _chain(people: Kind, by: str, asked: Sequence[tuple[Pair, Pair]], *, base: str, lenient: bool) -> Chain:
    search = read_search(people, (pair for pair, _ in asked), base=base, lenient=lenient)
    heeded = set(search.used)
    return Chain(by, search, tuple(written for pair, written in asked if pair in heeded))


def allowed(desk: Desk, people: Kind) -> None:
    """Raises Refused 403 for a caller who may not look for patients."""
    if not any(has(desk.caller, right) for right in people.reads) or not allows(desk.caller.scopes, PATIENT, "s"):
        raise Refused(403, "forbidden", "A search through a patient takes the right, and the scope, to search Patient, too.")


async def followed(door: Door, people: Kind, search: Search, chains: Iterable[Chain]) -> Search | None:
    """The search with its chains followed to the patients whom they mean; None where they mean nobody. Raises Refused 400."""
    for chain in chains:
        if not chain.used:
            continue  # nothing of it is known, and the caller wants that left out
        found = await people.search(door, replace(chain.patients.query, count=MOST, counted="none"))
        if found.next is not None:
            told = f"More than {MOST} patients may be meant by {chain.by}: add identifier, name or phone, or name them by id."
            raise Refused(400, "too-costly", told, (chain.by,))
        if not found.resources:
            return None
        meant = Filter(chain.by, "", tuple(Ref(PATIENT, one["id"]) for one in found.resources))
        search = replace(search, query=replace(search.query, filters=(*search.query.filters, meant)))
    return search
