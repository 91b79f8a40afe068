"""Reading a YAML text: by libyaml where it is sound, by ruamel where it is to be said what is wrong (decision 0015).

Rule: any text gives either a document or located errors; nothing raises out of here but ``Broken``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from pathways.language.composing import Composer
from pathways.language.document import Broken, Document, Value
from pathways.language.errors import Location, Unreadable

LARGEST_BYTES = 1_000_000
#: Tabs, and signs that YAML 1.1 (libyaml) takes for the end of a line and 1.2 does not.
_READ_OTHERWISE = re.compile(r"[\t\x85\u2028\u2029\ufeff]")

_WORDS: Mapping[str, tuple[str, str]] = {
    "mapping values are not allowed here": (
        'a ": " stands inside a text, or the line is indented wrongly',
        "put the text in quotes, or mend the indentation",
    ),
    "cannot start any token": ("a tab or a sign that cannot stand here", "indent with spaces; put the text in quotes"),
    "while scanning a quoted scalar": ("a quotation mark is opened and not closed", "close it"),
    "expected ',' or '}'": ("a { is opened and not closed", "close it with } or put a comma between the entries"),
    "expected ',' or ']'": ("a [ is opened and not closed", "close it with ] or put a comma between the entries"),
    "expected <block end>": ("the line does not line up with those above", "indent it like its neighbours"),
    "could not find expected ':'": ("a key without its colon", 'write "key: value", the colon in half width and a space behind it'),
    "duplicate": ("a directive is given twice", "remove the lines that start with %"),
}


def read_text(path: Path, *, file: str) -> str:
    """The text of a file. Raises Broken when it cannot be read or is not UTF-8."""
    start = Location(file, 1, 1)
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise Broken(_too_large(start))
        raw = path.read_bytes()
    except OSError as refused:
        reason = refused.strerror or "it cannot be read"
        raise Broken(Unreadable(f"no file to read: {reason}", at=start, remedy="check the name of the file")) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        good = raw[: bad.start].decode("utf-8-sig", "replace")
        at = Location(file, good.count("\n") + 1, len(good) - good.rfind("\n"))
        raise Broken(Unreadable("the text is not UTF-8", at=at, remedy="save the file as UTF-8")) from None


def shipped(path: Path) -> Value:
    """What a YAML file of ours holds. Raises Broken."""
    return read(read_text(path, file=path.name), file=path.name).data


def read(text: str, *, file: str) -> Document:
    """The document in ``text``. Raises Broken with every error that keeps it from being read."""
    start = Location(file, 1, 1)
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    if len(text.encode("utf-8", "replace")) > LARGEST_BYTES:
        raise Broken(_too_large(start))
    return quickly(text, file) or explaining(text, file)


def explaining(text: str, file: str) -> Document:
    """As ``read``, of a text whose lines end in ``\\n``. Raises Broken."""
    composer = Composer(file)
    try:
        data = composer.document(YAML(typ="safe", pure=True).parse(text))
    except ReaderError as bad:
        before = text[: bad.position]
        at = Location(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise Broken(Unreadable("a sign that no text may hold", at=at, remedy="delete it and type it again")) from None
    except MarkedYAMLError as bad:
        raise Broken(*composer.problems, _explained(bad, file)) from None
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, RecursionError, AssertionError) as bad:
        what = f"this is not YAML ({type(bad).__name__})"
        raise Broken(*composer.problems, Unreadable(what, at=composer.last, remedy="compare with a pathway that works")) from None
    if composer.problems:
        raise Broken(*composer.problems)
    if not isinstance(data, dict | list):
        start = Location(file, 1, 1)
        raise Broken(Unreadable("the document is empty or a single text", at=start, remedy='start with "pathway: name"'))
    return Document(file, text, data if isinstance(data, dict) else {"": data}, composer.places)


def quickly(text: str, file: str) -> Document | None:
    """A sound document read by libyaml, some thirty times as fast; None: whatever is wrong is for the reader that explains.

    Raises Broken for what is nested too deeply, over which the other reader would brood for seconds. A value that is
    left out goes to the other reader too: the two say different places of it.
    """
    if _READ_OTHERWISE.search(text):
        return None
    composer = Composer(file)
    try:
        # One event at a time: endless nesting is refused before libyaml has read it, which takes the square of its depth.
        data = composer.document(_nothing_left_out(yaml.parse(text, Loader=yaml.CSafeLoader)))
    except (yaml.YAMLError, _LeftOut, UnicodeError):
        return None
    return Document(file, text, data, composer.places) if isinstance(data, dict) and not composer.problems else None


class _LeftOut(Exception):
    """A value is left out."""


def _nothing_left_out(events: Iterable[yaml.Event]) -> Iterator[yaml.Event]:
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and not event.value and not event.style:
            raise _LeftOut
        yield event


def _too_large(at: Location) -> Unreadable:
    return Unreadable("the document is larger than 1 MB", at=at, remedy="split it into several pathways")


def _explained(bad: MarkedYAMLError, file: str) -> Unreadable:
    mark = bad.problem_mark or bad.context_mark
    at = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file, 1, 1)
    said = f"{bad.context or ''} {bad.problem or ''}"
    if "cannot start any token" in said and "'\\t'" in said:
        return Unreadable("a tab stands where the line is indented", at=at, remedy="indent with spaces")
    for phrase, (what, remedy) in _WORDS.items():
        if phrase in said:
            begun = bad.context_mark if "opened and not closed" in what else None
            if begun is not None and begun.line + 1 != at.line:
                what = f"{what}; it was opened in line {begun.line + 1}"
            return Unreadable(what, at=at, remedy=remedy)
    return Unreadable(f"this is not YAML: {(bad.problem or 'it breaks off')[:120]}", at=at, remedy="mend it here or just above")
