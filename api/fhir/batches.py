"""Batches and transactions: a Bundle of requests, each answered as if it had come by itself.

Rule 1: a batch's entries stand alone, in the order in which they were sent; one that fails says so in its own answer.
Rule 2: a transaction is stored whole or not at all, in one transaction of the database, whomever it concerns: DELETE, then POST,
        then PUT and PATCH, whatever the order in which they were sent; what it asks to read is read afterwards.
Rule 3: whom a transaction concerns is held at its beginning, in one order for all, so that no two wait for each other.
Rule 4: entries refer to each other by ``fullUrl`` (urn:uuid) in a transaction only; patients are woken once it is stored.
Source: HL7 FHIR R4, http.html#transaction.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl

from sqlalchemy.exc import DBAPIError

from api.fhir.exchange import FHIR_JSON, JSON_PATCH, MERGE_PATCH, Answered, Asked, Desk
from api.fhir.holding import hold
from api.fhir.joining import one_transaction
from api.fhir.kinds import Refused, Resource
from api.fhir.outcomes import outcome_of
from api.fhir.registry import WRITES
from api.fhir.validation import check
from api.problems import Problem
from records.database import DatabaseAway
from records.pages import BadCursor

MOST = 100  # entries
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}
WRITES_FIRST = frozenset(ORDER)
LETTERS: Mapping[str, tuple[str, tuple[Literal["create", "update", "delete"], ...]]] = {
    "DELETE": ("d", ("delete",)),
    "POST": ("c", ("create",)),
    "PUT": ("u", ("update",)),
    "PATCH": ("u", ("update",)),
}
_URN = re.compile(r"urn:(?:uuid|oid):[0-9A-Za-z.:-]{1,100}")
Answer = Callable[[Desk, Asked], Awaitable[Answered]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``n``: its number, from 0; ``full_url``: what others call it by."""

    n: int
    full_url: str
    asked: Asked


async def answer(desk: Desk, asked: Asked, write: Answer) -> Answered:
    """The Bundle of answers, in the order of the entries. Raises Refused where the Bundle itself, or its transaction, cannot be."""
    if asked.method != "POST":
        raise Refused(405, "not-supported", "The door itself takes a POST of a batch or a transaction: see metadata.")
    bundle = check(_shell(asked.body), "Bundle")
    entries = [_entry(asked, n, one) for n, one in enumerate(asked.body.get("entry", ()))]
    match bundle["type"]:
        case "batch":
            answers = [await _alone(desk, one, write) for one in entries]
        case "transaction":
            answers = await _together(desk, entries, write)
        case _:
            raise Refused(422, "not-supported", "Only a batch or a transaction is carried out.", ("Bundle.type",))
    made = {"resourceType": "Bundle", "type": f"{bundle['type']}-response"}
    return Answered(200, made | ({"entry": [_shown(one) for one in answers]} if answers else {}))


def _shell(body: Any) -> Any:
    """The Bundle without what is in its entries, which is validated with each. Raises Refused for too many entries."""
    entries = body.get("entry") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return body
    if len(entries) > MOST:
        raise Refused(413, "too-long", f"A Bundle has at most {MOST} entries here: send the rest in another.", ("Bundle.entry",))
    bare = [{name: value for name, value in one.items() if name != "resource"} if isinstance(one, dict) else one for one in entries]
    return {**body, "entry": bare or entries}


def _entry(asked: Asked, n: int, entry: Mapping[str, Any]) -> Entry:
    where = f"Bundle.entry[{n}]"
    request = entry.get("request")
    if not isinstance(request, dict):
        raise Refused(422, "required", f"{where}.request is missing: send method and url.", (f"{where}.request",))
    path, _, query = str(request["url"]).partition("?")
    method = str(request["method"])
    names = {"ifMatch": "if-match", "ifNoneExist": "if-none-exist", "ifNoneMatch": "if-none-match"}
    headers = {header: str(request[name]) for name, header in names.items() if name in request}
    headers |= {name: value for name in ("prefer",) if (value := asked.headers.get(name))}
    if key := asked.headers.get("idempotency-key"):
        headers["idempotency-key"] = f"{key[:190]}/{n}"
    resource, content_type = entry.get("resource"), FHIR_JSON
    if method == "PATCH":
        resource, content_type = _patch(resource, where)
    path = path.removeprefix("/")
    text = f"{asked.text.decode('utf-8', 'replace')}#{n}".encode()  # the same entry of the same Bundle is the same request
    full_url = str(entry.get("fullUrl", ""))
    one = Asked(method, path, tuple(parse_qsl(query, keep_blank_values=True)), headers, content_type, resource, text)
    return Entry(n, full_url, one)


