"""Reads at the door: one resource, a version of it, its history, and a search; by itself or as an entry of a Bundle.

Rule 1: a read takes a right of the REST routes and, for a record system, a SMART scope; it is written down like theirs.
Rule 2: nothing holds a connection once the resources are made: the audit log may wait for one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from api.fhir import bundles, chaining, including
from api.fhir.capability import statement
from api.fhir.exchange import Answered, Asked, Desk
from api.fhir.kinds import Door, Found, Kind, Refused, Resource
from api.fhir.outcomes import outcome
from api.fhir.registry import KINDS, WRITES
from api.fhir.searching import Search, read_search
from api.rights import has
from api.smart.scopes import allows
from records.pages import BadCursor

NOT_THERE = "There is no such {} among yours."
_TOTAL = re.compile(r"(\d{0,12})\.(.*)", re.ASCII | re.DOTALL)
_ALWAYS = ("resourceType", "id", "meta")
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


async def read(desk: Desk, asked: Asked) -> Answered:
    """What comes of a GET, a HEAD, or a search that was posted. Raises Refused, and Problem as REST does."""
    parts = asked.path.split("/") if asked.path else []
    if parts == ["metadata"]:
        return described(desk.base)
    match parts:
        case [type_] | [type_, "_search"]:
            return await _search(desk, asked, _kind(type_))
        case [type_, id_]:
            return await _one(desk, asked, _kind(type_), id_)
        case [type_, id_, "_history"]:
            return await _history(desk, _kind(type_), id_)
        case [type_, id_, "_history", version]:
            return await _version(desk, asked, _kind(type_), id_, version)
    raise Refused(404, "not-supported", "There is nothing at this address: see metadata for what there is.")


@lru_cache(maxsize=16)
def described(base: str) -> Answered:
    """What the door at ``base`` can do."""
    return Answered(200, statement(base, KINDS, WRITES))


def _kind(type_: str) -> Kind:
    kind = KINDS.get(type_)
    if kind is None:
        raise Refused(404, "not-supported", f"There is no such resource type here; there is: {', '.join(sorted(KINDS))}.")
    return kind


async def _one(desk: Desk, asked: Asked, kind: Kind, id_: str) -> Answered:
    await _enter(desk, kind, "read", id_)
    async with desk.parts.database.reading() as session:
        resource = await kind.one(_door(desk, session), id_)
    if resource is None:
        raise Refused(404, "not-found", NOT_THERE.format(kind.type))
    return _shown(asked, resource)


async def _version(desk: Desk, asked: Asked, kind: Kind, id_: str, version: str) -> Answered:
    await _enter(desk, kind, "vread", id_)
    for one in await _versions(desk, kind, id_):
        if one["meta"]["versionId"] == version:
            return _shown(asked, one)
    raise Refused(404, "not-found", f"This {kind.type} has no such version, or it is not kept: see its _history.")


async def _history(desk: Desk, kind: Kind, id_: str) -> Answered:
    await _enter(desk, kind, "history-instance", id_)
    return Answered(200, bundles.history(desk.base, kind.type, id_, await _versions(desk, kind, id_)))


async def _versions(desk: Desk, kind: Kind, id_: str) -> Sequence[Resource]:
    async with desk.parts.database.reading() as session:
        versions = await kind.versions(_door(desk, session), id_)
    if not versions:
        raise Refused(404, "not-found", NOT_THERE.format(kind.type))
    return versions


async def _search(desk: Desk, asked: Asked, kind: Kind) -> Answered:
    people, lenient = KINDS[chaining.PATIENT], _handling(asked) == "lenient"
    chains, plain = chaining.split(kind, people, asked.query, base=desk.base, lenient=lenient)
    search = read_search(
        kind,
        plain,
        base=desk.base,
        lenient=lenient,
        includes=including.includes_of(KINDS, kind.type),
        revincludes=including.revincludes_of(KINDS, kind.type),
    )
    search = replace(search, used=(*search.used, *(one for chain in chains for one in chain.used)))
    await _enter(desk, kind, "search-type", "", letter="s")
    if chains:
        chaining.allowed(desk, people)
    known, search = _paged(search)
    async with desk.parts.database.reading() as session:
        door = _door(desk, session)
        through = await chaining.followed(door, people, search, chains)
        found = await kind.search(door, through.query) if through is not None else Found((), total=0)
        shown = [] if search.summary == "count" else list(found.resources)
        besides = await including.included(KINDS, _may(desk), door, shown, search.includes, search.revincludes)
    total = found.total if known is None else known
    next_ = None if search.summary == "count" or found.next is None else f"{'' if total is None else total}.{found.next}"
    if search.elements:
        shown, besides = [[_part_of(one, search.elements) for one in some] for some in (shown, besides)]
    warnings = _left_out(asked, search)
    return Answered(
        200,
        bundles.searchset(desk.base, kind.type, shown, besides, used=search.used, next_=next_, total=total, warnings=warnings),
    )


async def _enter(desk: Desk, kind: Kind, interaction: str, id_: str, *, letter: str = "r") -> None:
    if interaction not in kind.interactions:
        raise Refused(405, "not-supported", f"{kind.type} has no {interaction} here: see metadata.")
    await desk.enter(kind.type, letter, kind.reads, record=id_)


def _door(desk: Desk, session: AsyncSession) -> Door:
    return Door(desk.parts, session, desk.caller, desk.base, desk.language)


def _may(desk: Desk) -> including.May:
    def may(kind: Kind) -> bool:
        return any(has(desk.caller, right) for right in kind.reads) and allows(desk.caller.scopes, kind.type, "r")

    return may


def _shown(asked: Asked, resource: Resource) -> Answered:
    """The resource, or 304 where the client has read just this version."""
    headers = {"ETag": f'W/"{resource["meta"]["versionId"]}"', "Last-Modified": resource["meta"]["lastUpdated"]}
    read = asked.headers.get("if-none-match")
    tags = {tag.strip().removeprefix("W/") for tag in read.split(",")} if read is not None else set[str]()
    if "*" in tags or headers["ETag"].removeprefix("W/") in tags:
        return Answered(304, None, headers)
    elements = [one.strip() for name, value in asked.query if name == "_elements" for one in value.split(",") if one.strip()]
    return Answered(200, _part_of(resource, elements) if elements else resource, headers)


def _part_of(resource: Resource, elements: Sequence[str]) -> Resource:
    """Some elements, with what every resource must have; it says that it is not the whole."""
    wanted = {*_ALWAYS, "status", "intent", *(one.rpartition(".")[2] for one in elements)}
    part: dict[str, Any] = {name: value for name, value in resource.items() if name in wanted}
    return part | {"meta": {**resource["meta"], "tag": [SUBSETTED]}}


def _handling(asked: Asked) -> str:
    for one in asked.headers.get("prefer", "").replace(";", ",").split(","):
        name, _, value = one.strip().partition("=")
        if name.strip() == "handling":
            return value.strip()
    return "strict"


def _paged(search: Search) -> tuple[int | None, Search]:
    """A next link carries how many there were when the first page was made: no page after it counts them again."""
    written = search.query.after
    if written is None:
        return None, search
    found = _TOTAL.fullmatch(written)
    if found is None:
        raise BadCursor("this is no cursor of ours")
    query = replace(search.query, after=found[2] or None, counted="none")
    return (int(found[1]) if found[1] else None), replace(search, query=query)


def _left_out(asked: Asked, search: Search) -> list[Resource]:
    used = {name for name, _ in search.used}
    left = sorted(
        {
            name
            for name, value in asked.query
            if value and name not in used and not name.startswith(("_format", "_pretty", "_cursor"))
        }
    )
    text = "Some parameters are not known here and were left out; the self link says which were heeded."
    return [outcome("not-supported", text, severity="warning")] if left else []
