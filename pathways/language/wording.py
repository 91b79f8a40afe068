"""The words of a message to a patient: bodies from the pathways, a frame for each language around them.

Rule 1: a body is text with ``{{ variable }}`` in it and nothing else of the template language;
        what fills a variable is never read as a template.
Rule 2: frames, samples and forbidden words are data (``pathways/library/wording.yaml``), not code.
Rule 3: which language stands in for one that is missing is decided in one place, ``Frames.order``, for texts and screens alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from pathways.language import source
from pathways.language.document import Document
from pathways.language.segments import plainer

_WORDING = Path(__file__).parent.parent / "library" / "wording.yaml"
_SENTENCE_END = re.compile(r"(?<=[.!?])(?=\s)|(?<=[。！？])")  # nothing is cut off, so that pieces join to what was there
_PLAIN = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name)
_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, cache_size=0)

Texts = Mapping[str, Mapping[str, str]]  # message name, language, text


class NoWording(LookupError):
    """A message cannot be put into words: no such text in any language, or a variable is not filled."""


class NotPlain(ValueError):
    """A body that is more than text and variables. ``line`` counts from 1 within the text."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what, self.line = what, line


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the bodies in one language, between two of them, and which languages come next.

    ``stop``: how to stop, behind all. ``also``: other tags whose readers get this language, such as zh-TW for zh-Hant.
    """

    frame: str
    stop: str
    joiner: str
    fallback: tuple[str, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frames:
    """All of ``wording.yaml``. ``variables``: name to language to a usual and a long sample.

    ``answers``: what a text may ask for in reply, in capitals.
    """

    languages: Mapping[str, Frame]
    variables: Mapping[str, Mapping[str, Sequence[str]]]
    forbidden: tuple[str, ...]
    answers: frozenset[str] = frozenset()

    @property
    def senders(self) -> Mapping[str, str]:
        """A long name of who sends, by language: the sender is the patient's own centre, as is ``place``."""
        return {language: self.long_sample("place", language) for language in self.languages}

    def sample(self, variable: str, language: str) -> str:
        """A usual filling of ``variable``."""
        samples = self.variables[variable]
        return (samples.get(language) or samples["en"])[0]

    def long_sample(self, variable: str, language: str) -> str:
        """The longest usual filling of ``variable``."""
        samples = self.variables[variable]
        return max(samples.get(language) or samples["en"], key=len)

    def order(self, language: str) -> Iterator[str]:
        """Languages to try for a reader of ``language``, the best first; all of them in the end.

        A tag is taken in any case, with ``-`` or ``_``. First the tag as it is; then the language that lists the longest part
        of it (``zh-TW`` is zh-Hant, ``zh-CN`` and ``zh`` zh-Hans, ``es-MX`` es); then what that language falls back to; then
        English; then the others.
        """
        spoken = self.nearest(language)
        frame = self.languages.get(spoken)
        yield from dict.fromkeys([language, spoken, *(frame.fallback if frame else ()), "en", *self.languages])

    def nearest(self, language: str) -> str:
        """The language we write in for a reader of ``language``: English where we write nothing near it."""
        known = {tag.lower(): name for name, frame in self.languages.items() for tag in (*frame.also, name)}
        parts = language.replace("_", "-").lower().split("-")
        shorter = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((known[tag] for tag in shorter if tag in known), "en")


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of one or more pathways; ``|`` joins the wordings of several."""

    messages: Mapping[str, Texts]  # pathway name to its texts
    frames: Frames

    @classmethod
    def of(cls, document: Document, frames: Frames) -> Wording:
        """The sound texts of a document."""
        name, messages = document.data.get("pathway"), document.data.get("messages")
        if not isinstance(name, str) or not isinstance(messages, dict):
            return cls({}, frames)
        texts = {
            message: {language: text for language, text in languages.items() if isinstance(text, str)}
            for message, languages in messages.items()
            if isinstance(languages, dict)
        }
        return cls({name: texts}, frames)

    def __or__(self, other: Wording) -> Wording:
        return Wording({**self.messages, **other.messages}, self.frames)

    def render(
        self,
        parts: Sequence[tuple[str, str, Mapping[str, str]]],
        language: str,
        sender: str,
        first_name: str,
        *,
        stop: bool = True,
    ) -> str:
        """One message out of ``parts`` (pathway, message, variables), in the nearest language that has them all.

        ``stop``: whether to say how to stop. Raises NoWording when a text is missing in every language or a variable is not
        filled, or filled with nothing.
        """
        spoken = self.spoken([part[:2] for part in parts], language)
        bodies = []
        for pathway, message, given in parts:
            body, filling = self._text(pathway, message, spoken), {"first_name": first_name, **given}
            if blank := [name for name in sorted(_used(body) - {"first_name"}) if not filling.get(name, "?").strip()]:
                raise NoWording(f"{pathway}/{message}: nothing to put in for {', '.join(blank)}")
            bodies.append(fill(body, filling).strip())
        return self.frame(bodies, spoken, sender, first_name, stop=stop)

    def spoken(self, texts: Sequence[tuple[str, str]], language: str) -> str:
        """The language nearest to ``language`` that has every one of ``texts`` (pathway, message). Raises NoWording."""
        for one in self._languages(language):
            if texts and all(self._text(pathway, message, one) for pathway, message in texts):
                return one
        missing = ", ".join(f"{pathway}/{message}" for pathway, message in texts)
        raise NoWording(f"no language has every text of: {missing or 'nothing'}")

    def frame(self, bodies: Sequence[str], language: str, sender: str, first_name: str, *, stop: bool = True) -> str:
        """Sender and greeting in front, how to stop behind; several bodies become one text.

        A sentence that several bodies share, such as how to answer, is said once, in the last of them.
        """
        frame = self.frames.languages[self.frames.nearest(language)]
        once = _each_sentence_once(list(dict.fromkeys(bodies)))
        later = [body[:1].upper() + body[1:] if frame.joiner else body for body in once[1:]]
        body = frame.joiner.join([*once[:1], *later])
        whole = fill(frame.frame, {"sender": sender, "first_name": first_name, "body": body})
        return plainer(whole + (frame.stop if stop else ""))

    def _text(self, pathway: str, message: str, language: str) -> str:
        return self.messages.get(pathway, {}).get(message, {}).get(language, "")

    def _languages(self, language: str) -> list[str]:
        written = [one for texts in self.messages.values() for languages in texts.values() for one in languages]
        return list(dict.fromkeys([*self.frames.order(language), *written]))


def in_language(text: Mapping[str, Any], language: str) -> Any:
    """What ``text`` has in ``language``, or in the nearest that it has; "" where it has nothing."""
    if found := text.get(language):
        return found
    return next((text[one] for one in [*_order(language), *text] if text.get(one)), "")


@lru_cache(maxsize=256)
def _order(language: str) -> tuple[str, ...]:
    return tuple(shipped_frames().order(language))


def _each_sentence_once(bodies: list[str]) -> list[str]:
    split = [_SENTENCE_END.split(body) for body in bodies]
    kept = [
        "".join(
            piece for piece in pieces if piece.strip() not in {later.strip() for after in split[number + 1 :] for later in after}
        )
        for number, pieces in enumerate(split)
    ]
    return [body for body in (one.strip() for one in kept) if body]


def fill(text: str, given: Mapping[str, str]) -> str:
    """``text`` with its variables filled. Raises NoWording when one is missing."""
    try:
        filled: str = _template(text).render(given)
        return filled
    except TemplateError as refused:
        raise NoWording(refused.message or "a text cannot be filled") from None


@lru_cache(maxsize=1024)  # one body is asked about by each check, and by each language and length that it is shown in
def variables(text: str) -> frozenset[str]:
    """The variables that a body uses. Raises NotPlain when it holds more than text and variables."""
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateError as bad:
        raise NotPlain("the braces {{ }} do not match, or hold more than a name", getattr(bad, "lineno", 1) or 1) from None
    except (RecursionError, ValueError, OverflowError):
        raise NotPlain("this text cannot be filled in", 1) from None
    if "{#" in text:
        raise NotPlain("a comment {# #} stands in the text", 1)
    for node in _all(tree):
        if not isinstance(node, _PLAIN):
            raise NotPlain("more than a name stands between the braces", node.lineno)
    return frozenset(node.name for node in _all(tree) if isinstance(node, nodes.Name))


@lru_cache(maxsize=4096)
def _used(text: str) -> frozenset[str]:
    """The variables of a text that was checked long ago, perhaps by another Cairn."""
    try:
        return variables(text)
    except NotPlain:
        return frozenset()


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    waiting = [node]
    while waiting:
        yield (one := waiting.pop())
        waiting.extend(one.iter_child_nodes())


@lru_cache(maxsize=4096)
def _template(text: str) -> Any:
    return _ENVIRONMENT.from_string(text)


@cache
def shipped_frames() -> Frames:
    """The frames that we ship."""
    return read_frames(source.read_text(_WORDING, file=_WORDING.name))


def read_frames(text: str) -> Frames:
    """The frames in the text of a ``wording.yaml``. Raises KeyError or TypeError when a part is missing."""
    data = source.read(text, file="wording.yaml").data
    return Frames(
        languages={
            name: Frame(_whole(one["frame"], name), one["stop"], one["joiner"], tuple(one["fallback"]), tuple(one.get("also", ())))
            for name, one in data["frames"].items()
        },
        variables={
            name: {language: tuple(str(s) for s in samples) for language, samples in by_language.items()}
            for name, by_language in data["variables"].items()
        },
        forbidden=tuple(str(term) for term in data["forbidden"]),
        answers=frozenset(str(one) for one in data["answers"]),
    )


def _whole(frame: str, language: str) -> str:
    missing = [name for name in ("{{ sender }}", "{{ body }}") if name not in frame]
    if missing:
        raise KeyError(f"the frame of {language} lacks {' and '.join(missing)}")
    return frame