def _patch(resource: Any, where: str) -> tuple[Any, str]:
    """A patch in a Bundle is a Binary with the patch in base64. Raises Refused."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "Binary":
        told = f"{where}.resource: a patch travels as a Binary of {JSON_PATCH} or {MERGE_PATCH}, in base64."
        raise Refused(422, "invalid", told, (f"{where}.resource",))
    try:
        body = json.loads(base64.b64decode(resource.get("data", ""), validate=True))
    except (ValueError, RecursionError):
        raise Refused(422, "invalid", f"{where}.resource.data is no JSON in base64.", (f"{where}.resource.data",)) from None
    return body, str(resource.get("contentType", JSON_PATCH))


async def _alone(desk: Desk, entry: Entry, write: Answer) -> Answered:
    """One entry of a batch; what it may not do is its own answer."""
    try:
        answered = await _one(desk, entry, write)
    except (Refused, Problem, DatabaseAway, BadCursor) as fault:
        answered = outcome_of(fault)
    await desk.leave(answered.status)
    return answered


async def _one(desk: Desk, entry: Entry, write: Answer) -> Answered:
    asked = _within(desk, entry.asked)
    if not asked.path and asked.method != "GET":
        raise Refused(422, "not-supported", f"Bundle.entry[{entry.n}].request.url names nothing: no Bundle within a Bundle.")
    if asked.method in ("GET", "HEAD"):
        return await desk.read(desk, asked)
    return await write(desk, asked)


async def _together(desk: Desk, entries: Sequence[Entry], write: Answer) -> list[Answered]:
    """All of it or nothing; what is read is read once it is stored. Raises Refused, naming the entry that cannot be."""
    _each_once(desk, entries)
    writes = sorted((one for one in entries if one.asked.method in WRITES_FIRST), key=lambda one: (ORDER[one.asked.method], one.n))
    answers: dict[int, Answered] = {}
    named: dict[str, str] = {}
    for one in writes:  # what is written down of a request is stored apart, so it is before the transaction is open
        with _naming(one):
            await _enter(desk, one)
    try:
        async with one_transaction(desk) as within:
            await hold(within, [one.asked for one in writes])
            for one in writes:
                with _naming(one):
                    asked = replace(one.asked, body=_resolved(one.asked.body, named))
                    answers[one.n] = await _one(within, replace(one, asked=asked), write)
                if one.full_url and (there := _made(desk, one, answers[one.n])):
                    named[one.full_url] = there
    except DBAPIError as fault:
        if "deadlock" not in str(fault.orig).lower():
            raise
        raise Refused(409, "conflict", "Another request held the same patients the other way round. Send this again.") from None
    await desk.leave(200)
    for one in entries:
        if one.n not in answers:
            answers[one.n] = await _alone(desk, one, write)
    return [answers[one.n] for one in entries]


@contextmanager
def _naming(entry: Entry) -> Iterator[None]:
    """What goes wrong names its entry, and what became of the others."""
    try:
        yield
    except (Refused, Problem) as fault:
        told = outcome_of(fault)
        first: dict[str, Any] = (told.resource or {}).get("issue", [{}])[0]
        why = f"Entry {entry.n} cannot be carried out, so nothing of the transaction was stored. {first.get('diagnostics', '')}"
        at = f"Bundle.entry[{entry.n}]"
        where = tuple(f"{at}.resource.{one.partition('.')[2]}" for one in first.get("expression", ()) if "." in one) or (at,)
        also = fault.also if isinstance(fault, Refused) else ()
        raise Refused(told.status, str(first.get("code", "processing")), why.strip(), where, also=also) from None


async def _enter(desk: Desk, entry: Entry) -> None:
    """Whether the caller may do this. Raises Refused."""
    asked = _within(desk, entry.asked)
    writes = WRITES.get(asked.type)
    letter, kinds = LETTERS[asked.method]
    rights = [right for kind in kinds for right in (writes.writes.get(kind, ()) if writes is not None else ())]
    if not rights:
        raise Refused(405, "not-supported", f"There is nothing that takes {asked.method} at this address: see metadata.")
    await desk.enter(asked.type, letter, tuple(rights), record=asked.id, changes=True)
    if asked.method == "PUT" and not asked.id and writes is not None and "create" in writes.writes:
        await desk.enter(asked.type, "c", writes.writes["create"], changes=True)


def _within(desk: Desk, asked: Asked) -> Asked:
    return replace(asked, path=asked.path.removeprefix(f"{desk.base}/"))


def _each_once(desk: Desk, entries: Sequence[Entry]) -> None:
    """Raises Refused where two entries name one thing: R4 leaves open which would hold."""
    seen: set[str] = set()
    for one in entries:
        path = one.asked.path.removeprefix(f"{desk.base}/")
        for name in (path if one.asked.method in ("PUT", "PATCH", "DELETE") else "", one.full_url):
            if name and name in seen:
                raise Refused(400, "invalid", f"Entry {one.n} names what another entry names, too.", (f"Bundle.entry[{one.n}]",))
            seen.add(name)


def _made(desk: Desk, entry: Entry, answered: Answered) -> str:
    """What the entry is called from now on, as a relative reference."""
    location = answered.headers.get("Location", "").removeprefix(f"{desk.base}/").partition("/_history/")[0]
    if location or entry.asked.method != "POST":
        return location or (entry.asked.path if entry.asked.id else "")
    return ""


def _resolved(value: Any, named: Mapping[str, str]) -> Any:
    """``value`` with what entries before it were called replaced by what they are called here."""
    if isinstance(value, str):
        return _URN.sub(lambda found: named.get(found[0], found[0]), value) if value.startswith("urn:") else value
    if isinstance(value, dict):
        return {name: _resolved(one, named) for name, one in value.items()}
    return [_resolved(one, named) for one in value] if isinstance(value, list) else value


def _shown(answered: Answered) -> Resource:
    """As an entry of the answer."""
    response: dict[str, Any] = {"status": str(answered.status)}
    for header, name in (("Location", "location"), ("ETag", "etag"), ("Last-Modified", "lastModified")):
        if header in answered.headers:
            response[name] = answered.headers[header]
    if answered.resource is not None and answered.resource.get("resourceType") == "OperationOutcome":
        return {"response": response | {"outcome": answered.resource}}
    return ({"resource": answered.resource} if answered.resource is not None else {}) | {"response": response}
