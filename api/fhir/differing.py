"""The difference between a Task as it stands and a Task as it is sent.

Rule 1: only what may change is read; anything else that differs is refused and named, nothing of it is done in silence.
Rule 2: what is missing stays as it is: a client need not send back what is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from api.fhir.kinds import Refused, Resource
from api.fhir.transitions import BUSINESS_STATUS, INSTRUCTIONS, REPORT
from records.intake.fhir import code_in, moment, part, parts, said, text

MAY_CHANGE = ("status", "businessStatus", "statusReason", "executionPeriod", "restriction", "note", "output", "owner")
_PASSED_OVER = frozenset({"id", "meta", "text", "lastModified", "language", "implicitRules", "contained", *MAY_CHANGE})
LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Wish:
    """What differs. ``business``: "" where it stays; ``notes``, ``reports``, ``instructions``: what was added, in order."""

    status: str
    business: str = ""
    reason: str = ""
    reason_code: str = ""
    day: date | None = None
    notes: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    owner: str = ""

    def only(self, *used: str) -> None:
        """Raises Refused where something was said that this move does not take."""
        left = {
            "Task.statusReason": self.reason or self.reason_code,
            "Task.executionPeriod": self.day,
            "Task.note": self.notes,
            "Task.output": self.reports or self.instructions,
            "Task.owner": self.owner,
        }
        where = tuple(name for name, value in left.items() if value and name.removeprefix("Task.") not in used)
        if where:
            raise rule(f"This move does not take {', '.join(where)}: leave it out, or send it with the move that takes it.", *where)


def rule(why: str, *where: str) -> Refused:
    """A change that nothing allows."""
    return Refused(422, "business-rule", why, where)


def wish(before: Resource, after: Resource, zone: ZoneInfo | None, base: str = "") -> Wish:
    """What differs. ``zone``: makes moments local days. Raises Refused 422 for what may not change."""
    changed = [name for name in after if name not in _PASSED_OVER and not same(before.get(name), after[name], base)]
    if changed:
        where = tuple(f"Task.{name}" for name in sorted(changed))
        told = (
            f"{', '.join(where)} stays as it is: send it as it was read, or leave it out. What may change: {', '.join(MAY_CHANGE)}."
        )
        raise rule(told, *where)
    was, now = _business(before), _business(after)
    reason = part(after, "statusReason")
    new_reason = reason if not same(before.get("statusReason"), dict(reason), base) else {}
    reports, instructions = _outputs(before, after)
    owner = text(part(after, "owner").get("reference"))
    return Wish(
        status=text(after.get("status")) or text(before.get("status")),
        business=now if now != was else "",
        reason=within(said(new_reason), "Task.statusReason"),
        reason_code=code_in(new_reason),
        day=_day(before, after, zone),
        notes=tuple(_added(_texts(before), _texts(after))),
        reports=reports,
        instructions=instructions,
        owner=owner if owner != text(part(before, "owner").get("reference")) else "",
    )


def same(one: Any, other: Any, base: str = "") -> bool:
    """Whether both say the same, however they are written: moments by their instant, references with or without the door's own
    address, numbers by their value. What is shown beside (``display``, ``id`` of an element) does not matter.
    """
    match one, other:
        case dict(), dict():
            left, right = ({k: v for k, v in each.items() if k not in ("display", "id", "extension")} for each in (one, other))
            return left.keys() == right.keys() and all(same(left[name], right[name], base) for name in left)
        case list(), list():
            return len(one) == len(other) and all(same(*pair, base) for pair in zip(one, other, strict=True))
        case str(), str():
            return one == other or one.removeprefix(f"{base}/") == other.removeprefix(f"{base}/") or _instant(one, other)
        case None, (dict() | list()) if not other:
            return True
    return bool(one == other)


def _instant(one: str, other: str) -> bool:
    if "T" not in one or "T" not in other:
        return False
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def within(words: str, where: str) -> str:
    if len(words) > LONGEST:
        raise rule(f"{where} is longer than {LONGEST} characters: shorten it.", where)
    return words


def _business(task: Resource) -> str:
    """The businessStatus by our code system; of another system, or of none, where it has no code of ours."""
    concept = part(task, "businessStatus")
    codings = parts(concept, "coding")
    ours = [text(one.get("code")) for one in codings if text(one.get("system")) == BUSINESS_STATUS]
    return next(iter(ours), code_in(concept)) or text(concept.get("text"))


def _texts(task: Resource) -> list[str]:
    return [_plain(note.get("text")) for note in parts(task, "note")]


def _plain(value: object) -> str:
    """Words as they were written, lines and all."""
    return value.strip() if isinstance(value, str) else ""


def _added(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What is in ``after`` beyond ``before``, in order."""
    had, new = Counter(before), []
    for one in after:
        if had[one] > 0:
            had[one] -= 1
        elif one:
            new.append(one)
    return new


def _outputs(before: Resource, after: Resource) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Reports and instructions that were added."""
    new = _added(_written(before), _written(after))
    reports: list[str] = []
    instructions: list[str] = []
    for one in new:
        kind, _, words = one.partition("\x00")
        (instructions if kind == INSTRUCTIONS else reports).append(words)
    return tuple(reports), tuple(instructions)


def _written(task: Resource) -> list[str]:
    return [f"{_kind(output)}\x00{words}" for output in parts(task, "output") if (words := _words(output, task))]


def _kind(output: Mapping[str, Any]) -> str:
    return INSTRUCTIONS if code_in(output.get("type")) == INSTRUCTIONS else REPORT


def _words(output: Mapping[str, Any], task: Resource) -> str:
    """What an output says: by itself, or as a report that is contained."""
    for name in ("valueString", "valueMarkdown", "valueCode"):
        if words := _plain(output.get(name)):
            return words
    reference = text(part(output, "valueReference").get("reference"))
    for one in parts(task, "contained"):
        if reference == f"#{text(one.get('id'))}":
            return _plain(one.get("conclusion")) or text(part(one, "code").get("text"))
    if reference:
        where = "Task.output.valueReference"
        raise rule("The report is not here: send it as valueString, or contain a DiagnosticReport with a conclusion.", where)
    return said(part(output, "valueCodeableConcept")) or _plain(part(output, "valueAnnotation").get("text"))


def _day(before: Resource, after: Resource, zone: ZoneInfo | None) -> date | None:
    for period in ("executionPeriod", "restriction"):
        was, now = (
            part(one, period) if period == "executionPeriod" else part(part(one, period), "period") for one in (before, after)
        )
        written = text(now.get("start")) or text(now.get("end"))
        if not written or same(was.get("start") or was.get("end"), written):
            continue
        at = moment(written, zone)
        if at is None:
            raise rule("The day cannot be read: write one such as 2025-03-06.", f"Task.{period}")
        return at.date()
    return None
