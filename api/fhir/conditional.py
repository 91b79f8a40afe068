"""Conditions of a request: what the client has read, and what there is already.

Rule 1: ``If-Match`` is held against the version that is shown; a client that sends none takes its chance, as R4 allows.
Rule 2: conditional creates and updates look only among what the caller may see; more than one match is 412, never a choice of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import parse_qsl

from api.fhir.exchange import Asked, Desk
from api.fhir.kinds import Refused, Resource
from api.fhir.making import Making, Name
from records.intake.fhir import parts, text

CHANGED = "This has changed since you read it; nothing was stored. Read it again, and decide again."
MANY = "More than one matches: name the one that is meant by its id."
IDENTIFIER = "identifier"
NOT_NAMES = frozenset({"urn:cairn:pickup-code"})
Criteria = tuple[tuple[str, str], ...]


def as_read(if_match: str | None, resource: Resource) -> None:
    """Raises Refused 412 where the client had read another version."""
    if if_match is None or if_match.strip() == "*":
        return
    read = {tag.strip().removeprefix("W/").strip('"') for tag in if_match.split(",")}
    if resource["meta"]["versionId"] not in read:
        raise Refused(412, "conflict", CHANGED, headers={"ETag": etag(resource)})


def etag(resource: Resource) -> str:
    """Of the version that is shown."""
    return f'W/"{resource["meta"]["versionId"]}"'


def criteria(asked: Asked) -> Criteria:
    """Under what a resource counts as there already: ``If-None-Exist``, or the query of the address, as some clients have it.

    Raises Refused 400 where it names nothing.
    """
    header = asked.headers.get("if-none-exist")
    said = (header or "").strip()
    written = parse_qsl(said.partition("?")[2] or said, keep_blank_values=True) if header is not None else asked.query
    found = tuple((name, value) for name, value in written if not name.startswith("_") or name in ("_id",))
    if header is not None and not found:
        raise Refused(400, "invalid", "If-None-Exist names nothing: send one such as identifier=urn:your-system|your-number.")
    return found


def names_in(resource: Resource, asked_for: Criteria) -> tuple[Name, ...]:
    """What the sender calls it; what was asked for by an identifier may be made once only."""
    once = {_name(value) for name, value in asked_for if name == IDENTIFIER}
    written = [(text(one.get("system")), text(one.get("value"))) for one in parts(resource, IDENTIFIER)]
    written = [one for one in written if one[0] not in NOT_NAMES]
    said = list(dict.fromkeys([*((s, v) for s, v in written if v), *once]))[:20]
    bare = {value for system, value in once if not system}
    return tuple(Name(system, value, (system, value) in once or value in bare) for system, value in said)


async def matching(desk: Desk, making: Making, asked: Asked, asked_for: Criteria) -> str | None:
    """The id of the one resource that is there already. Raises Refused 412 where there are several."""
    named = tuple(Name(*_name(value)) for name, value in asked_for if name == IDENTIFIER)
    async with desk.parts.database.reading() as session:
        known = await making.known(session, named)
    if len(asked_for) > len(named) or not known:
        known = frozenset(await _searched(desk, asked, asked_for)) | (known if len(asked_for) == len(named) else frozenset())
    if len(known) > 1:
        raise Refused(412, "multiple-matches", MANY)
    return next(iter(known), None)


async def _searched(desk: Desk, asked: Asked, asked_for: Criteria) -> Sequence[str]:
    """Ids of what a search finds; nothing where the type cannot be searched so."""
    search = replace(asked, method="GET", path=asked.type, query=(*asked_for, ("_count", "2")), headers={}, body=None, text=b"")
    try:
        found = (await desk.read(desk, search)).resource or {}
    except Refused as refused:
        if refused.status in (403, 405) or all(name == IDENTIFIER for name, _ in asked_for):
            return ()
        raise
    return [entry["resource"]["id"] for entry in found.get("entry", ()) if entry.get("search", {}).get("mode") == "match"]


def _name(value: str) -> tuple[str, str]:
    system, bar, code = value.partition("|")
    return (system, code) if bar else ("", system)
