"""The words of a message to a patient: bodies from the pathways, a frame for each language around them.

Rule 1: a body is text with ``{{ variable }}`` in it and nothing else of the template language;
        what fills a variable is never read as a template.
Rule 2: frames, samples and forbidden words are data (``pathways/library/wording.yaml``), not code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment

from pathways.language import source
from pathways.language.source import Document

_WORDING = Path(__file__).parent.parent / "library" / "wording.yaml"
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
    """What stands around the bodies in one language, between two of them, and which languages come next."""

    frame: str
    joiner: str
    fallback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Frames:
    """All of ``wording.yaml``. ``variables``: name to language to a usual and a long sample."""

    languages: Mapping[str, Frame]
    variables: Mapping[str, Mapping[str, Sequence[str]]]
    senders: Mapping[str, str]
    forbidden: tuple[str, ...]

    def long_sample(self, variable: str, language: str) -> str:
        """The longest usual filling of ``variable``."""
        samples = self.variables[variable]
        return max(samples.get(language) or samples["en"], key=len)

    def order(self, language: str) -> Iterator[str]:
        """Languages to try for a reader of ``language``, the best first; all of them in the end."""
        frame = self.languages.get(language)
        base = language.split("-")[0]
        related = [other for other in self.languages if other.split("-")[0] == base]
        listed = [language, *(frame.fallback if frame else ()), *related, "en", *self.languages]
        yield from dict.fromkeys(listed)


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
    ) -> str:
        """One message out of ``parts`` (pathway, message, variables), in the nearest language that has them all.

        Raises NoWording when a text is missing in every language or a variable is not filled.
        """
        spoken = next((one for one in self._languages(language) if all(self._text(*p[:2], one) for p in parts)), None)
        if spoken is None or not parts:
            missing = ", ".join(f"{pathway}/{message}" for pathway, message, _ in parts)
            raise NoWording(f"no language has every text of: {missing or 'nothing'}")
        bodies = [fill(self._text(p, m, spoken), {"first_name": first_name, **given}).strip() for p, m, given in parts]
        return self.frame(bodies, spoken, sender, first_name)

    def frame(self, bodies: Sequence[str], language: str, sender: str, first_name: str) -> str:
        """Sender and greeting in front, how to stop behind; several bodies become one text."""
        frame = next(self.frames.languages[one] for one in self.frames.order(language) if one in self.frames.languages)
        once = list(dict.fromkeys(bodies))
        later = [body[:1].upper() + body[1:] if frame.joiner else body for body in once[1:]]
        body = frame.joiner.join([*once[:1], *later])
        return fill(frame.frame, {"sender": sender, "first_name": first_name, "body": body})

    def _text(self, pathway: str, message: str, language: str) -> str:
        return self.messages.get(pathway, {}).get(message, {}).get(language, "")

    def _languages(self, language: str) -> list[str]:
        written = [one for texts in self.messages.values() for languages in texts.values() for one in languages]
        return list(dict.fromkeys([*self.frames.order(language), *written]))


def fill(text: str, given: Mapping[str, str]) -> str:
    """``text`` with its variables filled. Raises NoWording when one is missing."""
    try:
        filled: str = _template(text).render(given)
        return filled
    except TemplateError as refused:
        raise NoWording(refused.message or "a text cannot be filled") from None


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
        languages={name: Frame(one["frame"], one["joiner"], tuple(one["fallback"])) for name, one in data["frames"].items()},
        variables={
            name: {language: tuple(str(s) for s in samples) for language, samples in by_language.items()}
            for name, by_language in data["variables"].items()
        },
        senders=data["senders"],
        forbidden=tuple(str(term) for term in data["forbidden"]),
    )
