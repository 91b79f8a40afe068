"""What a change of a condition is: another threshold, a case more, a case less; else the whole of both.

Rule: a shorter telling is given only where it says exactly what changed; what stands in quotes is never taken for an operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pathways.language.differ_words import Words

_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[0-9]+(?:\.[0-9]+)?|[A-Za-z_][\w.]*|[<>=!&|]+|\S")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def condition_changes(words: Words, key: str, old: str, new: str) -> Iterator[str]:
    """Sentences for two conditions, or none where they only stand on other lines. ``key``: the field that holds them."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if before == after:
        return
    shown = words.field(key, words("code", it=_line(new)))
    limits = list(_limits(before, after))
    if limits:
        for was, now in limits:
            yield words("within", said=words.becomes(was, now), it=shown)
        return
    for phrase, shorter, longer, operator in (
        ("also_when", before, after, "||"),
        ("no_longer_when", after, before, "||"),
        ("only_when", before, after, "&&"),
        ("not_only_when", after, before, "&&"),
    ):
        rest = _rest(shorter, longer, operator)
        if rest is not None:
            yield words("within", said=words(phrase, it=words("code", it=rest)), it=shown)
            return
    yield words.becomes(words.field(key, words("code", it=_line(old))), shown)


def _line(condition: str) -> str:
    """The condition on one line."""
    return " ".join(condition.split())


def _limits(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    """Comparisons whose number alone changed, as they were and as they are."""
    if len(before) != len(after):
        return
    other = [n for n, (was, now) in enumerate(zip(before, after, strict=True)) if was != now]
    numbers = all(_NUMBER.fullmatch(before[n]) and _NUMBER.fullmatch(after[n]) for n in other)
    compared = all(n > 1 and re.fullmatch("[<>=!]=?", before[n - 1]) and re.match(r"[A-Za-z_]", before[n - 2]) for n in other)
    if numbers and compared:
        for n in other:
            start = f"{before[n - 2]} {before[n - 1]}"
            yield f"{start} {before[n]}", f"{start} {after[n]}"


def _rest(shorter: list[str], longer: list[str], operator: str) -> str | None:
    """What ``longer`` adds to ``shorter`` by ``operator``, where it adds exactly that."""
    count = len(shorter)
    if longer[:count] != shorter or len(longer) < count + 2 or longer[count] != operator or "?" in longer:
        return None
    rest = longer[count + 1 :]
    if operator == "&&" and ("||" in shorter or "||" in rest):
        return None  # `a || b && c` is not `(a || b) && c`
    return " ".join(rest).replace(" ( ", "(").replace("( ", "(").replace(" )", ")")
