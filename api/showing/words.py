"""Codes into plain lines, in the language asked; the texts are data (``timeline.yaml``).

Rule: a code without a text shows the code; nothing is left out because nobody wrote a sentence for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, dates

from pathways.engine.commands import Reason
from pathways.engine.plan import Text
from pathways.language import source, wording

FALLBACK = "en"
_SEVERAL = re.compile(r"[a-z0-9_]+(, [a-z0-9_]+)+")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class _Filled(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ""


@cache
def texts() -> Mapping[str, Any]:
    """``timeline.yaml``: sections ``reasons``, ``without_a_day``, ``came_of``, ``held_back``, ``tasks``, ``words``: code to
    language to text.

    A further language has a file of its own, ``timeline.LANGUAGE.yaml``: section to code to text.
    """
    here = Path(__file__).parent
    loaded: Mapping[str, Any] = source.shipped(here / "timeline.yaml")
    merged = {section: {code: dict(text) for code, text in codes.items()} for section, codes in loaded.items()}
    for path in sorted(here.glob("timeline.*.yaml")):
        for section, codes in source.shipped(path).items():
            for code, text in codes.items():
                merged[section].setdefault(code, {})[path.name.split(".")[1]] = text
    return merged


@cache
def library() -> Mapping[str, Mapping[str, str]]:
    """Language to what the shipped pathways say in English to how it is said in that language: ``library.LANGUAGE.yaml``."""
    return {path.name.split(".")[1]: source.shipped(path) for path in Path(__file__).parent.glob("library.*.yaml")}


@lru_cache(maxsize=256)
def _spoken(language: str) -> str:
    return wording.shipped_frames().nearest(language)


def _told(text: Text, language: str) -> Text:
    """The text, with our own words for it where a shipped pathway has none in that language."""
    spoken = _spoken(language)
    ours = "" if spoken in text else library().get(spoken, {}).get(text.get(FALLBACK, ""), "")
    return {**text, spoken: ours} if ours else text


def in_language(text: Text, language: str) -> str:
    """The text in ``language``, else in the nearest that it has: one rule for texts and screens (``Frames.order``)."""
    found: str = wording.in_language(_told(text, language), language)
    return found


def language_in(text: Text, language: str) -> str:
    """The language in which ``in_language`` finds it; where it finds nothing, the one that a reader of ``language`` would write."""
    frames = wording.shipped_frames()
    told = _told(text, language)
    return next((one for one in [*frames.order(language), *told] if told.get(one)), frames.nearest(language))


@lru_cache(maxsize=8192)  # a page asks for hundreds, and mostly the same
def word(section: str, code: str, language: str) -> str:
    """The word for a code, or the code written with spaces."""
    text = texts()[section].get(code)
    return in_language(text, language) if text else code.replace("_", " ")


def called(title: Text, code: str, language: str) -> str:
    """What a pathway or a service is called: its own title in the reader's language, else our word for it in that language, else
    its title in the nearest that it has."""
    spoken = _spoken(language)
    ours: Text = texts()["words"].get(code, {})
    return _told(title, language).get(spoken) or ours.get(spoken) or in_language(title, language) or word("words", code, language)


#: The title of a service by pathway, version and name; empty where it is not known.
Titles = Callable[[str, str, str], Text]


def no_titles(_pathway: str, _version: str, _service: str) -> Text:
    """Where no pathway is at hand: services are called as the word list has it."""
    return {}


def line(reason: Reason, language: str, titles: Titles = no_titles, *, says: str = "") -> str:
    """One plain line for a reason. ``titles``: what the pathways themselves call their services; ``says``: how its text begins."""
    template = _shorter(reason) or texts()["reasons"].get(reason.code)
    text = in_language(template, language).format_map(_parts(reason, language, titles, says)) if template else reason.code
    text = tidy(text)
    if template and titles is not no_titles and in_language(template, language).startswith(("{service}", "{pathway}")):
        text = text[:1].upper() + text[1:]  # a title is written as it stands within a sentence
    if not reason.held_back:
        return text
    return text + aside(word("held_back", reason.held_back, language), language)


def about(said: str, what: str, language: str) -> str:
    """``Check on the referral: critical pressure``."""
    return f"{said}：{what}" if language.startswith("zh") else f"{said}: {what}"


def aside(text: str, language: str) -> str:
    """``text`` in brackets, to stand behind something."""
    return f"（{text}）" if language.startswith("zh") else f" ({text})"


def quoted(text: str, language: str) -> str:
    """``text`` as somebody's own words."""
    return f"«{text}»" if language.startswith("es") else f"「{text}」" if language == "zh-Hant" else f"“{text}”"


