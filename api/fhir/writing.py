"""Writes at the door: create, update and patch, conditional or not, each said as REST says it.

Rule 1: a write calls what REST calls; what REST refuses, the door refuses.
Rule 2: what is sent is validated whole before anything is looked at.
Rule 3: the same request with the same Idempotency-Key is one; two creates of one identifier with If-None-Exist make one.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncSession

from api.fhir import batches
from api.fhir.conditional import CHANGED, as_read, criteria, etag, matching, names_in
from api.fhir.exchange import Answered, Asked, Desk, Writes
from api.fhir.kinds import Door, Kind, Refused, Resource
from api.fhir.making import Exists, Making
from api.fhir.patching import patched
from api.fhir.registry import KINDS, WRITES
from api.fhir.validation import check
from api.problems import Problem
from records.idempotency import UsedForSomethingElse, known
from records.scope import NETWORK
from records.tables import Idempotency

NOT_HERE = "There is no such {} among yours. Ids are given here: create with POST."
KEY = "idempotency-key"


async def answer(desk: Desk, asked: Asked) -> Answered:
    """What comes of a POST, PUT, PATCH or DELETE. Raises Refused, and Problem as REST does."""
    if not asked.path:
        return await batches.answer(desk, asked, answer)
    if asked.type not in KINDS:
        raise Refused(404, "not-supported", "There is no such resource type here: see metadata.")
    writes = WRITES.get(asked.type)
    match asked.method, bool(asked.id):
        case "POST", False if writes is not None and "create" in writes.writes:
            return await _create(desk, asked, writes)
        case (("PUT" | "PATCH"), named) if writes is not None and "update" in writes.writes:
            return await _update(desk, asked, writes, asked.id if named else "")
        case "DELETE", True if writes is not None and "delete" in writes.writes:
            return await _delete(desk, asked, writes)
    raise Refused(405, "not-supported", f"{asked.method} of {asked.type} is not taken at this address: see metadata.")


async def _create(desk: Desk, asked: Asked, writes: Writes, *, found_none: bool = False) -> Answered:
    kind, rights = KINDS[asked.type], writes.writes["create"]
    await desk.enter(asked.type, "c", rights, changes=True)
    resource = check(asked.body, asked.type)
    wanted = criteria(asked)
    making = replace(_making(desk, asked), names=names_in(resource, wanted))
    if wanted and not found_none:
        there = await matching(desk, making, asked, wanted)
        if there is not None:
            return await _shown(desk, asked, kind, there, 200)
    try:
        id_ = await writes.create(desk, making, resource)
    except Exists as exists:
        return await _shown(desk, asked, kind, exists.id, 200)
    return await _shown(desk, asked, kind, id_, 201)


async def _update(desk: Desk, asked: Asked, writes: Writes, id_: str) -> Answered:
    kind, rights = KINDS[asked.type], writes.writes["update"]
    await desk.enter(asked.type, "u", rights, record=id_, changes=True)
    making = _making(desk, asked)
    if not id_:
        if not asked.query:
            raise Refused(400, "invalid", f"Which {asked.type}? Name it by its id, or by identifier=system|value.")
        found = await matching(desk, making, asked, criteria(asked))
        if found is None:
            if asked.method == "PATCH" or "create" not in writes.writes:
                raise Refused(404, "not-found", NOT_HERE.format(asked.type))
            return await _create(desk, replace(asked, method="POST"), writes, found_none=True)
        id_ = found
    if await _done_before(desk, making):
        return await _shown(desk, asked, kind, id_, 200)
    async with desk.parts.database.reading() as session:
        before = await kind.one(_door(desk, session), id_)
    if before is None:
        raise Refused(404, "not-found", NOT_HERE.format(asked.type))
    as_read(asked.headers.get("if-match"), before)
    after = _after(asked, writes, before)
    await writes.update(desk, making, id_, before, after)
    return await _shown(desk, asked, kind, id_, 200)


async def _delete(desk: Desk, asked: Asked, writes: Writes) -> Answered:
    kind = KINDS[asked.type]
    await desk.enter(asked.type, "d", writes.writes["delete"], record=asked.id, changes=True)
    async with desk.parts.database.reading() as session:
        before = await kind.one(_door(desk, session), asked.id)
    if before is None:
        return Answered(204)
    as_read(asked.headers.get("if-match"), before)
    await writes.delete(desk, _making(desk, asked), asked.id)
    return Answered(204)


def _after(asked: Asked, writes: Writes, before: Resource) -> Resource:
    if asked.method == "PATCH":
        after = patched(before, asked.body, asked.content_type, removable=writes.removable)
        if after.get("meta", {}).get("versionId") != before["meta"]["versionId"]:
            raise Refused(412, "conflict", CHANGED, headers={"ETag": etag(before)})
    else:
        after = asked.body
    return check(after, asked.type, id_=before["id"])


def _making(desk: Desk, asked: Asked) -> Making:
    """As REST's Writing: the key that was given, and a hash of what was asked with it."""
    given = asked.headers.get(KEY)
    if given is not None and not 1 <= len(given) <= 200:
        raise Refused(400, "invalid", "Idempotency-Key has 1 to 200 characters: send another.")
    address = "&".join((asked.path, *(f"{name}={value}" for name, value in asked.query)))
    fingerprint = sha256(f"{asked.method} /fhir/{address}\n".encode() + asked.text).hexdigest() if given else ""
    read = asked.headers.get("if-match")
    if_match = None if read is None or "," in read else read.strip().removeprefix("W/")
    caller = desk.caller
    return Making(desk.parts, caller.id, given, fingerprint, if_match, caller.scope, type=asked.type, place=caller.place)


async def _done_before(desk: Desk, making: Making) -> bool:
    """Whether this very request was carried out before. Raises Problem 422 where its key was used for another."""
    if making.given is None:
        return False
    async with desk.parts.database.reading() as session:
        try:
            found: Idempotency | None = await known(session, making.caller_id, making.given, making.asked)
        except UsedForSomethingElse:
            raise Problem(422, "This Idempotency-Key was used for another request: make a new one for each.") from None
    return found is not None


def _door(desk: Desk, session: AsyncSession) -> Door:
    return Door(desk.parts, session, desk.caller, desk.base, desk.language)


async def _shown(desk: Desk, asked: Asked, kind: Kind, id_: str, status: int) -> Answered:
    """The resource as it is now, or less where the client prefers so."""
    async with desk.parts.database.reading() as session:
        resource = await kind.one(_door(desk, session), id_)
        if resource is None and asked.method == "POST":  # a place sends what it may not look up, and is shown its own
            sender = replace(desk.caller, scope=NETWORK)
            resource = await kind.one(replace(_door(desk, session), caller=sender), id_)
    if resource is None:
        return Answered(status)
    version = resource["meta"]["versionId"]
    headers = {"ETag": etag(resource), "Last-Modified": resource["meta"]["lastUpdated"]}
    if status == 201 or asked.method == "POST":
        headers["Location"] = f"{desk.base}/{asked.type}/{id_}/_history/{version}"
    match asked.headers.get("prefer", "").replace(" ", ""):
        case prefers if "return=minimal" in prefers:
            return Answered(status, None, headers)
        case prefers if "return=OperationOutcome" in prefers:
            said = {"severity": "information", "code": "informational", "diagnostics": "Stored."}
            return Answered(status, {"resourceType": "OperationOutcome", "issue": [said]}, headers)
    return Answered(status, resource, headers)
