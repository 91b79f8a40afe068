"""The words in which a change of a pathway is told.

Rule 1: phrases are data (``differ.yaml``), not code; a field without a phrase of its own is told by its name, never left out.
Rule 2: both sides of a change are told by the same phrase, so that a reader compares like with like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pathways.engine.conditions import Expression
from pathways.engine.plan import ByTag, Role, Text
from pathways.language import source
from pathways.language.wording import in_language

_PHRASES = Path(__file__).parent / "differ.yaml"
_ROLES = frozenset(get_args(Role))


@cache
def phrases() -> Mapping[str, Mapping[str, str]]:
    """Phrase to language to its text. A further language has a file of its own, ``differ.LANGUAGE.yaml``: phrase to text."""
    found = {phrase: dict(texts) for phrase, texts in source.shipped(_PHRASES).items()}
    for path in sorted(_PHRASES.parent.glob("differ.*.yaml")):
        for phrase, text in source.shipped(path).items():
            found[phrase][path.name.split(".")[1]] = text
    return found


@dataclass(frozen=True, slots=True)
class Words:
    """Phrases in one language; English where it has none."""

    language: str

    def __call__(self, phrase: str, **parts: str) -> str:
        """A phrase, filled. What fills it is never read as a phrase."""
        texts = phrases()[phrase]
        return str(in_language(texts, self.language)).format_map(parts)

    def knows(self, phrase: str) -> bool:
        return phrase in phrases()

    def field(self, key: str, value: Any) -> str:
        """A field's value by the field's own phrase. ``key``: ``Service.every``."""
        name = key.rpartition(".")[2]
        if isinstance(value, bool):
            answer = "yes" if value else "no"
            return self(f"{key}.{answer}") if self.knows(f"{key}.{answer}") else self("other", field=name, it=self(answer))
        if value in (None, "", ()):
            return self(f"{key}.none") if self.knows(f"{key}.none") else self.field(key, self("nothing"))
        it = self.plain(value)
        return self(key, it=it) if self.knows(key) else self("other", field=name, it=it)

    def head(self, key: str) -> str:
        """What a field is called, for what it holds several of."""
        return self(key, it="").strip() if self.knows(key) else key.rpartition(".")[2]

    def becomes(self, old: str, new: str) -> str:
        return self("becomes", old=old, new=new)

    def about(self, what: str, said: str) -> str:
        return self("about", what=what, said=said)

    def listed(self, parts: Iterable[str]) -> str:
        return self("listed").join(parts)

    def title(self, texts: Text, name: str) -> str:
        """A title with the name that the document gives it."""
        title = in_language(texts, self.language)
        return self("named", title=title, name=name) if title else name

    def days(self, days: int) -> str:
        return self("day") if days == 1 else self("days", n=str(days))

    def months(self, months: int) -> str:
        return self("month") if months == 1 else self("months", n=str(months))

    def span(self, span: timedelta) -> str:
        """Days where it is whole days, else hours."""
        if span.seconds == 0 and span.microseconds == 0:
            return self.days(span.days)
        hours = span.total_seconds() / 3600
        return self("hour") if hours == 1 else self("hours", n=f"{hours:g}")

    def offset(self, days: int) -> str:
        """Before, on or after the day."""
        if days == 0:
            return self("same_day")
        return self("before" if days < 0 else "after", it=self.days(abs(days)))

    def plain(self, value: Any) -> str:
        """Any value: whole numbers are days, as everywhere in a compiled pathway."""
        match value:
            case bool():
                return self("yes" if value else "no")
            case int():
                return self.days(value)
            case float():
                return f"{value:g}"
            case timedelta():
                return self.span(value)
            case str():
                return self.word(value)
            case Expression():
                return self("code", it=value.source)
            case ByTag():
                return self.by_tag(value)
            case Mapping():
                return self.listed(f"{key} {self.plain(one)}" for key, one in value.items())
            case (float() as low, float() as high):
                return f"{low:g}\u2013{high:g}"
            case tuple() | frozenset():
                return self.listed(map(self.plain, value if isinstance(value, tuple) else sorted(value)))
            case _ if is_dataclass(value):
                told = ((one.name, getattr(value, one.name)) for one in fields(value))
                return self.listed(f"{name} {self.plain(one)}" for name, one in told if one not in (None, "", ()))
            case _:
                return self("nothing") if value is None else str(value)

    def word(self, word: str) -> str:
        """A role in words; anything else as the document says it."""
        return self(f"role.{word}") if word in _ROLES else word

    def coded(self, group: str, code: str) -> str:
        """A code in words, where ``group`` has some for it."""
        return self(f"{group}.{code}") if self.knows(f"{group}.{code}") else code

    def by_tag(self, value: ByTag) -> str:
        """Each tag's days, or the one for all."""
        if value.always is not None:
            return self.days(value.always)
        return self.listed(f"{self.coded('tag', tag)} {self.days(days)}" for tag, days in value.days.items())
