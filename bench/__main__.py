"""All benchmarks, each a process: ``python -m bench [--quick] [--record]``; or one of ``APART``: ``python -m bench city``.

``--quick`` is a short try with fewer patients; ``--record`` writes what was printed below the last
heading of ``bench/README.md``. Those apart take half an hour of their own and have a heading of their own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

README = Path(__file__).with_name("README.md")
APART = ("city", "contract", "forecast", "rollout", "booking", "mutants", "storm", "messages", "webhooks", "fhir", "console")
HEADING = "## Last results\n"
ALL: dict[str, tuple[str, ...]] = {
    "engine": (),
    "asleep": ("--patients", "100", "--blocks", "2"),
    "cycle": ("--patients", "20", "--blocks", "2"),
    "memory": ("--workflows", "100", "--rounds", "1"),
}


def with_results(page: str, results: str) -> str:
    """``page`` with everything below its last heading replaced. Raises ValueError where the heading is missing."""
    above, heading, _ = page.rpartition(HEADING)
    if not heading:
        raise ValueError(f"{README.name} has no line {HEADING.strip()!r}; put it back where the results belong")
    return f"{above}{heading}\n{results.strip()}\n"


def with_section(page: str, heading: str, results: str) -> str:
    """``page`` with what stands below ``heading``, up to the next heading, replaced. Raises ValueError where it is missing."""
    above, found, below = page.partition(heading)
    if not found:
        raise ValueError(f"{README.name} has no line {heading.strip()!r}; put it back where the results belong")
    _, following, rest = below.partition("\n## ")
    return f"{above}{heading}\n{results.strip()}\n{following}{rest}"


def main() -> int:
    if sys.argv[1:] and sys.argv[1] in APART:
        return subprocess.run([sys.executable, "-m", f"bench.{sys.argv[1]}", *sys.argv[2:]], check=False).returncode
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--record", action="store_true")
    chosen = options.parse_args()
    printed = []
    for name, quick in ALL.items():
        arguments = [sys.executable, "-m", f"bench.{name}", *(quick if chosen.quick else ())]
        child = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
        if child.returncode != 0:
            print(f"bench.{name} ended with {child.returncode}; nothing was recorded", file=sys.stderr)
            return child.returncode
        print(child.stdout, flush=True)
        printed.append(child.stdout)
    if chosen.record:
        README.write_text(with_results(README.read_text(encoding="utf-8"), "\n".join(printed)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