def listed(items: Iterable[str], language: str) -> str:
    """``one, two``."""
    return _comma(language).join(items)


def _shorter(reason: Reason) -> Text | None:
    """The sentence for a reason that has no day to tell."""
    if {"day", "until"} & reason.detail.keys():
        return None
    shorter: Text | None = texts()["without_a_day"].get(reason.code)
    return shorter


def value(raw: object, language: str = FALLBACK) -> str:
    """A reading's value as people write it."""
    if isinstance(raw, bool):
        return word("words", "yes" if raw else "no", language)
    if isinstance(raw, float):
        return f"{raw:g}"
    if isinstance(raw, list | tuple):
        return _comma(language).join(word("words", str(item), language) for item in raw) or word("words", "none", language)
    return _said("words", str(raw), language)


def as_day(code: str) -> date | None:
    """The day that a code is; None where it is none: somebody's own word may look like one."""
    try:
        return date.fromisoformat(code) if _DAY.fullmatch(code) else None
    except ValueError:
        return None


def day_said(at: date, language: str = FALLBACK) -> str:
    """A day within a sentence: ``3 Mar 2025``, ``2025年3月3日``."""
    spoken = wording.shipped_frames().nearest(language)
    if spoken == FALLBACK:  # the day first, as everywhere on our pages
        return f"{at.day} {at:%b %Y}"
    return str(dates.format_skeleton("yMMMd", at, locale=Locale.parse(spoken, sep="-")))


#: UCUM's way of writing a unit, and people's.
_UNITS = {"[Hg]": "Hg", "{1.73_m2}": "1.73 m²", "Cel": "°C", "m2": "m²", "10*9": "10⁹", "[IU]": "IU", "umol": "µmol"}


def unit_shown(ucum: str | None) -> str:
    """A unit as people write it: ``mm[Hg]`` is mmHg; empty for a score, a count, or none at all."""
    unit = "" if ucum is None or ucum == "1" else ucum
    for written, shown in _UNITS.items():
        unit = unit.replace(written, shown)
    return re.sub(r"\{[^{}]*\}", "", unit)


def inputs(values: Mapping[str, object], language: str) -> str:
    """``sbp 152, dbp 95``."""
    return listed((f"{word('words', name, language)} {value(raw, language)}" for name, raw in values.items()), language)


def _parts(reason: Reason, language: str, titles: Titles, says: str) -> _Filled:
    detail = {name: _said(_section(name, str(code)), str(code), language) for name, code in reason.detail.items()}
    if reason.code == "answered":
        detail["kind"] = word("answers", str(reason.detail["kind"]), language)
    if says:
        detail["template"] = quoted(says, language)
    if "with" in detail and "of" in detail:  # a service of another pathway
        other = str(reason.detail["with"])
        detail["with"] = called(titles(str(reason.detail["of"]), "", other), other, language)
    return _Filled(
        detail
        | {
            "pathway": word("words", reason.pathway, language),
            "service": called(titles(reason.pathway, reason.version, reason.service), reason.service, language),
            "row": reason.row or reason.detail.get("row", ""),
            "decision": word("words", reason.decision, language),
            "because": in_language(reason.because, language),
            "inputs": inputs(reason.inputs, language),
            "missing": _comma(language).join(word("words", name, language) for name in reason.missing),
        }
    )


def _said(section: str, code: str, language: str) -> str:
    """The word for a code, and a day as the language writes it."""
    if (day := as_day(code)) is not None:
        return day_said(day, language)
    if _SEVERAL.fullmatch(code):  # bodies of one text
        return listed((word("words", one, language) for one in code.split(", ")), language)
    return word(section, code, language)


def _comma(language: str) -> str:
    return "、" if language.startswith("zh") else ", "


def _section(name: str, code: str) -> str:
    """Where the word for a detail's code is found: a task is called what its list calls it."""
    is_task = code in texts()["tasks"] and (name == "kind" or code not in texts()["words"])
    return "tasks" if is_task else "words"


def tidy(text: str) -> str:
    """Without the brackets and colons of what was not there to fill in."""
    for empty in (" ()", "（）"):
        text = text.replace(empty, "")
    return re.sub(" {2,}", " ", text).rstrip(" :：")
