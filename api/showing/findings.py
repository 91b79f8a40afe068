"""What the checker found, in the reader's language: its English sentences are the keys of a list, each with gaps for its parts.

Rule: what the list does not have stays English, whole; half a sentence in each language helps nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from pathways.language import source, wording

LONGEST = 400  # characters of a sentence that is looked for; one with a long text of the author's in it stays as it is
MEANT = frozenset({"title", "remedy"})  # gaps that hold words of the checker's own: where those are not known, neither is the whole
_GAP = re.compile(r"\{(\w+)\}")
Sentences = tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]


@cache
def _listed() -> tuple[Mapping[str, Mapping[str, str]], Sentences]:
    """Sentences without a gap, and those with gaps, the ones that say most in words of their own first."""
    loaded: Mapping[str, Mapping[str, str]] = source.shipped(Path(__file__).with_name("findings.yaml"))
    with_gaps = sorted((one for one in loaded if _GAP.search(one)), key=lambda one: -len(_GAP.sub("", one)))
    return loaded, tuple((_pattern(one), loaded[one]) for one in with_gaps)


def _pattern(sentence: str) -> re.Pattern[str]:
    """What matches the sentence, with whatever stands in its gaps."""
    pieces = _GAP.split(sentence)
    return re.compile("".join(f"(?P<{one}>.+?)" if odd % 2 else re.escape(one) for odd, one in enumerate(pieces)), re.DOTALL)


@lru_cache(maxsize=4096)
def in_words(said: str, language: str) -> str:
    """A finding, or its remedy, in ``language``; as the checker says it where the list does not have it."""
    spoken = wording.shipped_frames().nearest(language)
    if spoken == "en" or len(said) > LONGEST:
        return said
    whole, with_gaps = _listed()
    if (known := whole.get(said)) is not None:
        return known.get(spoken, said)
    for pattern, meant in with_gaps:
        found = pattern.fullmatch(said)
        parts = {name: in_words(part, language) for name, part in found.groupdict().items()} if found is not None else None
        if found is not None and parts is not None and all(parts[name] != found[name] for name in MEANT & parts.keys()):
            return _filled(meant.get(spoken, said), parts)
    return said


def _filled(sentence: str, parts: Mapping[str, str]) -> str:
    return _GAP.sub(lambda gap: parts.get(gap[1], gap[0]), sentence)
