"""A text as it would go out: in a language, with a sample patient's names, alone or with others of the same day.

Rule: what is shown is made by what sends (``Wording``), and judged by what checks (``privacy``, ``manners``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pathways.language.errors import did_you_mean
from pathways.language.manners import Remark, longest, remarks
from pathways.language.privacy import LINK, Forbidden
from pathways.language.segments import Encoding, outside_gsm, segments
from pathways.language.wording import Frames, NotPlain, Wording, variables

Severity = Literal["error", "warning"]
TO_THE_TEAM = frozenset({"on_call_alert"})  # of the network's own texts: no patient gets it
NAMELESS = TO_THE_TEAM | {"confirm_number"}  # nor does one know who gets this


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said about a message. ``start``: its offset in the body as its author wrote it."""

    message: str
    severity: Severity
    what: str
    remedy: str
    start: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """A text in ``language``, the nearest to the one that was asked for.

    ``units``, ``left``: septets (GSM-7) or 16-bit units (UCS-2), and how many more fit before another SMS is needed.
    ``strange``: the characters that make a text UCS-2, none where it is GSM-7.
    """

    asked: str
    language: str
    text: str
    segments: int
    encoding: Encoding
    units: int
    left: int
    strange: str
    findings: tuple[Finding, ...]


def preview(
    wording: Wording,
    forbidden: Forbidden,
    messages: Sequence[tuple[str, str]],
    language: str,
    *,
    long: bool = False,
    given: Mapping[str, str] | None = None,
) -> Preview:
    """``messages`` (pathway, name) as one text of a day. ``long``: with long names; ``given``: variables that are not sampled.

    ``given`` may also name the ``sender``. Raises NoWording, and NotPlain where a body is more than text and variables.
    """
    frames, given = wording.frames, dict(given or {})
    spoken = wording.spoken(messages, language)
    for pathway, name in messages:
        variables(wording.messages[pathway][name][spoken])  # an author's text is looked at before it is filled
    near = frames.nearest(spoken)
    pick = frames.long_sample if long else frames.sample
    filled = {name: pick(name, near) for name in frames.variables} | given
    sender = given.get("sender") or filled["place"]
    own = {name for pathway, name in messages if not pathway}
    first_name = "" if own & NAMELESS else filled["first_name"]
    text = wording.render([(*one, filled) for one in messages], language, sender, first_name, stop=not own & TO_THE_TEAM)
    counted = segments(text)
    found = [
        finding
        for pathway, name in messages
        for finding in findings(name, wording.messages[pathway][name][spoken], spoken, forbidden, frames)
    ]
    strange = "".join(sorted(outside_gsm(text)))
    return Preview(language, spoken, text, counted.count, counted.encoding, counted.units, counted.left, strange, tuple(found))


def findings(message: str, text: str, language: str, forbidden: Forbidden, frames: Frames) -> Iterator[Finding]:
    """Everything wrong with a body, in order of weight, and a warning where it takes more than one SMS with long names."""
    refused = list(_refused(text, forbidden, frames))
    for remark in (*refused, *remarks(text, frames)):
        yield Finding(message, "error" if remark.broken else "warning", remark.what, remark.remedy, remark.start)
    if not refused:
        counted = segments(longest(text, language, frames))
        if counted.count > 1:
            what = f"with long names this is {counted.count} SMS ({counted.units} {counted.encoding} units)"
            yield Finding(message, "warning", what, "shorten it to 1")


def _refused(text: str, forbidden: Forbidden, frames: Frames) -> Iterator[Remark]:
    for found in forbidden.findings(text):
        what = f"{found.what} tells a stranger what the patient has, takes or measured"
        yield Remark(what, "say it without, or by phone", found.start, broken=True)
    if link := LINK.search(text.casefold()):
        yield Remark("a link stands in the text", "give a phone number instead", link.start(), broken=True)
    try:
        unknown = variables(text) - frames.variables.keys()
    except NotPlain as refused:
        yield Remark(refused.what, "write {{ day }}, with a known name between the braces", broken=True)
        return
    for variable in sorted(unknown):
        yield Remark(f"no variable for a message called {variable!r}", did_you_mean(variable, frames.variables), broken=True)
