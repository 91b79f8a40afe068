"""How a text to a patient reads where it goes out: within one SMS, answerable as it says, calm, whole at its joins.

Rule 1: what promises an answer that nobody reads is an error; what reads badly, costs more, or ages is a warning.
Rule 2: the text is judged as its author wrote it, with the frame that every text gets around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pathways.language.document import Document, Steps
from pathways.language.errors import BadMessage, LacksLanguage, Location, OddMessage, PathwayError, TooLong
from pathways.language.segments import outside_gsm, segments
from pathways.language.wording import Frames, Wording, fill

_FILLED_IN = re.compile(r"\{\{.*?\}\}", re.S)
_SENTENCE = re.compile(r"[^.!?。！？]+")
_ASKS = re.compile(
    r"\b(?:repl(?:y|ies)|answer|text|send|press|respond[ae]|conteste|env[ií]e|marque|escriba)\b:?"
    r"(?: us| back| with| the word| con| la palabra)*"
    r"|(?:回复|回覆|发送|發送|答复|答覆|输入|輸入|按)",
    re.I,
)
_COUNTS = r"(?!\s*(?:days?|weeks?|months?|hours?|minutes?|d[ií]as?|semanas?|meses|horas?|minutos?|天|日|周|週|个|個|小时|小時|月))"
_FIRST_ANSWER = re.compile(rf"^[\s\"'“”「『]*((?<!\d)\d{{1,2}}(?!\d){_COUNTS}|[A-Z]{{2,}}(?![A-Za-z]))")
_NEXT_ANSWER = re.compile(
    rf"(?:[,;，、；/]|\b(?:or|o|u|and|y)\b|或|和)[\s\"'“”「『]*(?:或|回复|回覆|reply )?((?<!\d)\d{{1,2}}(?![\d:]){_COUNTS})"
)
_STOPS = frozenset({"STOP", "ALTO", "BAJA", "TD"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}")
_NUMBER = re.compile(r"(?<![\w+])\+?\d(?:[\d\s().-]{5,}\d)(?!\w)")
_EMERGENCY = re.compile(
    r"(?:\b(?:call|dial|ring|llame(?: ya)?(?: al)?|marque(?: el)?)\b|拨打|撥打|致电|致電|打)\s*(\d{3,6})(?!\d)", re.I
)
_SHOUTED = re.compile(r"\b[A-ZÁÉÍÓÚÑÜ]{4,}\b")
_ODD = (
    (re.compile(r"[!！?？]{2,}"), "is shouting"),
    (re.compile(r"(?<!\.)\.\.(?!\.)|[,;:，、；：。]{2,}|[,;，；][.。]|[.。][,;，；]"), "is one sign too many"),
    (re.compile(r"(?<=\w)\s+[,;:.!?](?!\S)"), "has a space before it"),
)
_GREETING = re.compile(r"^\s*(?:dear|hello|hi|estimad[oa]|hola|buenos d[ií]as|尊敬的|您好|你好|親愛的|亲爱的)\b", re.I)
_ENDS = re.compile(r"[.!?。！？…][\"'”」』)）]?\s*$")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a text. ``start``: its offset. ``broken``: a promise that is not kept, which is an error."""

    what: str
    remedy: str
    start: int = 0
    broken: bool = False


def remarks(text: str, frames: Frames) -> Iterator[Remark]:
    """What is to be said about a body, but for its length and what it gives away."""
    blanked = _FILLED_IN.sub(lambda found: "x" * len(found[0]), text)
    yield from _promises(blanked, frames)
    dated = _DATE.sub(lambda found: "x" * len(found[0]), blanked)
    for found in _NUMBER.finditer(dated):
        if sum(sign.isdigit() for sign in found[0]) >= 7:
            yield Remark(f"the telephone number {found[0]!r} is the same for every place", "write {{ phone }}", found.start())
    for found in _EMERGENCY.finditer(blanked):
        what = f"the number {found[1]!r} is the same for every place"
        yield Remark(what, "write {{ emergency_number }} or {{ phone }}", found.start(1))
    for found in _SHOUTED.finditer(blanked):
        if found[0] not in frames.answers:
            yield Remark(f"{found[0]!r} is shouting", "write it in small letters", found.start())
    for pattern, why in _ODD:
        for found in pattern.finditer(blanked):
            yield Remark(f"{found[0].strip()!r} {why}", "take it out", found.start())
    if _GREETING.search(blanked):
        yield Remark("the text greets, and the frame does so already, by name", "begin with what it is about")
    if not _ENDS.search(blanked):
        what = "the text does not end as a sentence, and how to stop stands right behind it"
        yield Remark(what, "end it with a full stop", max(0, len(text.rstrip()) - 1))


