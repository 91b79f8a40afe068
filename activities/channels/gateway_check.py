"""Reading the file that describes an HTTP gateway, with the place of every mistake.

Rule: all mistakes are told at once, each with its line and what would be right; none is found out with a patient's message.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from activities.channels.described import described, mistaken
from activities.channels.gateway_file import GatewayFile, Hook, Place, Search
from activities.channels.gateway_text import ANYWHERE, IN_A_REQUEST, OPTION, circular, placeholders
from pathways.language.document import Document
from pathways.language.errors import BadValue, PathwayError

#: Seconds. Whoever hands a text over waits a minute; a request that outlives them would be asked about while it is under way.
LONGEST_CALL = 55


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:cairn:gateway"} | GatewayFile.model_json_schema()


def gateway_file(path: Path, options: Iterable[str] | None = None) -> GatewayFile:
    """Read the file; ``options``: those there are, None where that is not to be checked. Raises Misconfigured with all mistakes."""
    document, written = described(path, GatewayFile)
    problems = [*_texts(document, None if options is None else frozenset(options)), *_whole(document, written)]
    if problems:
        raise mistaken(problems)
    return written


def remarks(file: GatewayFile) -> tuple[str, ...]:
    """What works and might surprise."""
    open_to_all = [
        urlsplit(asking.url).hostname or ""
        for asking in (file.send.request, *([file.find.request] if file.find else []))
        if asking.url.startswith("http://") and urlsplit(asking.url).hostname not in ("127.0.0.1", "localhost", "::1")
    ]
    said = [f"numbers and texts travel in the open to {host}: ask the vendor for https" for host in dict.fromkeys(open_to_all)]
    if file.status is None:
        said.append("the file describes no status webhook: what became of a text is never known")
    if file.inbound is None:
        said.append("the file describes no inbound webhook: answers and STOP are not heard")
    if file.find is None and not file.send.idempotent:
        said.append("the vendor cannot be asked about a text: where its answer is lost, a person has to find out")
    return tuple(said)


def _texts(document: Document, options: frozenset[str] | None) -> Iterator[PathwayError]:
    """Placeholders and options that are not there."""
    for steps, text in _leaves(document.data, ()):
        for name in OPTION.findall(text):
            if options is not None and name not in options:
                remedy = f"set the variable of this channel that ends in _{name.upper()}, such as GATEWAY_{name.upper()}"
                yield BadValue(f"there is no option {name!r}", at=document.at(*steps), remedy=remedy)
        plain = steps[-1] in {"sender", "key", "value"} or "taken" in steps or ("signed" in steps and "basic" in steps)
        if plain and (name := next(iter(placeholders(text)), "")):
            yield BadValue(f"there is no placeholder {{{name}}} here", at=document.at(*steps), remedy="write a text, or ${option}")
        elif steps[:1] in {("send",), ("find",)} and {"request", "found", "not_found"} & set(steps):
            for name in placeholders(text):
                if name not in IN_A_REQUEST and not ("over" in steps and name in {"body", "params"}):
                    remedy = f"use one of: {', '.join(sorted(IN_A_REQUEST))}"
                    yield BadValue(f"there is no placeholder {{{name}}} here", at=document.at(*steps), remedy=remedy)
        if steps[:1] in {("status",), ("inbound",)} and "over" in steps:
            for name in placeholders(text):
                if not re.fullmatch(ANYWHERE, name):
                    remedy = "use {body}, {url}, {query.NAME}, {header.NAME}"
                    yield BadValue(f"there is no placeholder {{{name}}} here", at=document.at(*steps), remedy=remedy)
        if steps[-1] == "charset" and not _is_charset(text):
            yield BadValue(f"there is no charset {text!r}", at=document.at(*steps), remedy="write for example utf-8 or gb18030")
        if steps[-1] == "format" and text == "text" and not _beside(document, steps, "pattern"):
            yield BadValue("a text is read by a pattern", at=document.at(*steps), remedy="write a pattern with named groups")
        if steps[-1] == "pattern" and (wrong := _wrong_pattern(text)):
            yield BadValue(f"the pattern cannot be used: {wrong}", at=document.at(*steps), remedy="name its groups: (?P<code>...)")


def _whole(document: Document, written: GatewayFile) -> Iterator[PathwayError]:
    """What does not go together."""
    requests = {"send": written.send.request} | ({"find": written.find.request} if written.find else {})
    for name, request in requests.items():
        if said := circular(request.sign.over if request.sign else None, request.body, (request.headers, request.query)):
            yield BadValue(said[0], at=document.at(name, "request", "sign"), remedy=said[1])
        if request.encoding == "form" and request.body is not None and not isinstance(request.body, dict):
            yield BadValue("a form has names and values", at=document.at(name, "request", "body"), remedy="write name: value")
    longest = written.connect_timeout + 2 * written.answer_timeout
    if longest > LONGEST_CALL:
        at, remedy = document.at("answer_timeout"), f"connect_timeout and twice answer_timeout come to {LONGEST_CALL} at most"
        yield BadValue(f"a request may take {longest:g} seconds, longer than anybody waits for it", at=at, remedy=remedy)
    if written.find and written.find.answer.settled_after < longest and _says_no(written.find.answer):
        at, remedy = (
            document.at("find", "answer", "settled_after"),
            f"write {longest:g} or more: so long a request may be under way",
        )
        yield BadValue("a text would be sent twice that is still on its way to the gateway", at=at, remedy=remedy)
    hooks: dict[str, Hook | None] = {"status": written.status, "inbound": written.inbound}
    for name, hook in hooks.items():
        if hook is not None:
            yield from _proof(document, name, hook)
    if written.status and not written.statuses:
        at, remedy = document.at("status"), "write statuses, such as {DELIVRD: delivered}"
        yield BadValue("nothing says what its words mean", at=at, remedy=remedy)
    if written.status and not (written.status.attempt or written.status.id):
        yield BadValue("it does not say which text it is about", at=document.at("status"), remedy="write attempt, id, or both")
    if written.status and written.status.id and not written.status.attempt and not written.send.answer.id:
        at, remedy = document.at("status", "id"), "write send.answer.id, so that the id is known"
        yield BadValue("the id of a text is not read when it is sent", at=at, remedy=remedy)
    sent = {name for _, text in _leaves(document.data["send"], ()) for name in placeholders(text)}
    for name in ("to", "to_plain", "to_national"):
        if name in sent:
            break
    else:
        yield BadValue("the gateway is not told the number", at=document.at("send", "request"), remedy="use {to}")
    if "text" not in sent:
        yield BadValue("the gateway is not told the text", at=document.at("send", "request"), remedy="use {text}")
    if written.send.idempotent and "attempt" not in sent:
        at, remedy = document.at("send", "idempotent"), "put {attempt} where the gateway looks for it"
        yield BadValue("the gateway is not told which texts are the same", at=at, remedy=remedy)
    try:
        ZoneInfo(written.timestamp.timezone)
    except (ValueError, OSError, LookupError):
        at = document.at("timestamp", "timezone")
        yield BadValue("there is no such time zone", at=at, remedy="write for example Asia/Shanghai")


def _says_no(search: Search) -> bool:
    """Whether the gateway's records may settle that a text was not taken."""
    return search.absent == "not_taken" or bool(search.not_found)


