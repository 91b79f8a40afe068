"""Codes into plain lines, in the language asked; the texts are data (``timeline.yaml``).

Rule: a code without a text shows the code; nothing is left out because nobody wrote a sentence for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pathways.engine.commands import Reason
from pathways.engine.plan import Text
from pathways.language import source, wording

FALLBACK = "en"


class _Filled(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ""


@cache
def texts() -> Mapping[str, Any]:
    """``timeline.yaml``: sections ``reasons``, ``without_a_day``, ``held_back``, ``tasks``, ``words``: code to language to text."""
    loaded: Mapping[str, Any] = source.shipped(Path(__file__).with_name("timeline.yaml"))
    return loaded


def in_language(text: Text, language: str) -> str:
    """The text in ``language``, else in the nearest that it has: one rule for texts and screens (``Frames.order``)."""
    found: str = wording.in_language(text, language)
    return found


def word(section: str, code: str, language: str) -> str:
    """The word for a code, or the code written with spaces."""
    text = texts()[section].get(code)
    return in_language(text, language) if text else code.replace("_", " ")


#: The title of a service by pathway, version and name; empty where it is not known.
Titles = Callable[[str, str, str], Text]


def no_titles(_pathway: str, _version: str, _service: str) -> Text:
    """Where no pathway is at hand: services are called as the word list has it."""
    return {}


def line(reason: Reason, language: str, titles: Titles = no_titles) -> str:
    """One plain line for a reason. ``titles``: what the pathways themselves call their services."""
    template = _shorter(reason) or texts()["reasons"].get(reason.code)
    text = in_language(template, language).format_map(_parts(reason, language, titles)) if template else reason.code
    text = _tidy(text)
    if template and titles is not no_titles and in_language(template, language).startswith("{service}"):
        text = text[:1].upper() + text[1:]  # a title is written as it stands within a sentence
    if not reason.held_back:
        return text
    why = word("held_back", reason.held_back, language)
    return f"{text}（{why}）" if language.startswith("zh") else f"{text} ({why})"


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
    return word("words", str(raw), language)


def inputs(values: Mapping[str, object], language: str) -> str:
    """``sbp 152, dbp 95``."""
    return _comma(language).join(f"{word('words', name, language)} {value(raw, language)}" for name, raw in values.items())


def _parts(reason: Reason, language: str, titles: Titles) -> _Filled:
    spoken = wording.shipped_frames().nearest(language)

    def called(pathway: str, version: str, service: str) -> str:
        return titles(pathway, version, service).get(spoken) or word("words", service, language)

    detail = {name: word(_section(str(code)), str(code), language) for name, code in reason.detail.items()}
    if "with" in detail and "of" in detail:  # a service of another pathway
        detail["with"] = called(str(reason.detail["of"]), "", str(reason.detail["with"]))
    return _Filled(
        detail
        | {
            "pathway": word("words", reason.pathway, language),
            "service": called(reason.pathway, reason.version, reason.service),
            "row": reason.row or reason.detail.get("row", ""),
            "decision": word("words", reason.decision, language),
            "because": in_language(reason.because, language),
            "inputs": inputs(reason.inputs, language),
            "missing": _comma(language).join(word("words", name, language) for name in reason.missing),
        }
    )


def _comma(language: str) -> str:
    return "、" if language.startswith("zh") else ", "


def _section(code: str) -> str:
    """Where the word for a detail's code is found: a task is called what its list calls it."""
    return "tasks" if code not in texts()["words"] and code in texts()["tasks"] else "words"


def _tidy(text: str) -> str:
    """Without the brackets and colons of what was not there to fill in."""
    for empty in (" ()", "（）"):
        text = text.replace(empty, "")
    return re.sub(" {2,}", " ", text).rstrip(" :：")
