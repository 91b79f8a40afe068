"""What a text to a patient must not say: a disease, a value, a medicine, to whoever sees the phone.

Rule 1: a Latin word is forbidden as a whole word (``bp`` is not in "webpage"), with or without its accents, a Chinese one
        wherever it stands.
Rule 2: names that the pathway itself lists (medicines, readings) are forbidden without being listed again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from pathways.language import source
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import BadMessage, PathwayError, TellsTooMuch, UnknownVariable
from pathways.language.manners import check_manners, check_tongues, inside
from pathways.language.wording import Frames, NotPlain, variables
from pathways.shipped import LIBRARY

_LATIN = r"A-Za-z0-9À-ÖØ-öø-ÿĀ-ſ"
_VALUE = re.compile(r"(?<![\d/])\d{2,3}\s*/\s*\d{2,3}(?![\d/])")
_MEASURE = re.compile(
    r"\d+(?:[.,]\d+)?\s*(?:mm\s?\[?hg\]?|mmol|mg|mcg|[µμu]g|ml|kg|kpa|bpm|iu|units|unidades)(?![a-z])"
    r"|\d+(?:[.,]\d+)?\s*(?:%|℃|°|毫克|毫米汞柱|毫摩|微克|毫升|千克|公斤|单位|單位|片|粒)"
)
LINK = re.compile(r"https?:|www\.|\b[a-z0-9-]+\.(?:com|org|net|cn|ly|io|me)\b")
_HIDDEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


@dataclass(frozen=True, slots=True)
class Finding:
    """A forbidden word or value; ``start`` is its offset in the text, 0 when it cannot be told."""

    what: str
    start: int


class Forbidden:
    """The terms that no text may hold."""

    def __init__(self, terms: Iterable[str]) -> None:
        cleaned = sorted({_plain(term).strip() for term in terms} - {""}, key=lambda t: (-len(t), t))
        latin = [r"[\s_-]*".join(map(re.escape, re.split(r"[\s_-]+", t))) for t in cleaned if t.isascii() or not _is_han(t)]
        self._latin = re.compile(rf"(?<![{_LATIN}])(?:{'|'.join(latin) or '(?!)'})(?:e?s)?(?![{_LATIN}])")
        self._han = re.compile("|".join(r"\s*".join(map(re.escape, t)) for t in cleaned if _is_han(t)) or "(?!)")

    def findings(self, text: str) -> Iterator[Finding]:
        """What ``text`` gives away."""
        plain = _plain(text)
        same = len(plain) == len(text)
        for pattern in (self._latin, self._han):
            for found in pattern.finditer(plain):
                yield Finding(f"the word {found[0]!r}", found.start() if same else 0)
        for pattern in (_VALUE, _MEASURE):
            for found in pattern.finditer(plain):
                yield Finding(f"the value {found[0]!r}", found.start() if same else 0)


def _plain(text: str) -> str:
    whole = unicodedata.normalize("NFKC", text).translate(_HIDDEN).casefold()
    return "".join(map(_unaccented, whole))


@lru_cache(maxsize=1024)
def _unaccented(character: str) -> str:
    letter = unicodedata.normalize("NFD", character)[0]
    return letter if letter.isascii() else character


def _is_han(text: str) -> bool:
    return any("\u3400" <= sign <= "\u9fff" for sign in text)


def forbidden_for(document: Document, frames: Frames) -> Forbidden:
    """The shipped terms, every medicine that any pathway lists, and the document's own names for what it measures."""
    return Forbidden([*forbidden_words(frames), *own_terms(document.data)])


def forbidden_words(frames: Frames) -> list[str]:
    """What no text may say, whatever pathway it is of, if of any."""
    return [*frames.forbidden, *shipped_medicines()]


def own_terms(data: Value) -> Iterator[str]:
    """The medicines of a document, its title, and the labels of its readings."""
    yield from _medicines(data)
    name = data.get("pathway")
    if isinstance(name, str):
        yield name.replace("_", " ")
    texts = [data.get("title")]
    readings = data.get("readings")
    if isinstance(readings, dict):
        texts += [reading.get("label") for reading in readings.values() if isinstance(reading, dict)]
        yield from (name.replace("_", " ") for name in readings if len(name) > 2)
    for text in texts:
        if isinstance(text, dict):
            yield from (one for one in text.values() if isinstance(one, str) and len(one) > 1)


def _medicines(data: Value) -> Iterator[str]:
    services = data.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        medicines = service.get("medicines") if isinstance(service, dict) else None
        if isinstance(medicines, list):
            yield from (one for one in medicines if isinstance(one, str) and len(one) > 1)


@cache
def shipped_medicines() -> frozenset[str]:
    """Every medicine that we know, by all its names; what a pathway lists beyond them is forbidden by the pathway itself."""
    known = source.shipped(LIBRARY / "medicines.yaml")
    return frozenset(name for medicine, facts in known.items() for name in (medicine, *facts.get("also", ())))


def check_messages(document: Document, frames: Frames) -> Iterator[PathwayError]:
    """Everything wrong with the texts of a document."""
    forbidden = forbidden_for(document, frames)
    yield from check_tongues(document)
    messages = document.data.get("messages")
    for name, texts in messages.items() if isinstance(messages, dict) else ():
        for language, text in texts.items() if isinstance(texts, dict) else ():
            if isinstance(text, str) and language != "urgent" and len(text) <= 1000:
                yield from _check_text(document, ("messages", name, language), text, language, forbidden, frames)


def _check_text(
    document: Document, steps: Steps, text: str, language: str, forbidden: Forbidden, frames: Frames
) -> Iterator[PathwayError]:
    for finding in forbidden.findings(text):
        what = f"{finding.what} tells a stranger what the patient has, takes or measured"
        yield TellsTooMuch(what, at=inside(document, steps, text, finding.start), remedy="say it without, or by phone")
    link = LINK.search(text.casefold())
    if link:
        at = inside(document, steps, text, link.start())
        yield BadMessage("a link stands in the text", at=at, remedy="patients are taught not to open links: give a phone number")
    try:
        used = variables(text)
    except NotPlain as refused:
        at = document.inside(steps, refused.line, 1)
        yield BadMessage(refused.what, at=at, remedy="write {{ day }}, with one of: " + ", ".join(frames.variables))
        return
    unknown = used - frames.variables.keys()
    for variable in sorted(unknown):
        found = re.search(rf"\{{\{{\s*({re.escape(variable)})", text)
        at = inside(document, steps, text, found.start(1) if found else 0)
        yield UnknownVariable(variable, at=at, known=frames.variables)
    if not unknown:
        yield from check_manners(document, steps, text, language, frames)