def _proof(document: Document, name: str, hook: Hook) -> Iterator[PathwayError]:
    ways = [way for way in ("token", "basic", "sign") if getattr(hook.signed, way) is not None]
    if len(ways) != 1 or bool(hook.signed.sign) != bool(hook.signed.signature):
        at, remedy = document.at(name, "signed"), "write a token, or basic, or sign together with signature"
        yield BadValue("a webhook is proved in exactly one way", at=at, remedy=remedy)
    places: dict[str, Place | None] = {"token": hook.signed.token, "signature": hook.signed.signature}
    for way, place in places.items():
        if place and sum(map(bool, (place.query, place.header, place.field))) != 1:
            at = document.at(name, "signed", way)
            yield BadValue("it must be in one place", at=at, remedy="write one of: query, header, field")
    if hook.signed.sign and "{body}" not in hook.signed.sign.over:
        at = document.at(name, "signed", "sign", "over")
        yield BadValue("what the webhook says is not signed", at=at, remedy="put {body} into it")


def _leaves(value: Any, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield steps, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield from _leaves(one, (*steps, step))


def _beside(document: Document, steps: tuple[str | int, ...], name: str) -> bool:
    return (*steps[:-1], name) in document.places


def _is_charset(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _wrong_pattern(pattern: str) -> str:
    try:
        return "" if re.compile(pattern).groupindex else "it names nothing"
    except re.error as wrong:
        return str(wrong)
