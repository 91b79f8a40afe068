"""Which variables of a message are filled where it is sent: a text with one that is not could never go out.

Rule: what ``activities/rendering.py`` fills, by what the engine tells it (``contacts.say``), is written down here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pathways.language import names
from pathways.language.document import Document, Steps, Value
from pathways.language.errors import BadMessage, PathwayError, UnknownMessage
from pathways.language.wording import Frames, NotPlain, variables

ALWAYS = frozenset({"place", "phone", "emergency_number", "first_name"})


def check_filling(document: Document, data: Mapping[str, Value], frames: Frames) -> Iterator[PathwayError]:
    """Messages that use what is not known where they are sent."""
    messages = data.get("messages") or {}
    for kind, name, steps in names.uses(data):
        if kind is not UnknownMessage or name not in messages:
            continue
        filled = _filled(data, steps)
        for language, text in messages[name].items():
            for variable in sorted(_used(text) & frames.variables.keys() - filled):
                sender = ".".join(map(str, steps[:-1]))
                what = f"{{{{ {variable} }}}} is not known where {sender} sends this, so that it could never go out"
                remedy = f"use {', '.join(f'{{{{ {one} }}}}' for one in sorted(filled))}; or send it from elsewhere"
                yield BadMessage(what, at=document.at("messages", name, language), remedy=remedy)


def _filled(data: Mapping[str, Value], steps: Steps) -> frozenset[str]:
    if steps[0] != "services":
        return ALWAYS
    kind, where = data["services"][steps[1]].get("kind"), steps[2]
    if where == "says" and kind == "referral":
        return ALWAYS | {"hospital"} | ({"day"} if steps[3] == "booked" else set())
    if where == "says" and steps[3] == "ready":
        return ALWAYS | {"pharmacy"}
    # A refill that is missed may never have been asked of a pharmacy.
    return ALWAYS | {"day"} if where in ("remind", "if_missed") and kind != "refill" else ALWAYS


def _used(text: object) -> frozenset[str]:
    try:
        return variables(text) if isinstance(text, str) and len(text) <= 1000 else frozenset()
    except NotPlain:
        return frozenset()  # said by the check of the text itself
