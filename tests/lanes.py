"""Which tests come first: the long ones, a fair share of them for each worker of xdist.

``--dist worksteal`` gives each worker one stretch of the list, and whoever has finished takes from the end of another's. What is
long is therefore put at the heads of the stretches: begun last, it would be waited for; all in one, it would be one worker's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

#: Seconds by the beginning of a file's path, the most telling first. Only how they compare matters.
LONG = {
    "tests/spine/test_kill.py": 60,
    "tests/spine/test_rollout_under_fire.py": 25,
    "tests/spine/test_faults.py": 25,
    "tests/spine/test_storm.py": 32,
    "tests/spine/": 20,
    "tests/api/test_contract.py": 60,
    "tests/records/test_query_plans.py": 60,
    "tests/workers/test_stop.py": 35,
    "tests/api/test_attacks_odd_values.py": 35,
    "tests/api/test_matrix.py": 16,
    "tests/api/test_many_clients.py": 16,
    "tests/api/test_texts_over_http.py": 11,
    "tests/api/fhir/test_fhir_matrix.py": 8,
    "tests/workers/test_twilio_beside.py": 10,
    "tests/workers/test_access_commands.py": 10,
    "tests/clients/": 10,
    "tests/console/test_days_": 50,
    "tests/console/test_console_pathways.py": 40,
    "tests/console/test_console_patients.py": 25,
    "tests/console/": 15,
}


def seconds(path: str) -> int:
    """How long a file takes, as far as it matters."""
    return next((LONG[begins] for begins in LONG if path.startswith(begins)), 0)


def in_lanes(tests: Sequence[T], lanes: int, file_of: Callable[[T], str]) -> list[T]:
    """``tests``, with those of each long file together, and the long files at the heads of as many stretches as there are lanes."""
    files: dict[str, list[T]] = {}
    for test in tests:
        files.setdefault(file_of(test), []).append(test)
    heads: list[list[T]] = [[] for _ in range(lanes)]
    taken = [0] * lanes
    for path in sorted(filter(seconds, files), key=seconds, reverse=True):
        lane = taken.index(min(taken))
        heads[lane] += files[path]
        taken[lane] += seconds(path)
    others = [test for path, found in files.items() if not seconds(path) for test in found]
    ordered: list[T] = []
    for lane, head in enumerate(heads):
        left = lanes - lane
        size = (len(tests) - len(ordered)) // left  # as xdist cuts the list
        more = max(0, size - len(head)) if left > 1 else len(others)
        ordered += head + others[:more]
        others = others[more:]
    return ordered
