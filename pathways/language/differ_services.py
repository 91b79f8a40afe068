"""How a change of reminders and of what follows a missed day is told: by what they do, not by where they stand in a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from pathways.engine.plan import Escalation, Reminder
from pathways.language.differ_words import Words

Said = tuple[Literal["added", "removed", "changed"], str]
Changes = Callable[[str, Any, Any], Iterator[Said]]


def reminders(words: Words, old: Sequence[Reminder], new: Sequence[Reminder]) -> Iterator[Said]:
    """Reminders that come, go, are sent on another day, or say something else."""
    gone, came = list(old), []
    for one in new:
        if one in gone:
            gone.remove(one)
        else:
            came.append(one)
    for one in list(came):
        moved = next((other for other in gone if other.send == one.send), None)
        if moved is not None:
            gone.remove(moved)
            came.remove(one)
            sides = {"old": words.offset(moved.offset), "new": words.offset(one.offset)}
            yield "changed", words("Reminder.moved", send=one.send, **sides)
    for one in list(came):
        other = next((other for other in gone if other.offset == one.offset), None)
        if other is not None:
            gone.remove(other)
            came.remove(one)
            yield "changed", words("Reminder.send", when=words.offset(one.offset), old=other.send, new=one.send)
    yield from (("added", words("Reminder.new", when=words.offset(one.offset), send=one.send)) for one in came)
    yield from (("removed", words("Reminder.gone", when=words.offset(one.offset), send=one.send)) for one in gone)


def escalations(words: Words, changes: Changes, old: Sequence[Escalation], new: Sequence[Escalation]) -> Iterator[Said]:
    """Steps after a missed day, by what they do."""
    waiting = list(old)
    for one in new:
        before = next((other for other in waiting if other == one), None)
        before = before or next((other for other in waiting if _does(other) == _does(one) and other not in new), None)
        if before is None:
            yield "added", words("Escalation.new", act=act(words, one), after=words.field("Escalation.after", one.after))
            continue
        waiting.remove(before)
        for kind, sentence in changes("Escalation", before, one):
            yield kind, words.about(act(words, one), sentence)
    for one in waiting:
        yield "removed", words("Escalation.gone", act=act(words, one), after=words.field("Escalation.after", one.after))


def act(words: Words, one: Escalation) -> str:
    """What is done, in a few words."""
    told = [words.field("TaskSpec.kind", one.open_task.kind)] if one.open_task else []
    told += [words.field("Escalation.send", one.send)] if one.send else []
    told += [words.coded("Escalation.mark", one.mark)] if one.mark else []
    return words.listed(told) or words("nothing")


def _does(one: Escalation) -> tuple[str | None, str | None, str | None]:
    return one.open_task.kind if one.open_task else None, one.send, one.mark
