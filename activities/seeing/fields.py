"""What may be said in a log line or a span: the names, and what a value of each looks like.

Rule 1: a name that is not here is not said, whatever its value; a value that does not look right for its name is not said either.
Rule 2: where something fails, its type and the place in our code are said, never its text: the text may quote a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

#: Opaque ids.
IDS = frozenset({"patient", "request", "trace", "organisation", "care_team", "place", "workflow"})
#: Words of our own code: event kinds, states, names of parts.
CODES = frozenset(
    {
        "at", "cause", "channel", "fault", "job", "kind", "logger", "method", "outcome", "process", "queue", "reason",
        "revision", "role", "route", "setting", "signal", "source", "state", "status", "version", "what",
    }
)  # fmt: skip
#: Counts and durations.
NUMBERS = frozenset({"attempts", "code", "count", "dropped", "late_seconds", "limit", "port", "seconds", "size", "status", "step"})
NAMES = IDS | CODES | NUMBERS

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_CODE = re.compile(r"[A-Za-z/_(][A-Za-z0-9_./:(){}<>-]{0,119}")
_NUMBER_OF_SOMEBODY = re.compile(r"(?<![0-9a-fA-F-])\d{7,}(?![0-9a-fA-F-])")
EVENT = re.compile(r"[a-z][a-z0-9_]{0,59}")
OURS = ("activities", "api", "pathways", "records", "workers", "workflows")


def sayable(name: str, value: object) -> bool:
    """Whether ``name`` may be said with ``value``."""
    if name not in NAMES:
        return False
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return name in NUMBERS
    if not isinstance(value, str):
        return False
    if name in IDS:
        return _ID.fullmatch(value) is not None and not value.isdigit()
    return name in CODES and _CODE.fullmatch(value) is not None and _NUMBER_OF_SOMEBODY.search(value) is None


def only_sayable(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that may be said; how many may not is said as ``dropped``."""
    said = {name: value for name, value in fields.items() if sayable(name, value)}
    if len(said) < len(fields):
        said["dropped"] = len(fields) - len(said)
    return said


def fault_of(error: BaseException) -> dict[str, str]:
    """What an exception may say of itself: its type, its first cause's type, and the last place of our own code."""
    said = {"fault": type(error).__name__}
    first = error
    seen = {id(error)}
    while (earlier := first.__cause__ or first.__context__) is not None and id(earlier) not in seen:
        seen.add(id(earlier))
        first = earlier
    if first is not error:
        said["cause"] = type(first).__name__
    place = _last_of_ours(error.__traceback__)
    if place:
        said["at"] = place
    return said


def _last_of_ours(trace: TracebackType | None) -> str:
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        name = str(trace.tb_frame.f_globals.get("__name__", ""))
        if name.split(".")[0] in OURS:
            place = f"{name}:{trace.tb_lineno}:{code.co_name}"
        trace = trace.tb_next
    return place
