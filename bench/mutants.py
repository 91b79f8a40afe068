"""The loader against mutated documents: located errors only, never a traceback, never a hang.

Each mutant is a shipped document in which something was changed by chance (seeded): bytes, lines, keys, values, types, nesting,
anchors, unicode, a cut. Processes are held to a limit for each document, so that a hang is found and told, not waited for.

    python -m bench.mutants --documents 100000
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

LIMIT = 20  # seconds of CPU for one document; the slowest shipped one takes about one
Mutate = Callable[[random.Random, str], str]

WORDS = (
    *(
        "null",
        "true",
        "-1",
        "1e400",
        "NaN",
        "99999999999999999999",
        "''",
        "[]",
        "{}",
        "[[[[[[]]]]]]",
        "~",
        "!!python/object:os.system x",
    ),
    *("&a [*a]", "*a", "<<: *a", "0 days", "-3 days", "9999999 days before", "2025-02-30", "{{ 7*7 }}", "{% for x in y %}"),
    *("a && && b", "x" * 5000, "\u202e\u0000", "\ud7ff", "高血压", "sbp >= ", "((((((((((", "previous.previous"),
    *("!", "|", ">", "@", "`", "%YAML 9.9", "---"),
)


@dataclass
class Found:
    """What came of a share of the mutants."""

    documents: int = 0
    sound: int = 0
    refused: int = 0
    problems: int = 0
    slowest: float = 0.0
    slowest_seed: int = 0
    tracebacks: list[str] = field(default_factory=list)
    hangs: list[int] = field(default_factory=list)
    unlocated: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


class TooLong(Exception):
    """A document took longer than its limit."""


def mutant(seed: int, texts: list[str]) -> str:
    """One mutated document; the same seed gives the same."""
    dice = random.Random(seed)
    text = dice.choice(texts)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        text = dice.choice(MUTATIONS)(dice, text)
    return text


def _line(dice: random.Random, text: str) -> tuple[list[str], int]:
    lines = text.splitlines(keepends=True) or [""]
    return lines, dice.randrange(len(lines))


def drop_line(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    del lines[n : n + dice.choice((1, 1, 2, 10))]
    return "".join(lines)


def double_line(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    return "".join([*lines[: n + 1], lines[n], *lines[n + 1 :]])


def swap_lines(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    m = dice.randrange(len(lines))
    lines[n], lines[m] = lines[m], lines[n]
    return "".join(lines)


def indent(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    lines[n] = dice.choice((" ", "  ", "\t", "      ")) + lines[n] if dice.random() < 0.6 else lines[n].lstrip()
    return "".join(lines)


def value(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    lines[n] = re.sub(r":\s.*", lambda _: ": " + dice.choice(WORDS), lines[n], count=1)
    return "".join(lines)


def word(dice: random.Random, text: str) -> str:
    spots = [m.span() for m in re.finditer(r"[A-Za-z_]\w*|\d+", text)]
    if not spots:
        return text
    start, end = dice.choice(spots)
    other = dice.choice(spots)
    return text[:start] + (dice.choice(WORDS) if dice.random() < 0.5 else text[slice(*other)]) + text[end:]


def letter(dice: random.Random, text: str) -> str:
    n = dice.randrange(len(text) + 1)
    return (
        text[:n]
        + chr(dice.choice((0, 9, 10, 13, 34, 39, 58, 91, 123, 125, 0x85, 0x2028, 0xFEFF, 0x1F600)))
        + text[n + dice.randrange(2) :]
    )


def cut(dice: random.Random, text: str) -> str:
    return text[: dice.randrange(len(text) + 1)]


def deep(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    depth = dice.choice((20, 200, 3000))
    return "".join([*lines[:n], "x: " + "[" * depth + "]" * (depth - dice.randrange(2)) + "\n", *lines[n:]])


def many(dice: random.Random, text: str) -> str:
    lines, n = _line(dice, text)
    return "".join([*lines[:n], *(lines[n] for _ in range(dice.choice((50, 400)))), *lines[n:]])


MUTATIONS: tuple[Mutate, ...] = (drop_line, double_line, swap_lines, indent, value, value, word, word, letter, cut, deep, many)


def shipped_texts() -> list[str]:
    """The documents that are mutated: the shipped ones, and the short one to begin with nine times as often."""
    from pathways.language.starting import new_document
    from pathways.shipped import LIBRARY, document_names

    long = [(LIBRARY / f"{name}.yaml").read_text("utf-8") for name in document_names()]
    return long + [new_document("chronic_pain")] * (9 * len(long))


def tried(seeds: range, texts: list[str]) -> Found:
    """Load each mutant, and see what comes of it."""
    from pathways.language.diagnostics import problems_of

    found = Found()
    signal.signal(signal.SIGPROF, _too_long)
    for seed in seeds:
        text = mutant(seed, texts)
        begun = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
        try:
            checked, problems = problems_of(text, file="mutant.yaml")
        except TooLong:
            found.hangs.append(seed)
            continue
        except Exception:
            found.tracebacks.append(f"seed {seed}: {traceback.format_exc(limit=-3)}")
            continue
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            took = time.process_time() - begun
            found.documents += 1
            if took > found.slowest:
                found.slowest, found.slowest_seed = took, seed
        lines = text.count("\n") + text.count("\r") + text.count("\u0085") + text.count("\u2028") + text.count("\u2029") + 1
        for problem in problems:
            found.kinds[problem.name] += 1
            if not (1 <= problem.at.line <= lines + 1 and problem.at.column >= 1 and problem.what and problem.remedy):
                found.unlocated.append(f"seed {seed}: {problem}")
        found.problems += len(problems)
        found.sound += checked.clean
        found.refused += not checked.clean
    return found


def _too_long(signum: int, frame: FrameType | None) -> None:
    raise TooLong


def shares(count: int, first: int, size: int = 500) -> Iterator[range]:
    """``count`` seeds from ``first``, in shares."""
    for begin in range(first, first + count, size):
        yield range(begin, min(begin + size, first + count))


def _share(seeds: range) -> Found:
    return tried(seeds, shipped_texts())


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--documents", type=int, default=100_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=2)
    chosen = options.parse_args()
    begun, total = time.perf_counter(), Found()
    with multiprocessing.get_context("spawn").Pool(chosen.processes, maxtasksperchild=20) as pool:
        for found in pool.imap_unordered(_share, shares(chosen.documents, chosen.seed)):
            for name in ("documents", "sound", "refused", "problems", "tracebacks", "hangs", "unlocated", "kinds"):
                setattr(total, name, getattr(total, name) + getattr(found, name))
            if found.slowest > total.slowest:
                total.slowest, total.slowest_seed = found.slowest, found.slowest_seed
            for line in (*found.tracebacks[:2], *found.unlocated[:2], *(f"hang: seed {seed}" for seed in found.hangs)):
                print(line, flush=True)
            if total.documents % 10_000 < 500:
                print(f"{total.documents:,} documents, {time.perf_counter() - begun:,.0f} s", flush=True)
    print(
        f"mutants: {total.documents:,} documents in {time.perf_counter() - begun:,.0f} s; {total.refused:,} refused with", end=" "
    )
    print(f"{total.problems:,} located problems, {total.sound:,} still sound; {len(total.tracebacks)} tracebacks,", end=" ")
    print(f"{len(total.hangs)} hangs, {len(total.unlocated)} without a place;", end=" ")
    print(f"slowest {total.slowest:.1f} s (seed {total.slowest_seed})")
    print(", ".join(f"{kind}: {count:,}" for kind, count in total.kinds.most_common(12)))
    return 1 if total.tracebacks or total.hangs or total.unlocated else 0


if __name__ == "__main__":
    raise SystemExit(main())