def _promises(text: str, frames: Frames) -> Iterator[Remark]:
    """Answers that the text asks for and nobody reads, and those that the frame asks for already."""
    read = ", ".join(sorted(one for one in frames.answers if one.isdigit()))
    for sentence in _SENTENCE.finditer(text):
        asks = list(_ASKS.finditer(sentence[0]))
        ends = [*(one.start() for one in asks[1:]), len(sentence[0])]
        for asked, end in zip(asks, ends, strict=False):
            rest, begins = sentence[0][asked.end() : end], sentence.start() + asked.end()
            first = _FIRST_ANSWER.search(rest)
            if first is None:
                continue
            for found in [first, *(_NEXT_ANSWER.finditer(rest) if first[1].isdigit() else ())]:
                at = begins + found.start(1)
                if found[1] in _STOPS:
                    yield Remark("how to stop is said by the frame already", "leave it out", at)
                elif found[1] not in frames.answers:
                    what = f"the text asks for the answer {found[1]!r}, which nobody reads"
                    yield Remark(what, f"ask for one of: {read}; or for a call", at, broken=True)


def check_manners(document: Document, steps: Steps, text: str, language: str, frames: Frames) -> Iterator[PathwayError]:
    """What is odd about one text, and whether it is longer than one SMS."""
    for remark in remarks(text, frames):
        at = inside(document, steps, text, remark.start)
        yield (BadMessage if remark.broken else OddMessage)(remark.what, at=at, remedy=remark.remedy)
    whole = longest(text, language, frames)
    counted = segments(whole)
    if counted.count > 1:
        what = f"with long names this is {counted.count} SMS ({counted.units} {counted.encoding} units)"
        remedy = "shorten it to 1"
        strange = "".join(sorted(outside_gsm(fill(text, {name: "" for name in frames.variables}))))
        if counted.encoding == "UCS-2" and not language.startswith("zh") and strange:
            remedy += f", or do without {strange}, which cost more than twice as much"
        yield TooLong(what, at=document.at(*steps), remedy=remedy)


def longest(text: str, language: str, frames: Frames) -> str:
    """The whole SMS with the longest usual names in it."""
    spoken = frames.nearest(language)
    given = {name: frames.long_sample(name, spoken) for name in frames.variables}
    return Wording({}, frames).frame([fill(text, given)], spoken, frames.senders[spoken], given["first_name"])


def check_tongues(document: Document) -> Iterator[PathwayError]:
    """Messages that lack a language which others of the document have: who reads it gets all of that day in another."""
    messages = document.data.get("messages")
    texts = (
        {name: one.keys() - {"urgent"} for name, one in messages.items() if isinstance(one, dict)}
        if isinstance(messages, dict)
        else {}
    )
    listed = document.data.get("languages") or document.data.get("title") or ()
    every = dict.fromkeys(language for one in texts.values() for language in sorted(one, key=str))
    for name, languages in texts.items():
        missing = [str(one) for one in every if one not in languages and one not in listed]  # the listed are an error elsewhere
        if missing:
            what = f"message {name!r} has no text in {', '.join(missing)}, as others have"
            remedy = "add it: its readers get this one, and all that goes out with it, in another language"
            yield LacksLanguage(what, at=document.key("messages", name), remedy=remedy)


def inside(document: Document, steps: Steps, text: str, start: int) -> Location:
    """The place of the character at ``start`` of a text."""
    before = text[:start]
    return document.inside(steps, before.count("\n") + 1, start - before.rfind("\n"))
