"""What was found wrong with a text, in the reader's language: the English sentences are the keys of a list, with gaps for parts.

``findings``: what the checker says of a definition; ``rows``: what the reader of a roster says of a file and of its rows.

Rule: what the list does not have stays English, whole; half a sentence in each language helps nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from api.showing.words import FALLBACK, as_day, day_said
from pathways.language import source, wording

CHECKED, ROWS = "findings", "rows"
LONGEST = 400  # characters of a sentence that is looked for; one with a long text of the author's in it stays as it is
#: Gaps that hold words of our own: where those are not known, neither is the whole.
MEANT = frozenset({"title", "other_title", "remedy", "failure", "measure"})
DAYS = frozenset({"day", "other_day", "expected", "found"})  # gaps in which a day is said as people write it
_GAP = re.compile(r"\{(\w+)\}")
Sentences = tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]


@cache
def _listed(of: str) -> tuple[Mapping[str, Mapping[str, str]], Sentences]:
    """Sentences without a gap, and those with gaps, the ones that say most in words of their own first."""
    loaded: Mapping[str, Mapping[str, str]] = source.shipped(Path(__file__).with_name(f"{of}.yaml"))
    with_gaps = sorted((one for one in loaded if _GAP.search(one)), key=lambda one: -len(_GAP.sub("", one)))
    return loaded, tuple((_pattern(one), {FALLBACK: one, **loaded[one]}) for one in with_gaps)


def _pattern(sentence: str) -> re.Pattern[str]:
    """What matches the sentence, with whatever stands in its gaps."""
    pieces = _GAP.split(sentence)
    return re.compile("".join(f"(?P<{one}>.+?)" if odd % 2 else re.escape(one) for odd, one in enumerate(pieces)), re.DOTALL)


@lru_cache(maxsize=4096)
def in_words(said: str, language: str, of: str = CHECKED) -> str:
    """A finding, or its remedy, in ``language``; as it was said where the list ``of`` its sayer does not have it."""
    spoken = wording.shipped_frames().nearest(language)
    if len(said) > LONGEST:
        return said
    whole, with_gaps = _listed(of)
    if (known := whole.get(said)) is not None:
        return known.get(spoken, said)
    for pattern, meant in with_gaps:
        if (found := pattern.fullmatch(said)) is None:
            continue
        parts = {name: _part(name, part, language, of) for name, part in found.groupdict().items()}
        if spoken == FALLBACK or all(parts[name] != found[name] for name in MEANT & parts.keys()):
            return _filled(meant.get(spoken, said), parts)
    return said


def every_way(said: str, of: str) -> frozenset[str]:
    """A sentence without gaps in each of the languages."""
    return frozenset({said, *_listed(of)[0][said].values()})


def _part(name: str, written: str, language: str, of: str) -> str:
    day = as_day(written) if name in DAYS else None
    return in_words(written, language, of) if day is None else day_said(day, language)


def _filled(sentence: str, parts: Mapping[str, str]) -> str:
    return _GAP.sub(lambda gap: parts.get(gap[1], gap[0]), sentence)
